"""What is stored is what a login decides from: every column of a profile, its sessions, and nobody else's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.crypto import UnableToDecrypt, keyring
from db.engine import psycopg_of
from db.models import (
    AllowanceQuota,
    PlanFupRule,
    PlanTimeWindow,
    QuotaTopup,
    Subscription,
    SubscriptionFupState,
    SubscriptionLimits,
    SubscriptionMac,
)
from db.queries.access import (
    OPEN_SESSIONS,
    PROFILE_BY_NAME,
    all_profiles,
    parse_open_sessions,
    parse_profile,
    profiles_by_id,
)
from db.queries.deadline import policy_dsn
from db.queries.reader import DeadlineReader
from db.queries.routers import active_routers
from domain.access import AccessProfile
from domain.quota import Quota
from domain.speed import Burst, Speed
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant
from profiles import profiles
from tests.integration.db.conftest import clear


@pytest.fixture
def db_url(module_db_url: str, module_keys: None) -> str:
    clear(module_db_url)
    return module_db_url


# Where a value may stand: on the subscription, or on the plan with nothing on the subscription.
places = st.fixed_dictionaries({name: st.booleans() for name in ("grace", "limit", "timeout", "pool", "list")})
# A plan's own values, which the subscription's must win over.
DECOYS = {"grace": 3, "limit": 9, "timeout": 7777, "pool": "decoy-pool", "list": "decoy-list"}


def storable(profile: AccessProfile) -> AccessProfile:
    """The profile with what the tables would refuse taken out: a burst below the speed, two allowances of a kind.

    Usage, gardens, vouchers, debts and attributes by name are left to their own tests.
    """
    burst = profile.burst
    full = profile.plan_speed
    if burst is not None and (
        burst.speed.download_kbps < full.download_kbps or burst.speed.upload_kbps < full.upload_kbps
    ):
        burst = replace(burst, speed=full)
    topups = tuple(sorted(profile.topups, key=str))
    return replace(
        profile,
        burst=burst,
        quotas=_one_of_each(profile.quotas),
        topups=topups,
        days=(),
        family_days=(),
        gardens={},
        checks=(),
        replies=(),
        nas_server_id=None,
        nas_group_id=None,
        least_speed=profile.least_speed if _is_below(profile.least_speed, full) else None,
        voucher=None,
        is_over_credit=False,
    )


def _is_below(least: Speed | None, full: Speed) -> bool:
    return least is not None and least.at_most(full) == least and not least.is_unlimited and not full.is_unlimited


def _one_of_each(quotas: tuple[Quota, ...]) -> tuple[Quota, ...]:
    """One allowance of each kind and period, the plan's own, without the number the table will give it."""
    distinct = {(quota.kind, quota.period): replace(quota, quota_id=0, is_shared=False) for quota in quotas}
    return tuple(distinct.values())


