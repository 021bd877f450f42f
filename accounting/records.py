"""A spool line becomes an accounting record, or is said to be none, with a reason of `domain.quarantine`.

Bytes that are not UTF-8 and characters that PostgreSQL refuses are kept as visible escapes, so that a crafted packet
neither blocks the queue nor loses a byte of usage. Decides what a line says; refuses to know routers and sessions.

Nearly every line holds nothing to take care of: of those only the dozen attributes are read that merging needs, and all
the others when somebody asks for them. Both ways of reading say the same of the same line.
"""

import codecs
import json
import re
import time
from calendar import timegm
from functools import lru_cache
from ipaddress import ip_address, ip_interface
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson
from msgspec import Meta, Struct, field

from domain.garden import GARDEN_MARK
from domain.sessions import INTERIM, SECOND_US, START, STOP, Packet, occurred_at, sent_at

# Attributes hold at most 253 bytes; an escape makes four characters of one.
MAX_TEXT = 1024
MAX_SESSION_S = 5 * 366 * 86_400
MAX_32 = (1 << 32) - 1
# A clock that was never set is decades off; how many does not matter.
MAX_SKEW_S = (1 << 31) - 1
# A clock this far from ours makes the times of a session doubtful.
SKEWED_FROM_US = 60 * SECOND_US
# 4.5 petabytes in one session: no router counts there, and sums stay far inside 64 bits.
MAX_GIGAWORDS = (1 << 20) - 1

NAS_ON = "on"
KINDS = {
    "Start": START,
    "Interim-Update": INTERIM,
    "Alive": INTERIM,
    "Stop": STOP,
    "Accounting-On": NAS_ON,
    "Accounting-Off": NAS_ON,
}
OURS_HEX = "0x" + b"lts1:".hex()

# Seconds since the epoch have ten digits from 2001 to 2286: one more is the end of a torn piece in front of them.
_HEAD = re.compile(rb"\d{10}\.\d{1,6} [0-9A-Fa-f.:]{2,45} \{")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_REFUSED = re.compile("[\x00\ud800-\udfff]")


class Malformed(ValueError):
    """The line is no accounting record; the text says why, in a word or two."""


class Record(Struct, gc=False):
    """One accounting packet; `packet` is None for Accounting-On/Off, which speak of the router."""

    received_us: int
    sent_us: int
    source: str
    session_id: str
    class_text: str
    username: str | None
    # Whether it is an address was not looked at.
    framed_ip: str | None
    stamp_us: int | None
    packet: Packet | None
    raw: bytes
    read: dict[str, Any] | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """Everything that the packet said."""
        if self.read is None:
            self.read = _attributes(self.raw.split(b" ", 2)[2])
        return self.read


# FreeRADIUS writes numbers as numbers, and hands them to Python as text.
_Count = Annotated[int, Meta(ge=0, le=MAX_32)] | None


class _Told(Struct, gc=False):
    """What merging needs of a packet."""

    status: str = field(name="Acct-Status-Type")
    session_id: str = field(name="Acct-Session-Id", default="")
    delay_s: _Count = field(name="Acct-Delay-Time", default=None)
    stamp: int | str | None = field(name="Event-Timestamp", default=None)
    session_time_s: _Count = field(name="Acct-Session-Time", default=None)
    input_octets: _Count = field(name="Acct-Input-Octets", default=None)
    input_gigawords: _Count = field(name="Acct-Input-Gigawords", default=None)
    output_octets: _Count = field(name="Acct-Output-Octets", default=None)
    output_gigawords: _Count = field(name="Acct-Output-Gigawords", default=None)
    class_text: str | None = field(name="Class", default=None)
    framed_ip: str | None = field(name="Framed-IP-Address", default=None)
    username: str | None = field(name="User-Name", default=None)
    cause: str | None = field(name="Acct-Terminate-Cause", default=None)


# The quick ways to make what is made for every packet.
_packet = tuple.__new__
_tell = msgspec.json.Decoder(_Told, strict=False).decode


class ClassParts(NamedTuple):
    """What the Class says that was minted at login."""

    subscription_id: int
    fup_tier: int
    decision_id: str
    in_garden: bool


def _escape_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    # A backslash that comes through both layers of escaping which `_clean` and the JSON parser take off.
    escaped = "".join(f"\\\\\\\\x{byte:02x}" for byte in error.object[error.start : error.end])
    return escaped, error.end


codecs.register_error("lintas_json", _escape_bytes)


def parse_line(raw: bytes) -> Record:
    """The record on a line; raises `Malformed`."""
    parts = raw.split(b" ", 2)
    if len(parts) != 3 or parts[2][:1] != b"{":
        raise Malformed("not_a_record")
    if b"\\" in parts[2]:
        return parse_with_care(raw)
    try:
        told = _tell(parts[2])
    except (ValueError, RecursionError):
        # Lists, odd types, bytes that are no text: nothing that the careful way does not read or name.
        return parse_with_care(raw)
    return _record_of(_received(parts[0]), parts[1].decode("ascii", "replace"), told, raw)


