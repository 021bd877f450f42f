"""Writes accounting into the spool, one line a record: when it came, from where, and all attributes as JSON.

Says yes only when the whole line is in the file: a line that the disk cut short is taken back. For a server without
threads, whose only writer this is. Refuses to know what a record says and when the disk is to be distrusted; whoever
watches over the disk says so by closing the gate, the link through which the file is opened.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

# Put in front of the packet's own attributes by FreeRADIUS; no packet can hold an attribute of this name.
SOURCE = "Tmp-String-0"
# Whether a file of its name is there is asked for each record, whether it is the one that is open only so often.
LOOK_EVERY_S = 0.05
_HOUR_S = 3600

Pairs = Sequence[tuple[str, str]]


class SpoolWriter:
    """Appends to the file of the hour, which stays open; not for several threads."""

    def __init__(
        self,
        gate: Path,
        writer: str,
        complain: Callable[[str], None],
        is_open: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`is_open`: whether the watch over the disk lets records be acknowledged at this moment."""
        self._gate = gate
        self._writer = writer
        self._complain = complain
        self._is_open = is_open
        self._clock = clock
        self._file = -1
        self._path = ""
        self._looked_at = self._look_at = 0.0

    def write(self, pairs: Pairs) -> bool:
        """Append a record; False when it is not in the file, whole, and so must not be acknowledged."""
        moment = self._clock()
        if not self._is_open():
            return False
        # A clock that was set back counts as time for a look, too; and the folder may have been moved or unmounted.
        if not self._looked_at <= moment < self._look_at or not os.access(self._path, os.F_OK):
            self._look(moment)
        return self._file >= 0 and self._append(line_of(moment, pairs))

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _look(self, moment: float) -> None:
        """Have the file of this hour open, or none where the gate is closed."""
        hour = time.strftime("%Y%m%d%H", time.gmtime(moment))
        self._path = f"{self._gate}/acct-{hour}-{self._writer}.jsonl"
        if not self._is_the_one():
            self._open()
        hour_ends_at = (moment // _HOUR_S + 1) * _HOUR_S
        is_open = self._file >= 0
        self._looked_at, self._look_at = moment, min(moment + LOOK_EVERY_S, hour_ends_at) if is_open else moment

    def _is_the_one(self) -> bool:
        try:
            return self._file >= 0 and os.path.samestat(os.fstat(self._file), Path(self._path).stat())
        except OSError:
            return False

    def _open(self) -> None:
        self.close()
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._complain(f"accounting spool not opened: {error}")

    def _append(self, line: bytes) -> bool:
        try:
            written = os.write(self._file, line)
        except OSError as error:
            self._complain(f"accounting spool not written: {error}")
            return False
        if written == len(line):
            return True
        self._complain(f"accounting spool not written: {written} of {len(line)} bytes, taken back")
        self._take_back(written)
        return False

    def _take_back(self, count: int) -> None:
        try:
            os.ftruncate(self._file, os.fstat(self._file).st_size - count)
        except OSError as error:
            # The next line begins behind the piece, where the reader finds it.
            self._complain(f"accounting spool not cut: {error}")


def line_of(moment: float, pairs: Pairs) -> bytes:
    """The line of a record, with its line end."""
    attributes: dict[str, str | list[str]] = dict(pairs)
    if len(attributes) != len(pairs):
        attributes = _several(pairs)
    source = attributes.pop(SOURCE)
    text = orjson.dumps(attributes)
    if b"\\\\" in text:
        # rlm_json, which writes the other lines, escapes a backslash twice; readers take that off where they see it.
        text = orjson.dumps({name: _escaped(value) for name, value in attributes.items()})
    return b"%.6f %s %s\n" % (moment, str(source).encode(), text)


def _several(pairs: Pairs) -> dict[str, str | list[str]]:
    """Attributes that came several times hold a list, in their order."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in gathered.items()}


def _escaped(value: str | list[str]) -> str | list[str]:
    if isinstance(value, list):
        return [orjson.dumps(item)[1:-1].decode() for item in value]
    return orjson.dumps(value)[1:-1].decode()
