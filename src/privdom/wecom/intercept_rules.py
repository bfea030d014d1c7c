"""Intercept rules (敏感词): words that staff must not write to customers: WeCom documentation 95097."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Done, Model, OpenInt
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncInterceptRules",
    "CreatedInterceptRule",
    "DeleteInterceptRuleRequest",
    "ExtraRule",
    "GetInterceptRuleRequest",
    "InterceptRange",
    "InterceptRule",
    "InterceptRuleAnswer",
    "InterceptRuleList",
    "InterceptRuleSummary",
    "InterceptRules",
    "InterceptType",
    "NewInterceptRule",
    "Semantics",
    "UpdateInterceptRuleRequest",
]


class InterceptType(OpenInt):
    """What happens to a message with such a word."""

    BLOCK = 1
    """The staff are warned, and it is not sent."""
    WARN = 2
    """The staff are warned."""


class Semantics(OpenInt):
    """What a rule finds besides its words."""

    PHONE_NUMBER = 1
    EMAIL = 2
    RED_PACKET = 3


def _semantics(values: Iterable[Semantics | int]) -> tuple[Semantics, ...]:
    return tuple(Semantics(value) for value in values)


def _semantics_or_none(values: Iterable[Semantics | int] | None) -> tuple[Semantics, ...] | None:
    return None if values is None else _semantics(values)


@attrs.frozen(repr=False, weakref_slot=False)
class InterceptRange(Model):
    """
    Staff and departments that a rule is for.

    Args:
        user_list: at most 1,000 a call, in the app's visible range.
        department_list: at most 1,000 a call, in the app's visible range.
    """

    user_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    department_list: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        if not self.user_list and not self.department_list:
            msg = "the range is empty: give user_list or department_list"
            raise UsageError(msg)
        _values.staff_ids(self.user_list, "user_list", at_most=limits.INTERCEPT_NODES_PER_CALL)
        _values.check_count(self.department_list, "department_list", at_most=limits.INTERCEPT_NODES_PER_CALL)


@attrs.frozen(repr=False, weakref_slot=False)
class ExtraRule(Model):
    """What a rule finds besides its words, where WeCom puts it a level deeper."""

    semantics_list: tuple[Semantics, ...] | None = attrs.field(default=None, converter=_semantics_or_none)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class InterceptRule(Model):
    """An intercept rule as WeCom keeps it."""

    rule_id: str
    rule_name: str = ""
    word_list: tuple[str, ...] = ()
    semantics_list: tuple[Semantics, ...] = ()
    extra_rule: ExtraRule | None = None
    intercept_type: InterceptType = InterceptType.BLOCK
    applicable_range: InterceptRange | None = None
    """Only staff and departments in the app's visible range."""
    create_time: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    @property
    def semantics(self) -> tuple[Semantics, ...]:
        """What it finds besides its words, from whichever of the two places WeCom put it in."""
        deeper = self.extra_rule.semantics_list if self.extra_rule else None
        return self.semantics_list or deeper or ()


@attrs.frozen(repr=False, weakref_slot=False)
class InterceptRuleAnswer(Model):
    """The rule that was asked for."""

    rule: InterceptRule
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class InterceptRuleSummary(Model):
    """An intercept rule in a list; `intercept_rules.get` tells the rest."""

    rule_id: str
    rule_name: str = ""
    create_time: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class InterceptRuleList(Model):
    """All rules of the corp, whoever made them."""

    rule_list: tuple[InterceptRuleSummary, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedInterceptRule(Model):
    """A new rule."""

    rule_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _check(
    rule_name: str | None,
    word_list: tuple[str, ...] | None,
    semantics: tuple[Semantics, ...] | None,
    intercept_type: InterceptType | None,
) -> None:
    _values.check_chars(rule_name, "rule_name", limits.INTERCEPT_NAME_CHARS, at_least=1)
    if word_list is not None:
        _values.check_count(word_list, "word_list", at_least=1, at_most=limits.INTERCEPT_WORDS)
        for i, word in enumerate(word_list):
            _values.check_chars(word, f"word_list[{i}]", limits.INTERCEPT_WORD_CHARS, at_least=1)
    for item in semantics or ():
        _values.check_choice(item, "semantics_list")
    if intercept_type is not None:
        _values.check_choice(intercept_type, "intercept_type")


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewInterceptRule(Model):
    """
    An intercept rule to make.

    Args:
        rule_name: 1 to 20 characters, and no other rule's.
        word_list: 1 to 300 words of 1 to 32 characters.
        semantics_list: what to find besides: phone numbers, e-mail addresses, red packets.
        intercept_type: block such messages, or only warn.
        applicable_range: the staff and departments it is for.
    """

    rule_name: str
    word_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    semantics_list: tuple[Semantics, ...] = attrs.field(default=(), converter=_semantics)
    intercept_type: InterceptType = attrs.field(converter=InterceptType)
    applicable_range: InterceptRange

    def __attrs_post_init__(self) -> None:
        _check(self.rule_name, self.word_list, self.semantics_list, self.intercept_type)


@attrs.frozen(repr=False, weakref_slot=False)
class GetInterceptRuleRequest(Model):
    """Which rule to read."""

    rule_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.rule_id, "rule_id")


