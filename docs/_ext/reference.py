"""
The pages that are made from the code: endpoints, chapters, errors and errcodes.

Nothing of them is kept by hand. A line ``<!-- reference: name -->`` in a page is
replaced by what the function of that name returns, and each chapter of the
client gets a page of its own under ``docs/api``, which is not committed.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import types

from collections.abc import Iterator
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import attrs

import privdom.wecom

from privdom import errors
from privdom._facts.endpoints import ENDPOINTS, Effect, Endpoint
from privdom._facts.errcodes import ERRCODES, UNLISTED, ErrcodeFact
from privdom._port import Blocking
from privdom.errors import ApiError, api_error
from privdom.sandbox.handlers import ROUTES
from privdom.wecom import WeCom
from privdom.wecom.parse import CLASSES


TOPICS = {
    "success": ("Success", "成功"),
    "auth": ("Tokens and secrets", "凭证与密钥"),
    "network": ("Addresses", "可信IP"),
    "transport": ("Transport", "传输"),
    "permission": ("Permissions", "权限"),
    "licence": ("Licences", "接口许可"),
    "rate": ("Quotas", "频率限制"),
    "concurrency": ("Conflicts", "并发冲突"),
    "system": ("WeCom's own failures", "系统错误"),
    "parameter": ("Parameters", "参数"),
    "contacts": ("Staff, departments and customers", "成员、部门与客户"),
    "tags": ("Tags", "标签"),
    "contactway": ("Contact ways and join ways", "联系我与加入群聊"),
    "acquisition": ("Acquisition links", "获客助手"),
    "transfer": ("Transfers", "在职继承与离职继承"),
    "groupchat": ("Groups", "客户群与群聊"),
    "massmsg": ("Mass messages", "群发"),
    "welcome": ("Welcome messages", "欢迎语"),
    "moments": ("Moments", "客户朋友圈"),
    "product": ("Product albums", "商品图册"),
    "sensitive": ("Sensitive words", "聊天敏感词"),
    "media": ("Media and attachments", "素材与附件"),
    "message": ("App messages", "应用消息"),
    "archive": ("Message archiving", "会话内容存档"),
    "oauth": ("Signing in", "网页授权"),
    "jssdk": ("JS-SDK", "JS-SDK"),
}
"""The topics of errcodes in the order of the page."""

_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_MARK = re.compile(r"^<!-- reference: (\w+) -->$", re.MULTILINE)


# --- What the code has


class Chapter(NamedTuple):
    """A chapter of the client: the attribute, its class, and its endpoints."""

    name: str
    cls: type[Any]
    endpoints: tuple[Endpoint, ...]

    @property
    def doc(self) -> str:
        """What its class says of it, without arguments and errors."""
        return re.split(r"\n\n(?:Args|Raises):\n", inspect.getdoc(core(self.cls)) or "")[0]

    @property
    def says(self) -> str:
        """The first sentence on it."""
        return " ".join(self.doc.partition("\n\n")[0].split())

    @property
    def chinese(self) -> str:
        """WeCom's own term, which stands in the docstring of the class or of its module."""
        found = _CHINESE.findall(self.says) or _CHINESE.findall(sys.modules[self.cls.__module__].__doc__ or "")
        return "、".join(dict.fromkeys(found))

    @property
    def title(self) -> str:
        return f"{self.name} {self.chinese}".strip()


def core(cls: type[Any]) -> type[Any]:
    """Return the async class behind a blocking one."""
    for base in getattr(cls, "__orig_bases__", ()):
        if get_origin(base) is Blocking:
            return get_args(base)[0]
    return cls


@cache
def chapters() -> tuple[Chapter, ...]:
    """Return the chapters in the order in which the documentation has their first endpoints."""
    wecom = WeCom("ww", "secret")
    found: dict[str, list[Endpoint]] = {}
    for endpoint in ENDPOINTS:
        found.setdefault(endpoint.client.rpartition(".")[0], []).append(endpoint)
    return tuple(
        Chapter(name or "client", type(getattr(wecom, name)) if name else WeCom, tuple(rows))
        for name, rows in found.items()
    )


