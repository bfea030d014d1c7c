"""A place by its URL, so that other processes can open it too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

import attrs

from cryptography.fernet import Fernet

from privdom.shared import RedisQuotas, RedisTokens, SqlQuotas, SqlTokens
from privdom.shared.places import RedisPlace, SqlPlace
from privdom.store import Store
from privdom.wecom.quota import QuotaSettings


KEY = Fernet.generate_key().decode()


@attrs.define(slots=False)
class Place:
    """A database or a Redis, and what keeps tokens and counts there. Each `opened` one is as of another process."""

    url: str

    @cached_property
    def _store(self) -> Store:
        return Store(self.url)

    @property
    def is_sql(self) -> bool:
        return not self.url.startswith(("redis", "unix"))

    def tokens(self, keys: Sequence[str | bytes] = (KEY,), lease: float = 15.0) -> SqlTokens | RedisTokens:
        seconds = timedelta(seconds=lease)
        if self.is_sql:
            return SqlTokens(self._store, keys, lease=seconds)
        return RedisTokens(self.url, keys, lease=seconds)

    def quotas(self, settings: QuotaSettings | None = None, **options: Any) -> SqlQuotas | RedisQuotas:
        if self.is_sql:
            return SqlQuotas(self._store, settings, **options)
        return RedisQuotas(self.url, settings, **options)

    def raw(self) -> SqlPlace | RedisPlace:
        """What is stored, bare."""
        return SqlPlace(self._store, "a test") if self.is_sql else RedisPlace(self.url, "privdom:")

    def texts(self) -> dict[str, str]:
        """All that is stored, by name."""
        if self.is_sql:
            from sqlalchemy import text

            with self._store.read() as conn:
                return {row.name: row.value for row in conn.execute(text("SELECT name, value FROM privdom_shared"))}
        import redis

        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            return {str(key).removeprefix("privdom:"): str(client.get(key)) for key in client.scan_iter()}

    def clear(self) -> None:
        from sqlalchemy import text

        with self._store.begin() as conn:
            conn.execute(text("DELETE FROM privdom_shared"))

    def close(self) -> None:
        if self.is_sql:
            self._store.close()
