"""Rows of RADIUS attributes: a name, an operator and a value, as many as somebody adds."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import FieldList, FormField, HiddenField, StringField
from wtforms import Form as PlainForm

from domain.checks import OPERATORS
from webadmin.forms.fields import Form, words_field

MAX_ROWS = 50
_NAME = {"list": "reply-names", "autocomplete": "off", "spellcheck": "false"}
_VALUE = {"autocomplete": "off", "spellcheck": "false"}
REPLY_WORDS = (
    (":=", _l(":=  instead of what is sent otherwise")),
    ("+=", _l("+=  one more")),
    ("=", _l("=  only if nothing is sent")),
)


class ReplyRow(PlainForm):
    """One attribute of a reply."""

    attribute = StringField(_l("Attribute"), render_kw=_NAME)
    op = words_field(_l("How"), REPLY_WORDS)
    value = StringField(_l("Value"), render_kw=_VALUE)


class CheckRow(PlainForm):
    """One condition on a login."""

    attribute = StringField(_l("The router says"), render_kw=_NAME | {"list": "check-names"})
    op = words_field(_l("How"), [(op, op) for op in OPERATORS])
    value = StringField(_l("Value"), render_kw=_VALUE)


class AttributesForm(Form):
    """All rows of a subscription's own."""

    replies = FieldList(FormField(ReplyRow), max_entries=MAX_ROWS)
    checks = FieldList(FormField(CheckRow), max_entries=MAX_ROWS)
    # A form whose last row was taken away sends no row at all: this tells it from a first visit.
    seen = HiddenField(default="1")


def rows_of(rows: FieldList) -> list[dict[str, Any]]:
    """What was typed, as the use-cases take it. The value stays as it is, spaces at its ends included."""
    return [{name: field.data or "" for name, field in entry.form._fields.items()} for entry in rows]


def edits_rows(rows: FieldList, sent: Any) -> bool:
    """Add or take away a row when one of the list's own buttons sent the form, leaving all that was typed."""
    if f"add_{rows.name}" in sent:
        if len(rows) < MAX_ROWS:
            rows.append_entry()
        return True
    position = sent.get(f"remove_{rows.name}", type=int)
    if position is None:
        return False
    kept = [row for place, row in enumerate(rows_of(rows)) if place != position]
    while len(rows):
        rows.pop_entry()
    for row in kept:
        rows.append_entry(row)
    return True
