"""The spool: files of whole lines that FreeRADIUS appends to, and how far each was counted.

A position is kept for every file, because a clock that is set back makes the server write into an older name again.
Decides which bytes are lines to count; refuses to know what a line says.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, repeat
from pathlib import Path

from msgspec import Struct

# A RADIUS packet is at most 4096 bytes, which JSON can make six times as long.
MAX_LINE_BYTES = 256 * 1024
# Longer than most: what is read beyond the lines that were asked for is read again the next time.
USUAL_LINE_BYTES = 768
# A piece without a line end in a file that is no longer written: the writer died in the middle of it.
TORN_AFTER_S = 5.0
# A file is named by the hour, and behind that by its writer.
_HOUR_DIGITS = 10


class Line(Struct, frozen=True, gc=False):
    """One line without its line end, and where it lies."""

    file: str
    offset: int
    raw: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What was read in one go: lines, pieces that can never become lines, and the position after them by file."""

    lines: list[Line]
    torn: list[Line]
    before: dict[str, int]
    after: dict[str, int]
    reached_end: bool

    def __bool__(self) -> bool:
        return bool(self.after)


class Spool:
    """Reads one stream's files in the order of their names; the caller remembers positions."""

    def __init__(self, directory: Path, stream: str, *, wall_clock: Callable[[], float]) -> None:
        self._directory = directory
        self._prefix = f"{stream}-"
        self._wall_clock = wall_clock

    def read(self, positions: Mapping[str, int], *, max_bytes: int, max_lines: int) -> Chunk:
        """The next whole lines after the positions, at most so many bytes and lines.

        Files of one hour are written side by side, so each gets its part: none waits until another is counted.
        """
        lines: list[Line] = []
        torn: list[Line] = []
        after: dict[str, int] = {}
        files = self.files()
        unread = [file for file in files if file[1] > positions.get(file[0], 0)]
        reached_end = True
        for place, (name, size, changed_at) in enumerate(unread):
            if max_bytes <= 0 or len(lines) >= max_lines:
                reached_end = False
                break
            offset = positions.get(name, 0)
            beside = sum(self._hour(other) == self._hour(name) for other, *_ in unread[place:])
            is_over = name != files[-1][0] and self._wall_clock() - changed_at > TORN_AFTER_S
            most_lines = max(1, (max_lines - len(lines)) // beside)
            end, is_whole = self._read_file(name, offset, max_bytes // beside, most_lines, lines)
            if is_over and is_whole and end < size:
                torn.append(Line(name, end, self._bytes(name, end, size - end)))
                end = size
            max_bytes -= end - offset
            reached_end = reached_end and is_whole
            if end > offset:
                after[name] = end
        before = {name: positions.get(name, 0) for name in after}
        return Chunk(lines=lines, torn=torn, before=before, after=after, reached_end=reached_end)

    def _read_file(self, name: str, offset: int, max_bytes: int, max_lines: int, lines: list[Line]) -> tuple[int, bool]:
        """Appends whole lines; returns the offset behind them and whether no further whole line was there."""
        count = max(min(max_bytes, max_lines * USUAL_LINE_BYTES), MAX_LINE_BYTES + 1)
        data = self._bytes(name, offset, count)
        last = data.rfind(b"\n")
        if last < 0:
            # Longer than any line can be: cut, so that it can be set aside and the rest goes on.
            if len(data) > MAX_LINE_BYTES:
                lines.append(Line(name, offset, data))
                return offset + len(data), False
            return offset, True
        pieces = data[:last].split(b"\n")
        is_whole = len(data) < count and len(pieces) <= max_lines
        del pieces[max_lines:]
        # Each line ends with a byte of its own. Counted without a loop, for every record passes here.
        starts = accumulate(map((1).__add__, map(len, pieces)), initial=offset)
        lines.extend(map(Line, repeat(name), starts, pieces))
        return offset + sum(map(len, pieces)) + len(pieces), is_whole

    def _bytes(self, name: str, offset: int, count: int) -> bytes:
        descriptor = os.open(self._directory / name, os.O_RDONLY)
        try:
            return os.pread(descriptor, count, offset)
        finally:
            os.close(descriptor)

    def files(self) -> list[tuple[str, int, float]]:
        """Name, size and time of the last write of every file of the stream, in the order of names."""
        try:
            with os.scandir(self._directory) as entries:
                stats = [(entry.name, entry.stat()) for entry in entries if self._is_ours(entry.name)]
        except FileNotFoundError:
            # Before the first packet there is no directory, and a file may be removed between listing and looking.
            return []
        return sorted((name, stat.st_size, stat.st_mtime) for name, stat in stats)

    def rewritten(self, positions: Mapping[str, int]) -> list[str]:
        """Files that are not what was counted: they end before their position, or go on in the middle of a line.

        A power cut leaves them so, when it takes what was not on the disk yet and others are written in its place.
        """
        counted = [(name, size, positions[name]) for name, size, _ in self.files() if positions.get(name)]
        return [name for name, size, position in counted if not self._fits(name, size, position)]

    def _fits(self, name: str, size: int, position: int) -> bool:
        return size == position or (size > position and self._bytes(name, position - 1, 1) == b"\n")

    def _hour(self, name: str) -> str:
        return name[len(self._prefix) :][:_HOUR_DIGITS]

    def _is_ours(self, name: str) -> bool:
        return name.startswith(self._prefix) and name.endswith(".jsonl")

    def remove_counted(self, positions: Mapping[str, int], *, older_than_s: float) -> list[str]:
        """Deletes files that were counted to their end and not written for so long; never the newest."""
        removed = []
        for name, size, changed_at in self.files()[:-1]:
            if positions.get(name, 0) >= size and self._wall_clock() - changed_at > older_than_s:
                (self._directory / name).unlink(missing_ok=True)
                removed.append(name)
        return removed
