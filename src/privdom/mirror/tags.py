"""Corp tags that must be there before anybody can wear them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from privdom.mirror import tables
from privdom.mirror.values import CorpTag
from privdom.mirror.writes import current_generation, put
from privdom.store import Store


if TYPE_CHECKING:
    from privdom.wecom.client import AsyncWeCom


__all__ = ["ensure_tags"]


async def ensure_tags(wecom: AsyncWeCom, store: Store, group_name: str, names: Iterable[str]) -> tuple[str, ...]:
    """
    Create those corp tags of a group that WeCom does not have, and return their names.

    Looks before it creates, so it is safe to call again whatever became of the
    call before. All of them are in the mirror afterwards. WeCom documentation
    92117: at most 30 characters a name, 10,000 tags a corp.

    Raises:
        MayHaveArrived: WeCom's answer was lost: call it again.
        Refused: The corp has no room for more tags (40126), or the app may not make any.
    """
    names = tuple(dict.fromkeys(names))
    if not names:
        return ()
    groups = [group for group in await wecom.tags.list() if group.group_name == group_name]
    there = {tag.name for group in groups for tag in group.tag}
    missing = tuple(name for name in names if name not in there)
    if missing:
        groups.append(await wecom.tags.add(missing, group_name=group_name))

    def write() -> None:
        with store.begin() as conn:
            tables.lock(conn, wecom.corp_id)
            put(conn, tables.corp_tag, wecom.corp_id, CorpTag.of(groups), current_generation(conn, wecom.corp_id))

    await store.offload(wecom.port, write)
    return missing
