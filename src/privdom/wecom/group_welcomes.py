"""Welcome messages for customers who join a group (入群欢迎语素材), as the corp keeps them: WeCom documentation 92366."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import File, Image, Link, MiniProgram, Text, Video, as_text
from privdom.wecom._values import Done, Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncGroupWelcomes",
    "CreatedGroupWelcome",
    "DeleteGroupWelcomeRequest",
    "GetGroupWelcomeRequest",
    "GroupWelcome",
    "GroupWelcomeUpdate",
    "GroupWelcomes",
    "NewGroupWelcome",
]


@attrs.frozen(repr=False, weakref_slot=False)
class GroupWelcome(Model):
    """A group welcome as WeCom keeps it; an image that was given by ``media_id`` comes back by ``pic_url``."""

    text: Text | None = None
    image: Image | None = None
    link: Link | None = None
    miniprogram: MiniProgram | None = None
    file: File | None = None
    video: Video | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def as_new(self) -> NewGroupWelcome:
        """Return what it consists of, to be changed with ``attrs.evolve`` and written back whole."""
        return NewGroupWelcome(
            self.text, image=self.image, link=self.link, miniprogram=self.miniprogram, file=self.file, video=self.video
        )


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedGroupWelcome(Model):
    """A new group welcome. Keep the ``template_id``: no list shows it."""

    template_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _check(welcome: NewGroupWelcome | GroupWelcomeUpdate) -> None:
    text = welcome.text.content if welcome.text else ""
    _values.check_bytes(text, "text", limits.GROUP_WELCOME_TEXT_BYTES)
    kinds = (welcome.image, welcome.link, welcome.miniprogram, welcome.file, welcome.video)
    shown = sum(item is not None for item in kinds)
    if not text and not shown:
        msg = "the group welcome is empty: give a text, or one of image, link, miniprogram, file and video"
        raise UsageError(msg)
    if shown > 1:
        msg = "WeCom takes only one of image, link, miniprogram, file and video: leave the others out"
        raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class NewGroupWelcome(Model):
    """
    A group welcome to make: a text, one of the other kinds, or both, which arrive as two messages.

    Args:
        text: at most 3,000 bytes in UTF-8; ``%NICKNAME%`` becomes the customer's name.
        image: a picture.
        link: a web page.
        miniprogram: a page of a mini program.
        file: a file.
        video: a video.
        agentid: only for old suites of providers, which hold several apps.
        notify: 1, WeCom's default, tells the staff that they can use it; 0 does not. Of no use in an edit.
    """

    text: Text | None = attrs.field(default=None, converter=as_text)
    image: Image | None = attrs.field(default=None, kw_only=True)
    link: Link | None = attrs.field(default=None, kw_only=True)
    miniprogram: MiniProgram | None = attrs.field(default=None, kw_only=True)
    file: File | None = attrs.field(default=None, kw_only=True)
    video: Video | None = attrs.field(default=None, kw_only=True)
    agentid: int | None = attrs.field(default=None, kw_only=True)
    notify: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check(self)
        _values.check_range(self.notify, "notify", 0, 1)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupWelcomeUpdate(Model):
    """A group welcome to be overwritten. `of` makes one."""

    template_id: str
    text: Text | None = attrs.field(default=None, converter=as_text, kw_only=True)
    image: Image | None = attrs.field(default=None, kw_only=True)
    link: Link | None = attrs.field(default=None, kw_only=True)
    miniprogram: MiniProgram | None = attrs.field(default=None, kw_only=True)
    file: File | None = attrs.field(default=None, kw_only=True)
    video: Video | None = attrs.field(default=None, kw_only=True)
    agentid: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.template_id, "template_id")
        _check(self)

    @classmethod
    def of(cls, template_id: str, welcome: NewGroupWelcome) -> GroupWelcomeUpdate:
        """Return the update that makes *template_id* just like *welcome*."""
        return cls(
            template_id,
            text=welcome.text,
            image=welcome.image,
            link=welcome.link,
            miniprogram=welcome.miniprogram,
            file=welcome.file,
            video=welcome.video,
            agentid=welcome.agentid,
        )


@attrs.frozen(repr=False, weakref_slot=False)
class GetGroupWelcomeRequest(Model):
    """Which group welcome to read."""

    template_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.template_id, "template_id")


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteGroupWelcomeRequest(Model):
    """Which group welcome to delete."""

    template_id: str
    agentid: int | None = None

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.template_id, "template_id")


class AsyncGroupWelcomes:
    """
    Welcome messages for customers who join a group; staff choose one for each of their groups.

    An app changes only what it made itself. Every method raises what a call can
    raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, welcome: NewGroupWelcome) -> CreatedGroupWelcome:
        """
        Make a group welcome (WeCom documentation 92366).

        A corp can have 100 of them.

        Raises:
            MayHaveArrived: No list tells; a second one costs one of the 100, and staff hear of it twice.
            Refused: The corp has 100 (41055), a media id is not valid (40007) ...
        """
        return await self._session.call(endpoints.GROUP_WELCOME_ADD, welcome, CreatedGroupWelcome)

    async def edit(self, template_id: str, welcome: NewGroupWelcome) -> None:
        """
        Overwrite a group welcome: afterwards it is just like *welcome* (WeCom documentation 92366).

        To change a part, begin with what is there: ``attrs.evolve((await welcomes.get(i)).as_new(), text="...")``.
        Nobody is notified.

        Raises:
            UsageError: *template_id* is empty.
            Refused: Another app or an admin made it (41058).
        """
        await self._session.call(endpoints.GROUP_WELCOME_EDIT, GroupWelcomeUpdate.of(template_id, welcome), Done)

    async def get(self, template_id: str) -> GroupWelcome:
        """
        Return a group welcome (WeCom documentation 92366).

        Raises:
            UsageError: *template_id* is empty.
            Refused: There is no such group welcome.
        """
        return await self._session.call(endpoints.GROUP_WELCOME_GET, GetGroupWelcomeRequest(template_id), GroupWelcome)

    async def delete(self, template_id: str, *, agentid: int | None = None) -> None:
        """
        Delete a group welcome (WeCom documentation 92366).

        Args:
            template_id: which.
            agentid: only for old suites of providers, which hold several apps.

        Raises:
            UsageError: *template_id* is empty.
            Refused: There is no such group welcome, perhaps any more, or somebody else made it (41058).
        """
        request = DeleteGroupWelcomeRequest(template_id, agentid)
        await self._session.call(endpoints.GROUP_WELCOME_DELETE, request, Done)

    def __repr__(self) -> str:
        return f"<AsyncGroupWelcomes of {self._session.corp_id}>"


class GroupWelcomes(Blocking[AsyncGroupWelcomes]):
    """Welcome messages for customers who join a group; `AsyncGroupWelcomes`, blocking."""

    add = blocking(AsyncGroupWelcomes.add)
    edit = blocking(AsyncGroupWelcomes.edit)
    get = blocking(AsyncGroupWelcomes.get)
    delete = blocking(AsyncGroupWelcomes.delete)
