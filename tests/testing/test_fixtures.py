"""The plugin's fixtures and helpers, which this suite uses too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from privdom.errors import Busy, MayHaveArrived, QuotaExceeded
from privdom.events import Dispatcher, Router, SqlInbox
from privdom.outbox import BROADCAST, Outbox, Subject
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.testing import Failing, Fault, FaultKind, every_fault, listen
from privdom.wecom import WeCom
from privdom.wecom.callbacks import CustomerAdded, CustomerDeleted, Event, InboxMessage
from privdom.wecom.messages import NewMessage


LIST = "get_follow_user_list"


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """A corp with one staff, who has one customer."""
    sandbox.add_staff("zhangsan")
    sandbox.add_customer("wmANNA", "安娜", staff=["zhangsan"])
    return sandbox


def message(text: str = "新品到店") -> NewMessage:
    return NewMessage(text=text, sender="zhangsan", external_userid=["wmANNA"])


def texts(sandbox: Sandbox) -> list[str]:
    return [entry.text for entry in sandbox.record.messages]


class TestClients:
    def test_repeats_do_not_wait(self, sandbox: Sandbox, wecom: WeCom, failing: Failing) -> None:
        """A read survives two busy answers and a full quota, for which WeCom's own clients wait a minute."""
        with failing(Fault("busy", LIST, times=2)), failing("quota", LIST):
            assert ("zhangsan",) == wecom.staff.serving()


class TestFailing:
    def test_a_lost_answer(self, sandbox: Sandbox, wecom: WeCom, failing: Failing) -> None:
        """In the block the call fails, after it nothing does any more."""
        with failing("lost_response", "add_msg_template") as fault, pytest.raises(MayHaveArrived):
            wecom.messages.add(message())
        wecom.messages.add(message("周末快乐"))

        assert Fault("lost_response", "add_msg_template") == fault
        assert ["新品到店", "周末快乐"] == texts(sandbox)

    def test_what_is_left_is_taken_back(self, sandbox: Sandbox, wecom: WeCom, failing: Failing) -> None:
        """A fault that would strike again strikes no more behind its block, also where the block failed."""
        with failing(Fault("quota", "add_msg_template", times=0)), pytest.raises(QuotaExceeded):
            wecom.messages.add(message())
        with pytest.raises(KeyError), failing("busy", "mark_tag"):
            raise KeyError
        wecom.messages.add(message())

        assert [] == sandbox.faults.planned()
        assert ["新品到店"] == texts(sandbox)

    def test_a_fault_that_strikes_nothing(self, sandbox: Sandbox, wecom: WeCom, failing: Failing) -> None:
        """The test fails, and is told what there was instead, even where a fault like it has struck before."""
        with failing("busy", LIST):
            wecom.staff.serving()
        with (
            pytest.raises(pytest.fail.Exception, match=r"the sandbox saw 1 x externalcontact/get$"),
            failing("busy", LIST),
        ):
            wecom.contacts.get("wmANNA")

        assert [] == sandbox.faults.planned()

    def test_a_failure_of_the_block_comes_first(self, failing: Failing) -> None:
        """What the block raises is not covered up by a fault that struck nothing."""
        with pytest.raises(KeyError, match="mine"), failing("busy", LIST):
            raise KeyError("mine")

    def test_others_stay(self, sandbox: Sandbox, wecom: WeCom, failing: Failing) -> None:
        """Faults that were planned by other means are not taken back."""
        other = Fault("busy", "mark_tag")
        sandbox.faults.add(other)
        with failing("busy", LIST):
            wecom.staff.serving()

        assert [(other, 1)] == sandbox.faults.planned()

    def test_one_within_the_other(self, sandbox: Sandbox, wecom: WeCom, failing: Failing) -> None:
        """Blocks nest: each fault strikes, and is gone with its block."""
        with failing(Fault("busy", LIST, times=0)):
            with failing("lost_request", "externalcontact/list"), failing("busy", "externalcontact/get"):
                wecom.contacts.get("wmANNA")
                wecom.contacts.list("zhangsan")
            assert [LIST] == [fault.path for fault, _ in sandbox.faults.planned()]
            with pytest.raises(Busy):
                wecom.staff.serving()

    @pytest.mark.parametrize("kind", ["lost_callback", "duplicate_callback"])
    def test_callbacks(self, sandbox: Sandbox, callbacks: list[Event], failing: Failing, kind: FaultKind) -> None:
        """Callbacks can fail too, and are seen by who looks why nothing did."""
        sandbox.staff_deletes_customer("zhangsan", "wmANNA")
        with failing(kind):
            sandbox.deliver()
        assert (kind == "duplicate_callback") == bool(callbacks)

        sandbox.befriend("zhangsan", "wmANNA")
        with pytest.raises(pytest.fail.Exception, match=r"saw 1 x callback$"), failing(Fault(kind, subject="wmBEN")):
            sandbox.deliver()

    def test_no_calls(self, failing: Failing) -> None:
        """Where there was nothing to strike, that is what it says."""
        with pytest.raises(pytest.fail.Exception, match=r"saw nothing$"), failing("busy", LIST):
            pass

    def test_shows_nobody(self, failing: Failing) -> None:
        """Its repr is that of the corp."""
        assert repr(failing).startswith("<Failing of <Sandbox ww…")


