"""Gives out the codes of customers and subscriptions, by the month of the tenant's own calendar."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.rows import tenant_of
from db.engine import psycopg_of
from db.queries.numbers import next_numbers
from domain.codes import code_period, render_code


def next_code(session: Session, *, actor: Actor, now: datetime, prefix: str) -> str:
    """The next code with that prefix; two transactions that want one at once wait for each other."""
    return next_codes(session, actor=actor, now=now, prefix=prefix, count=1)[0]


def next_codes(session: Session, *, actor: Actor, now: datetime, prefix: str, count: int) -> list[str]:
    """The next codes with that prefix, in one step."""
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    period = code_period(now.astimezone(zone).date())
    numbers = next_numbers(psycopg_of(session), tenant_id=actor.tenant_id, name=prefix, period=period, count=count)
    return [render_code(prefix, period, number) for number in numbers]
