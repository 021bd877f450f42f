"""Packets that no router would send, made from packets that routers do send.

A mutation changes bytes, lengths, attributes or the signature. Half of what is made is signed again afterwards, so that
it gets past the signature and as deep into the server as it can.
"""

import hashlib
import hmac
import random
from collections.abc import Callable

from simulator import Login, Method, Proof, Service, wire
from simulator import attributes as ros
from simulator.attributes import Counters, RouterFacts, SessionFacts
from simulator.wire import Code

LONGEST = 4096
HEADER = 20
_SIGNATURE = bytes([80, 18])
_VENDOR = 26
_TEXTS = (
    b"\xff\xfe",
    b"caf\xe9",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"a\0b",
    b"\0",
    b"",
    b"%{User-Name}",
    b'"}\n{"',
    b"\xf4\x90\x80\x80",
)
_METHODS = (Method.PAP, Method.CHAP, Method.MSCHAPV2)


def real_login(service: Service, method: Method, username: str, *, secret: bytes, nas_ip: str, sign: bool) -> bytes:
    """The Access-Request of a simulated router."""
    login = Login(service=service, username=username, password=f"pw-{username}", method=method)
    facts = SessionFacts(login=login, session_id="81000001", number=1, framed_ip="100.64.0.9")
    authenticator = random.randbytes(16)
    proof = Proof(method=method, username=username, password=login.password)
    credentials = proof.attributes(secret=secret, authenticator=authenticator)
    return wire.access_request(
        identifier=1,
        authenticator=authenticator,
        attributes=ros.access_request(facts, RouterFacts(identity="r", nas_ip=nas_ip), credentials),
        secret=secret,
        sign=sign,
    )


def real_record(service: Service, status: str, username: str, *, secret: bytes, nas_ip: str) -> bytes:
    """The Accounting-Request of a simulated router."""
    facts = SessionFacts(
        login=Login(service=service, username=username),
        session_id="81000001",
        number=1,
        framed_ip="100.64.0.9",
        class_values=(b"lts1:1:0:fuzz",),
    )
    usage = ros.usage_attributes(Counters(download_bytes=5 << 33, upload_bytes=7), session_seconds=60)
    attributes = ros.accounting_request(
        facts, RouterFacts(identity="r", nas_ip=nas_ip), status=status, event_timestamp=1, delay_seconds=0, usage=usage
    )
    return wire.hashed_request(code=Code.ACCOUNTING_REQUEST, identifier=1, attributes=attributes, secret=secret)


def real_packets(username: str, *, secret: bytes, nas_ip: str) -> tuple[list[bytes], list[bytes]]:
    """One of each kind: logins and accounting records."""
    logins = [
        real_login(service, method, username, secret=secret, nas_ip=nas_ip, sign=sign)
        for service in Service
        for method in _METHODS
        for sign in (True, False)
    ]
    records = [
        real_record(service, status, username, secret=secret, nas_ip=nas_ip)
        for service in Service
        for status in ("Start", "Interim-Update", "Stop")
    ]
    return logins, records


def signed(packet: bytes, secret: bytes) -> bytes:
    """The packet with a length and signatures that are true, whatever else is wrong with it."""
    body = packet[HEADER:LONGEST]
    head = packet[:2].ljust(2, b"\1") + (HEADER + len(body)).to_bytes(2, "big")
    if head[0] == Code.ACCOUNTING_REQUEST:
        return head + hashlib.md5(head + bytes(16) + body + secret).digest() + body
    authenticator = packet[4:HEADER].ljust(16, b"\7")
    at = body.rfind(_SIGNATURE)
    if at < 0 or at + 18 > len(body):
        return head + authenticator + body
    blank = head + authenticator + body[: at + 2] + bytes(16) + body[at + 18 :]
    digest = hmac.digest(secret, blank, "md5")
    return blank[: HEADER + at + 2] + digest + blank[HEADER + at + 18 :]


def made_of(attributes: list[tuple[int, bytes]], code: int, chance: random.Random, secret: bytes) -> bytes:
    """A signed packet of any attributes, as many as fit."""
    body = b"".join(_attribute(kind, value) for kind, value in attributes)
    if code == Code.ACCESS_REQUEST:
        body = body[: LONGEST - HEADER - 18] + _SIGNATURE + bytes(16)
    return signed(bytes([code, chance.randrange(256), 0, 0]) + chance.randbytes(16) + body, secret)


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes([kind, min(255, len(value) + 2)]) + value[:253]


