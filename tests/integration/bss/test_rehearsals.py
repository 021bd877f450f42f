"""Jobs that are rehearsed: they say what would be done, and nothing is."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import plan_changes, registrations, rehearsals
from bss.actor import Actor
from cli import jobs as command
from db.models import BillingRun, CustomerNotice, Subscription, SubscriptionLimits, Tenant
from factories import make_customer, make_plan, make_subscription
from integration.money.conftest import bill
from runtime.jobs import JOBS
from runtime.settings import Settings

pytestmark = pytest.mark.usefixtures("keys_file")


@pytest.fixture
def say(db: Session, settings: Settings) -> Callable[[str], list[str]]:
    def lines(name: str) -> list[str]:
        db.commit()
        return command._rehearsals()[name]()

    return lines


def test_every_job_that_is_said_to_be_able_to_tell_can_and_no_other() -> None:
    assert {name for name, job in JOBS.items() if job.can_rehearse} == set(command._rehearsals())


def test_where_nothing_is_due_nothing_is_said(say: Callable[[str], list[str]]) -> None:
    assert {name: say(name) for name in rehearsals.DRY_RUNS} == {name: [] for name in rehearsals.DRY_RUNS}


def test_what_is_due_is_counted_and_stays_as_it_is(
    db: Session, tenant: Tenant, actor: Actor, now: datetime, say: Callable[[str], list[str]]
) -> None:
    plan, other = (make_plan(db, tenant=tenant, price=Decimal(150_000)) for _ in range(2))
    owes, rich = make_customer(db, tenant=tenant, credit_limit=1), make_customer(db, tenant=tenant)
    bill(db, actor, owes, 5000)
    rich.balance = Decimal(500_000)
    given: dict[str, Any] = {"tenant": tenant, "plan": plan, "expires_at": now + timedelta(hours=20)}
    soon = make_subscription(db, **given, customer=rich)
    dated = make_subscription(db, **given, customer=owes, suspend_on=now.date() - timedelta(days=1))
    db.add(SubscriptionLimits(
        subscription_id=dated.id, download_kbps=1000, upload_kbps=1000,
        speed_expires_at=now - timedelta(seconds=1),
    ))  # fmt: skip
    db.flush()
    waiting = plan_changes.change(
        db, actor=actor, now=now, subscription_id=soon.id, service_plan_id=other.id, effective=plan_changes.NEXT_PERIOD
    ).row
    waiting.effective_at = now - timedelta(seconds=1)
    registrations.ask(db, actor=actor, now=now, asked={"customer": {"name": "Budi"}})

    said = {name: say(name) for name in ("bss.suspend-dates", "bss.credit-limits", "bss.renew-from-balance")}
    counted = [say(name) for name in ("bss.plan-changes", "bss.temporary-speeds", "bss.registrations")]

    assert [line.partition(": ")[2] for lines in said.values() for line in lines] == [
        "1 subscriptions would be suspended", "1 customers owe more than they may",
        "1 customers with credit would be looked at",
    ]  # fmt: skip
    assert counted == [
        ["1 changes of plan would be made"], ["1 temporary speeds would be taken back"], ["1 that wait would be added"],
    ]  # fmt: skip
    assert say("bss.expiry-reminders")[0].endswith("ends of terms would be noted")
    (line,) = say("bss.billing")
    assert ("the run of " in line, "would begin" in line) == (True, True)
    db.expire_all()
    assert {row.status for row in db.scalars(select(Subscription))} == {"active"}
    assert db.scalars(select(CustomerNotice)).all() == []
    assert db.scalars(select(BillingRun)).all() == []
