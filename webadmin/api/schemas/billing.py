"""Billing runs, how customers want to be billed, and background jobs; in and out."""

from marshmallow import Schema, fields, validate

from db.models.jobs import JOB_OUTCOMES
from domain.billing import RUN_KINDS, RUN_STATUSES, STOPPED_BECAUSE
from domain.payments import METHODS
from domain.term import BILLING_CYCLES
from webadmin.api.base import list_schema
from webadmin.api.schemas.shapes import Money, amount, boolean, id_argument, text, whole, word
from webadmin.api.schemas.shapes import amount as sum_of
from webadmin.api.schemas.shapes import total as money_total
from webadmin.api.schemas.shapes import when as moment


class RunIn(Schema):
    """A run to begin. A dry one does everything and keeps nothing of it."""

    kind = word(RUN_KINDS, load_default="nightly", metadata={"example": "nightly"})
    is_dry = boolean(load_default=False)


class RunContinue(Schema):
    """How a stopped run goes on."""

    reason = text(255, load_default="", example="they are all of one estate")
    suspends = boolean(load_default=True, metadata={"description": "false: bill and remind, but cut nobody off"})


class RunReason(Schema):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, 255), metadata={"example": "a wrong file"})


class RunsQuery(Schema):
    """Which part of the list."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200))
    before = id_argument()


class RunOut(Schema):
    """A billing run: how far it is, and what it did."""

    id = fields.Integer()
    kind = word(RUN_KINDS)
    day = fields.Date(metadata={"example": "2026-11-27", "description": "the provider's local day"})
    is_dry = fields.Boolean()
    status = word(RUN_STATUSES)
    stopped_because = word(STOPPED_BECAUSE, allow_none=True)
    why_stopped = fields.String(metadata={"example": "would suspend 38 % of all subscriptions (380 of 1000): stopped"})
    would_stop = fields.Boolean(metadata={"description": "whether suspending `to_suspend` needs a person's leave"})
    percent = fields.Integer(metadata={"example": 42})
    seconds_left = fields.Integer(allow_none=True)
    done = fields.Integer()
    total = fields.Integer()
    active = fields.Integer(metadata={"description": "active subscriptions when it began"})
    to_suspend = fields.Integer(metadata={"description": "how many it found to suspend when it began"})
    suspends = fields.Boolean()
    marked_overdue = fields.Integer()
    suspended = fields.Integer()
    reminded = fields.Integer()
    invoiced = fields.Integer()
    invoiced_total = money_total()
    paid = fields.Integer()
    paid_total = money_total()
    restored = fields.Integer()
    skipped = fields.Integer(metadata={"description": "subscriptions that could not be billed"})
    undone_restored = fields.Integer()
    requested_by = fields.String()
    continued_by = fields.String(allow_none=True)
    continue_reason = fields.String(allow_none=True)
    undone_by = fields.String(allow_none=True)
    undo_reason = fields.String(allow_none=True)
    as_of = moment()
    worked_at = moment(allow_none=True)
    finished_at = moment(allow_none=True)


class SuspensionOut(Schema):
    """One subscription that a run suspended."""

    subscription_id = fields.Integer()
    customer_id = fields.Integer()
    customer_code = fields.String()
    customer_name = fields.String()
    username = fields.String()
    status = fields.String(metadata={"description": "the subscription's state now"})
    cause = fields.String(metadata={"example": "overdue"})
    days_late = fields.Integer(allow_none=True)
    owed = Money(metadata={"example": "150000.00"})
    restored_at = moment(allow_none=True)


class RunDetail(RunOut):
    """A run with the first of those whom it suspended."""

    suspensions = fields.List(fields.Nested(SuspensionOut))


class BackgroundJobRunOut(Schema):
    """One remembered run of a job."""

    id = fields.Integer()
    name = fields.String()
    requested_by = fields.String(allow_none=True)
    started_at = moment()
    finished_at = moment(allow_none=True)
    outcome = word(JOB_OUTCOMES)
    said = fields.String()


class BackgroundJobOut(Schema):
    """A background job: its time, its last run and the next."""

    name = fields.String(metadata={"example": "bss.billing"})
    what = fields.String()
    when = fields.String(metadata={"description": "seconds, or a crontab in UTC", "example": "30 2 * * *"})
    usual_when = fields.String()
    is_off = fields.Boolean()
    is_guarded = fields.Boolean(metadata={"description": "it stops by itself before it does something unlikely"})
    outcome = word(JOB_OUTCOMES, allow_none=True)
    said = fields.String()
    started_at = moment(allow_none=True)
    finished_at = moment(allow_none=True)
    took_ms = fields.Integer()
    runs = fields.Integer()
    failures = fields.Integer()
    next_at = moment(allow_none=True)


class BackgroundJobDetail(BackgroundJobOut):
    """A job with its last remembered runs."""

    last_runs = fields.List(fields.Nested(BackgroundJobRunOut))


class BackgroundJobStart(Schema):
    """How a job is started by hand."""

    is_allowed = boolean(load_default=False, metadata={"description": "also where it would stop by itself"})
    reason = text(255, load_default="")


class BackgroundJobSchedule(Schema):
    """When a job runs by itself; with neither, as built in."""

    when = text(60, load_default=None, allow_none=True, example="0 4 * * *")
    is_off = boolean(load_default=False)


class BackgroundJobStarted(Schema):
    """What was asked of the workers."""

    message = fields.String(metadata={"example": "bss.books was started"})


RunList = list_schema(RunOut, name="BillingRunList")
BackgroundJobList = list_schema(BackgroundJobOut, name="BackgroundJobList")


class ProfileQuery(Schema):
    """Which profile: the customer's own, or that of one of his subscriptions."""

    subscription_id = id_argument()


