"""Moments (客户朋友圈): a job makes them, staff publish them, customers see them (95094, 93333, 97612)."""

from __future__ import annotations

from datetime import timedelta

import attrs

from privdom._facts import limits
from privdom.sandbox import publishing
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.codes import staff_of
from privdom.sandbox.handlers.media import check_attached
from privdom.sandbox.paging import Cursors, lenient_limit, page
from privdom.sandbox.record import MomentEntry
from privdom.sandbox.state import Moment, Publication, Reaction
from privdom.sandbox.world import Call, World


__all__ = ["MomentMaking", "add", "cancel", "comments", "customers", "listing", "result", "sent_to", "tasks"]

_DAY = 86_400
_KINDS = ("image", "video", "link")
_CORP, _BY_STAFF, _BOTH = 0, 1, 2
_PARTLY, _PUBLIC = 0, 1
_RUNNING, _FINISHED = 2, 3


def _attachments(world: World, body: Fields) -> list[dict[str, object]]:
    items = body.children("attachments")
    kinds = [item.text("msgtype") for item in items]
    if any(kind not in _KINDS for kind in kinds):
        raise WeComError(41065)
    if len(set(kinds)) > 1:
        raise WeComError(40058, "invalid attachments msgtype")
    if len(items) > (limits.MOMENT_IMAGES if kinds[:1] == ["image"] else 1):
        raise WeComError(41064)
    kept: list[dict[str, object]] = []
    for kind, item in zip(kinds, items, strict=True):
        inner = item.child(kind)
        if inner is None:
            raise WeComError(41065)
        cover = "image" if kind == "link" else kind
        check_attached(world, inner.text("media_id", absent=41006), cover, "moment")
        if kind == "link":
            inner.text("title", chars=limits.MOMENT_LINK_TITLE_CHARS, octets=limits.LINK_TITLE_BYTES)
            inner.text("url", absent=41010)
        kept.append({"msgtype": kind, kind: inner.raw()})
    return kept


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_moment_task: a job that is done later."""
    body, state = call.body, world.state
    said = body.child("text")
    text = said.text("content", chars=limits.MOMENT_TEXT_CHARS, octets=limits.MESSAGE_TEXT_BYTES) if said else ""
    attachments = _attachments(world, body)
    if not text and not attachments:
        raise WeComError(41089)
    month = f"{world.now.astimezone(CHINA):%Y-%m}"
    if state.moments_by_month.get(month, 0) >= limits.MOMENTS_PER_MONTH:
        raise WeComError(41210)
    chosen = body.child("visible_range") or Fields({})
    senders = chosen.child("sender_list") or Fields({})
    customers = chosen.child("external_contact_list") or Fields({})
    users, parties = senders.texts("user_list", most=limits.MOMENT_SENDERS), senders.integers("department_list")
    tags = customers.texts("tag_list")
    known = [staff.userid for staff in (state.member(userid) for userid in users) if staff is not None]
    good = [party for party in parties if party in state.departments]
    publishers = staff_of(world, known, good) if users or parties else list(state.staff)
    # Corp tags only: those of strategies are as good as unknown here.
    known_tags = [state.tags[tag] for tag in tags if tag in state.tags and not state.tags[tag].deleted]
    worn = {tag.id for tag in known_tags if not state.tag_groups[tag.group_id].strategy_id}
    if tags:
        publishers = [u for u in publishers if any(worn & set(f.tags) for f in state.follows_of(u).values())]
    jobid = world.new_id("job", text, *sorted(publishers))
    moment = Moment(
        0,
        jobid,
        world.new_id("mom", text, *sorted(publishers)),
        world.timestamp,
        0,
        text,
        attachments,
        publishers,
        bool(tags),
        [userid for userid in users if state.member(userid) is None],
        [party for party in parties if party not in state.departments],
        [tag for tag in tags if tag not in worn],
        # Undocumented which one it is; nobody would publish it.
        0 if publishers else 81013,
        sorted(worn) if tags else [],
    )
    state.moments[jobid] = moment
    state.moments_by_month[month] = state.moments_by_month.get(month, 0) + 1
    if world.rules.moment_job_time:
        world.agenda.book(world.now + world.rules.moment_job_time, f"1:moment:{jobid}", MomentMaking(moment))
    else:
        _make(world, moment)
    return {"jobid": jobid}


@attrs.frozen
class MomentMaking:
    """A job that makes a moment, at its end."""

    moment: Moment

    def run(self, world: World) -> None:
        """Make it."""
        _make(world, self.moment)


def _make(world: World, moment: Moment) -> None:
    moment.created = world.timestamp
    if not moment.errcode:
        entry = MomentEntry(moment.jobid, moment.moment_id, moment.text, tuple(moment.senders), world.now)
        world.record.moments.append(entry)
        publishing.hand_out(world, moment)


def result(world: World, call: Call) -> dict[str, object]:
    """Answer get_moment_task_result, for 24 hours."""
    moment = world.state.moments.get(call.query.get("jobid", ""))
    if moment is None or world.timestamp > moment.asked + limits.MOMENT_JOB_SECONDS:
        raise WeComError(40088)
    if not moment.created:
        return {"status": _RUNNING, "type": "add_moment_task"}
    told: dict[str, object] = {
        "errcode": moment.errcode,
        "errmsg": WeComError(moment.errcode).text if moment.errcode else "ok",
        "invalid_sender_list": {"user_list": moment.invalid_users, "department_list": moment.invalid_departments},
        "invalid_external_contact_list": {"tag_list": moment.invalid_tags},
    }
    if not moment.errcode:
        told["moment_id"] = moment.moment_id
    return {"status": _FINISHED, "type": "add_moment_task", "result": told}


def _shown(world: World, moment: Moment) -> dict[str, object]:
    row: dict[str, object] = {"moment_id": moment.moment_id}
    if moment.creator:
        row["creator"] = moment.creator
    row |= {
        "create_time": moment.created,
        "create_type": _BY_STAFF if moment.creator else _CORP,
        "visible_type": _PARTLY if moment.partly else _PUBLIC,
    }
    if moment.text:
        row["text"] = {"content": moment.text}
    images: list[dict[str, object]] = []
    for item in moment.attachments:
        kind = str(item["msgtype"])
        # Media come back under ids of WeCom's own.
        media_id = f"WWCISP_{digest(world.seed, 'media', moment.moment_id, kind, len(images))}"
        if kind == "image":
            images.append({"media_id": media_id})
            row["image"] = images
        elif kind == "video":
            row["video"] = {"media_id": media_id, "thumb_media_id": media_id}
        else:
            link = Fields(item).child(kind) or Fields({})
            row["link"] = {"title": link.text("title"), "url": link.text("url")}
    return row


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer get_moment_list; those made by API have no creator."""
    body = call.body
    start, end = body.integer("start_time", absent=40063), body.integer("end_time", absent=40063)
    if not 0 <= end - start <= limits.MOMENT_LIST_DAYS * _DAY:
        raise WeComError(40058)
    kind = body.integer("filter_type", _BOTH, low=0, high=_BOTH)
    creator = body.text("creator").lower()  # userids are case-insensitive
    cursors = Cursors(world.seed, call.path, start, end, kind, creator)
    lag = world.rules.moment_list_lag // timedelta(seconds=1)
    shown = (
        (moment.number, _shown(world, moment))
        for moment in world.state.made_moments.values()
        if start < moment.created < end
        and moment.created + lag <= world.timestamp
        and kind in (_BOTH, _BY_STAFF if moment.creator else _CORP)
        and (not creator or moment.creator.lower() == creator)
    )
    at_most = lenient_limit(body, limits.MOMENT_PAGE, limits.MOMENT_PAGE)
    found, following = page(shown, at_most, cursors, body.text("cursor"))
    return {"next_cursor": following, "moment_list": found}


