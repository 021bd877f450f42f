"""What the fields of a customer may hold: each typed value cleaned, or refused with its name beside it."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from bss import fields
from bss.failure import Invalid, Problem
from db.models import Customer
from domain.customer_record import CUSTOMER_TYPES, DEFAULT_COUNTRY, GENDERS, is_on_the_map

LANGUAGES = ("id", "en")
_FIRST_BIRTH = date(1900, 1, 1)
# Short texts with their lengths, and texts of several lines.
_TEXTS = MappingProxyType(
    {
        "city": 100,
        "province": 100,
        "postal_code": 10,
        "apartment_number": 50,
        "house_number": 50,
        "company_name": 255,
        "tax_id": 50,
        "id_card_number": 50,
    }
)
_LINES = MappingProxyType({"address": 1000, "location": 1000})
CONTACTS = ("email", "phone", "whatsapp")
EDITABLE = frozenset(
    {"name", "customer_type", "language", "notes", "credit_limit", "country", "birth_date", "gender", "metadata"}
    | {"latitude", "longitude", *CONTACTS, *_TEXTS, *_LINES}
)
# What a form or a file calls a field, where the column is called otherwise.
COLUMNS = MappingProxyType({"metadata": "details"})

TAKEN = MappingProxyType(
    {
        f"uq_customers_{field}": Problem(
            field=field, reason="belongs to another customer", mend="search for it, or leave it empty here"
        )
        for field in CONTACTS
    }
)


def clean(given: Mapping[str, Any], *, country_code: str, today: date) -> dict[str, Any]:
    """The given fields as columns; raises `Invalid` with every problem there is."""
    problems: list[Problem] = []
    columns: dict[str, Any] = {}
    for name, value in given.items():
        try:
            columns[COLUMNS.get(name, name)] = _cleaner(name, country_code, today)(value)
        except Invalid as refusal:
            problems += refusal.problems
    if problems:
        raise Invalid(problems)
    return columns


def check_place(columns: Mapping[str, Any], customer: Customer | None = None) -> None:
    """Raise `Invalid` when the customer would have one coordinate without the other."""
    pair = [columns[name] if name in columns else getattr(customer, name, None) for name in ("latitude", "longitude")]
    if not is_on_the_map(pair[0], pair[1]):
        missing = "latitude" if pair[0] is None else "longitude"
        raise Invalid(Problem(field=missing, reason="is missing", mend="give both, or neither"))


def _cleaner(name: str, country_code: str, today: date) -> Callable[[Any], Any]:
    special: dict[str, Callable[[Any], Any]] = {
        "name": lambda value: fields.text(value, field="name", longest=255, required=True),
        "email": lambda value: fields.email(value, field="email"),
        "phone": lambda value: fields.phone(value, country_code=country_code, field="phone"),
        "whatsapp": lambda value: fields.phone(value, country_code=country_code, field="whatsapp"),
        "country": lambda value: fields.text(value or DEFAULT_COUNTRY, field="country", longest=100, required=True),
        "customer_type": lambda value: fields.one_of(value, field="customer_type", allowed=CUSTOMER_TYPES),
        "gender": lambda value: None if value is None else fields.one_of(value, field="gender", allowed=GENDERS),
        "language": lambda value: fields.one_of(value, field="language", allowed=LANGUAGES),
        "notes": lambda value: fields.text(value, field="notes", longest=10_000, lines=True),
        "credit_limit": lambda value: None if value is None else fields.money(value, field="credit_limit"),
        "latitude": lambda value: _degrees(value, field="latitude", most=90),
        "longitude": lambda value: _degrees(value, field="longitude", most=180),
        "birth_date": lambda value: _birth_date(value, today),
        "metadata": fields.metadata,
    }
    if name in special:
        return special[name]
    longest, lines = (_TEXTS[name], False) if name in _TEXTS else (_LINES[name], True)
    return lambda value: fields.optional_text(value, field=name, longest=longest, lines=lines)


def _degrees(value: object, *, field: str, most: int) -> Decimal | None:
    if value is None:
        return None
    try:
        degrees = Decimal(str(value)) if isinstance(value, Decimal | int | float | str) else Decimal("NaN")
    except InvalidOperation:
        degrees = Decimal("NaN")
    if not degrees.is_finite() or abs(degrees) > most:
        mend = f"use degrees from -{most} to {most}, like {'-6.2088' if most == 90 else '106.8456'}"
        raise Invalid(Problem(field=field, reason="is not a place on the map", mend=mend))
    return round(degrees, 8)


def _birth_date(value: object, today: date) -> date | None:
    if value is None:
        return None
    if not isinstance(value, date) or not _FIRST_BIRTH <= value <= today:
        mend = f"use a day from {_FIRST_BIRTH} to today"
        raise Invalid(Problem(field="birth_date", reason="is not a birth date", mend=mend))
    return value
