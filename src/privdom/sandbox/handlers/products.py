"""Product albums (商品图册) (95096)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.media import check_attached
from privdom.sandbox.paging import Cursors, lenient_limit, page
from privdom.sandbox.state import Product
from privdom.sandbox.world import Call, World


__all__ = ["add", "create", "delete", "get", "listing", "update"]


def _description(body: Fields) -> str:
    # Of two errcodes for descriptions, the one speaks of an invalid one, the other of the rules for it.
    text = body.text("description", absent=41087)
    if len(text) > limits.PRODUCT_DESCRIPTION_CHARS:
        raise WeComError(41073)
    return text


def _price(body: Fields) -> int:
    price = body.integer("price", absent=41086)
    if not 0 <= price <= limits.PRODUCT_PRICE:
        raise WeComError(41086)
    return price


def _sn(body: Fields) -> str:
    text = body.text("product_sn")
    if text and not (text.isascii() and text.isalnum() and len(text) <= limits.PRODUCT_SN_BYTES):
        raise WeComError(41085)
    return text


def _pictures(world: World, body: Fields, *, by_app: bool) -> list[str]:
    items = body.children("attachments")
    if not items:
        raise WeComError(41088)
    if len(items) > limits.PRODUCT_IMAGES:
        raise WeComError(41064)
    found: list[str] = []
    for item in items:
        image = item.child("image") if item.text("type") == "image" else None
        if image is None:
            raise WeComError(41065)
        media_id = image.text("media_id", absent=41006)
        if by_app:
            check_attached(world, media_id, "image", "album")
        found.append(media_id)
    return found


def create(world: World, body: Fields, *, by_app: bool) -> Product:
    """Make a product of what stands in *body*."""
    state = world.state
    description, price, sn = _description(body), _price(body), _sn(body)
    pictures = _pictures(world, body, by_app=by_app)
    most = world.rules.products_per_corp
    if most is not None and sum(not product.deleted for product in state.products.values()) >= most:
        raise WeComError(41202)
    product_id = digest(world.seed, world.new_id("product", description, sn))
    product = Product(state.number(), product_id, world.timestamp, description, price, sn, pictures, by_app)
    state.products[product.id] = product
    return product


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_product_album."""
    return {"product_id": create(world, call.body, by_app=True).id}


def _find(world: World, body: Fields) -> Product:
    product = world.state.products.get(body.text("product_id", absent=40063))
    if product is None:
        raise WeComError(41075)
    if product.deleted:
        raise WeComError(41074)
    return product


def _mine(world: World, body: Fields) -> Product:
    product = _find(world, body)
    if not product.by_app:
        raise WeComError(world.rules.foreign_errcode)
    return product


def _shown(product: Product) -> dict[str, object]:
    row: dict[str, object] = {
        "product_id": product.id,
        "description": product.description,
        "price": product.price,
        "attachments": [{"type": "image", "image": {"media_id": media_id}} for media_id in product.pictures],
    }
    return {**row, "product_sn": product.sn} if product.sn else row


def get(world: World, call: Call) -> dict[str, object]:
    """Answer get_product_album."""
    product = _find(world, call.body)
    return {"product": {**_shown(product), "create_time": product.created}}


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer get_product_album_list; for a limit that is too large the default applies."""
    limit = lenient_limit(call.body, limits.PRODUCT_PAGE_DEFAULT, limits.PRODUCT_PAGE)
    rows = ((p.number, _shown(p)) for p in world.state.products.values() if not p.deleted)
    found, following = page(rows, limit, Cursors(world.seed, call.path), call.body.text("cursor"))
    return {"next_cursor": following, "product_list": found}


def update(world: World, call: Call) -> dict[str, object]:
    """Answer update_product_album: what is left out stays."""
    body = call.body
    product = _mine(world, body)
    description = _description(body) if "description" in body else product.description
    price = _price(body) if "price" in body else product.price
    sn = _sn(body) if "product_sn" in body else product.sn
    pictures = _pictures(world, body, by_app=True) if "attachments" in body else product.pictures
    product.description, product.price, product.sn, product.pictures = description, price, sn, pictures
    return {}


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer delete_product_album."""
    _mine(world, call.body).deleted = True
    return {}
