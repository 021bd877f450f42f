"""What a paid renewal does to a subscription: when its term ends now, and whether it comes back into service.

Decides dates and moves; refuses to know how it was paid.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from domain.term import Cycle, end_of_term

# Why a subscription is suspended. What payment cannot mend was decided by a person.
OVERDUE, CREDIT, SUSPEND_DATE, BY_STAFF = "overdue", "credit_limit", "suspend_date", "staff"
SUSPEND_CAUSES = (OVERDUE, CREDIT, SUSPEND_DATE, BY_STAFF)
LIFTED_BY_PAYING = frozenset({OVERDUE, CREDIT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """The term's new end. `new_anchor_day`: it began anew, on this day of the month, because service had stopped."""

    expires_at: datetime
    new_anchor_day: int | None = None


def extended(
    *, status: str, expires_at: datetime, cycle: Cycle, zone: tzinfo, now: datetime, keeps_days: bool, terms: int = 1
) -> Extension:
    """The end after `terms` more cycles were paid for.

    While it is in service, also in its grace, the new term follows the old one without a gap. Once service had stopped
    the customer gets whole terms from now, unless the provider's periods keep their days (`keeps_days`).
    """
    begins_anew = status in ("expired", "suspended") and expires_at <= now and not keeps_days
    own = cycle
    if begins_anew:
        own = Cycle(name=cycle.name, validity_days=cycle.validity_days, anchor_day=now.astimezone(zone).day)
    end = now if begins_anew else expires_at
    for _ in range(terms):
        end = end_of_term(end, cycle=own, zone=zone)
    return Extension(expires_at=end, new_anchor_day=own.anchor_day if begins_anew else None)


def days_added(*, status: str, expires_at: datetime, now: datetime, days: int, zone: tzinfo) -> datetime:
    """The end after single days were bought, at the same local time of day: from the end, or from now if it stopped."""
    has_stopped = status in ("expired", "suspended") and expires_at <= now
    local = (now if has_stopped else expires_at).astimezone(zone)
    return (local + timedelta(days=days)).astimezone(UTC)