class Mutator:
    """Makes bad packets of good ones, the same again for the same seed."""

    def __init__(self, seed: int, secret: bytes) -> None:
        self.chance = random.Random(seed)
        self._secret = secret
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip_bits,
            self._cut,
            self._lie_about_the_length,
            self._lie_about_an_attribute,
            self._repeat,
            self._add_unknown,
            self._add_vendor,
            self._grow,
            self._replace_a_value,
            self._replace_a_value,
            self._shuffle,
            self._spoil_the_signature,
        )

    def mutated(self, packet: bytes) -> bytes:
        """One to four changes, then often a true signature around them."""
        fresh = bytes([packet[0], self.chance.randrange(256)]) + packet[2:]
        for _ in range(self.chance.randint(1, 4)):
            fresh = self.chance.choice(self._ways)(fresh) or fresh
        return signed(fresh, self._secret) if self.chance.random() < 0.5 else fresh[: LONGEST + 200]

    def odd(self, packet: bytes) -> bytes:
        """A packet that can be read and is truly signed, with one to three values of a wrong size or kind."""
        fresh = bytes([packet[0], self.chance.randrange(256)]) + packet[2:]
        for _ in range(self.chance.randint(1, 3)):
            fresh = self.chance.choice((self._replace_a_value, self._replace_a_value, self._add_vendor))(fresh)
        return signed(fresh, self._secret)

    def _flip_bits(self, packet: bytes) -> bytes:
        changed = bytearray(packet)
        for _ in range(self.chance.randint(1, 12)):
            changed[self.chance.randrange(len(changed))] ^= 1 << self.chance.randrange(8)
        return bytes(changed)

    def _cut(self, packet: bytes) -> bytes:
        return packet[: self.chance.randrange(1, len(packet) + 1)]

    def _lie_about_the_length(self, packet: bytes) -> bytes:
        return packet[:2] + self.chance.choice((0, 1, 19, 20, 21, 4096, 4097, 65535)).to_bytes(2, "big") + packet[4:]

    def _lie_about_an_attribute(self, packet: bytes) -> bytes:
        at = self._somewhere(packet)
        return packet[: at + 1] + bytes([self.chance.choice((0, 1, 2, 3, 255))]) + packet[at + 2 :]

    def _repeat(self, packet: bytes) -> bytes:
        at = self._somewhere(packet)
        one = packet[at : at + max(2, packet[at + 1] if at + 1 < len(packet) else 2)]
        return packet + one * self.chance.choice((1, 2, 10, 250))

    def _add_unknown(self, packet: bytes) -> bytes:
        return packet + _attribute(self.chance.randrange(256), self.chance.randbytes(self.chance.randrange(254)))

    def _add_vendor(self, packet: bytes) -> bytes:
        vendor = self.chance.choice((14988, 311, 14122, 9, 99_999)).to_bytes(4, "big")
        inner = bytes([self.chance.randrange(256), self.chance.randrange(256)])
        return packet + _attribute(_VENDOR, vendor + inner + self.chance.randbytes(self.chance.randrange(40)))

    def _grow(self, packet: bytes) -> bytes:
        return packet + _attribute(self.chance.choice((1, 31, 25, 18, 32)), b"x" * 253) * self.chance.randint(1, 20)

    def _replace_a_value(self, packet: bytes) -> bytes:
        at = self._somewhere(packet)
        end = at + max(2, packet[at + 1] if at + 1 < len(packet) else 2)
        value = self.chance.choice((*_TEXTS, self.chance.randbytes(self.chance.randrange(64))))
        return packet[:at] + _attribute(packet[at], value * self.chance.choice((1, 1, 40))) + packet[end:]

    def _shuffle(self, packet: bytes) -> bytes:
        pieces, at = [], HEADER
        while at + 2 <= len(packet) and packet[at + 1] >= 2:
            pieces.append(packet[at : at + packet[at + 1]])
            at += packet[at + 1]
        self.chance.shuffle(pieces)
        return packet[:HEADER] + b"".join(pieces)

    def _spoil_the_signature(self, packet: bytes) -> bytes:
        return packet[:4] + self.chance.randbytes(16) + packet[HEADER:]

    def _somewhere(self, packet: bytes) -> int:
        """Where some attribute begins."""
        starts, at = [HEADER], HEADER
        while at + 2 <= len(packet) and packet[at + 1] >= 2:
            starts.append(at)
            at += packet[at + 1]
        return min(self.chance.choice(starts), max(0, len(packet) - 1))