def _find(world: World, body: Fields, *, of_corp: bool = False) -> Moment:
    moment = world.state.made_moments.get(body.text("moment_id", absent=41059))
    if moment is None:
        raise WeComError(41060)
    if of_corp and moment.creator:
        raise WeComError(41067)
    return moment


def _ready(world: World, body: Fields, *, of_corp: bool = False) -> Moment:
    moment = _find(world, body, of_corp=of_corp)
    if not moment.creator and world.timestamp < moment.created + world.rules.moment_dispatch_time.total_seconds():
        raise WeComError(41079)
    return moment


def cancel(world: World, call: Call) -> dict[str, object]:
    """Answer cancel_moment_task; what was published stays, and nothing says that a second call is refused."""
    _find(world, call.body, of_corp=True).cancelled = True
    return {}


def tasks(world: World, call: Call) -> dict[str, object]:
    """Answer get_moment_task."""
    moment = _ready(world, call.body, of_corp=True)
    cursors = Cursors(world.seed, call.path, moment.moment_id)
    limit = lenient_limit(call.body, limits.MOMENT_RECORD_PAGE_DEFAULT, limits.MOMENT_RECORD_PAGE)
    rows = (
        (task.number, {"userid": task.userid, "publish_status": int(task.published > 0)})
        for task in moment.publications.values()
    )
    found, following = page(rows, limit, cursors, call.body.text("cursor"))
    return {"next_cursor": following, "task_list": found}


def _published(world: World, body: Fields) -> Publication:
    moment = _ready(world, body)
    task = moment.publications.get(world.need_staff(body.text("userid")).userid)
    if task is None:
        raise WeComError(41061)
    if not task.published:
        raise WeComError(41062)
    return task


def customers(world: World, call: Call) -> dict[str, object]:
    """Answer get_moment_customer_list: for whom it was published, whether they see it or not."""
    task = _published(world, call.body)
    cursors = Cursors(world.seed, call.path, task.number)
    limit = lenient_limit(call.body, limits.MOMENT_RECORD_PAGE_DEFAULT, limits.MOMENT_RECORD_PAGE)
    rows = (
        (i, {"userid": task.userid, "external_userid": external_userid})
        for i, external_userid in enumerate(task.customers, 1)
    )
    found, following = page(rows, limit, cursors, call.body.text("cursor"))
    return {"next_cursor": following, "customer_list": found}


def sent_to(world: World, call: Call) -> dict[str, object]:
    """Answer get_moment_send_result: who sees it."""
    task = _published(world, call.body)
    cursors = Cursors(world.seed, call.path, task.number)
    limit = lenient_limit(call.body, limits.MOMENT_SENT_TO_PAGE_DEFAULT, limits.MOMENT_SENT_TO_PAGE)
    rows = ((i, {"external_userid": external_userid}) for i, external_userid in enumerate(task.seen_by, 1))
    found, following = page(rows, limit, cursors, call.body.text("cursor"))
    return {"next_cursor": following, "customer_list": found}


def _reaction(reaction: Reaction) -> dict[str, object]:
    who = {"userid": reaction.userid} if reaction.userid else {"external_userid": reaction.external_userid}
    return {**who, "create_time": reaction.at}


def comments(world: World, call: Call) -> dict[str, object]:
    """Answer get_moment_comments: who and when, never what."""
    task = _published(world, call.body)
    return {
        "comment_list": [_reaction(reaction) for reaction in task.comments],
        "like_list": [_reaction(reaction) for reaction in task.likes],
    }
