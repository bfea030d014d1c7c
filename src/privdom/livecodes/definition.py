"""How the definition of a code is kept: as JSON, attachments in WeCom's own shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta, timezone
from typing import Any, cast
from zoneinfo import ZoneInfo

from privdom.livecodes.rules import ChannelCode, Shift
from privdom.wecom.messages import Attachment
from privdom.wecom.wire import converter


__all__ = ["dump", "load"]


def dump(code: ChannelCode) -> dict[str, Any]:
    """Return *code* as JSON."""
    return {
        "id": code.id,
        "channel": code.channel,
        "staff": list(code.staff),
        "backup_staff": list(code.backup_staff),
        "daily_add_cap": code.daily_add_cap,
        "shifts": [
            [one.start.isoformat(), one.end.isoformat(), sorted(one.weekdays), list(one.staff)] for one in code.shifts
        ],
        "tags": list(code.tags),
        "welcome": code.welcome,
        "attachments": [_attachment_json(one) for one in code.attachments],
        "auto_accept": code.auto_accept,
        "zone": _zone_name(code.zone),
    }


def load(data: Mapping[str, Any]) -> ChannelCode:
    """Return the code that `dump` was given."""
    shifts = tuple(
        Shift(time.fromisoformat(start), time.fromisoformat(end), frozenset(weekdays), tuple(staff))
        for start, end, weekdays, staff in data["shifts"]
    )
    return ChannelCode(
        data["id"],
        data["channel"],
        tuple(data["staff"]),
        backup_staff=tuple(data["backup_staff"]),
        daily_add_cap=data["daily_add_cap"],
        shifts=shifts,
        tags=tuple(data["tags"]),
        welcome=data["welcome"],
        attachments=tuple(_attachment(one) for one in data["attachments"]),
        auto_accept=data["auto_accept"],
        zone=_zone(data["zone"]),
    )


def _attachment_json(value: Attachment) -> Any:
    return converter.unstructure(value, Attachment)


def _attachment(data: Any) -> Attachment:
    union: Any = Attachment  # a union is no class to a type checker
    return cast("Attachment", converter.structure(data, union))


def _zone_name(zone: ZoneInfo | timezone) -> str | float:
    return zone.key if isinstance(zone, ZoneInfo) else zone.utcoffset(None).total_seconds()


def _zone(name: str | float) -> ZoneInfo | timezone:
    return ZoneInfo(name) if isinstance(name, str) else timezone(timedelta(seconds=name))