def in_sandbox(endpoint: Endpoint) -> bool:
    """Return whether the sandbox answers; tokens are given out at its door, before any route."""
    return endpoint.path in ROUTES or endpoint.path.endswith("/gettoken")


def public(cls: type[Any]) -> str:
    """Return the name under which users import a class."""
    home = "privdom.wecom" if cls.__name__ in privdom.wecom.__all__ else cls.__module__
    return f"{home}.{cls.__name__}"


def parts(annotation: Any) -> Iterator[type[Any]]:
    """Yield the classes of ours that a type is made of."""
    ours = isinstance(annotation, type) and annotation.__module__.startswith("privdom.")
    if ours and (attrs.has(annotation) or issubclass(annotation, Enum)):
        yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def fields(cls: type[Any]) -> list[tuple[attrs.Attribute[Any], Any]]:
    """Return the fields that WeCom knows, with their types."""
    hints = get_type_hints(cls)
    return [(a, hints[a.name]) for a in attrs.fields(cls) if a.name != "extra"]


def reach(cls: type[Any], seen: dict[type[Any], None]) -> None:
    """Add *cls* and all that its fields are made of to *seen*, in reading order."""
    if cls in seen:
        return
    seen[cls] = None
    if attrs.has(cls):
        for _, hint in fields(cls):
            for part in parts(hint):
                reach(part, seen)


@cache
def values() -> dict[type[Any], str]:
    """Return every request, answer and value with the chapter on whose page it stands: the first that needs it."""
    found: dict[type[Any], str] = {}
    for chapter in chapters():
        seen: dict[type[Any], None] = {}
        for endpoint in chapter.endpoints:
            for cls in CLASSES[endpoint.path]:
                if cls is not None:
                    reach(cls, seen)
        for cls in seen:
            found.setdefault(cls, chapter.name)
    return found


# --- What the code says of a field


def _sections(doc: str) -> dict[str, str]:
    """Return what a docstring's Args: say, by name."""
    match = re.search(r"^Args:\n((?:(?: +.*)?\n?)*)", doc, re.MULTILINE)
    said: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(match[1]).splitlines() if match else ():
        if start := re.match(r"(\w+): (.*)", line):
            name, said[start[1]] = start[1], start[2]
        elif name and line.strip():
            said[name] += " " + line.strip()
        elif line and not line.startswith(" "):
            break
    return said


