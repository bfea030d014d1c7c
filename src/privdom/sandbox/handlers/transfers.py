"""On-the-job transfers (92125, 94088)."""

from __future__ import annotations

from datetime import datetime, timedelta

from privdom._facts import limits
from privdom.sandbox.chance import fraction
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.record import TransferEntry
from privdom.sandbox.state import Follow, Staff, Transfer
from privdom.sandbox.world import Call, World


__all__ = ["result", "start"]

_DONE, _WAITING, _REFUSED, _FULL = 1, 2, 3, 4
_BY_ADMIN = 202
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
        count += not transfer.errcode and counted and (today - day).days < limits.TRANSFER_WINDOW_DAYS
    return count


def _obstacle(world: World, external_userid: str, handover: Staff, takeover: Staff) -> int:
    # In the order of these checks; an errcode stands per customer, the call itself succeeds.
    state = world.state
    if external_userid not in state.customers:
        return 40096
    if state.follow(handover.userid, external_userid) is None:
        return 40131
    attempts = state.transfers_of.get(external_userid, ())
    if any(transfer.status == _WAITING and not transfer.errcode for transfer in attempts):
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
        _begin(
            world,
            Transfer(
                world.state.number(),
                handover.userid,
                takeover.userid,
                external_userid,
                world.timestamp,
                _REFUSED if errcode else _WAITING,
                0 if errcode else world.timestamp + limits.TRANSFER_WAIT_SECONDS,
                message,
                errcode,
            ),
        )
    return {"customer": rows}


def _begin(world: World, transfer: Transfer) -> None:
    who = (transfer.handover, transfer.takeover, transfer.external_userid)
    if transfer.errcode:
        if world.rules.rejected_transfers_listed:
            world.state.book_transfer(transfer)
        world.record.transfers.append(TransferEntry(*who, "rejected", world.now, transfer.errcode))
        return
    world.state.book_transfer(transfer)
    world.record.transfers.append(TransferEntry(*who, "started", world.now))
    chance = (transfer.external_userid, transfer.takeover)
    refused = fraction(world.seed, "refuse", *chance) < world.rules.refusal_rate
    share = fraction(world.seed, "refuse when", *chance) if refused else 1.0
    when = world.now + timedelta(seconds=int(limits.TRANSFER_WAIT_SECONDS * share))
    key = f"1:transfer:{transfer.external_userid}"
    world.agenda.book(when, key, lambda: _settle(world, transfer, refused=refused))


def _settle(world: World, transfer: Transfer, *, refused: bool) -> None:
    state = world.state
    takeover = state.staff[transfer.takeover]
    old = state.follow(transfer.handover, transfer.external_userid)
    friend = state.follow(transfer.takeover, transfer.external_userid)
    if refused or old is None or old.left_by_customer:
        # Where the customer left first, the result reads as a refusal (one report).
        _fail(world, transfer, _REFUSED, "customer_refused")
    elif friend is None and state.full(takeover):
        _fail(world, transfer, _FULL, "customer_limit_exceed")
    else:
        transfer.status, transfer.takeover_time = _DONE, world.timestamp
        _hand_over(world, transfer, old, friend)
    who = (transfer.handover, transfer.takeover, transfer.external_userid)
    outcome = _OUTCOMES[transfer.status]
    world.record.transfers.append(TransferEntry(*who, outcome, world.now))  # type: ignore[arg-type]


def _fail(world: World, transfer: Transfer, status: int, reason: str) -> None:
    transfer.status, transfer.takeover_time = status, 0
    fields = [("FailReason", reason), ("UserID", transfer.takeover), ("ExternalUserID", transfer.external_userid)]
    world.emit("change_external_contact", "transfer_fail", fields)


def _hand_over(world: World, transfer: Transfer, old: Follow, friend: Follow | None) -> None:
    state = world.state
    state.disconnect(old)
    world.emit_contact("del_external_contact", old, ("Source", "DELETE_BY_TRANSFER"))
    if friend is not None:
        return
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
    pair = (handover.userid, takeover.userid)
    cursors = Cursors(world.seed, call.path, *pair)
    rows = (
        (t.number, {"external_userid": t.external_userid, "status": t.status, "takeover_time": t.takeover_time})
        for t in world.state.transfers
        if (t.handover, t.takeover) == pair
    )
    found, following = page(rows, limits.TRANSFER_RESULT_PAGE, cursors, body.text("cursor"))
    return {"customer": found, "next_cursor": following}
