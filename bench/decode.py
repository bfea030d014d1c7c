"""How fast a page of 100 customers becomes frozen classes: against msgspec and pydantic, into classes of the same shape."""

from __future__ import annotations

import types

from typing import Any, Optional, Union, get_args, get_origin

import attrs
import msgspec
import pydantic

from bench.harness import Figure, compare, seconds_of
from privdom.wecom.contacts import BatchPage
from privdom.wecom.wire import dumps, loads, structure


_MSGSPEC_LIMIT = 2.2
_PYDANTIC_LIMIT = 1.25
_CALLS = 20


def page() -> bytes:
    """Return an answer of batch/get_by_user with 100 WeChat users, as full as WeCom gives them."""
    contacts = [
        {
            "external_contact": {
                "external_userid": f"wmAJ2GCAAAXtWyujaWJHDDGi0mACH{i:03}",
                "name": f"客户{i}",
                "avatar": f"http://wx.qlogo.cn/mmhead/IcsdgagqefergqerhewSdage{i}/0",
                "type": 1,
                "gender": i % 3,
                "unionid": f"ozynqsulJFCZ2z1aYeS8h-nuas{i:03}",
            },
            "follow_info": {
                "userid": "rocky",
                "remark": f"李部长{i}",
                "description": "对接采购事务",
                "createtime": 1_525_779_812 + i,
                "tag_id": ["etAJ2GCAAAXtWyujaWJHDDGi0mACHAAA", "etAJ2GCAAAXtWyujaWJHDDGi0mACHBBB"],
                "remark_corp_name": "腾讯科技",
                "remark_mobiles": ["13800000001"],
                "oper_userid": "rocky",
                "add_way": 1,
                "state": "外联二维码1",
            },
        }
        for i in range(100)
    ]
    answer = {"errcode": 0, "errmsg": "ok", "external_contact_list": contacts, "next_cursor": "r9FqSqsI8fgNbHLHE5QoCP"}
    return dumps(answer)


def figures() -> list[Figure]:
    """Measure how long one page takes."""
    body = page()
    with_msgspec = msgspec.json.Decoder(BatchPage, strict=False)
    with_pydantic = pydantic.TypeAdapter[Any](pydantic_twin(BatchPage, {}))

    def ours() -> object:
        return structure(loads(body), BatchPage)

    expected = structure(loads(body), BatchPage)
    assert with_msgspec.decode(body) == expected
    assert len(with_pydantic.validate_json(body).external_contact_list) == 100
    return [
        compare(
            "decode 100 customers (msgspec)",
            lambda: seconds_of(ours, _CALLS) * 1000,
            lambda: seconds_of(lambda: with_msgspec.decode(body), _CALLS) * 1000,
            limit=_MSGSPEC_LIMIT,
            unit="ms a page",
        ),
        compare(
            "decode 100 customers (pydantic)",
            lambda: seconds_of(ours, _CALLS) * 1000,
            lambda: seconds_of(lambda: with_pydantic.validate_json(body), _CALLS) * 1000,
            limit=_PYDANTIC_LIMIT,
            unit="ms a page",
        ),
    ]


def pydantic_twin(annotation: Any, made: dict[Any, Any]) -> Any:
    """Return a frozen pydantic model with the fields of an attrs class, and the same for what its fields hold."""
    if attrs.has(annotation):
        if annotation not in made:
            fields: dict[str, Any] = {
                a.name: (pydantic_twin(a.type, made), ... if a.default is attrs.NOTHING else a.default)
                for a in attrs.fields(attrs.resolve_types(annotation))
                if a.name != "extra"
            }
            options: dict[str, Any] = {"__config__": pydantic.ConfigDict(frozen=True), **fields}
            made[annotation] = pydantic.create_model(annotation.__name__, **options)
        return made[annotation]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return tuple[pydantic_twin(args[0], made), ...]  # type: ignore[misc]
    if origin in {Union, types.UnionType}:
        return Optional[pydantic_twin(args[0], made)]  # noqa: UP045 - of a type made here
    return annotation
