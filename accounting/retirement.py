"""Months that are older than staff want to keep leave the live tables: taken out, written to a file, dropped.

A month is dropped only after its file was read back from the disk and found to hold every row. Each step is committed
and noted, so whatever is killed when, the next run goes on where this one stopped. Refuses to know how long months are
kept: that is a setting, and without one nothing ever leaves.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg

from db.queries import archives, partitions
from db.queries.archives import Archive
from db.queries.partitions import Connection
from domain.retirement import (
    DETACHED,
    DROPPED,
    EXPORTED,
    RESTORED,
    WITHOUT_FILE,
    WrongMove,
    check_move,
    oldest_kept,
)
from runtime.logs import get_logger

PIECE_BYTES = 1 << 20
# Text of these tables shrinks to a fifth; higher levels cost four times the time for a tenth more.
LEVEL = 4
KEEP_RESTORED = timedelta(days=30)
TELL_EVERY_S = 1.0

log = get_logger("accounting.retirement")


class ArchiveError(Exception):
    """A month's file cannot be written, or is not what it should be; the text says why. Nothing was dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A month that is to leave: with a file, or only dropped because its sums are kept elsewhere."""

    name: str
    parent: str
    size_bytes: int
    with_file: bool


def due(connection: Connection, now: datetime) -> list[Due]:
    """The months that staff no longer want in the live tables, oldest first; those brought back have their time."""
    kept = partitions.retention_months(connection)
    back = {
        archive.name
        for archive in archives.all_archives(connection)
        if archive.state == RESTORED and archive.kept_until is not None and archive.kept_until > now
    }
    return [
        Due(
            name=name,
            parent=parent,
            size_bytes=partitions.size_bytes(connection, name),
            with_file=parent not in WITHOUT_FILE,
        )
        for parent in partitions.PARENTS
        if parent in kept
        for name in partitions.months_before(connection, parent, oldest_kept(partitions.month_of(now), kept[parent]))
        if name not in back
    ]


def retire(connection: Connection, now: datetime, *, folder: Path, node: str) -> int:
    """Finish what was begun, then take out what is due; returns how many months are gone. Raises `ArchiveError`."""
    gone = 0
    for archive in archives.unfinished(connection):
        if archive.node == node:
            _finish(connection, archive, folder, now)
            gone += 1
    for month in due(connection, now):
        if month.with_file:
            _need_room(folder, month.size_bytes)
            _finish(connection, _take_out(connection, month, node, now), folder, now)
        else:
            partitions.drop_month(connection, month.parent, month.name)
        log.info("month left the live tables", month=month.name, bytes=month.size_bytes)
        gone += 1
    return gone


