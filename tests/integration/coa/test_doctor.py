"""The connection doctor from end to end, with routers that answer, refuse, lie and are dead."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bss import doctor
from bss.actor import Actor
from bss.failure import NotFound
from coa.connection import connect
from coa.probe import probe_due
from db.models import AccessLog, NasServer, SessionChange, Subscription, SubscriptionMac
from factories import make_nas, make_plan, make_session, make_subscription
from routeros.pool import pool
from tests.integration.coa.conftest import Isp, Online, now

MAC = "AA:BB:CC:11:22:33"
FAST_ENOUGH_MS = 5000


def hear(db: Session, nas: NasServer, **over: Any) -> None:
    """The router's packets arrive and can be read."""
    values = {"last_seen_at": now(), "login_heard_at": now(), "signs_requests": True, "clock_skew_s": 0} | over
    for name, value in values.items():
        setattr(nas, name, value)
    db.commit()


def subscribe(db: Session, nas: NasServer, **over: Any) -> Subscription:
    plan = make_plan(db, tenant_id=nas.tenant_id, download_kbps=10_000, upload_kbps=5_000)
    subscription = make_subscription(db, tenant_id=nas.tenant_id, plan=plan, nas_server_id=nas.id, **over)
    db.commit()
    return subscription


def decide(db: Session, subscription: Subscription, nas: NasServer, reason: str, **over: Any) -> None:
    values = {
        "decided_at": now() - timedelta(minutes=2), "tenant_id": nas.tenant_id, "subscription_id": subscription.id,
        "nas_server_id": nas.id, "username": subscription.username, "callingstationid": MAC, "service": "pppoe",
        "result": "accept" if reason == "accepted" else "reject", "reason": reason, "decision_id": f"d{time.time_ns()}",
    }  # fmt: skip
    db.add(AccessLog(**values | over))
    db.commit()


def ask(db: Session, db_url: str, subscription: Subscription, *, with_worker: bool = True) -> doctor.Report:
    """Examine as a surface does: commit, then wake the sender, which here is a thread."""
    sent: list[threading.Thread] = []

    def then() -> None:
        db.commit()
        if with_worker:
            sent.append(threading.Thread(target=_probe, args=(db_url, now)))
            sent[0].start()

    actor = Actor.system(tenant_id=subscription.tenant_id, name="Dewi")
    found = doctor.examine(db, actor=actor, now=now(), subscription_id=subscription.id, then=then)
    for thread in sent:
        thread.join()
    assert found.took_ms < FAST_ENOUGH_MS
    assert [step.name for step in found.steps] == sorted((s.name for s in found.steps), key=doctor.STEPS.index)
    return found


def _probe(db_url: str, clock: Callable[[], datetime]) -> None:
    with connect(db_url) as connection:
        probe_due(connection, clock=clock)


def verdicts(found: doctor.Report) -> dict[str, str]:
    return {step.name: step.verdict for step in found.steps}


def online(isp: Isp, simulated: Any, nas: NasServer, *, rate: str = "5M/10M") -> Online:
    subscription = subscribe(isp.db, nas, username="budi")
    customer = isp.online(simulated, nas, subscription=subscription, acctstarttime=now() - timedelta(hours=1))
    customer.router.rate_limit = rate
    return customer


@pytest.fixture(autouse=True)
def fresh_pool() -> Any:
    yield
    pool.close()


