"""What single values look like: ids, texts, money, speeds, times. Strict: a word is no number and no truth value."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from domain.quota import time_words, used_words
from domain.speed import MAX_KBPS, speed_words
from webadmin.api.base import MAX_ID

INT32 = 2**31 - 1
# Between these every span can be added and taken away; no customer and no bill is from beyond them.
FIRST_MOMENT, LAST_MOMENT = datetime(1900, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def whole(*, least: int = 0, most: int = INT32, example: int | None = None, **more: Any) -> fields.Integer:
    """A JSON integer within bounds."""
    metadata = {} if example is None else {"example": example}
    return fields.Integer(strict=True, validate=validate.Range(least, most), metadata=metadata, **more)


def row_id(**more: Any) -> fields.Integer:
    """The id of a row."""
    return whole(least=1, most=MAX_ID, example=1, **more)


def text(longest: int, *, example: str | None = None, **more: Any) -> fields.String:
    """Text up to a length."""
    metadata = {} if example is None else {"example": example}
    return fields.String(validate=validate.Length(max=longest), metadata=metadata, **more)


def word(allowed: tuple[str, ...], **more: Any) -> fields.String:
    """One of a few words."""
    return fields.String(validate=validate.OneOf(allowed), **more)


class Money(fields.String):
    """A decimal string. A JSON number is refused: it has passed through a float in half of all clients."""

    PATTERN = r"^\d{1,12}(\.\d{1,2})?$"

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{Decimal(value):.2f}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(text, str) or not re.fullmatch(self.PATTERN, text, re.ASCII):
            raise ValidationError('Not an amount: write it as text, like "150000.00".')
        return Decimal(text)


def amount(**more: Any) -> Money:
    """Money, at least zero."""
    return Money(metadata={"example": "150000.00", "pattern": Money.PATTERN}, **more)


def total(**more: Any) -> Money:
    """A sum of many amounts, which has more digits than any of them may have."""
    return Money(metadata={"example": "82750000.00", "pattern": r"^\d{1,20}\.\d{2}$"}, dump_only=True, **more)


def duration_text(seconds: str = "seconds") -> fields.Function:
    """How long in words, from an attribute in seconds."""
    return fields.Function(
        lambda row: time_words(int(getattr(row, seconds))), metadata={"type": "string", "example": "4h 30m"}
    )


def data_used_text(*counted: str) -> fields.Function:
    """How much in words, from attributes in bytes together."""
    return fields.Function(
        lambda row: used_words(int(sum(getattr(row, name) for name in counted))),
        metadata={"type": "string", "example": "6.29 GB"},
    )


def speed_text() -> fields.Function:
    """Download and upload in words, from `download_kbps` and `upload_kbps`."""
    return fields.Function(
        lambda row: speed_words(row.download_kbps, row.upload_kbps),
        metadata={"type": "string", "example": "20Mbps/10Mbps", "description": "download/upload"},
    )


def when(**more: Any) -> fields.AwareDateTime:
    """An instant, ISO 8601 with its offset; answered in UTC."""
    metadata = {"example": "2026-11-30T17:00:00+00:00"} | more.pop("metadata", {})
    within = validate.Range(FIRST_MOMENT, LAST_MOMENT, error="Must lie between the years 1900 and 2999.")
    return fields.AwareDateTime(format="iso", metadata=metadata, validate=within, **more)


def kbps(**more: Any) -> fields.Integer:
    """A speed in kbit/s."""
    return whole(most=MAX_KBPS, example=20_000, **more)


def boolean(**more: Any) -> fields.Boolean:
    """true or false, not a word that looks like it."""
    return fields.Boolean(truthy={True}, falsy={False}, **more)


def id_argument() -> fields.Integer:
    """An id in the address, where every value is text."""
    return fields.Integer(validate=validate.Range(1, MAX_ID))


def search_argument() -> fields.String:
    """The `search` filter of a list."""
    return fields.String(validate=validate.Length(1, 100))


class Stub(Schema):
    """A relative by id and name."""

    id = fields.Integer()
    name = fields.String()


class NasStub(Stub):
    """The router of a subscription."""

    name = fields.String(metadata={"example": "RB-Cempaka"})
    host = fields.String(metadata={"example": "192.0.2.10"})


class PlanStub(Schema):
    """The plan of a subscription."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Rumah 20"})
    download_kbps = fields.Integer(metadata={"example": 20_000})
    upload_kbps = fields.Integer(metadata={"example": 10_000})
    display_speed = speed_text()