def _type_or_none(value: InterceptType | int | None) -> InterceptType | None:
    return None if value is None else InterceptType(value)


@attrs.frozen(repr=False, weakref_slot=False)
class UpdateInterceptRuleRequest(Model):
    """What to change of a rule; None leaves it as it is."""

    rule_id: str
    rule_name: str | None = None
    word_list: tuple[str, ...] | None = attrs.field(default=None, converter=_values.texts_or_none)
    extra_rule: ExtraRule | None = None
    intercept_type: InterceptType | None = attrs.field(default=None, converter=_type_or_none)
    add_applicable_range: InterceptRange | None = None
    remove_applicable_range: InterceptRange | None = None

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.rule_id, "rule_id")
        parts = (self.rule_name, self.word_list, self.extra_rule, self.intercept_type)
        if all(part is None for part in (*parts, self.add_applicable_range, self.remove_applicable_range)):
            msg = "there is nothing to change: give a name, words, semantics, a type or a range"
            raise UsageError(msg)
        # WeCom ignores an empty list of words, without a word; an empty semantics_list clears it.
        _check(
            self.rule_name,
            self.word_list,
            self.extra_rule.semantics_list if self.extra_rule else None,
            self.intercept_type,
        )
        added, removed = self.add_applicable_range, self.remove_applicable_range
        if added and removed:
            both = {*added.user_list} & {*removed.user_list} or {*added.department_list} & {*removed.department_list}
            if both:
                msg = "staff or a department stands both in what is added and in what is removed: leave it out of one"
                raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteInterceptRuleRequest(Model):
    """Which rule to delete."""

    rule_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.rule_id, "rule_id")


class AsyncInterceptRules:
    """
    Intercept rules: words that staff must not write to customers.

    An app reads all rules of the corp, and changes only those it made itself.
    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, rule: NewInterceptRule) -> CreatedInterceptRule:
        """
        Make a rule (WeCom documentation 95097).

        A corp has at most 100.

        Raises:
            MayHaveArrived: Look for the name with `list` before you repeat.
            BadRequest: The name is taken (41077), the corp has too many rules (41069), a word is none that WeCom
                takes (41083) ...
        """
        return await self._session.call(endpoints.INTERCEPT_ADD, rule, CreatedInterceptRule)

    async def list(self) -> tuple[InterceptRuleSummary, ...]:
        """Return all rules of the corp, by id and name (WeCom documentation 95097)."""
        answer = await self._session.call(endpoints.INTERCEPT_LIST, None, InterceptRuleList)
        return answer.rule_list

    async def get(self, rule_id: str) -> InterceptRule:
        """
        Return a rule (WeCom documentation 95097).

        Raises:
            UsageError: *rule_id* is empty.
            BadRequest: There is no such rule (41070), or it was deleted (41071).
        """
        answer = await self._session.call(
            endpoints.INTERCEPT_GET, GetInterceptRuleRequest(rule_id), InterceptRuleAnswer
        )
        return answer.rule

    async def update(
        self,
        rule_id: str,
        *,
        rule_name: str | None = None,
        word_list: Iterable[str] | None = None,
        semantics_list: Iterable[Semantics | int] | None = None,
        intercept_type: InterceptType | int | None = None,
        add_applicable_range: InterceptRange | None = None,
        remove_applicable_range: InterceptRange | None = None,
    ) -> None:
        """
        Change a rule that this app made; None leaves a part as it is (WeCom documentation 95097).

        Args:
            rule_id: the rule.
            rule_name: 1 to 20 characters, and no other rule's.
            word_list: 1 to 300 words of 1 to 32 characters, instead of those before.
            semantics_list: what to find besides, instead of what was found before; an empty list clears it.
            intercept_type: block such messages, or only warn.
            add_applicable_range: staff and departments it is for, too. At most 10,000 staff in all.
            remove_applicable_range: staff and departments it is not for any more.

        Raises:
            UsageError: Nothing to change, or a limit passed.
            BadRequest: There is no such rule (41070), it was deleted (41071), the name is taken (41077), the range
                is too large (41076).
        """
        extra_rule = None if semantics_list is None else ExtraRule(semantics_list)
        request = UpdateInterceptRuleRequest(
            rule_id, rule_name, word_list, extra_rule, intercept_type, add_applicable_range, remove_applicable_range
        )
        await self._session.call(endpoints.INTERCEPT_UPDATE, request, Done)

    async def delete(self, rule_id: str) -> None:
        """
        Delete a rule that this app made (WeCom documentation 95097).

        Raises:
            UsageError: *rule_id* is empty.
            BadRequest: There is no such rule (41070), or it was deleted before (41071).
        """
        await self._session.call(endpoints.INTERCEPT_DELETE, DeleteInterceptRuleRequest(rule_id), Done)

    def __repr__(self) -> str:
        return f"<AsyncInterceptRules of {self._session.corp_id}>"


class InterceptRules(Blocking[AsyncInterceptRules]):
    """Intercept rules: words that staff must not write to customers; `AsyncInterceptRules`, blocking."""

    add = blocking(AsyncInterceptRules.add)
    list = blocking(AsyncInterceptRules.list)
    get = blocking(AsyncInterceptRules.get)
    update = blocking(AsyncInterceptRules.update)
    delete = blocking(AsyncInterceptRules.delete)
