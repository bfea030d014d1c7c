"""A sandbox as JSON and back."""

from __future__ import annotations

import json
import subprocess
import sys

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from privdom.sandbox import Fault, Sandbox
from privdom.sandbox.snapshot import from_json
from privdom.wecom import WeCom
from privdom.wecom.quota import MemoryQuotas
from tests.sandbox.conftest import Api, staffed


# What the agenda can hold; each must be in the snapshot that the first test takes.
DUE = {
    "CallbackDue",
    "Confirmation",
    "Fetching",
    "GroupTransferEnd",
    "LateCall",
    "MomentMaking",
    "Publishing",
    "TempChatEnd",
    "TransferEnd",
    "UsesEnd",
    "UsesWarning",
}


def _on_paper(box: Any) -> Any:
    return json.loads(json.dumps(box.snapshot()))


def _kinds_due(snapshot: Any) -> set[str]:
    return {job["due"]["$"] for job in snapshot["agenda"]["jobs"]}


def _sign_in(box: Sandbox) -> Api:
    client = httpx.Client(transport=box.transport, base_url="https://qyapi.weixin.qq.com")
    answer = client.get("/cgi-bin/gettoken", params={"corpid": box.corp_id, "corpsecret": box.secret}).json()
    return Api(box, client, answer["access_token"])


@pytest.fixture
def busy() -> Sandbox:
    """Return a corp in which one of everything is under way."""
    box = staffed(
        group_transfer_time=timedelta(hours=3),
        moment_job_time=timedelta(minutes=5),
        url_upload_time=timedelta(minutes=5),
        check_media=False,
    )
    api = _sign_in(box)
    tag = api.add_tags("x", "y")[0]
    for i in range(30):
        customer = box.add_customer(f"wm{i}", staff=["anna"] if i % 3 else ["anna", "ben"])
        api.post("mark_tag", userid="anna", external_userid=customer, add_tag=[tag])
    chat = box.add_group(owner="anna", members=["wm1", "wm2"])
    api.send(sender="anna", external_userid=["wm1", "wm2"])
    box.on_callback(lambda params, body: 500)
    box.scan(api.post("add_contact_way", type=1, scene=2, user=["ben"], is_temp=True)["config_id"], "wm5")
    api.post("transfer_customer", handover_userid="anna", takeover_userid="chen", external_userid=["wm1", "wm4"])
    api.post("groupchat/onjob_transfer", chat_id_list=[chat], new_owner="ben")
    api.post("add_moment_task", text={"content": "published later"})
    box.advance(timedelta(minutes=5))
    api.post("add_moment_task", text={"content": "made later"})
    url = "https://files.example.com/a.mp4"
    box.add_web_file(url, 6 * 1024 * 1024)
    job = {"scene": 1, "type": "video", "filename": "a.mp4", "url": url, "md5": "0" * 32}
    api.client.post("/cgi-bin/media/upload_by_url", params={"access_token": api.token}, json=job)
    box.add_link_uses(50)
    link = api.post("customer_acquisition/create_link", link_name="l", range={"user_list": ["ben"]})["link"]["link_id"]
    box.open_link(link, "wm7")
    box.faults.add(Fault("late_acceptance", "add_msg_template", delay=600))
    with suppress(httpx.TransportError):
        api.send(sender="ben", external_userid=["wm3"])
    box.faults.add(Fault("busy", "mark_tag", times=2))
    box.faults.random(0.3, ["lost_callback", "busy"])
    box.sign_in("anna")
    return box


def test_goes_on(busy: Sandbox) -> None:
    """What is restored is the same and goes on in the same way, for years, with everything that was under way."""
    kept = _on_paper(busy)
    assert _kinds_due(kept) == DUE
    copy = Sandbox.restored(kept)
    assert kept == _on_paper(copy)

    copy.on_callback(lambda params, body: 500)
    for box in (busy, copy):
        api = _sign_in(box)
        for _ in range(3):
            api.post("add_corp_tag", group_name="g", tag=[{"name": "z"}])
            api.post("mark_tag", userid="anna", external_userid="wm2", remove_tag=["etUNKNOWN"])
        box.advance(timedelta(days=1))
        box.customer_deletes_staff("wm2", "anna")
        api = _sign_in(box)
        api.post("transfer_customer", handover_userid="anna", takeover_userid="ben", external_userid=["wm7", "wm8"])
        box.advance(timedelta(days=800))

    assert busy.record == copy.record
    assert busy.record.transfers
    assert _on_paper(busy) == _on_paper(copy)


def test_apart(busy: Sandbox) -> None:
    """A snapshot is of its moment: neither the sandbox nor what is restored from it changes it, or the other."""
    kept = busy.snapshot()
    before = json.dumps(kept)
    copy = Sandbox.restored(kept)
    copy.advance(timedelta(days=3))
    copy.add_customer("wmNEW", staff=["ben"])
    busy.staff_resigns("anna")

    assert before == json.dumps(kept)
    assert "wmNEW" not in busy.state()["customers"]  # type: ignore[operator]
    assert "anna" in copy.state()["staff"]  # type: ignore[operator]


