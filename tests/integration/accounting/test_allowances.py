"""Allowances and hours on the live side: used up, given back, topped up, shared; each with its change in the outbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from accounting import jobs
from accounting.collector import Collector
from db.models import AllowanceQuota, Family, NasServer, PlanTimeWindow, QuotaTopup, Subscription, UsageDaily
from factories import make_session, make_subscription
from tests.integration.accounting.conftest import GIB, Clock, Isp, MakeCollector, SpoolWriter, class_of, drain

# 17:00 of today in Jakarta: what lies a month back is one row to whoever asks for what is left.
TODAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
SLOW = {"action": "throttle", "throttle_download_kbps": 1_000, "throttle_upload_kbps": 512}


@pytest.fixture(autouse=True)
def today(clock: Clock) -> None:
    clock.now = TODAY


def use(spool: SpoolWriter, subscription_id: int, *, gib: float = 0, seconds: int = 300, session: str = "1") -> None:
    total = int(gib * GIB)
    spool.send(
        "Interim-Update", Class=class_of(subscription_id), Acct_Session_Time=seconds,
        Acct_Session_Id=f"8100000{session}", Acct_Output_Octets=total % (1 << 32), Acct_Output_Gigawords=total >> 32,
    )  # fmt: skip


def allow(db: Session, isp: Isp, **over: Any) -> AllowanceQuota:
    """An allowance of 4 GiB a day of the plan, unless told otherwise."""
    owner = {} if "family_id" in over or "subscription_id" in over else {"service_plan_id": isp.plan_id}
    values = {"kind": "data", "period": "daily", "limit_amount": 4 * GIB, "tenant_id": isp.tenant_id} | owner | over
    quota = AllowanceQuota(**values)
    db.add(quota)
    db.commit()
    return quota


def top_up(db: Session, isp: Isp, **over: Any) -> None:
    values = {"tenant_id": isp.tenant_id, "subscription_id": isp.subscription_id, "amount": 2 * GIB}
    db.add(QuotaTopup(**values | {"valid_from": TODAY} | over))
    db.commit()


def changes(isp: Isp) -> list[tuple[str, str, dict[str, str]]]:
    rows = isp.rows("SELECT kind, reason, attributes FROM session_changes ORDER BY id")
    return [(row["kind"], row["reason"], row["attributes"]) for row in rows]


def test_a_used_up_allowance_ends_the_session_and_is_noted_until_its_period_turns(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock, nudges: list[int]
) -> None:
    allow(db, isp)
    use(spool, isp.subscription_id, gib=3.9)
    drain(collector)
    assert changes(isp) == []
    used_at = clock.pass_by(minutes=5)
    use(spool, isp.subscription_id, gib=4, seconds=600)
    drain(collector)

    state = isp.row("SELECT * FROM subscription_quota_states")
    assert (state["used_amount"], state["until"]) == (4 * GIB, TODAY.replace(hour=17))
    assert changes(isp) == [("disconnect", "quota", {})]
    assert isp.one("SELECT caused_at FROM session_changes") == used_at
    assert nudges == [1]
    clock.pass_by(minutes=5)
    use(spool, isp.subscription_id, gib=4.5, seconds=900)
    drain(collector)
    assert len(changes(isp)) == 1


def test_the_first_record_ever_seen_may_be_the_one_that_uses_it_up(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    allow(db, isp)
    use(spool, isp.subscription_id, gib=9)
    drain(collector)

    assert changes(isp) == [("disconnect", "quota", {})]


def test_an_allowance_of_time_is_used_up_by_the_seconds_online(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    allow(db, isp, kind="time", limit_amount=3600)
    use(spool, isp.subscription_id, seconds=3500)
    drain(collector)
    assert changes(isp) == []
    clock.pass_by(seconds=120)
    use(spool, isp.subscription_id, seconds=3620)
    drain(collector)

    assert changes(isp) == [("disconnect", "quota", {})]


def test_one_that_slows_down_sends_the_lower_rate_and_gives_the_full_one_back_with_the_new_period(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    allow(db, isp, **SLOW)
    use(spool, isp.subscription_id, gib=5)
    drain(collector)
    assert changes(isp) == [("coa", "quota", {"Mikrotik-Rate-Limit": "512k/1M"})]

    midnight = TODAY.replace(hour=17)
    assert jobs.give_allowances_back(isp.connection, midnight - timedelta(seconds=1)) == jobs.Done()
    assert jobs.give_allowances_back(isp.connection, midnight) == jobs.Done(changed=1, asked=1)
    assert jobs.give_allowances_back(isp.connection, midnight) == jobs.Done()
    assert changes(isp)[1:] == [("coa", "quota_reset", {"Mikrotik-Rate-Limit": "10M/20M"})]
    assert isp.rows("SELECT * FROM subscription_quota_states") == []


def test_a_walled_garden_is_left_by_a_new_login_when_the_period_turns(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    allow(db, isp, action="garden")
    use(spool, isp.subscription_id, gib=5)
    drain(collector)
    isp.do("UPDATE session_changes SET status = 'ack'")

    assert jobs.give_allowances_back(isp.connection, TODAY.replace(hour=17)).asked == 1
    assert changes(isp) == [("disconnect", "quota", {}), ("disconnect", "quota_reset", {})]


def test_an_allowance_that_never_turns_stays_used_up(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    allow(db, isp, period="total")
    use(spool, isp.subscription_id, gib=5)
    drain(collector)

    assert isp.one("SELECT until FROM subscription_quota_states") is None
    assert jobs.give_allowances_back(isp.connection, TODAY + timedelta(days=400)) == jobs.Done()


def test_a_family_is_stopped_together_by_whoever_uses_the_rest(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    family = Family(tenant_id=isp.tenant_id, name="Santoso")
    db.add(family)
    db.flush()
    budi = db.get_one(Subscription, isp.subscription_id)
    siti = make_subscription(db, plan=budi.plan, username="siti")
    budi.family_id = siti.family_id = family.id
    allow(db, isp, family_id=family.id)
    use(spool, budi.id, gib=2)
    use(spool, siti.id, gib=1, session="2")
    drain(collector)
    assert changes(isp) == []
    clock.pass_by(minutes=5)
    use(spool, siti.id, gib=2, seconds=600, session="2")
    drain(collector)

    ended = isp.rows("SELECT subscription_id, kind, reason FROM session_changes ORDER BY subscription_id")
    assert [(row["subscription_id"], row["kind"], row["reason"]) for row in ended] == [
        (budi.id, "disconnect", "quota"),
        (siti.id, "disconnect", "quota"),
    ]
    assert isp.one("SELECT count(*) FROM subscription_quota_states") == 2


def test_a_top_up_gives_the_allowance_back_and_its_end_takes_it_away(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    allow(db, isp, **SLOW)
    use(spool, isp.subscription_id, gib=5)
    drain(collector)
    top_up(db, isp, look_at=TODAY, valid_until=TODAY + timedelta(hours=2))

    assert jobs.turn_topups(isp.connection, TODAY) == jobs.Done(changed=1, asked=1)
    assert jobs.turn_topups(isp.connection, TODAY + timedelta(hours=1)) == jobs.Done()
    assert jobs.turn_topups(isp.connection, TODAY + timedelta(hours=2)) == jobs.Done(changed=1, asked=1)
    assert [reason for _, reason, _ in changes(isp)] == ["quota", "quota_reset", "quota"]
    assert isp.one("SELECT look_at FROM quota_topups") is None


def test_a_top_up_of_volume_also_moves_where_fair_use_begins(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    top_up(db, isp)
    use(spool, isp.subscription_id, gib=11)
    drain(collector)
    assert isp.rows("SELECT * FROM subscription_fup_states WHERE tier > 0") == []
    clock.pass_by(minutes=5)
    use(spool, isp.subscription_id, gib=12, seconds=600)
    drain(collector)
    assert isp.one("SELECT tier FROM subscription_fup_states") == 1

    top_up(db, isp, amount=GIB, look_at=clock.now)
    assert jobs.turn_topups(isp.connection, clock.now).asked == 1
    assert isp.one("SELECT tier FROM subscription_fup_states") == 0
    assert changes(isp)[-1] == ("coa", "fup_reset", {"Mikrotik-Rate-Limit": "10M/20M"})


def test_each_level_of_use_is_noted_once_in_a_period(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    allow(db, isp, limit_amount=10 * GIB)
    for number, gib in enumerate((7.9, 8, 8.5, 8.9, 9.1, 9.2), start=1):
        use(spool, isp.subscription_id, gib=gib, seconds=300 * number)
        drain(collector)
        clock.pass_by(minutes=5)

    alerts = isp.rows("SELECT level_percent, used_amount, period_start FROM usage_alerts ORDER BY level_percent")
    assert [(row["level_percent"], row["used_amount"]) for row in alerts] == [(80, 8 * GIB), (90, int(9.1 * GIB))]
    assert {row["period_start"] for row in alerts} == {TODAY.date()}


def test_records_in_great_number_are_counted_against_allowances_too(
    db: Session, isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounting.collector.AHEAD_FROM", 2)
    allow(db, isp)
    collector = make_collector()
    for step in range(1, 41):
        use(spool, isp.subscription_id, gib=step / 10, seconds=300 * step)
        if step % 5 == 0:
            collector.step()
    drain(collector)

    assert changes(isp) == [("disconnect", "quota", {})]
    assert isp.one("SELECT used_amount FROM subscription_quota_states") == 4 * GIB


def hours(db: Session, isp: Isp, *windows: tuple[int, int, int | None]) -> None:
    """Windows of every day as hours of Jakarta's clock, each with a speed in kbit/s or none."""
    for position, (start, end, kbps) in enumerate(windows):
        db.add(
            PlanTimeWindow(
                tenant_id=isp.tenant_id, service_plan_id=isp.plan_id, position=position, weekdays=127,
                start_minute=start * 60, end_minute=end * 60, download_kbps=kbps, upload_kbps=kbps,
            )
        )  # fmt: skip
    db.commit()


