"""How fast a customer's line is: measured from his router to the test server at his end, or told by whoever measured.

Decides who can be measured and what is kept; refuses to be used against any address but the customer's own, and to
wait: what was asked for stands in a row that a job carries out.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bss import fields
from bss.actor import Actor
from bss.customers.record import audit_customer
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.router_api.access import find_for_orders
from bss.rows import find, locked
from db.models import Customer, CustomerSpeedTest, Subscription
from db.queries import speed_tests as queries
from domain.customer_media import KEPT_TESTS

FASTEST_KBPS = 1_000_000_000
LONGEST_MS = 60_000
_AHEAD = timedelta(minutes=5)


def ask(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    subscription_id: int | None = None,
    username: str = "",
    password: str = "",
) -> CustomerSpeedTest:
    """Have the customer's line measured by the router he is on; `username` and `password` are of the test server there.

    Raises `Conflict` when he is not online, when his router cannot be asked, and while another test waits.
    """
    customer = locked(session, Customer, customer_id, actor=actor)
    running = queries.running_session(session, customer.id, _own(session, actor, customer, subscription_id))
    if running is None:
        mend = "wait until he is, or note what he measured himself"
        raise Conflict(Problem(field="", reason="he is not online with an address", mend=mend))
    router = find_for_orders(session, running.nas_server_id, actor=actor)
    if queries.has_waiting(session, customer.id):
        raise Conflict(Problem(field="", reason="a test of his line is running", mend="wait for what it says"))
    account = {
        "user": fields.text(username, field="username", longest=60),
        "password": fields.text(password, field="password", longest=120),
    }
    test = CustomerSpeedTest(
        tenant_id=customer.tenant_id, customer_id=customer.id, subscription_id=running.subscription_id,
        nas_server_id=router.id, source="router", state="waiting", address=running.address,
        account=json.dumps(account), requested_by=actor.name,
    )  # fmt: skip
    _keep(session, test)
    new = {"router": router.name, "address": running.address}
    audit_customer(session, actor, now, "customer.speed_test_asked", customer, new=new)
    return test


def note(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    subscription_id: int | None = None,
    download_kbps: int | None = None,
    upload_kbps: int | None = None,
    latency_ms: int | None = None,
    server: str = "",
    measured_at: datetime | None = None,
) -> CustomerSpeedTest:
    """Keep what the customer measured himself, with one speed at least; `server` says against what, in his words."""
    customer = locked(session, Customer, customer_id, actor=actor)
    figures = {
        "download_kbps": fields.optional_whole(download_kbps, field="download_kbps", least=0, most=FASTEST_KBPS),
        "upload_kbps": fields.optional_whole(upload_kbps, field="upload_kbps", least=0, most=FASTEST_KBPS),
        "latency_ms": fields.optional_whole(latency_ms, field="latency_ms", least=0, most=LONGEST_MS),
    }
    if figures["download_kbps"] is None and figures["upload_kbps"] is None:
        raise Invalid(Problem(field="download_kbps", reason="is missing", mend="write one speed at least"))
    test = CustomerSpeedTest(
        tenant_id=customer.tenant_id, customer_id=customer.id, source="client", state="done", requested_by=actor.name,
        subscription_id=_own(session, actor, customer, subscription_id), **figures,
        server=fields.text(server, field="server", longest=100), measured_at=_measured(measured_at, now),
    )  # fmt: skip
    _keep(session, test)
    audit_customer(session, actor, now, "customer.speed_test_told", customer, new=figures)
    return test


def of_customer(session: Session, *, actor: Actor, customer_id: int) -> Sequence[CustomerSpeedTest]:
    """All that are kept, the newest first: `KEPT_TESTS` at most."""
    return queries.tests_of(session, find(session, Customer, customer_id, actor=actor).id)


def one(session: Session, *, actor: Actor, customer_id: int, test_id: int) -> CustomerSpeedTest:
    """One test of a customer."""
    test = find(session, CustomerSpeedTest, test_id, actor=actor)
    if test.customer_id != find(session, Customer, customer_id, actor=actor).id:
        raise NotFound(Problem(field="", reason=f"he has no speed test {test_id}"))
    return test


def _own(session: Session, actor: Actor, customer: Customer, subscription_id: int | None) -> int | None:
    if subscription_id is None:
        return None
    subscription = find(session, Subscription, subscription_id, actor=actor)
    if subscription.customer_id != customer.id:
        raise Invalid(Problem(field="subscription_id", reason="belongs to another customer", mend="choose one of his"))
    return subscription.id


def _keep(session: Session, test: Any) -> None:
    session.add(test)
    session.flush()
    queries.forget_beyond(session, test.customer_id, most=KEPT_TESTS)


def _measured(value: datetime | None, now: datetime) -> datetime:
    if value is None:
        return now
    moment = fields.moment(value, field="measured_at")
    if moment > now + _AHEAD:
        raise Invalid(Problem(field="measured_at", reason="is ahead of now", mend="check the time"))
    return moment
