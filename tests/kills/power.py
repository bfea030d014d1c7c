"""
A disk that loses its power, and SQLite on it.

The disk knows what was synced. When the power fails, that is what is left, and
perhaps some of what was written since, in any order, the last write torn.
"""

from __future__ import annotations

import itertools
import random
import sqlite3

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import attrs

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import QueuePool

from privdom.store import Store


JOURNALS = ("truncate", "delete", "wal")
_NUMBERS = itertools.count()
_SECTOR = 512


class PowerLoss(BaseException):
    """The power is gone; what goes on after this goes on in no world."""


Change = Callable[[bytearray], None]


@attrs.define
class Content:
    """One file: what is in it, what would be in it after a power loss, and the changes between."""

    now: bytearray = attrs.field(factory=bytearray)
    synced: bytes | None = None
    """None: its name is in no synced folder yet."""
    changes: list[Change] = attrs.field(factory=list)
    gone: bool = False
    """Deleted, and the folder is not synced."""
    before: Content | None = None
    """The file that had this name before, if it was deleted and the folder is not synced since."""

    def change(self, change: Change) -> None:
        change(self.now)
        self.changes.append(change)

    def left(self, chance: random.Random | None) -> bytes | None:
        """What a power loss leaves; without *chance* only what was synced, deletions included."""
        if self.synced is None and (chance is None or chance.random() < 0.5):
            return self.before.left(chance) if self.before is not None else None
        if self.gone and chance is not None and chance.random() < 0.5:
            return None
        content = bytearray(self.synced or b"")
        for change in self.changes if chance is not None else ():
            if chance.random() < 0.5:
                change(content)
        return bytes(content)


class Disk(apsw.VFS):
    """
    A folder in memory. Before each change of it the *watch* may look what would be left, and let the power fail.

    Args:
        files: What is on it, synced, by name.
        watch: Called before each change.
    """

    def __init__(self, files: dict[str, bytes], watch: Callable[[Disk], None]) -> None:
        self.name = f"disk{next(_NUMBERS)}"
        super().__init__(self.name)
        self.files = {name: Content(bytearray(data), data) for name, data in files.items()}
        self.changes = 0
        self._watch = watch

    def count(self) -> None:
        self.changes += 1
        self._watch(self)

    def left(self, chance: random.Random | None = None) -> dict[str, bytes]:
        """What a power loss leaves at this moment; *chance* decides what is left of unsynced changes."""
        left = {name: content.left(chance) for name, content in self.files.items()}
        return {name: data for name, data in left.items() if data is not None}

    def close(self) -> None:
        self.unregister()

    # What SQLite asks of a file system.

    def xFullPathname(self, name: str) -> str:  # noqa: N802 - SQLite's names
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return pathname in self.files and not self.files[pathname].gone

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.count()
        if syncdir:
            del self.files[filename]
        else:
            self.files[filename].gone = True

    def xOpen(self, name: Any, flags: list[int]) -> File:  # noqa: N802
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        if filename is None:
            return File(None, Content())
        content = self.files.get(filename)
        if content is None:
            self.count()
            content = self.files[filename] = Content()
        elif content.gone:
            self.count()
            content = self.files[filename] = Content(before=content)
        return File(self, content)


class File:
    """An open file. Nobody else opens it, so there is nothing to lock."""

    def __init__(self, disk: Disk | None, content: Content) -> None:
        self._disk, self._content = disk, content

    def _count(self) -> None:
        if self._disk is not None:
            self._disk.count()

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self._content.now[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._count()
        # Sector by sector, since a write can be torn.
        for start in range(0, len(data), _SECTOR):
            self._content.change(_writing(bytes(data[start : start + _SECTOR]), offset + start))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._count()
        self._content.change(lambda content: content.__delitem__(slice(newsize, None)))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._count()
        # As SQLite does it on Unix, a new file's folder is synced with it.
        self._content.synced, self._content.before = bytes(self._content.now), None
        self._content.changes.clear()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._content.now)

    def xLock(self, level: int) -> None: ...  # noqa: N802

    def xUnlock(self, level: int) -> None: ...  # noqa: N802

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return _SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0

    def xClose(self) -> None: ...  # noqa: N802


def _writing(data: bytes, offset: int) -> Change:
    def change(content: bytearray) -> None:
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data

    return change


class Connection:
    """A connection of APSW's, as far as SQLAlchemy and the store need one of the standard library's."""

    isolation_level = None

    def __init__(self, disk: Disk, journal: str, synchronous: str | None) -> None:
        self._synchronous = synchronous
        self._connection = apsw.Connection("privdom.db", vfs=disk.name)
        self.execute("PRAGMA foreign_keys = ON")
        if journal == "wal":
            # APSW hands no shared memory on, which one connection alone does not need.
            self.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.execute(f"PRAGMA journal_mode = {journal}")

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes()

    def apsw_cursor(self) -> apsw.Cursor:
        return self._connection.cursor()

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        if self._synchronous is not None and statement.startswith("PRAGMA synchronous"):
            statement = f"PRAGMA synchronous = {self._synchronous}"
        return self.cursor().execute(statement, parameters)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def create_function(self, *_: Any, **__: Any) -> None:
        """Nobody calls it."""


class Cursor:
    """Runs each statement to its end at once."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.description: tuple[Any, ...] | None = None
        self.rowcount = -1
        self._rows: list[Any] = []

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self._run(lambda cursor: cursor.execute(statement, tuple(parameters)))

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Cursor:
        return self._run(lambda cursor: cursor.executemany(statement, [tuple(row) for row in parameters]))

    def _run(self, call: Callable[[apsw.Cursor], Any]) -> Cursor:
        cursor, before = self._connection.apsw_cursor(), self._connection.total_changes

        def describe(cursor: apsw.Cursor, *_: Any) -> bool:
            self.description = tuple((name, *[None] * 6) for name, _ in cursor.get_description()) or None
            return True

        cursor.exec_trace = describe
        try:
            self._rows = call(cursor).fetchall()
        except apsw.ConstraintError as e:
            raise sqlite3.IntegrityError(str(e)) from e
        except apsw.Error as e:
            raise sqlite3.OperationalError(str(e)) from e
        finally:
            cursor.close(True)
        self.rowcount = self._connection.total_changes - before
        return self

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, size: int = 1) -> list[Any]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def close(self) -> None: ...


def engine_on(disk: Disk, journal: str, synchronous: str | None = None) -> Engine:
    """An engine of the host's own, with one connection; *synchronous* overrules what the store sets."""
    return create_engine(
        "sqlite://",
        creator=lambda: Connection(disk, journal, synchronous),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_reset_on_return=None,
    )


def prepared(folder: Path) -> dict[str, bytes]:
    """A file with all tables, as somebody left it."""
    path = folder / "prepared.db"
    with Store(f"sqlite:///{path}") as store, store.begin():
        pass
    return {"privdom.db": path.read_bytes()}


def save(files: dict[str, bytes], folder: Path) -> str:
    """Put what is left into a folder; return the URL of the database."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return f"sqlite:///{folder}/privdom.db"
