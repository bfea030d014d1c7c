"""What mutmut found, and the list of mutants that may survive."""

from __future__ import annotations

import json
import tomllib

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import libcst as cst

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import create_mutations
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key


__all__ = ["Change", "Mutant", "out_of_reach", "results", "survivors_listed", "to_go_on_with"]

_PACKAGE = Path("src/privdom")


@attrs.frozen
class Change:
    """A change to a function. It holds no number of a line, so that code above may come and go."""

    file: str
    function: str
    before: str
    after: str


# A run that does not end was noticed too.
_KILLED = frozenset({"killed", "timeout"})


@attrs.frozen
class Mutant:
    """A change, and whether a test noticed."""

    change: Change
    status: str

    @property
    def file(self) -> str:
        return self.change.file

    @property
    def killed(self) -> bool:
        """Whether a test noticed."""
        return self.status in _KILLED

    def as_toml(self) -> str:
        """Return the entry that would allow it to survive."""
        fields = attrs.asdict(self.change)
        head = "".join(f"{name} = {json.dumps(fields[name])}\n" for name in ("file", "function"))
        pair = f"[{_quoted(self.change.before)}, {_quoted(self.change.after)}]"
        return f'[[harmless]]\n{head}reason = ""\nmutants = [\n  {pair},\n]'


def _quoted(text: str) -> str:
    plain = "'" not in text and "\n" not in text
    return f"'{text}'" if plain else json.dumps(text, ensure_ascii=False)


def results(modules: Sequence[str]) -> list[Mutant]:
    """Return the mutants of *modules*, of all if none is named, that were run."""
    return [Mutant(_change(path, name), status) for path in _paths(modules) for name, status in _statuses(path)]


def out_of_reach(file: str) -> int:
    """Return how many mutants of *file* cannot be run: of constants, of the bodies of classes, of what is decorated."""
    path = _PACKAGE / file
    _, mutations, _, _ = create_mutations(str(path), path.read_text("utf-8"))
    return sum(not isinstance(m.contained_by_top_level_function, cst.FunctionDef) for m in mutations)


def _paths(modules: Sequence[str]) -> Iterator[Path]:
    for path in walk_mutatable_files():
        dotted = ".".join(path.relative_to(_PACKAGE).with_suffix("").parts)
        if not modules or any(f"{dotted}.".startswith(f"{module}.") for module in modules):
            yield path


def to_go_on_with(modules: Sequence[str]) -> list[str]:
    """Return the names of the mutants of *modules* that were not run, or survived."""
    return [name for path in _paths(modules) for name, status in _statuses(path) if status not in _KILLED]


def _statuses(path: Path) -> Iterator[tuple[str, str]]:
    data = SourceFileMutationData(path=path)
    data.load()
    for name, exit_code in data.exit_code_by_key.items():
        yield name, status_by_exit_code[exit_code]


def _change(path: Path, name: str) -> Change:
    function, class_name = orig_function_and_class_names_from_key(name)
    # Two lines of file names come first.
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    before, after = ("\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in ("-", "+"))
    return Change(
        str(path.relative_to(_PACKAGE)), f"{class_name}.{function}" if class_name else function, before, after
    )


def survivors_listed(path: Path) -> Iterator[Change]:
    """Return the changes that the list at *path* allows."""
    for entry in tomllib.loads(path.read_text("utf-8"))["harmless"]:
        if not entry["reason"]:
            msg = f"{entry['file']}, {entry['function']}: a survivor needs a reason"
            raise ValueError(msg)
        for before, after in entry["mutants"]:
            yield Change(entry["file"], entry["function"], before, after)
