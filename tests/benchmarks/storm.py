"""A power cut ends: customers of several routers ask at the same moment, all with their last session still open.

The packets are the simulated router's, made before the clock runs; then every one is sent without a pause, each from an
identifier of its own, again after the router's timeout, and given up after its tries. A customer is online once his
login was accepted and the Start of his session acknowledged. Nobody dials a second time here: who is given up, is lost.
"""

import hashlib
import hmac
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from simulator import Login, Method, Proof, Service, wire
from simulator import attributes as ros
from simulator.attributes import RouterFacts, SessionFacts
from simulator.wire import Code

TRIES = 3
TIMEOUT_S = 1.1
IDENTIFIERS = 256
_CLASS, _MESSAGE_AUTHENTICATOR = 25, 80
_PLACE_OF_CLASS = b"the class that the server will mint"
_CUT_OUT = bytes([_CLASS, len(_PLACE_OF_CLASS) + 2]) + _PLACE_OF_CLASS
# Replies wait here while the last requests are still being sent.
_RECEIVE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialler:
    """One customer: who he is, at which router (by its source address), and his device."""

    username: str
    password: str
    mac: str
    router: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """The server that is stormed."""

    auth_port: int
    acct_port: int
    secret: str
    host: str = "127.0.0.1"


@dataclass(kw_only=True)
class StormResult:
    """What became of the customers. `online_after_s` has one rising number for each who came online.

    `drops` counts the packets that the server's sockets had no room for: the kernel's own count, also of those that a
    later try made good.
    """

    customers: int
    online_after_s: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    forged: int = 0
    sent: int = 0
    sent_in_s: float = 0.0
    repeated: int = 0
    drops: dict[str, int] = field(default_factory=dict)

    def seconds_until(self, share: float) -> float | None:
        """When this share of all customers was online; None when that never happened."""
        needed = max(1, round(self.customers * share))
        return self.online_after_s[needed - 1] if len(self.online_after_s) >= needed else None

    def lines(self) -> list[str]:
        """The outcome in words."""
        reached = ", ".join(f"{share:.0%} after {_seconds(self.seconds_until(share))}" for share in (0.5, 0.99, 1.0))
        online, refused, given_up = len(self.online_after_s), len(self.refused), len(self.given_up)
        became = f"{online} online, {refused} refused, {given_up} given up"
        lost = f"{self.drops.get('login', 0)} logins, {self.drops.get('accounting', 0)} accounting records"
        return [
            f"{self.customers} customers asked within {self.sent_in_s:.2f} s: {became}",
            f"online: {reached}; {self.repeated} requests were sent again",
            f"packets for which a socket had no room: {lost}",
        ]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


class _Asker:
    """One customer on his way: the request that is out, and how often it was sent."""

    __slots__ = ("authenticator", "packet", "starting", "tail", "tries", "who")

    def __init__(self, who: Dialler, login: bytes, start_around_class: tuple[bytes, bytes]) -> None:
        self.who = who
        self.packet = login
        self.authenticator = login[4:20]
        self.starting, self.tail = start_around_class
        self.tries = 0


