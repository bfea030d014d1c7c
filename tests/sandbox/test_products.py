"""Product albums."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.conftest import Api


def _picture(media_id: str = "m") -> dict[str, object]:
    return {"type": "image", "image": {"media_id": media_id}}


def _body(**change: object) -> dict[str, object]:
    return {"description": "春茶", "price": 12_800, "product_sn": "TEA1", "attachments": [_picture()], **change}


def _add(api: Api, **change: object) -> str:
    answer = api.post("add_product_album", **_body(**change))
    assert answer["errcode"] == 0, answer
    return answer["product_id"]


def test_life(api: Api) -> None:
    """A product is added, read, changed in part and deleted; a deleted one is told apart from one that never was."""
    product_id = _add(api)
    made = api.post("get_product_album", product_id=product_id)["product"]
    change = {"price": 0, "attachments": [_picture("n"), _picture("o")]}
    assert 0 == api.post("update_product_album", product_id=product_id, **change)["errcode"]
    after = api.post("get_product_album", product_id=product_id)["product"]
    kept = api.box.state()["products"]
    gone = [api.post(f"{verb}_product_album", product_id=product_id)["errcode"] for verb in ("delete", "delete", "get")]
    unknown = [api.post(f"{verb}_product_album", product_id="no")["errcode"] for verb in ("get", "update", "delete")]

    assert {**_body(), "product_id": product_id, "create_time": made["create_time"]} == made
    assert {**made, **change} == after
    assert {
        product_id: {"description": "春茶", "price": 0, "product_sn": "TEA1", "pictures": ["n", "o"]},
    } == kept
    assert [0, 41074, 41074] == gone
    assert [41075] * 3 == unknown
    assert {} == api.box.state()["products"]


def test_list(api: Api) -> None:
    """Pages without create_time; a limit that is too large means 50; deleted ones are left out."""
    made = [_add(api, product_sn=None) for _ in range(53)]
    api.post("delete_product_album", product_id=made.pop(1))
    first = api.post("get_product_album_list", limit=101)
    rest = api.post("get_product_album_list", limit=100, cursor=first["next_cursor"])
    default = api.post("get_product_album_list")

    found = [*first["product_list"], *rest["product_list"]]
    assert made == [product["product_id"] for product in found]
    assert (50, "") == (len(first["product_list"]), rest["next_cursor"])
    assert first == default
    assert {"product_id", "description", "price", "attachments"} == set(found[0])
    assert 50100 == api.post("get_product_album_list", cursor="x")["errcode"]


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41087, {"description": ""}),
        (41073, {"description": "长" * 301}),
        (41086, {"price": None}),
        (41086, {"price": -1}),
        (41086, {"price": 5_000_001}),
        (41085, {"product_sn": "a-1"}),
        (41085, {"product_sn": "茶"}),
        (41085, {"product_sn": "a" * 129}),
        (41088, {"attachments": []}),
        (41064, {"attachments": [_picture()] * 10}),
        (41065, {"attachments": [{"type": "video", "video": {"media_id": "m"}}]}),
        (41065, {"attachments": [{"type": "image"}]}),
        (41006, {"attachments": [_picture("")]}),
        (40058, {"attachments": "m"}),
    ],
)
def test_mistakes(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode, in a new product and in a change of one."""
    product_id = _add(api)
    (name,) = change
    updated = api.post("update_product_album", product_id=product_id, **change)["errcode"]

    assert errcode == api.post("add_product_album", **_body(**change))["errcode"]
    # A field that is null is one that was left out.
    assert (0 if change[name] is None else errcode) == updated
    assert _body().items() <= api.post("get_product_album", product_id=product_id)["product"].items()


def test_nothing_named(api: Api) -> None:
    """A product is asked for by its id."""
    assert [40063] * 3 == [api.post(f"{verb}_product_album")["errcode"] for verb in ("get", "update", "delete")]


def test_a_full_album(corp: Callable[..., Api]) -> None:
    """How many fit is published nowhere; the rules tell, and a deleted one makes room."""
    api = corp(products_per_corp=1)
    product_id = _add(api)
    full = api.post("add_product_album", **_body())["errcode"]
    api.post("delete_product_album", product_id=product_id)

    assert [41202, 0] == [full, api.post("add_product_album", **_body())["errcode"]]


def test_the_product_of_an_admin(api: Api) -> None:
    """The app reads it and may not change it; what refuses it is for the rules to say."""
    product_id = api.box.admin_adds_product("春茶", 1, product_sn="A")
    mine = _add(api)
    codes = [
        api.post("update_product_album", product_id=product_id, price=2)["errcode"],
        api.post("delete_product_album", product_id=product_id)["errcode"],
    ]
    api.box.change_rules(foreign_errcode=48002)
    codes.append(api.post("delete_product_album", product_id=product_id)["errcode"])

    assert [60011, 60011, 48002] == codes
    assert 1 == api.post("get_product_album", product_id=product_id)["product"]["price"]
    listed = [product["product_id"] for product in api.post("get_product_album_list")["product_list"]]
    assert [product_id, mine] == listed
    with pytest.raises(ValueError, match="price"):
        api.box.admin_adds_product("春茶", -1)
    assert 0 == api.box.pending_callbacks
