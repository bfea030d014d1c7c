"""User code of the router and the receivers, which mypy and pyright must understand; it is read, not run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_type
from wsgiref.types import WSGIApplication

from sqlalchemy import Connection

from privdom.events import Dispatcher, Handler, Router, Write
from privdom.store import Store
from privdom.wecom import WeCom
from privdom.wecom.callbacks import (
    AcquisitionQuotaExpiring,
    Callbacks,
    CardClicked,
    CustomerAdded,
    CustomerEvent,
    CustomerHalfAdded,
    GroupJoined,
    SelectedItem,
    UserUpdated,
    asgi,
    wsgi,
)


router = Router()


@router.on(CustomerAdded)
def greet(event: CustomerAdded) -> None:
    assert_type(event.welcome_code, str)


@router.on(CustomerAdded, CustomerHalfAdded, welcome=True)
async def greet_both(event: CustomerAdded | CustomerHalfAdded) -> Write | None:
    def write(conn: Connection) -> None: ...

    return write


@router.on(CustomerAdded, name="shop.note")
def note(event: CustomerEvent) -> Write:
    return lambda conn: None


assert_type(greet, Callable[[CustomerAdded], None])


@router.on(CustomerEvent)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def too_narrow(event: CustomerAdded) -> None: ...


@router.on(GroupJoined)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def another(event: CustomerAdded) -> None: ...


@router.on(CustomerAdded, CustomerHalfAdded)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def only_one_of_two(event: CustomerAdded) -> None: ...


@router.on(CustomerAdded)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def no_write(event: CustomerAdded) -> int:
    return 1


router.on(str)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def mounted(wecom: WeCom, store: Store, callbacks: Callbacks, mirror: Handler) -> Dispatcher:
    assert_type(wsgi(callbacks), WSGIApplication)
    asgi(callbacks)
    assert_type(router.handlers(mirror), tuple[Handler, ...])
    return Dispatcher(wecom, store, router.handlers())


def fields(quota: AcquisitionQuotaExpiring, user: UserUpdated, card: CardClicked, group: GroupJoined) -> None:
    assert_type(quota.expire_time, datetime)
    assert_type(quota.expire_quota_num, int)
    assert_type(user.department, tuple[int, ...] | None)
    assert_type(card.selected_items, tuple[SelectedItem, ...])
    assert_type(group.mem_change_list, tuple[str, ...])