class TestEveryFault:
    @every_fault("add_msg_template")
    def test_an_outbox(self, sandbox: Sandbox, store: Store, outbox: Outbox, failing: Failing, fault: Fault) -> None:
        """Whatever happens to the call, the message exists at most once, and once where it arrived or never left."""
        with store.begin() as conn:
            planned = outbox.plan(conn, BROADCAST, message(), owner="shop", subjects=[Subject("wmANNA", "new")])
        with failing(fault):
            outbox.tick()
        for _ in range(5):
            sandbox.advance(timedelta(hours=1))
            outbox.tick()

        parked = [unit.id for unit in outbox.parked.list()]
        assert ([], [planned.unit_id]) == (texts(sandbox), parked) or (["新品到店"], []) == (texts(sandbox), parked)

    @every_fault(LIST, times=3, without=["expired_token"])
    def test_a_read(self, wecom: WeCom, failing: Failing, fault: Fault) -> None:
        """A read goes well after as many failures as the client repeats."""
        with failing(fault):
            assert ("zhangsan",) == wecom.staff.serving()

    def test_its_cases(self) -> None:
        """There is one for each kind that fails a call, and one more where it may strike after the change as well."""
        [values] = [mark.args[1] for mark in [every_fault("mark_tag").mark]]
        faults: list[Fault] = [value.values[0] for value in values]
        kinds = {fault.kind for fault in faults}

        assert {"mark_tag"} == {fault.path for fault in faults}
        assert {"slow", "lost_callback", "duplicate_callback"} == set(FaultKind.__args__) - kinds
        assert {"busy", "html", "truncated"} == {fault.kind for fault in faults if fault.after_change}
        assert len(kinds) + 3 == len(faults)


class TestCallbacks:
    def test_events_as_they_come(self, sandbox: Sandbox, callbacks: list[Event]) -> None:
        """Nothing comes before it is delivered; then each event is there, typed, in order, and once."""
        sandbox.befriend("zhangsan", sandbox.add_customer("wmBEN"), state="poster")
        assert [] == callbacks
        sandbox.deliver()
        sandbox.faults.add(Fault("duplicate_callback"))
        sandbox.staff_deletes_customer("zhangsan", "wmBEN")
        sandbox.advance(timedelta(seconds=1))

        added, deleted = callbacks
        assert isinstance(added, CustomerAdded)
        assert isinstance(deleted, CustomerDeleted)
        assert ("wmBEN", "poster") == (added.external_user_id, added.state)

    def test_an_inbox_to_work(self, sandbox: Sandbox, wecom: WeCom, store: Store, inbox: SqlInbox) -> None:
        """What is in the inbox is what a dispatcher finds."""
        seen = _work(sandbox, wecom, store)

        assert ["wmBEN"] == seen
        assert () == inbox.failing(sandbox.corp_id)

    def test_both(self, sandbox: Sandbox, wecom: WeCom, store: Store, callbacks: list[Event], inbox: SqlInbox) -> None:
        """Who asks for both sees the events and finds them in the inbox."""
        seen = _work(sandbox, wecom, store)

        assert ["wmBEN"] == seen
        assert [CustomerAdded] == [type(event) for event in callbacks]

    def test_an_inbox_that_fails(self, sandbox: Sandbox) -> None:
        """An inbox of one's own can be listened with; while it fails, WeCom sends again."""

        class Inbox:
            up = False

            def put(self, message: InboxMessage) -> bool:
                if not self.up:
                    raise OSError
                return True

        own = Inbox()
        listen(sandbox, own)
        sandbox.staff_deletes_customer("zhangsan", "wmANNA")
        assert 0 == sandbox.deliver()
        own.up = True

        assert 1 == sandbox.deliver()


def _work(sandbox: Sandbox, wecom: WeCom, store: Store) -> list[str]:
    seen: list[str] = []
    router = Router()

    @router.on(CustomerAdded, name="see")
    def see(event: CustomerAdded) -> None:
        seen.append(event.external_user_id)

    sandbox.befriend("zhangsan", sandbox.add_customer("wmBEN"))
    sandbox.deliver()
    assert 1 == Dispatcher(wecom, store, router.handlers()).run()
    return seen
