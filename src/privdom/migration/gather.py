"""What the planner asks of a corp: customers, friendships, room, VIPs, earlier transfers; read in sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from privdom.errors import UsageError
from privdom.migration import store as tables
from privdom.migration.rules import Follow, Policy, Takeover, VipLast
from privdom.mirror.tables import fact, follow, staff
from privdom.outbox.tables import suppression


__all__ = ["check_staff", "follows", "history", "takeovers"]


def check_staff(conn: Connection, corp_id: str, userids: Sequence[str]) -> None:
    """
    Check that the mirror knows all of *userids*.

    Raises:
        UsageError: It does not.
    """
    query = select(staff.c.staff_userid).where(staff.c.corp_id == corp_id, staff.c.staff_userid.in_(userids))
    unknown = set(userids).difference(conn.scalars(query))
    if unknown:
        names = ", ".join(map(repr, sorted(unknown)))
        msg = f"the mirror knows no staff {names}: sync it first, or correct the userid (capital letters count)"
        raise UsageError(msg)


def takeovers(
    conn: Connection, corp_id: str, capacities: Mapping[str, int | None], policy: Policy
) -> tuple[Takeover, ...]:
    """Return the takeover staff with their load: the customers they have, and those on the way to them."""
    query = (
        select(follow.c.staff_userid, func.count())
        .where(follow.c.corp_id == corp_id, follow.c.staff_userid.in_(capacities), follow.c.removed_at.is_(None))
        .group_by(follow.c.staff_userid)
    )
    have: dict[str, int] = dict(conn.execute(query).all())
    coming = tables.incoming(conn, corp_id)
    return tuple(
        Takeover(
            userid,
            policy.capacity if capacity is None else capacity,
            have.get(userid, 0) + coming.get(userid, 0),
        )
        for userid, capacity in sorted(capacities.items())
    )


def follows(
    conn: Connection, corp_id: str, handover: Sequence[str], takeover: Sequence[str], policy: Policy
) -> list[Follow]:
    """Return the customers of the *handover* staff."""
    vips = _vips(conn, corp_id, policy.vip_last)
    suppressed = set(conn.scalars(select(suppression.c.subject).where(suppression.c.corp_id == corp_id)))
    moving = tables.moving(conn, corp_id)
    friends = _friends(conn, corp_id, handover, takeover)
    query = select(follow.c.staff_userid, follow.c.external_userid, follow.c.deleted_by_customer_at).where(
        follow.c.corp_id == corp_id,
        follow.c.staff_userid.in_(handover),
        follow.c.removed_at.is_(None),
        follow.c.confirmed,
    )
    return [
        Follow(
            staff_userid,
            customer,
            friends=tuple(friends.get(customer, ())),
            vip=customer in vips,
            gone=gone_at is not None,
            suppressed=customer in suppressed,
            moving=customer in moving,
        )
        for staff_userid, customer, gone_at in conn.execute(query)
    ]


def history(conn: Connection, corp_id: str, policy: Policy, now: datetime) -> Mapping[str, Sequence[datetime]]:
    """Return when transfers of customers started, as far back as the policy looks."""
    return tables.history(conn, corp_id, now - timedelta(days=policy.window_days))


def _vips(conn: Connection, corp_id: str, vip_last: VipLast | None) -> set[str]:
    if vip_last is None:
        return set()
    query = select(fact.c.external_userid, fact.c.value).where(fact.c.corp_id == corp_id, fact.c.name == vip_last.fact)
    return {customer for customer, value in conn.execute(query) if str(value) in vip_last.values}


def _friends(
    conn: Connection, corp_id: str, handover: Sequence[str], takeover: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    ours, theirs = follow.alias(), follow.alias()
    query = (
        select(theirs.c.external_userid, theirs.c.staff_userid)
        .distinct()
        .join(ours, (ours.c.corp_id == theirs.c.corp_id) & (ours.c.external_userid == theirs.c.external_userid))
        .where(
            theirs.c.corp_id == corp_id,
            theirs.c.staff_userid.in_(takeover),
            ours.c.staff_userid.in_(handover),
            theirs.c.removed_at.is_(None),
            theirs.c.deleted_by_customer_at.is_(None),
            theirs.c.confirmed,
        )
    )
    friends: defaultdict[str, list[str]] = defaultdict(list)
    for customer, userid in conn.execute(query):
        friends[customer].append(userid)
    return friends
