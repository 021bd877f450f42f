"""Fields that read what people write (10M, 1.5 GB, 30 minutes) and show it again as they wrote it."""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional, ValidationError

from webadmin import format as spell

NONE = ""


# What the form library says of a value, in our words; the numbers are put in by the library.
_LIBRARY = {
    "Not a valid choice.": _l("Choose one from the list."),
    "This field is required.": _l("Fill this in."),
    "Field cannot be longer than %(max)d character.": _l("Write at most %(max)d characters."),
    "Field cannot be longer than %(max)d characters.": _l("Write at most %(max)d characters."),
    "Not a valid date value.": _l("Choose a day."),
    "Not a valid datetime value.": _l("Choose a day and a time."),
}


class _Library:
    """The form library's sentences in the reader's language."""

    def gettext(self, text: str) -> str:
        return str(_LIBRARY.get(text, text))

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self.gettext(one if number == 1 else many)


class Form(FlaskForm):
    """A form of the panel; empty text means nothing was given."""

    class Meta(FlaskForm.Meta):
        """What the library is told about every form."""

        def get_translations(self, form: FlaskForm) -> _Library:
            return _Library()

    def given(self, *names: str) -> dict[str, Any]:
        """The values of the named fields; blank text becomes None."""
        return {name: _blank_as_none(self[name].data) for name in names}


def _blank_as_none(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value


class TypedField(StringField):
    """Text that stands for a number; what cannot be read stays in the box with a hint how to write it."""

    wrong: LazyString
    data: Any

    def read(self, text: str) -> Any:
        """The value of non-empty text, None when it cannot be read."""
        raise NotImplementedError

    def spell(self, value: Any) -> str:
        """The value as people write it."""
        raise NotImplementedError

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = self.read(text) if text else None
        if text and self.data is None:
            raise ValueError(str(self.wrong))

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.spell(self.data)


class SpeedField(TypedField):
    """A speed in kbit/s, written `10M`, `512k` or `0`."""

    wrong = _l("Write a speed like 10M or 512k; 0 means no limit.")

    def read(self, text: str) -> int | None:
        return spell.parse_speed(text)

    def spell(self, value: int) -> str:
        return spell.speed_field(value)


class GigabytesField(TypedField):
    """A volume in bytes, written in gigabytes."""

    wrong = _l("Write a number of gigabytes, such as 100 or 1.5.")

    def read(self, text: str) -> int | None:
        return spell.parse_gigabytes(text)

    def spell(self, value: int) -> str:
        return spell.gigabytes_field(value)


class MinutesField(TypedField):
    """A time in seconds, written in minutes."""

    wrong = _l("Write a number of minutes, such as 30.")

    def read(self, text: str) -> int | None:
        amount = _decimal(text)
        return None if amount is None else int(amount * 60)

    def spell(self, value: int) -> str:
        return f"{Decimal(value) / 60:f}" if value % 60 else str(value // 60)


class HoursField(TypedField):
    """A time in seconds, written in hours."""

    wrong = _l("Write a number of hours, such as 24 or 1.5.")

    def read(self, text: str) -> int | None:
        amount = _decimal(text)
        return None if amount is None else int(amount * 3600)

    def spell(self, value: int) -> str:
        return f"{(Decimal(value) / 3600).normalize():f}"


class AmountField(TypedField):
    """An amount of money; thousands may be separated in the Indonesian or the English way."""

    wrong = _l("Write an amount such as 150000.")

    def read(self, text: str) -> Decimal | None:
        digits = text.replace(" ", "")
        # `150.000` and `1.500.000` are how rupiah are written; one or two digits after the last sign are cents.
        for sign in (".", ","):
            head, found, tail = digits.rpartition(sign)
            if found and (len(tail) == 3 or sign in head):
                digits = digits.replace(sign, "")
        return _decimal(digits)

    def spell(self, value: Decimal) -> str:
        return f"{Decimal(value):f}".removesuffix(".00")


class DegreesField(TypedField):
    """A coordinate in degrees."""

    wrong = _l("Write degrees such as -6.2088.")

    def read(self, text: str) -> Decimal | None:
        return _decimal(text)

    def spell(self, value: Decimal) -> str:
        return f"{Decimal(value).normalize():f}"


class WholeField(TypedField):
    """A whole number."""

    wrong = _l("Write a whole number.")

    def read(self, text: str) -> int | None:
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None

    def spell(self, value: int) -> str:
        return str(value)


def _decimal(text: str) -> Decimal | None:
    try:
        amount = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def id_or_none(value: Any) -> int | None:
    """A row id from a list, None for its empty first line."""
    return int(value) if value not in (None, NONE, "None") else None


class IdField(SelectField):
    """A row chosen from a list that the view fills; `empty` is the line for none."""

    def __init__(self, *arguments: Any, empty: Any = None, **keywords: Any) -> None:
        super().__init__(*arguments, coerce=id_or_none, choices=[], **keywords)
        self.empty = empty

    def offer(self, rows: Iterable[tuple[int, str]]) -> None:
        """Fill the list."""
        first = [SelectChoice(value=NONE, label=str(self.empty))] if self.empty is not None else []
        self.choices = first + [SelectChoice(value=str(number), label=label) for number, label in rows]

    def pre_validate(self, _form: Any) -> None:
        if not any(choice.selected for choice in self.iter_choices()):
            raise ValidationError(gettext("Choose one from the list."))


def words_field(label: Any, choices: Iterable[tuple[str, Any]], **keywords: Any) -> SelectField:
    """A list of fixed words: code and label."""
    return SelectField(label, choices=[SelectChoice(value=value, label=text) for value, text in choices], **keywords)


def optional() -> Optional:
    """Leave the field out and nothing is given."""
    return Optional(strip_whitespace=True)


class MetadataField(TextAreaField):
    """Names with values, one a line. What reads as a number, true or false is one; other text is text as it stands.

    Whatever a program put there, lists too, is shown as JSON and comes back as it was.
    """

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        lines = [line.strip() for line in (valuelist[0] if valuelist else "").splitlines()]
        pairs = [line.partition(":") for line in lines if line]
        self.data = {name.strip(): _json_or_text(value.strip()) for name, _, value in pairs}
        if any(not name.strip() or not sign for name, sign, _ in pairs):
            raise ValueError(str(_l("Write one a line: a name, a colon, and what it says.")))

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(f"{name}: {_text_of(value)}" for name, value in (self.data or {}).items())

    @property
    def was_sent(self) -> bool:
        """Whether the form had it at all: what is left out stays as it is."""
        return bool(self.raw_data)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _text_of(value: Any) -> str:
    if isinstance(value, str) and value == value.strip() and value.isprintable() and _json_or_text(value) == value:
        return value
    return json.dumps(value)
