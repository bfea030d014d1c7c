"""From an HTTP request to an answer: the door, the faults, the handler, the form of errors."""

from __future__ import annotations

import json
import threading
import time

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Literal, cast

import attrs

from privdom._facts.endpoints import ENDPOINTS, GETTOKEN
from privdom.sandbox import multipart
from privdom.sandbox.chance import digest
from privdom.sandbox.door import Gate, Quotas
from privdom.sandbox.errors import WeComError, error_message
from privdom.sandbox.faults import Fault, Faults
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers import ROUTES
from privdom.sandbox.handlers.route import FileAnswer
from privdom.sandbox.record import CallEntry
from privdom.sandbox.world import Call, World


__all__ = ["LateCall", "Reply", "Request", "Router"]

_PAGE: Final = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)
_WARNING: Final = "Warning: wrong json format. "
_ENDPOINTS: Final = {endpoint.path: endpoint for endpoint in ENDPOINTS}


@attrs.frozen
class Request:
    """What came over the wire."""

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    ip: str = "127.0.0.1"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """By name in lower case."""


@attrs.frozen
class Reply:
    """
    What goes back, after ``delay`` real seconds; ``dropped`` means that the line breaks instead.

    ``missing`` bytes more than the body has are promised, and then the line breaks.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json; charset=UTF-8"
    delay: float = 0.0
    dropped: Literal["", "refused", "lost"] = ""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    missing: int = 0


@attrs.frozen
class _Outcome:
    answer: dict[str, object]
    errcode: int = 0
    file: FileAnswer | None = None


class Router:
    """Answers requests, one state change at a time."""

    def __init__(
        self,
        world: World,
        *,
        faults: Faults,
        lock: threading.RLock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world, self._faults, self._lock = world, faults, lock
        self._quotas = Quotas(monotonic)
        self._gate = Gate()

    @contextmanager
    def arriving(self, request: Request) -> Generator[Reply, None, None]:
        """Carry *request* out and give the reply; the call stays in flight until the block ends."""
        endpoint = _ENDPOINTS.get(request.path)
        if endpoint is None:
            yield Reply(b"404 page not found", 404, "text/plain")
            return
        call, well_formed = _call(request)
        rules = self._world.rules
        with self._gate.passing(request.path, call.body.raw(), rules) as crowded:
            with self._lock:
                reply = self._reply(request, call, crowded, well_formed=well_formed)
            yield reply

    def _reply(self, request: Request, call: Call, crowded: WeComError | None, *, well_formed: bool) -> Reply:
        world, path = self._world, request.path
        query = {name: value for name, value in request.query.items() if name != "access_token"}
        # Of a file, what stays the same when it is sent again: boundaries do not.
        sent = f"{call.file.filename} {call.file.md5}" if call.file else request.body.decode("utf-8", "replace")
        text = "&".join(f"{name}={value}" for name, value in sorted(query.items())) + sent
        fault = self._faults.for_call(path, text)
        token = request.query.get("access_token")
        outcome = None
        if fault is None or fault.changes:
            outcome = self._outcome(request, call, crowded)
        elif fault.kind == "late_acceptance" and self._turned_away(request, crowded) is None:
            when = world.now + timedelta(seconds=fault.delay)
            key = f"3:late:{digest(world.seed, path, text)}"
            world.agenda.book(when, key, LateCall(request))
        elif fault.kind == "expired_token":
            world.tokens.revoke(token)
        kind = fault.kind if fault else ""
        errcode = outcome.errcode if outcome else {"busy": -1, "quota": 45009, "expired_token": 42001}.get(kind, 0)
        accepted = outcome is not None and outcome.errcode == 0
        world.record.calls.append(CallEntry(path, world.now, accepted, errcode, kind))
        return self._form(request, outcome, fault, well_formed=well_formed)

    def _outcome(self, request: Request, call: Call, crowded: WeComError | None) -> _Outcome:
        error = self._turned_away(request, crowded)
        return _handled(self._world, request, call) if error is None else _refusal(self._world, request, error)

    def _turned_away(self, request: Request, crowded: WeComError | None) -> WeComError | None:
        rules = self._world.rules
        try:
            if request.path != GETTOKEN.path:
                self._world.tokens.check(request.query.get("access_token"))
                if rules.trusted_ips and request.ip not in rules.trusted_ips:
                    raise WeComError(60020)
            self._quotas.count(request.path, rules)
            if crowded is not None:
                raise crowded
        except WeComError as e:
            return e
        return None

    def _form(self, request: Request, outcome: _Outcome | None, fault: Fault | None, *, well_formed: bool) -> Reply:
        kind = fault.kind if fault else ""
        if kind == "connect_refused":
            return Reply(dropped="refused")
        if kind in ("lost_request", "lost_response", "late_acceptance"):
            return Reply(dropped="lost")
        if kind == "html":
            return Reply(_PAGE, 502, "text/html")
        instead = {"busy": -1, "quota": 45009, "expired_token": 42001}.get(kind)
        if instead is not None:
            outcome = _refusal(self._world, request, WeComError(instead))
        if outcome is None:
            outcome = _refusal(self._world, request, WeComError(-1))
        delay = self._world.rules.latency + (fault.delay if fault and kind == "slow" else 0.0)
        if outcome.file is not None:
            file = outcome.file
            body = file.content[: len(file.content) // 2] if kind == "truncated" else file.content
            missing = len(file.content) - len(body)
            return Reply(body, file.status, file.content_type, delay, headers=file.headers, missing=missing)
        answer = {"errcode": outcome.errcode, "errmsg": "ok", **outcome.answer}
        if not well_formed:
            answer["errmsg"] = f"{_WARNING}{answer['errmsg']}"
        body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        if kind == "truncated":
            body = body[: len(body) // 2]
        return Reply(body, delay=delay)


@attrs.frozen
class LateCall:
    """A call without an answer that WeCom gets round to."""

    request: Request

    def run(self, world: World) -> None:
        """Carry it out."""
        call, _ = _call(self.request)
        outcome = _handled(world, self.request, call)
        entry = CallEntry(self.request.path, world.now, outcome.errcode == 0, outcome.errcode, "accepted_late")
        world.record.calls.append(entry)


def _handled(world: World, request: Request, call: Call) -> _Outcome:
    try:
        if request.path == GETTOKEN.path:
            corp_id, secret = call.query.get("corpid", ""), call.query.get("corpsecret", "")
            token, left = world.tokens.issue(corp_id, secret, world.rules)
            return _Outcome({"access_token": token, "expires_in": left})
        if _ENDPOINTS[request.path].method == "POST" and request.method != "POST":
            raise WeComError(40058)
        answer = ROUTES[request.path].handle(world, call)
        return _Outcome({}, file=answer) if isinstance(answer, FileAnswer) else _Outcome(answer)
    except WeComError as e:
        return _refusal(world, request, e)


def _refusal(world: World, request: Request, error: WeComError) -> _Outcome:
    route = ROUTES.get(request.path)
    world.refusals += 1
    hint = f"{world.timestamp}_{world.refusals % 100}_{digest(world.seed, 'hint', world.refusals)}"
    message = error_message(error.errcode, error.text, hint=hint, ip=request.ip)
    empty: dict[str, object] = {name: [] for name in route.lists} if route else {}
    return _Outcome({**empty, "errmsg": message}, error.errcode)


def _call(request: Request) -> tuple[Call, bool]:
    file = None
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        body, well_formed = Fields({}), True
        file = multipart.file_in(request.headers["content-type"], request.body)
    else:
        body, well_formed = _body(request)
    return Call(request.path, request.query, body, file, request.headers.get("range", "")), well_formed


def _body(request: Request) -> tuple[Fields, bool]:
    # WeCom reads what it can of broken JSON and says so in errmsg; the fields are then absent.
    if not request.body:
        return Fields({}), True
    try:
        data: object = json.loads(request.body)
    except ValueError:
        return Fields({}), False
    if not isinstance(data, dict):
        return Fields({}), False
    return Fields(cast("dict[str, object]", data)), True
