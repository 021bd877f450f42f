"""Cleaning what people type: names, addresses, phones, usernames, passwords. Each returns the clean value or raises.

`field` is the caller's name for the value, so that the message stands beside the right box.
"""

import json
import re
import secrets
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel.numbers import list_currencies
from email_validator import EmailNotValidError, validate_email

from bss.failure import Invalid, Problem
from domain.attributes import MAX_TEXT_BYTES, is_sendable
from domain.codes import READABLE
from domain.mac import normalise_mac
from domain.speed import MAX_KBPS

USERNAME_MAX_BYTES = 253
# RFC 2865 section 5.2: User-Password carries at most 128 octets.
PASSWORD_MAX_BYTES = 128
PASSWORD_MIN_CHARACTERS = 8
MAX_METADATA_BYTES = 10_000
MONEY_MAX = Decimal("999999999999.99")


def text(value: object, *, field: str, longest: int, required: bool = False, lines: bool = False) -> str:
    """Trimmed text without control characters; `lines` allows line breaks and tabs."""
    if not isinstance(value, str):
        raise Invalid(Problem(field=field, reason="must be text"))
    clean = value.strip()
    if required and not clean:
        raise Invalid(Problem(field=field, reason="is missing", mend="fill it in"))
    if len(clean) > longest:
        raise Invalid(Problem(field=field, reason=f"is longer than {longest} characters", mend="shorten it"))
    allowed = "\n\r\t" if lines else ""
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in allowed for character in clean):
        raise Invalid(Problem(field=field, reason="contains a control character", mend="type it again by hand"))
    return clean


def optional_text(value: object, *, field: str, longest: int, lines: bool = False) -> str | None:
    """The same, with empty text as None."""
    return None if value is None else text(value, field=field, longest=longest, lines=lines) or None


def router_name(value: object, *, field: str) -> str | None:
    """The name of a pool or list on the router, as an attribute can carry it; empty means none."""
    name = optional_text(value, field=field, longest=100)
    if name is None or is_sendable(name):
        return name
    if name.isprintable():
        raise Invalid(Problem(field=field, reason=f"is longer than {MAX_TEXT_BYTES} bytes", mend="shorten it"))
    raise Invalid(Problem(field=field, reason="contains an invisible character", mend="type it again by hand"))


def one_of(value: object, *, field: str, allowed: tuple[str, ...]) -> str:
    """One of the words allowed."""
    if value not in allowed:
        raise Invalid(Problem(field=field, reason="is not one of the choices", mend=f"use {', '.join(allowed)}"))
    return str(value)


