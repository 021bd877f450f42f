"""One connection to a router's API: a command goes out, its rows come back, within a moment and a number of bytes.

librouteros frames the words and logs in. What it leaves open is closed here: its reads wait for each piece anew and
keep whatever comes, its rows change type by what a value looks like, and it drops characters that it cannot decode.
"""

import logging
import select
import socket
from collections.abc import Mapping
from typing import Any

from librouteros.api import Api
from librouteros.exceptions import (
    ConnectionClosed,
    FatalError,
    LibRouterosError,
    MultiTrapError,
    ProtocolError,
    TrapError,
)
from librouteros.protocol import ApiProtocol, decode_length, determine_length

from routeros.errors import Broken, LoginRefused, Refused, RouterApiError, TimedOut, TooMuch
from routeros.target import Target, connect, remaining_s

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK = 65536
Words = Mapping[str, str]

# It would write every word into the log at its lowest level, passwords included.
logging.getLogger("librouteros").disabled = True


class _Transport:
    """Reads whole pieces until a moment, and no more than an answer may have."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._waiting = bytearray()
        self._until = 0.0
        self._left_bytes = 0

    def allow(self, until: float, most_bytes: int) -> None:
        """The bounds of the next answer."""
        self._until, self._left_bytes = until, most_bytes

    def write(self, data: bytes) -> None:
        self._sock.settimeout(remaining_s(self._until))
        self._sock.sendall(data)

    def read(self, length: int) -> bytes:
        self._left_bytes -= length
        if self._left_bytes < 0:
            raise TooMuch("the router's answer is too large")
        while len(self._waiting) < length:
            self._sock.settimeout(remaining_s(self._until))
            got = self._sock.recv(_CHUNK)
            if not got:
                raise ConnectionClosed("closed")
            self._waiting += got
        taken = bytes(self._waiting[:length])
        del self._waiting[:length]
        return taken

    def is_quiet(self) -> bool:
        """Nothing has come that was not asked for, the end of the connection included."""
        return not self._waiting and not select.select([self._sock], [], [], 0)[0]

    def close(self) -> None:
        self._sock.close()


class _Protocol(ApiProtocol):  # type: ignore[misc]
    """Words as text of which nothing is lost: UTF-8, or else one character for each byte, as old WinBox wrote."""

    def readWord(self) -> str:  # noqa: N802
        first: bytes = self.transport.read(1)
        if first == b"\x00":
            return ""
        length = decode_length(first + self.transport.read(determine_length(first)))
        word: bytes = self.transport.read(length)
        # No database keeps a zero byte in a text.
        return _decoded(word).replace("\x00", "\N{REPLACEMENT CHARACTER}")

    def readSentence(self) -> tuple[str, tuple[str, ...]]:  # noqa: N802
        words = tuple(iter(self.readWord, ""))
        if not words or not words[0].startswith("!"):
            raise ProtocolError("that is no answer of an API")
        if words[0] == "!fatal":
            raise FatalError(words[1] if len(words) > 1 else "it gave no reason")
        return words[0], words[1:]


class _Api(Api):  # type: ignore[misc]
    """Rows whose values stay what the router wrote: `007`, `yes` and `12345` are names as well."""

    def readSentence(self) -> tuple[str, dict[str, str]]:  # noqa: N802
        reply, words = self.protocol.readSentence()
        pairs = (word[1:].partition("=") for word in words if word.startswith("="))
        row = {name: value for name, _, value in pairs}
        if reply == "!trap":
            return reply, _trap_of(row)
        return reply, row


def _decoded(word: bytes) -> str:
    try:
        return word.decode()
    except UnicodeDecodeError:
        return word.decode("latin-1")


def _trap_of(row: dict[str, str]) -> dict[str, Any]:
    category = row.get("category", "")
    return {
        "message": row.get("message", "it gave no reason"),
        "category": int(category) if category.isdigit() else None,
    }


class Wire:
    """A logged-in connection, for one thread at a time. After an error it may be out of step: then it is closed."""

    def __init__(self, sock: socket.socket) -> None:
        self.is_in_step = True
        self._transport = _Transport(sock)
        self._api = _Api(protocol=_Protocol(transport=self._transport, encoding="utf-8"))

    @classmethod
    def open(cls, target: Target, *, until: float) -> "Wire":
        """Connect and log in before the moment `until` of the monotonic clock."""
        wire = cls(connect(target, until=until))
        try:
            wire._log_in(target, until)
        except BaseException:
            wire.close()
            raise
        return wire

    def _log_in(self, target: Target, until: float) -> None:
        try:
            rows = self.talk("/login", {"name": target.username, "password": target.password}, until=until)
        except Refused as refusal:
            raise LoginRefused(f"the router refused the login of {target.username!r}: {refusal.message}") from None
        if any("ret" in row for row in rows):
            raise LoginRefused("its RouterOS is older than 6.43 and knows only the login of that time")

    def talk(
        self, command: str, words: Words | None = None, *, queries: tuple[str, ...] = (), until: float
    ) -> list[dict[str, str]]:
        """Send one command and return its rows; raises an error of ours, whatever happens."""
        self._transport.allow(until, MAX_ANSWER_BYTES)
        said = [f"={name}={value}" for name, value in (words or {}).items()]
        self.is_in_step = False
        try:
            answer = list(self._api.rawCmd(command, *said, *queries))
        except (LibRouterosError, OSError, ValueError) as error:
            ours = _ours(error)
            # A refusal is a whole answer: what comes next belongs to the next command.
            self.is_in_step = isinstance(ours, Refused)
            raise ours from None
        self.is_in_step = True
        return answer

    def is_alive(self, *, until: float) -> bool:
        """Whether the router still answers on it, and nothing is left over from before."""
        try:
            if not self._transport.is_quiet():
                return False
            self.talk("/system/identity/print", until=until)
        except (RouterApiError, OSError, ValueError):
            return False
        return True

    def is_quiet(self) -> bool:
        """Nothing has come since the last answer; asks nobody."""
        try:
            return self._transport.is_quiet()
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """End the connection; says nothing to the router."""
        self._transport.close()


def _ours(error: Exception) -> RouterApiError:
    if isinstance(error, TrapError):
        return Refused(str(error.message), error.category)
    if isinstance(error, MultiTrapError):
        first = error.traps[0]
        return Refused("; ".join(str(trap.message) for trap in error.traps), first.category)
    if isinstance(error, TimeoutError):
        return TimedOut("the router did not answer in time")
    if isinstance(error, ConnectionClosed | OSError):
        return Broken("the router ended the connection in the middle")
    if isinstance(error, FatalError):
        return Broken(f"the router ended the conversation: {error}")
    if isinstance(error, UnicodeEncodeError):
        return Refused("there is a character in it that cannot be sent")
    return Broken("what answers there does not speak RouterOS's API")
