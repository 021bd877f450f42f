"""What the clock brings besides the night: terms that end, days of suspension, credit limits, renewals from balances.

Each works in small transactions and may be ended and begun again at any moment. Where a wrong clock or a wrong file
would end service for an unlikely share of everybody, it stops and says so until a person allows it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss.billing import dunning, issuing, portions, settling
from bss.billing.context import Context, Counts, Portion, audit_row
from bss.billing_rules import rules_of
from db.engine import psycopg_of
from db.models import Tenant
from db.queries import billing as queries
from db.queries import billing_clock as clock_queries
from db.queries.billing import Connection
from db.queries.live_changes import enqueue_change
from domain.billing import EXPIRED, next_suspend_day
from domain.dunning import share_text
from domain.live_change import LATER

CHUNK = 500
SUSPEND_AHEAD_DAYS = (3, 1)
# Every hour those are renewed whose term ends before the next night has passed.
SOON = timedelta(hours=26)

Clock = Callable[[], datetime]


@dataclass(kw_only=True, slots=True)
class Outcome:
    """How many were changed, and for whom it stopped: sentences for a person."""

    changed: int = 0
    asked: int = 0
    stopped: list[str] = field(default_factory=list)


def expire_accounts(session: Session, tenant: Tenant, *, clock: Clock, allowed: bool = False) -> Outcome:
    """Call subscriptions expired (or cancelled, where that was wished) whose term and grace are over.

    Logins are refused from that moment on by themselves; this sets the state, ends sessions and tells the customer's.
    """
    outcome, connection = Outcome(), psycopg_of(session)
    over = clock_queries.count_over(connection, tenant_id=tenant.id, now=clock())
    stopped = None if allowed else _too_many(session, tenant, over, "end the service of")
    if stopped is not None:
        outcome.stopped.append(stopped)
    while True:
        context, connection = _context(session, tenant, clock(), name="expiry"), psycopg_of(session)
        due = clock_queries.due_over(
            connection, tenant_id=tenant.id, now=context.now, limit=CHUNK, with_people=stopped is None
        )
        queries.lock_customers(connection, sorted({row[1] for row in due}))
        ended = clock_queries.end_terms(connection, [row[0] for row in due], now=context.now)
        outcome.asked += _tell_of_ended(connection, context, ended)
        outcome.changed += len(ended)
        session.commit()
        if len(due) < CHUNK or not ended:
            return outcome


def _tell_of_ended(connection: Connection, context: Context, ended: Sequence[tuple[int, int, str, datetime]]) -> int:
    if not ended:
        return 0
    queries.copy_rows(connection, "audit_logs", [
        audit_row(
            context, action=f"subscription.{status}", entity_type="subscriptions", entity_id=id_,
            customer_id=customer_id, old={"status": "active"}, new={"status": status, "expires_at": end},
        )
        for id_, customer_id, status, end in ended
    ])  # fmt: skip
    notices = [
        {"kind": EXPIRED, "notice_key": f"{EXPIRED}:{id_}:{end:%Y%m%d%H%M}", "customer_id": customer_id,
         "subscription_id": id_, "invoice_id": None, "days": None, "facts": {"expires_at": end.isoformat()}}
        for id_, customer_id, _, end in ended
    ]  # fmt: skip
    queries.note(connection, notices, tenant_id=context.tenant_id, now=context.now)
    portions.follow_subscriptions(connection, context, sorted({row[1] for row in ended}))
    return _disconnect(connection, context, [row[0] for row in ended], "expire")


def suspend_on_dates(session: Session, tenant: Tenant, *, clock: Clock, allowed: bool = False) -> Outcome:
    """Suspend those whose day has come, set the next day where it repeats, and note those whose day is near."""
    outcome, connection = Outcome(), psycopg_of(session)
    context = _context(session, tenant, clock(), name="suspend date")
    near = [context.today + timedelta(days=days) for days in SUSPEND_AHEAD_DAYS]
    clock_queries.note_suspend_ahead(connection, tenant_id=tenant.id, today=context.today, days=near, now=context.now)
    everybody = clock_queries.due_dates(connection, tenant_id=tenant.id, today=context.today, limit=1_000_000)
    stopped = None if allowed else _too_many(session, tenant, sum(row[4] == "active" for row in everybody), "suspend")
    session.commit()
    if stopped is not None:
        outcome.stopped.append(stopped)
        return outcome
    while True:
        # A connection is the session's for one transaction.
        connection = psycopg_of(session)
        due = clock_queries.due_dates(connection, tenant_id=tenant.id, today=context.today, limit=CHUNK)
        outcome.changed += len(_suspend_dates(connection, context, due))
        session.commit()
        if len(due) < CHUNK:
            return outcome


def _suspend_dates(
    connection: Connection, context: Context, due: Sequence[tuple[int, int, date, int | None, str]]
) -> list[tuple[int, int]]:
    if not due:
        return []
    queries.lock_customers(connection, sorted({row[1] for row in due}))
    done = clock_queries.suspend_on_date(connection, [row[0] for row in due], today=context.today, now=context.now)
    following = [(row[0], _next_day(row[2], row[3], context.today)) for row in due]
    clock_queries.set_next_dates(connection, following, today=context.today, now=context.now)
    queries.copy_rows(connection, "audit_logs", [
        audit_row(
            context, action="subscription.suspended", entity_type="subscriptions", entity_id=id_,
            customer_id=customer_id, old={"status": "active"},
            new={"status": "suspended", "suspend_cause": "suspend_date"},
        )
        for id_, customer_id in done
    ])  # fmt: skip
    portions.follow_subscriptions(connection, context, sorted({row[1] for row in done}))
    _disconnect(connection, context, [row[0] for row in done], "suspend")
    return done


def _next_day(day: date, recurring_day: int | None, today: date) -> date | None:
    """The first day of repetition that lies ahead, however long nobody looked."""
    following = next_suspend_day(day, recurring_day)
    while following is not None and following <= today:
        following = next_suspend_day(following, recurring_day)
    return following


def hold_to_limits(session: Session, tenant: Tenant, *, clock: Clock, allowed: bool = False) -> Outcome:
    """Suspend the subscriptions of those who owe more than they may."""
    outcome, position = Outcome(), 0
    active = queries.count_active(psycopg_of(session), tenant.id)
    while True:
        connection = psycopg_of(session)
        ids = clock_queries.payers_over_limit(connection, tenant_id=tenant.id, position=position, limit=CHUNK)
        if not ids:
            session.commit()
            return outcome
        context = replace(_context(session, tenant, clock(), name="credit limit"), only_limits=True)
        bound = dunning.allowance_of(context.rules.breaker, active) - outcome.changed
        try:
            portion = Portion.locked(connection, ids)
            done, _ = dunning.remind_and_suspend(
                connection, context, portion, allowance=None if allowed else max(0, bound)
            )
        except dunning.TooMany:
            session.rollback()
            outcome.stopped.append(f"{tenant.name}: more than {context.rules.most_suspended_percent} % would be"
                                   " suspended for their credit limit")  # fmt: skip
            return outcome
        session.commit()
        outcome.changed, position = outcome.changed + done, ids[-1]


def renew_from_balances(session: Session, tenant: Tenant, *, clock: Clock) -> Counts:
    """Renew out of balances what ends before the next night, so that nobody who has paid waits for it."""
    counts, position = Counts(), 0
    while True:
        now, connection = clock(), psycopg_of(session)
        ids = clock_queries.renewable_payers(
            connection, tenant_id=tenant.id, before=now + SOON, position=position, limit=CHUNK
        )
        if not ids:
            session.commit()
            return counts
        context = replace(_context(session, tenant, now, name="renewal"), only_paid=True)
        if not context.rules.applies_balance:
            return counts
        context = replace(context, rules=replace(context.rules, renewal_lead_days=min(
            1, context.rules.renewal_lead_days)))  # fmt: skip
        portion = Portion.locked(connection, ids)
        counts += issuing.bill_renewals(connection, context, portion)
        counts += settling.apply_balances(session, context, portion)
        session.commit()
        position = ids[-1]


def note_expiring(session: Session, tenant: Tenant, *, clock: Clock) -> int:
    """Note whose term ends in as many days as the provider wants it told; each once."""
    context = _context(session, tenant, clock(), name="reminders")
    noted = clock_queries.note_expiring(
        psycopg_of(session), tenant_id=tenant.id, zone=tenant.timezone, today=context.today,
        days=context.rules.expiry_remind_days, now=context.now,
    )  # fmt: skip
    session.commit()
    return noted


def _context(session: Session, tenant: Tenant, now: datetime, *, name: str) -> Context:
    zone = ZoneInfo(tenant.timezone)
    return Context(
        run_id=None, tenant_id=tenant.id, today=now.astimezone(zone).date(), as_of=now, now=now, zone=zone,
        currency=tenant.currency, rules=rules_of(session, tenant_id=tenant.id), actor_name=name,
    )  # fmt: skip


def _too_many(session: Session, tenant: Tenant, number: int, what: str) -> str | None:
    """The sentence that says why it stops, or None."""
    active = queries.count_active(psycopg_of(session), tenant.id)
    if not rules_of(session, tenant_id=tenant.id).breaker.trips(number, active):
        return None
    share = share_text(number, active)
    if what == "suspend":
        return f"{tenant.name}: would suspend {share} of all subscriptions ({number} of {active})"
    return f"{tenant.name}: would end the service of {share} of all subscriptions ({number} of {active})"


def _disconnect(connection: Connection, context: Context, ids: Sequence[int], reason: str) -> int:
    if not ids:
        return 0
    return len(
        enqueue_change(
            connection,
            kind="disconnect",
            reason=reason,
            requested_by=context.actor_name,
            now=context.now,
            subscription_ids=list(ids),
            priority=LATER if len(ids) > 1 else 0,
        )
    )
