"""Column types that mean the same in every database."""

from __future__ import annotations

import json

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator

from privdom.errors import UsageError


if TYPE_CHECKING:
    from sqlalchemy import Dialect


__all__ = ["BigId", "JsonText", "UtcTime"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# SQLite numbers rows by itself only if the column is exactly an INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class _NaiveTime(UsageError, DontWrapMixin):
    """A time without a zone. SQLAlchemy lets it out bare instead of as an error of the statement."""


class UtcTime(TypeDecorator[datetime]):
    """
    An aware datetime, stored as microseconds since 1970 in UTC.

    Integers compare and sort alike everywhere; SQLite has no type for times, and
    those of other databases differ in what they do with zones.

    Raises:
        UsageError: The datetime is naive.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            msg = "this datetime has no time zone: pass an aware one, such as datetime.now(UTC)"
            raise _NaiveTime(msg)
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class JsonText(TypeDecorator[Any]):
    """A JSON value, stored as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)