def parse_with_care(raw: bytes) -> Record:
    """`parse_line` for a line of which anything may be expected."""
    parts = raw.split(b" ", 2)
    attributes = _attributes(parts[2])
    told = _told(attributes)
    return _record_of(_received(parts[0]), parts[1].decode("ascii", "replace"), told, raw, attributes)


def _attributes(text: bytes) -> dict[str, Any]:
    try:
        attributes = orjson.loads(text)
    except orjson.JSONDecodeError:
        attributes = _loads_unclean(text)
    else:
        if b"\\\\" in text or b"\\u0000" in text:
            attributes = _clean(attributes)
    if type(attributes) is not dict:
        raise Malformed("not_a_record")
    return attributes


def salvage(raw: bytes) -> tuple[bytes, Record] | None:
    """A record at the end of a line whose beginning is a torn piece of another, with that piece.

    A crafted attribute cannot forge one: inside JSON its quotes are escaped, so what follows would not parse.
    """
    for match in _HEAD.finditer(raw, 1):
        try:
            return raw[: match.start()], parse_line(raw[match.start() :])
        except Malformed:
            continue
    return None


def _loads_unclean(text: bytes) -> Any:
    try:
        return _clean(json.loads(text.decode("utf-8", "lintas_json"), strict=False))
    except (ValueError, RecursionError):
        raise Malformed("not_json") from None


