"""The router's /radius/incoming: answers CoA- and Disconnect-Requests as RouterOS does.

Decides who is believed (the secret), which session is meant, what may change, and what the answer is:
an unknown session is NAK 406, an attribute RouterOS cannot change is NAK 401 and nothing changes, another router's
name is NAK 403.  `behaviour` makes it misbehave on purpose.  Every request is recorded with its arrival time.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, cast

from . import wire
from .attributes import Service
from .session import SimulatedSession
from .wire import Attribute, Code

IDENTIFICATION = frozenset({"User-Name", "Acct-Session-Id", "Framed-IP-Address"})
_ROUTER_NAMES = frozenset({"NAS-IP-Address", "NAS-Identifier"})
_IGNORED = frozenset(
    {
        "Message-Authenticator",
        "Event-Timestamp",
        "Proxy-State",
        "NAS-Port",
        "NAS-Port-Id",
        "NAS-Port-Type",
        "Calling-Station-Id",
        "Called-Station-Id",
        "Acct-Multi-Session-Id",
    }
)
CHANGEABLE = frozenset(
    {
        "Mikrotik-Group",
        "Mikrotik-Recv-Limit",
        "Mikrotik-Recv-Limit-Gigawords",
        "Mikrotik-Xmit-Limit",
        "Mikrotik-Xmit-Limit-Gigawords",
        "Mikrotik-Rate-Limit",
        "Ascend-Data-Rate",
        "Ascend-Xmit-Rate",
        "Mikrotik-Mark-Id",
        "Filter-Id",
        "Mikrotik-Advertise-URL",
        "Mikrotik-Advertise-Interval",
        "Session-Timeout",
        "Idle-Timeout",
        "Port-Limit",
    }
)
UNSUPPORTED_ATTRIBUTE, MISSING_ATTRIBUTE, WRONG_NAS, UNSUPPORTED_EXTENSION = 401, 402, 403, 406
_REMEMBERED_ANSWERS = 4096
_REMEMBERED_REQUESTS = 100_000
# RFC 5176 section 6.3: a packet whose Event-Timestamp is further off than this is taken for a replay.
_MOST_CLOCK_DIFFERENCE_SECONDS = 300

Address = tuple[str, int]


@dataclass(kw_only=True)
class CoaBehaviour:
    """How to misbehave; may be changed while the router runs.

    `nak_cause` refuses everything with that Error-Cause; `without_effect` acknowledges and does nothing;
    `wrong_secret` signs answers with another secret; `drop_next` ignores that many requests.
    """

    drop: bool = False
    drop_next: int = 0
    delay_ms: int = 0
    nak_cause: int | None = None
    without_effect: bool = False
    wrong_secret: bool = False


@dataclass(frozen=True, kw_only=True)
class CoaRecord:
    """One request that arrived, and what became of it ("ack", "nak", "dropped", "duplicate", "not authentic")."""

    received_at: datetime
    received_monotonic: float
    sender: Address
    code: int
    identifier: int
    attributes: tuple[Attribute, ...]
    outcome: str
    error_cause: int | None = None
    session_ids: tuple[str, ...] = ()

    @property
    def is_disconnect(self) -> bool:
        """Disconnect-Request, as against CoA-Request."""
        return self.code == Code.DISCONNECT_REQUEST

    def first(self, name: str) -> wire.Value | None:
        """The first value of an attribute of the request."""
        return next((value for attribute, value in self.attributes if attribute == name), None)


class CoaHost(Protocol):
    """The router, as far as this server needs it."""

    identity: str
    nas_ip: str

    @property
    def open_sessions(self) -> list[SimulatedSession]:
        """Sessions that are active now."""

    def seconds_now(self) -> float:
        """The router's own clock, skew included."""

    def disconnect(self, session: SimulatedSession) -> None:
        """Throw the customer out; the Stop follows."""

    def coa_arrived(self, record: CoaRecord) -> None:
        """A request was handled."""


@dataclass(kw_only=True)
class _Verdict:
    cause: int | None = None
    sessions: list[SimulatedSession] = field(default_factory=list)


