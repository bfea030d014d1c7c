"""On-the-job transfers (92125, 94088), and those from staff who resigned (92124, 94081, 94082)."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from privdom._facts import limits
from privdom.sandbox import links
from privdom.sandbox.chance import fraction
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.record import TransferEntry
from privdom.sandbox.state import Follow, Staff, Transfer
from privdom.sandbox.world import Call, World


__all__ = ["TransferEnd", "result", "result_resigned", "start", "start_resigned", "unassigned"]

_DONE, _WAITING, _REFUSED, _FULL = 1, 2, 3, 4
_BY_ADMIN = 202
_DAY = 86_400
_OUTCOMES = {_DONE: "succeeded", _WAITING: "started", _REFUSED: "refused", _FULL: "full"}


def _staff(world: World, userid: str) -> Staff:
    if not userid:
        raise WeComError(41009)
    return world.need_staff(userid)


def _recent(world: World, external_userid: str) -> int:
    today = world.now.astimezone(CHINA).date()
    count = 0
    for transfer in world.state.transfers_of.get(external_userid, ()):
        counted = world.rules.transfer_counts == "starts" or transfer.status == _DONE
        day = datetime.fromtimestamp(transfer.started, CHINA).date()
        # Only customers of staff at work are spared a third transfer.
        count += (
            not transfer.resigned
            and not transfer.errcode
            and counted
            and (today - day).days < limits.TRANSFER_WINDOW_DAYS
        )
    return count


def _runs(world: World, external_userid: str) -> bool:
    attempts = world.state.transfers_of.get(external_userid, ())
    return any(transfer.status == _WAITING and not transfer.errcode for transfer in attempts)


def _obstacle(world: World, external_userid: str, handover: Staff, takeover: Staff) -> int:
    # In the order of these checks; an errcode stands per customer, the call itself succeeds.
    state = world.state
    if external_userid not in state.customers:
        return 40096
    if state.follow(handover.userid, external_userid) is None:
        return 40131
    if _runs(world, external_userid):
        return 40129
    if _recent(world, external_userid) >= limits.TRANSFERS_PER_CUSTOMER:
        return 40128
    if state.full(takeover) and state.follow(takeover.userid, external_userid) is None:
        return 40099
    return 0


def start(world: World, call: Call) -> dict[str, object]:
    """Answer transfer_customer: 0 for a customer only means that the 24 hours began."""
    body = call.body
    handover_id, takeover_id = body.text("handover_userid"), body.text("takeover_userid")
    external_userids = body.texts("external_userid", most=limits.TRANSFER_CUSTOMERS)
    if not external_userids:
        raise WeComError(41035)
    message = body.text("transfer_success_msg", chars=limits.TRANSFER_MSG_CHARS)
    handover, takeover = _staff(world, handover_id), _staff(world, takeover_id)
    if not takeover.serving:
        raise WeComError(84074)
    if handover.userid == takeover.userid:
        raise WeComError(40130)
    rows: list[dict[str, object]] = []
    for external_userid in external_userids:
        errcode = _obstacle(world, external_userid, handover, takeover)
        rows.append({"external_userid": external_userid, "errcode": errcode})
        _begin(world, _attempt(world, handover, takeover, external_userid, errcode, message))
    return {"customer": rows}


def _attempt(
    world: World, handover: Staff, takeover: Staff, external_userid: str, errcode: int, message: str
) -> Transfer:
    return Transfer(
        world.state.number(),
        handover.userid,
        takeover.userid,
        external_userid,
        world.timestamp,
        _REFUSED if errcode else _WAITING,
        0 if errcode else world.timestamp + limits.TRANSFER_WAIT_SECONDS,
        message,
        errcode,
        bool(handover.resigned),
    )


def _enter(world: World, transfer: Transfer, outcome: str) -> None:
    who = (transfer.handover, transfer.takeover, transfer.external_userid)
    told = transfer.message if outcome == "succeeded" else ""
    entry = TransferEntry(*who, outcome, world.now, transfer.errcode, transfer.resigned, told)  # type: ignore[arg-type]
    world.record.transfers.append(entry)


def _begin(world: World, transfer: Transfer) -> None:
    if transfer.errcode:
        if world.rules.rejected_transfers_listed:
            world.state.book_transfer(transfer)
        _enter(world, transfer, "rejected")
        return
    world.state.book_transfer(transfer)
    _enter(world, transfer, "started")
    chance = (transfer.external_userid, transfer.takeover)
    refused = fraction(world.seed, "refuse", *chance) < world.rules.refusal_rate
    share = fraction(world.seed, "refuse when", *chance) if refused else 1.0
    when = world.now + timedelta(seconds=int(limits.TRANSFER_WAIT_SECONDS * share))
    key = f"1:transfer:{transfer.external_userid}"
    world.agenda.book(when, key, TransferEnd(transfer, refused))


@attrs.frozen
class TransferEnd:
    """The end of a transfer, with what the customer has made up their mind to."""

    transfer: Transfer
    refused: bool

    def run(self, world: World) -> None:
        """Settle it."""
        _settle(world, self.transfer, refused=self.refused)


def _relation(world: World, transfer: Transfer) -> Follow | None:
    # Who resigns while an on-the-job transfer waits leaves the customer unassigned, and the transfer goes on.
    follow = None if transfer.resigned else world.state.follow(transfer.handover, transfer.external_userid)
    held = world.state.unassigned.get((transfer.handover, transfer.external_userid))
    return follow or (held.follow if held else None)


def _settle(world: World, transfer: Transfer, *, refused: bool) -> None:
    state = world.state
    takeover = state.staff.get(transfer.takeover)
    old = _relation(world, transfer)
    friend = state.follow(transfer.takeover, transfer.external_userid)
    if refused or old is None or old.left_by_customer:
        # Where the customer left first, the result reads as a refusal (one report).
        _fail(world, transfer, _REFUSED, "customer_refused")
    elif takeover is None or (friend is None and state.full(takeover)):
        # No status says that takeover has resigned meanwhile; this is the nearest.
        _fail(world, transfer, _FULL, "customer_limit_exceed")
    else:
        transfer.status, transfer.takeover_time = _DONE, world.timestamp
        _hand_over(world, transfer, old, friend)
    _enter(world, transfer, _OUTCOMES[transfer.status])
    links.watch(world)


def _fail(world: World, transfer: Transfer, status: int, reason: str) -> None:
    transfer.status, transfer.takeover_time = status, 0
    if transfer.resigned:
        # There is nobody to stay with: the customer is lost, and cannot be assigned again.
        world.state.unassigned.pop((transfer.handover, transfer.external_userid), None)
    fields = [("FailReason", reason), ("UserID", transfer.takeover), ("ExternalUserID", transfer.external_userid)]
    world.emit("change_external_contact", "transfer_fail", fields)


def _hand_over(world: World, transfer: Transfer, old: Follow, friend: Follow | None) -> None:
    state = world.state
    if state.follow(old.userid, old.external_userid) is old:
        state.disconnect(old)
        world.emit_contact("del_external_contact", old, ("Source", "DELETE_BY_TRANSFER"))
    else:
        del state.unassigned[old.userid, old.external_userid]
        if world.rules.resigned_transfer_tells_handover:
            world.emit_contact("del_external_contact", old)
    if friend is not None and not friend.left_by_customer:
        return
    if friend is not None:
        state.disconnect(friend)
    rules = world.rules
    new = Follow(
        number=state.number(),
        userid=transfer.takeover,
        external_userid=transfer.external_userid,
        created=world.timestamp,
        add_way=_BY_ADMIN,
        oper_userid=transfer.takeover,
        remark=old.remark if rules.transfer_copies_remark else "",
        description=old.description if rules.transfer_copies_remark else "",
        tags=dict(old.tags) if rules.transfer_copies_tags else {},
    )
    state.connect(new)
    gave_away = any(
        earlier.handover == transfer.takeover and earlier.status == _DONE
        for earlier in state.transfers_of[transfer.external_userid]
    )
    if not gave_away:
        world.emit_contact("add_external_contact", new)


def result(world: World, call: Call) -> dict[str, object]:
    """Answer transfer_result: all attempts between two staff, 1,000 a page."""
    body = call.body
    handover, takeover = _staff(world, body.text("handover_userid")), _staff(world, body.text("takeover_userid"))
    return _listed(world, call, handover, takeover)


def _listed(world: World, call: Call, handover: Staff, takeover: Staff) -> dict[str, object]:
    pair = (handover.userid, takeover.userid)
    cursors = Cursors(world.seed, call.path, *pair)
    rows = (
        (t.number, {"external_userid": t.external_userid, "status": t.status, "takeover_time": t.takeover_time})
        for t in world.state.transfers
        if (t.handover, t.takeover) == pair and t.resigned == bool(handover.resigned)
    )
    found, following = page(rows, limits.TRANSFER_RESULT_PAGE, cursors, call.body.text("cursor"))
    return {"customer": found, "next_cursor": following}


# Customers of staff who resigned.


def _former(world: World, userid: str) -> Staff:
    staff = world.state.left(userid)
    if staff is None:
        # Staff at work are known, but have not resigned.
        world.need_staff(userid)
        raise WeComError(40097)
    return staff


def unassigned(world: World, call: Call) -> dict[str, object]:
    """Answer get_unassigned_list: by cursor, or by the number of the page where only that is given."""
    body = call.body
    size = body.integer("page_size", low=0, high=limits.UNASSIGNED_PAGE) or limits.UNASSIGNED_PAGE
    number = body.integer("page_id", low=0)
    rows = [
        (
            held.number,
            {
                "handover_userid": held.follow.userid,
                "external_userid": held.follow.external_userid,
                "dimission_time": held.resigned,
            },
        )
        for held in sorted(world.state.unassigned.values(), key=lambda held: held.number)
        if world.rules.waiting_still_unassigned or not _runs(world, held.follow.external_userid)
    ]
    if "page_id" in body and "cursor" not in body:
        if number * size >= limits.UNASSIGNED_BY_PAGE_ID:
            raise WeComError(40058)
        end = (number + 1) * size
        return {"info": [row for _, row in rows[number * size : end]], "is_last": end >= len(rows)}
    found, following = page(rows, size, Cursors(world.seed, call.path), body.text("cursor"))
    return {"info": found, "is_last": not following, "next_cursor": following}


def _resigned_obstacle(world: World, external_userid: str, handover: Staff, takeover: Staff) -> int:
    state = world.state
    if external_userid not in state.customers:
        return 40096
    if (handover.userid, external_userid) not in state.unassigned:
        return 40131
    if _runs(world, external_userid):
        return 40100
    if state.full(takeover) and state.follow(takeover.userid, external_userid) is None:
        return 40099
    return 0


def start_resigned(world: World, call: Call) -> dict[str, object]:
    """Answer resigned/transfer_customer: 0 for a customer only means that the 24 hours began."""
    body = call.body
    handover_id, takeover_id = body.text("handover_userid"), body.text("takeover_userid")
    external_userids = body.texts("external_userid", most=limits.TRANSFER_CUSTOMERS)
    if not external_userids:
        raise WeComError(41035)
    handover = _former(world, handover_id)
    if handover_id.lower() == takeover_id.lower():
        raise WeComError(40130)
    takeover = _staff(world, takeover_id)
    if not takeover.serving:
        raise WeComError(84074)
    if world.timestamp > handover.resigned + limits.RESIGNED_DAYS * _DAY:
        # The one errcode that speaks of that year.
        raise WeComError(40205)
    rows: list[dict[str, object]] = []
    for external_userid in external_userids:
        errcode = _resigned_obstacle(world, external_userid, handover, takeover)
        rows.append({"external_userid": external_userid, "errcode": errcode})
        _begin(world, _attempt(world, handover, takeover, external_userid, errcode, ""))
    return {"customer": rows}


def result_resigned(world: World, call: Call) -> dict[str, object]:
    """Answer resigned/transfer_result: all attempts from one who resigned to one takeover, 1,000 a page."""
    handover = _former(world, call.body.text("handover_userid"))
    return _listed(world, call, handover, _staff(world, call.body.text("takeover_userid")))