def whole(value: object, *, field: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Invalid(Problem(field=field, reason="is out of range", mend=f"use a whole number from {least} to {most}"))
    return value


def optional_whole(value: object, *, field: str, least: int, most: int) -> int | None:
    """The same, or None."""
    return None if value is None else whole(value, field=field, least=least, most=most)


def money(value: object, *, field: str) -> Decimal:
    """An amount of at least zero with at most two decimals."""
    try:
        amount = Decimal(str(value)) if isinstance(value, Decimal | int | str) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= MONEY_MAX or amount != round(amount, 2):
        raise Invalid(Problem(field=field, reason="is not an amount", mend="use a number like 150000.00, not below 0"))
    return round(amount, 2)


def moment(value: object, *, field: str) -> datetime:
    """An aware instant, in UTC."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Invalid(Problem(field=field, reason="is not a time with a time zone", mend="use 2026-11-30T17:00:00Z"))
    return value.astimezone(UTC)


def currency(value: object, *, field: str = "currency") -> str:
    """A currency by its three letters."""
    code = str(value).strip().upper()
    if code not in list_currencies():
        raise Invalid(Problem(field=field, reason="is no currency", mend="write three letters, like IDR"))
    return code


def timezone(value: object, *, field: str = "timezone") -> str:
    """A time zone by its name, such as Asia/Jakarta."""
    name = str(value).strip()
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(Problem(field=field, reason="is not a time zone", mend="write it like Asia/Jakarta")) from None
    return name


def metadata(value: object, *, field: str = "metadata") -> dict[str, Any]:
    """Names with values of any kind, for whatever a provider wants to keep besides; nothing here reads them."""
    if value is None:
        return {}
    if not isinstance(value, dict) or any(not isinstance(key, str) for key in value):
        raise Invalid(Problem(field=field, reason="must be names with values"))
    try:
        written = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(written.encode())
    except (TypeError, ValueError, RecursionError):
        mend = "use texts, numbers, true and false"
        raise Invalid(Problem(field=field, reason="cannot be kept", mend=mend)) from None
    if "\\u0000" in written:
        raise Invalid(Problem(field=field, reason="cannot be kept", mend="leave the null character out"))
    if size > MAX_METADATA_BYTES:
        raise Invalid(Problem(field=field, reason=f"is longer than {MAX_METADATA_BYTES} bytes", mend="keep less in it"))
    return value


def email(value: object, *, field: str = "email") -> str | None:
    """An address as typed, checked for its form only; empty means none."""
    typed = optional_text(value, field=field, longest=254)
    if typed is None:
        return None
    try:
        return validate_email(typed, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise Invalid(Problem(field=field, reason="is not an e-mail address", mend=str(error))) from None


def phone(value: object, *, country_code: str, field: str = "phone") -> str | None:
    """A number in international form (`+628123456789`); one without a country belongs to the tenant's country.

    People also write the country without a sign before it (`628123456789`).
    """
    typed = optional_text(value, field=field, longest=40)
    if typed is None:
        return None
    spelled = re.sub(r"^\s*00", "+", typed)
    with_sign = [f"+{spelled}"] if spelled.startswith(country_code) else []
    for one in (*with_sign, spelled):
        number = _number(one, country_code)
        if number is not None:
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    raise Invalid(Problem(field=field, reason="is not a phone number", mend="write it like +628123456789"))


def _number(text: str, country_code: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, phonenumbers.region_code_for_country_code(int(country_code)))
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def username(value: object, *, connection_type: str, field: str = "username") -> str:
    """The name exactly as the device will send it.

    DHCP and wireless know a device by its MAC; a hotspot knows people and devices, so a MAC in six groups is one.
    """
    if not isinstance(value, str) or not value.strip():
        raise Invalid(Problem(field=field, reason="is missing", mend="fill it in"))
    name = value.strip()
    if any(unicodedata.category(character).startswith("C") for character in name):
        raise Invalid(Problem(field=field, reason="contains an invisible character", mend="type it again by hand"))
    if len(name.encode()) > USERNAME_MAX_BYTES:
        raise Invalid(Problem(field=field, reason=f"is longer than {USERNAME_MAX_BYTES} bytes", mend="shorten it"))
    if connection_type in ("dhcp", "wireless"):
        return mac(name, field=field)
    # Twelve digits may be a phone number; six groups are only ever a device.
    is_device = connection_type == "hotspot" and 5 in (name.count(":"), name.count("-"))
    return (normalise_mac(name) or name) if is_device else name


def password(value: object, *, field: str = "password") -> str:
    """A service password as given; spaces at its ends are kept, because the device sends them too."""
    if not isinstance(value, str) or len(value) < PASSWORD_MIN_CHARACTERS:
        raise Invalid(
            Problem(
                field=field,
                reason=f"has fewer than {PASSWORD_MIN_CHARACTERS} characters",
                mend="lengthen it, or leave it empty and one is made",
            )
        )
    if any(unicodedata.category(character).startswith("C") for character in value):
        raise Invalid(Problem(field=field, reason="contains an invisible character", mend="type it again by hand"))
    if len(value.encode()) > PASSWORD_MAX_BYTES:
        raise Invalid(Problem(field=field, reason=f"is longer than {PASSWORD_MAX_BYTES} bytes", mend="shorten it"))
    return value


def new_password(*, groups: int = 4) -> str:
    """A made-up password that can be read out: groups of four, about 20 bits each."""
    return "-".join("".join(secrets.choice(READABLE) for _ in range(4)) for _ in range(groups))


def mac(value: object, *, field: str = "mac") -> str:
    """A MAC address in any spelling, as `AA:BB:CC:DD:EE:FF`."""
    normal = normalise_mac(value) if isinstance(value, str) and value.isascii() else None
    if normal is None:
        raise Invalid(Problem(field=field, reason="is not a MAC address", mend="write it like AA:BB:CC:DD:EE:FF"))
    return normal


def customer_address(value: object, *, field: str = "assigned_ip") -> str | None:
    """An IPv4 address a customer's device can be given; empty means none."""
    typed = optional_text(value, field=field, longest=45)
    if typed is None:
        return None
    try:
        address = ip_address(typed)
    except ValueError:
        address = None
    usable = address is not None and address.version == 4 and not address.is_multicast and not address.is_reserved
    if address is None or not usable or address.is_unspecified or address.is_loopback:
        raise Invalid(Problem(field=field, reason="is not a usable IPv4 address", mend="write it like 10.20.0.15"))
    return str(address)


def host_address(value: object, *, field: str = "host") -> str:
    """The address a router sends from: one host, IPv4 or IPv6."""
    typed = text(value, field=field, longest=45, required=True)
    try:
        address = ip_address(typed)
    except ValueError:
        address = None
    if address is None or address.is_multicast or address.is_unspecified:
        raise Invalid(Problem(field=field, reason="is not the address of a host", mend="write it like 192.0.2.10"))
    return str(address)


def speed_pair(download: object, upload: object, *, prefix: str = "") -> tuple[int, int]:
    """Download and upload in kbit/s: both above zero, or both zero for unlimited."""
    down = whole(download, field=f"{prefix}download_kbps", least=0, most=MAX_KBPS)
    up = whole(upload, field=f"{prefix}upload_kbps", least=0, most=MAX_KBPS)
    if (down == 0) != (up == 0):
        field = f"{prefix}download_kbps" if down == 0 else f"{prefix}upload_kbps"
        raise Invalid(Problem(field=field, reason="is zero while the other side is not", mend="set both, or both to 0"))
    return down, up
