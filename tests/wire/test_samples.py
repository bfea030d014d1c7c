"""Every sample of WeCom's documentation is understood whole, and comes back as it was."""

from __future__ import annotations

import json

from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import pytest

from privdom._facts.endpoints import ENDPOINTS
from privdom.wecom._content import OtherAttachment
from privdom.wecom.parse import CLASSES, parse_response
from privdom.wecom.wire import structure, unstructure


_BY_FILE = {endpoint.path.removeprefix("/cgi-bin/").replace("/", "."): endpoint.path for endpoint in ENDPOINTS}


def samples(shared: Path, kind: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return path and content of each sample of *kind* that belongs to one of our endpoints, by file name."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for file in sorted((shared / "wecom" / "samples").glob(f"*.{kind}.json")):
        path = _BY_FILE.get(file.name.removesuffix(f".{kind}.json"))
        if path is not None:
            content = json.loads(file.read_text(encoding="utf-8"))
            found[file.name] = path, {k: v for k, v in content.items() if k not in {"errcode", "errmsg"}}
    assert len(found) > 10
    return found


# What may differ between a sample and the value it became, by name.


def the_same_number_as_text(sample: Any, value: Any) -> bool:
    """The gender of staff is sent as "1"."""
    return isinstance(sample, str) and isinstance(value, int) and sample == str(int(value))


def a_flag_sent_as_number(sample: Any, value: Any) -> bool:
    """``is_leader_in_dept`` is 0 or 1."""
    return isinstance(value, bool) and sample in (0, 1) and bool(sample) is value


def a_moment_as_unix_seconds(sample: Any, value: Any) -> bool:
    """Times are datetimes."""
    return isinstance(value, datetime) and datetime.fromtimestamp(sample, UTC) == value


def no_moment_sent_as_zero(sample: Any, value: Any) -> bool:
    """``takeover_time`` is 0 for a customer who refused."""
    return sample == 0 and value is None


def an_id_sent_as_number(sample: Any, value: Any) -> bool:
    """The ``rule_id`` of an intercept rule is a number in one answer and text in the others."""
    return type(sample) is int and isinstance(value, str) and str(sample) == value


def a_share_sent_whole(sample: Any, value: Any) -> bool:
    """``reply_percentage`` is 60.25 or 100."""
    return isinstance(value, float) and isinstance(sample, int) and value == sample


DIFFERENCES = (
    the_same_number_as_text,
    a_flag_sent_as_number,
    a_moment_as_unix_seconds,
    no_moment_sent_as_zero,
    an_id_sent_as_number,
    a_share_sent_whole,
)


def unreachable(sample: Any, value: Any, where: str) -> list[str]:
    """Return the places in *sample* that no declared attribute of *value* holds."""
    if isinstance(sample, dict):
        if "msgtype" in sample:
            kind = sample["msgtype"]
            if isinstance(value, OtherAttachment) or value.msgtype != kind:
                return [f"{where}.msgtype"]
            return unreachable(sample[kind], value, f"{where}.{kind}")
        declared = {a.name for a in attrs.fields(type(value))} - {"extra"} if attrs.has(type(value)) else set()
        return [
            place
            for name, item in sample.items()
            for place in (
                unreachable(item, getattr(value, name), f"{where}.{name}") if name in declared else [f"{where}.{name}"]
            )
        ]
    if isinstance(sample, list):
        if not isinstance(value, tuple) or len(value) != len(sample):
            return [where]
        return [p for i, item in enumerate(sample) for p in unreachable(item, value[i], f"{where}[{i}]")]
    plain = value.value if isinstance(value, Enum) else value
    if type(plain) is type(sample) and plain == sample:
        return []
    return [] if any(same(sample, value) for same in DIFFERENCES) else [where]


# What may differ between a sample and what unstructure gives, by name.


def number_sent_as_text(sample: Any, result: Any) -> bool:
    return isinstance(sample, str) and isinstance(result, int) and sample == str(result)


def left_out_because_it_says_nothing(name: str, sample: Any) -> bool:
    """An empty cursor is no cursor, and the moment 0 is none."""
    return sample == "" or (name.endswith("_time") and sample == 0)


def a_default_that_wecom_left_out(result: Any) -> bool:
    """Numbers always stand, even where WeCom did not tell them."""
    return isinstance(result, int) and result == 0


def changed(sample: Any, result: Any, where: str) -> list[str]:
    """Return the places where *result* is not *sample* again."""
    if isinstance(sample, dict) and isinstance(result, dict):
        places = [
            place
            for name in sample.keys() & result.keys()
            for place in changed(sample[name], result[name], f"{where}.{name}")
        ]
        lost = [
            f"-{where}.{n}" for n in sample.keys() - result.keys() if not left_out_because_it_says_nothing(n, sample[n])
        ]
        new = [f"+{where}.{n}" for n in result.keys() - sample.keys() if not a_default_that_wecom_left_out(result[n])]
        return places + lost + new
    if isinstance(sample, list) and isinstance(result, list) and len(sample) == len(result):
        return [p for i, item in enumerate(sample) for p in changed(item, result[i], f"{where}[{i}]")]
    same = sample == result or number_sent_as_text(sample, result) or an_id_sent_as_number(sample, result)
    return [] if same else [where]


@pytest.mark.parametrize("kind", ["request", "response"])
def test_every_leaf_of_every_sample_has_a_typed_attribute(shared: Path, kind: str) -> None:
    """Nothing that the documentation shows ends up among the unknown fields."""
    missed: list[str] = []
    for name, (path, sample) in samples(shared, kind).items():
        if kind == "request":
            cls = CLASSES[path].request
            assert cls is not None
            value: Any = structure(sample, cls)
        else:
            value = parse_response(path, json.dumps({"errcode": 0, "errmsg": "ok", **sample}))
        missed += unreachable(sample, value, name)

    assert [] == missed


@pytest.mark.parametrize("kind", ["request", "response"])
def test_a_sample_comes_back_as_it_was(shared: Path, kind: str) -> None:
    """Structured and unstructured, a sample is itself again, but for the named differences."""
    differing: list[str] = []
    for name, (path, sample) in samples(shared, kind).items():
        cls = CLASSES[path].request if kind == "request" else CLASSES[path].answer
        assert cls is not None
        differing += changed(sample, unstructure(structure(sample, cls)), name)

    assert [] == differing


def test_every_endpoint_has_its_classes() -> None:
    """The table of classes holds each endpoint once."""
    assert {endpoint.path for endpoint in ENDPOINTS} == set(CLASSES)
