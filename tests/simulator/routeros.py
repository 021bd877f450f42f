"""A MikroTik's API as it is on the wire, for tests and the demo: words with lengths, logins, traps, TLS, and bad days.

    with ApiServer(username="lintas", password="rahasia") as api:
        api.tables.put("/ppp/secret", {"name": "budi", "password": "x"})
        api.faults.is_silent = True        # from now on it accepts connections and says nothing
        connect_to("127.0.0.1", api.port)

It says what it was asked (`api.commands`, without passwords), so that a test can tell that nothing was done twice.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .routeros_tables import Row, Tables, Trap

_ACCEPT_S = 0.05
_MAX_WORD_BYTES = 1 << 20


class Cut(Exception):
    """The connection is to end here, without another byte."""


@dataclass
class ApiFaults:
    """What goes wrong from now on; may be changed while the router runs."""

    # Accepts and never says anything: a dead machine behind a living kernel.
    is_silent: bool = False
    # Closes every connection as soon as it is there.
    is_refusing: bool = False
    # Seconds before each answer.
    delay_s: float = 0.0
    # Seconds between single bytes of an answer.
    drip_s: float = 0.0
    # Ends the connection after so many bytes of an answer, in the middle of a sentence.
    cut_after_bytes: int | None = None
    # Ends the connection before or after the nth command from now (1: the next) is carried out, without an answer.
    cut_before_command: int | None = None
    cut_after_command: int | None = None
    # Says this instead of any answer.
    garbage: bytes = b""
    # Answers every command with `!fatal` and this.
    fatal: str = ""
    # Refuses these commands with these words.
    traps: dict[str, str] = field(default_factory=dict)
    # Says every row so many times.
    repeat_rows: int = 1
    # RouterOS 7.18 and later say `!empty` where nothing was found.
    says_empty: bool = True


class ApiServer:
    """One router's API on a port of 127.0.0.1 (or `host`). Counts what it was asked."""

    def __init__(
        self,
        *,
        username: str = "lintas",
        password: str = "lintas-api",
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        tables: Tables | None = None,
        max_sessions: int = 20,
    ) -> None:
        self.username, self.password, self.host = username, password, host
        self.tables = tables or Tables()
        self.faults = ApiFaults()
        self.commands: list[str] = []
        self.logins = 0
        self.connections = 0
        self.open_connections = 0
        self.most_connections = 0
        self._max_sessions = max_sessions
        self._wanted_port = port
        self._context = _tls_context() if tls else None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sockets: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, self._wanted_port), backlog=512)
        self._listener.settimeout(_ACCEPT_S)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """End every connection, as a reboot does."""
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def new_certificate(self) -> None:
        """Show another certificate from now on."""
        self._context = _tls_context()

    def count(self, command: str) -> int:
        """How often a command was carried out."""
        return self.commands.count(command)

    # -- connections ---------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        self._enter(plain)
        connection = plain
        try:
            if self.faults.is_refusing:
                _reset(plain)
                return
            if self.faults.is_silent:
                self._stop.wait()
                return
            if self._context is not None:
                plain.settimeout(5)
                connection = self._context.wrap_socket(plain, server_side=True)
                connection.settimeout(None)
                with self._lock:
                    self._sockets.add(connection)
            self._converse(connection)
        except (OSError, Cut, EOFError, ValueError):
            # Whatever ends a connection ends only that one.
            return
        finally:
            self._leave(plain, connection)

    def _enter(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connection)
            self.connections += 1
            self.open_connections += 1
            self.most_connections = max(self.most_connections, self.open_connections)

    def _leave(self, plain: socket.socket, connection: socket.socket) -> None:
        with self._lock:
            self._sockets -= {plain, connection}
            self.open_connections -= 1
        connection.close()
        plain.close()

    def _converse(self, connection: socket.socket) -> None:
        is_in = False
        while not self._stop.is_set():
            sentence = read_sentence(connection)
            if self.faults.is_silent:
                self._stop.wait()
                return
            command, words, queries, tag = _taken_apart(sentence)
            if command == "/login":
                is_in = self._login(connection, words, tag)
            elif not is_in:
                self._say(connection, [("!fatal", ["not logged in"])], tag)
                return
            else:
                self._answer(connection, command, words, queries, tag)

    def _login(self, connection: socket.socket, words: Mapping[str, str], tag: str) -> bool:
        is_right = (words.get("name"), words.get("password")) == (self.username, self.password)
        if is_right and self.open_connections > self._max_sessions:
            self._say(connection, [("!fatal", ["too many sessions"])], tag)
            raise Cut
        if is_right:
            self.logins += 1
            self._say(connection, [("!done", [])], tag)
        else:
            message = "=message=invalid user name or password (6)"
            self._say(connection, [("!trap", [message]), ("!done", [])], tag)
        return is_right

    def _answer(
        self, connection: socket.socket, command: str, words: Mapping[str, str], queries: list[str], tag: str
    ) -> None:
        self._cut_if_due("cut_before_command")
        try:
            if command in self.faults.traps:
                raise Trap(self.faults.traps[command])
            rows = self.tables.do(command, words, queries)
            self.commands.append(command)
            sentences = self._sentences(command, rows)
        except Trap as trap:
            category = [] if trap.category is None else [f"=category={trap.category}"]
            sentences = [("!trap", [*category, f"=message={trap}"]), ("!done", [])]
        self._cut_if_due("cut_after_command")
        if self.faults.fatal:
            self._say(connection, [("!fatal", [self.faults.fatal])], tag)
            raise Cut
        self._say(connection, sentences, tag)

    def _cut_if_due(self, name: str) -> None:
        left = getattr(self.faults, name)
        if left is None:
            return
        setattr(self.faults, name, left - 1 if left > 1 else None)
        if left <= 1:
            raise Cut

    def _sentences(self, command: str, rows: list[Row]) -> list[tuple[str, list[str]]]:
        if command.endswith("/add"):
            return [("!done", [f"=ret={rows[0]['ret']}"])]
        said = [("!re", [f"={name}={value}" for name, value in row.items()]) for row in rows]
        said = list(itertools.chain.from_iterable(itertools.repeat(said, self.faults.repeat_rows)))
        if not said and command.endswith("/print") and self.faults.says_empty:
            said = [("!empty", [])]
        return [*said, ("!done", [])]

    def _say(self, connection: socket.socket, sentences: list[tuple[str, list[str]]], tag: str) -> None:
        if self.faults.delay_s and self._stop.wait(self.faults.delay_s):
            raise Cut
        tags = [f".tag={tag}"] if tag else []
        data = b"".join(sentence_of([reply, *words, *tags]) for reply, words in sentences)
        data = self.faults.garbage or data
        if self.faults.cut_after_bytes is not None:
            connection.sendall(data[: self.faults.cut_after_bytes])
            _reset(connection)
            raise Cut
        for part in self._parts(data):
            connection.sendall(part)

    def _parts(self, data: bytes) -> Iterator[bytes]:
        if not self.faults.drip_s:
            yield data
            return
        for position in range(len(data)):
            if self._stop.wait(self.faults.drip_s):
                raise Cut
            yield data[position : position + 1]


