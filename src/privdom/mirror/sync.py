"""The full sync: reads all that WeCom knows of a corp, page by page, and goes on where it was broken off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, core_of, maybe_await
from privdom.errors import NoPermission, Refused, UsageError
from privdom.mirror import journal, pages, sweep, tables
from privdom.mirror.journal import Part, Sync
from privdom.mirror.pages import Cursors, Fetched
from privdom.mirror.report import SyncReport
from privdom.mirror.tags import ensure_tags
from privdom.mirror.values import CorpTag, Group, Staff
from privdom.mirror.writes import put
from privdom.store import Store, sql


if TYPE_CHECKING:
    from privdom.wecom.client import AsyncWeCom, WeCom
    from privdom.wecom.contacts import BatchPage
    from privdom.wecom.groups import GroupPage


__all__ = ["AsyncMirror", "Mirror", "Progress"]

R = TypeVar("R")

Progress = Callable[[str, int, int | None], Awaitable[None] | None]
"""Called with the stage, how much of it this run has done, and of how much, None where nobody knows; plain or async."""

_GROUPS_A_PAGE = 100
_STAFF_A_PAGE = 100
GROUP_GONE = frozenset({40050, 49008, 90501, 90509})
_GROUP_UNREADABLE = frozenset({60011, 60021, 90507})


class AsyncMirror:
    """
    Keeps a corp's staff, customers, relations, tags and groups in the database.

    Args:
        wecom: The client whose corp it is.
        store: Where to keep it.
        in_flight: How many calls may be under way at once; with more than about 5 WeCom answers 45033.

    Raises:
        UsageError: The store is joined to a transaction of a host; a sync needs many of its own.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, *, in_flight: int = 4) -> None:
        store.commits_itself("a mirror")
        if in_flight < 1:
            msg = f"in_flight must be at least 1, not {in_flight}"
            raise UsageError(msg)
        self._wecom = wecom
        self._port = wecom.port
        self._corp_id = wecom.corp_id
        self._store = store
        self._in_flight = in_flight

    async def sync(self, progress: Progress | None = None) -> SyncReport:
        """
        Read everything once, and remove from the mirror what is no longer there.

        Each page commits together with the cursor behind it. After a crash the
        next call goes on from there; several processes at once share the work.
        Nothing is removed before all has been read. From the second sync on,
        relations that are new or gone are told to the event log (``follow_added``,
        ``follow_removed`` by ``sync``), which makes up for lost callbacks.

        WeCom documentation 92571, 90196, 92117, 92994, 92120, 92122.

        Args:
            progress: Called as ``progress(stage, done, total)`` after each step.

        Raises:
            ApiError: WeCom refused; what was read so far stays, and the next call goes on.
            CursorLoop: WeCom sent a cursor twice.
        """
        sync = await self._write(lambda conn: journal.begin(conn, self._corp_id, self._port.now()))
        steps = {
            "staff": self._read_staff,
            "tags": self._read_tags,
            "customers": self._read_customers,
            "groups": self._read_groups,
            "sweep": self._sweep,
        }
        for stage in journal.STAGES[journal.STAGES.index(sync.stage) : -1]:
            await steps[stage](sync, progress)
        return await self._write(partial(journal.report, sync=sync))

    async def ensure_tags(self, group_name: str, names: Iterable[str]) -> tuple[str, ...]:
        """
        Create those corp tags of a group that WeCom does not have, and return their names.

        Looks before it creates, so it is safe to call again whatever became of
        the call before. All of them are in the mirror afterwards.

        WeCom documentation 92117.

        Raises:
            MayHaveArrived: WeCom's answer was lost: call it again.
            Refused: The corp has no room for more tags (40126), or the app may not make any.
        """
        return await ensure_tags(self._wecom, self._store, group_name, names)

    async def _read_staff(self, sync: Sync, progress: Progress | None) -> None:
        serving = await self._wecom.staff.serving()
        seen = await self._write(partial(sweep.seen_staff, sync=sync))
        rest = [one for one in serving if one not in seen]
        done = len(serving) - len(rest)
        for some in sql.chunks(rest, _STAFF_A_PAGE):
            async with aclosing(self._port.map(self._staff, some, self._in_flight)) as answers:
                staff = [one async for one in answers]
            await self._write(partial(pages.put_staff, sync=sync, staff=staff))
            done += len(staff)
            await _tell(progress, "staff", done, len(serving))

        def finish(conn: Connection) -> None:
            if journal.is_at(conn, sync, "staff"):
                journal.count(conn, sync, "staff", sweep.staff(conn, sync))
                journal.plan_parts(conn, sync, "customers", serving)
                journal.plan_parts(conn, sync, "groups", serving)
                journal.advance(conn, sync, "staff")

        await self._write(finish)

    async def _staff(self, userid: str) -> Staff:
        try:
            return Staff.of(await self._wecom.staff.get(userid))
        except Refused as e:
            # Some apps may not see details; that somebody serves customers is known all the same.
            if not isinstance(e, NoPermission) and not pages.concerns_staff(e):
                raise
            return Staff(userid)

    async def _read_tags(self, sync: Sync, progress: Progress | None) -> None:
        try:
            answer: tuple[CorpTag, ...] | NoPermission = CorpTag.of(await self._wecom.tags.list())
        except NoPermission as e:
            answer = e

        def finish(conn: Connection) -> None:
            if not journal.is_at(conn, sync, "tags"):
                return
            if isinstance(answer, NoPermission):
                journal.leave_out(conn, sync, "tags", pages.reason(answer))
            else:
                changes = put(conn, tables.corp_tag, self._corp_id, answer, sync.generation)
                journal.count(conn, sync, "tags", changes + sweep.tags(conn, sync))
            journal.advance(conn, sync, "tags")

        await self._write(finish)
        done = 0 if isinstance(answer, NoPermission) else len(answer)
        await _tell(progress, "tags", done, done)

    async def _read_customers(self, sync: Sync, progress: Progress | None) -> None:
        cursors = Cursors()
        done = 0
        while parts := await self._write(partial(journal.open_parts, sync=sync, kind="customers")):
            # One page of each part at a time: within a part they only come one after the other.
            async with aclosing(self._port.map(self._customers, parts, self._in_flight)) as answers:
                async for fetched in answers:
                    page = fetched.answer
                    if isinstance(page, Refused):
                        put_refusal = partial(pages.put_refusal, fetched=fetched, refusal=page, cursors=cursors)
                        await self._write(partial(put_refusal, sync=sync))
                        continue
                    cursors.follow(fetched.part, page.next_cursor)
                    await self._write(partial(pages.put_customers, sync=sync, fetched=fetched, page=page))
                    done += len(page.external_contact_list)
                    await _tell(progress, "customers", done, None)
        await self._write(partial(journal.advance, sync=sync, stage="customers"))

    async def _customers(self, part: Part) -> Fetched[BatchPage]:
        asked_at = self._port.now()
        try:
            return Fetched(part, asked_at, await self._wecom.contacts.batch(part.staff, cursor=part.cursor))
        except Refused as e:
            return Fetched(part, asked_at, e)

    async def _read_groups(self, sync: Sync, progress: Progress | None) -> None:
        cursors = Cursors()
        done = 0
        while parts := await self._write(partial(journal.open_parts, sync=sync, kind="groups")):
            # Groups have a call each, so the calls of one part keep WeCom busy enough.
            fetched = await self._groups(parts[0])
            page = fetched.answer
            if isinstance(page, NoPermission) and not pages.concerns_staff(page):
                why = pages.reason(page)
                await self._write(partial(journal.leave_out, sync=sync, what="groups", why=why))
                break
            if isinstance(page, Refused):
                put_refusal = partial(pages.put_refusal, fetched=fetched, refusal=page, cursors=cursors)
                await self._write(partial(put_refusal, sync=sync))
                continue
            cursors.follow(fetched.part, page.next_cursor)
            await self._write(partial(pages.put_groups, sync=sync, fetched=fetched, page=page))
            done += len(fetched.groups)
            await _tell(progress, "groups", done, None)
        await self._write(partial(journal.advance, sync=sync, stage="groups"))

    async def _groups(self, part: Part) -> Fetched[GroupPage]:
        asked_at = self._port.now()
        try:
            page = await self._wecom.groups.list(owners=part.staff, cursor=part.cursor, limit=_GROUPS_A_PAGE)
        except Refused as e:
            return Fetched(part, asked_at, e)
        ids = [one.chat_id for one in page.group_chat_list]
        async with aclosing(self._port.map(self._group, ids, self._in_flight)) as answers:
            found = [one async for one in answers]
        groups = tuple(one for one in found if isinstance(one, Group))
        unread = tuple(one for one in found if isinstance(one, tuple))
        return Fetched(part, asked_at, page, groups, unread)

    async def _group(self, chat_id: str) -> Group | tuple[str, str] | None:
        try:
            return Group.of(await self._wecom.groups.get(chat_id))
        except Refused as e:
            if e.errcode in GROUP_GONE:
                return None
            if e.errcode in _GROUP_UNREADABLE:
                return (chat_id, pages.reason(e))
            raise

    async def _sweep(self, sync: Sync, progress: Progress | None) -> None:
        while not await self._write(partial(pages.sweep_some, sync=sync, now=self._port.now())):
            pass
        await _tell(progress, "sweep", 1, 1)

    async def _write(self, work: Callable[[Connection], R]) -> R:
        def transaction() -> R:
            with self._store.begin() as conn:
                tables.lock(conn, self._corp_id)
                return work(conn)

        return await self._store.offload(self._port, transaction)

    def __repr__(self) -> str:
        return f"<AsyncMirror of {self._corp_id} in {self._store!r}>"


class Mirror(Blocking[AsyncMirror]):
    """Keeps a corp's staff, customers, relations, tags and groups in the database; `AsyncMirror`, blocking."""

    def __init__(self, wecom: WeCom, store: Store, *, in_flight: int = 4) -> None:
        super().__init__(AsyncMirror(core_of(wecom), store, in_flight=in_flight))

    sync = blocking(AsyncMirror.sync)
    ensure_tags = blocking(AsyncMirror.ensure_tags)


async def _tell(progress: Progress | None, stage: str, done: int, total: int | None) -> None:
    if progress is not None:
        await maybe_await(progress(stage, done, total))
