"""The profile that a staff or a WeCom user shows outside their corp."""

from __future__ import annotations

import attrs

from privdom.wecom._values import Model, OpenInt, masked_name, personal
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = ["AttrType", "ExternalProfile", "MiniProgramValue", "ProfileAttr", "ProfileChannels", "TextValue", "WebValue"]


class AttrType(OpenInt):
    """Which of its values an attribute holds."""

    TEXT = 0
    WEB = 1
    MINI_PROGRAM = 2


@attrs.frozen(repr=False, weakref_slot=False)
class TextValue(Model):
    """A text, which may be a phone number or an address."""

    value: str = personal()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class WebValue(Model):
    """A web page, which may be of one person."""

    url: str = personal()
    title: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MiniProgramValue(Model):
    """A mini program's page."""

    appid: str = ""
    pagepath: str = ""
    title: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ProfileAttr(Model):
    """One attribute: ``type`` tells which of the values is there."""

    type: AttrType = AttrType.TEXT
    name: str = ""
    text: TextValue | None = None
    web: WebValue | None = None
    miniprogram: MiniProgramValue | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ProfileChannels(Model):
    """The WeChat channel (视频号) shown in a profile; status 1 says that it is bound."""

    nickname: str = personal(show=masked_name)
    status: int = 0
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ExternalProfile(Model):
    """What is shown outside."""

    external_corp_name: str = ""
    wechat_channels: ProfileChannels | None = None
    external_attr: tuple[ProfileAttr, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)