def store(db: Session, profile: AccessProfile, own: dict[str, bool]) -> Subscription:
    """Rows from which the profile should be read."""

    def split(name: str, value: Any) -> tuple[Any, Any]:
        if value is None:
            return None, None
        return (value, DECOYS[name]) if own[name] else (None, value)

    grace, plan_grace = split("grace", profile.grace_days)
    limit, plan_limit = split("limit", profile.session_limit)
    timeout, plan_timeout = split("timeout", profile.session_timeout_s)
    pool, plan_pool = split("pool", profile.ip_pool)
    address_list, plan_list = split("list", profile.address_list)
    plan = make_plan(
        db,
        download_kbps=profile.plan_speed.download_kbps,
        upload_kbps=profile.plan_speed.upload_kbps,
        priority=profile.priority,
        concurrent_connections=plan_limit,
        grace_period_days=plan_grace,
        session_timeout_s=plan_timeout,
        idle_timeout_s=profile.idle_timeout_s,
        interim_interval_s=profile.interim_interval_s,
        ip_pool=plan_pool,
        address_list=plan_list,
        session_limit_action=profile.session_limit_action,
        min_download_kbps=profile.least_speed.download_kbps if profile.least_speed else None,
        min_upload_kbps=profile.least_speed.upload_kbps if profile.least_speed else None,
        **_burst_columns(profile.burst),
    )
    plan.fup_rules = [_rule(plan.tenant_id, tier) for tier in profile.tiers]
    subscription = make_subscription(
        db,
        plan=plan,
        customer=make_customer(db, status=profile.customer_status),
        username=profile.username,
        service_password="rahasia",
        connection_type=profile.connection_type,
        status=profile.subscription_status,
        expires_at=profile.expires_at,
        grace_period_days=grace,
        billing_day=profile.billing_day,
        mac_binding=profile.mac_binding,
        nas_binding=profile.nas_binding,
        assigned_ip=profile.assigned_ip,
        ip_pool=pool,
        address_list=address_list,
    )
    speed = profile.override
    db.add(
        SubscriptionLimits(
            subscription_id=subscription.id,
            download_kbps=speed and speed.download_kbps,
            upload_kbps=speed and speed.upload_kbps,
            speed_expires_at=profile.override_until,
            session_timeout_s=timeout,
            concurrent_connections=limit,
        )
    )
    if profile.fup_tier or profile.fup_until:
        state = SubscriptionFupState(
            subscription_id=subscription.id, tier=profile.fup_tier, window_end=profile.fup_until
        )
        db.add(state)
    for mac, status in profile.macs.items():
        row = SubscriptionMac(
            tenant_id=subscription.tenant_id, subscription_id=subscription.id, mac=mac.lower(), status=status
        )
        db.add(row)
    _store_allowances(db, subscription, profile)
    db.flush()
    return subscription


def _store_allowances(db: Session, subscription: Subscription, profile: AccessProfile) -> None:
    owner = {"tenant_id": subscription.tenant_id}
    of_plan = owner | {"service_plan_id": subscription.service_plan_id}
    for position, window in enumerate(profile.windows):
        speed = window.speed
        row = PlanTimeWindow(
            **of_plan,
            position=position,
            weekdays=sum(1 << day for day in window.weekdays),
            start_minute=window.start_minute,
            end_minute=window.end_minute,
            download_kbps=None if speed is None else speed.download_kbps,
            upload_kbps=None if speed is None else speed.upload_kbps,
        )
        db.add(row)
    for quota in profile.quotas:
        values = {name: getattr(quota, name) for name in ("kind", "period", "counts", "action")}
        slow = quota.throttle
        speeds = {f"throttle_{side}_kbps": slow and getattr(slow, f"{side}_kbps") for side in ("download", "upload")}
        db.add(AllowanceQuota(**of_plan, limit_amount=quota.limit, **values, **speeds))
        db.flush()
    for topup in profile.topups:
        values = {name: getattr(topup, name) for name in ("kind", "amount", "valid_from", "valid_until")}
        db.add(QuotaTopup(**owner, subscription_id=subscription.id, **values))
        db.flush()


def _burst_columns(burst: Burst | None) -> dict[str, Any]:
    if burst is None:
        return {"burst_enabled": False, "burst_download_kbps": 1, "burst_time_s": 5}
    return {
        "burst_enabled": True,
        "burst_download_kbps": burst.speed.download_kbps,
        "burst_upload_kbps": burst.speed.upload_kbps,
        "burst_threshold_download_kbps": burst.threshold.download_kbps,
        "burst_threshold_upload_kbps": burst.threshold.upload_kbps,
        "burst_time_s": burst.time_s,
    }


def _rule(tenant_id: int, tier: Any) -> PlanFupRule:
    return PlanFupRule(
        tenant_id=tenant_id,
        tier=tier.tier,
        threshold_bytes=tier.threshold_bytes,
        counts=tier.counts,
        reset_period=tier.reset_period,
        reduced_download_kbps=tier.reduced and tier.reduced.download_kbps,
        reduced_upload_kbps=tier.reduced and tier.reduced.upload_kbps,
        reduction_percent=tier.reduction_percent,
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=profiles().map(storable), own=places)
def test_a_profile_is_read_as_it_was_stored(db: Session, profile: AccessProfile, own: dict[str, bool]) -> None:
    with db.begin_nested() as attempt:
        row = store(db, profile, own)

        read, sessions = profiles_by_id(psycopg_of(db), [row.id])[row.id]

        assert keyring().decrypt(read.password_token) == "rahasia"
        assert sessions == ()
        expected = replace(
            profile,
            tenant_id=row.tenant_id,
            subscription_id=row.id,
            customer_id=row.customer_id,
            plan_id=row.service_plan_id,
            version=row.version,
            password_token=read.password_token,
        )
        assert replace(read, quotas=tuple(replace(quota, quota_id=0) for quota in read.quotas)) == expected
        attempt.rollback()
    db.expunge_all()


