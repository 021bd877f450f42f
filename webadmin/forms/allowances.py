"""Hours, allowances, top-ups and families as people fill them in."""

from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, FieldList, FormField, HiddenField, StringField
from wtforms import Form as PlainForm
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from bss import hours, quotas
from db.models import AllowanceQuota, PlanTimeWindow
from domain.fup import COUNTS
from webadmin.forms.account import BoxesField
from webadmin.forms.fields import Form, GigabytesField, SpeedField, TypedField, optional, words_field
from webadmin.panel.words import choice_words

MAX_WINDOWS, MAX_QUOTAS = hours.MAX_WINDOWS, quotas.MAX_QUOTAS
WEEKDAYS = {
    "mon": _l("Mon"),
    "tue": _l("Tue"),
    "wed": _l("Wed"),
    "thu": _l("Thu"),
    "fri": _l("Fri"),
    "sat": _l("Sat"),
    "sun": _l("Sun"),
}
KINDS = {"data": _l("Volume"), "time": _l("Time online")}
PERIODS = {
    "daily": _l("each day"),
    "weekly": _l("each week"),
    "monthly": _l("each calendar month"),
    "billing_cycle": _l("each billing month"),
    "total": _l("once, never again"),
}
ACTIONS = {
    "reject": _l("nobody is let in"),
    "garden": _l("the walled garden, where there is one"),
    "throttle": _l("a lower speed"),
}


class HoursField(TypedField):
    """A time in seconds, written in hours."""

    wrong = _l("Write a number of hours, such as 2 or 1.5.")

    def read(self, text: str) -> int | None:
        try:
            amount = Decimal(text.replace(",", "."))
        except InvalidOperation:
            return None
        return int(amount * 3600) if amount.is_finite() else None

    def spell(self, value: int) -> str:
        return f"{Decimal(value) / 3600:.4f}".rstrip("0").rstrip(".")


class WindowRow(PlainForm):
    """Hours of some weekdays."""

    weekdays = BoxesField(_l("Days"), choices=[SelectChoice(value=day, label=text) for day, text in WEEKDAYS.items()])
    start = StringField(_l("From"), render_kw={"type": "time"})
    end = StringField(_l("To"), render_kw={"placeholder": "24:00"})
    download_kbps = SpeedField(_l("Download then"), validators=[optional()])
    upload_kbps = SpeedField(_l("Upload then"), validators=[optional()])

    def process(self, formdata: Any = None, obj: Any = None, data: Any = None, **more: Any) -> None:
        """A stored row is shown as it is written."""
        if isinstance(obj, PlanTimeWindow):
            obj, data = None, hours.as_given([obj])[0]
        super().process(formdata, obj, data, **more)


class QuotaRow(PlainForm):
    """One allowance."""

    kind = words_field(_l("What"), KINDS.items())
    limit_bytes = GigabytesField(_l("How much (GB)"), validators=[optional()])
    limit_s = HoursField(_l("How much (hours)"), validators=[optional()])
    period = words_field(_l("How often"), PERIODS.items(), default="billing_cycle")
    counts = words_field(_l("Counts"), [(code, choice_words(code)) for code in COUNTS])
    action = words_field(_l("Then"), ACTIONS.items())
    throttle_download_kbps = SpeedField(_l("Download then"), validators=[optional()])
    throttle_upload_kbps = SpeedField(_l("Upload then"), validators=[optional()])

    def process(self, formdata: Any = None, obj: Any = None, data: Any = None, **more: Any) -> None:
        """A stored row is shown as it is written."""
        if isinstance(obj, AllowanceQuota):
            obj, data = None, quotas.as_given([obj])[0]
        super().process(formdata, obj, data, **more)


def window_list() -> FieldList:
    """The hours of a plan."""
    return FieldList(FormField(WindowRow), max_entries=MAX_WINDOWS)


def quota_list() -> FieldList:
    """The allowances of a plan, a subscription or a family."""
    return FieldList(FormField(QuotaRow), max_entries=MAX_QUOTAS)


def windows_of(rows: FieldList) -> list[dict[str, Any]]:
    """What was typed, as the use-case takes it."""
    return [{name: field.data for name, field in entry.form._fields.items()} for entry in rows]


def quotas_of(rows: FieldList) -> list[dict[str, Any]]:
    """What was typed, without what belongs to choices that were not made."""
    return [_quota(entry.form.data) for entry in rows]


def _quota(typed: dict[str, Any]) -> dict[str, Any]:
    unused = {"limit_s"} if typed["kind"] == "data" else {"limit_bytes", "counts"}
    if typed["action"] != "throttle":
        unused |= {"throttle_download_kbps", "throttle_upload_kbps"}
    return {name: value for name, value in typed.items() if name not in unused}


def edits_list(rows: FieldList, sent: Any, *, most: int) -> bool:
    """Add or take away a row when one of the list's own buttons sent the form, leaving all that was typed."""
    if f"add_{rows.name}" in sent:
        if len(rows) < most:
            rows.append_entry()
        return True
    position = sent.get(f"remove_{rows.name}", type=int)
    if position is None:
        return False
    kept = [entry.form.data for place, entry in enumerate(rows) if place != position]
    while len(rows):
        rows.pop_entry()
    for row in kept:
        rows.append_entry(row)
    return True


class QuotasForm(Form):
    """All allowances of one subscription."""

    quotas = quota_list()
    # A form whose last row was taken away sends no row at all: this tells it from a first visit.
    seen = HiddenField(default="1")


class FamilyForm(Form):
    """A family and its allowances."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write the family's name."))])
    quotas = quota_list()
    seen = HiddenField(default="1")


class MemberForm(Form):
    """Who joins a family: a username or a code."""

    member = StringField(_l("Username or code"), validators=[InputRequired(message=_l("Write a username or code."))])


class TopupForm(Form):
    """More of an allowance."""

    kind = words_field(_l("What"), KINDS.items())
    amount_bytes = GigabytesField(_l("How much (GB)"), validators=[optional()])
    amount_s = HoursField(_l("How much (hours)"), validators=[optional()])
    valid_until = DateField(_l("Last day"), validators=[optional()])
    for_good = BooleanField(_l("It never ends"))
    note = StringField(_l("Note"), validators=[optional()])

    def values(self, zone: tzinfo) -> dict[str, Any]:
        """What was typed, as the use-case takes it; the last day is one of the provider's calendar."""
        unused = "amount_s" if self.kind.data == "data" else "amount_bytes"
        day = self.valid_until.data
        until = None if day is None else datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
        names = ("kind", "amount_bytes", "amount_s")
        given = {name: self[name].data for name in names if name != unused}
        return given | {"valid_until": until, "for_good": self.for_good.data, "note": self.note.data or ""}
