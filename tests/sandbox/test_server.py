"""The server in a process of its own, its commands, and the remote control."""

from __future__ import annotations

import inspect
import socket
import subprocess
import sys

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from privdom.sandbox import Quota, RemoteSandbox, Sandbox
from privdom.sandbox.__main__ import main
from tests.sandbox.conftest import sign_in, staffed


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    """Return the URL of a sandbox in a process of its own."""
    command = [sys.executable, "-m", "privdom.sandbox", "--seed", "3", "--corp-id", "wwmine", "--secret", "s3cret"]
    command += ["--now", "2026-03-01T08:00", "--populate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        line = child.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        yield line.split()[-1]
        child.terminate()
        assert 0 == child.wait(10)


def test_process(process: str) -> None:
    """A sandbox in another process is driven through the same methods."""
    with RemoteSandbox(process) as box, httpx.Client(base_url=process) as client:
        api = sign_in(box, client)
        assert ("wwmine", "s3cret") == (box.corp_id, box.secret)
        assert 12 == len(api.get("get_follow_user_list")["follow_user"])
        assert datetime(2026, 3, 1, 8, tzinfo=UTC) == box.clock.now()
        box.advance(timedelta(hours=1))
        assert datetime(2026, 3, 1, 9, tzinfo=UTC) == box.clock.now()
        assert f"<RemoteSandbox {process}>" == repr(box)
        assert "<RemoteClock>" == repr(box.clock)


def test_same_methods() -> None:
    """RemoteSandbox has the public methods of Sandbox, with the same parameters."""
    local_only = {"arriving", "looking", "serving", "on_callback"}

    def shapes(cls: type) -> dict[str, list[tuple[str, object]]]:
        return {
            name: [(p.name, p.default) for p in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(cls, inspect.isfunction)
            if not name.startswith("_") and name not in local_only
        }

    assert shapes(Sandbox) == shapes(RemoteSandbox)


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    """Return a sandbox and its URL."""
    box = staffed()
    with box.serving() as url:
        yield box, url


def test_commands(served: tuple[Sandbox, str]) -> None:
    """Commands answer 404 where there is none, 400 where the arguments are wrong."""
    box, url = served
    base = f"{url}/_sandbox"

    assert box.agent_id == httpx.get(f"{base}/agent_id").json()["result"]
    assert 404 == httpx.post(f"{base}/nothing").status_code
    assert "anna" in httpx.post(f"{base}/add_staff", json={"userid": "anna"}).json()["error"]
    for content in (b"[]", b"{", b'{"wrong": 1}'):
        assert 400 == httpx.post(f"{base}/add_staff", content=content).status_code
    assert "<Sandbox" in httpx.post(f"{base}/repr").json()["result"]
    assert "2026-01-05T09:00:00+00:00" == httpx.get(f"{base}/clock").json()["result"]["now"]


@pytest.mark.parametrize(
    ("command", "arguments", "wrong"),
    [
        ("add_staff", {"userid": 5}, "userid must be a string, not 5"),
        ("add_staff", {"userid": "x", "capacity": "many"}, 'capacity must be an integer, not "many"'),
        ("add_staff", {"userid": "x", "capacity": True}, "capacity must be an integer, not true"),
        ("add_staff", {"userid": "x", "serving": 1}, "serving must be true or false, not 1"),
        ("add_staff", {"userid": "x", "confirm_delay": "soon"}, 'confirm_delay must be seconds, "never" or null'),
        ("add_staff", {"userid": "x", "department": [1, "b"]}, "department must be an integer or an array"),
        ("add_customer", {"staff": "anna"}, 'staff must be an array, not "anna"'),
        ("add_customer", {"created": 5}, "created must be a time in ISO 8601 with its offset or null"),
        ("join_group", {"chat_id": "wrG", "ids": "wmA"}, 'ids must be an array, not "wmA"'),
        ("join_group", {"chat_id": "wrG", "ids": None}, "ids must be an array, not null"),
        ("member_writes", {"chat_id": "wrG", "member_id": ["x"]}, 'member_id must be a string, not ["x"]'),
        ("advance", {"by": 1e30}, "by must be seconds, not 1e+30"),
        ("advance", {"by": "soon"}, 'by must be seconds, not "soon"'),
        ("advance_to", {"when": "tomorrow"}, 'when must be a time in ISO 8601 with its offset, not "tomorrow"'),
        ("add_customer", {"created": "2025-01-01T09:00"}, 'with its offset or null, not "2025-01-01T09:00"'),
        ("faults/add", {"kind": "busy", "times": "two"}, 'times must be an integer, not "two"'),
        ("faults/add", {"kind": "nonsense"}, 'kind must be "connect_refused", "lost_request"'),
        ("faults/random", {"rate": "often", "kinds": ["busy"]}, 'rate must be a number, not "often"'),
        ("rules", {"refusal_rate": "high"}, 'refusal_rate must be a number, not "high"'),
        ("rules", {"list_lag": None}, "list_lag must be seconds, not null"),
        ("rules", {"receive_cap": "year"}, 'receive_cap must be "month", "week" or "day", not "year"'),
        ("rules", {"quotas": [1]}, "quotas must be an array, not [1]"),
        ("rules", {"moment_quota": [1, 2, 3]}, "moment_quota must be an array of an integer and a number"),
        ("befriend", {"userid": "anna", "external_userid": "wmNO"}, "there is no customer 'wmNO'"),
        ("scan", {"config_id_or_state": "poster", "external_userid": "wmNEW"}, "no code has the config_id or state"),
        ("open_link", {"link_id_or_url": "poster", "external_userid": "wmNEW"}, "there is no link 'poster'"),
        ("admin_adds_tags", {"group_name": "g", "names": ["a" * 31]}, "invalid tag name size"),
        ("set_callback", {"url": "http://x", "encoding_aes_key": "short"}, "43 letters and digits, not 5"),
        ("verify_callback_url", {}, "set callback_url first"),
    ],
)
def test_wrong_arguments(served: tuple[Sandbox, str], command: str, arguments: dict[str, object], wrong: str) -> None:
    """What an argument must be is told, in the words of JSON, and nothing has happened."""
    box, url = served
    box.add_group("wrG", owner="anna")
    before = box.state()
    answer = httpx.post(f"{url}/_sandbox/{command}", json=arguments)

    assert 400 == answer.status_code
    assert wrong in answer.json()["error"]
    assert before == box.state()


def test_a_command_that_breaks_is_answered(served: tuple[Sandbox, str]) -> None:
    """Whatever goes wrong, on a page too, the client is told and the line goes on."""
    box, url = served
    with httpx.Client(base_url=url, timeout=5) as client:
        assert 400 == client.post("/do/advance", data={"seconds": "1e30"}).status_code
        assert 200 == client.get("/_sandbox/clock").status_code
        client.post("/_sandbox/set_callback", json={"url": "http://127.0.0.1:9/"})
        assert {"result": False} == client.post("/_sandbox/verify_callback_url").json()
    assert "http://127.0.0.1:9/" == box.callback_url


def test_commands_take_as_long_as_they_take(served: tuple[Sandbox, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The remote control waits for an answer without an end, but not for a sandbox that is not there."""
    asked: list[httpx.Request] = []
    send = httpx.Client.send
    monkeypatch.setattr(
        httpx.Client, "send", lambda self, request, **o: asked.append(request) or send(self, request, **o)
    )
    with RemoteSandbox(served[1]) as box:
        box.advance(timedelta(days=1))

    limits = [request.extensions["timeout"] for request in asked]
    assert {(None, 10.0)} == {(limit["read"], limit["connect"]) for limit in limits}


def test_remote_rules(served: tuple[Sandbox, str]) -> None:
    """Rules of all types travel."""
    box, url = served
    with RemoteSandbox(url) as remote:
        remote.change_rules(
            list_lag=timedelta(seconds=5),
            callback_retries=(timedelta(seconds=1),),
            quotas=((5, 1.0),),
            moment_quota=(3, 60.0),
            trusted_ips=("127.0.0.1",),
            refusal_rate=0.5,
            ticket_quota=Quota(7, 60.0),
            moments_seen_per_month=None,
        )
        with pytest.raises(ValueError):
            remote.change_rules(nonsense=1)
        remote.add_staff("dora", confirm_delay="never", department=[1])
        remote.set_staff("dora", serving=False)
        with pytest.raises(ValueError, match="empty"):
            remote.populate()
        tags = remote.admin_adds_tags("A", ["x"])
        remote.admin_edits_tag(tags["x"], name="y")
        remote.admin_deletes_tag(tags["x"])
        remote.add_group(owner="anna", created=datetime(2025, 1, 1, tzinfo=UTC))
        customer = remote.add_customer(created=datetime(2025, 1, 1, tzinfo=UTC), staff=["anna"])
        remote.staff_edits_customer("anna", customer, remark="x")

    assert timedelta(seconds=5) == box.rules.list_lag
    assert (timedelta(seconds=1),) == box.rules.callback_retries
    assert (Quota(5, 1.0),) == box.rules.quotas
    assert Quota(3, 60.0) == box.rules.moment_quota
    assert Quota(7, 60.0) == box.rules.ticket_quota
    assert None is box.rules.moments_seen_per_month
    assert ("127.0.0.1",) == box.rules.trusted_ips


def test_record_travels(served: tuple[Sandbox, str]) -> None:
    """The record of a remote sandbox equals its own."""
    box, url = served
    with RemoteSandbox(url) as remote, httpx.Client(base_url=url) as client:
        api = sign_in(remote, client)
        tag = api.add_tags("x")[0]
        customer = box.add_customer(staff=["anna"])
        api.post("mark_tag", userid="anna", external_userid=customer, add_tag=[tag])
        api.send(external_userid=[customer])
        api.post("transfer_customer", handover_userid="anna", takeover_userid="ben", external_userid=[customer])
        box.on_callback(lambda params, body: 200)
        remote.advance(timedelta(days=1))

        assert box.record == remote.record
        assert box.state() == remote.state()
        assert box.record.callbacks


def _line(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)))


def _rest(line: socket.socket) -> bytes:
    answer = b""
    while data := line.recv(65_536):
        answer += data
    return answer


def test_http(served: tuple[Sandbox, str]) -> None:
    """Requests may come in pieces or several at once; the line stays open until asked to close."""
    _, url = served
    get = b"GET /cgi-bin/gettoken HTTP/1.1\r\nHost: x\r\n"
    with _line(url) as line:
        line.sendall(get + b"\r\n" + get)
        line.sendall(b"\r\n")
        line.sendall(get + b"Connection: close\r\n\r\n")
        answer = _rest(line)

    assert 3 == answer.count(b"HTTP/1.1 200 OK")
    assert 1 == answer.count(b"Connection: close")


def test_http_continue(served: tuple[Sandbox, str]) -> None:
    """A client that asks whether to send its body is told to go on."""
    _, url = served
    head = b"POST /cgi-bin/gettoken HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
    with _line(url) as line:
        line.sendall(head)
        told = line.recv(100)
        line.sendall(b"{}")

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == told
        assert b"200 OK" in _rest(line)


GETTOKEN = b"POST /cgi-bin/gettoken?corpid=x&corpsecret=y HTTP/1.1\r\nHost: x\r\n"


def test_http_chunks(served: tuple[Sandbox, str]) -> None:
    """A body may come in chunks, in pieces of any size; what follows it is the next request."""
    _, url = served
    body = '{"userid": "张三!"}'.encode()
    chunks = b"".join(b"%X;part=1\r\n%b\r\n" % (len(part), part) for part in (body[:14], body[14:]))
    head = b"POST /_sandbox/add_staff HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
    sent = head + chunks + b"0\r\nTrailer: x\r\n\r\n"
    with _line(url) as line:
        for i in range(len(sent)):
            line.sendall(sent[i : i + 1])
        line.sendall(b"GET /_sandbox/clock HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = _rest(line)

    assert 2 == answer.count(b"HTTP/1.1 200 OK")
    assert '{"result": "张三!"}'.encode() in answer
    assert 400 == httpx.post(f"{url}/_sandbox/add_staff", content=iter([b"{", b"}"])).status_code


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n", b" 501 Not Implemented"),
        (b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", b" 400 Bad Request"),
        (b"Transfer-Encoding: chunked\r\n\r\n\r\n", b" 400 Bad Request"),
        (b"Content-Length: -5\r\n\r\n", b" 400 Bad Request"),
        (b"Content-Length: soon\r\n\r\n", b" 400 Bad Request"),
        (b"G" * 70_000, b""),
    ],
)
def test_http_refused(served: tuple[Sandbox, str], sent: bytes, expected: bytes) -> None:
    """A body whose length cannot be known is refused; an endless head ends the connection."""
    _, url = served
    with _line(url) as line:
        line.sendall(GETTOKEN + sent)
        answer = _rest(line)

    assert expected in answer


def test_http_head(served: tuple[Sandbox, str]) -> None:
    """A HEAD is answered without a body, so that what follows on the line is the next answer."""
    _, url = served
    with httpx.Client(base_url=url) as client:
        for path in ("/", "/_sandbox/clock", "/cgi-bin/gettoken", "/nothing"):
            head, get = client.head(path), client.get(path)
            assert (head.status_code, head.content) == (get.status_code, b"")
            assert int(head.headers["content-length"]) > 0


def test_port_taken(served: tuple[Sandbox, str]) -> None:
    """A port that is taken is an error at once."""
    _, url = served
    with pytest.raises(OSError), Sandbox().serving(port=int(url.rpartition(":")[2])):
        pass


def test_a_process_that_cannot_start(served: tuple[Sandbox, str], capsys: pytest.CaptureFixture[str]) -> None:
    """What hinders the command line is said in one line, and by its exit status."""
    _, url = served
    for status, arguments, said in (
        (2, ["--encoding-aes-key", "short"], "43 letters and digits"),
        (2, ["--now", "noon"], "--now"),
        (1, ["--port", url.rpartition(":")[2]], "cannot listen on 127.0.0.1 port"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert status == stopped.value.code
        assert said in capsys.readouterr().err
