"""
What several processes share: access tokens and call quotas, in SQL or Redis.

::

    store = Store("postgresql://...")
    wecom = WeCom(corp_id, secret, token_source=SqlTokens(store, keys), quotas=SqlQuotas(store))
"""

from __future__ import annotations

from privdom.shared.places import RedisClient
from privdom.shared.quotas import RedisQuotas, SqlQuotas
from privdom.shared.tokens import RedisTokens, SqlTokens


__all__ = ["RedisClient", "RedisQuotas", "RedisTokens", "SqlQuotas", "SqlTokens"]
