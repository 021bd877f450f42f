"""RADIUS packets as octets (RFC 2865, 2866, 2869, 5176).

Decides how attributes become octets, in the order given, and how packets are signed and checked.  Order matters
twice: RouterOS sends Message-Authenticator last, and wants it first in replies.  A mapping would lose both, so
attributes are a plain list of (name, value).  Refuses to know what an attribute is for.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from .dictionary import Definition, standard

Value = str | int | bytes
Attribute = tuple[str, Value]

ZERO_AUTHENTICATOR = bytes(16)
MESSAGE_AUTHENTICATOR = "Message-Authenticator"
_VENDOR_SPECIFIC = 26
_MESSAGE_AUTHENTICATOR_NUMBER = 80
_LONGEST_PACKET = 4096
_INTEGER_SIZES = {"integer": 4, "date": 4, "short": 2, "byte": 1}


class Code(IntEnum):
    """Packet codes a router sends or answers."""

    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    ACCESS_CHALLENGE = 11
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


class MalformedPacket(ValueError):
    """Octets that are not a RADIUS packet."""


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A received packet, its attributes in wire order."""

    code: int
    identifier: int
    authenticator: bytes
    attributes: tuple[Attribute, ...]
    raw: bytes

    def all(self, name: str) -> list[Value]:
        """Every value of an attribute, in wire order."""
        return [value for attribute, value in self.attributes if attribute == name]

    def first(self, name: str) -> Value | None:
        """The first value of an attribute."""
        return next(iter(self.all(name)), None)


def encode_attributes(attributes: list[Attribute]) -> bytes:
    """Octets of the attributes, exactly in this order."""
    return b"".join(_encode_attribute(name, value) for name, value in attributes)


def _encode_attribute(name: str, value: Value) -> bytes:
    definition = standard().by_name[name]
    data = _encode_value(definition, value)
    if definition.vendor:
        data = struct.pack("!IBB", definition.vendor, definition.number, len(data) + 2) + data
    if len(data) > 253:
        raise ValueError(f"{name} is too long for one attribute: {len(data)} octets")
    number = _VENDOR_SPECIFIC if definition.vendor else definition.number
    return struct.pack("!BB", number, len(data) + 2) + data


def _encode_value(definition: Definition, value: Value) -> bytes:
    # Octets pass unchanged whatever the type: tests send deliberately broken values.
    if isinstance(value, bytes):
        return value
    if definition.type in _INTEGER_SIZES:
        number = definition.numbers[value] if isinstance(value, str) else value
        return number.to_bytes(_INTEGER_SIZES[definition.type], "big")
    text = str(value)
    match definition.type:
        case "ipaddr":
            return IPv4Address(text).packed
        case "ipv6addr":
            return IPv6Address(text).packed
        case "ipv6prefix":
            network = IPv6Network(text, strict=False)
            return bytes([0, network.prefixlen]) + network.network_address.packed
        case "ifid":
            return struct.pack("!4H", *(int(group, 16) for group in text.split(":")))
        case _:
            return text.encode("utf-8")


def decode(data: bytes) -> Packet:
    """A packet from octets; raises MalformedPacket."""
    if len(data) < 20:
        raise MalformedPacket(f"{len(data)} octets are too few for a packet")
    code, identifier, length = struct.unpack("!BBH", data[:4])
    if not 20 <= length <= min(len(data), _LONGEST_PACKET):
        raise MalformedPacket(f"the packet says {length} octets, {len(data)} arrived")
    raw = data[:length]
    attributes = tuple(_decode_attributes(raw[20:]))
    return Packet(code=code, identifier=identifier, authenticator=raw[4:20], attributes=attributes, raw=raw)


def _split(data: bytes) -> list[tuple[int, bytes]]:
    pieces = []
    while data:
        if len(data) < 2 or not 2 <= data[1] <= len(data):
            raise MalformedPacket("an attribute's length does not fit the packet")
        pieces.append((data[0], data[2 : data[1]]))
        data = data[data[1] :]
    return pieces


def _decode_attributes(data: bytes) -> list[Attribute]:
    attributes: list[Attribute] = []
    for number, value in _split(data):
        if number == _VENDOR_SPECIFIC and len(value) >= 6:
            vendor = int.from_bytes(value[:4], "big")
            attributes += [_decode_one(vendor, inner, octets) for inner, octets in _split(value[4:])]
        else:
            attributes.append(_decode_one(0, number, value))
    return attributes


def _decode_one(vendor: int, number: int, data: bytes) -> Attribute:
    definition = standard().by_number.get((vendor, number))
    if definition is None:
        return (f"Vendor-{vendor}-Attr-{number}" if vendor else f"Attr-{number}", data)
    name, data = _untag(definition, data)
    return name, _decode_value(definition, data)