class Storm:
    """All customers with their packets ready; `run` lets them loose."""

    def __init__(self, where: Where, customers: Sequence[Dialler]) -> None:
        self._where = where
        self._secret = where.secret.encode()
        self._selector = selectors.DefaultSelector()
        self._askers: dict[tuple[int, int], _Asker] = {}
        self._accounting: dict[int, socket.socket] = {}
        self._clock: deque[tuple[float, bytes, socket.socket, _Asker]] = deque()
        self._order: list[tuple[socket.socket, _Asker]] = []
        self._result = StormResult(customers=len(customers))
        self._waiting = len(customers)
        for router in dict.fromkeys(customer.router for customer in customers):
            self._prepare([customer for customer in customers if customer.router == router], router)

    # --- before the clock runs ---

    def _prepare(self, customers: Sequence[Dialler], router: str) -> None:
        facts = RouterFacts(identity=f"router {router}", nas_ip=router)
        for first in range(0, len(customers), IDENTIFIERS):
            login, accounting = (self._open(router, port) for port in (self._where.auth_port, self._where.acct_port))
            self._accounting[login.fileno()] = accounting
            for identifier, who in enumerate(customers[first : first + IDENTIFIERS]):
                asker = self._asker(who, identifier, first + identifier, facts)
                self._askers[login.fileno(), identifier] = asker
                self._askers[accounting.fileno(), identifier] = asker
                self._order.append((login, asker))

    def _open(self, source: str, port: int) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        opened.bind((source, 0))
        opened.connect((self._where.host, port))
        self._selector.register(opened, selectors.EVENT_READ)
        return opened

    def _asker(self, who: Dialler, identifier: int, number: int, router: RouterFacts) -> _Asker:
        asked = Login(service=Service.PPPOE, username=who.username, password=who.password, mac=who.mac)
        session = SessionFacts(login=asked, session_id=f"818{number:05x}", number=number, framed_ip="")
        authenticator = token_bytes(16)
        proof = Proof(method=Method.CHAP, username=who.username, password=who.password)
        credentials = proof.attributes(secret=self._secret, authenticator=authenticator)
        login = wire.access_request(
            identifier=identifier,
            authenticator=authenticator,
            attributes=ros.access_request(session, router, credentials),
            secret=self._secret,
            sign=True,
        )
        return _Asker(who, login, _start(session, router, identifier))

    # --- the storm ---

    def run(self) -> StormResult:
        """Everybody asks; returns when the last one is online, refused or given up."""
        before = dropped(self._where)
        begun = time.monotonic()
        for opened, asker in self._order:
            self._send(opened, asker)
        self._result.sent_in_s = time.monotonic() - begun
        while self._waiting:
            for key, _ in self._selector.select(0.02):
                self._receive(key.fileobj, begun)  # type: ignore[arg-type]
            self._send_again(time.monotonic())
        after = dropped(self._where)
        self._result.drops = {name: count - before[name] for name, count in after.items()}
        self._close()
        return self._result

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _send(self, opened: socket.socket, asker: _Asker) -> None:
        asker.tries += 1
        self._result.sent += 1
        self._result.repeated += asker.tries > 1
        opened.send(asker.packet)
        self._clock.append((time.monotonic() + TIMEOUT_S, asker.packet, opened, asker))

    def _send_again(self, now: float) -> None:
        while self._clock and self._clock[0][0] <= now:
            _, packet, opened, asker = self._clock.popleft()
            if asker.packet is not packet:
                continue
            if asker.tries < TRIES:
                self._send(opened, asker)
            else:
                self._end(asker, self._result.given_up)

    def _end(self, asker: _Asker, among: list[str]) -> None:
        asker.packet = b""
        self._waiting -= 1
        among.append(asker.who.username)

    def _receive(self, opened: socket.socket, begun: float) -> None:
        while True:
            try:
                answer = opened.recv(4096)
            except BlockingIOError:
                return
            asker = self._askers.get((opened.fileno(), answer[1]))
            if asker is not None and asker.packet:
                self._take(opened, asker, answer, begun)

    def _take(self, opened: socket.socket, asker: _Asker, answer: bytes, begun: float) -> None:
        if not self._is_genuine(answer, asker.authenticator):
            # The login's answer that comes once more, when the Start is already out, is no forgery.
            self._result.forged += (asker.packet[0], answer[0]) != (Code.ACCOUNTING_REQUEST, Code.ACCESS_ACCEPT)
        elif answer[0] == Code.ACCOUNTING_RESPONSE:
            asker.packet = b""
            self._waiting -= 1
            self._result.online_after_s.append(time.monotonic() - begun)
        elif answer[0] == Code.ACCESS_ACCEPT:
            self._begin_session(opened, asker, answer)
        else:
            self._end(asker, self._result.refused)

    def _begin_session(self, opened: socket.socket, asker: _Asker, answer: bytes) -> None:
        minted = next(data for kind, data in _attributes(answer) if kind == _CLASS)
        asker.packet = self._signed_start(asker, minted)
        asker.authenticator, asker.tries = asker.packet[4:20], 0
        self._send(self._accounting[opened.fileno()], asker)

    def _signed_start(self, asker: _Asker, minted: bytes) -> bytes:
        body = asker.starting[20:] + bytes([_CLASS, len(minted) + 2]) + minted + asker.tail
        head = asker.starting[:2] + (20 + len(body)).to_bytes(2, "big")
        return head + hashlib.md5(head + bytes(16) + body + self._secret).digest() + body

    def _is_genuine(self, answer: bytes, authenticator: bytes) -> bool:
        signed = answer[:4] + authenticator + answer[20:]
        if hashlib.md5(signed + self._secret).digest() != answer[4:20]:
            return False
        if answer[0] == Code.ACCOUNTING_RESPONSE:
            return True
        if answer[20:22] != bytes([_MESSAGE_AUTHENTICATOR, 18]):
            return False
        blanked = signed[:22] + bytes(16) + signed[38:]
        return hmac.digest(self._secret, blanked, "md5") == answer[22:38]


def _start(session: SessionFacts, router: RouterFacts, identifier: int) -> tuple[bytes, bytes]:
    """The Start of a session as the router sends it, before and after the place of its Class."""
    facts = SessionFacts(
        login=session.login,
        session_id=session.session_id,
        number=session.number,
        framed_ip=f"100.{64 + session.number // 65536 % 64}.{session.number // 256 % 256}.{session.number % 256}",
        class_values=(_PLACE_OF_CLASS,),
    )
    attributes = ros.accounting_request(
        facts, router, status="Start", event_timestamp=int(time.time()), delay_seconds=0, usage=[]
    )
    packet = wire.hashed_request(code=Code.ACCOUNTING_REQUEST, identifier=identifier, attributes=attributes, secret=b"")
    before, _, after = packet.partition(_CUT_OUT)
    return before, after


def _attributes(packet: bytes) -> Iterator[tuple[int, bytes]]:
    at = 20
    while at + 2 <= len(packet):
        yield packet[at], packet[at + 2 : at + packet[at + 1]]
        at += packet[at + 1]


def dropped(where: Where) -> dict[str, int]:
    """How many packets the kernel has thrown away before the server could read them, by its two ports."""
    counts = {where.auth_port: 0, where.acct_port: 0}
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        words = line.split()
        port = int(words[1].rpartition(":")[2], 16)
        if port in counts:
            counts[port] += int(words[-1])
    return {"login": counts[where.auth_port], "accounting": counts[where.acct_port]}
