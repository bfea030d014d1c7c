"""Join ways (加入群聊): QR codes and buttons that lead customers into groups: WeCom documentation 92229."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.wecom import _values
from privdom.wecom._values import Done, Model, OpenInt
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncJoinWays",
    "CreatedJoinWay",
    "DeleteJoinWayRequest",
    "GetJoinWayRequest",
    "JoinWay",
    "JoinWayAnswer",
    "JoinWayScene",
    "JoinWayUpdate",
    "JoinWays",
    "NewJoinWay",
]


class JoinWayScene(OpenInt):
    """Where a join way is shown."""

    MINI_PROGRAM = 1
    QR_CODE = 2


@attrs.frozen(repr=False, weakref_slot=False)
class JoinWay(Model):
    """A join way as WeCom keeps it."""

    config_id: str
    scene: JoinWayScene = JoinWayScene.QR_CODE
    remark: str = ""
    auto_create_room: int = 1
    room_base_name: str = ""
    room_base_id: int | None = None
    chat_id_list: tuple[str, ...] = ()
    qr_code: str = ""
    """URL of the picture, or of the plug-in in a mini program."""
    state: str = ""
    mark_source: bool | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def as_new(self) -> NewJoinWay:
        """Return what it consists of, to be changed with ``attrs.evolve`` and written back whole."""
        names = (a.name for a in attrs.fields(NewJoinWay))
        return NewJoinWay(**{name: getattr(self, name) for name in names})


@attrs.frozen(repr=False, weakref_slot=False)
class JoinWayAnswer(Model):
    """The join way that was asked for."""

    join_way: JoinWay
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedJoinWay(Model):
    """A new join way. Keep the ``config_id``: neither the console nor any list shows it."""

    config_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _check(way: NewJoinWay | JoinWayUpdate) -> None:
    _values.check_choice(way.scene, "scene")
    _values.ids(way.chat_id_list, "chat_id_list", _values.chat_id, at_least=1, at_most=limits.JOIN_WAY_GROUPS)
    # WeCom cuts what is longer, without a word.
    _values.check_chars(way.remark, "remark", limits.JOIN_WAY_REMARK_CHARS)
    _values.check_chars(way.state, "state", limits.STATE_CHARS)
    _values.check_chars(way.room_base_name, "room_base_name", limits.ROOM_NAME_CHARS)
    _values.check_range(way.auto_create_room, "auto_create_room", 0, 1)
    _values.check_range(way.room_base_id, "room_base_id", 0, 2**31 - 1)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewJoinWay(Model):
    """
    A join way to make. None leaves the choice to WeCom.

    Args:
        chat_id_list: 1 to 5 groups.
        scene: a QR code, or a plug-in in a mini program.
        remark: a note, at most 30 characters.
        auto_create_room: 1, WeCom's default, opens a new group when all are full; 0 does not.
        room_base_name: how such groups are called, at most 40 characters; of no use without auto_create_room.
        room_base_id: the number that stands behind that name in the first of them.
        state: at most 30 characters; `groups.get` shows it with each member who came this way.
        mark_source: only for apps of the kind 营销获客; WeCom's default is true.
    """

    scene: JoinWayScene = attrs.field(default=JoinWayScene.QR_CODE, converter=JoinWayScene)
    remark: str | None = None
    auto_create_room: int | None = None
    room_base_name: str | None = None
    room_base_id: int | None = None
    chat_id_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    state: str | None = None
    mark_source: bool | None = None

    def __attrs_post_init__(self) -> None:
        _check(self)


@attrs.frozen(repr=False, weakref_slot=False)
class JoinWayUpdate(Model):
    """
    A join way to be overwritten: WeCom replaces the whole of it, and takes its default for what is left out.

    `of` makes one in which everything stands.
    """

    config_id: str
    scene: JoinWayScene = attrs.field(default=JoinWayScene.QR_CODE, converter=JoinWayScene, kw_only=True)
    remark: str | None = attrs.field(default=None, kw_only=True)
    auto_create_room: int | None = attrs.field(default=None, kw_only=True)
    room_base_name: str | None = attrs.field(default=None, kw_only=True)
    room_base_id: int | None = attrs.field(default=None, kw_only=True)
    chat_id_list: tuple[str, ...] = attrs.field(converter=_values.texts, kw_only=True)
    state: str | None = attrs.field(default=None, kw_only=True)
    mark_source: bool | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.config_id, "config_id")
        _check(self)

    @classmethod
    def of(cls, config_id: str, way: NewJoinWay) -> JoinWayUpdate:
        """Return the update that makes *config_id* just like *way*, WeCom's defaults spelled out."""
        return cls(
            config_id,
            scene=way.scene,
            remark=way.remark or "",
            auto_create_room=1 if way.auto_create_room is None else way.auto_create_room,
            room_base_name=way.room_base_name or "",
            room_base_id=way.room_base_id,
            chat_id_list=way.chat_id_list,
            state=way.state or "",
            mark_source=way.mark_source,
        )


