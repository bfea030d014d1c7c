"""The rules of a migration: values in, decisions out."""

from __future__ import annotations

from privdom.migration.rules.planning import (
    Batch,
    Draft,
    Estimate,
    Follow,
    LeftOut,
    LeftOutReason,
    Move,
    Policy,
    Takeover,
    VipLast,
    batches,
    estimate,
    plan_items,
)
from privdom.migration.rules.states import (
    Fact,
    ItemState,
    ResultRecord,
    ResultStatus,
    errcode_reason,
    fact_of_errcode,
    fact_of_records,
    next_state,
    takeover_time_of,
)


__all__ = [
    "Batch",
    "Draft",
    "Estimate",
    "Fact",
    "Follow",
    "ItemState",
    "LeftOut",
    "LeftOutReason",
    "Move",
    "Policy",
    "ResultRecord",
    "ResultStatus",
    "Takeover",
    "VipLast",
    "batches",
    "errcode_reason",
    "estimate",
    "fact_of_errcode",
    "fact_of_records",
    "next_state",
    "plan_items",
    "takeover_time_of",
]