# -- words -----------------------------------------------------------------------------------------------------------


def length_of(size: int) -> bytes:
    """The length before a word: one to five bytes."""
    for limit, width, mark in ((0x80, 1, 0), (0x4000, 2, 0x8000), (0x200000, 3, 0xC00000), (0x10000000, 4, 0xE0000000)):
        if size < limit:
            return (size | mark).to_bytes(width, "big")
    return b"\xf0" + size.to_bytes(4, "big")


def sentence_of(words: list[str]) -> bytes:
    """Words and the empty one that ends them. Lone surrogates stand for bytes that are no UTF-8."""
    encoded = [word.encode("utf-8", "surrogateescape") for word in words]
    return b"".join(length_of(len(word)) + word for word in encoded) + b"\x00"


def read_sentence(connection: socket.socket) -> list[str]:
    """The next sentence; raises EOFError when the other end is gone."""
    words: list[str] = []
    while True:
        word = _read(connection, _read_length(connection))
        if not word:
            if words:
                return words
            continue
        words.append(word.decode("utf-8", "surrogateescape"))


def _read_length(connection: socket.socket) -> int:
    first = _read(connection, 1)[0]
    more = next(count for count, top in enumerate((0x80, 0xC0, 0xE0, 0xF0, 0x100)) if first < top)
    rest = int.from_bytes(_read(connection, more), "big")
    high = 0 if more == 4 else first & (0xFF >> (more + 1) if more else 0x7F)
    length = (high << (8 * more)) | rest
    if length > _MAX_WORD_BYTES:
        raise ValueError("a word longer than a router takes")
    return length


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        got = connection.recv(size - len(data))
        if not got:
            raise EOFError
        data += got
    return bytes(data)


def _taken_apart(sentence: list[str]) -> tuple[str, dict[str, str], list[str], str]:
    words, queries, tag = {}, [], ""
    for word in sentence[1:]:
        if word.startswith("?"):
            queries.append(word)
        elif word.startswith(".tag="):
            tag = word.removeprefix(".tag=")
        elif word.startswith("="):
            name, _, value = word[1:].partition("=")
            words[name] = value
    return sentence[0], words, queries, tag


def _reset(connection: socket.socket) -> None:
    """Close with a reset, as a machine does that lost power and came back."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _tls_context() -> ssl.SSLContext:
    """A server with a certificate that it signed itself, as `/certificate` makes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "router")])
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begun)
    certificate = builder.not_valid_after(begun + datetime.timedelta(days=3650)).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "router.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context
