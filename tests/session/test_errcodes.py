"""Every errcode: the facts of it, the class one would catch, and what the client does about it."""

from __future__ import annotations

import re

from pathlib import Path
from typing import Any, get_args

import attrs
import httpx
import pytest
import yaml

from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._facts.endpoints import Effect, Endpoint
from privdom._facts.errcodes import ERRCODES, UNLISTED, ErrcodeFact
from privdom._facts.errcodes import Retry as Advice
from privdom._port import Port
from privdom.errors import (
    ApiError,
    AuthError,
    BadRequest,
    Busy,
    Conflict,
    IpNotAllowed,
    NoPermission,
    NotACustomer,
    Outcome,
    QuotaExceeded,
    Refused,
    StillDispatching,
    TokenRejected,
    UsageError,
    WrongSecret,
    api_error,
)
from privdom.wecom import AsyncWeCom, Done
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry, wait_before_repeat
from tests.conftest import OnPort


FACTS = {code: fact for code, fact in (ERRCODES | UNLISTED).items() if code != 0}
PATIENCE = Retry()
REPEATABLE = (Effect.READ, Effect.IDEMPOTENT, Effect.GUARDED)

# What errcodes.yaml has otherwise, and why.
ALREADY_USED = {41050: "welcome_code is not valid, already used, or older than 20 seconds."}
"""A welcome code works once."""
DOCUMENTED_LIMIT = {
    41094: (
        "Reminder of a mass message is over its frequency limit: 3 in 24 hours (97610)."
        " Wait: until the first of them is 24 h old."
    )
}
"""The page of the endpoint has the number that the list lacks."""
OF_A_TEMPLATE = {41303: "Too many member-customer pairs given for a mass-message template (群发模版)."}
"""Not of ordinary mass messages."""
CORRECTED = ALREADY_USED | DOCUMENTED_LIMIT | OF_A_TEMPLATE


def _meaning(row: dict[str, Any]) -> str:
    """Return the meaning as the facts have it: with the wait, and without the year in which the code came up."""
    meaning = " ".join(row["meaning"].split()).removesuffix(" (new since 2024)")
    wait = f" Wait: {row['wait']}." if "wait" in row else ""
    return CORRECTED.get(row["code"], meaning + wait)


def test_the_facts_are_those_of_the_list(shared: Path) -> None:
    """All 369 codes of WeCom's list, with topic, advice and meaning, and no other."""
    rows = yaml.safe_load((shared / "wecom" / "errcodes.yaml").read_text(encoding="utf-8"))["codes"]

    assert 369 == len(rows)
    assert {row["code"]: (row["category"], row["retry"], _meaning(row)) for row in rows} == {
        fact.code: (fact.category, fact.retry, fact.meaning) for fact in ERRCODES.values()
    }


def test_what_other_pages_name_is_known_too(shared: Path) -> None:
    """An errcode that only the page of an endpoint names is among the unlisted ones."""
    named: set[int] = set()
    for name in ("contacts", "groups_messages"):
        text = (shared / "wecom" / f"{name}.yaml").read_text(encoding="utf-8")
        table = yaml.safe_load(text)["errcodes"]
        named |= {int(code) for code in table if re.fullmatch(r"-?\d+", str(code))}
    assert len(named) > 100

    assert set() == named - set(ERRCODES) - set(UNLISTED)
    assert set() == set(ERRCODES) & set(UNLISTED)


def test_an_error_has_the_advice_of_its_code() -> None:
    """Meaning, advice and waiting time are attributes, and the advice is one of four."""
    errors = {code: api_error(code) for code in FACTS}

    assert FACTS.keys() == {error.errcode for error in errors.values()}
    assert {code: (fact.meaning, fact.retry, fact.wait) for code, fact in FACTS.items()} == {
        code: (error.meaning, error.retry, error.wait) for code, error in errors.items()
    }
    assert set(get_args(Advice)) == {error.retry for error in errors.values()}


def test_an_unknown_code_is_never_repeated() -> None:
    """What this library does not know yet is refused, and no repetition is advised."""
    error = api_error(999_999_999)

    assert (Refused, "never", None) == (type(error), error.retry, error.wait)


def test_success_is_no_error() -> None:
    """errcode 0 has no class."""
    with pytest.raises(UsageError, match="carried the call out"):
        api_error(0)


# The class of every code that is not a BadRequest, told by who would catch it.
CLASSES: dict[type[ApiError], set[int]] = {
    Busy: {-1, 81026, 90304, 301022, 301064, 2000111, 2090726},
    WrongSecret: {40001, 40080, 40091},
    TokenRejected: {40014, 40082, 42001, 42009},
    IpNotAllowed: {60020, 301042},
    AuthError: {40013, 40078, 40083, 40084, 40085, 41001, 41002, 41004, 41021, 41022, 41023, 41024, 41025}
    | {42007, 45031, 49004},
    NoPermission: {41057, 41058, 41098, 41200, 41211, 41305, 43009, 301002, 301007, 301052, 301053, 301088}
    | {48001, 48002, 48003, 48004, 48005, 48006, 48007, 48008, 48009, 48011, 50001, 50002, 50003, 50006}
    | {60011, 60021, 60030, 60031, 60217, 81011, 84062, 84074, 84083, 90514, 92000, 92001, 92002, 92003}
    | {610016, 610021, 610023, 610024, 701008, 701016, 701099, 2400005, 2400006},
    QuotaExceeded: {40128, 41078, 41094, 41210, 45009, 45011, 45033, 45036, 84055, 85004, 90313}
    | {640019, 701134, 2010003, 2400007},
    Conflict: {6000, 40100, 40129, 41096, 45035, 90507, 302008},
    NotACustomer: {40096, 40131, 84061, 84084, 610004},
    StillDispatching: {41063, 41079},
    Refused: {48010, 830003},
}


