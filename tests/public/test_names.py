"""The public names: what `__all__` lists is what dir() shows, what can be imported, and what type checkers see."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys

from pathlib import Path

import pytest

import privdom


PUBLIC = sorted(
    module.name
    for module in pkgutil.walk_packages(privdom.__path__, "privdom.")
    if not any(part.startswith("_") for part in module.name.split("."))
)
LAZY = [name for name in ["privdom", *PUBLIC] if hasattr(importlib.import_module(name), "__getattr__")]


@pytest.mark.parametrize("name", ["privdom", *PUBLIC])
def test_every_listed_name_is_there(name: str) -> None:
    """A name in `__all__` can be imported, and the list is sorted and without doubles."""
    module = importlib.import_module(name)
    names = module.__all__

    assert sorted(set(names)) == sorted(names)
    for listed in names:
        assert getattr(module, listed) is not None


@pytest.mark.parametrize("name", ["privdom", *PUBLIC])
def test_every_module_says_what_it_is_for(name: str) -> None:
    """The first line of each module is a sentence."""
    doc = importlib.import_module(name).__doc__

    assert doc
    assert doc.strip().splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize("name", LAZY)
def test_lazy_names_are_the_same_for_people_and_for_type_checkers(name: str) -> None:
    """What stands in the TYPE_CHECKING block is what `__all__` and dir() show."""
    module = importlib.import_module(name)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }

    assert seen == set(module.__all__) & seen
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def test_a_client_needs_no_database() -> None:
    """Importing the client loads neither SQLAlchemy nor the sandbox."""
    script = (
        "import sys; from privdom import WeCom; WeCom('ww1', 's');"
        "print([m for m in ('sqlalchemy', 'privdom.store', 'privdom.sandbox') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_the_bare_import_loads_nothing_heavy() -> None:
    """`import privdom` alone brings in none of the dependencies."""
    script = (
        "import sys, privdom;"
        "print([m for m in ('httpx', 'attrs', 'cattrs', 'anyio', 'tenacity', 'cryptography') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
    assert privdom.__version__
