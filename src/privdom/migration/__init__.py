"""
Migrations (迁移): customers moved from some staff to others, in waves, with every customer's fate known.

::

    migration = Migration(wecom, store)
    plan = migration.plan("spring", handover=["zhangsan"], takeover={"lisi": 5000, "wangwu": None})
    print(plan.summary())
    migration.advance("spring")
"""

from __future__ import annotations

from privdom.migration.report import Item, MigrationReport, Plan, PlanPart, Progress, Tally
from privdom.migration.rules import ItemState, LeftOutReason, Policy, VipLast
from privdom.migration.service import AsyncMigration, Migration


__all__ = [
    "AsyncMigration",
    "Item",
    "ItemState",
    "LeftOutReason",
    "Migration",
    "MigrationReport",
    "Plan",
    "PlanPart",
    "Policy",
    "Progress",
    "Tally",
    "VipLast",
]
