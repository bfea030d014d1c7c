"""Intercept rules (敏感词): what staff must not write to customers (95097)."""

from __future__ import annotations

import re

from typing import Final

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.codes import staff_of
from privdom.sandbox.record import InterceptEntry
from privdom.sandbox.state import InterceptRule
from privdom.sandbox.world import Call, World


__all__ = ["add", "blocks", "create", "delete", "get", "listing", "update"]

_BLOCK, _WARN = 1, 2
_SEMANTICS: Final = 3
# Red packets (3) are no text, and nobody sends one here.
_FINDS: Final = {
    1: re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"),
    2: re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
}


def blocks(world: World, userid: str, text: str) -> bool:
    """Tell whether a text of staff is kept from customers; the record tells what the rules for these staff found."""
    blocked = False
    for rule in world.state.intercept_rules.values():
        if rule.deleted or userid not in staff_of(world, rule.users, rule.departments):
            continue
        words = tuple(word for word in rule.words if word in text)
        semantics = tuple(kind for kind in rule.semantics if kind in _FINDS and _FINDS[kind].search(text))
        if words or semantics:
            entry = InterceptEntry(rule.id, userid, text, words, semantics, rule.type == _BLOCK, world.now)
            world.record.interceptions.append(entry)
            blocked = blocked or entry.blocked
    return blocked


def _name(world: World, text: str, *, but: str = "") -> str:
    if len(text) > limits.INTERCEPT_NAME_CHARS:
        raise WeComError(40058, f"field `rule_name` exceed max length {limits.INTERCEPT_NAME_CHARS}")
    if any(r.name == text and r.id != but and not r.deleted for r in world.state.intercept_rules.values()):
        raise WeComError(41077)
    return text


def _words(words: list[str]) -> list[str]:
    if len(words) > limits.INTERCEPT_WORDS:
        raise WeComError(41068)
    if not all(1 <= len(word) <= limits.INTERCEPT_WORD_CHARS for word in words):
        raise WeComError(41083)
    return list(dict.fromkeys(words))


def _semantics(kinds: list[int]) -> list[int]:
    if not all(1 <= kind <= _SEMANTICS for kind in kinds):
        raise WeComError(41084)
    return list(dict.fromkeys(kinds))


def _range(world: World, chosen: Fields) -> tuple[list[str], list[int]]:
    users, departments = chosen.texts("user_list"), chosen.integers("department_list")
    if max(len(users), len(departments)) > limits.INTERCEPT_NODES_PER_CALL:
        raise WeComError(41076)
    users = [world.need_staff(userid).userid for userid in dict.fromkeys(users)]
    if any(department not in world.state.departments for department in departments):
        raise WeComError(60003)
    return users, list(dict.fromkeys(departments))


def create(world: World, body: Fields, *, by_app: bool) -> InterceptRule:
    """Make a rule of what stands in *body*."""
    state = world.state
    name = _name(world, body.text("rule_name", absent=40063))
    words = _words(body.texts("word_list"))
    if not words:
        raise WeComError(40063)
    semantics = _semantics(body.integers("semantics_list"))
    kind = body.integer("intercept_type", absent=40063, low=_BLOCK, high=_WARN)
    users, departments = _range(world, body.child("applicable_range") or Fields({}))
    if not users and not departments:
        raise WeComError(40063)
    if sum(not rule.deleted for rule in state.intercept_rules.values()) >= limits.INTERCEPT_RULES:
        raise WeComError(41069)
    rule_id = digest(world.seed, world.new_id("intercept rule", name))
    rule = InterceptRule(rule_id, name, world.timestamp, words, semantics, kind, users, departments, by_app)
    state.intercept_rules[rule.id] = rule
    return rule


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_intercept_rule."""
    return {"rule_id": create(world, call.body, by_app=True).id}


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer get_intercept_rule_list."""
    del call
    rules = [rule for rule in world.state.intercept_rules.values() if not rule.deleted]
    return {"rule_list": [{"rule_id": r.id, "rule_name": r.name, "create_time": r.created} for r in rules]}


def _find(world: World, body: Fields) -> InterceptRule:
    rule = world.state.intercept_rules.get(body.text("rule_id", absent=40063))
    if rule is None:
        raise WeComError(41070)
    if rule.deleted:
        raise WeComError(41071)
    return rule


def _mine(world: World, body: Fields) -> InterceptRule:
    rule = _find(world, body)
    if not rule.by_app:
        raise WeComError(world.rules.foreign_errcode)
    return rule


def get(world: World, call: Call) -> dict[str, object]:
    """Answer get_intercept_rule: staff at work, and semantics_list at the place of the table and of the older sample."""
    rule = _find(world, call.body)
    users = [userid for userid in rule.users if userid in world.state.staff]
    shown: dict[str, object] = {
        "rule_id": rule.id,
        "rule_name": rule.name,
        "word_list": list(rule.words),
        "extra_rule": {"semantics_list": list(rule.semantics)},
        "intercept_type": rule.type,
        "applicable_range": {"user_list": users, "department_list": list(rule.departments)},
        "create_time": rule.created,
    }
    return {"rule": shown}


def update(world: World, call: Call) -> dict[str, object]:
    """Answer update_intercept_rule: what is left out stays, as do the words where the list is empty."""
    body = call.body
    rule = _mine(world, body)
    name = _name(world, body.text("rule_name"), but=rule.id) or rule.name
    words = _words(body.texts("word_list")) or rule.words
    extra = body.child("extra_rule") or Fields({})
    semantics = _semantics(extra.integers("semantics_list")) if "semantics_list" in extra else rule.semantics
    kind = body.integer("intercept_type", rule.type, low=_BLOCK, high=_WARN)
    more_users, more_departments = _range(world, body.child("add_applicable_range") or Fields({}))
    gone_users, gone_departments = _range(world, body.child("remove_applicable_range") or Fields({}))
    users = [user for user in dict.fromkeys([*rule.users, *more_users]) if user not in set(gone_users)]
    departments = [d for d in dict.fromkeys([*rule.departments, *more_departments]) if d not in set(gone_departments)]
    if len(users) > limits.INTERCEPT_STAFF:
        raise WeComError(41076)
    if not users and not departments:
        # A new rule must be for somebody (40063), and no page says that an old one need not.
        raise WeComError(40063)
    rule.name, rule.words, rule.semantics, rule.type = name, words, semantics, kind
    rule.users, rule.departments = users, departments
    return {}


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer del_intercept_rule."""
    _mine(world, call.body).deleted = True
    return {}
