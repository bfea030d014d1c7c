"""How a moment reaches people: when staff publish it, for whom, who sees it, and who answers."""

from __future__ import annotations

import json

from datetime import timedelta

import attrs

from privdom.sandbox import sending
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import CHINA
from privdom.sandbox.handlers.ranges import staff_in
from privdom.sandbox.record import PublicationEntry
from privdom.sandbox.state import Follow, Moment, Publication
from privdom.sandbox.world import World


__all__ = ["Publishing", "hand_out", "post", "publish"]


def hand_out(world: World, moment: Moment) -> None:
    """Hand each sender of a moment that was made the task to publish it; they take as long as for a mass message."""
    state = world.state
    moment.number = state.number()
    state.made_moments[moment.moment_id] = moment
    content = digest(world.seed, "moment", moment.text, json.dumps(moment.attachments, sort_keys=True))
    for userid in moment.senders:
        # Whoever resigned while the job ran has no client to publish it in.
        if userid not in state.staff:
            continue
        moment.publications[userid] = Publication(state.number(), userid)
        delay = sending.confirm_delay(world, userid, content)
        if delay is not None:
            _book(world, moment, userid, delay)


@attrs.frozen
class Publishing:
    """Staff who get round to a moment."""

    moment: Moment
    userid: str

    def run(self, world: World) -> None:
        """Have them publish it."""
        publish(world, self.moment, self.userid)


def _book(world: World, moment: Moment, userid: str, delay: timedelta) -> None:
    key = f"2:publish:{userid}:{moment.moment_id}"
    world.agenda.book(world.now + delay, key, Publishing(moment, userid))


def post(world: World, userid: str, text: str) -> Moment:
    """Have staff publish a moment of their own, for all their customers."""
    state = world.state
    if not text:
        msg = "there is nothing to publish: give a text"
        raise ValueError(msg)
    if not _may_publish(world, userid):
        msg = f"{userid} may not publish moments: a strategy withdraws send_moment"
        raise ValueError(msg)
    moment = Moment(
        state.number(),
        "",
        world.new_id("mom", text, userid),
        world.timestamp,
        world.timestamp,
        text,
        [],
        [userid],
        partly=False,
        invalid_users=[],
        invalid_departments=[],
        invalid_tags=[],
        creator=userid,
    )
    state.made_moments[moment.moment_id] = moment
    moment.publications[userid] = Publication(state.number(), userid)
    publish(world, moment, userid)
    return moment


def publish(world: World, moment: Moment, userid: str) -> None:
    """Have staff publish a moment: it is for those who are their customers now, and never for others."""
    task = moment.publications[userid]
    if moment.cancelled or task.published or userid not in world.state.staff or not _may_publish(world, userid):
        return
    task.published = world.timestamp
    wanted = set(moment.tags)
    follows = [f for f in world.state.follows_of(userid).values() if not moment.partly or wanted & set(f.tags)]
    task.customers = [follow.external_userid for follow in follows]
    task.seen_by = [follow.external_userid for follow in follows if _sees(world, moment, follow)]
    world.record.publications.append(
        PublicationEntry(moment.moment_id, moment.text, userid, tuple(task.customers), tuple(task.seen_by), world.now)
    )


def _may_publish(world: World, userid: str) -> bool:
    """Tell whether strategies let staff publish: of several, which nobody ranks, one that forbids it is enough."""
    # Those under a parent cover a part of its range, with its rights.
    tops = [s for s in world.state.moment_strategies.values() if not s.deleted and not s.parent_id]
    return all(top.rights["send_moment"] or userid not in staff_in(world, top.nodes) for top in tops)


def _sees(world: World, moment: Moment, follow: Follow) -> bool:
    if follow.left_by_customer:
        return False
    today = world.now.astimezone(CHINA).date()
    if moment.creator:
        period, most = f"staff {today}", world.rules.staff_moments_seen_per_day
    else:
        period, most = f"corp {today:%Y-%m}", world.rules.moments_seen_per_month
    seen = world.state.moments_seen.get((follow.external_userid, period), 0)
    if most is not None and seen >= most:
        return False
    world.state.moments_seen[follow.external_userid, period] = seen + 1
    return True
