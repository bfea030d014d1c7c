"""Errors: what they keep, what they hide, and what they say about the outcome."""

from __future__ import annotations

import pickle
import re

import pytest

from privdom import errors
from privdom._facts.errcodes import ERRCODES
from privdom.errors import (
    ApiError,
    AuthError,
    Busy,
    IpNotAllowed,
    MayHaveArrived,
    NoPermission,
    NotACustomer,
    NotSent,
    NotUnderstood,
    Outcome,
    PrivdomError,
    QuotaExceeded,
    Refused,
    TokenRejected,
    WrongSecret,
    api_error,
)


LIVE = (
    "not allow to access from your ip, hint: [1600000000_12_abc], from ip: 203.0.113.7,"
    " more info at https://open.work.weixin.qq.com/devtool/query?e=60020"
)


def test_an_api_error_keeps_what_support_asks_for() -> None:
    """Code, text without its tail, hint, address, path and documentation are attributes."""
    error = api_error(60020, LIVE, path="/cgi-bin/x", doc_url="https://doc/1")

    assert IpNotAllowed is type(error)
    assert (60020, "not allow to access from your ip") == (error.errcode, error.errmsg)
    assert ("1600000000_12_abc", "203.0.113.7") == (error.hint, error.ip)
    assert ("/cgi-bin/x", "https://doc/1") == (error.path, error.doc_url)
    assert error.help_url.endswith("e=60020")
    assert "/cgi-bin/x" in str(error)
    assert "1600000000_12_abc" in str(error)


@pytest.mark.parametrize(
    ("errcode", "cls"),
    [
        (40001, WrongSecret),
        (40091, WrongSecret),
        (42001, TokenRejected),
        (60020, IpNotAllowed),
        (48002, NoPermission),
        (60011, NoPermission),
        (45009, QuotaExceeded),
        (45033, QuotaExceeded),
        (84061, NotACustomer),
        (40096, NotACustomer),
        (-1, Busy),
        (40013, AuthError),
        (999_999_999, Refused),
    ],
)
def test_each_errcode_has_the_class_one_would_catch(errcode: int, cls: type[ApiError]) -> None:
    """Wrong secret, address, permission, quota, busy and not a customer are told apart."""
    assert cls is type(api_error(errcode))


@pytest.mark.parametrize("errcode", sorted(set(ERRCODES) - {0}))
def test_every_documented_errcode_says_what_it_means(errcode: int) -> None:
    """No code of the documentation falls through, and each is either refused or of unknown outcome."""
    error = api_error(errcode)

    assert error.meaning == ERRCODES[errcode].meaning
    assert isinstance(error, Refused | Busy)
    assert (Outcome.UNKNOWN if isinstance(error, Busy) else Outcome.REFUSED) is error.outcome


def test_three_outcomes_are_told_apart() -> None:
    """Never sent, refused and perhaps arrived lead to different actions, so they are different classes."""
    assert Outcome.NOT_SENT is NotSent("x").outcome
    assert Outcome.UNKNOWN is MayHaveArrived("x").outcome
    assert Outcome.UNKNOWN is NotUnderstood("x").outcome
    assert issubclass(NotUnderstood, MayHaveArrived)
    assert issubclass(Busy, MayHaveArrived)
    assert not issubclass(NotSent, MayHaveArrived)


@pytest.mark.parametrize(
    "errmsg",
    [
        "invalid access_token=SECRETTOKEN",
        "access_token: SECRETTOKEN",
        '"access_token":"SECRETTOKEN"',
        "secret[SECRETTOKEN]",
    ],
)
def test_a_token_in_wecoms_text_is_not_kept(errmsg: str) -> None:
    """Even if WeCom echoes a token, in whatever form, the error does not."""
    error = api_error(40014, f"{errmsg}, hint: [1]")

    assert "SECRETTOKEN" not in f"{error} {error!r} {error.errmsg} {error.__dict__} {error.args}"


@pytest.mark.parametrize("errmsg", ["access_token expired", "corpsecret missing", "invalid secret"])
def test_wecoms_text_stays_as_it_is(errmsg: str) -> None:
    """The word for a token or a secret is none."""
    assert errmsg == api_error(40014, f"{errmsg}, hint: [1]").errmsg


def test_an_unknown_errcode_still_says_where_to_look() -> None:
    """A code that is newer than this library keeps WeCom's own words."""
    assert "brand new" in str(api_error(777_777, "brand new"))


def test_errors_pickle() -> None:
    """An error crosses a process boundary whole."""
    error = api_error(45009, LIVE, path="/p")

    again = pickle.loads(pickle.dumps(error))

    assert (type(error), error.__dict__, str(error)) == (type(again), again.__dict__, str(again))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every public class stands in the drawing, below its base."""
    drawn: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([ │├└─]*)([A-Z]\w+)", line)
        if not match:
            continue
        depth, name = len(match[1]), match[2]
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if stack and name not in drawn:
            drawn[name] = stack[-1][1]
        stack.append((depth, name))
    classes = {n for n in errors.__all__ if isinstance(getattr(errors, n), type)} - {"Outcome", "PrivdomError"}

    assert classes == set(drawn)
    for name, base in drawn.items():
        assert issubclass(getattr(errors, name), getattr(errors, base))
    assert issubclass(errors.UsageError, ValueError)
    assert issubclass(PrivdomError, Exception)
