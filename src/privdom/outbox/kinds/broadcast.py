"""add_msg_template: a mass message that staff confirm (WeCom documentation 92135)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import attrs

from privdom._facts import endpoints
from privdom._facts.limits import LINK_URL_BYTES, MESSAGE_LIST_DAYS
from privdom.errors import ApiError, UsageError
from privdom.outbox.kind import Candidate, Finding, Found, Kind
from privdom.outbox.kinds._windows import windows
from privdom.outbox.units import ItemState, Unit
from privdom.outbox.verdicts import Done, Item
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.messages import (
    Attachment,
    ChatType,
    CreatorFilter,
    Link,
    MessageCreated,
    MessageRecord,
    MiniProgram,
    NewMessage,
    TaskStatus,
)
from privdom.wecom.wire import dumps, unstructure


__all__ = ["BROADCAST", "Broadcast"]

_MARK = "pd="
_CANCELLED = 41093
_NO_SUCH_MESSAGE = 41047


class Broadcast(Kind[NewMessage, MessageCreated]):
    """
    Make a mass message for named customers or groups of one sender; ``remote_id`` is its msgid.

    The look-up lists what was made in the window of the call (93338), and
    compares the mark in the url of a link or the page of a mini program, where
    the message has one, otherwise text and attachments; then the sender; then
    the recipients. It cannot tell:

    * that a message was not made: WeCom says nothing about how late the list shows it, so absence is never proven;
    * two messages of equal text and sender to the same customers, unless a link or a mini program carries the mark;
    * to which groups a message goes, until the sender confirms it. Without a mark, text, sender and window decide;
    * whom a lost answer's fail_list named: recipients that WeCom does not show count as unseen;
    * senders of a message that was cancelled in the meantime: without a mark the unit is parked;
    * media: their ids need not come back as they were sent, so only their kinds are compared.
    """

    name = "broadcast"
    endpoint = endpoints.MESSAGE_ADD
    request = NewMessage
    answer = MessageCreated
    reaches = True
    undoes = True

    def check(self, request: NewMessage, subjects: Sequence[str]) -> None:
        if request.sender is None:
            msg = "name the sender: a look-up tells a lost message by it, and staff get one at a time"
            raise UsageError(msg)
        recipients = _recipients(request)
        if not recipients:
            msg = "name the recipients, as external_userid or chat_id_list: caps and the ledger are about each of them"
            raise UsageError(msg)
        if set(subjects) != set(recipients):
            msg = "subjects= of a broadcast are just the recipients of its request"
            raise UsageError(msg)

    def narrow(self, request: NewMessage, subjects: Set[str]) -> NewMessage:
        left = tuple(recipient for recipient in _recipients(request) if recipient in subjects)
        if request.chat_type is ChatType.GROUP:
            return attrs.evolve(request, chat_id_list=left)
        return attrs.evolve(request, external_userid=left)

    def mark(self, request: NewMessage, nonce: str) -> NewMessage:
        attachments = list(request.attachments)
        for i, attachment in enumerate(attachments):
            match attachment:
                case Link(url=url) if len(marked := _marked(url, nonce).encode()) <= LINK_URL_BYTES:
                    attachments[i] = attrs.evolve(attachment, url=marked.decode())
                    break
                case MiniProgram(page=page):
                    attachments[i] = attrs.evolve(attachment, page=_marked(page, nonce))
                    break
                case _:
                    pass
        return attrs.evolve(request, attachments=tuple(attachments))

    def lane(self, request: NewMessage) -> str:
        # Never two of equal text and sender at once, or a look-up could take one for the other.
        return f"message:{_sender(request)}"

    def fingerprint(self, request: NewMessage) -> str:
        return dumps([request.chat_type, _sender(request), *_content(request)]).decode()

    def read(self, request: NewMessage, answer: MessageCreated) -> Done:
        failed = dict.fromkeys(answer.fail_list, Item(ItemState.FAILED))
        return Done(answer.msgid, dumps(unstructure(answer)).decode(), failed)

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: NewMessage, skew: timedelta) -> Finding:
        assert unit.armed_at is not None
        marked = _shows(request.attachments, unit.nonce)
        records: dict[str, MessageRecord] = {}
        for start, end in windows(unit.armed_at - skew, wecom.port.now() + skew, days=MESSAGE_LIST_DAYS):
            async for record in wecom.messages.each(request.chat_type, start, end, filter_type=CreatorFilter.CORP):
                if _shows(record.attachments, unit.nonce) if marked else _content(record) == _content(request):
                    records[record.msgid] = record
        found = [await _look_at(wecom, record, request, marked=marked) for record in records.values()]
        return Found(tuple(candidate for candidate in found if candidate is not None))

    async def undo(self, wecom: AsyncWeCom, remote_id: str) -> bool:
        try:
            await wecom.messages.cancel(remote_id)
        except ApiError as e:
            # Cancelled already, perhaps by a worker that died right after.
            if e.errcode != _CANCELLED:
                raise
        return True


def _sender(request: NewMessage) -> str:
    # Ids of staff are case-insensitive at WeCom.
    return (request.sender or "").lower()


def _recipients(request: NewMessage) -> tuple[str, ...]:
    return request.chat_id_list if request.chat_type is ChatType.GROUP else request.external_userid


def _marked(url: str, nonce: str) -> str:
    parts = urlsplit(url)
    query = f"{parts.query}&{_MARK}{nonce}" if parts.query else f"{_MARK}{nonce}"
    return urlunsplit(parts._replace(query=query))


def _shows(attachments: Iterable[Attachment], nonce: str) -> bool:
    mark = _MARK + nonce
    for attachment in attachments:
        match attachment:
            case Link(url=place) | MiniProgram(page=place) if mark in place:
                return True
            case _:
                pass
    return False


def _content(message: NewMessage | MessageRecord) -> list[str]:
    """Return what WeCom gives back of a message as it was sent."""
    text = message.text.content if message.text is not None else ""
    parts = [" ".join(text.split())]
    for attachment in message.attachments:
        match attachment:
            case Link(url=url, title=title):
                parts.append(f"link {title} {url}")
            case MiniProgram(appid=appid, page=page):
                parts.append(f"miniprogram {appid} {page}")
            case _:
                parts.append(attachment.msgtype)
    return parts


async def _look_at(wecom: AsyncWeCom, record: MessageRecord, request: NewMessage, *, marked: bool) -> Candidate | None:
    """Return what speaks for *record* being the lost message; None: something speaks against it."""
    sender = _sender(request)
    wanted = set(_recipients(request))
    unseen = dict.fromkeys(wanted, Item(ItemState.UNSEEN))
    answer = dumps({"msgid": record.msgid}).decode()
    try:
        senders = {task.userid.lower(): task async for task in wecom.messages.each_task(record.msgid)}
        if sender not in senders and not marked:
            return None
        task = senders.get(sender)
        shown_as = request.sender or "" if task is None else task.userid
        sent = task is not None and task.status is TaskStatus.SENT
        results = [result async for result in wecom.messages.each_result(record.msgid, shown_as)]
    except ApiError as e:
        if e.errcode not in {_CANCELLED, _NO_SUCH_MESSAGE}:
            raise
        return Candidate(Done(record.msgid, answer, unseen), certain=marked, gone=True)
    shown = {result.external_userid or result.chat_id for result in results}
    if not marked and not shown <= wanted:
        return None
    if request.chat_type is ChatType.GROUP:
        # WeCom shows a group only once it was sent to.
        return Candidate(Done(record.msgid, answer), certain=marked, sent=sent)
    if not shown:
        return Candidate(Done(record.msgid, answer, unseen), certain=marked, sent=sent)
    left = {customer: Item(ItemState.UNSEEN) for customer in wanted - shown}
    return Candidate(Done(record.msgid, answer, left), certain=marked, whole=not left, sent=sent)


BROADCAST = Broadcast()
