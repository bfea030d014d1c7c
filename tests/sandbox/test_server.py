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
    _, url = served
    base = f"{url}/_sandbox"

    assert 404 == httpx.post(f"{base}/nothing").status_code
    assert "anna" in httpx.post(f"{base}/add_staff", json={"userid": "anna"}).json()["error"]
    for content in (b"[]", b"{", b'{"wrong": 1}'):
        assert 400 == httpx.post(f"{base}/add_staff", content=content).status_code
    assert "<Sandbox" in httpx.post(f"{base}/repr").json()["result"]
    assert "2026-01-05T09:00:00+00:00" == httpx.get(f"{base}/clock").json()["result"]["now"]


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


def test_http_refused(served: tuple[Sandbox, str]) -> None:
    """A body of unknown length is 411; an endless head ends the connection."""
    _, url = served

    for sent, expected in (
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b" 411 "),
        (b"G" * 70_000, b""),
    ):
        with _line(url) as line:
            line.sendall(sent)
            assert expected in _rest(line)


def test_port_taken(served: tuple[Sandbox, str]) -> None:
    """A port that is taken is an error at once."""
    _, url = served
    with pytest.raises(OSError), Sandbox().serving(port=int(url.rpartition(":")[2])):
        pass