def _tree(thing: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


@cache
def _attribute_docs(cls: type[Any]) -> dict[str, str]:
    """Return the docstrings below the fields or members of a class, by name."""
    (body,) = (node.body for node in _tree(cls).body if isinstance(node, ast.ClassDef))
    said: dict[str, str] = {}
    for before, node in pairwise(body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            target = before.target if isinstance(before, ast.AnnAssign) else getattr(before, "targets", [None])[0]
            if isinstance(target, ast.Name):
                said[target.id] = " ".join(node.value.value.split())
    return said


def meaning(cls: type[Any], name: str, method: Any = None) -> str:
    """Return what docstrings say of a field: its own, its class's, or that of the method that takes it."""
    for base in cls.__mro__:
        if attrs.has(base) and name in _attribute_docs(base):
            return _attribute_docs(base)[name]
    said = _sections(inspect.getdoc(method) or "") | _sections(inspect.getdoc(cls) or "")
    others = [c.argument for c in checks(cls) if c.field == name]
    others += [argument for field, argument in _given_to(cls, method) if field == name]
    return next((said[word] for word in (name, *others) if word in said), "")


def _given_to(cls: type[Any], method: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields of a request with the arguments of the method that become them, as they stand in its code."""
    names = [a.name for a in attrs.fields(cls)]
    for node in ast.walk(_tree(method)) if method else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == cls.__name__:
            pairs = [*zip(names, node.args, strict=False), *((word.arg, word.value) for word in node.keywords)]
            yield from ((field, arg.id) for field, arg in pairs if field and isinstance(arg, ast.Name))


def _span(low: int, high: int | None, what: str = "") -> str:
    if high is None:
        return f"at least {low:,}{what}" if low else ""
    return f"{low:,} to {high:,}{what}" if low else f"at most {high:,}{what}"


_IDS = {
    "staff_id": "userid of a staff",
    "customer_id": "begins with wm or wo",
    "chat_id": "begins with wr",
    "text_id": "not empty",
}


def _said_by(check: str, given: list[Any], named: dict[str, Any]) -> str:
    """Return in words what one check of `privdom.wecom._values` demands."""
    low, high = named.get("at_least", 0), named.get("at_most")
    match check:
        case "check_chars":
            return _span(low, given[2] if len(given) > 2 else high, " characters")
        case "check_bytes":
            return _span(low, given[2] if len(given) > 2 else high, " bytes in UTF-8")
        case "check_range":
            return f"{given[2]:,} to {given[3]:,}"
        case "check_window" if named.get("days"):
            return f"a window of at most {named['days']} days"
        case "ids" | "staff_ids" | "customer_ids":
            kind = given[2].__name__ if len(given) > 2 else check.removesuffix("s")
            return "; ".join(filter(None, [_span(low, high), _IDS.get(kind, "") if kind != "id" else ""]))
        case "check_count":
            return _span(low, high)
        case "staff_id" | "customer_id" | "chat_id" | "text_id":
            return _IDS[check]
        case _:
            return ""


class Check(NamedTuple):
    """A check of a field: what it demands, and how the method that takes the value calls it."""

    field: str
    argument: str
    demand: str


def _helper(called: ast.expr, names: dict[str, Any]) -> Any:
    """Return the function of a chapter that is called, as in ``_check(self)`` or ``_strategies.check(self.range)``."""
    if isinstance(called, ast.Name):
        helper = names.get(called.id)
    elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        helper = getattr(names.get(called.value.id), called.attr, None)
    else:
        return None
    home = getattr(helper, "__module__", None) or ""
    ours = inspect.isfunction(helper) and home.startswith("privdom.wecom.") and not home.endswith("._values")
    return helper if ours else None


def _checks(function: Any, seen: tuple[Any, ...] = ()) -> Iterator[Check]:
    """Yield the checks that a function makes, and those of the functions that it calls."""
    names = function.__globals__

    def value(node: ast.expr) -> Any:
        return eval(ast.unparse(node), names)

    for node in ast.walk(_tree(function)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        helper = _helper(called, names)
        if helper is not None and helper not in seen:
            yield from _checks(helper, (*seen, function))
        if not (isinstance(called, ast.Attribute) and ast.unparse(called.value) == "_values" and node.args):
            continue
        second = node.args[1] if len(node.args) > 1 else None
        argument = second.value if isinstance(second, ast.Constant) and isinstance(second.value, str) else ""
        # As in self.limit or way.remark, and not in limits.REMARK_CHARS.
        of_value = [arg for arg in node.args if isinstance(arg, ast.Attribute) and isinstance(arg.value, ast.Name)]
        checked = [arg.attr for arg in of_value if ast.unparse(arg.value) not in names] or [argument]
        try:
            given = [None, argument, *map(value, node.args[2:])]
            named = {word.arg or "": value(word.value) for word in node.keywords if word.arg != "name"}
        except NameError:
            continue  # a limit that depends on the value is told in the docstring
        demand = _said_by(called.attr, given, named)
        yield from (Check(field, argument, demand) for field in checked)


@cache
def checks(cls: type[Any]) -> tuple[Check, ...]:
    """Return what the construction of a request checks."""
    check = vars(cls).get("__attrs_post_init__")
    return tuple(_checks(check)) if check else ()


def limits(cls: type[Any], name: str) -> str:
    """Return what WeCom demands of a field of a request."""
    return "; ".join(dict.fromkeys(c.demand for c in checks(cls) if c.field == name and c.demand))


# --- Words and tables


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]) + "\n"


def _prose(text: str) -> str:
    """Return a docstring's text as Markdown, in which single backticks are code."""
    return text.replace("``", "`").replace("<", "&lt;").replace("*", "\\*")


def shown(hint: Any) -> str:
    """Return a type as Markdown, with links to ours."""
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join("None" if t is type(None) else shown(t) for t in get_args(hint))
    if get_origin(hint) is tuple:
        return f"tuple of {shown(get_args(hint)[0])}"
    if isinstance(hint, type) and hint in values():
        return f"{{py:class}}`~{public(hint)}`"
    return f"`{getattr(hint, '__name__', str(hint))}`"


def _default(a: attrs.Attribute[Any]) -> str:
    if a.default is attrs.NOTHING:
        return "**required**"
    if isinstance(a.default, attrs.Factory):
        return ""
    if isinstance(a.default, Enum):
        return f"`{a.default.name}`"
    return f"`{a.default!r}`"


def field_table(cls: type[Any], method: Any = None, *, given: bool) -> str:
    """Return the fields of a class: with defaults and limits where users give it."""
    rows = [
        (f"`{a.name}`", shown(hint), _default(a), limits(cls, a.name), _prose(meaning(cls, a.name, method)))
        for a, hint in fields(cls)
    ]
    if not rows:
        return "No fields.\n"
    heads = ("field", "type", "default", "limits", "meaning")
    kept = [
        i
        for i, head in enumerate(heads)
        if any(row[i] for row in rows) and (given or head not in {"default", "limits"})
    ]
    return table(tuple(heads[i] for i in kept), [tuple(row[i] for i in kept) for row in rows])


def member_table(cls: type[Enum]) -> str:
    """Return the members of an enumeration."""
    rows = [
        (f"`{member.name}`", f"`{member.value!r}`", _prose(_attribute_docs(cls).get(member.name, "")))
        for member in cls
        if not member.name.startswith("UNKNOWN_")
    ]
    return table(("member", "WeCom's value", "meaning"), rows)


# --- Pages


def _label(endpoint: Endpoint) -> str:
    return "endpoint-" + endpoint.path.removeprefix("/cgi-bin/").replace("/", "-").replace("_", "-")


_REPEATS = {
    Effect.READ: "repeated by itself",
    Effect.IDEMPOTENT: "repeated by itself",
    Effect.GUARDED: "repeated by itself; WeCom refuses a second one",
    Effect.RECONCILABLE: "never repeated once it may have arrived: look first",
    Effect.ONE_SHOT: "never repeated once it may have arrived",
}


def _rows(chapter: Chapter) -> str:
    return table(
        ("method", "endpoint", "effect", "sandbox", "WeCom"),
        [
            (
                f"[`{e.client}`](#{_label(e)})",
                f"{e.method} `{e.path.removeprefix('/cgi-bin/')}`",
                f"{e.effect}",
                "yes" if in_sandbox(e) else "no",
                f"[{e.doc}]({e.url})",
            )
            for e in chapter.endpoints
        ],
    )


def endpoints() -> str:
    """Return the page of all endpoints: an index of chapters, and one row for each endpoint."""
    index = [(f"[`{c.name}`](api/{c.name}.md)", c.chinese, _prose(c.says), str(len(c.endpoints))) for c in chapters()]
    text = [f"{len(ENDPOINTS)} endpoints. Paths begin with `/cgi-bin/`.\n"]
    text.append(table(("chapter", "章节", "what it holds", "endpoints"), index))
    text += [f"## {chapter.title}\n\n{_rows(chapter)}" for chapter in chapters()]
    return "\n".join(text)


def chapter_list() -> str:
    """Return the links to the pages of all chapters, for the table of contents."""
    pages = "\n".join(f"api/{c.name}" for c in chapters())
    return f"```{{toctree}}\n:caption: Reference\n:maxdepth: 1\n\nendpoints\nerrcodes\napi/errors\n{pages}\n```\n"


def _rst(*lines: str) -> str:
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```\n"


@cache
def _given() -> frozenset[type[Any]]:
    """Return what users make: requests, and the values in them."""
    seen: dict[type[Any], None] = {}
    for classes in CLASSES.values():
        if classes.request is not None:
            reach(classes.request, seen)
    return frozenset(seen)


def _value(cls: type[Any], method: Any = None) -> str:
    """Return the words of a class, and the table of its fields or members."""
    body = member_table(cls) if issubclass(cls, Enum) else field_table(cls, method, given=cls in _given())
    return _rst(f".. autoclass:: {public(cls)}") + "\n" + body


def chapter_page(chapter: Chapter) -> str:
    """Return the page of one chapter: each endpoint with its method, its fields and its answer; then the values."""
    text = [f"# {chapter.title}\n", _prose(chapter.doc) + "\n"]
    text.append(
        "On `AsyncWeCom` the methods are the same, awaited. What any call can raise is told on the page of"
        " [errors](errors.md), and which errcodes may be tried again on that of [errcodes](../errcodes.md).\n"
    )
    if chapter.cls is WeCom:
        text.append(_rst(".. autoclass:: privdom.wecom.WeCom"))
    text.append(_rows(chapter))
    here = [cls for cls, page in values().items() if page == chapter.name]
    shown_here: set[type[Any]] = set()
    for endpoint in chapter.endpoints:
        name = endpoint.client.rpartition(".")[2]
        method = getattr(core(chapter.cls), name)
        text.append(f"({_label(endpoint)})=\n## {endpoint.client}\n")
        text.append(
            f"{endpoint.method} `{endpoint.path}` · {endpoint.effect}, {_REPEATS[endpoint.effect]}"
            f" · [WeCom {endpoint.doc}]({endpoint.url})\n"
        )
        text.append(_rst(f".. automethod:: {public(chapter.cls)}.{name}"))
        for kind, cls in zip(("Request", "Answer"), CLASSES[endpoint.path], strict=True):
            if cls is None:
                continue
            if cls in here and cls not in shown_here:
                text.append(f"**{kind}**\n\n{_value(cls, method)}")
                shown_here.add(cls)
            else:
                text.append(f"**{kind}**: {{py:class}}`~{public(cls)}`\n")
    called = {endpoint.client.rpartition(".")[2] for endpoint in chapter.endpoints}
    more = [n for n in vars(chapter.cls) if not n.startswith("_") and n not in called and chapter.name != "client"]
    if more:
        text.append("## More methods\n")
        text.append(_rst(*(f".. automethod:: {public(chapter.cls)}.{name}\n" for name in more)))
    rest = [cls for cls in here if cls not in shown_here]
    for title, classes in (
        ("Values", [cls for cls in rest if not issubclass(cls, Enum)]),
        ("Enumerations", [cls for cls in rest if issubclass(cls, Enum)]),
    ):
        if classes:
            text.append(f"## {title}\n")
            text += [f"### {cls.__name__}\n\n{_value(cls)}" for cls in classes]
    return "\n".join(text)


_KINDS = [error for error in map(errors.__dict__.get, errors.__all__) if isinstance(error, type)]


def _class_link(cls: type[Any]) -> str:
    return f"{{py:class}}`~privdom.errors.{cls.__name__}`"


def _codes_of(cls: type[Any]) -> list[int]:
    return [code for code in (*ERRCODES, *UNLISTED) if code and type(api_error(code)) is cls]


def errors_page() -> str:
    """Return the page of all error classes."""
    text = ["# Errors 错误\n", (inspect.getdoc(errors) or "").partition("\n")[0] + "\n"]
    drawing = textwrap.dedent((errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0])
    text.append(f"```\n{drawing}\n```\n")
    for cls in _KINDS:
        text.append(f"## {cls.__name__}\n")
        text.append(_rst(f".. autoclass:: privdom.errors.{cls.__name__}"))
        if issubclass(cls, Enum):
            text.append(member_table(cls))
            continue
        codes = _codes_of(cls)
        if 0 < len(codes) <= 60:
            text.append("Errcodes: " + ", ".join(f"[{code}](#errcode-{code})" for code in codes) + ".\n")
        elif codes:
            text.append(f"Errcodes: {len(codes)} of [all](../errcodes.md).\n")
    text.append("## api_error\n")
    text.append(_rst(".. autofunction:: privdom.errors.api_error"))
    return "\n".join(text)


def advice(fact: ErrcodeFact) -> str:
    """Return in words whether the same call can succeed another time, and who waits for that."""
    match fact.retry, fact.wait:
        case "after_token_refresh", _:
            return "with a fresh token: the client, once"
        case "never", _:
            return "no"
        case _, None:
            return "later: you"
        case _, wait:
            return f"after {wait} s: the client" if wait else "after a moment: the client"


def _errcode_rows(facts: list[ErrcodeFact]) -> str:
    rows = []
    for fact in facts:
        cls = _class_link(type(api_error(fact.code))) if fact.code else "no error"
        rows.append((f"[]{{#errcode-{fact.code}}}{fact.code}", cls, advice(fact), _prose(fact.meaning)))
    return table(("errcode", "class", "again?", "meaning"), rows)


def errcodes() -> str:
    """Return the page of all errcodes: an index of classes, then a table for each topic."""
    classes = [cls for cls in _KINDS if issubclass(cls, ApiError) and _codes_of(cls)]
    index = [
        (_class_link(cls), (inspect.getdoc(cls) or "").partition("\n\n")[0], str(len(_codes_of(cls))))
        for cls in classes
    ]
    text = [f"{len(ERRCODES)} codes of WeCom's list, and {len(UNLISTED)} that it lacks.\n"]
    text.append(table(("class", "what it says", "codes"), [(a, _prose(b), c) for a, b, c in index]))
    for topic, (english, chinese) in TOPICS.items():
        facts = [fact for fact in ERRCODES.values() if fact.category == topic]
        title = english if english == chinese else f"{english} {chinese}"
        text.append(f"## {title}\n\n{_errcode_rows(facts)}")
    text.append("## Not in WeCom's list 未列出\n\n" + _errcode_rows(list(UNLISTED.values())))
    return "\n".join(text)


FILLS = {"endpoints": endpoints, "chapters": chapter_list, "errcodes": errcodes}
"""What a page can ask for by a mark."""


def fill(text: str) -> str:
    """Return the text of a page with each mark replaced."""
    return _MARK.sub(lambda mark: FILLS[mark[1]](), text)


def pages() -> dict[str, str]:
    """Return the generated pages by name."""
    return {"errors": errors_page(), **{chapter.name: chapter_page(chapter) for chapter in chapters()}}


def write_pages(folder: Path) -> None:
    """Write the generated pages, and remove what an earlier build left; what has not changed is not touched."""
    folder.mkdir(exist_ok=True)
    made = pages()
    for file in folder.glob("*.md"):
        if file.stem not in made:
            file.unlink()
    for name, text in made.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


# --- Sphinx


def _with_links(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Let the errcodes that a method can raise lead to the page of errcodes."""
    if what != "method" or "Raises:" not in lines:
        return

    def link(found: re.Match[str]) -> str:
        known = int(found[0]) in ERRCODES or int(found[0]) in UNLISTED
        return f":ref:`{found[0]} <errcode-{found[0]}>`" if known else found[0]

    for i in range(lines.index("Raises:"), len(lines)):
        lines[i] = re.sub(r"(?<=[( ])\d{4,7}(?=[),; ])", link, lines[i])


def _without_args(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Leave out what a table below tells, and the signature that attrs writes where a class has no words."""
    if what != "class" or not isinstance(thing, type) or thing not in values():
        return
    text = re.sub(r"^Args:\n(?:(?: +.*)?\n)*", "", "\n".join([*lines, ""]), flags=re.MULTILINE)
    lines[:] = text.splitlines()


def signature(
    app: Any, what: str, name: str, thing: Any, options: Any, arguments: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """
    Return the signature to show, or None to leave it as it is.

    Models have none, since their fields stand in a table, and errors none, since
    the library makes them. Sphinx looks through the blocking twins of generators.
    """
    if not arguments or thing is WeCom:
        return None
    if what in {"class", "exception"}:
        return "", None
    return arguments, returns and re.sub(r"^~?[\w.]*AsyncGenerator\[(.+), None\]$", r"Iterator[\1]", returns)


def _find(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve the short names that docstrings use: errors, models, and methods such as ``groups.get``."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    last = target.rpartition(".")[2].removeprefix("Async")
    tries = [f"privdom.errors.{last}", f"privdom.wecom.{last}"]
    chapter, _, method = target.rpartition(".")
    tries += [f"{public(c.cls)}.{method}" for c in chapters() if c.name == chapter]
    domain = env.get_domain("py")
    for name in tries:
        if name in domain.objects:
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, contnode)
    return None


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "api"))
    app.connect("source-read", lambda app, name, source: source.__setitem__(0, fill(source[0])))
    app.connect("autodoc-process-docstring", _without_args, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", _with_links, priority=100)
    app.connect("autodoc-process-signature", signature)
    app.connect("missing-reference", _find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
