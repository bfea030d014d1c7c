"""
Turn WeCom's JSON into frozen classes and back, absorbing WeCom's quirks.

One cattrs converter does it. Each of its hooks is named after the quirk that it
absorbs. Structuring trusts what it is given: it calls no validators, which are
for what users make; WeCom's own samples break WeCom's own rules.
"""

from __future__ import annotations

import math
import types

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import attrs

from cattrs import Converter
from cattrs.fns import identity

from privdom.errors import NotUnderstood, UsageError
from privdom.wecom._json import dumps, loads


__all__ = [
    "NO_EXTRA",
    "Extra",
    "Joined",
    "dumps",
    "loads",
    "structure",
    "tell_apart",
    "tell_apart_inside",
    "unstructure",
]

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

# Dates past the year 9999, and what a float cannot hold, are not times.
_LAST_SECOND = 253_402_300_799


class Extra(Mapping[str, Any]):
    """The fields of an answer that this version does not know, as WeCom sent them."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Extra, (dict(self._fields),))

    def __repr__(self) -> str:
        return f"<Extra {', '.join(self._fields) or 'nothing'}>"


NO_EXTRA = Extra({})
"""What nearly every answer holds in ``extra``."""


class Joined(tuple[str, ...]):
    """A list that WeCom sends as one text, its items joined by bars: ``a|b``."""

    __slots__ = ()


class _Malformed(Exception):
    """Something of another shape than any quirk explains; *path* leads to it."""

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(why, path)
        self.why = why
        self.path = path

    def under(self, step: str) -> _Malformed:
        dot = "." if self.path and not self.path.startswith("[") else ""
        return _Malformed(self.why, f"{step}{dot}{self.path}")


converter = Converter()


def structure(data: object, cls: type[T]) -> T:
    """
    Return *data*, which is read JSON, as a *cls*.

    Raises:
        NotUnderstood: It has another shape; the message names the field and never the value.
    """
    try:
        return converter.structure(data, cls)
    except _Malformed as e:
        msg = f"{cls.__name__}: {e.path or 'the answer'} {e.why}"
    raise NotUnderstood(msg)


def unstructure(value: object) -> dict[str, Any]:
    """
    Return *value*, an instance of an attrs class, under WeCom's names and in WeCom's types.

    Left out is what is None, and text and lists that are empty by default.
    Numbers always stand: WeCom's default is often another than ours.

    Raises:
        UsageError: It holds a datetime without a time zone.
    """
    return cast("dict[str, Any]", converter.unstructure(value))


# --- The quirks -------------------------------------------------------------


def text_sent_as_number(value: Any, _: Any = None) -> str:
    """Ids made of digits come as numbers now and then."""
    if value.__class__ is str:
        text: str = value
        return text
    if value.__class__ is int or value.__class__ is float:
        return str(value)
    if value is None:
        return ""
    why = "is not text"
    raise _Malformed(why)


def number_sent_as_text(value: Any, _: Any = None) -> int:
    """Some endpoints send ``"1"`` where others send 1."""
    if value.__class__ is int or value.__class__ is bool:
        return int(value)
    if value.__class__ is float and value.is_integer():
        return int(value)
    if value.__class__ is str:
        text = value.strip()
        # int() reads digits of every script, underscores too, and quadratically.
        if len(text) < 20 and text.removeprefix("-").isdecimal() and text.isascii():
            return int(text)
        if not text:
            return 0
    why = "is not a whole number"
    raise _Malformed(why)


def share_sent_whole(value: Any, _: Any = None) -> float:
    """A percentage comes as 60.25 or as 100, and may come as text."""
    if value.__class__ is str and len(value) < 20:
        try:
            value = float(value or "0")
        except ValueError:
            value = None
    if (value.__class__ is float or value.__class__ is int) and math.isfinite(value):
        return float(value)
    why = "is not a number"
    raise _Malformed(why)


def flag_sent_as_number(value: Any, _: Any = None) -> bool:
    """0 and 1 stand for false and true."""
    if value is True or value is False:
        return value
    if value.__class__ is str and value.lower() in {"true", "false"}:
        return bool(value.lower() == "true")
    try:
        return bool(number_sent_as_text(value))
    except _Malformed:
        why = "is neither true nor false"
        raise _Malformed(why) from None


def unix_seconds(value: Any, _: Any = None) -> datetime | None:
    """Moments are seconds since 1970, and 0 says that there is none."""
    try:
        seconds = number_sent_as_text(value)
    except _Malformed:
        why = "is not a time in unix seconds"
        raise _Malformed(why) from None
    if not 0 <= seconds <= _LAST_SECOND:
        why = "is not a time in unix seconds"
        raise _Malformed(why)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def value_not_known_yet(value: Any, cls: Any) -> Enum:
    """WeCom adds values; an open enum keeps them, with a name that says so."""
    plain = number_sent_as_text(value) if issubclass(cls, int) else text_sent_as_number(value)
    return cast("Enum", cls(plain))


def bare_value_for_a_list(value: Any, cls: Any) -> tuple[Any, ...]:
    """One item comes without its list, none comes as null, and null stands among items."""
    item_type = get_args(cls)[0]
    hook = converter.get_structure_hook(item_type)
    if value.__class__ is not list:
        return () if value is None else (hook(value, item_type),)
    items: list[Any] = []
    for i, item in enumerate(value):
        if item is None:
            continue
        try:
            items.append(hook(item, item_type))
        except _Malformed as e:
            step = f"[{i}]"
            raise e.under(step) from None
    return tuple(items)


def tell_apart(union: Any, tag: str, kinds: tuple[type[Any], ...], other: Callable[[str, dict[str, Any]], Any]) -> None:
    """
    Let *union* stand for objects whose kind stands in *tag*, and whose content stands under the name of the kind.

    Each class has its kind as an attribute named *tag*; what is of none of
    them becomes ``other(kind, content)``, with these as attributes *tag* and
    ``content``.
    """
    by_kind = {getattr(cls, tag): cls for cls in kinds}

    def kind_told_by_tag(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            why = "is not an object"
            raise _Malformed(why)
        kind = text_sent_as_number(value.get(tag))
        content = value.get(kind)
        if kind not in by_kind or content is None:
            return other(kind, {name: item for name, item in value.items() if name != tag})
        try:
            return converter.get_structure_hook(by_kind[kind])(content, by_kind[kind])
        except _Malformed as e:
            raise e.under(kind) from None

    def tag_tells_kind(value: Any) -> dict[str, Any]:
        kind = getattr(value, tag)
        return (
            {tag: kind, kind: converter.unstructure(value)}
            if isinstance(value, kinds)
            else {tag: kind, **value.content}
        )

    converter.register_structure_hook(union, kind_told_by_tag)
    converter.register_unstructure_hook(union, tag_tells_kind)


def tell_apart_inside(union: Any, tag: str, kinds: tuple[type[Any], ...]) -> None:
    """
    Let *union* stand for objects whose kind stands in *tag*, beside their content.

    Each class has its kind as an attribute named *tag* that is no field.
    """
    by_kind = {getattr(cls, tag): cls for cls in kinds}

    def kind_told_beside(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            why = "is not an object"
            raise _Malformed(why)
        cls = by_kind.get(text_sent_as_number(value.get(tag)))
        if cls is None:
            why = "is of a kind that this version does not know"
            raise _Malformed(why)
        content = {name: item for name, item in value.items() if name != tag}
        return converter.get_structure_hook(cls)(content, cls)

    def kind_beside(value: Any) -> dict[str, Any]:
        return {tag: getattr(value, tag), **converter.unstructure(value)}

    converter.register_structure_hook(union, kind_told_beside)
    converter.register_unstructure_hook(union, kind_beside)


def list_joined_by_bars(value: Any, _: Any = None) -> Joined:
    """Receivers of app messages come as ``a|b``."""
    return Joined(item for item in text_sent_as_number(value).split("|") if item)


def moment_as_unix_seconds(value: datetime) -> int:
    """Return seconds since 1970, for WeCom knows no time zones."""
    if value.tzinfo is None:
        msg = "give datetimes with a time zone, such as datetime(2026, 1, 2, tzinfo=UTC)"
        raise UsageError(msg)
    return int(value.timestamp())


# --- Classes ----------------------------------------------------------------


def _without_none(annotation: Any) -> Any:
    """``T | None`` and ``T`` are told apart by the default, not here."""
    if get_origin(annotation) in {Union, types.UnionType}:
        first, *rest = (t for t in get_args(annotation) if t is not type(None))
        annotation = first
        for other in rest:
            annotation = annotation | other
    return annotation


def _draft_of(cls: type) -> type | None:
    """
    Return a class with the same slots that is not frozen, or None.

    A frozen class sets each field through object.__setattr__, which costs three
    times as much as an ordinary assignment. So an instance is filled in as a
    draft, and becomes one of *cls* by its ``__class__``.
    """
    draft = type(f"{cls.__name__}Draft", cls.__bases__, {"__slots__": cls.__slots__})  # type: ignore[attr-defined]
    try:
        draft().__class__ = cls
    except (TypeError, AttributeError):  # a slot for weak references, or attributes of a base
        return None
    return draft


def _leftovers(value: dict[str, Any], declared: frozenset[str]) -> Extra:
    fields = {name: item for name, item in value.items() if name not in declared}
    return Extra(fields) if fields else NO_EXTRA


def _read(field: str, annotation: Any, names: dict[str, Any]) -> str:
    """Return source that leaves the value of one field in *field*: the usual shape inline, quirks through a hook."""
    names[f"{field}_hook"] = converter.get_structure_hook(annotation)
    names[f"{field}_type"] = annotation
    quirk = f"{field}_hook({field}, {field}_type)"
    if annotation in {str, int, bool}:
        return f"elif {field}.__class__ is not {annotation.__name__}: {field} = {quirk}"
    if annotation is datetime:
        plain = f"{field}.__class__ is int and 0 < {field} <= {_LAST_SECOND}"
        return f"else: {field} = moment({field}, UTC) if {plain} else {quirk}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        names[f"{field}_members"] = {member.value: member for member in annotation}.get
        return f"else: {field} = known if (known := {field}_members({field})) is not None else {quirk}"
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        names[f"{field}_item"], names[f"{field}_item_type"] = converter.get_structure_hook(item), item
        each = f"{field}_item(x, {field}_item_type)"
        if item in {str, int}:
            each = f"x if x.__class__ is {item.__name__} else {each}"
        items = f"tuple([{each} for x in {field} if x is not None])"
        return f"else: {field} = {items} if {field}.__class__ is list else {quirk}"
    return f"else: {field} = {quirk}"


def _structure_class(cls: Any) -> Hook:
    """Generate the function that structures one attrs class."""
    fields = [a for a in attrs.fields(attrs.resolve_types(cls)) if a.name != "extra"]
    keeps_extra = any(a.name == "extra" for a in attrs.fields(cls))
    draft = _draft_of(cls)
    names: dict[str, Any] = {
        "UTC": UTC,
        "Malformed": _Malformed,
        "NO_EXTRA": NO_EXTRA,
        "cls": cls,
        "draft": draft,
        "new": object.__new__,
        "declared": frozenset(a.name for a in fields),
        "leftovers": _leftovers,
        "moment": datetime.fromtimestamp,
    }
    hooks: list[tuple[str, Hook, Any, bool]] = []
    reads: list[str] = []
    writes: list[tuple[str, str]] = []
    for i, a in enumerate(fields):
        field, annotation = f"f{i}", _without_none(a.type)
        required = a.default is attrs.NOTHING
        hooks.append((a.name, converter.get_structure_hook(annotation), annotation, required))
        if required:
            absent = "raise Malformed('is missing')"
        else:
            made_anew = isinstance(a.default, attrs.Factory)  # type: ignore[arg-type]
            names[f"{field}_default"] = a.default.factory if made_anew else a.default
            absent = f"{field} = {field}_default{'()' if made_anew else ''}; seen += 1"
        reads += [f"{field} = get({a.name!r})", f"if {field} is None: {absent}"]
        reads.append(_read(field, annotation, names))
        writes.append((a.name, field))
    if keeps_extra:
        # Each absent field was counted too: only unknown fields and nulls make a difference.
        writes.append(("extra", f"NO_EXTRA if seen == {len(fields)} else leftovers(value, declared)"))
    if draft is not None:
        build = ["made = draft()", *(f"made.{name} = {field}" for name, field in writes), "made.__class__ = cls"]
    else:
        names |= {f"set_{name}": getattr(cls, name).__set__ for name, _ in writes}
        build = ["made = new(cls)", *(f"set_{name}(made, {field})" for name, field in writes)]

    def blame(value: Any, failure: Exception) -> Exception:
        """Find the field at fault, which costs too much to keep track of while all is well."""
        for name, hook, annotation, required in hooks:
            item = value.get(name)
            try:
                if item is not None:
                    hook(item, annotation)
                elif required:
                    return _Malformed("is missing", name)
            except _Malformed as e:
                return e.under(name)
        return failure

    names["blame"] = blame
    source = "\n".join(
        [
            "def structure_class(value, _=None):",
            "  if value.__class__ is not dict: raise Malformed('is not an object')",
            "  get = value.get; seen = len(value)",
            "  try:",
            *(f"    {line}" for line in reads or ["pass"]),
            "  except Exception as e: raise blame(value, e) from None",
            *(f"  {line}" for line in build),
            "  return made",
        ]
    )
    exec(source, names)  # noqa: S102 - of names and types only, the way attrs and cattrs do it themselves
    return cast("Hook", names["structure_class"])


def _unstructure_class(cls: Any) -> Callable[[Any], dict[str, Any]]:
    fields = [
        (a.name, a.default if a.default in ("", ()) else None, converter.get_unstructure_hook(_without_none(a.type)))
        for a in attrs.fields(attrs.resolve_types(cls))
        if a.name != "extra"
    ]
    keeps_extra = any(a.name == "extra" for a in attrs.fields(cls))

    def unstructure_class(value: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, empty, hook in fields:
            item = getattr(value, name)
            if item is not None and (empty is None or item != empty):
                out[name] = hook(item)
        if keeps_extra:
            out.update(value.extra)
        return out

    return unstructure_class


def _unstructure_tuple(annotation: Any) -> Callable[[Any], list[Any]]:
    hook = converter.get_unstructure_hook(get_args(annotation)[0])
    if hook is identity:
        return list
    return lambda items: [hook(item) for item in items]


def _is_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


converter.register_structure_hook(str, text_sent_as_number)
converter.register_structure_hook(int, number_sent_as_text)
converter.register_structure_hook(float, share_sent_whole)
converter.register_structure_hook(bool, flag_sent_as_number)
converter.register_structure_hook(datetime, unix_seconds)
converter.register_structure_hook(IntEnum, value_not_known_yet)
converter.register_structure_hook(StrEnum, value_not_known_yet)
converter.register_structure_hook(Joined, list_joined_by_bars)
converter.register_structure_hook_func(_is_tuple, bare_value_for_a_list)
converter.register_structure_hook_factory(attrs.has, _structure_class)
converter.register_unstructure_hook(IntEnum, int)
converter.register_unstructure_hook(StrEnum, str)
converter.register_unstructure_hook(datetime, moment_as_unix_seconds)
converter.register_unstructure_hook(Joined, "|".join)
converter.register_unstructure_hook_factory(attrs.has, _unstructure_class)
converter.register_unstructure_hook_factory(_is_tuple, _unstructure_tuple)
