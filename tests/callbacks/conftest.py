"""Where the shared facts are, and the real vectors everything here is checked against."""

from __future__ import annotations

import os

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    root = Path(os.environ.get("PRIVDOM_SHARED", Path(__file__).parents[2].parent / "shared"))
    if not root.is_dir():
        pytest.skip("the shared facts are not on this machine")
    return root
