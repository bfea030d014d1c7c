"""Product albums (商品图册), which staff send to customers: WeCom documentation 95096."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Done, Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncProducts",
    "CreatedProduct",
    "DeleteProductRequest",
    "GetProductRequest",
    "ListProductsRequest",
    "NewProduct",
    "Product",
    "ProductAnswer",
    "ProductAttachment",
    "ProductImage",
    "ProductPage",
    "Products",
    "UpdateProductRequest",
]

_IMAGE = "image"


@attrs.frozen(repr=False, weakref_slot=False)
class ProductImage(Model):
    """A picture of a product."""

    media_id: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ProductAttachment(Model):
    """What hangs on a product; WeCom knows pictures only."""

    type: str = _IMAGE
    image: ProductImage | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class Product(Model):
    """A product as WeCom keeps it."""

    product_id: str
    product_sn: str = ""
    description: str = ""
    price: int = 0
    """In fen (分), a hundredth of a yuan."""
    attachments: tuple[ProductAttachment, ...] = ()
    create_time: datetime | None = None
    """None where WeCom does not tell: a list does not."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ProductAnswer(Model):
    """The product that was asked for."""

    product: Product
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ProductPage(Model):
    """Up to 100 products; an empty ``next_cursor`` is the end."""

    product_list: tuple[Product, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedProduct(Model):
    """A new product."""

    product_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _pictures(values: Iterable[str | ProductAttachment]) -> tuple[ProductAttachment, ...]:
    if isinstance(values, (str, Model)):
        msg = "one picture was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(
        ProductAttachment(_IMAGE, ProductImage(value)) if isinstance(value, str) else value for value in values
    )


def _pictures_or_none(values: Iterable[str | ProductAttachment] | None) -> tuple[ProductAttachment, ...] | None:
    return None if values is None else _pictures(values)


def _check(
    description: str | None, price: int | None, product_sn: str | None, pictures: tuple[ProductAttachment, ...] | None
) -> None:
    _values.check_chars(description, "description", limits.PRODUCT_DESCRIPTION_CHARS, at_least=1)
    _values.check_range(price, "price", 0, limits.PRODUCT_PRICE)
    if product_sn is not None:
        _values.check_bytes(product_sn, "product_sn", limits.PRODUCT_SN_BYTES, at_least=1)
        if not (product_sn.isascii() and product_sn.isalnum()):
            msg = "product_sn holds other characters than letters and digits: leave them out"
            raise UsageError(msg)
    if pictures is not None:
        _values.check_count(pictures, "attachments", at_least=1, at_most=limits.PRODUCT_IMAGES)
        if any(item.type != _IMAGE or item.image is None or not item.image.media_id for item in pictures):
            msg = "a product takes pictures by media_id only: upload them with media/upload_attachment for albums"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewProduct(Model):
    """
    A product to add.

    Args:
        description: name and features, 1 to 300 characters.
        price: in fen (分), 0 to 5,000,000.
        product_sn: a code of your own: letters and digits, at most 128.
        attachments: 1 to 9 pictures; their media ids will do, of uploads with media/upload_attachment for albums
            (attachment_type 2).
    """

    description: str
    price: int
    product_sn: str | None = None
    attachments: tuple[ProductAttachment, ...] = attrs.field(converter=_pictures)

    def __attrs_post_init__(self) -> None:
        _check(self.description, self.price, self.product_sn, self.attachments)


@attrs.frozen(repr=False, weakref_slot=False)
class GetProductRequest(Model):
    """Which product to read."""

    product_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.product_id, "product_id")


@attrs.frozen(repr=False, weakref_slot=False)
class ListProductsRequest(Model):
    """Which page of products to read."""

    limit: int = limits.PRODUCT_PAGE
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        # WeCom takes its default of 50 for what is too large, without a word.
        _values.check_range(self.limit, "limit", 1, limits.PRODUCT_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class UpdateProductRequest(Model):
    """What to change of a product; None leaves it as it is."""

    product_id: str
    description: str | None = None
    price: int | None = None
    product_sn: str | None = None
    attachments: tuple[ProductAttachment, ...] | None = attrs.field(default=None, converter=_pictures_or_none)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.product_id, "product_id")
        if self.description is None and self.price is None and self.product_sn is None and self.attachments is None:
            msg = "there is nothing to change: give a description, a price, a product_sn or attachments"
            raise UsageError(msg)
        _check(self.description, self.price, self.product_sn, self.attachments)


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteProductRequest(Model):
    """Which product to delete."""

    product_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.product_id, "product_id")


