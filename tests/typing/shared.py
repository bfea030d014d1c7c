"""User code with shared tokens and quotas, which mypy and pyright must understand; it is read, not run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from privdom.shared import RedisQuotas, RedisTokens, SqlQuotas, SqlTokens
from privdom.store import Store
from privdom.wecom import AsyncWeCom, WeCom
from privdom.wecom.quota import MemoryQuotas, QuotaSettings, QuotaStore, SharedQuotaStore, Window
from privdom.wecom.token import ServiceTokens, Token, TokenSource, TokenStore


class MyRedis:
    def execute_command(self, *args: Any, **options: Any) -> Any:
        return None


class MySource:
    async def token(self, refused: str | None = None) -> str:
        return refused or "t"


def text(refused: str | None) -> str:
    return refused or "t"


async def whole(refused: str | None) -> Token:
    return Token(refused or "t", datetime.now(UTC))


def blocking(store: Store) -> None:
    WeCom("ww1", "s", token_source=SqlTokens(store, ["k"]), quotas=SqlQuotas(store))
    WeCom("ww1", "s", token_source=RedisTokens("redis://h", [b"k"], lease=timedelta(seconds=9)))
    WeCom("ww1", "s", quotas=RedisQuotas(MyRedis(), QuotaSettings(per_corp=(Window(1, 60),)), address="a"))
    WeCom("ww1", "", token_source=ServiceTokens(text))
    WeCom("ww1", "", token_source=MySource(), quotas=MemoryQuotas())


def awaited(store: Store) -> None:
    AsyncWeCom("ww1", "s", token_source=SqlTokens(store, ["k"]), quotas=SqlQuotas(store))
    AsyncWeCom("ww1", "", token_source=ServiceTokens(whole, keep=timedelta(seconds=5)))


def as_protocols(store: Store) -> tuple[TokenStore, TokenStore, TokenSource, SharedQuotaStore, QuotaStore]:
    return SqlTokens(store, ["k"]), ServiceTokens(text), MySource(), SqlQuotas(store), MemoryQuotas()


def mistakes(store: Store) -> None:
    SqlTokens("sqlite://", ["k"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    SqlTokens(store)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ServiceTokens(len)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    WeCom("ww1", "s", token_source=SqlQuotas(store))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