def online(db: Session, isp: Isp, *, since: datetime, **over: Any) -> None:
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    make_session(db, subscription, nas, acctstarttime=since, acctupdatetime=since, **over)
    db.commit()


def test_a_session_that_outlived_its_hours_is_ended_once(db: Session, isp: Isp) -> None:
    hours(db, isp, (8, 17, None))
    online(db, isp, since=TODAY - timedelta(hours=3))

    assert jobs.turn_hours(isp.connection, TODAY - timedelta(seconds=1)) == jobs.Done()
    assert jobs.turn_hours(isp.connection, TODAY + timedelta(seconds=20)) == jobs.Done(changed=1, asked=1)
    assert jobs.turn_hours(isp.connection, TODAY + timedelta(seconds=80)) == jobs.Done()
    assert changes(isp) == [("disconnect", "hours", {})]


def test_a_session_gets_the_speed_of_the_next_hours(db: Session, isp: Isp) -> None:
    hours(db, isp, (8, 17, None), (17, 23, 50_000))
    online(db, isp, since=TODAY - timedelta(hours=3))

    assert jobs.turn_hours(isp.connection, TODAY + timedelta(seconds=20)) == jobs.Done(changed=1, asked=1)
    assert jobs.turn_hours(isp.connection, TODAY + timedelta(seconds=80)) == jobs.Done()
    assert changes(isp) == [("coa", "hours", {"Mikrotik-Rate-Limit": "50M/50M"})]


