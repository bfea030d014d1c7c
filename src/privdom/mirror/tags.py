"""Corp tags that must be there before anybody can wear them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from privdom.errors import ApiError
from privdom.mirror import tables
from privdom.mirror.values import CorpTag
from privdom.mirror.writes import current_generation, put
from privdom.store import Store


if TYPE_CHECKING:
    from privdom.wecom.client import AsyncWeCom
    from privdom.wecom.tags import TagGroup


__all__ = ["ensure_tags"]


_NAME_EXISTS = 40071


async def ensure_tags(wecom: AsyncWeCom, store: Store, group_name: str, names: Iterable[str]) -> tuple[str, ...]:
    """
    Create those corp tags of a group that WeCom does not have, and return their names.

    Looks before it creates, and names are unique in a group, so it is safe to call
    again whatever became of the call before, or twice at once. All of them are in the mirror afterwards. WeCom documentation
    92117: at most 30 characters a name, 10,000 tags a corp.

    Raises:
        MayHaveArrived: WeCom's answer was lost: call it again.
        Refused: The corp has no room for more tags (40126), or the app may not make any.
    """
    names = tuple(dict.fromkeys(names))
    if not names:
        return ()
    groups, missing = await _look(wecom, group_name, names)
    if missing:
        try:
            groups.append(await wecom.tags.add(missing, group_name=group_name))
        except ApiError as e:
            # Somebody else, or a call of ours whose answer was lost, made one of them since.
            if e.errcode != _NAME_EXISTS:
                raise
            groups, left = await _look(wecom, group_name, names)
            if left:
                groups.append(await wecom.tags.add(left, group_name=group_name))

    def write() -> None:
        with store.begin() as conn:
            tables.lock(conn, wecom.corp_id)
            put(conn, tables.corp_tag, wecom.corp_id, CorpTag.of(groups), current_generation(conn, wecom.corp_id))

    await store.offload(wecom.port, write)
    return missing


async def _look(wecom: AsyncWeCom, group_name: str, names: tuple[str, ...]) -> tuple[list[TagGroup], tuple[str, ...]]:
    """Return the groups of this name, and which of *names* they lack."""
    groups = [group for group in await wecom.tags.list() if group.group_name == group_name]
    there = {tag.name for group in groups for tag in group.tag}
    return groups, tuple(name for name in names if name not in there)
