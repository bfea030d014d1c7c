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


__all__ = ["Change", "Mutant", "out_of_reach", "results", "survivors_listed"]

_PACKAGE = Path("src/privdom")


@attrs.frozen
class Change:
    """A change to a function. It holds no number of a line, so that code above may come and go."""

    file: str
    function: str
    before: str
    after: str

    def as_toml(self) -> str:
        """Return the entry that would allow it to survive."""
        head = f"file = {json.dumps(self.file)}\nfunction = {json.dumps(self.function)}\n"
        pair = f"[{_quoted(self.before)}, {_quoted(self.after)}]"
        return f'[[harmless]]\n{head}reason = ""\nmutants = [\n  {pair},\n]'


# A run that does not end was noticed too.
_KILLED = frozenset({"killed", "timeout"})


@attrs.frozen
class Mutant:
    """A mutant by mutmut's name, and whether a test noticed."""

    path: Path
    name: str
    status: str

    @property
    def file(self) -> str:
        return str(self.path.relative_to(_PACKAGE))

    @property
    def killed(self) -> bool:
        """Whether a test noticed."""
        return self.status in _KILLED

    def change(self) -> Change:
        """Return what it changes."""
        function, class_name = orig_function_and_class_names_from_key(self.name)
        # Two lines of file names come first.
        lines = get_diff_for_mutant(self.name, path=self.path).splitlines()[2:]
        before, after = ("\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
        return Change(self.file, f"{class_name}.{function}" if class_name else function, before, after)


def _quoted(text: str) -> str:
    plain = "'" not in text and "\n" not in text
    return f"'{text}'" if plain else json.dumps(text, ensure_ascii=False)


def results(modules: Sequence[str]) -> list[Mutant]:
    """Return the mutants of *modules*, of all if none is named, that the last run knew."""
    return [mutant for path in _paths(modules) for mutant in _mutants_of(path)]


def _mutants_of(path: Path) -> Iterator[Mutant]:
    data = SourceFileMutationData(path=path)
    data.load()
    for name, exit_code in data.exit_code_by_key.items():
        yield Mutant(path, name, status_by_exit_code[exit_code])


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


def survivors_listed(path: Path) -> Iterator[Change]:
    """Return the changes that the list at *path* allows."""
    for entry in tomllib.loads(path.read_text("utf-8"))["harmless"]:
        if not entry["reason"]:
            msg = f"{entry['file']}, {entry['function']}: a survivor needs a reason"
            raise ValueError(msg)
        for before, after in entry["mutants"]:
            yield Change(entry["file"], entry["function"], before, after)