def test_a_session_in_a_walled_garden_keeps_its_speed_when_hours_turn_and_is_ended_with_them(
    db: Session, isp: Isp
) -> None:
    hours(db, isp, (8, 17, None), (17, 18, 50_000))
    online(db, isp, since=TODAY - timedelta(hours=3), class_=f"lts1:{isp.subscription_id}:g0:d1")

    assert jobs.turn_hours(isp.connection, TODAY + timedelta(seconds=20)) == jobs.Done()
    an_hour = TODAY + timedelta(hours=1, seconds=20)
    assert jobs.turn_hours(isp.connection, an_hour) == jobs.Done(changed=1, asked=1)
    assert changes(isp) == [("disconnect", "hours", {})]


def test_a_session_that_began_after_the_turn_is_left_alone(db: Session, isp: Isp) -> None:
    hours(db, isp, (17, 23, None))
    online(db, isp, since=TODAY + timedelta(seconds=1))

    assert jobs.turn_hours(isp.connection, TODAY + timedelta(seconds=20)) == jobs.Done()


def test_a_session_whose_end_was_missed_is_asked_for_again(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    allow(db, isp)
    use(spool, isp.subscription_id, gib=5)
    drain(collector)
    isp.do("UPDATE session_changes SET status = 'timeout', created_at = %s", TODAY - timedelta(minutes=10))

    assert jobs.end_sessions_without_right(isp.connection, TODAY) == jobs.Done(changed=1, asked=1)
    assert jobs.end_sessions_without_right(isp.connection, TODAY.replace(hour=17)) == jobs.Done()


MIDNIGHT = TODAY.replace(hour=17)


def told(isp: Isp) -> list[tuple[str, int]]:
    rows = isp.rows("SELECT acctuniqueid, attributes, reason, priority FROM session_changes ORDER BY id")
    assert {(row["reason"], row["priority"]) for row in rows} <= {("limits", 1)}
    return [(row["acctuniqueid"], _total(row["attributes"])) for row in rows]


def _total(attributes: dict[str, str]) -> int:
    return int(attributes["Mikrotik-Total-Limit"]) + (int(attributes["Mikrotik-Total-Limit-Gigawords"]) << 32)


def running(db: Session, subscription: Subscription, nas: NasServer, *, gib: float = 0, **over: Any) -> str:
    """A session from yesterday evening that was heard a minute after midnight, with so much used."""
    values = {
        "acctstarttime": MIDNIGHT - timedelta(hours=5), "acctupdatetime": MIDNIGHT + timedelta(minutes=1),
        "acctsessiontime": 18_060, "acctoutputoctets": int(gib * GIB), "framedprotocol": "PPP",
    }  # fmt: skip
    return make_session(db, subscription, nas, **values | over).acctuniqueid


def test_a_session_that_goes_on_past_the_turn_is_told_its_new_limit(
    db: Session, isp: Isp, clock: Clock, nudges: list[int]
) -> None:
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    allow(db, isp)
    session = running(db, subscription, nas, gib=3)
    # One that began after the turn has the new limit from its login.
    other = make_subscription(db, tenant_id=isp.tenant_id, plan=subscription.plan)
    running(db, other, nas, acctstarttime=MIDNIGHT + timedelta(seconds=30))
    without = make_subscription(db, tenant_id=isp.tenant_id)
    running(db, without, nas, gib=1)
    used = {"subscription_id": isp.subscription_id, "nas_server_id": isp.nas_id}
    day = (MIDNIGHT + timedelta(hours=7)).date()
    db.add_all(UsageDaily(**used, day=day - timedelta(days=back), download_bytes=GIB) for back in (0, 1))
    db.commit()
    sweep = jobs.tell_new_periods

    assert sweep(isp.connection, MIDNIGHT - timedelta(seconds=1)) == jobs.Done()
    assert sweep(isp.connection, MIDNIGHT + timedelta(minutes=2)) == jobs.Done(changed=1, asked=1)
    assert sweep(isp.connection, MIDNIGHT + timedelta(minutes=3)) == jobs.Done()

    # 3 GiB counted since its start, one of them today, of four a day.
    assert told(isp) == [(session, 6 * GIB)]
    assert isp.one("SELECT caused_at FROM session_changes") == MIDNIGHT


def test_who_was_not_heard_since_the_turn_is_told_a_little_later(db: Session, isp: Isp) -> None:
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    allow(db, isp)
    session = running(db, subscription, nas, gib=1, acctupdatetime=MIDNIGHT - timedelta(minutes=2))
    db.commit()

    assert jobs.tell_new_periods(isp.connection, MIDNIGHT + timedelta(minutes=19)) == jobs.Done()
    assert jobs.tell_new_periods(isp.connection, MIDNIGHT + timedelta(minutes=20)).asked == 1
    assert told(isp) == [(session, 5 * GIB)]
    # Long after, nobody is asked about it any more.
    isp.do("DELETE FROM session_changes")
    assert jobs.tell_new_periods(isp.connection, MIDNIGHT + timedelta(hours=2)) == jobs.Done()


def test_a_billing_month_turns_on_the_day_of_each_subscription(
    db: Session, isp: Isp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 2)
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    day = (MIDNIGHT + timedelta(hours=7)).day
    allow(db, isp, period="billing_cycle")
    others = [make_subscription(db, tenant_id=isp.tenant_id, plan=subscription.plan) for _ in range(5)]
    for one in (subscription, *others[:4]):
        one.billing_day = day
    others[4].billing_day = day % 28 + 1
    sessions = [running(db, one, nas, gib=1) for one in (subscription, *others)]
    db.commit()

    done = jobs.tell_new_periods(isp.connection, MIDNIGHT + timedelta(minutes=2))

    assert done == jobs.Done(changed=5, asked=5)
    assert {unique_id for unique_id, _ in told(isp)} == set(sessions[:5])


@pytest.mark.parametrize("over", [SLOW, {"period": "total"}, {"period": "weekly"}])
def test_what_slows_down_or_does_not_turn_today_tells_nobody(db: Session, isp: Isp, over: dict[str, Any]) -> None:
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    allow(db, isp, **over)
    running(db, subscription, nas, gib=1)
    db.commit()

    is_monday = (MIDNIGHT + timedelta(hours=7)).weekday() == 0
    asked = jobs.tell_new_periods(isp.connection, MIDNIGHT + timedelta(minutes=2)).asked
    assert asked == int(over.get("period") == "weekly" and is_monday)
