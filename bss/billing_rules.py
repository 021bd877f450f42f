"""What a provider has decided about bills: tax, when to bill and remind, when to cut off.

Settings of the tenant under `billing.`, each with a default that needs no thought. Decides what may be set; refuses to
know what is done with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Invalid, Problem, require_known
from bss.fields import money
from bss.rows import tenant_of
from db.queries.settings import read_settings, write_setting
from domain.codes import INVOICE_PREFIX, RECEIPT_PREFIX, is_prefix
from domain.dunning import Breaker
from domain.invoices import TaxRule

PREFIX = "billing."
_LISTS_OF_DAYS = ("remind_on", "expiry_remind_days")


@dataclass(frozen=True, kw_only=True, slots=True)
class BillingRules:
    """All of it, with the defaults."""

    # Tax on every sale in per cent, and whether prices have it in them.
    tax_percent: Decimal = Decimal(0)
    tax_included: bool = False
    # A renewal is billed so many days before the term ends; it is due on the day the term ends.
    renewal_lead_days: int = 7
    # Other invoices are due so many days after they were issued.
    due_days: int = 7
    # Days from the due day on which the customer is reminded.
    remind_on: tuple[int, ...] = (-3, 0, 3)
    # Credit pays open invoices by itself, the one that is due first.
    applies_balance: bool = True
    # After service had stopped, a renewal is for the days that were billed, not for a whole term from the payment on.
    keeps_days: bool = False
    # A day of a monthly plan costs its share of the month in which it lies, instead of a thirtieth.
    days_by_calendar: bool = False
    # A run that would suspend more than this share of all active subscriptions stops and asks.
    most_suspended_percent: int = 20
    # The nightly run begins by itself at this local hour; otherwise somebody starts it.
    runs_by_itself: bool = True
    run_hour: int = 0
    # Days before the end of a term on which it is noted that the customer is to be told.
    expiry_remind_days: tuple[int, ...] = (1, 3, 7)
    # What the numbers of invoices and receipts begin with.
    invoice_prefix: str = INVOICE_PREFIX
    receipt_prefix: str = RECEIPT_PREFIX
    # Credit for whoever recommended a customer, when that one first pays; 0 is none.
    referral_reward: Decimal = Decimal(0)

    @property
    def tax(self) -> TaxRule:
        """The tax on a sale."""
        return TaxRule(percent=self.tax_percent, is_included=self.tax_included)

    @property
    def breaker(self) -> Breaker:
        """What stops a run that would cut off too many."""
        return Breaker(most_percent=self.most_suspended_percent)


KNOWN = frozenset(field.name for field in fields(BillingRules))


def rules_of(session: Session, *, tenant_id: int) -> BillingRules:
    """The provider's rules."""
    stored = read_settings(session, tenant_id=tenant_id, prefix=PREFIX)
    return BillingRules(**{name: read(name, value) for name, value in stored.items() if name in KNOWN})


def change(session: Session, *, actor: Actor, now: datetime, changes: Mapping[str, Any]) -> BillingRules:
    """Change some of the rules; raises `Invalid` for what is none or out of range."""
    require_known(changes, KNOWN)
    tenant = tenant_of(session, actor=actor)
    before = rules_of(session, tenant_id=tenant.id)
    clean = {name: _CLEANERS[name](value, name) for name, value in changes.items()}
    differing = {name: value for name, value in clean.items() if getattr(before, name) != value}
    for name, value in differing.items():
        write_setting(session, tenant_id=tenant.id, key=PREFIX + name, value=plain(value))
    if differing:
        old = {name: plain(value) for name, value in asdict(before).items() if name in differing}
        new = {name: plain(value) for name, value in differing.items()}
        audit.record(session, actor=actor, now=now, action="billing.rules_changed", entity=tenant, old=old, new=new)
    session.flush()
    return rules_of(session, tenant_id=tenant.id)


def plain(value: Any) -> Any:
    """A rule's value as it is stored."""
    if isinstance(value, Decimal):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def read(name: str, value: Any) -> Any:
    """A rule's value as it was stored."""
    if name in ("tax_percent", "referral_reward"):
        return Decimal(str(value))
    return tuple(value) if name in _LISTS_OF_DAYS else value


def _whole(least: int, most: int) -> Callable[[Any, str], int]:
    def clean(value: Any, name: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            mend = f"use a whole number from {least} to {most}"
            raise Invalid(Problem(field=name, reason="is out of range", mend=mend))
        return value

    return clean


def _yes_or_no(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(Problem(field=name, reason="is neither yes nor no"))
    return value


def _percent(value: Any, name: str) -> Decimal:
    try:
        percent = Decimal(str(value)) if isinstance(value, Decimal | int | str) else Decimal("NaN")
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or not 0 <= percent <= 100 or percent != round(percent, 2):
        mend = "use a number from 0 to 100 with at most two decimals"
        raise Invalid(Problem(field=name, reason="is no percentage", mend=mend))
    return round(percent, 2)


def _days(least: int, most: int, such_as: str) -> Callable[[Any, str], tuple[int, ...]]:
    def clean(value: Any, name: str) -> tuple[int, ...]:
        is_list = isinstance(value, list | tuple) and len(value) <= 10
        if not is_list or not all(type(day) is int and least <= day <= most for day in value):
            mend = f"use up to ten days from {least} to {most}, such as {such_as}"
            raise Invalid(Problem(field=name, reason="is no list of days", mend=mend))
        return tuple(sorted(set(value)))

    return clean


def _prefix(value: Any, name: str) -> str:
    text = value.strip().upper() if isinstance(value, str) else ""
    if not is_prefix(text):
        mend = "use one to ten capital letters and digits"
        raise Invalid(Problem(field=name, reason="cannot be kept", mend=mend))
    return text


_CLEANERS: Mapping[str, Callable[[Any, str], Any]] = {
    "tax_percent": _percent,
    "tax_included": _yes_or_no,
    "renewal_lead_days": _whole(0, 60),
    "due_days": _whole(0, 365),
    "remind_on": _days(-60, 60, "-3, 0, 3"),
    "expiry_remind_days": _days(0, 60, "1, 3, 7"),
    "invoice_prefix": _prefix,
    "receipt_prefix": _prefix,
    "applies_balance": _yes_or_no,
    "keeps_days": _yes_or_no,
    "days_by_calendar": _yes_or_no,
    "most_suspended_percent": _whole(1, 100),
    "runs_by_itself": _yes_or_no,
    "run_hour": _whole(0, 23),
    "referral_reward": lambda value, name: money(value, field=name),
}