def _untag(definition: Definition, data: bytes) -> tuple[str, bytes]:
    # RFC 2868: an integer's tag takes the place of its highest octet; a string's tag is optional and at most 0x1f.
    if not definition.tagged or not data:
        return definition.name, data
    name = f"{definition.name}:{data[0]}" if 0 < data[0] <= 0x1F else definition.name
    if definition.type == "integer":
        return name, b"\0" + data[1:]
    return name, data[1:] if data[0] <= 0x1F else data


def _decode_value(definition: Definition, data: bytes) -> Value:
    # A value of the wrong size stays octets: the test that looks at it shall see what came, not an exception.
    if definition.type in _INTEGER_SIZES and len(data) == _INTEGER_SIZES[definition.type]:
        number = int.from_bytes(data, "big")
        return definition.names.get(number, number)
    if definition.type == "ipaddr" and len(data) == 4:
        return str(IPv4Address(data))
    if definition.type == "ipv6addr" and len(data) == 16:
        return str(IPv6Address(data))
    if definition.type == "ipv6prefix" and 2 <= len(data) <= 18 and data[1] <= 128:
        return str(IPv6Network((data[2:].ljust(16, b"\0"), data[1]), strict=False))
    if definition.type == "ifid" and len(data) == 8:
        return ":".join(f"{group:x}" for group in struct.unpack("!4H", data))
    if definition.type == "string":
        return _text(data)
    return data


def _text(data: bytes) -> Value:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _header(code: int, identifier: int, body: bytes) -> bytes:
    return struct.pack("!BBH", code, identifier, 20 + len(body))


def access_request(
    *, identifier: int, authenticator: bytes, attributes: list[Attribute], secret: bytes, sign: bool
) -> bytes:
    """An Access-Request; signed, its Message-Authenticator is the last attribute, as RouterOS 7 sends it."""
    body = encode_attributes(attributes)
    if sign:
        body += encode_attributes([(MESSAGE_AUTHENTICATOR, bytes(16))])
    raw = _header(Code.ACCESS_REQUEST, identifier, body) + authenticator + body
    return raw[:-16] + hmac.digest(secret, raw, "md5") if sign else raw


def hashed_request(*, code: int, identifier: int, attributes: list[Attribute], secret: bytes) -> bytes:
    """An Accounting-, CoA- or Disconnect-Request: its authenticator is a hash over the packet and the secret."""
    body = encode_attributes(attributes)
    header = _header(code, identifier, body)
    return header + hashlib.md5(header + ZERO_AUTHENTICATOR + body + secret).digest() + body


def request_is_authentic(raw: bytes, secret: bytes) -> bool:
    """Whether a hashed request was made with this secret, Message-Authenticator included where present."""
    expected = hashlib.md5(raw[:4] + ZERO_AUTHENTICATOR + raw[20:] + secret).digest()
    if not hmac.compare_digest(expected, raw[4:20]):
        return False
    return message_authenticator_state(raw, ZERO_AUTHENTICATOR, secret) is not False


def response(*, code: int, request: Packet, attributes: list[Attribute], secret: bytes, sign: bool = False) -> bytes:
    """An answer to a request; signed, its Message-Authenticator is the first attribute."""
    body = encode_attributes([(MESSAGE_AUTHENTICATOR, bytes(16)), *attributes] if sign else attributes)
    header = _header(code, request.identifier, body)
    if sign:
        mac = hmac.digest(secret, header + request.authenticator + body, "md5")
        body = body[:2] + mac + body[18:]
    return header + hashlib.md5(header + request.authenticator + body + secret).digest() + body


def response_is_authentic(raw: bytes, request_authenticator: bytes, secret: bytes) -> bool:
    """Whether a response belongs to this request and was made with this secret."""
    expected = hashlib.md5(raw[:4] + request_authenticator + raw[20:] + secret).digest()
    return hmac.compare_digest(expected, raw[4:20])


def message_authenticator_state(raw: bytes, request_authenticator: bytes, secret: bytes) -> bool | None:
    """True or False when the packet carries a Message-Authenticator that holds or not; None when it carries none."""
    offset = 20
    for number, value in _split(raw[20:]):
        if number == _MESSAGE_AUTHENTICATOR_NUMBER:
            blank = raw[:4] + request_authenticator + raw[20 : offset + 2] + bytes(len(value))
            expected = hmac.digest(secret, blank + raw[offset + 2 + len(value) :], "md5")
            return hmac.compare_digest(expected, value)
        offset += 2 + len(value)
    return None
