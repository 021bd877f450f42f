"""Reading what comes from outside: JSON that has one meaning, and fields of exactly the documented form.

Two readers that take the same bytes for different things are how forged messages get through. So a key that is there
twice, a number that is none, text in other digits and anything too long or too deep is refused, not repaired.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_WEBHOOK_BYTES = 64 * 1024
MAX_DEPTH = 12
_MAX_DIGITS = 30
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?", re.ASCII)


class Malformed(ValueError):
    """What was read has not the one form it must have; `str()` is one word."""


def read_json(raw: bytes, *, longest: int) -> dict[str, Any]:
    """The object in these bytes, numbers with a point exact; raises `Malformed`."""
    if len(raw) > longest:
        raise Malformed("too_long")
    try:
        data = json.loads(
            raw.decode("utf-8", errors="strict"),
            object_pairs_hook=_once,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except Malformed:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Malformed("not_json") from None
    if not isinstance(data, dict) or _depth(data) > MAX_DEPTH:
        raise Malformed("not_an_object")
    return data


def text(data: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    """A field that is there, is text, and has this form from end to end."""
    value = data.get(name)
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise Malformed(f"field_{name}")
    return value


def optional_text(data: Mapping[str, Any], name: str, *, longest: int = 200) -> str:
    """A field for people to read, cut to a bound; empty when it is not there or no text."""
    value = data.get(name)
    return value[:longest] if isinstance(value, str) and value.isprintable() else ""


def part(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that is an object."""
    value = data.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"field_{name}")
    return value


def amount(value: object) -> Decimal:
    """An amount above or equal to zero with at most two digits behind the point, from text or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Malformed("amount")
    plain = format(value, "f") if isinstance(value, Decimal) else str(value)
    if "." in plain and not isinstance(value, str):
        plain = plain.rstrip("0").rstrip(".")
    if _AMOUNT.fullmatch(plain) is None:
        raise Malformed("amount")
    return Decimal(plain)


def moment(value: object, *, zone: timezone = UTC) -> datetime | None:
    """A moment as gateways write it; one without an offset is in `zone`. None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11:
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)


def hours_east(hours: int) -> timezone:
    """The zone in which a gateway writes its local times."""
    return timezone(timedelta(hours=hours))


def same(ours: str, theirs: str) -> bool:
    """Whether two texts are one, in a time that does not say where they differ."""
    return hmac.compare_digest(ours.encode(), theirs.encode(errors="surrogatepass"))


def digest(raw: bytes) -> str:
    """What tells a message from every other."""
    return hashlib.sha256(raw).hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("duplicate_key")
    return found


def _decimal(written: str) -> Decimal:
    try:
        return Decimal(written) if len(written) <= _MAX_DIGITS and "e" not in written.lower() else _no_constant(written)
    except InvalidOperation:
        raise Malformed("number") from None


def _integer(written: str) -> int:
    return int(written) if len(written) <= _MAX_DIGITS else _no_constant(written)


def _no_constant(_written: str) -> Any:
    raise Malformed("number")


def _depth(value: object, level: int = 1) -> int:
    if level > MAX_DEPTH + 1:
        return level
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(item, level + 1) for item in inner), default=level)
