"""Speed tests of customers: where one is online, his tests, and those that a job is to carry out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, undefer

from db.models import CustomerSpeedTest, RadAcct, Subscription

_OPEN = ("waiting", "running")


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A session with an address, on a router."""

    subscription_id: int
    nas_server_id: int
    address: str


def running_session(session: Session, customer_id: int, subscription_id: int | None) -> Running | None:
    """The customer's newest session that can be measured, of one subscription or any."""
    statement = (
        select(Subscription.id, RadAcct.nas_server_id, RadAcct.framedipaddress)
        .join(Subscription, Subscription.id == RadAcct.subscription_id)
        .where(
            Subscription.customer_id == customer_id,
            RadAcct.acctstoptime.is_(None),
            RadAcct.framedipaddress.is_not(None),
            RadAcct.nas_server_id.is_not(None),
        )
    )
    if subscription_id is not None:
        statement = statement.where(Subscription.id == subscription_id)
    row = session.execute(statement.order_by(RadAcct.acctstarttime.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Running(subscription_id=row[0], nas_server_id=row[1], address=str(row[2]))


def tests_of(session: Session, customer_id: int) -> Sequence[CustomerSpeedTest]:
    """All of a customer, the newest first."""
    statement = select(CustomerSpeedTest).where(CustomerSpeedTest.customer_id == customer_id)
    return session.scalars(statement.order_by(CustomerSpeedTest.id.desc())).all()


def has_waiting(session: Session, customer_id: int) -> bool:
    """Whether one of his tests is not over."""
    statement = select(CustomerSpeedTest.id).where(
        CustomerSpeedTest.customer_id == customer_id, CustomerSpeedTest.state.in_(_OPEN)
    )
    return session.scalar(statement.limit(1)) is not None


def forget_beyond(session: Session, customer_id: int, *, most: int) -> None:
    """Delete the oldest ones that are over, past so many in all."""
    newest = (
        select(CustomerSpeedTest.id)
        .where(CustomerSpeedTest.customer_id == customer_id)
        .order_by(CustomerSpeedTest.id.desc())
        .limit(most)
    )
    session.execute(
        delete(CustomerSpeedTest).where(
            CustomerSpeedTest.customer_id == customer_id,
            CustomerSpeedTest.state.not_in(_OPEN),
            CustomerSpeedTest.id.not_in(newest),
        )
    )


def fail_abandoned(session: Session, *, now: datetime, problem: str) -> None:
    """Those whose worker was killed, and those whose router is no more, are over."""
    is_killed = (CustomerSpeedTest.state == "running") & (CustomerSpeedTest.claimed_until < now)
    is_lost = (CustomerSpeedTest.state == "waiting") & CustomerSpeedTest.nas_server_id.is_(None)
    session.execute(
        update(CustomerSpeedTest)
        .where(or_(is_killed, is_lost))
        .values(state="failed", problem=problem, account=None, claimed_until=None)
    )


def claim_tests(session: Session, *, until: datetime, limit: int) -> Sequence[CustomerSpeedTest]:
    """The next ones, the oldest first, taken until a moment. One router has one test at a time: two would share it."""
    busy = select(CustomerSpeedTest.nas_server_id).where(CustomerSpeedTest.state == "running")
    first = (
        select(func.min(CustomerSpeedTest.id))
        .where(CustomerSpeedTest.state == "waiting", CustomerSpeedTest.nas_server_id.is_not(None))
        .group_by(CustomerSpeedTest.nas_server_id)
        .having(CustomerSpeedTest.nas_server_id.not_in(busy))
    )
    statement = (
        select(CustomerSpeedTest)
        .where(CustomerSpeedTest.id.in_(first), CustomerSpeedTest.state == "waiting")
        .options(undefer(CustomerSpeedTest.account))
        .order_by(CustomerSpeedTest.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    tests = session.scalars(statement, execution_options={"populate_existing": True}).all()
    for test in tests:
        test.state, test.claimed_until = "running", until
    session.flush()
    return tests


def lock_running(session: Session, test_id: int) -> CustomerSpeedTest | None:
    """The test, if nobody called it over meanwhile."""
    statement = select(CustomerSpeedTest).where(CustomerSpeedTest.id == test_id, CustomerSpeedTest.state == "running")
    return session.scalars(statement.with_for_update(), execution_options={"populate_existing": True}).one_or_none()
