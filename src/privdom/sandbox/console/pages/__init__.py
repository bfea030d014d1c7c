"""The pages: each reads the state of the sandbox and returns what stands between its head and its foot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from privdom.sandbox.console.pages import album, customers, groups, machine, moments, sent, staff, tags, ways_in
from privdom.sandbox.console.parts import Page, View


__all__ = ["MENU", "PAGES"]


@attrs.frozen
class Chapter:
    """A page, what it is called in the menu, and the page of one thing of it."""

    name: str
    many: Callable[[View], Page]
    one: Callable[[View, str], Page] | None = None


MENU: Final[Mapping[str, Mapping[str, Chapter]]] = {
    "": {"": Chapter("Overview 总览", machine.overview)},
    "People 人": {
        "customers": Chapter("Customers 客户", customers.many, customers.one),
        "staff": Chapter("Staff 成员", staff.many, staff.one),
        "groups": Chapter("Groups 客户群", groups.many, groups.one),
    },
    "Ways in 引流": {
        "codes": Chapter("Codes 活码", ways_in.codes),
        "links": Chapter("Links 获客链接", ways_in.links, ways_in.link),
        "join-ways": Chapter("Join ways 加入群聊", ways_in.join_ways),
    },
    "Sent 触达": {
        "messages": Chapter("Messages 群发", sent.messages, sent.message),
        "moments": Chapter("Moments 朋友圈", moments.many, moments.one),
        "app-messages": Chapter("App messages 应用消息", sent.app_messages),
        "welcomes": Chapter("Group welcomes 入群欢迎语", groups.welcomes),
    },
    "Kept 资料": {
        "tags": Chapter("Tags 标签", tags.many),
        "strategies": Chapter("Strategies 规则组", tags.strategies, tags.strategy),
        "products": Chapter("Products 商品图册", album.products),
        "intercept-rules": Chapter("Intercept rules 敏感词", album.intercept_rules),
        "media": Chapter("Media 素材", album.media),
    },
    "Sandbox 沙箱": {
        "log": Chapter("Log 日志", machine.log),
        "faults": Chapter("Faults 故障", machine.faults),
    },
}
"""By heading, and by the first part of the path."""

PAGES: Final[Mapping[str, Chapter]] = {path: chapter for part in MENU.values() for path, chapter in part.items()}