class ProfileIn(Schema):
    """What to change. Day and cycle belong to a subscription, `parent_pays` to a customer."""

    billing_day = whole(least=1, most=31, example=5)
    billing_cycle = word(BILLING_CYCLES)
    payment_method = fields.String(allow_none=True, validate=validate.OneOf(METHODS))
    contact_name = text(255, allow_none=True)
    contact_phone = text(20, allow_none=True)
    contact_email = text(255, allow_none=True)
    contact_address = text(500, allow_none=True)
    parent_pays = boolean()


class ProfileSave(ProfileIn):
    """The same, with the word that the effect was seen where it is large."""

    is_confirmed = boolean(load_default=False)


class BillOut(Schema):
    """The next bill."""

    on = fields.Date(allow_none=True)
    amount = sum_of()
    price = sum_of()
    cycle = fields.String()
    billing_day = fields.Integer()
    ends_at = moment(allow_none=True)


class ImpactOut(Schema):
    """What saving does: the next bill before and after, and what the days in between cost."""

    before = fields.Nested(BillOut, allow_none=True)
    after = fields.Nested(BillOut, allow_none=True)
    extra_days = fields.Integer()
    charge = amount()
    payer_before = fields.Integer(allow_none=True)
    payer_after = fields.Integer(allow_none=True)
    is_large = fields.Boolean(metadata={"description": "saving it needs `is_confirmed`"})


class ProfileOut(Schema):
    """How a customer or subscription wants to be billed."""

    customer_id = fields.Integer()
    subscription_id = fields.Integer(allow_none=True)
    payment_method = fields.String(allow_none=True)
    contact_name = fields.String(allow_none=True)
    contact_phone = fields.String(allow_none=True)
    contact_email = fields.String(allow_none=True)
    contact_address = fields.String(allow_none=True)
    parent_pays = fields.Boolean()
    payer_id = fields.Integer(metadata={"description": "whose invoices they are"})
    next_bill = fields.Nested(BillOut, allow_none=True)


class ProfileSaved(Schema):
    """The profile as it is now, and what that did."""

    message = fields.String()
    profile = fields.Nested(ProfileOut)
    impact = fields.Nested(ImpactOut)
    invoice_id = fields.Integer(allow_none=True)


class BillDaysQuote(Schema):
    """Which half-open local days are billed; `amount` instead of their price, before tax."""

    period_start = fields.Date(format="iso", required=True, metadata={"example": "2026-11-10"})
    period_end = fields.Date(format="iso", required=True, metadata={"example": "2026-12-01"})
    amount = sum_of(allow_none=True)


class BillDaysIn(BillDaysQuote):
    """The same, to be written."""

    due_date = fields.Date(format="iso", allow_none=True)
    notes = text(2000, load_default="")


class BillQuoteOut(Schema):
    """What a bill for these days would say."""

    days = fields.Integer()
    amount = sum_of()
    tax = sum_of()
    total = sum_of()
    currency = fields.String(metadata={"example": "IDR"})


class BillDaysOut(Schema):
    """The bill that was written."""

    message = fields.String()
    invoice_id = fields.Integer()
    invoice_number = fields.String(metadata={"example": "INV-20261127-0001"})
    total = sum_of()
    status = fields.String()


class SuspendDateIn(Schema):
    """The local day on which it is suspended whatever was paid; null removes it."""

    suspend_on = fields.Date(format="iso", required=True, allow_none=True, metadata={"example": "2026-12-05"})


class SuspendDateChange(SuspendDateIn):
    """The same, and the day of the month on which that repeats."""

    recurring_day = whole(least=1, most=31, load_default=None, allow_none=True)
    version = whole(least=1)


class SuspendDateEffect(Schema):
    """What a day of suspension means."""

    now_on = fields.Date(allow_none=True)
    now_recurring_day = fields.Integer(allow_none=True)
    suspend_on = fields.Date(allow_none=True)
    unused_days = fields.Integer(metadata={"description": "days of the running term that are not used"})
    unused_worth = sum_of()
    currency = fields.String()


class SuspendDateOut(Schema):
    """The day that is set now."""

    subscription_id = fields.Integer()
    suspend_on = fields.Date(allow_none=True)
    recurring_day = fields.Integer(allow_none=True)
    version = fields.Integer()
