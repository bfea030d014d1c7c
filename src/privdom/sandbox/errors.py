"""WeCom's error answers: errcodes and the texts of live answers."""

from __future__ import annotations

from privdom._facts.errcodes import ERRCODES, UNLISTED


__all__ = ["WeComError", "error_message"]

# As live answers have it; never match on them.
_TEXTS: dict[int, str] = {
    -1: "system busy",
    40001: "invalid credential",
    40003: "invalid userid",
    40007: "invalid media_id",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40029: "invalid code",
    40058: "invalid Request Parameter",
    40063: "some parameters are empty",
    40068: "invalid tagid",
    40071: "tag name already exist",
    40072: "invalid tag name size",
    40088: "invalid jobid",
    40096: "invalid external userid",
    40130: "handover and takeover are the same user",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41009: "missing userid",
    41018: "missing tag name",
    41035: "missing external userid",
    41043: "missing config_id",
    41044: "invalid config_id",
    41046: "missing group message id",
    41047: "invalid group message id",
    41048: "no external contact to send",
    41049: "missing welcome code",
    41050: "invalid welcome code",
    41051: "externaluser has started chatting",
    41063: "group message is being distributed",
    41064: "attachment count exceed limit",
    41065: "invalid attachment type",
    41093: "group message canceled",
    42001: "access_token expired",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    45035: "concurrent operation conflict",
    50100: "invalid cursor",
    60003: "department not found",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    84061: "not external contact",
    84074: "no permission of external contact",
}


class WeComError(Exception):
    """The call is refused with this errcode."""

    def __init__(self, errcode: int, text: str = "") -> None:
        super().__init__(errcode, text)
        self.errcode = errcode
        self.text = text or _TEXTS.get(errcode, "") or _fallback(errcode)


def _fallback(errcode: int) -> str:
    fact = ERRCODES.get(errcode) or UNLISTED.get(errcode)
    return fact.meaning.partition(". ")[0].removesuffix(".") if fact else "unknown error"


def error_message(errcode: int, text: str, *, hint: str, ip: str) -> str:
    """Return *text* with the tail that live answers have."""
    return (
        f"{text}, hint: [{hint}], from ip: {ip}, more info at https://open.work.weixin.qq.com/devtool/query?e={errcode}"
    )
