"""A customer's line: measured from his router to his own end, or told, and never against anybody else's address."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bss import speed_tests
from bss.actor import Actor
from bss.failure import Conflict, Failure, Invalid
from bss.router_api import measuring, tasks
from db.models import AuditLog, Customer, CustomerSpeedTest, NasServer, Tenant
from domain.customer_media import KEPT_TESTS
from factories import make_customer, make_session, make_subscription
from integration.router_api.conftest import NewRouter, now
from simulator import ApiServer

ADDRESS = "10.20.0.7"


@pytest.fixture
def online(db: Session, tenant: Tenant, new_router: NewRouter) -> Callable[[], tuple[ApiServer, NasServer, Customer]]:
    def make() -> tuple[ApiServer, NasServer, Customer]:
        api, nas = new_router()
        customer = make_customer(db, tenant=tenant)
        subscription = make_subscription(db, tenant=tenant, customer=customer, nas=nas)
        make_session(db, subscription, nas, framedipaddress=ADDRESS)
        db.commit()
        return api, nas, customer

    return make


def ask(db: Session, actor: Actor, customer: Customer, **login: str) -> CustomerSpeedTest:
    test = speed_tests.ask(db, actor=actor, now=now(), customer_id=customer.id, **login)
    db.commit()
    return test


def test_his_router_measures_both_ways_from_his_side_and_forgets_the_password(
    db: Session, actor: Actor, online: Callable[[], tuple[ApiServer, NasServer, Customer]]
) -> None:
    api, nas, customer = online()
    api.tables.bandwidth.account = ("test", "rahasia-9")
    test = ask(db, actor, customer, username="test", password="rahasia-9")
    kept = db.execute(text("SELECT account_enc FROM customer_speed_tests")).scalar_one()

    assert tasks.measure_due(db) == 1
    assert tasks.measure_due(db) == 0

    db.refresh(test)
    assert (test.state, test.problem, test.nas_server_id, str(test.address)) == ("done", "", nas.id, ADDRESS)
    assert (test.download_kbps, test.upload_kbps, test.latency_ms) == (19_800, 9_700, Decimal("1.523"))
    assert b"rahasia" not in bytes(kept)
    assert db.execute(text("SELECT account_enc FROM customer_speed_tests")).scalar_one() is None
    assert "rahasia" not in str([(row.old_values, row.new_values) for row in db.scalars(select(AuditLog))])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("login", "the test server at his end did not take part: authentication failed"),
        ("silent", "did not answer in time"),
        ("trap", "not enough permissions (9)"),
    ],
)
def test_what_could_not_be_measured_says_why_and_is_over(
    db: Session,
    actor: Actor,
    online: Callable[[], tuple[ApiServer, NasServer, Customer]],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    said: str,
) -> None:
    monkeypatch.setattr(measuring, "FIRST_ANSWER_S", 0.3)
    api, _, customer = online()
    test = ask(db, actor, customer)
    if fault == "login":
        api.tables.bandwidth.account = ("test", "secret")
    if fault == "silent":
        api.faults.is_silent = True
    if fault == "trap":
        api.faults.traps["/tool/bandwidth-test"] = "not enough permissions (9)"

    tasks.measure_due(db)

    db.refresh(test)
    assert (test.state, test.download_kbps) == ("failed", None)
    assert said in test.problem


def test_only_who_is_online_is_measured_and_once_at_a_time(
    db: Session, tenant: Tenant, actor: Actor, online: Callable[[], tuple[ApiServer, NasServer, Customer]]
) -> None:
    _, _, customer = online()
    away = make_customer(db, tenant=tenant)
    ask(db, actor, customer)

    with pytest.raises(Conflict, match="not online"):
        ask(db, actor, away)
    with pytest.raises(Conflict, match="is running"):
        ask(db, actor, customer)


def test_a_test_whose_worker_was_killed_is_over(
    db: Session, actor: Actor, online: Callable[[], tuple[ApiServer, NasServer, Customer]]
) -> None:
    _, _, customer = online()
    test = ask(db, actor, customer)
    test.state, test.claimed_until = "running", now() - timedelta(seconds=1)
    db.commit()

    tasks.measure_due(db)

    db.refresh(test)
    assert (test.state, test.problem, test.claimed_until) == ("failed", measuring.ABANDONED, None)
    assert ask(db, actor, customer).state == "waiting"


@pytest.mark.usefixtures("keys_file")
def test_what_he_measured_himself_is_kept_with_what_he_said(db: Session, tenant: Tenant, actor: Actor) -> None:
    customer, other = make_customer(db, tenant=tenant), make_customer(db, tenant=tenant)
    theirs = make_subscription(db, tenant=tenant, customer=other)
    given = {"download_kbps": 18_000, "upload_kbps": 9_000, "latency_ms": 12, "server": "speed.example.net"}

    test = speed_tests.note(db, actor=actor, now=now(), customer_id=customer.id, **given)

    assert (test.source, test.state, test.server, test.requested_by) == ("client", "done", given["server"], "Dewi")
    bad = [
        {"download_kbps": None, "upload_kbps": None},
        {"download_kbps": -1},
        {"subscription_id": theirs.id},
        {"measured_at": now() + timedelta(hours=1)},
    ]
    for over in bad:
        with pytest.raises(Failure) as refusal:
            speed_tests.note(db, actor=actor, now=now(), customer_id=customer.id, **(given | over))
        assert isinstance(refusal.value, Invalid)


def test_the_oldest_tests_of_a_customer_go(db: Session, tenant: Tenant, actor: Actor) -> None:
    customer = make_customer(db, tenant=tenant)
    for number in range(KEPT_TESTS + 3):
        speed_tests.note(db, actor=actor, now=now(), customer_id=customer.id, download_kbps=number)

    kept = speed_tests.of_customer(db, actor=actor, customer_id=customer.id)
    assert (len(kept), kept[0].download_kbps, kept[-1].download_kbps) == (KEPT_TESTS, KEPT_TESTS + 2, 3)
