"""
A pytest plugin for suites of yours: a whole WeCom, clients of it, its clock, and whatever can go wrong on the way.

::

    pytest_plugins = ["privdom.testing"]  # in conftest.py


    @every_fault("add_msg_template")
    def test_nobody_gets_it_twice(sandbox, shop, failing, fault):
        with failing(fault):
            shop.announce("新品到店")

A conftest.py that imports names from here before pytest loads the plugin is no mistake: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, overload

import pytest

from privdom._port import run
from privdom.sandbox import CallEntry, Fault, FaultKind, Sandbox, VirtualClock
from privdom.wecom.callbacks import Callbacks, Crypto, Event, Inbox, InboxMessage, keep_event
from privdom.wecom.client import AsyncWeCom, WeCom
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry


# What needs SQLAlchemy is imported by the fixtures that give it: a suite of a client alone starts in half the time.
if TYPE_CHECKING:
    from privdom.events import SqlInbox
    from privdom.outbox import Outbox
    from privdom.store import Store

__all__ = [
    "Failing",
    "Fault",
    "FaultKind",
    "async_wecom",
    "callbacks",
    "every_fault",
    "failing",
    "inbox",
    "listen",
    "outbox",
    "sandbox",
    "store",
    "virtual_clock",
    "wecom",
]

# As patient as by default, in no time.
_AT_ONCE: Final = Retry(first_wait=0.0, longest_wait=0.0, blocked_wait=0.0)

_LAST_CALLS: Final = 20

# All but `slow`, which fails nothing and takes real seconds.
_OF_CALLS: Final[tuple[tuple[FaultKind, bool], ...]] = (
    ("connect_refused", False),
    ("lost_request", False),
    ("lost_response", False),
    ("late_acceptance", False),
    ("busy", False),
    ("busy", True),
    ("html", False),
    ("html", True),
    ("truncated", False),
    ("truncated", True),
    ("quota", False),
    ("expired_token", False),
)


@pytest.fixture
def sandbox() -> Generator[Sandbox, None, None]:
    """Return an empty corp, whose clock moves only when told; ``sandbox.populate()`` fills it."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def virtual_clock(sandbox: Sandbox) -> VirtualClock:
    """Return the sandbox's clock; ``sandbox.advance(timedelta(days=1))`` moves it."""
    return sandbox.clock


@pytest.fixture
def wecom(sandbox: Sandbox) -> Generator[WeCom, None, None]:
    """Return a blocking client of the sandbox, on its clock, with a quota of its own; it repeats without waiting."""
    with WeCom(
        sandbox.corp_id,
        sandbox.secret,
        transport=sandbox.transport,
        clock=sandbox.clock,
        quotas=MemoryQuotas(),
        retry=_AT_ONCE,
    ) as client:
        yield client


@pytest.fixture
def async_wecom(sandbox: Sandbox) -> Generator[AsyncWeCom, None, None]:
    """Return an awaiting client of the sandbox, on its clock, with a quota of its own; it repeats without waiting."""
    client = AsyncWeCom(
        sandbox.corp_id,
        sandbox.secret,
        transport=sandbox.transport,
        clock=sandbox.clock,
        quotas=MemoryQuotas(),
        retry=_AT_ONCE,
    )
    yield client
    # There is no connection to wait for, so closing needs no event loop, whichever plugin ran the test on one.
    run(client.close())


@pytest.fixture
def store() -> Generator[Store, None, None]:
    """Return a store in memory, closed at the end."""
    from privdom.store import Store  # noqa: PLC0415

    with Store("sqlite://") as store:
        yield store


@pytest.fixture
def outbox(wecom: WeCom, store: Store) -> Outbox:
    """Return an outbox with the default settings; nothing is called before ``outbox.tick()``."""
    from privdom.outbox import Outbox  # noqa: PLC0415

    return Outbox(wecom, store)


@pytest.fixture
def inbox(sandbox: Sandbox, store: Store) -> SqlInbox:
    """Return the inbox of the store, in which the sandbox's callbacks arrive, for a ``Dispatcher`` to work."""
    from privdom.events import SqlInbox  # noqa: PLC0415

    inbox = SqlInbox(store)
    listen(sandbox, inbox)
    return inbox


@pytest.fixture
def callbacks(sandbox: Sandbox, request: pytest.FixtureRequest) -> list[Event]:
    """Return a list of the sandbox's callbacks so far, each once; ``sandbox.deliver()`` or passing time brings them."""
    behind = request.getfixturevalue("inbox") if "inbox" in request.fixturenames else None
    received = _Received(behind)
    listen(sandbox, received)
    return received.events


