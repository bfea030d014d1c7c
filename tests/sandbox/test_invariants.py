"""Whatever happens, in whatever order, some things always hold."""

from __future__ import annotations

import json

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import httpx

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from privdom.sandbox import Fault, Rules, Sandbox
from tests.sandbox.conftest import STAFF, Api, sign_in


CAPACITY = 4
_people = st.integers(0, 7).map(lambda i: f"wm{i}")
_staff = st.sampled_from(STAFF)


class Corp(RuleBasedStateMachine):
    """Staff, customers and an app do what they like."""

    @initialize(seed=st.integers(0, 5))
    def begin(self, seed: int) -> None:
        rules = Rules(refusal_rate=0.4, receive_cap="day", never_confirm_rate=0.2)
        self.box = Sandbox(seed, rules=rules)
        for userid in STAFF:
            self.box.add_staff(userid, capacity=CAPACITY)
        for i in range(8):
            self.box.add_customer(f"wm{i}", staff=[STAFF[i % 3]])
        self.client = httpx.Client(transport=self.box.transport, base_url="https://wecom")
        self.codes: list[str] = []
        self.api.post("add_contact_way", type=2, scene=2, user=list(STAFF), state="door")
        self.msgids: list[str] = []

    @property
    def api(self) -> Api:
        return sign_in(self.box, self.client)

    @rule(customer=_people)
    def scan(self, customer: str) -> None:
        try:
            found = self.box.scan("door", external_userid=customer)
        except ValueError:
            return
        if found.welcome_code:
            self.codes.append(found.welcome_code)

    @rule(data=st.data())
    def welcome(self, data: st.DataObject) -> None:
        if self.codes:
            code = data.draw(st.sampled_from(self.codes))
            self.api.post("send_welcome_msg", welcome_code=code, text={"content": "hi"})

    @rule(userid=_staff, customers=st.lists(_people, min_size=1, max_size=5), text=st.sampled_from("xy"))
    def send(self, userid: str, customers: list[str], text: str) -> None:
        body = {"sender": userid, "external_userid": customers, "text": {"content": text}}
        answer = self.api.post("add_msg_template", **body)
        if answer["errcode"] == 0:
            self.msgids.append(answer["msgid"])

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.msgids:
            self.api.post("cancel_groupmsg_send", msgid=data.draw(st.sampled_from(self.msgids)))

    @rule(handover=_staff, takeover=_staff, customer=_people)
    def transfer(self, handover: str, takeover: str, customer: str) -> None:
        body = {"handover_userid": handover, "takeover_userid": takeover, "external_userid": [customer]}
        self.api.post("transfer_customer", **body)

    @rule(userid=_staff, customer=_people, leaves=st.booleans())
    def part(self, userid: str, customer: str, leaves: bool) -> None:
        try:
            if leaves:
                self.box.customer_deletes_staff(customer, userid)
            else:
                self.box.staff_deletes_customer(userid, customer)
        except ValueError:
            pass

    @rule(kind=st.sampled_from(["lost_response", "late_acceptance"]))
    def trouble(self, kind: str) -> None:
        self.box.faults.add(Fault(kind, "add_msg_template"))  # type: ignore[arg-type]
        body = {"sender": "anna", "text": {"content": kind}}
        with suppress(httpx.TransportError):
            self.api.post("add_msg_template", **body)

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.box.advance(timedelta(hours=hours))

    @rule()
    def restore(self) -> None:
        self.box.restore(json.loads(json.dumps(self.box.snapshot())))

    @invariant()
    def delivered_once(self) -> None:
        counts = Counter((entry.msgid, entry.target) for entry in self.box.record.deliveries)
        assert all(count == 1 for count in counts.values())

    @invariant()
    def capped(self) -> None:
        china = timedelta(hours=8)
        got = Counter((e.target, (e.at + china).date()) for e in self.box.record.deliveries if e.status == 1)
        assert all(count == 1 for count in got.values())

    @invariant()
    def within_capacity(self) -> None:
        staff = self.box.state()["staff"]
        assert isinstance(staff, dict)
        assert all(member["customers"] <= CAPACITY for member in staff.values())

    @invariant()
    def welcomed_once(self) -> None:
        used = [entry.welcome_code for entry in self.box.record.welcomes]
        assert len(used) == len(set(used))

    @invariant()
    def one_transfer_at_a_time(self) -> None:
        transfers = self.box.state()["transfers"]
        assert isinstance(transfers, list)
        waiting = [t["external_userid"] for t in transfers if t["status"] == 2]
        assert len(waiting) == len(set(waiting))

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.client.close()


TestCorp = Corp.TestCase
TestCorp.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
