"""What happens to the corp's customer tags: change_external_tag (92130)."""

from __future__ import annotations

import attrs

from privdom.wecom.callbacks.events._base import KnownEvent, field


__all__ = ["TagCreated", "TagDeleted", "TagEvent", "TagUpdated", "TagsShuffled"]


@attrs.frozen(kw_only=True)
class TagEvent(KnownEvent):
    """
    Something happened to a corp tag or a group of them (change_external_tag); read the list again.

    Attributes:
        id: of the tag or the group.
        tag_type: ``tag`` or ``tag_group``; empty for a shuffle.
        strategy_id: the rule group; only WeCom's own customer contact app gets it.
    """

    id: str = field("Id")
    tag_type: str = field("TagType", default="")
    strategy_id: str = field("StrategyId", default="")


@attrs.frozen(kw_only=True)
class TagCreated(TagEvent):
    """A tag or a group was created (create)."""


@attrs.frozen(kw_only=True)
class TagUpdated(TagEvent):
    """A tag or a group was changed (update)."""


@attrs.frozen(kw_only=True)
class TagDeleted(TagEvent):
    """A tag or a group was deleted; the tags of a group go without an event of their own (delete)."""


@attrs.frozen(kw_only=True)
class TagsShuffled(TagEvent):
    """Tags were put in another order (shuffle); ``id`` is the group, empty when the groups were moved."""

    id: str = field("Id", default="")