def test_a_burst_without_thresholds_has_the_plans_speed_as_threshold(db: Session) -> None:
    plan = make_plan(db, burst_enabled=True, burst_download_kbps=20_000, burst_upload_kbps=10_000, burst_time_s=8)
    row = make_subscription(db, plan=plan)

    profile, _ = profiles_by_id(psycopg_of(db), [row.id])[row.id]

    assert profile.burst is not None
    assert profile.burst.threshold == profile.plan_speed


def test_a_deleted_customer_is_a_terminated_one(db: Session) -> None:
    row = make_subscription(db, customer=make_customer(db, deleted_at=datetime.now(UTC)))

    assert profiles_by_id(psycopg_of(db), [row.id])[row.id][0].customer_status == "terminated"


def test_a_deleted_subscription_is_nobodys(db: Session) -> None:
    row = make_subscription(db, deleted_at=datetime.now(UTC))

    assert profiles_by_id(psycopg_of(db), [row.id]) == {}


def test_running_sessions_are_read_with_their_devices_and_ended_ones_are_not(db: Session) -> None:
    row, nas = make_subscription(db), make_nas(db)
    running = make_session(db, row, nas, callingstationid="aa-bb-cc-dd-ee-ff")
    odd = make_session(db, row, nas, callingstationid=None)
    make_session(db, row, nas, acctstoptime=datetime.now(UTC))
    make_session(db, make_subscription(db), nas)

    _, sessions = profiles_by_id(psycopg_of(db), [row.id])[row.id]

    assert {session.acctuniqueid: session.mac for session in sessions} == {
        running.acctuniqueid: "AA:BB:CC:DD:EE:FF",
        odd.acctuniqueid: None,
    }
    assert {session.framed_ip for session in sessions} == {running.framedipaddress, odd.framedipaddress}


# --- as a login reads -----------------------------------------------------------------------------------------------


@pytest.fixture
def reader(db_url: str) -> Any:
    reader = DeadlineReader(db_url, {"profile": PROFILE_BY_NAME, "open_sessions": OPEN_SESSIONS}, 2000)
    reader.connect()
    yield reader
    reader.close()


def test_a_name_is_looked_up_within_its_tenant(db: Session, reader: DeadlineReader) -> None:
    here, there = make_tenant(db), make_tenant(db)
    first = make_subscription(db, tenant=here, username="budi")
    second = make_subscription(db, tenant=there, username="budi")
    db.commit()

    for tenant, row in ((here, first), (there, second)):
        found = reader.read("profile", str(tenant.id), "budi")
        assert found is not None
        assert parse_profile(found)[0].subscription_id == row.id


def test_a_name_used_again_is_the_living_subscription(db: Session, reader: DeadlineReader) -> None:
    tenant = make_tenant(db)
    living = make_subscription(db, tenant=tenant, username="budi", status="suspended")
    make_subscription(db, tenant=tenant, username="budi", status="terminated")
    make_subscription(db, tenant=tenant, username="budi", status="terminated", deleted_at=datetime.now(UTC))
    db.commit()

    found = reader.read("profile", str(tenant.id), "budi")

    assert found is not None
    assert parse_profile(found)[0].subscription_id == living.id


@pytest.mark.parametrize("name", ["nobody", "", "BUDI", "budi ", "'; DROP TABLE subscriptions; --", "%", "😀" * 60])
def test_any_other_name_is_nobodys(db: Session, reader: DeadlineReader, name: str) -> None:
    tenant = make_tenant(db)
    make_subscription(db, tenant=tenant, username="budi")
    db.commit()

    assert reader.read("profile", str(tenant.id), name) is None