def test_the_class_of_every_code() -> None:
    """Who is refused, what is lacking and what passes are told apart; all else is a bad request."""
    expected = {code: cls for cls, codes in CLASSES.items() for code in codes}

    assert {code: expected.get(code, BadRequest) for code in FACTS} == {code: type(api_error(code)) for code in FACTS}


def test_the_class_agrees_with_the_advice() -> None:
    """What passes has a class that says so, and a token to be refreshed has one of its own."""
    passing = {Busy, QuotaExceeded, Conflict, StillDispatching}
    classes = {code: type(api_error(code)) for code in FACTS}
    passes = {code for code, fact in FACTS.items() if fact.retry in {"immediate", "after_wait"}}

    # A suite ticket is pushed every ten minutes, and a file may be fetched another time.
    assert passes - {40085, 830003} == {code for code, cls in classes.items() if cls in passing}
    assert {code for code, fact in FACTS.items() if fact.retry == "after_token_refresh"} == {
        code for code, cls in classes.items() if cls is TokenRejected
    }


@pytest.mark.parametrize("effect", Effect)
def test_what_is_repeated_is_what_the_advice_says(effect: Effect) -> None:
    """
    The client repeats what passes within a minute, and nothing that the advice forbids.

    What WeCom may have carried out all the same is repeated only where that does no harm.
    """
    said = {
        code
        for code, fact in FACTS.items()
        if fact.retry in {"immediate", "after_wait"} and fact.wait is not None
        if code not in CLASSES[Busy] or effect in REPEATABLE
    }
    attempts = {
        code: [wait_before_repeat(api_error(code), effect, attempt, PATIENCE) for attempt in range(1, 5)]
        for code in FACTS
    }

    assert len(said) > 10
    assert {code: [code in said] * 3 + [False] for code in FACTS} == {
        code: [wait is not None for wait in waits] for code, waits in attempts.items()
    }
    assert set() == {code for code, fact in FACTS.items() if fact.wait is not None} - {
        code for code, fact in FACTS.items() if fact.retry in {"immediate", "after_wait"}
    }


@pytest.mark.parametrize(
    ("errcode", "waits"),
    [
        (45033, [0.5, 1.0, 2.0, None]),
        (84055, [5.0, 5.0, 5.0, None]),
        (45009, [60.0, 60.0, 60.0, None]),
        (45036, [60.0, 60.0, 60.0, None]),
        (41210, [None, None, None, None]),
    ],
)
def test_how_long_the_client_waits(errcode: int, waits: list[float | None]) -> None:
    """A crowd has doubling waits, a block takes as long as the settings say, and next month is not waited for."""
    error = api_error(errcode)

    assert waits == [wait_before_repeat(error, Effect.RECONCILABLE, n, PATIENCE) for n in range(1, 5)]


def test_patience_has_no_end_if_one_likes() -> None:
    """Who lets a call be repeated for days waits as long each time as is set."""
    assert (8.0, 8.0) == (Retry().wait(5), Retry(attempts=100_000).wait(99_999))


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"first_wait": -1.0}, {"longest_wait": -1.0}, {"blocked_wait": -1.0}]
)
def test_patience_without_sense_is_refused(wrong: dict[str, Any]) -> None:
    """There is one call at least, and no wait is negative."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Retry(**wrong)


@attrs.frozen
class Ask:
    """A request that says nothing."""


@pytest.mark.parametrize("endpoint", [E.TAG_LIST, E.TAG_ADD, E.MESSAGE_REMIND], ids=lambda e: e.effect)
def test_calls_are_repeated_as_advised(on_port: OnPort, endpoint: Endpoint) -> None:
    """For every code: as often as the settings allow, once with a fresh token, or not at all."""
    calls: dict[int, int] = {}
    errcode = 0

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == E.GETTOKEN.path:
            return httpx.Response(200, json={"errcode": 0, "access_token": "t", "expires_in": 7200})
        calls[errcode] = calls.get(errcode, 0) + 1
        return httpx.Response(200, json={"errcode": errcode, "errmsg": ""})

    async def scenario(port: Port) -> None:
        nonlocal errcode
        quick = Retry(first_wait=0.0, longest_wait=0.0, blocked_wait=0.0)
        wecom = AsyncWeCom.on(port, "ww1", "secret", quotas=MemoryQuotas(), retry=quick)
        for code in FACTS.keys() - {84055}:  # which takes five real seconds
            errcode = code
            with pytest.raises(ApiError):
                await wecom.session.call(endpoint, Ask(), Done)
        await wecom.close()

    def expected(fact: ErrcodeFact) -> int:
        if fact.retry == "after_token_refresh":
            return 2
        harmless = endpoint.effect is Effect.READ or api_error(fact.code).outcome is Outcome.REFUSED
        return Retry().attempts if fact.wait is not None and harmless else 1

    on_port(scenario, transport=httpx.MockTransport(answer))

    assert {code: expected(fact) for code, fact in FACTS.items() if code != 84055} == calls