@attrs.frozen(repr=False, weakref_slot=False)
class GetJoinWayRequest(Model):
    """Which join way to read."""

    config_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.config_id, "config_id")


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteJoinWayRequest(Model):
    """Which join way to delete."""

    config_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.config_id, "config_id")


class AsyncJoinWays:
    """
    Join ways (加入群聊): QR codes and buttons that lead customers into groups.

    An app sees and manages only what it made itself. Every method raises what
    a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, way: NewJoinWay) -> CreatedJoinWay:
        """
        Make a join way (WeCom documentation 92229).

        A corp can make 500,000 of them, contact ways included. `get` tells the picture.

        Raises:
            MayHaveArrived: No list tells; a second one costs one of the 500,000 and harms nobody.
            Refused: There is no such group (90501) or it is dissolved (49008), the corp has too many ways (41045) ...
        """
        return await self._session.call(endpoints.JOIN_WAY_ADD, way, CreatedJoinWay)

    async def get(self, config_id: str) -> JoinWay:
        """
        Return a join way (WeCom documentation 92229).

        Raises:
            UsageError: *config_id* is empty.
            BadRequest: There is no such join way (41044), or another app made it.
        """
        answer = await self._session.call(endpoints.JOIN_WAY_GET, GetJoinWayRequest(config_id), JoinWayAnswer)
        return answer.join_way

    async def update(self, config_id: str, way: NewJoinWay) -> None:
        """
        Overwrite a join way: afterwards it is just like *way* (WeCom documentation 92229).

        To change a part, begin with what is there: ``attrs.evolve((await ways.get(i)).as_new(), remark="...")``.
        The printed picture stays valid.

        Raises:
            UsageError: *config_id* is empty.
            BadRequest: There is no such join way (41044).
        """
        await self._session.call(endpoints.JOIN_WAY_UPDATE, JoinWayUpdate.of(config_id, way), Done)

    async def delete(self, config_id: str) -> None:
        """
        Delete a join way; its picture leads nowhere then (WeCom documentation 92229).

        Raises:
            UsageError: *config_id* is empty.
            BadRequest: There is no such join way (41044), perhaps any more.
        """
        await self._session.call(endpoints.JOIN_WAY_DELETE, DeleteJoinWayRequest(config_id), Done)

    def __repr__(self) -> str:
        return f"<AsyncJoinWays of {self._session.corp_id}>"


class JoinWays(Blocking[AsyncJoinWays]):
    """Join ways: QR codes and buttons that lead customers into groups; `AsyncJoinWays`, blocking."""

    add = blocking(AsyncJoinWays.add)
    get = blocking(AsyncJoinWays.get)
    update = blocking(AsyncJoinWays.update)
    delete = blocking(AsyncJoinWays.delete)
