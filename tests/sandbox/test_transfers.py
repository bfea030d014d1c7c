"""On-the-job transfers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from privdom.sandbox import Sandbox
from tests.sandbox.conftest import Api, sign_in


DAY = timedelta(days=1)


def _again(api: Api) -> Api:
    return sign_in(api.box, api.client)


def _start(api: Api, *customers: str, takeover: str = "ben", handover: str = "anna") -> list[int]:
    answer = _again(api).post(
        "transfer_customer", handover_userid=handover, takeover_userid=takeover, external_userid=list(customers)
    )
    return [row["errcode"] for row in answer["customer"]]


def _results(api: Api, handover: str = "anna", takeover: str = "ben") -> list[tuple[int, int]]:
    answer = _again(api).post("transfer_result", handover_userid=handover, takeover_userid=takeover)
    return [(row["status"], row["takeover_time"]) for row in answer["customer"]]


def test_done_after_a_day(api: Api) -> None:
    """A transfer waits for 24 hours, then the customer is the takeover's, added by way 202, without tags."""
    tag = api.add_tags("x")[0]
    customer = api.box.add_customer(staff=["anna"], tags=[tag])
    due = int((api.box.clock.now() + DAY).timestamp())

    assert _start(api, customer) == [0]
    assert [(2, due)] == _results(api)
    api.box.advance(DAY - timedelta(seconds=1))
    assert [(2, due)] == _results(api)
    api.box.advance(timedelta(seconds=1))
    assert [(1, due)] == _results(api)
    follows = _again(api).get("get", external_userid=customer)["follow_user"]
    assert [(f["userid"], f["add_way"], f["tags"]) for f in follows] == [("ben", 202, [])]
    assert [entry.outcome for entry in api.box.record.transfers] == ["started", "succeeded"]
    assert api.box.pending_callbacks == 2


def test_copies(corp: Callable[..., Api]) -> None:
    """Under other rules tags and remark go along."""
    api = corp(transfer_copies_tags=True, transfer_copies_remark=True)
    tag = api.add_tags("x")[0]
    customer = api.box.add_customer(staff=["anna"], tags=[tag], remark="李总")
    _start(api, customer)
    api.box.advance(DAY)

    follow = _again(api).get("get", external_userid=customer)["follow_user"][0]
    assert ("李总", [tag]) == (follow["remark"], [t["tag_id"] for t in follow["tags"]])


def test_refused(corp: Callable[..., Api]) -> None:
    """A customer who refuses stays with the old staff; the result is 3 and the event names the takeover."""
    api = corp(refusal_rate=1.0)
    customer = api.box.add_customer(staff=["anna"])
    _start(api, customer)
    api.box.advance(DAY)

    assert _results(api) == [(3, 0)]
    assert [customer] == _again(api).get("list", userid="anna")["external_userid"]
    assert [entry.outcome for entry in api.box.record.transfers] == ["started", "refused"]


def test_refusal_depends_on_pair() -> None:
    """Who refuses depends on the customer and the takeover, not on the order or number of calls."""

    def refusers(order: int) -> set[str]:
        box = Sandbox(3)
        box.change_rules(refusal_rate=0.4)
        import httpx

        for userid in ("anna", "ben"):
            box.add_staff(userid)
        customers = [box.add_customer(f"wm{i}", staff=["anna"]) for i in range(30)]
        with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
            api = sign_in(box, client)
            for customer in customers[::order]:
                _start(api, customer)
            box.advance(DAY)
        return {e.external_userid for e in box.record.transfers if e.outcome == "refused"}

    found = refusers(1)
    assert found == refusers(-1)
    assert 0 < len(found) < 30


def test_errcodes_per_customer(api: Api) -> None:
    """Each customer gets an errcode of their own: unknown, no relation, running, too often."""
    mine, bens = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["ben"])

    assert _start(api, "wmNo", bens, mine) == [40096, 40131, 0]
    assert _start(api, mine, takeover="chen") == [40129]
    api.box.advance(DAY)
    assert _start(api, mine, handover="ben", takeover="anna") == [0]
    api.box.advance(DAY)
    assert _start(api, mine) == [40128]
    api.box.advance(90 * DAY)
    assert _start(api, mine) == [0]


def test_full_at_once(api: Api) -> None:
    """Takeover staff who are full are 40099, unless the customer is their friend already."""
    api.box.set_staff("ben", capacity=1)
    friend, other = api.box.add_customer(staff=["anna", "ben"]), api.box.add_customer(staff=["anna"])

    assert _start(api, friend, other) == [0, 40099]
    api.box.advance(DAY)
    assert [f["userid"] for f in _again(api).get("get", external_userid=friend)["follow_user"]] == ["ben"]
    assert api.box.pending_callbacks == 1