@pytest.fixture
def failing(sandbox: Sandbox) -> Failing:
    """Return what makes calls fail in the block of a ``with``; see `Failing`."""
    return Failing(sandbox)


class Failing:
    """
    Makes calls to a sandbox fail, and the test too if none of them did.

    ::

        with failing("lost_response", "add_msg_template"):
            shop.announce("新品到店")
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @overload
    def __call__(self, fault: Fault) -> AbstractContextManager[Fault]: ...

    @overload
    def __call__(self, fault: FaultKind, path: str = "") -> AbstractContextManager[Fault]: ...

    def __call__(self, fault: Fault | FaultKind, path: str = "") -> AbstractContextManager[Fault]:
        """
        Return a context manager in whose block *fault* strikes, and which takes back what is left of it at the end.

        Where the block ends well and the fault has struck nothing, the test fails: it would prove nothing.

        Args:
            fault: What goes wrong, or its kind, which then strikes once.
            path: With a kind: the path, or its end, of the call that is meant; by default the next call, which may
                be the one for a token.
        """
        return _Block(self._sandbox, fault if isinstance(fault, Fault) else Fault(fault, path))

    def __repr__(self) -> str:
        return f"<Failing of {self._sandbox!r}>"


def every_fault(path: str, *, times: int = 1, without: Collection[FaultKind] = ()) -> pytest.MarkDecorator:
    """
    Run a test once for each way in which a call of *path* can fail; its argument ``fault`` says which.

    The call is refused, lost, or answered with nonsense, before or after WeCom has carried it out; the token is gone;
    the quota is used up. ``slow``, which is no failure, is left out.

    Args:
        path: The path of the call, or its end, such as ``mark_tag``.
        times: How often each strikes; 0: always.
        without: Kinds to leave out.
    """
    return pytest.mark.parametrize(
        "fault",
        [
            pytest.param(Fault(kind, path, times, after_change=after), id=f"{kind}-after" if after else kind)
            for kind, after in _OF_CALLS
            if kind not in without
        ],
    )


def listen(sandbox: Sandbox, inbox: Inbox) -> None:
    """Have the sandbox's callbacks verified, decrypted and committed to *inbox*, as behind a callback address."""
    crypto = Crypto(sandbox.callback_token, sandbox.encoding_aes_key, sandbox.corp_id)
    receiver = Callbacks(crypto, inbox, clock=sandbox.clock)

    def receive(params: Mapping[str, str], body: bytes) -> int:
        receiver.handle_post(params, body)
        return 200

    sandbox.on_callback(receive)


class _Received:
    """An inbox that shows what came in, and keeps it in the one behind it, if there is one."""

    def __init__(self, behind: Inbox | None) -> None:
        self.events: list[Event] = []
        self._behind = behind
        self._digests: set[str] = set()

    def put(self, message: InboxMessage) -> bool:
        if self._behind is not None:
            self._behind.put(message)
        if message.digest in self._digests:
            return False
        self._digests.add(message.digest)
        self.events.append(keep_event(message.xml))
        return True


class _Block:
    def __init__(self, sandbox: Sandbox, fault: Fault) -> None:
        self._sandbox, self._fault = sandbox, fault
        self._struck = self._calls = self._callbacks = 0

    def __enter__(self) -> Fault:
        box = self._sandbox
        self._struck = len(box.faults.struck())
        self._calls, self._callbacks = len(box.record.calls), len(box.record.callbacks)
        box.faults.add(self._fault)
        return self._fault

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        box, fault = self._sandbox, self._fault
        box.faults.remove(fault)
        if kind is not None or fault in box.faults.struck()[self._struck :]:
            return
        seen = Counter(_short(call.path) for call in box.record.calls[self._calls :])
        seen["callback"] = len(box.record.callbacks) - self._callbacks
        listed = ", ".join(f"{count} x {what}" for what, count in seen.items() if count) or "nothing"
        pytest.fail(f"{fault} struck nothing in this block, where the sandbox saw {listed}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what WeCom was asked in a test that failed."""
    report = yield
    box = getattr(item, "funcargs", {}).get("sandbox")
    if report.failed and isinstance(box, Sandbox) and box.record.calls:
        report.sections.append(("calls of the sandbox", "\n".join(map(_line, box.record.calls[-_LAST_CALLS:]))))
    return report


def _line(call: CallEntry) -> str:
    answer = str(call.errcode) if call.errcode else "ok" if call.accepted else ""
    return "  ".join(filter(None, [f"{call.at:%Y-%m-%d %H:%M:%S}", _short(call.path), answer, call.fault]))


def _short(path: str) -> str:
    return path.removeprefix("/cgi-bin/")