def test_back_in_time() -> None:
    """A corp that is restored in place takes its clients, its clock and its record along."""
    box = staffed()
    with WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock, quotas=MemoryQuotas()) as wecom:
        kept = box.snapshot()
        record, began = box.record, box.clock.now()
        box.add_customer("wmANNA", staff=["anna"])
        assert ("wmANNA",) == wecom.contacts.list("anna")
        box.advance(timedelta(hours=3))
        box.restore(kept)

        assert began == box.clock.now()
        assert [] == record.calls
        box.add_customer("wmBEN", staff=["anna"])
        assert ("wmBEN",) == wecom.contacts.list("anna")
        assert record.calls


def test_receiver_stays() -> None:
    """Whoever receives callbacks gets those that waited in the snapshot, as soon as time passes."""
    box = staffed()
    customer = box.add_customer(staff=["anna"])
    box.customer_deletes_staff(customer, "anna")
    kept = _on_paper(box)
    other = Sandbox(99)
    got: list[bytes] = []
    other.on_callback(lambda params, body: got.append(body) or 200)
    other.restore(kept)
    other.advance(timedelta(seconds=1))

    assert 1 == len(got)
    assert box.callback_token == other.callback_token
    assert 0 == other.pending_callbacks


def test_of_another_corp(corp: Callable[..., Api]) -> None:
    """A snapshot travels over the control surface, and makes a sandbox the corp that it is of."""
    api = corp()
    api.box.add_customer("wmHERE", staff=["anna"])
    kept = api.box.snapshot()
    source = Sandbox(5, corp_id="wwother", secret="another")
    source.add_staff("wei")
    source.advance(timedelta(days=2))

    api.box.restore(source.snapshot())
    assert ("wwother", "another") == (api.box.corp_id, api.box.secret)
    assert source.clock.now() == api.box.clock.now()
    assert 40014 == api.get("list", userid="wei")["errcode"]

    api.box.restore(kept)
    assert ["wmHERE"] == api.get("list", userid="anna")["external_userid"]
    assert kept["state"] == api.box.snapshot()["state"]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({}, "no snapshot of format 1"),
        ({"format": 2, "$": "Snapshot"}, "no snapshot of format 1"),
        ({"format": 1}, "no snapshot of a whole one"),
        ({"format": 1, "$": "Staff", "userid": "a", "name": "a", "departments": [], "capacity": 1}, "of a whole one"),
        ({"format": 1, "$": "Popen", "args": ["ls"]}, "cannot be read"),
        ({"format": 1, "$": "Snapshot", "seed": 1}, "cannot be read"),
        ({"format": 1, "$": "Tag", "nonsense": 1}, "cannot be read"),
        ({"format": 1, "x": {"@": 3}}, "cannot be read"),
        ({"format": 1, "x": {"$strange": 3}}, "cannot be read"),
    ],
)
def test_refused(broken: dict[str, object], told: str) -> None:
    """What is no snapshot is refused in words, and the sandbox stays as it was."""
    box = staffed()
    before = box.snapshot()
    with pytest.raises(ValueError, match=told):
        box.restore(broken)
    assert before == box.snapshot()


@pytest.mark.parametrize("field", ["now", "rules", "state", "record", "tokens", "agenda", "callbacks", "faults"])
def test_refused_part(field: str) -> None:
    """A snapshot in which one part is something else is refused as a whole."""
    box = staffed()
    before = box.snapshot()
    with pytest.raises(ValueError, match=f"cannot be read.*{field}"):
        box.restore({**_on_paper(box), field: ["?"]})
    assert before == box.snapshot()


def test_repr_keeps_secrets() -> None:
    """What a snapshot is read into shows no secret."""
    box = Sandbox(secret="hush-hush")
    box.add_customer("wmSECRET", "安娜")
    told = repr(from_json(box.snapshot()))
    assert "hush" not in told
    assert box.encoding_aes_key not in told
    assert "wmSECRET" not in told


def test_server_starts_from_file(tmp_path: Path) -> None:
    """A server starts as the snapshot in a file says, and refuses a file that is none in one line."""
    file = tmp_path / "corp.json"
    file.write_text(json.dumps(staffed().snapshot()))
    command = [sys.executable, "-m", "privdom.sandbox", "--snapshot", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            told = httpx.post(f"{url}/_sandbox/state").json()["result"]
            assert {"anna", "ben", "chen"} == set(told["staff"])
        finally:
            server.terminate()

    file.write_text("[]")
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 1 == failed.returncode
    assert f"{file} is no snapshot of a sandbox" in failed.stderr
    assert 1 == len(failed.stderr.splitlines())