class CoaServer(asyncio.DatagramProtocol):
    """Listens on the router's CoA port.

    `also_changeable` adds attributes to RouterOS' documented list, for versions that take more.
    """

    def __init__(self, *, host: CoaHost, secret: bytes, also_changeable: frozenset[str] = frozenset()) -> None:
        self.host, self.secret = host, secret
        self.changeable = CHANGEABLE | also_changeable
        self.behaviour = CoaBehaviour()
        self.records: deque[CoaRecord] = deque(maxlen=_REMEMBERED_REQUESTS)
        self.transport: asyncio.DatagramTransport | None = None
        # The answer to each request; None while it is still being worked on.
        self._answers: OrderedDict[tuple[Address, int, bytes], bytes | None] = OrderedDict()

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: CPython 3.11's own datagram transport is not a DatagramTransport.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def close(self) -> None:
        """Stop listening."""
        if self.transport is not None:
            self.transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        try:
            packet = wire.decode(data)
        except wire.MalformedPacket:
            return
        if not self._is_believed(packet):
            self._record(packet, addr, "not authentic")
        elif self._should_drop():
            self._record(packet, addr, "dropped")
        elif (addr, packet.identifier, packet.authenticator) in self._answers:
            self._repeat(packet, addr)
        else:
            self._handle(packet, addr)

    def _is_believed(self, packet: wire.Packet) -> bool:
        if packet.code not in (Code.COA_REQUEST, Code.DISCONNECT_REQUEST):
            return False
        if not wire.request_is_authentic(packet.raw, self.secret):
            return False
        stamp = packet.first("Event-Timestamp")
        return not isinstance(stamp, int) or abs(stamp - self.host.seconds_now()) <= _MOST_CLOCK_DIFFERENCE_SECONDS

    def _should_drop(self) -> bool:
        if self.behaviour.drop_next > 0:
            self.behaviour.drop_next -= 1
            return True
        return self.behaviour.drop

    def _repeat(self, packet: wire.Packet, addr: Address) -> None:
        self._record(packet, addr, "duplicate")
        answer = self._answers[addr, packet.identifier, packet.authenticator]
        if answer is not None:
            self._send(answer, addr)

    def _handle(self, packet: wire.Packet, addr: Address) -> None:
        key = (addr, packet.identifier, packet.authenticator)
        self._answers[key] = None
        while len(self._answers) > _REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)
        verdict = self._decide(packet)
        outcome = "nak" if verdict.cause else "ack"
        self._record(packet, addr, outcome, verdict)
        answer = self._answer(packet, verdict)
        asyncio.get_running_loop().call_later(self.behaviour.delay_ms / 1000, self._finish, key, answer)
        if not verdict.cause and not self.behaviour.without_effect:
            self._carry_out(packet, verdict.sessions)

    def _finish(self, key: tuple[Address, int, bytes], answer: bytes) -> None:
        self._answers[key] = answer
        self._send(answer, key[0])

    def _send(self, answer: bytes, addr: Address) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(answer, addr)

    def _decide(self, packet: wire.Packet) -> _Verdict:
        if self.behaviour.nak_cause is not None:
            return _Verdict(cause=self.behaviour.nak_cause)
        if self._names_another_router(packet):
            return _Verdict(cause=WRONG_NAS)
        names = {name for name, _ in packet.attributes}
        if not names & IDENTIFICATION:
            return _Verdict(cause=MISSING_ATTRIBUTE)
        if packet.code == Code.COA_REQUEST and names - IDENTIFICATION - self.changeable - _IGNORED - _ROUTER_NAMES:
            return _Verdict(cause=UNSUPPORTED_ATTRIBUTE)
        sessions = [session for session in self.host.open_sessions if _selects(packet, session)]
        if packet.code == Code.COA_REQUEST and self._moves_address(packet, names):
            return _Verdict(cause=UNSUPPORTED_ATTRIBUTE)
        return _Verdict(sessions=sessions) if sessions else _Verdict(cause=UNSUPPORTED_EXTENSION)

    def _names_another_router(self, packet: wire.Packet) -> bool:
        mine = {"NAS-IP-Address": self.host.nas_ip, "NAS-Identifier": self.host.identity}
        return any(name in mine and value != mine[name] for name, value in packet.attributes)

    def _moves_address(self, packet: wire.Packet, names: set[str]) -> bool:
        """A Framed-IP-Address beside a session id of this router that has another address asks to change it."""
        if not {"Acct-Session-Id", "Framed-IP-Address"} <= names:
            return False
        wanted = packet.first("Acct-Session-Id")
        named = [session for session in self.host.open_sessions if session.session_id == wanted]
        return bool(named) and all(session.framed_ip != packet.first("Framed-IP-Address") for session in named)

    def _carry_out(self, packet: wire.Packet, sessions: list[SimulatedSession]) -> None:
        changes = tuple(pair for pair in packet.attributes if pair[0] in self.changeable)
        for session in sessions:
            if packet.code == Code.DISCONNECT_REQUEST:
                self.host.disconnect(session)
            else:
                session.apply(changes)

    def _answer(self, packet: wire.Packet, verdict: _Verdict) -> bytes:
        attributes: list[Attribute] = [pair for pair in packet.attributes if pair[0] == "Proxy-State"]
        if verdict.cause:
            attributes.append(("Error-Cause", verdict.cause))
        secret = b"not-" + self.secret if self.behaviour.wrong_secret else self.secret
        return wire.response(
            code=packet.code + (2 if verdict.cause else 1), request=packet, attributes=attributes, secret=secret
        )

    def _record(self, packet: wire.Packet, addr: Address, outcome: str, verdict: _Verdict | None = None) -> None:
        record = CoaRecord(
            received_at=datetime.now(UTC),
            received_monotonic=time.monotonic(),
            sender=addr,
            code=packet.code,
            identifier=packet.identifier,
            attributes=packet.attributes,
            outcome=outcome,
            error_cause=verdict.cause if verdict else None,
            session_ids=tuple(session.session_id for session in verdict.sessions) if verdict else (),
        )
        self.records.append(record)
        self.host.coa_arrived(record)


def _selects(packet: wire.Packet, session: SimulatedSession) -> bool:
    # A DHCP lease has no CoA; a hotspot session is found by its address only.
    service = session.facts.login.service
    if service is Service.DHCP or (service is Service.HOTSPOT and packet.first("Framed-IP-Address") is None):
        return False
    return session.matches(packet)