def test_full_after_a_day(api: Api) -> None:
    """Takeover staff who fill up meanwhile end as 4, and the customer stays."""
    api.box.set_staff("ben", capacity=1)
    a, b = api.box.add_customer("wmA", staff=["anna"]), api.box.add_customer("wmB", staff=["anna"])

    assert _start(api, b, a) == [0, 0]
    api.box.advance(DAY)
    assert {1, 4} == {status for status, _ in _results(api)}
    assert _again(api).get("list", userid="ben")["external_userid"] == ["wmA"]
    assert _again(api).get("list", userid="anna")["external_userid"] == ["wmB"]


def test_gets_back(api: Api) -> None:
    """Whoever gets a customer back hears of no add."""
    customer = api.box.add_customer(staff=["anna"])
    _start(api, customer)
    api.box.advance(DAY)
    assert api.box.pending_callbacks == 2
    _start(api, customer, handover="ben", takeover="anna")
    api.box.advance(DAY)

    assert api.box.pending_callbacks == 3


def test_what_the_customer_is_told(api: Api) -> None:
    """The message of the call reaches the customer when the transfer is done, not before, and nobody who refuses."""
    body = {"handover_userid": "anna", "takeover_userid": "ben", "transfer_success_msg": "以后由我服务您"}
    a, b = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["anna"])
    api.post("transfer_customer", **body, external_userid=[a, b, "wmNo"])
    api.box.customer_deletes_staff(b, "anna")
    api.box.advance(DAY)

    assert [("succeeded", a, "以后由我服务您")] == [
        (entry.outcome, entry.external_userid, entry.message) for entry in api.box.record.transfers if entry.message
    ]


def test_who_left_takeover_is_theirs_again(api: Api) -> None:
    """A customer who had deleted the takeover is no friend of theirs: the transfer connects the two, and is told."""
    customer = api.box.add_customer(staff=["anna", "ben"])
    api.box.customer_deletes_staff(customer, "ben")
    _start(api, customer)
    api.box.advance(DAY)
    follows = _again(api).get("get", external_userid=customer)["follow_user"]

    assert ["del_follow_user", "del_external_contact", "add_external_contact"] == [
        event.change_type for event in api.box.record.events
    ]
    assert [("ben", 202)] == [(follow["userid"], follow["add_way"]) for follow in follows]
    assert [1] == [status for status, _ in _results(api)]
    assert not api.box.state()["customers"][customer]["followers"]["ben"]["left_by_customer"]  # type: ignore[index]


def test_left_meanwhile(api: Api) -> None:
    """A customer who left the old staff during the day reads as refused."""
    customer = api.box.add_customer(staff=["anna"])
    _start(api, customer)
    api.box.customer_deletes_staff(customer, "anna")
    api.box.advance(DAY)

    assert _results(api) == [(3, 0)]


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41035, {"external_userid": []}),
        (40058, {"external_userid": ["x"] * 101}),
        (60111, {"takeover_userid": "nobody"}),
        (41009, {"handover_userid": ""}),
        (40130, {"takeover_userid": "anna"}),
        (84074, {"takeover_userid": "dora"}),
        (40058, {"transfer_success_msg": "x" * 201}),
    ],
)
def test_whole_call(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Some mistakes refuse the whole call."""
    api.box.add_staff("dora", serving=False)
    body = {"handover_userid": "anna", "takeover_userid": "ben", "external_userid": ["x"], **change}

    assert errcode == api.post("transfer_customer", **body)["errcode"]


def test_rejected_listed(corp: Callable[..., Api]) -> None:
    """Attempts turned down at once are listed as refused where the rules say so."""
    bens = "wmB"
    for listed, expected in ((False, []), (True, [(3, 0)])):
        api = corp(rejected_transfers_listed=listed)
        api.box.add_customer(bens, staff=["ben"])
        assert _start(api, bens) == [40131]
        assert expected == _results(api)


def test_successes_count(corp: Callable[..., Api]) -> None:
    """Where only successes count, a customer who refused can be asked again and again."""
    api = corp(refusal_rate=1.0, transfer_counts="successes")
    customer = api.box.add_customer(staff=["anna"])
    for _ in range(3):
        assert _start(api, customer) == [0]
        api.box.advance(DAY)