def test_only_sessions_heard_of_lately_hold_a_place(db: Session, reader: DeadlineReader) -> None:
    row, nas, now = make_subscription(db), make_nas(db), datetime.now(UTC)
    fresh = make_session(db, row, nas, acctupdatetime=now, callingstationid="02:00:00:00:00:01")
    make_session(db, row, nas, acctupdatetime=now - timedelta(seconds=700))
    make_session(db, row, nas, acctstoptime=now)
    db.commit()

    found = reader.read("open_sessions", str(row.id), "600")

    assert found is not None
    assert parse_open_sessions(found) == {fresh.acctuniqueid: "02:00:00:00:00:01"}
    assert reader.read("open_sessions", "999999", "600") == b"[]"


def test_filling_ahead_reads_everybody_who_could_log_in_within_a_bound(db: Session, db_url: str) -> None:
    rows = [make_subscription(db, username=f"user-{number}") for number in range(5)]
    make_subscription(db, status="terminated")
    make_subscription(db, deleted_at=datetime.now(UTC))
    db.commit()

    with psycopg.connect(db_url) as connection:
        everybody = [profile.subscription_id for profile, _ in all_profiles(connection, 100, lambda _: True)]
        some = [profile.subscription_id for profile, _ in all_profiles(connection, 3, lambda _: True)]

    assert everybody == [row.id for row in rows]
    assert some == everybody[:3]


def test_routers_that_are_answered(db: Session, db_url: str) -> None:
    served = make_nas(db, host="10.1.1.1", radius_secret="the-secret", require_message_authenticator=False)
    modern = make_nas(db, host="2001:db8::7")
    make_nas(db, is_active=False)
    make_nas(db, deleted_at=datetime.now(UTC))
    db.commit()

    with psycopg.connect(db_url) as connection:
        found = {router.nas_server_id: router for router in active_routers(connection)}

    assert found.keys() == {served.id, modern.id}
    assert found[served.id].address == "10.1.1.1"
    assert found[modern.id].address == "2001:db8::7"
    assert keyring().decrypt(found[served.id].secret_token) == "the-secret"
    assert (found[served.id].require_message_authenticator, found[modern.id].require_message_authenticator) == (
        False,
        True,
    )


# --- secrets at rest ----------------------------------------------------------------------------------------------


def test_a_password_is_never_in_the_table_as_it_is(db: Session) -> None:
    row = make_subscription(db, service_password="rahasia-sekali")
    stored = db.execute(text("SELECT service_password_enc FROM subscriptions WHERE id = :id"), {"id": row.id}).scalar()

    assert b"rahasia-sekali" not in bytes(stored or b"")
    db.expire(row)
    assert row.service_password == "rahasia-sekali"


def test_a_value_made_with_a_key_that_is_gone_is_an_error_and_not_another_password(db: Session) -> None:
    row = make_subscription(db)
    db.execute(
        text("UPDATE subscriptions SET service_password_enc = :token WHERE id = :id"),
        {"token": b"gAAAAAnotours", "id": row.id},
    )
    db.expire(row)

    with pytest.raises(UnableToDecrypt):
        _ = row.service_password


@pytest.mark.parametrize(
    ("statement", "types", "values"),
    [(PROFILE_BY_NAME, "bigint, text", "1, 'ani'"), (OPEN_SESSIONS, "bigint, float8", "1, 60")],
)
def test_a_read_at_login_walks_through_no_table_or_index_whatever_the_statistics(
    db_url: str, statement: str, types: str, values: str
) -> None:
    with psycopg.connect(policy_dsn(db_url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime,"
            " tenant_id, nas_server_id, subscription_id)"
            " SELECT n::text, n::text, '', '127.0.0.1', now(), now(), 1, 1, n FROM generate_series(1, 5000) n"
        )
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE login ({types}) AS {statement}".encode())
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN EXECUTE login ({values})".encode()))

    assert "Index Scan" in plan
    assert "Seq Scan" not in plan
    assert "Bitmap" not in plan
