"""What staff may send, must not write, and what was uploaded: products (商品图册), intercept rules (敏感词), media (素材)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.console.forms import choice, entry, form
from privdom.sandbox.console.html import Child, el, join, table
from privdom.sandbox.console.links import ident
from privdom.sandbox.console.parts import Page, View, brief, card, chips, happened, listing, people, search, when
from privdom.sandbox.state import InterceptRule, Medium, Product


__all__ = ["intercept_rules", "media", "products"]

_SEMANTICS = {1: "phone numbers 手机号", 2: "e-mail addresses 邮箱", 3: "red packets 红包"}
_WARNS = 2


def products(view: View) -> Page:
    """Return the list of products, newest first."""

    def row(product: Product) -> tuple[Child, ...]:
        return (
            el("b", brief(product.description, 120)),
            f"¥{product.price / 100:,.2f}",
            product.sn or "—",
            f"{len(product.pictures):,}",
            ident(product.id),
            "the app" if product.by_app else "an admin",
            when(product.created),
        )

    add = form(
        "add_product",
        entry("description", "description 描述", required=True),
        entry("price", "price in fen 分", kind="number", required=True, least=0),
        entry("sn", "product_sn 编码"),
        say="Admin adds 添加",
    )
    alive = (p for p in reversed(view.state.products.values()) if not p.deleted)
    found = (p for p in alive if view.fits(p.description, p.sn, p.id))
    heads = ("description 描述", "price 价格", "product_sn 编码", "pictures", "product_id", "made by", "made")
    numbers = ("price 价格", "pictures")
    empty = "No product yet: make one with products.add."
    rows = listing(view, heads, found, row, empty=empty, numbers=numbers)
    bar = el("div", search(view, "description, product_sn, id 搜索"), add, class_="bar")
    return "Products 商品图册", join((bar, rows))


def intercept_rules(view: View) -> Page:
    """Return the list of intercept rules, and what they found."""

    def row(rule: InterceptRule) -> tuple[Child, ...]:
        return (
            el("b", rule.name),
            "warns 警告" if rule.type == _WARNS else "blocks 拦截",
            chips([*rule.words, *(_SEMANTICS.get(kind, kind) for kind in rule.semantics)]),
            people(view, rule.users, rule.departments),
            ident(rule.id),
            "the app" if rule.by_app else "an admin",
            when(rule.created),
        )

    add = form(
        "add_rule",
        entry("name", "name 名称", required=True),
        entry("words", "words, with spaces 敏感词", required=True),
        entry("users", "userids of staff 成员", required=True),
        choice("type", {"block": "blocks 拦截", "warn": "warns 警告"}, "what it does"),
        say="Admin adds 添加",
    )
    alive = (rule for rule in view.state.intercept_rules.values() if not rule.deleted)
    found = (rule for rule in alive if view.fits(rule.name, rule.id, *rule.words, *rule.users))
    heads = ("name 名称", "does", "finds 敏感词", "in what … write", "rule_id", "made by", "made")
    rows = listing(view, heads, found, row, empty="No rule yet: make one with intercept_rules.add.")
    caught = happened(view.lines(kinds=["intercept"]), empty="Nothing yet. Have a staff send a message on their page.")
    bar = el("div", search(view, "name, word, userid, id 搜索"), add, class_="bar")
    return "Intercept rules 敏感词", join((bar, rows, card("What they found 命中", caught)))


_SOURCES = {
    "media": "media/upload",
    "moment": "media/upload_attachment, for moments",
    "album": "media/upload_attachment, for products",
    "url": "media/upload_by_url",
    "jssdk": "recorded in a page",
}


def _size(octets: int) -> str:
    for unit in ("bytes", "KB", "MB"):
        if octets < 10_000 or unit == "MB":
            return f"{octets:,.0f} {unit}"
        octets //= 1_000
    return ""


def media(view: View) -> Page:
    """Return what was uploaded, newest first, what is fetched, and what can be."""
    state, now = view.state, view.world.timestamp

    def row(medium: Medium) -> tuple[Child, ...]:
        until = medium.created + limits.MEDIA_SECONDS
        return (
            el("b", medium.filename),
            medium.kind,
            _size(len(medium.content)),
            _SOURCES[medium.source],
            when(medium.created),
            el("span", "expired 已过期", class_="chip bad") if now >= until else when(until),
            ident(medium.media_id),
        )

    found = (m for m in reversed(state.media.values()) if view.fits(m.filename, m.media_id, m.kind))
    heads = ("file", "kind", "size", "came by", "since", "until", "media_id")
    rows = listing(view, heads, found, row, empty="Nothing yet: upload something with media.upload.", numbers=("size",))
    jobs = (
        (
            ident(job.jobid),
            job.filename,
            brief(job.url, 60),
            when(job.asked),
            f"failed, errcode {job.errcode}" if job.errcode else "done" if job.done else "runs",
        )
        for job in reversed(state.upload_jobs.values())
    )
    files = ((brief(url, 80), _size(file.size), el("code", file.md5)) for url, file in state.web.items())
    voice = form(
        "voice",
        entry("userid", "userid of a staff", required=True),
        entry("seconds", "seconds", kind="number", value="3", least=1),
        say="Records a voice 录音",
    )
    web = form(
        "web_file",
        entry("url", "https://…", kind="url", required=True),
        entry("size", "bytes", kind="number", required=True, least=1),
        say="Put a file there",
    )
    pictures = f"{len(state.image_urls):,}" if state.image_urls else "none"
    return "Media 素材", join(
        (
            el("div", search(view, "file, kind, media_id 搜索"), voice, class_="bar"),
            rows,
            el("p", f"Pictures that stay (media/uploadimg): {pictures}.", class_="empty"),
            card(
                "Fetched from the web 异步上传",
                table(("jobid", "file", "url", "asked for", "state"), jobs, empty="Nothing was asked for."),
            ),
            card(
                "Files on the web",
                table(
                    ("url", "size", "md5"), files, empty="None: media.upload_by_url finds nothing.", numbers=("size",)
                ),
                el("div", web, class_="acts"),
            ),
        )
    )