class AsyncProducts:
    """
    Product albums, which staff send to customers.

    An app reads all products of the corp, and changes only those it made itself.
    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, product: NewProduct) -> CreatedProduct:
        """
        Add a product (WeCom documentation 95096).

        Raises:
            MayHaveArrived: Look for it with `each`, by its product_sn, before you repeat.
            Refused: The corp has too many products (41202), media uploaded for something else (41072), a
                description that WeCom does not take (41073, 41087) ...
        """
        return await self._session.call(endpoints.PRODUCT_ADD, product, CreatedProduct)

    async def get(self, product_id: str) -> Product:
        """
        Return a product (WeCom documentation 95096).

        Raises:
            UsageError: *product_id* is empty.
            BadRequest: There is no such product (41075), or it was deleted (41074).
        """
        answer = await self._session.call(endpoints.PRODUCT_GET, GetProductRequest(product_id), ProductAnswer)
        return answer.product

    async def list(self, *, cursor: str = "", limit: int = limits.PRODUCT_PAGE) -> ProductPage:
        """
        Return a page of products (WeCom documentation 95096).

        Args:
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 100.

        Raises:
            UsageError: A limit out of range.
        """
        return await self._session.call(endpoints.PRODUCT_LIST, ListProductsRequest(limit, cursor), ProductPage)

    async def list_pages(
        self, *, cursor: str = "", limit: int = limits.PRODUCT_PAGE
    ) -> AsyncGenerator[ProductPage, None]:
        """Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together."""
        async with aclosing(follow_cursor(lambda at: self.list(cursor=at, limit=limit), cursor)) as pages:
            async for page in pages:
                yield page

    async def each(self, *, cursor: str = "") -> AsyncGenerator[Product, None]:
        """
        Yield every product, without its create_time (WeCom documentation 95096).

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.list_pages(cursor=cursor)) as pages:
            async for page in pages:
                for product in page.product_list:
                    yield product

    async def update(
        self,
        product_id: str,
        *,
        description: str | None = None,
        price: int | None = None,
        product_sn: str | None = None,
        attachments: Iterable[str | ProductAttachment] | None = None,
    ) -> None:
        """
        Change a product that this app made; None leaves a part as it is (WeCom documentation 95096).

        Args:
            product_id: the product.
            description: name and features, 1 to 300 characters.
            price: in fen (分), 0 to 5,000,000.
            product_sn: letters and digits, at most 128.
            attachments: 1 to 9 pictures, instead of those before; their media ids will do.

        Raises:
            UsageError: Nothing to change, or a limit passed.
            BadRequest: There is no such product (41075), or it was deleted (41074).
        """
        request = UpdateProductRequest(product_id, description, price, product_sn, attachments)
        await self._session.call(endpoints.PRODUCT_UPDATE, request, Done)

    async def delete(self, product_id: str) -> None:
        """
        Delete a product that this app made (WeCom documentation 95096).

        Raises:
            UsageError: *product_id* is empty.
            BadRequest: There is no such product (41075), or it was deleted before (41074).
        """
        await self._session.call(endpoints.PRODUCT_DELETE, DeleteProductRequest(product_id), Done)

    def __repr__(self) -> str:
        return f"<AsyncProducts of {self._session.corp_id}>"


class Products(Blocking[AsyncProducts]):
    """Product albums, which staff send to customers; `AsyncProducts`, blocking."""

    add = blocking(AsyncProducts.add)
    get = blocking(AsyncProducts.get)
    list = blocking(AsyncProducts.list)
    list_pages = blocking_iter(AsyncProducts.list_pages)
    each = blocking_iter(AsyncProducts.each)
    update = blocking(AsyncProducts.update)
    delete = blocking(AsyncProducts.delete)
