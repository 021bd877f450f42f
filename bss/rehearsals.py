"""What jobs would do now, in a line or a few, with nothing done: for `lintas jobs run NAME --dry-run`.

Counted rather than tried: what a try would lock for a minute, the people at the desk would wait for.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy.orm import Session

from bss.billing.clock import SOON
from bss.billing.tasks import KEEP_DRY_RUNS, kinds_of
from bss.billing_rules import rules_of
from bss.router_api import checking
from bss.router_api.drift import Drift
from db.engine import one_session, psycopg_of
from db.models import Tenant
from db.queries import billing_clock, billing_runs, waiting
from runtime.settings import get_settings

# Past this it is said to be at least as many.
MOST_COUNTED = 100_000


def billing() -> list[str]:
    """Which runs would begin, and which would be gone on with."""

    def runs(session: Session, tenant: Tenant, now: datetime) -> str | None:
        local, rules = now.astimezone(ZoneInfo(tenant.timezone)), rules_of(session, tenant_id=tenant.id)
        if not rules.runs_by_itself or local.hour < rules.run_hour:
            return None
        day = local.date()
        due = [
            kind
            for kind in kinds_of(local)
            if billing_runs.run_of_day(session, tenant_id=tenant.id, kind=kind, day=day) is None
        ]
        return f"the run of {day} would begin ({', '.join(due)})" if due else None

    with _session() as session:
        open_runs = [f"run {run_id} would be gone on with" for run_id, _ in billing_runs.open_runs(session)]
    return [*open_runs, *_for_each(runs)]


def suspend_dates() -> list[str]:
    """Whose day of suspension has come."""

    def due(session: Session, tenant: Tenant, now: datetime) -> str | None:
        today = now.astimezone(ZoneInfo(tenant.timezone)).date()
        rows = billing_clock.due_dates(psycopg_of(session), tenant_id=tenant.id, today=today, limit=MOST_COUNTED)
        number = sum(row[4] == "active" for row in rows)
        return f"{number} subscriptions would be suspended" if number else None

    return _for_each(due)


def credit_limits() -> list[str]:
    """Who owes more than he may, suspended already or not."""

    def over(session: Session, tenant: Tenant, _: datetime) -> str | None:
        ids = billing_clock.payers_over_limit(psycopg_of(session), tenant_id=tenant.id, position=0, limit=MOST_COUNTED)
        return f"{len(ids)} customers owe more than they may" if ids else None

    return _for_each(over)


def renew_from_balance() -> list[str]:
    """Who has credit and a term that ends before the next night."""

    def payers(session: Session, tenant: Tenant, now: datetime) -> str | None:
        if not rules_of(session, tenant_id=tenant.id).applies_balance:
            return None
        ids = billing_clock.renewable_payers(
            psycopg_of(session), tenant_id=tenant.id, before=now + SOON, position=0, limit=MOST_COUNTED
        )
        return f"{len(ids)} customers with credit would be looked at" if ids else None

    return _for_each(payers)


def expiry_reminders() -> list[str]:
    """Whose term ends soon and was not noted; written, counted, and not kept."""

    def expiring(session: Session, tenant: Tenant, now: datetime) -> str | None:
        number = billing_clock.note_expiring(
            psycopg_of(session), tenant_id=tenant.id, zone=tenant.timezone,
            today=now.astimezone(ZoneInfo(tenant.timezone)).date(),
            days=rules_of(session, tenant_id=tenant.id).expiry_remind_days, now=now,
        )  # fmt: skip
        session.rollback()
        return f"{number} ends of terms would be noted" if number else None

    return _for_each(expiring)


def forget() -> list[str]:
    """How many dry billing runs are old enough; old runs of jobs go beside them."""
    with _session() as session:
        number = billing_runs.forget_dry_runs(session, before=_now() - KEEP_DRY_RUNS)
        session.rollback()
    return [f"{number} dry billing runs would be forgotten"] if number else []


def router_drift() -> list[str]:
    """What routers keep otherwise than they should; they are asked, and nothing is ordered."""
    lines = []
    with psycopg.connect(get_settings().database_url, autocommit=True, connect_timeout=5) as connection:
        for account, found in checking.drifts(connection, now=_now()):
            if not isinstance(found, Drift):
                lines.append(f"{account.name}: {found}")
            elif found.differences:
                lines.append(f"{account.name}: {len(found.differences)} secrets would be brought back")
    return lines


def _counted(count: Callable[[Session, datetime], int], what: str) -> Callable[[], list[str]]:
    def lines() -> list[str]:
        with _session() as session:
            number = count(session, _now())
        return [f"{number} {what}"] if number else []

    return lines


def _for_each(say: Callable[[Session, Tenant, datetime], str | None]) -> list[str]:
    """A line for each provider that has something to say."""
    with _session() as session:
        found = [(tenant.name, say(session, tenant, _now())) for tenant in billing_runs.active_tenants(session)]
    return [f"{name}: {line}" for name, line in found if line is not None]


def _session() -> AbstractContextManager[Session]:
    return one_session(get_settings().database_url)


def _now() -> datetime:
    return datetime.now(UTC)


# By the names of the jobs.
DRY_RUNS: Mapping[str, Callable[[], list[str]]] = MappingProxyType(
    {
        "bss.billing": billing,
        "bss.suspend-dates": suspend_dates,
        "bss.credit-limits": credit_limits,
        "bss.renew-from-balance": renew_from_balance,
        "bss.expiry-reminders": expiry_reminders,
        "bss.forget": forget,
        "bss.router-drift": router_drift,
        "bss.plan-changes": _counted(
            lambda session, now: waiting.plan_changes(session, now=now), "changes of plan would be made"
        ),
        "bss.temporary-speeds": _counted(
            lambda session, now: waiting.temporary_speeds(session, now=now), "temporary speeds would be taken back"
        ),
        "bss.customer-jobs": _counted(
            lambda session, _: waiting.items_of_customer_jobs(session), "rows and customers wait for their turn"
        ),
        "bss.speed-tests": _counted(lambda session, _: waiting.speed_tests(session), "lines would be measured"),
        "bss.router-orders": _counted(
            lambda session, now: waiting.router_orders(session, now=now), "orders would be carried out on routers"
        ),
        "coa.sweep": _counted(
            lambda session, now: waiting.session_changes(session, now=now), "changes of running sessions would be sent"
        ),
    }
)
