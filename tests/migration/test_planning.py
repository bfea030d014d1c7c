"""Who moves to whom, and in which wave."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.migration.rules import (
    Batch,
    Estimate,
    Follow,
    LeftOut,
    LeftOutReason,
    Move,
    Policy,
    Takeover,
    VipLast,
    batches,
    estimate,
    plan_items,
)


NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
TAKEOVERS = ("take-a", "take-b", "take-c")

follows_strategy = st.lists(
    st.builds(
        Follow,
        handover_userid=st.sampled_from(["hand-a", "hand-b", "hand-c"]),
        external_userid=st.integers(0, 60).map("wm{:02}".format),
        friends=st.sets(st.sampled_from(TAKEOVERS), max_size=1).map(tuple),
        vip=st.booleans(),
        suppressed=st.integers(0, 9).map(lambda n: n == 0),
        moving=st.integers(0, 9).map(lambda n: n == 0),
    ),
    max_size=80,
    unique_by=lambda follow: (follow.handover_userid, follow.external_userid),
)
takeovers_strategy = st.lists(
    st.builds(Takeover, userid=st.sampled_from(TAKEOVERS), capacity=st.integers(0, 40), load=st.integers(0, 30)),
    min_size=1,
    unique_by=lambda takeover: takeover.userid,
)
policies = st.builds(
    Policy,
    share=st.integers(0, 100).map(lambda n: n / 100),
    wave_size=st.integers(1, 30),
    keep_existing_friend=st.booleans(),
    exclude_suppressed=st.booleans(),
)
ages = st.lists(st.integers(0, 120).map(lambda days: NOW - timedelta(days=days)), max_size=4)
histories = st.dictionaries(st.integers(0, 60).map("wm{:02}".format), ages, max_size=20)


def customers(n: int, **changes: object) -> list[Follow]:
    return [Follow("hand-a", f"wm{i:03}", **changes) for i in range(n)]  # type: ignore[arg-type]


@given(follows_strategy, takeovers_strategy, policies, histories)
def test_every_follow_is_planned_or_left_out_once(follows, takeovers, policy, history):
    """Each follow relation is either planned or left out with a reason, and no customer is planned twice."""
    draft = plan_items(follows, takeovers, policy, history, NOW)
    planned = [(item.handover_userid, item.external_userid) for item in draft.items]
    left_out = [(item.handover_userid, item.external_userid) for item in draft.left_out]

    assert sorted((f.handover_userid, f.external_userid) for f in follows) == sorted(planned + left_out)
    assert len({item.external_userid for item in draft.items}) == len(draft.items)


@given(follows_strategy, takeovers_strategy, policies, histories)
def test_no_takeover_gets_more_than_fits(follows, takeovers, policy, history):
    """No takeover staff is given more customers than their free capacity."""
    draft = plan_items(follows, takeovers, policy, history, NOW)
    given_to = Counter(item.takeover_userid for item in draft.items)

    assert not given_to.keys() - {t.userid for t in takeovers}
    assert all(given_to[t.userid] <= t.free for t in takeovers)


@given(follows_strategy, takeovers_strategy, policies, histories, st.randoms())
def test_the_order_of_the_input_does_not_matter(follows, takeovers, policy, history, chance):
    """The same customers in another order give the same draft."""
    mixed, others = list(follows), list(takeovers)
    chance.shuffle(mixed)
    chance.shuffle(others)

    assert plan_items(follows, takeovers, policy, history, NOW) == plan_items(mixed, others, policy, history, NOW)


@given(follows_strategy, takeovers_strategy, policies, histories)
def test_vips_move_after_everybody_else(follows, takeovers, policy, history):
    """No wave with a VIP comes before or together with a wave of others."""
    vips = {(f.handover_userid, f.external_userid) for f in follows if f.vip}
    draft = plan_items(follows, takeovers, policy, history, NOW)
    vip_waves = [i.wave for i in draft.items if (i.handover_userid, i.external_userid) in vips]
    other_waves = [i.wave for i in draft.items if (i.handover_userid, i.external_userid) not in vips]

    assert max(other_waves, default=0) < min(vip_waves, default=10_000)


@given(follows_strategy, takeovers_strategy, policies, histories)
def test_waves_are_numbered_without_gaps_and_never_too_large(follows, takeovers, policy, history):
    """Waves count from 1 without gaps and hold at most wave_size customers."""
    draft = plan_items(follows, takeovers, policy, history, NOW)
    sizes = Counter(item.wave for item in draft.items)

    assert list(range(1, len(sizes) + 1)) == sorted(sizes)
    assert all(size <= policy.wave_size for size in sizes.values())


@given(follows_strategy, policies, histories)
def test_the_share_is_respected(follows, policy, history):
    """With enough room, exactly the share of the movable customers moves, rounded down."""
    draft = plan_items(follows, [Takeover("take-a", 10_000)], policy, history, NOW)
    outside = sum(item.reason is LeftOutReason.OUTSIDE_SHARE for item in draft.left_out)
    movable = len(draft.items) + outside

    assert int(Fraction(str(policy.share)) * movable) == len(draft.items)


@given(st.integers(0, 200), takeovers_strategy)
def test_takeover_staff_share_in_proportion_to_what_is_free(n, takeovers):
    """Each takeover staff gets their part of the free room, to within one customer."""
    draft = plan_items(customers(n), takeovers, Policy(share=1.0), {}, NOW)
    given_to = Counter(item.takeover_userid for item in draft.items)
    room = sum(t.free for t in takeovers)

    assert min(n, room) == len(draft.items)
    assert all(abs(given_to[t.userid] - min(n, room) * t.free / (room or 1)) < 1 for t in takeovers)


def test_few_pairs_of_staff_are_made():
    """Thirty handover and thirty takeover staff make at most 59 pairs, not 900."""
    follows = [Follow(f"hand-{h:02}", f"wm{h:02}-{i:02}") for h in range(30) for i in range(40)]
    takeovers = [Takeover(f"take-{t:02}", 5000) for t in range(30)]
    draft = plan_items(follows, takeovers, Policy(share=0.9), {}, NOW)

    assert len({(item.handover_userid, item.takeover_userid) for item in draft.items}) <= 59


def test_missing_room_is_a_warning():
    """Customers for whom there is no room are left out, and a warning says how many."""
    draft = plan_items(customers(10), [Takeover("take-a", 7)], Policy(share=0.9), {}, NOW)

    assert 7 == len(draft.items)
    assert ("capacity short by 2: name more takeover staff, or move a smaller share",) == draft.warnings
    assert {"no_capacity": 2, "outside_share": 1} == Counter(item.reason for item in draft.left_out)


def test_a_friend_of_a_takeover_needs_no_transfer():
    """A customer whom a takeover staff follows already stays, with that staff named."""
    follow = Follow("hand-a", "wm1", friends=("somebody", "take-b"))
    draft = plan_items([follow], [Takeover("take-a", 9), Takeover("take-b", 9)], Policy(share=1.0), {}, NOW)

    assert (LeftOut("wm1", "hand-a", LeftOutReason.ALREADY_FRIEND, None, "take-b"),) == draft.left_out


def test_a_friend_moves_if_the_policy_says_so():
    """Without keep_existing_friend, a friend of a takeover staff is moved like any other."""
    follow = Follow("hand-a", "wm1", friends=("take-a",))
    policy = Policy(share=1.0, keep_existing_friend=False)

    assert (Move("wm1", "hand-a", "take-a", 1),) == plan_items([follow], [Takeover("take-a", 9)], policy, {}, NOW).items


@pytest.mark.parametrize(
    ("ages", "free_in"),
    [([89], None), ([90, 10], None), ([89, 10], 1), ([89, 50, 10], 40), ([0, 0], 90)],
)
def test_a_customer_rests_after_two_transfers_in_90_days(ages, free_in):
    """Two starts within 90 days leave a customer out, with the moment at which they are free again."""
    history = {"wm000": [NOW - timedelta(days=days) for days in ages]}
    draft = plan_items(customers(1), [Takeover("take-a", 9)], Policy(share=1.0), history, NOW)
    expected = None if free_in is None else NOW + timedelta(days=free_in)

    assert [expected] * (free_in is not None) == [item.free_at for item in draft.left_out]
    assert (free_in is None) == bool(draft.items)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gone": True}, LeftOutReason.GONE),
        ({"suppressed": True}, LeftOutReason.SUPPRESSED),
        ({"moving": True}, LeftOutReason.MOVING),
    ],
)
def test_who_must_not_move_stays(change, reason):
    """Customers who deleted the staff, suppressed ones and those in another running transfer stay."""
    draft = plan_items(customers(1, **change), [Takeover("take-a", 9)], Policy(share=1.0), {}, NOW)

    assert [reason] == [item.reason for item in draft.left_out]


def test_a_customer_of_two_handover_staff_moves_once():
    """Of two relations of one customer, one moves and the other says so."""
    follows = [Follow("hand-a", "wm1"), Follow("hand-b", "wm1")]
    draft = plan_items(follows, [Takeover("take-a", 9)], Policy(share=1.0), {}, NOW)

    assert 1 == len(draft.items)
    assert [LeftOutReason.OTHER_STAFF] == [item.reason for item in draft.left_out]


def test_a_batch_is_one_pair_and_at_most_100_customers():
    """Moves become calls of one pair of staff and at most 100 customers each."""
    moves = [Move(f"wm{i:03}", "hand-a", "take-a", 1) for i in range(250)] + [Move("x", "hand-b", "take-a", 1)]
    found = batches(reversed(moves))

    assert [100, 100, 50, 1] == [len(batch.external_userids) for batch in found]
    assert Batch("hand-b", "take-a", ("x",)) == found[-1]
    assert sorted(m.external_userid for m in moves) == sorted(c for batch in found for c in batch.external_userids)


def test_the_estimate_counts_calls_waves_and_days():
    """Each wave takes a day, and each pair of staff in it a call for every 100 customers."""
    moves = [Move(f"wm{i:03}", "hand-a", "take-a", 1 + i // 150) for i in range(300)] + [Move("x", "b", "c", 2)]

    assert Estimate(calls=5, waves=2, days=2) == estimate(moves)
    assert Estimate(0, 0, 0) == estimate([])


@pytest.mark.parametrize(
    "change",
    [
        {"share": -0.1},
        {"share": 1.1},
        {"share": float("nan")},
        {"wave_size": 0},
        {"capacity": -1},
        {"max_transfers": 0},
        {"window_days": 0},
        {"success_msg": "x" * 201},
        {"poll_every": timedelta(0)},
        {"patience": timedelta(0)},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(change):
    """A policy out of range raises UsageError when it is made."""
    with pytest.raises(UsageError):
        Policy(**change)


def test_vip_values_are_a_list():
    """A bare text instead of a list of values is refused; numbers become their text."""
    assert VipLast("tier.quality", ["3", 4]).values == ("3", "4")
    with pytest.raises(UsageError, match="list"):
        VipLast("tier.quality", "vip")


def test_values_are_frozen_and_the_draft_tells_what_it_does():
    """A draft cannot be changed, and its repr counts what happens."""
    draft = plan_items(customers(3), [Takeover("take-a", 9)], Policy(share=1.0, wave_size=2), {}, NOW)

    assert "<Draft: 3 move in 2 waves, 0 stay, warnings ()>" == repr(draft)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        draft.items = ()  # type: ignore[misc]
