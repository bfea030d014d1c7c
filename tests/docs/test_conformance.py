"""The page on conformance says what the tables of the conformance suite say."""

from __future__ import annotations

from tests.conformance import page


def test_page() -> None:
    """The page is what `python -m tests.conformance.page` writes."""
    assert page.text() == page.FILE.read_text("utf-8")


def test_goal() -> None:
    """What is listed is no less than what the suite is for."""
    listed = page.totals([call for call in page.CALLS if not call.mistake])

    assert all(many >= wanted for many, wanted in zip(listed, page.GOAL, strict=True))
