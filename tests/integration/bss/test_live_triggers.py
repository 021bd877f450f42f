"""Everything that reaches a running session, one row each: who is cut off, who is re-sped, who is told a new limit."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from accounting import fairuse, quotas
from accounting.newcomers import Newcomer, put_right
from bss import blacklist, bulk_changes, customers, fair_use_by_hand, plans, sessions, subscriptions, topups
from bss import quotas as own_quotas
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.engine import psycopg_of
from db.models import BulkChange, NasServer, RadAcct, SessionChange, Subscription, UsageDaily
from factories import make_nas, make_plan, make_session, make_subscription

pytestmark = pytest.mark.usefixtures("keys_file")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DATA = {"kind": "data", "period": "total", "limit_bytes": 1000}


class Case:
    """A customer who is online since an hour, and the hands that do something to him."""

    def __init__(self, db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
        self.db, self.actor, self.router, self.now = db, actor, router, now
        self.plan = make_plan(db, tenant_id=actor.tenant_id)
        self.subscription: Subscription = make_subscription(db, tenant_id=actor.tenant_id, plan=self.plan)
        self.session: RadAcct = make_session(
            db,
            self.subscription,
            router,
            acctstarttime=now - HOUR,
            acctsessiontime=3600,
            acctinputoctets=100,
            acctoutputoctets=300,
            callingstationid="AA:BB:CC:00:00:01",
            framedprotocol="PPP",
        )
        db.flush()

    def do(self, use_case: Callable[..., Any], **arguments: Any) -> Any:
        return use_case(self.db, actor=self.actor, now=self.now, **arguments)

    def to_it(self, use_case: Callable[..., Any], **arguments: Any) -> Any:
        return self.do(use_case, subscription_id=self.subscription.id, **arguments)

    def to_him(self, use_case: Callable[..., Any], **arguments: Any) -> Any:
        return self.do(use_case, customer_id=self.subscription.customer_id, **arguments)

    def used(self, download_bytes: int) -> None:
        day = self.now.date()
        self.db.add(
            UsageDaily(
                subscription_id=self.subscription.id,
                nas_server_id=self.router.id,
                day=day,
                download_bytes=download_bytes,
            )
        )
        self.db.flush()

    def asked(self) -> list[tuple[str, dict[str, str]]]:
        """What waits to be sent."""
        rows = self.db.scalars(
            select(SessionChange).where(SessionChange.status == "pending").order_by(SessionChange.id)
        )
        return [(row.kind, row.attributes) for row in rows]


@pytest.fixture
def case(db: Session, actor: Actor, router: NasServer, now: datetime) -> Case:
    return Case(db, actor, router, now)


def another_plan(case: Case, **over: Any) -> int:
    return make_plan(case.db, tenant_id=case.actor.tenant_id, **over).id


def use_up(case: Case) -> None:
    case.to_it(own_quotas.set_own, quotas=[DATA])
    case.db.query(SessionChange).delete()
    case.used(1000)
    quotas.settle(psycopg_of(case.db), [case.subscription.id], now=case.now)


def expire(case: Case) -> None:
    case.to_it(subscriptions.change_expiry, expires_at=case.now - 30 * DAY)


def bind_elsewhere(case: Case) -> None:
    other = make_nas(case.db, tenant_id=case.actor.tenant_id)
    case.to_it(subscriptions.edit, changes={"nas_binding": "nas", "nas_server_id": other.id})


def fair_use_on(case: Case) -> None:
    rule = {"threshold_bytes": 10, "reduced_download_kbps": 1000, "reduced_upload_kbps": 500}
    case.do(plans.edit, plan_id=case.plan.id, changes={"fup_rules": [rule]}, apply_live=False)
    case.used(1000)
    fairuse.apply_crossings(psycopg_of(case.db), [case.subscription.id], caused_at={}, now=case.now)


def fair_use_off(case: Case) -> None:
    fair_use_on(case)
    case.db.query(SessionChange).delete()
    case.to_it(fair_use_by_hand.lift)


CUT_OFF: dict[str, Callable[[Case], Any]] = {
    "suspend": lambda case: case.to_it(subscriptions.suspend),
    "suspend the customer": lambda case: case.to_him(customers.suspend),
    "disable": lambda case: case.to_it(subscriptions.disable),
    "cancel": lambda case: case.to_it(subscriptions.cancel),
    "terminate": lambda case: case.to_it(subscriptions.terminate),
    "terminate the customer": lambda case: case.to_him(customers.terminate),
    "delete": lambda case: case.to_him(customers.delete),
    "blacklist the device": lambda case: case.do(blacklist.add, mac="AA:BB:CC:00:00:01"),
    "blacklist the customer": lambda case: case.to_him(customers.block, status="blacklisted"),
    "expire": expire,
    "MAC binding": lambda case: [
        case.to_it(subscriptions.add_mac, mac="AA:BB:CC:00:00:99"),
        case.to_it(subscriptions.set_mac_binding, mac_binding="fixed"),
    ],
    "password": lambda case: case.to_it(subscriptions.change_password),
    "username": lambda case: case.to_it(subscriptions.edit, changes={"username": "another"}),
    "NAS move": bind_elsewhere,
    "fixed address": lambda case: case.to_it(subscriptions.assign_ip, assigned_ip="10.9.9.9"),
    "address list": lambda case: case.to_it(subscriptions.edit, changes={"address_list": "vip"}),
    "quota used up": use_up,
    "staff click": lambda case: case.do(sessions.disconnect_session, session_id=case.session.acctuniqueid),
    "staff click on the subscription": lambda case: case.to_it(sessions.disconnect_subscription),
}


@pytest.mark.parametrize("trigger", CUT_OFF)
def test_a_session_that_may_not_go_on_is_ended(case: Case, trigger: str) -> None:
    CUT_OFF[trigger](case)
    assert [kind for kind, _ in case.asked()] == ["disconnect"]


SPEED: dict[str, tuple[Callable[[Case], Any], str]] = {
    "package": (
        lambda case: case.to_it(
            subscriptions.change_plan,
            service_plan_id=another_plan(case, download_kbps=7000, upload_kbps=3000),
        ),
        "3M/7M",
    ),
    "own speed": (
        lambda case: case.to_it(subscriptions.set_limits, changes={"download_kbps": 7000, "upload_kbps": 3000}),
        "3M/7M",
    ),
    "plan's speed": (
        lambda case: case.do(plans.edit, plan_id=case.plan.id, changes={"download_kbps": 7000, "upload_kbps": 3000}),
        "3M/7M",
    ),
    "sent again": (lambda case: case.to_it(sessions.resend_speed), "5M/10M"),
    "fair use on": (fair_use_on, "500k/1M"),
    "fair use off": (fair_use_off, ""),
}


@pytest.mark.parametrize("trigger", SPEED)
def test_a_session_gets_its_new_speed(case: Case, trigger: str) -> None:
    act, rate = SPEED[trigger]
    act(case)
    ((kind, attributes),) = case.asked()
    assert kind == "coa"
    assert attributes["Mikrotik-Rate-Limit"].startswith(rate)


def topped_up(case: Case) -> None:
    case.used(400)
    case.to_it(own_quotas.set_own, quotas=[DATA])
    case.db.query(SessionChange).delete()
    case.to_it(topups.add, kind="data", amount_bytes=500)


LIMITS: dict[str, tuple[Callable[[Case], Any], dict[str, str]]] = {
    # An hour has passed already, and 400 bytes.
    "later end of the term": (
        lambda case: case.to_it(subscriptions.change_expiry, expires_at=case.now + HOUR),
        {"Session-Timeout": str(2 * 3600 + 3 * 86_400)},
    ),
    "no end any more": (
        lambda case: case.to_it(subscriptions.change_expiry, expires_at=None),
        {"Session-Timeout": "21474720"},
    ),
    "session time": (
        lambda case: case.to_it(subscriptions.set_limits, changes={"session_timeout_s": 7200}),
        {"Session-Timeout": "7200"},
    ),
    "plan's session time": (
        lambda case: case.do(plans.edit, plan_id=case.plan.id, changes={"session_timeout_s": 7200}),
        {"Session-Timeout": "7200"},
    ),
    "top-up": (topped_up, {"Mikrotik-Total-Limit": "1500"}),
    "own allowance": (
        lambda case: [case.used(400), case.to_it(own_quotas.set_own, quotas=[DATA])],
        {"Mikrotik-Total-Limit": "1000"},
    ),
}


@pytest.mark.parametrize("trigger", LIMITS)
def test_a_session_is_told_its_new_limit_with_what_it_used_already(case: Case, trigger: str) -> None:
    act, limits = LIMITS[trigger]
    case.db.execute(
        Subscription.__table__.update()  # type: ignore[attr-defined]
        .where(Subscription.id == case.subscription.id)
        .values(grace_period_days=3)
    )
    case.db.expire_all()
    act(case)
    ((kind, attributes),) = case.asked()
    assert kind == "coa"
    assert attributes == limits


def test_longer_hours_reach_who_is_online(case: Case) -> None:
    hours = [{"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
    case.do(plans.edit, plan_id=case.plan.id, changes={"time_windows": hours})
    kinds = {kind for kind, _ in case.asked()}
    assert kinds == {"coa"}
    # Hours that follow without a gap never end; the limit of before is lifted, and the speed is said beside it.
    (_, attributes) = case.asked()[-1]
    assert set(attributes) == {"Session-Timeout", "Mikrotik-Rate-Limit"}


def test_a_new_speed_does_not_undo_a_limit_that_is_still_waiting(case: Case) -> None:
    case.to_it(subscriptions.set_limits, changes={"session_timeout_s": 7200})
    case.to_it(subscriptions.set_limits, changes={"download_kbps": 7000, "upload_kbps": 3000})
    ((_, attributes),) = case.asked()
    assert attributes == {"Session-Timeout": "7200", "Mikrotik-Rate-Limit": "3M/7M"}


def test_the_same_desired_state_is_asked_once(case: Case) -> None:
    """R2: applied twice, nothing is written the second time."""
    case.to_it(subscriptions.set_limits, changes={"session_timeout_s": 7200})
    case.db.query(SessionChange).update({"status": "ack"})
    again = case.to_it(own_quotas.set_own, quotas=[])
    assert (again.effect.sessions, case.asked()) == (0, [])
    topped = case.to_it(topups.add, kind="time", amount_s=600, for_good=True)
    assert (topped.effect.sessions, case.asked()) == (0, [])


def test_hours_that_ended_before_the_start_was_counted_end_the_session(case: Case) -> None:
    never = [{"weekdays": [("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(case.now + 3 * DAY).weekday()]],
              "start": "00:00", "end": "01:00"}]  # fmt: skip
    case.do(plans.edit, plan_id=case.plan.id, changes={"time_windows": never}, apply_live=False)
    newcomer = Newcomer(
        unique_id=case.session.acctuniqueid, subscription_id=case.subscription.id, fup_tier=0, seen_at=case.now
    )
    assert put_right(psycopg_of(case.db), [newcomer], case.now) == 1
    assert [kind for kind, _ in case.asked()] == ["disconnect"]


# --- many at once ---


def many(case: Case, number: int) -> list[RadAcct]:
    made = []
    for _ in range(number):
        subscription = make_subscription(case.db, tenant_id=case.actor.tenant_id, plan=case.plan)
        made.append(make_session(case.db, subscription, case.router, acctstarttime=case.now - HOUR))
    case.db.flush()
    return made


def begun(case: Case, **wanted: Any) -> BulkChange:
    made: BulkChange = case.do(bulk_changes.start, **wanted)
    while bulk_changes.step(case.db, now=case.now, bulk_id=made.id):
        pass
    return made


def test_a_routers_sessions_are_ended_in_portions_behind_what_somebody_waits_for(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_changes, "PORTION", 2)
    many(case, 4)
    stranger = make_session(
        case.db, case.subscription, case.router, subscription_id=None, acctstarttime=case.now - HOUR
    )
    elsewhere = make_session(case.db, case.subscription, make_nas(case.db, tenant_id=case.actor.tenant_id))
    bulk = begun(case, kind="disconnect", nas_server_id=case.router.id)
    rows = case.db.scalars(select(SessionChange)).all()
    assert {row.kind for row in rows} == {"disconnect"}
    assert {row.priority for row in rows} == {1}
    assert stranger.acctuniqueid in {row.acctuniqueid for row in rows}
    assert elsewhere.acctuniqueid not in {row.acctuniqueid for row in rows}
    assert (bulk.sessions, bulk.looked_at_sessions, len(rows)) == (6, 6, 6)


def test_a_plans_speed_goes_only_to_who_was_told_another_last(case: Case) -> None:
    many(case, 3)
    begun(case, kind="speed", service_plan_id=case.plan.id)
    case.db.query(SessionChange).update({"status": "ack"})
    again = begun(case, kind="speed", service_plan_id=case.plan.id)
    assert bulk_changes.report(case.db, again).asked == 0
    forced = begun(case, kind="speed", service_plan_id=case.plan.id, again=True)
    assert bulk_changes.report(case.db, forced).asked == 4


def test_a_bulk_change_is_held_goes_on_is_stopped_and_reported(case: Case) -> None:
    many(case, 5)
    bulk = begun(case, kind="disconnect", service_plan_id=case.plan.id)
    ids = list(case.db.scalars(select(SessionChange.id).order_by(SessionChange.id)))
    for status, cause, number in (("ack", None, ids[0]), ("nak", "401 Unsupported-Attribute", ids[1])):
        case.db.query(SessionChange).filter_by(id=number).update({"status": status, "error_cause": cause})
    case.do(bulk_changes.pause, bulk_id=bulk.id)
    assert bulk_changes.step(case.db, now=case.now, bulk_id=bulk.id) is None
    held = case.db.scalars(select(SessionChange.next_attempt_at).where(SessionChange.status == "pending")).all()
    assert {moment.year for moment in held} == {9999}
    with pytest.raises(Conflict):
        case.do(bulk_changes.pause, bulk_id=bulk.id)
    case.do(bulk_changes.resume, bulk_id=bulk.id)
    waiting = case.db.scalars(select(SessionChange.next_attempt_at).where(SessionChange.status == "pending")).all()
    assert set(waiting) == {case.now}
    case.do(bulk_changes.stop, bulk_id=bulk.id)
    report = bulk_changes.report(case.db, bulk)
    assert (report.done, report.failed, report.taken_back, report.gone, report.waiting) == (1, 1, 4, 0, 0)
    assert report.failed_by_cause == (("401 Unsupported-Attribute", 1),)
    assert bulk.state == "stopped"


def test_a_bulk_change_is_done_when_nothing_waits_any_more(case: Case) -> None:
    bulk = begun(case, kind="disconnect", nas_server_id=case.router.id)
    assert bulk.state == "running"
    case.db.query(SessionChange).update({"status": "ack"})
    assert bulk_changes.step(case.db, now=case.now, bulk_id=bulk.id) is None
    assert bulk.state == "done"


def test_a_plan_with_more_sessions_than_a_portion_follows_in_the_background(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_changes, "PORTION", 2)
    many(case, 3)
    changed = case.do(plans.edit, plan_id=case.plan.id, changes={"download_kbps": 7000, "upload_kbps": 3000})
    assert (changed.effect.bulk_sessions, case.asked()) == (4, [])
    assert str(changed.effect) == "4 sessions will be changed in the background"


def test_nothing_given_is_not_everybody(case: Case) -> None:
    with pytest.raises(Invalid):
        case.do(bulk_changes.start, kind="disconnect")
