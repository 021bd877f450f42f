"""A plan with its fair-use tiers."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, FieldList, FormField, HiddenField, SelectMultipleField, StringField, TextAreaField
from wtforms import Form as PlainForm
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES
from domain.customer_record import CUSTOMER_TYPES
from domain.fup import COUNTS, RESET_PERIODS
from domain.speed import MAX_KBPS, Burst, Speed, render_rate_limit
from webadmin.forms.allowances import quota_list, quotas_of, window_list, windows_of
from webadmin.forms.attributes import MAX_ROWS, ReplyRow, rows_of
from webadmin.forms.fields import (
    AmountField,
    Form,
    GigabytesField,
    MetadataField,
    MinutesField,
    SpeedField,
    WholeField,
    optional,
    words_field,
)
from webadmin.panel.words import PLAN_GARDENS, SESSION_LIMIT_ACTIONS, choice_words

MAX_TIER_ROWS = 10
_SLIDER = {"data-slider": ""}
PLAIN_FIELDS = (
    "connection_type",
    "price",
    "setup_fee",
    "billing_cycle",
    "validity_days",
    "download_kbps",
    "upload_kbps",
    "priority",
    "burst_enabled",
    "burst_download_kbps",
    "burst_upload_kbps",
    "burst_threshold_download_kbps",
    "burst_threshold_upload_kbps",
    "burst_time_s",
    "concurrent_connections",
    "session_limit_action",
    "garden_mode",
    "grace_period_days",
    "session_timeout_s",
    "idle_timeout_s",
    "interim_interval_s",
    "ip_pool",
    "address_list",
    "router_profile",
    "min_download_kbps",
    "min_upload_kbps",
    "contract_period_months",
    "early_end_fee",
    "customer_types",
    "features",
    "is_popular",
)


class TierForm(PlainForm):
    """One fair-use tier: past this much, this slow."""

    threshold_bytes = GigabytesField(_l("After (GB)"), validators=[InputRequired(message=_l("Write the volume."))])
    counts = words_field(_l("Counts"), [(code, choice_words(code)) for code in COUNTS])
    reset_period = words_field(
        _l("Resets"), [(code, choice_words(code)) for code in RESET_PERIODS], default="billing_cycle"
    )
    reduced_download_kbps = SpeedField(_l("Then download"), validators=[optional()])
    reduced_upload_kbps = SpeedField(_l("Then upload"), validators=[optional()])
    reduction_percent = WholeField(_l("or slower by (%)"), validators=[optional()])

    def tier(self) -> dict[str, Any]:
        """The tier's values as the use-case takes them."""
        return {name: field.data for name, field in self._fields.items()}


