"""From pages as HTML to one PDF, with a deadline and a bound.

Laying out a page is arithmetic in C that no thread can interrupt, so it is done in a process of its own: one for each
process that prints, started when first needed, ended when it takes too long and after some hundred documents.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from paper.frames import BrokenFrame, receive, send

MAX_PARTS, MAX_HTML_BYTES = 20, 24 * 1024 * 1024
PART_DEADLINE_S = 30.0
# Others may be printing: so long one waits for the turn.
TURN_DEADLINE_S = 20.0
DOCUMENTS_A_PROCESS = 200
# After more than this its process has grown by hundreds of megabytes that it would keep for an invoice, too.
LARGE_BYTES = 1024 * 1024
_END_S = 2.0
_PART, _PDF = b"+", b"P"
# Nothing of the installation's secrets, and no clock: some font tools write the time into what they make.
_ENVIRONMENT = ("PATH", "LANG", "HOME", "PYTHONPATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH")
_NO_CLOCK = {"SOURCE_DATE_EPOCH": "946684800"}


class PaperFailure(Exception):
    """No paper came of it; `str()` says why."""


class TooMuch(PaperFailure):
    """More pages than one document may have."""


class TooSlow(PaperFailure):
    """It was not ready in time, or others were in front for too long."""


class Press:
    """Prints one document at a time."""

    def __init__(self, *, part_deadline_s: float = PART_DEADLINE_S, turn_deadline_s: float = TURN_DEADLINE_S) -> None:
        self._part_deadline_s, self._turn_deadline_s = part_deadline_s, turn_deadline_s
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner, self._printed = 0, 0

    def pdf(self, parts: Sequence[str], *, told: Callable[[int], None] | None = None) -> bytes:
        """The parts as one PDF. `told` hears after each how many are laid out. Raises `PaperFailure`."""
        asked = _asked(parts)
        if not self._turn.acquire(timeout=self._turn_deadline_s):
            raise TooSlow("others are printing")
        try:
            return self._print(asked, told)
        except (OSError, BrokenFrame) as error:
            self._end()
            raise PaperFailure(f"the process that prints broke off: {error}") from error
        except BaseException:
            # Whatever it was, also in `told`: the rest of the answer must not be taken for the next one's.
            self._end()
            raise
        finally:
            self._turn.release()

    def close(self) -> None:
        """End its process; it comes back when something is printed again."""
        with self._turn:
            self._end()

    def _print(self, asked: bytes, told: Callable[[int], None] | None) -> bytes:
        pipe = _Pipe(self._running())
        pipe.deadline = time.monotonic() + self._part_deadline_s
        send(pipe, asked)
        finished = 0
        while True:
            pipe.deadline = time.monotonic() + self._part_deadline_s
            kind, body = _said(pipe)
            if kind == _PDF:
                self._printed += 1
                if len(asked) > LARGE_BYTES:
                    self._end()
                return body
            if kind != _PART:
                raise PaperFailure(body.decode(errors="replace"))
            finished += 1
            if told is not None:
                told(finished)

    def _running(self) -> subprocess.Popen[bytes]:
        # After a fork the pipes are shared with the parent, and two who talk at once understand nothing.
        if self._owner != os.getpid():
            self._process, self._owner = None, os.getpid()
        if self._printed >= DOCUMENTS_A_PROCESS or (self._process is not None and self._process.poll() is not None):
            self._end()
        if self._process is None:
            self._process = _started()
        return self._process

    def _end(self) -> None:
        process, self._process, self._printed = self._process, None, 0
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        # Unbuffered, so that there is nothing left to write when they are closed.
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait(timeout=_END_S)


class _Pipe:
    """Both ways to a process, each read and write over before the deadline (monotonic seconds)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - it was started so
        self._to, self._from = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._to, False)
        self.deadline = 0.0

    def write(self, body: bytes) -> None:
        """All of it."""
        rest = memoryview(body)
        while rest:
            self._wait(writing=True)
            rest = rest[os.write(self._to, rest) :]

    def flush(self) -> None:
        """Nothing is kept back."""

    def read(self, length: int) -> bytes:
        """So many bytes; fewer when the other side has closed."""
        pieces, missing = [], length
        while missing:
            self._wait(writing=False)
            piece = os.read(self._from, min(missing, 1 << 20))
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _wait(self, *, writing: bool) -> None:
        left_s = max(0.0, self.deadline - time.monotonic())
        wanted = ([], [self._to]) if writing else ([self._from], [])
        if not any(select.select(*wanted, [], left_s)):
            raise TooSlow("it was not ready in time")


def _said(pipe: _Pipe) -> tuple[bytes, bytes]:
    """What kind of answer comes next, and its body."""
    body = receive(pipe)
    if not body:
        raise PaperFailure("the process that prints has ended")
    return body[:1], body[1:]


def _asked(parts: Sequence[str]) -> bytes:
    if not 1 <= len(parts) <= MAX_PARTS:
        raise TooMuch(f"{len(parts)} parts; one to {MAX_PARTS} can be printed at once")
    asked = json.dumps(list(parts)).encode()
    if len(asked) > MAX_HTML_BYTES:
        raise TooMuch(f"{len(asked)} bytes of pages; at most {MAX_HTML_BYTES} can be printed at once")
    return asked


def _started() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _NO_CLOCK
    return subprocess.Popen(
        [sys.executable, "-m", "paper.printer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        bufsize=0,
    )


_press = Press()
atexit.register(_press.close)


def pdf(parts: Sequence[str], *, told: Callable[[int], None] | None = None) -> bytes:
    """The parts as one PDF, by this process's press; see `Press.pdf`."""
    return _press.pdf(parts, told=told)
