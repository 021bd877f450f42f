"""How a customer proves a password: PAP, CHAP, MS-CHAPv2 (RFC 2865, 1994, 2759).

Decides the octets of each proof and whether the server proved in turn that it knows the password
(MS-CHAP2-Success).  MD4 and DES live here because OpenSSL 3 no longer offers MD4 and MS-CHAPv2 is made of both.
Refuses to know the network.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from secrets import token_bytes

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from .wire import Attribute

_MASK = 0xFFFFFFFF
# RFC 2759 section 8.7.
_SERVER_SIGNING = b"Magic server to client signing constant"
_SERVER_PADDING = b"Pad to make it do more than one iteration"


class Method(StrEnum):
    """How the password travels."""

    PAP = "pap"
    CHAP = "chap"
    MSCHAPV2 = "mschapv2"


def md4(data: bytes) -> bytes:
    """MD4 (RFC 1320)."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack("<Q", len(data) * 8)
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    for offset in range(0, len(padded), 64):
        state = _md4_block(state, struct.unpack("<16I", padded[offset : offset + 64]))
    return struct.pack("<4I", *state)


def _md4_block(state: tuple[int, int, int, int], x: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for step in range(48):
        mixed = (a + _md4_mix(step // 16, b, c, d) + x[_MD4_ORDER[step]] + _MD4_ADD[step // 16]) & _MASK
        shift = _MD4_SHIFT[step // 16][step % 4]
        a, b, c, d = d, ((mixed << shift) | (mixed >> (32 - shift))) & _MASK, b, c
    return ((state[0] + a) & _MASK, (state[1] + b) & _MASK, (state[2] + c) & _MASK, (state[3] + d) & _MASK)


def _md4_mix(round_: int, b: int, c: int, d: int) -> int:
    if round_ == 0:
        return (b & c) | (~b & d)
    if round_ == 1:
        return (b & c) | (b & d) | (c & d)
    return b ^ c ^ d


_MD4_ORDER = (
    *range(16),
    *(row + column * 4 for row in range(4) for column in range(4)),
    *(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
)
_MD4_ADD = (0, 0x5A827999, 0x6ED9EBA1)
_MD4_SHIFT = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))


def nt_hash(password: str) -> bytes:
    """The NT password hash: MD4 of the password in UTF-16LE."""
    return md4(password.encode("utf-16-le"))


def _des(key7: bytes, block: bytes) -> bytes:
    # MS-CHAP keys are 56 bits; DES wants eight octets with a (here unused) parity bit at the end of each.
    bits = int.from_bytes(key7, "big")
    key8 = bytes(((bits >> (49 - 7 * i)) & 0x7F) << 1 for i in range(8))
    encryptor = Cipher(TripleDES(key8 * 3), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def challenge_hash(*, peer_challenge: bytes, server_challenge: bytes, username: bytes) -> bytes:
    """RFC 2759 8.2: the eight octets both sides encrypt."""
    return hashlib.sha1(peer_challenge + server_challenge + username).digest()[:8]


def nt_response(*, password: str, peer_challenge: bytes, server_challenge: bytes, username: bytes) -> bytes:
    """RFC 2759 8.1: the client's 24 octets."""
    block = challenge_hash(peer_challenge=peer_challenge, server_challenge=server_challenge, username=username)
    key = nt_hash(password).ljust(21, b"\0")
    return b"".join(_des(key[i : i + 7], block) for i in (0, 7, 14))


def authenticator_response(
    *, password: str, response: bytes, peer_challenge: bytes, server_challenge: bytes, username: bytes
) -> str:
    """RFC 2759 8.7: what the server must answer, 'S=' and forty hexadecimal digits."""
    block = challenge_hash(peer_challenge=peer_challenge, server_challenge=server_challenge, username=username)
    first = hashlib.sha1(md4(nt_hash(password)) + response + _SERVER_SIGNING).digest()
    return "S=" + hashlib.sha1(first + block + _SERVER_PADDING).hexdigest().upper()


def hide_password(password: bytes, *, secret: bytes, authenticator: bytes) -> bytes:
    """RFC 2865 5.2: User-Password; an empty password still makes one block of sixteen octets."""
    padded = password.ljust(max(16, -(-len(password) // 16) * 16), b"\0")
    hidden, previous = b"", authenticator
    for offset in range(0, len(padded), 16):
        mask = hashlib.md5(secret + previous).digest()
        previous = bytes(a ^ b for a, b in zip(padded[offset : offset + 16], mask, strict=True))
        hidden += previous
    return hidden


def chap_response(*, identifier: int, password: bytes, challenge: bytes) -> bytes:
    """RFC 1994 section 4.1, with the identifier in front as CHAP-Password carries it."""
    return bytes([identifier]) + hashlib.md5(bytes([identifier]) + password + challenge).digest()


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One attempt at one password, with the random numbers it used."""

    method: Method
    username: str
    password: str
    challenge: bytes = field(default_factory=lambda: token_bytes(16))
    peer_challenge: bytes = field(default_factory=lambda: token_bytes(16))
    identifier: int = field(default_factory=lambda: token_bytes(1)[0])

    def attributes(self, *, secret: bytes, authenticator: bytes) -> list[Attribute]:
        """The credential attributes of an Access-Request, in RouterOS' order."""
        password = self.password.encode("utf-8")
        if self.method is Method.PAP:
            return [("User-Password", hide_password(password, secret=secret, authenticator=authenticator))]
        if self.method is Method.CHAP:
            answer = chap_response(identifier=self.identifier, password=password, challenge=self.challenge)
            return [("CHAP-Challenge", self.challenge), ("CHAP-Password", answer)]
        answer = bytes([self.identifier, 0]) + self.peer_challenge + bytes(8) + self._nt_response()
        return [("MS-CHAP-Challenge", self.challenge), ("MS-CHAP2-Response", answer)]

    def server_is_genuine(self, success: bytes | None) -> bool:
        """Whether MS-CHAP2-Success proves that the server knows the password too."""
        expected = authenticator_response(
            password=self.password,
            response=self._nt_response(),
            peer_challenge=self.peer_challenge,
            server_challenge=self.challenge,
            username=self.username.encode("utf-8"),
        )
        wanted = bytes([self.identifier]) + expected.encode("ascii")
        return success is not None and hmac.compare_digest(success[: len(wanted)], wanted)

    def _nt_response(self) -> bytes:
        return nt_response(
            password=self.password,
            peer_challenge=self.peer_challenge,
            server_challenge=self.challenge,
            username=self.username.encode("utf-8"),
        )