class FeaturesField(TextAreaField):
    """Marks of a plan, one a line: a word, or a word, a colon and a text."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        lines = [line.strip() for line in (valuelist[0] if valuelist else "").splitlines()]
        pairs = [line.partition(":") for line in lines if line]
        self.data = {name.strip(): value.strip() if sign else True for name, sign, value in pairs}

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        marks = self.data or {}
        return "\n".join(name if value is True else f"{name}: {value}" for name, value in marks.items())


def _needed(message: Any) -> InputRequired:
    return InputRequired(message=message)


class PlanForm(Form):
    """All of a plan."""

    name = StringField(_l("Name"), validators=[_needed(_l("Write the plan's name."))])
    slug = StringField(_l("Short name"), validators=[optional()], render_kw={"spellcheck": "false"})
    description = TextAreaField(_l("Description"), validators=[optional()], render_kw={"rows": 2})
    connection_type = words_field(_l("Kind of access"), [(code, choice_words(code)) for code in CONNECTION_TYPES])
    price = AmountField(_l("Price"), default=0, validators=[_needed(_l("Write the price; 0 is free."))])
    setup_fee = AmountField(_l("Set-up fee"), default=0, validators=[_needed(_l("Write the fee; 0 is none."))])
    billing_cycle = words_field(
        _l("Billed"), [(code, choice_words(code)) for code in BILLING_CYCLES], default="monthly"
    )
    validity_days = WholeField(_l("Days of a custom cycle"), default=30, validators=[_needed(_l("Write the days."))])
    download_kbps = SpeedField(_l("Download"), validators=[_needed(_l("Write the download speed."))], render_kw=_SLIDER)
    upload_kbps = SpeedField(_l("Upload"), validators=[_needed(_l("Write the upload speed."))], render_kw=_SLIDER)
    priority = WholeField(_l("Priority (1 first, 8 last)"), default=8, validators=[_needed(_l("Write 1 to 8."))])
    burst_enabled = BooleanField(_l("Burst: faster for a short time"))
    burst_download_kbps = SpeedField(_l("Burst download"), validators=[optional()])
    burst_upload_kbps = SpeedField(_l("Burst upload"), validators=[optional()])
    burst_threshold_download_kbps = SpeedField(_l("Threshold download"), validators=[optional()])
    burst_threshold_upload_kbps = SpeedField(_l("Threshold upload"), validators=[optional()])
    burst_time_s = WholeField(_l("Burst seconds"), default=16, validators=[optional()])
    concurrent_connections = WholeField(
        _l("Logins at the same time"), default=1, validators=[_needed(_l("Write how many."))]
    )
    session_limit_action = words_field(_l("One login more"), SESSION_LIMIT_ACTIONS.items())
    garden_mode = words_field(_l("Who would be refused"), PLAN_GARDENS.items())
    grace_period_days = WholeField(
        _l("Grace days after the end"), default=7, validators=[_needed(_l("Write the days; 0 is none."))]
    )
    session_timeout_s = MinutesField(_l("Session ends after (minutes)"), validators=[optional()])
    idle_timeout_s = MinutesField(_l("Idle ends after (minutes)"), validators=[optional()])
    interim_interval_s = MinutesField(
        _l("Usage reported every (minutes)"), default=300, validators=[_needed(_l("Write 1 to 60 minutes."))]
    )
    contract_period_months = WholeField(_l("Contract (months)"), default=1, validators=[optional()])
    early_end_fee = AmountField(_l("Fee for leaving it early"), default=0, validators=[optional()])
    customer_types = SelectMultipleField(
        _l("For"),
        choices=[SelectChoice(value=code, label=choice_words(code)) for code in CUSTOMER_TYPES],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    is_popular = BooleanField(_l("Recommended"))
    features = FeaturesField(_l("What is said of it"), validators=[optional()], render_kw={"rows": 3})
    details = MetadataField(_l("Further fields"), validators=[optional()], render_kw={"rows": 3})
    ip_pool = StringField(_l("Address pool on the router"), validators=[optional()])
    address_list = StringField(_l("Firewall address list"), validators=[optional()])
    router_profile = StringField(_l("Profile on routers that keep passwords"), validators=[optional()])
    min_download_kbps = SpeedField(_l("Guaranteed download"), validators=[optional()])
    min_upload_kbps = SpeedField(_l("Guaranteed upload"), validators=[optional()])
    fup_rules = FieldList(FormField(TierForm), max_entries=MAX_TIER_ROWS)
    reply_attributes = FieldList(FormField(ReplyRow), max_entries=MAX_ROWS)
    time_windows = window_list()
    quotas = quota_list()
    tell = words_field(
        _l("Running sessions get a new speed"),
        [
            ("now", _l("all at once")),
            ("stages", _l("in stages: 1 %, 10 %, all; each waits for my word")),
            ("auto", _l("in stages, going on by itself while routers agree")),
            ("login", _l("at their next login")),
        ],
        default="now",
    )
    # An unmarked box is not sent at all: this tells a first visit from one where the box was cleared.
    seen = HiddenField(default="1")

    def values(self) -> dict[str, Any]:
        """The plan's values as the use-case takes them."""
        plan = self.given("name", *PLAIN_FIELDS) | {"name": self.name.data or ""}
        plan["description"] = self.description.data or ""
        plan["features"] = self.features.data or {}
        if self.details.was_sent:
            plan["metadata"] = self.details.data
        for name in ("contract_period_months", "early_end_fee"):
            if plan[name] is None:
                del plan[name]
        if self.slug.data:
            plan["slug"] = self.slug.data.strip()
        plan["fup_rules"] = [entry.form.tier() for entry in self.fup_rules]
        plan["reply_attributes"] = rows_of(self.reply_attributes)
        plan["time_windows"] = windows_of(self.time_windows)
        plan["quotas"] = quotas_of(self.quotas)
        return plan

    def rate_limit(self) -> str | None:
        """`Mikrotik-Rate-Limit` for what is typed so far; None when it is no whole speed yet or has no limit."""
        full = self.full_speed()
        return None if full is None else render_rate_limit(full, self._burst(full), self._priority(), self._least())

    def tier_rates(self) -> list[str | None]:
        """The same for each tier."""
        return [
            None if slow is None else render_rate_limit(slow, None, self._priority(), self._least())
            for slow in self.tier_speeds()
        ]

    def full_speed(self) -> Speed | None:
        """The plan's own speed; None while it is not whole."""
        return speed_of(self.download_kbps.data, self.upload_kbps.data)

    def tier_speeds(self) -> list[Speed | None]:
        """What each tier slows down to; None for one that is not whole yet."""
        full = self.full_speed()
        return [None if full is None else _slow(full, entry.form) for entry in self.fup_rules]

    def _least(self) -> Speed | None:
        return speed_of(self.min_download_kbps.data, self.min_upload_kbps.data)

    def _priority(self) -> int:
        priority = self.priority.data
        return priority if priority and 1 <= priority <= 8 else 8

    def _burst(self, full: Speed) -> Burst | None:
        peak = speed_of(self.burst_download_kbps.data, self.burst_upload_kbps.data)
        time_s = self.burst_time_s.data
        if not self.burst_enabled.data or peak is None or not time_s:
            return None
        threshold = Speed(
            download_kbps=self.burst_threshold_download_kbps.data or full.download_kbps,
            upload_kbps=self.burst_threshold_upload_kbps.data or full.upload_kbps,
        )
        return Burst(speed=peak, threshold=threshold, time_s=time_s)


def speed_of(download_kbps: int | None, upload_kbps: int | None) -> Speed | None:
    """A speed of two typed numbers; None when either is missing or too large."""
    both = (download_kbps, upload_kbps)
    if any(kbps is None or not 0 <= kbps <= MAX_KBPS for kbps in both):
        return None
    return Speed(download_kbps=int(download_kbps or 0), upload_kbps=int(upload_kbps or 0))


def _slow(full: Speed, tier: TierForm) -> Speed | None:
    reduced = speed_of(tier.reduced_download_kbps.data, tier.reduced_upload_kbps.data)
    percent = tier.reduction_percent.data
    if reduced is not None:
        return full.at_most(reduced)
    return full.reduced_by(percent) if percent and 1 <= percent <= 99 else None
