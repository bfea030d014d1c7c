"""Product albums: added, read, listed, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privdom.errors import BadRequest, CursorLoop, UsageError
from privdom.wecom import unstructure
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.products import (
    DeleteProductRequest,
    GetProductRequest,
    ListProductsRequest,
    NewProduct,
    Product,
    ProductAttachment,
    ProductImage,
    UpdateProductRequest,
)
from tests.chapters.conftest import Corp, Scripted


TEA = NewProduct(description="春茶 250 克", price=12_800, product_sn="TEA1", attachments=["m1", "m2"])


def test_a_product_is_added_changed_and_deleted(corp: Corp) -> None:
    """The whole life of a product, read back at each step."""

    async def scenario(wecom: AsyncWeCom) -> tuple[str, Product, Product]:
        made = await wecom.products.add(TEA)
        before = await wecom.products.get(made.product_id)
        await wecom.products.update(made.product_id, price=9_900, attachments=["m3"])
        after = await wecom.products.get(made.product_id)
        await wecom.products.delete(made.product_id)
        with pytest.raises(BadRequest, match="41074"):
            await wecom.products.get(made.product_id)
        return made.product_id, before, after

    product_id, before, after = corp(scenario)

    assert (product_id, "TEA1", "春茶 250 克", 12_800) == (
        before.product_id,
        before.product_sn,
        before.description,
        before.price,
    )
    assert corp.box.clock.now() == before.create_time
    assert ["m1", "m2"] == [item.image.media_id for item in before.attachments if item.image]
    assert (9_900, "春茶 250 克", (ProductAttachment(image=ProductImage("m3")),)) == (
        after.price,
        after.description,
        after.attachments,
    )


def test_products_are_listed_page_by_page(corp: Corp) -> None:
    """Each comes once, without the time it was made."""

    async def scenario(wecom: AsyncWeCom) -> tuple[list[str], list[int], list[Product]]:
        made = [(await wecom.products.add(TEA)).product_id for _ in range(3)]
        first = await wecom.products.list(limit=2)
        rest = [page async for page in wecom.products.list_pages(cursor=first.next_cursor, limit=2)]
        sizes = [len(page.product_list) for page in (first, *rest)]
        return made, sizes, [product async for product in wecom.products.each()]

    made, sizes, each = corp(scenario)

    assert made == [product.product_id for product in each]
    assert [2, 1] == sizes
    assert {None} == {product.create_time for product in each}


def test_a_cursor_that_comes_twice_is_an_error(scripted: Callable[..., Any]) -> None:
    """Following it would never end."""

    async def scenario(wecom: AsyncWeCom) -> list[Product]:
        return [product async for product in wecom.products.each()]

    with pytest.raises(CursorLoop):
        scripted(scenario, Scripted(get_product_album_list=[{"product_list": None, "next_cursor": "A"}]))


def _new(**more: Any) -> NewProduct:
    return NewProduct(**{"description": "d", "price": 1, "attachments": ["m"], **more})


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no description": (lambda: _new(description=""), "description has 0 characters"),
    "a long description": (lambda: _new(description="长" * 301), "1 to 300"),
    "a negative price": (lambda: _new(price=-1), "price is -1"),
    "a high price": (lambda: _new(price=5_000_001), "price is 5000001"),
    "an empty code": (lambda: _new(product_sn=""), "product_sn has 0 bytes"),
    "a long code": (lambda: _new(product_sn="a" * 129), "product_sn has 129 bytes"),
    "a code with a dash": (lambda: _new(product_sn="a-1"), "other characters than letters and digits"),
    "a Chinese code": (lambda: _new(product_sn="茶"), "other characters than letters and digits"),
    "no pictures": (lambda: _new(attachments=[]), "attachments is empty"),
    "ten pictures": (lambda: _new(attachments=["m"] * 10), "takes 9 at a time"),
    "one bare picture": (lambda: _new(attachments="m"), "put it in brackets"),
    "one bare attachment": (lambda: _new(attachments=ProductAttachment()), "put it in brackets"),
    "a picture of nothing": (lambda: _new(attachments=[""]), "by media_id only"),
    "a video": (lambda: _new(attachments=[ProductAttachment("video")]), "by media_id only"),
    "no product": (lambda: GetProductRequest(""), "product_id is empty"),
    "a page too long": (lambda: ListProductsRequest(101), "limit is 101"),
    "nothing to change": (lambda: UpdateProductRequest("p"), "there is nothing to change"),
    "nothing to be changed": (lambda: UpdateProductRequest("", "d"), "product_id is empty"),
    "pictures taken away": (lambda: UpdateProductRequest("p", attachments=[]), "attachments is empty"),
    "nothing to delete": (lambda: DeleteProductRequest(""), "product_id is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong."""
    make, message = REFUSED[case]

    with pytest.raises(UsageError) as caught:
        make()

    assert message in str(caught.value)


def test_what_can_succeed_is_sent_as_it_is() -> None:
    """What was not given is left out; a price of 0 is a price."""
    picture = {"type": "image", "image": {"media_id": "m"}}

    assert {"description": "d", "price": 0, "attachments": [picture]} == unstructure(_new(price=0))
    assert {"product_id": "p", "attachments": [picture]} == unstructure(UpdateProductRequest("p", attachments=["m"]))
    assert {"product_id": "p", "price": 0} == unstructure(UpdateProductRequest("p", price=0))


def test_the_chapter_says_whose_it_is(corp: Corp) -> None:
    """And no secret."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return repr(wecom.products)

    assert f"<AsyncProducts of {corp.box.corp_id}>" == corp(scenario)