def _need_room(folder: Path, size_bytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < size_bytes:
        raise ArchiveError(f"{folder} has room for {free_bytes >> 20} MB; {size_bytes >> 20} MB may be needed")


def _take_out(connection: Connection, month: Due, node: str, now: datetime) -> Archive:
    known = archives.archive_named(connection, month.name)
    check_move(None if known is None else known.state, DETACHED)
    archive = Archive(
        name=month.name,
        parent=month.parent,
        month=partitions.month_of_partition(month.name),
        state=DETACHED,
        changed_at=now,
        node=node,
    )
    with connection.transaction():
        partitions.detach_month(connection, month.parent, month.name)
        archives.save(connection, archive)
    return archive


def _finish(connection: Connection, archive: Archive, folder: Path, now: datetime) -> None:
    if archive.state == DETACHED:
        archive = _export(connection, archive, folder, now)
    verify(archive, folder)
    check_move(archive.state, DROPPED)
    with connection.transaction():
        partitions.drop_detached(connection, archive.name)
        archives.save(connection, replace(archive, state=DROPPED, changed_at=now))


def _export(connection: Connection, archive: Archive, folder: Path, now: datetime) -> Archive:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{archive.name}.csv.gz"
    fresh = path.with_suffix(".new")
    with connection.transaction():
        rows = partitions.row_count(connection, archive.name)
        sha256 = _write(fresh, partitions.copy_out(connection, archive.name))
    fresh.replace(path)
    _sync_folder(folder)
    done = replace(
        archive,
        state=EXPORTED,
        changed_at=now,
        file=path.name,
        rows=rows,
        sha256=sha256,
        file_bytes=path.stat().st_size,
    )
    check_move(archive.state, EXPORTED)
    _write_note(folder, done)
    archives.save(connection, done)
    return done


def _write(path: Path, pieces: Iterator[bytes]) -> str:
    """Writes the pieces compressed and asks them onto the disk; returns the checksum of the text."""
    checksum = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        # No name and no time inside, so that the same rows make the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=LEVEL, mtime=0) as file:
            for piece in pieces:
                checksum.update(piece)
                file.write(piece)
        raw.flush()
        os.fsync(raw.fileno())
    return checksum.hexdigest()


def _write_note(folder: Path, archive: Archive) -> None:
    """What the file holds, beside it: for whoever has only the files."""
    note = folder / f"{archive.name}.json"
    with note.open("w") as file:
        json.dump(asdict(archive), file, default=str, indent=2)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def verify(archive: Archive, folder: Path) -> int:
    """Read a month's file from the disk; returns its rows. Raises `ArchiveError` when it is not what was written."""
    path = _path(archive, folder)
    checksum = hashlib.sha256()

    def text() -> Iterator[bytes]:
        for piece in _pieces(path):
            checksum.update(piece)
            yield piece

    try:
        rows = _count_rows(text())
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ArchiveError(f"{path} cannot be read: {error}") from error
    if checksum.hexdigest() != archive.sha256:
        raise ArchiveError(f"{path} does not hold what was written: its checksum differs")
    if rows != archive.rows:
        raise ArchiveError(f"{path} holds {rows} rows where the table had {archive.rows}")
    return rows


def _path(archive: Archive, folder: Path) -> Path:
    if archive.file is None:
        raise ArchiveError(f"{archive.name} has no file")
    return folder / Path(archive.file).name


def _pieces(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _count_rows(pieces: Iterator[bytes]) -> int:
    """Rows of CSV text without its head. A line end inside quotes is none, and quotes come in pairs."""
    rows, quotes = 0, 0
    for piece in pieces:
        if quotes % 2 == 0 and b'"' not in piece:
            rows += piece.count(b"\n")
            continue
        for part in piece.split(b"\n")[:-1]:
            quotes += part.count(b'"')
            rows += quotes % 2 == 0
        quotes += piece[piece.rfind(b"\n") + 1 :].count(b'"')
    return max(0, rows - 1)


def bring_back(connection: Connection, now: datetime, *, folder: Path, node: str, other: Connection) -> int:
    """Put back the months that staff asked for and whose files are here; returns how many.

    How far it is and why it failed is told over another connection, because a month comes back in one transaction.
    """
    back = 0
    for archive in archives.asked_back(connection, node=node):
        if archives.hold(connection, archive.name):
            try:
                restore(connection, archive.name, folder=folder, now=now, tell=partial(_tell, other, archive.name))
                back += 1
            except (ArchiveError, WrongMove, OSError, psycopg.Error) as error:
                log.warning("month did not come back", month=archive.name, problem=str(error))
                archives.note_problem(other, archive.name, _sentence(error))
            finally:
                archives.let_go(connection, archive.name)
    return back


def _tell(other: Connection, name: str, rows: int) -> None:
    archives.note_rows_back(other, name, rows)


def _sentence(error: Exception) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "the live table was in use for too long; ask again in a moment"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def restore(
    connection: Connection, name: str, *, folder: Path, now: datetime, tell: Callable[[int], None] | None = None
) -> Archive:
    """Put a month back into the live table from its file, for a while; raises `ArchiveError` or `WrongMove`.

    `tell` hears every second how many rows are there already.
    """
    archive = archives.archive_named(connection, name)
    if archive is None:
        raise ArchiveError(f"no month called {name} has left")
    check_move(archive.state, RESTORED)
    verify(archive, folder)
    path = _path(archive, folder)
    back = replace(
        archive, state=RESTORED, changed_at=now, kept_until=now + KEEP_RESTORED, asked_at=None, rows_back=None,
        problem=None,
    )  # fmt: skip
    pieces = _pieces(path) if tell is None else _told(_pieces(path), tell)
    with connection.transaction():
        rows = partitions.put_back(connection, archive.parent, name, _columns(path), pieces)
        if rows != archive.rows:
            raise ArchiveError(f"{rows} of {archive.rows} rows came back; nothing was changed")
        archives.save(connection, back)
    return back


def _told(pieces: Iterator[bytes], tell: Callable[[int], None]) -> Iterator[bytes]:
    """The pieces, and now and then how many rows they held so far; a line end inside a value counts as one, too."""
    rows, said_at = 0, time.monotonic()
    for piece in pieces:
        yield piece
        rows += piece.count(b"\n")
        if time.monotonic() - said_at >= TELL_EVERY_S:
            tell(rows)
            said_at = time.monotonic()


def _columns(path: Path) -> list[str]:
    with gzip.open(path, "rt", newline="") as file:
        return next(csv.reader(io.StringIO(file.readline())))