def _clean(value: Any) -> Any:
    """Values as the router sent them, apart from characters that PostgreSQL refuses."""
    if isinstance(value, str):
        value = _unescape(value) if "\\" in value else value
        return _REFUSED.sub(lambda match: f"\\x{ord(match[0]):02x}", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def _unescape(value: str) -> str:
    # FreeRADIUS 3.2.1 escapes a value for JSON and hands the result to a JSON encoder, which escapes it again.
    try:
        return str(orjson.loads(f'"{value}"'))
    except orjson.JSONDecodeError:
        return value


def _received(head: bytes) -> int:
    if len(head) == 17 and head[10] == 46 and (digits := head[:10] + head[11:]).isdigit():
        return int(digits)
    seconds, _, micros = head.partition(b".")
    if not (seconds.isdigit() and micros.isdigit() and len(seconds) == 10 and len(micros) <= 6):
        raise Malformed("bad_receive_time")
    # %M is a count of microseconds, so it is never read as a decimal fraction.
    return int(seconds) * SECOND_US + int(micros)


def _record_of(
    received_us: int, source: str, told: _Told, raw: bytes, attributes: dict[str, Any] | None = None
) -> Record:
    kind = KINDS.get(told.status)
    if kind is None:
        raise Malformed("unknown_status")
    sent_us = occurred_us = sent_at(received_us, told.delay_s) if told.delay_s else received_us
    stamp_us, is_skewed = None if told.stamp is None else _stamp(told.stamp), False
    if stamp_us is not None:
        occurred_us = occurred_at(sent_us, stamp_us, received_us)
        is_skewed = not -SKEWED_FROM_US < stamp_us - sent_us < SKEWED_FROM_US
    if kind is NAS_ON:
        return Record(received_us, sent_us, source, "", "", None, None, stamp_us, None, raw, attributes)
    if not told.session_id:
        raise Malformed("no_session_id")
    up_high, down_high, seconds = told.input_gigawords, told.output_gigawords, told.session_time_s
    packet = _packet(Packet, (
        kind,
        occurred_us,
        # A router that counts down past zero tells of 2^32-1 seconds; such a time says nothing.
        None if seconds is None or seconds > MAX_SESSION_S else seconds,
        _octets(told.input_octets, up_high) if up_high else told.input_octets,
        _octets(told.output_octets, down_high) if down_high else told.output_octets,
        up_high is not None or down_high is not None,
        told.cause and told.cause[:MAX_TEXT] if kind is STOP else None,
        is_skewed,
    ))  # fmt: skip
    class_text = told.class_text
    if class_text is None or not class_text.startswith(OURS_HEX) or len(class_text) > 2 * MAX_TEXT:
        class_text = ""
    return Record(
        received_us, sent_us, source, told.session_id[:MAX_TEXT], class_text,
        told.username and told.username[:MAX_TEXT], told.framed_ip and told.framed_ip[:MAX_TEXT], stamp_us, packet,
        raw, attributes,
    )  # fmt: skip


def _told(attributes: dict[str, Any]) -> _Told:
    """The same from attributes that may hold anything; raises `Malformed`."""
    get = attributes.get
    status = _first(get("Acct-Status-Type"))
    if type(status) is not str or status not in KINDS:
        raise Malformed("unknown_status")
    told = _Told(status, delay_s=_number(get("Acct-Delay-Time"), "Acct-Delay-Time"))
    stamp = _first(get("Event-Timestamp"))
    told.stamp = stamp if type(stamp) in (int, str) else None
    if KINDS[status] is NAS_ON:
        return told
    session_id = _first(get("Acct-Session-Id"))
    if type(session_id) is not str:
        raise Malformed("no_session_id")
    told.session_id = session_id
    told.session_time_s = _number(get("Acct-Session-Time"), "Acct-Session-Time")
    told.input_octets = _number(get("Acct-Input-Octets"), "octets")
    told.input_gigawords = _number(get("Acct-Input-Gigawords"), "Gigawords")
    told.output_octets = _number(get("Acct-Output-Octets"), "octets")
    told.output_gigawords = _number(get("Acct-Output-Gigawords"), "Gigawords")
    told.class_text = our_class(get("Class"))
    told.framed_ip = text(attributes, "Framed-IP-Address")
    told.username = text(attributes, "User-Name")
    told.cause = text(attributes, "Acct-Terminate-Cause")
    return told


def clock_skew_s(record: Record) -> int | None:
    """How many seconds the router's clock was ahead of ours when it sent the record (behind: negative)."""
    if record.stamp_us is None:
        return None
    skew_s = round((record.stamp_us - record.sent_us) / SECOND_US)
    return max(-MAX_SKEW_S, min(MAX_SKEW_S, skew_s))


def _first(value: Any) -> Any:
    return value[0] if type(value) is list and value else value


def _number(value: Any, name: str) -> int | None:
    try:
        number: int | None = msgspec.convert(_first(value), _Count, strict=False)
    except msgspec.ValidationError:
        raise Malformed(f"bad_number: {name}") from None
    return number


def _octets(low: int | None, high: int) -> int:
    if high > MAX_GIGAWORDS:
        raise Malformed("absurd_count: Gigawords")
    return (high << 32) + (low or 0)


def _stamp(value: int | str) -> int | None:
    seconds = _parse_date(value) if type(value) is str else int(value)
    return None if seconds is None else seconds * SECOND_US


@lru_cache(maxsize=4096)
def _parse_date(value: str) -> int | None:
    """Seconds since the epoch of `Nov 21 2026 00:45:12 UTC`; None for what cannot be told apart with certainty."""
    try:
        month, day, year, clock, zone = value.split()
        hour, minute, second = (int(part) for part in clock.split(":"))
        moment = (int(year), _MONTHS[month], int(day), hour, minute, second, 0, 0)
        if zone in ("UTC", "GMT"):
            return timegm(moment)
        # FreeRADIUS writes the machine's own zone, which this process shares.
        return int(time.mktime((*moment, time.tzname.index(zone))))
    except (ValueError, KeyError, OverflowError):
        return None


def our_class(value: Any) -> str:
    """The Class that was minted at login, among those that the router sent back; empty without one."""
    for item in value if type(value) is list else (value,):
        if type(item) is str and item.startswith(OURS_HEX) and len(item) <= 2 * MAX_TEXT:
            return item
    return ""


@lru_cache(maxsize=8192)
def class_parts(class_text: str) -> ClassParts | None:
    """What our Class says, or None when somebody made one up."""
    try:
        _, subscription_id, tier, decision_id = bytes.fromhex(class_text[2:]).decode("ascii").split(":")
        in_garden = tier.startswith(GARDEN_MARK)
        parts = ClassParts(int(subscription_id), int(tier.removeprefix(GARDEN_MARK)), decision_id, in_garden)
    except ValueError:
        return None
    is_sane = 0 < parts.subscription_id < 1 << 62 and 0 <= parts.fup_tier < 1 << 31 and len(decision_id) <= 32
    return parts if is_sane and decision_id.isalnum() else None


def readable_class(attributes: dict[str, Any]) -> str | None:
    """Class as it is stored: ours as the text it was minted as, another's as it was printed."""
    ours = our_class(attributes.get("Class"))
    if ours and class_parts(ours) is not None:
        return bytes.fromhex(ours[2:]).decode("ascii")
    return text(attributes, "Class")


def text(attributes: dict[str, Any], name: str) -> str | None:
    """An attribute as text of bounded length; the first of several."""
    value = _first(attributes.get(name))
    return None if value is None else str(value)[:MAX_TEXT]


@lru_cache(maxsize=65536)
def address(value: str) -> str | None:
    """An address or prefix that PostgreSQL's inet takes, or None."""
    if "%" in value:
        return None
    try:
        return str(ip_interface(value)) if "/" in value else str(ip_address(value))
    except ValueError:
        return None


def address_of(attributes: dict[str, Any], name: str) -> str | None:
    """An attribute as an address that PostgreSQL takes, or None."""
    value = text(attributes, name)
    return None if value is None else address(value)