def test_all_is_well_when_session_speed_and_port_are(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)

    found = ask(isp.db, db_url, customer.subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("well", "none")
    assert verdicts(found) == {
        "account": "ok", "logins": "unknown", "router": "ok", "secret": "ok", "clock": "ok", "session": "ok",
        "speed": "ok", "coa": "ok", "queue": "ok",
    }  # fmt: skip
    assert found.took_ms < 2000


def test_a_speed_that_is_not_the_one_asked_for_is_named_in_both_figures(isp: Isp, db_url: str) -> None:
    simulated, nas, api = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    api.tables.shows_instead["budi"] = "1M/2M"

    found = ask(isp.db, db_url, customer.subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("rate_differs", "resend_speed")
    assert f"{nas.name} gives him 1M/2M instead of 5M/10M" in found.conclusion.reason


def test_a_session_that_the_router_does_not_have_any_more(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    simulated.router.sessions.clear()

    found = ask(isp.db, db_url, customer.subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("session_gone", "disconnect")


@pytest.mark.parametrize("is_api_silent", [True, False])
def test_a_dead_router_costs_less_than_five_seconds_and_is_no_proof_against_the_session(
    isp: Isp, db_url: str, is_api_silent: bool
) -> None:
    simulated, nas, api = isp.router_with_api(coa_port=9)
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    api.faults.is_silent, api.faults.is_refusing = is_api_silent, not is_api_silent

    found = ask(isp.db, db_url, customer.subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("coa_port", "open_router")
    assert verdicts(found)["session"] == "ok"
    assert verdicts(found)["speed"] == "unknown"
    assert verdicts(found)["coa"] == "bad"


def test_without_a_worker_nothing_is_said_against_the_port(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)

    found = ask(isp.db, db_url, customer.subscription, with_worker=False)

    assert found.conclusion.code == "well"
    assert verdicts(found)["coa"] == "unknown"


def test_a_change_that_nobody_takes_is_told_with_since_when(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    (change_id,) = isp.ask(customer)
    isp.execute(
        "UPDATE session_changes SET caused_at = caused_at - interval '5 minutes',"
        " next_attempt_at = next_attempt_at - interval '5 minutes' WHERE id = %s",
        change_id,
    )

    found = ask(isp.db, db_url, customer.subscription, with_worker=False)

    assert (found.conclusion.code, found.conclusion.action) == ("change_stuck", "watch_changes")
    assert verdicts(found)["queue"] == "bad"
    isp.drain()
    assert ask(isp.db, db_url, customer.subscription).conclusion.code == "well"


def test_a_refused_change_of_the_running_session(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    isp.db.add(
        SessionChange(
            tenant_id=nas.tenant_id, subscription_id=customer.subscription.id, nas_server_id=nas.id,
            acctuniqueid=customer.row.acctuniqueid, acctsessionid=customer.row.acctsessionid, username="budi",
            kind="coa", reason="plan_change", requested_by="Dewi", caused_at=now(), status="nak",
            error_cause="401 Unsupported-Attribute",
        )
    )  # fmt: skip
    isp.db.commit()

    found = ask(isp.db, db_url, customer.subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("change_refused", "disconnect")
    assert "401 Unsupported-Attribute" in found.conclusion.reason


def test_a_secret_on_the_router_hides_radius(isp: Isp, db_url: str) -> None:
    _, nas, api = isp.router_with_api()
    hear(isp.db, nas)
    subscription = subscribe(isp.db, nas, username="budi")
    api.tables.put("/ppp/secret", {"name": "budi", "service": "pppoe", "disabled": "false"})

    found = ask(isp.db, db_url, subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("local_secret", "remove_local_secret")
    assert found.conclusion.facts.nas_id == nas.id


def test_a_router_that_is_to_keep_names_is_not_blamed_for_one(isp: Isp, db_url: str) -> None:
    _, nas, api = isp.router_with_api(provisioning_mode="both")
    hear(isp.db, nas)
    subscription = subscribe(isp.db, nas, username="budi")
    api.tables.put("/ppp/secret", {"name": "budi", "service": "pppoe", "disabled": "false"})

    assert ask(isp.db, db_url, subscription).conclusion.code == "never_tried"


def test_online_there_without_a_word_of_it(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    isp.db.delete(customer.row)
    isp.db.commit()

    assert ask(isp.db, db_url, customer.subscription).conclusion.code == "not_accounted"


@pytest.mark.parametrize(
    ("over", "code", "action"),
    [
        ({"status": "suspended"}, "account", "activate"),
        ({"status": "suspended", "suspend_cause": "overdue"}, "account", "record_payment"),
        ({"expires_at": "long ago"}, "account", "renew"),
        ({"status": "pending"}, "account", "activate"),
    ],
)
def test_the_account_is_looked_at_first(isp: Isp, db_url: str, over: dict[str, Any], code: str, action: str) -> None:
    _, nas = isp.router(coa_port=9)
    hear(isp.db, nas)
    if over.get("expires_at"):
        over = {"expires_at": now() - timedelta(days=60)}
    subscription = subscribe(isp.db, nas, **over)
    decide(isp.db, subscription, nas, "wrong_password")

    found = ask(isp.db, db_url, subscription, with_worker=False)

    assert (found.conclusion.code, found.conclusion.action) == (code, action)


@pytest.mark.parametrize(
    ("reason", "code", "action"),
    [
        ("wrong_password", "refused", "show_password"),
        ("wrong_device", "refused", "allow_device"),
        ("accepted", "accounting_missing", "open_router"),
        (None, "never_tried", "show_password"),
    ],
)
def test_the_last_login_tells(isp: Isp, db_url: str, reason: str | None, code: str, action: str) -> None:
    _, nas = isp.router()
    hear(isp.db, nas, last_seen_at=now() - timedelta(minutes=10))
    subscription = subscribe(isp.db, nas, mac_binding="fixed")
    isp.db.add(
        SubscriptionMac(
            tenant_id=nas.tenant_id, subscription_id=subscription.id, mac="D4:CA:6D:00:00:01", status="approved"
        )
    )
    isp.db.commit()
    if reason is not None:
        decide(isp.db, subscription, nas, reason)

    found = ask(isp.db, db_url, subscription)

    assert (found.conclusion.code, found.conclusion.action) == (code, action)
    assert found.conclusion.facts.mac == (None if reason is None else MAC)


def test_a_refusal_that_was_mended_since_asks_for_another_try(isp: Isp, db_url: str) -> None:
    _, nas = isp.router()
    hear(isp.db, nas)
    subscription = subscribe(isp.db, nas)
    decide(isp.db, subscription, nas, "wrong_device")

    assert ask(isp.db, db_url, subscription).conclusion.code == "refused_before"


def test_a_silent_session_keeps_the_new_login_out(isp: Isp, db_url: str) -> None:
    _, nas = isp.router()
    hear(isp.db, nas)
    subscription = subscribe(isp.db, nas)
    make_session(
        isp.db, subscription, nas, acctstarttime=now() - timedelta(hours=9), acctupdatetime=now() - timedelta(hours=3)
    )
    decide(isp.db, subscription, nas, "session_limit")

    found = ask(isp.db, db_url, subscription)

    assert (found.conclusion.code, found.conclusion.action) == ("session_blocks", "disconnect")


@pytest.mark.parametrize(
    ("heard", "code"),
    [
        ({"last_seen_at": None, "login_heard_at": None, "signs_requests": None}, "router_never"),
        ({"last_seen_at": "old", "login_heard_at": "old"}, "router_silent"),
        ({"unreadable_at": "now", "last_seen_at": "old"}, "wrong_secret"),
        ({"login_heard_at": "old", "last_seen_at": None, "signs_requests": None}, "wrong_secret"),
        ({"is_active": False}, "router_off"),
    ],
)
def test_the_router_is_looked_at_before_the_customer_is_blamed(
    isp: Isp, db_url: str, heard: dict[str, Any], code: str
) -> None:
    _, nas = isp.router()
    moments = {"old": now() - timedelta(hours=2), "now": now()}
    hear(isp.db, nas, **{name: moments.get(value, value) for name, value in heard.items()})
    subscription = subscribe(isp.db, nas)

    found = ask(isp.db, db_url, subscription)

    assert (found.conclusion.code, found.conclusion.action) == (code, "open_router")


def test_a_wrong_clock_is_told_when_nothing_else_is_wrong(isp: Isp, db_url: str) -> None:
    simulated, nas, _ = isp.router_with_api()
    hear(isp.db, nas, clock_skew_s=-3605)
    customer = online(isp, simulated, nas)

    found = ask(isp.db, db_url, customer.subscription)

    assert found.conclusion.code == "clock"
    assert verdicts(found)["clock"] == "bad"


def test_the_steps_come_before_the_slow_answers(isp: Isp, db_url: str) -> None:
    simulated, nas, api = isp.router_with_api(coa_port=9)
    hear(isp.db, nas)
    customer = online(isp, simulated, nas)
    api.faults.is_silent = True
    actor = Actor.system(tenant_id=nas.tenant_id, name="Dewi")

    begun = doctor.begin(isp.db, actor=actor, now=now(), subscription_id=customer.subscription.id)
    isp.db.commit()
    walk = doctor.walk(isp.db, begun)
    began = time.monotonic()
    first = [next(walk) for _ in begun.steps]

    assert [step.name for step in first if isinstance(step, doctor.Step)][:2] == ["account", "logins"]
    assert time.monotonic() - began < 0.2
    walk.close()


def test_a_customer_of_another_provider_does_not_exist(isp: Isp, db_url: str) -> None:
    _, nas = isp.router()
    subscription = subscribe(isp.db, nas)
    stranger = Actor.system(tenant_id=nas.tenant_id + 1000, name="Dewi")

    with pytest.raises(NotFound):
        doctor.begin(isp.db, actor=stranger, now=now(), subscription_id=subscription.id)


def test_a_customer_without_any_router_is_examined_all_the_same(isp: Isp, db_url: str) -> None:
    nas = make_nas(isp.db)
    subscription = subscribe(isp.db, nas)
    subscription.nas_server_id = None
    isp.db.commit()

    found = ask(isp.db, db_url, subscription)

    assert found.conclusion.code == "never_tried"
    assert found.took_ms < 1000
