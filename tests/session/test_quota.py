"""The limiter: never over the limit in any span, and near it when there is enough to do."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from privdom._port import Port, run
from privdom.errors import UsageError
from privdom.wecom.quota import MemoryQuotas, QuotaSettings, SubWindows, Window, process_quotas
from tests.conftest import OnPort


def _run(limit: int, seconds: float, gaps: list[float]) -> list[float]:
    """Return when each call went out: after each gap the limiter is asked until it agrees."""
    limiter, now, sent = SubWindows([Window(limit, seconds)]), 0.0, list[float]()
    for gap in gaps:
        now += gap
        while wait := limiter.wait(now):
            now += wait
        limiter.take(now)
        sent.append(now)
    return sent


@settings(max_examples=200)
@given(
    st.integers(1, 40),
    st.floats(0.5, 100),
    st.lists(st.one_of(st.just(0.0), st.floats(0, 30)), min_size=1, max_size=150),
)
def test_no_span_of_the_window_holds_more_than_the_limit(limit: int, seconds: float, gaps: list[float]) -> None:
    """However calls come, any span as long as the window holds at most the limit."""
    sent = _run(limit, seconds, gaps)

    for i, start in enumerate(sent):
        inside = sum(1 for t in sent[i:] if t < start + seconds * (1 - 1e-9))
        assert inside <= limit


def test_a_steady_stream_attains_the_limit() -> None:
    """With always one more call to make, the windows fill to at least 97 %."""
    sent = _run(600, 60.0, [0.0] * 6_000)
    span = sent[-1] - sent[0]

    assert 0.97 * 600 <= 6_000 / ((span + 60) / 60)


def test_asking_takes_nothing() -> None:
    """Only take() counts."""
    limiter = SubWindows([Window(1, 10)])

    assert [0.0, 0.0] == [limiter.wait(0), limiter.wait(0)]


def test_a_bundle_larger_than_the_limit_is_refused() -> None:
    """Waiting for what can never fit would never end."""
    limiter = SubWindows([Window(5, 10)])
    limiter.take(0)

    with pytest.raises(ValueError, match="never fit"):
        limiter.wait(0, 6)


def test_corps_have_their_own_quota_and_share_the_address(on_port: OnPort) -> None:
    """Two corps do not take from each other, but together they stay below the limit of the address."""
    now = [0.0]
    quotas = MemoryQuotas(
        QuotaSettings(per_corp=(Window(2, 60),), per_ip=(Window(3, 60),), margin=0.0), monotonic=lambda: now[0]
    )

    async def scenario(port: Port) -> list[float]:
        return [await quotas.take(corp, "host", "/p") for corp in ("a", "a", "a", "b", "b")]

    waits = on_port(scenario)

    assert [True, True, False, True, False] == [w == 0.0 for w in waits]
    assert "<MemoryQuotas of 3 keys>" == repr(quotas)

    now[0] = 61.1

    async def later(port: Port) -> float:
        return await quotas.take("a", "host", "/p")

    assert 0.0 == on_port(later)


def test_a_margin_is_left_unused() -> None:
    """The limits that are kept are a little below WeCom's."""

    async def count(quotas: MemoryQuotas) -> int:
        taken = 0
        while await quotas.take("corp", "host", "/p") == 0.0:
            taken += 1
        return taken

    fixed = MemoryQuotas(attrs.evolve(QuotaSettings(), per_corp=(Window(100, 60),), margin=0.02), monotonic=lambda: 0.0)

    assert 98 == run(count(fixed))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Window(0, 60),
        lambda: Window(10, 0),
        lambda: QuotaSettings(margin=1.0),
        lambda: QuotaSettings(margin=-0.1),
        lambda: QuotaSettings(in_flight=0),
    ],
)
def test_settings_under_which_nothing_would_go_out_are_refused(make: Callable[[], object]) -> None:
    """A limit of none would be waited for without end, and a margin below none pass WeCom's limit."""
    with pytest.raises(UsageError):
        make()


def test_all_clients_of_a_process_share_one_count_by_default() -> None:
    """The address has one quota, so there is one place to count."""
    assert process_quotas() is process_quotas()
