"""JSON is read and written to the same effect with and without orjson."""

from __future__ import annotations

import json

from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.wecom import _json
from privdom.wecom.wire import dumps, loads


@pytest.fixture(params=["orjson", "stdlib"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with orjson, and as where the extra `speed` is not installed."""
    if request.param == "stdlib":
        monkeypatch.setattr(_json, "orjson", None)
    return str(request.param)


WHOLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | WHOLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WHOLE, inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES)
def test_both_ways_write_and_read_the_same(value: Any) -> None:
    """The bytes are the same, so an outbox may thaw what another machine froze."""
    fast = dumps(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "orjson", None)
        slow = dumps(value)
        read_slowly = loads(fast)

    assert slow == fast
    assert value == loads(slow) == read_slowly


def test_what_customers_type_into_their_names_costs_no_page(reader: str) -> None:
    """Raw control characters, bytes that are no UTF-8, halves of emoji: the rest of the page is read."""
    assert {"name": "a\x01b"} == loads(b'{"name": "a\x01b"}')
    assert {"name": "a�"} == loads(b'{"name": "a\xff"}')
    assert [{"name": "a�", "n": 1}] == loads(b'[{"name": "a\\ud83d", "n": 1}]')
    assert {"name": "😀"} == loads(b'{"name": "\\ud83d\\ude00"}')


@pytest.mark.parametrize(
    "body", [b"", b'{"a": 1', b"<html></html>", b"NaN", b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}"]
)
def test_what_is_no_json_is_a_value_error(reader: str, body: bytes) -> None:
    """Cut, a web page, no number, too deep, too long: all the same error."""
    with pytest.raises(ValueError):
        loads(body)


@pytest.mark.parametrize("value", ["half \ud83d", {"a": object()}])
def test_what_cannot_be_written_is_refused(reader: str, value: object) -> None:
    """Half an emoji in a message is the caller's to mend."""
    with pytest.raises(UsageError, match="cannot be written"):
        dumps(value)


def test_chinese_is_written_as_utf_8(reader: str) -> None:
    """WeCom counts bytes of UTF-8, and escapes would triple them."""
    assert '{"a":"你好"}'.encode() == dumps({"a": "你好"})
    assert json.loads(dumps({"a": "你好"})) == {"a": "你好"}
