"""Every packet case through a real FreeRADIUS: a simulated router asks, the reply and the access log are compared."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import (
    AllowanceQuota,
    BlockedMac,
    NasServer,
    PlanReplyAttribute,
    PlanTimeWindow,
    QuotaTopup,
    RadCheck,
    RadReply,
    Subscription,
    SubscriptionFupState,
    SubscriptionLimits,
    SubscriptionMac,
    UsageDaily,
    Voucher,
    WalledGarden,
)
from factories import make_customer, make_nas, make_nas_group, make_plan, make_session, make_subscription
from packets.cases import GARDENS, JAKARTA, PASSWORD, Case, all_cases, as_sent, difference, window_row
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

CASES = all_cases()
NOT_OF_THE_PLAN = {"Message-Authenticator", "Class"}


def store(db: Session, nas: NasServer, case: Case) -> None:
    """Write the rows of a case."""
    now = datetime.now(UTC)
    tiers = [{"reset_period": "billing_cycle"} | tier for tier in case.tiers]
    plan = make_plan(db, **{"connection_type": "any", "tiers": tiers, "garden_mode": "never"} | case.plan)
    columns = dict(case.subscription)
    if "expires_in_s" in columns:
        columns["expires_at"] = now + timedelta(seconds=columns.pop("expires_in_s"))
    subscription = make_subscription(
        db,
        plan=plan,
        customer=make_customer(db, **case.customer),
        username=case.username,
        **{"service_password": PASSWORD, "connection_type": "any"} | columns | _places(db, nas, case),
    )
    db.add_all(BlockedMac(tenant_id=nas.tenant_id, mac=mac) for mac in case.blacklist if not _is_blocked(db, mac))
    _store_limits(db, subscription.id, case.limits, now)
    _store_allowances(db, subscription, nas, case, now)
    if case.voucher:
        _store_voucher(db, subscription, case.voucher, now)
    if case.fup:
        ends_at = now + timedelta(seconds=case.fup["ends_in_s"])
        db.add(SubscriptionFupState(subscription_id=subscription.id, tier=case.fup["tier"], window_end=ends_at))
    for mac, status in case.macs.items():
        row = SubscriptionMac(tenant_id=nas.tenant_id, subscription_id=subscription.id, mac=mac, status=status)
        db.add(row)
    _store_attributes(db, subscription, case)
    for session in case.sessions:
        heard = now - timedelta(seconds=session["silent_s"])
        values = {"callingstationid": session["mac"], "acctstarttime": heard, "acctupdatetime": heard}
        make_session(db, subscription, nas, acctuniqueid=uuid.uuid4().hex, **values)


def _store_attributes(db: Session, subscription: Subscription, case: Case) -> None:
    for rows, model, whose in (
        (case.plan_replies, PlanReplyAttribute, {"service_plan_id": subscription.service_plan_id}),
        (case.replies, RadReply, {"username": subscription.username}),
        (case.checks, RadCheck, {"username": subscription.username}),
    ):
        for attribute, op, value in rows:
            row = {"attribute": attribute, "op": op, "value": value}
            db.add(model(tenant_id=subscription.tenant_id, **whose, **row))
            db.flush()


def _store_allowances(db: Session, subscription: Subscription, nas: NasServer, case: Case, now: datetime) -> None:
    plan_id, owner = subscription.service_plan_id, {"tenant_id": subscription.tenant_id}
    for position, window in enumerate(case.windows):
        row = window_row(window, now)
        db.add(PlanTimeWindow(service_plan_id=plan_id, position=position, **owner, **row))
    for quota in case.quotas:
        db.add(AllowanceQuota(service_plan_id=plan_id, **owner, **quota))
    for topup in case.topups:
        since = now + timedelta(seconds=topup.get("from_in_s", -60))
        until = now + timedelta(seconds=topup["until_in_s"]) if "until_in_s" in topup else None
        values = {"kind": topup.get("kind", "data"), "amount": topup["amount"]}
        db.add(QuotaTopup(subscription_id=subscription.id, valid_from=since, valid_until=until, **owner, **values))
    for usage in case.usage:
        values = {"download_bytes": 0, "upload_bytes": 0, "seconds": 0} | usage
        day = now.astimezone(JAKARTA).date() - timedelta(days=values.pop("days_ago", 0))
        db.add(UsageDaily(subscription_id=subscription.id, nas_server_id=nas.id, day=day, sessions=1, **values))


def _store_voucher(db: Session, subscription: Subscription, voucher: dict[str, Any], now: datetime) -> None:
    values = dict(voucher)
    for column in ("sell_until", "valid_until"):
        if f"{column}_in_s" in values:
            values[column] = now + timedelta(seconds=values.pop(f"{column}_in_s"))
    owner = {"tenant_id": subscription.tenant_id, "subscription_id": subscription.id}
    db.add(Voucher(**owner, code=subscription.username, **values))


def store_gardens(db: Session, nas: NasServer) -> None:
    """Write the provider's walled gardens."""
    columns = ("address_list", "ip_pool", "download_kbps", "upload_kbps", "redirect_url", "session_timeout_s")
    for reason, values in GARDENS.items():
        db.add(WalledGarden(tenant_id=nas.tenant_id, reason=reason, **dict(zip(columns, values, strict=True))))


def _places(db: Session, nas: NasServer, case: Case) -> dict[str, int | None]:
    """What the subscription names: the router that asks with its group, or others."""
    named: dict[str, int | None] = {}
    if "router" in case.place:
        named["nas_server_id"] = nas.id if case.place["router"] == "here" else make_nas(db).id
    if "group" in case.place:
        named["nas_group_id"] = nas.nas_group_id if case.place["group"] == "here" else make_nas_group(db).id
    return named


def _is_blocked(db: Session, mac: str) -> bool:
    return db.scalar(select(BlockedMac.id).where(BlockedMac.mac == mac)) is not None


def _store_limits(db: Session, subscription_id: int, limits: dict[str, Any], now: datetime) -> None:
    if not limits:
        return
    values = dict(limits)
    if "speed_expires_in_s" in values:
        values["speed_expires_at"] = now + timedelta(seconds=values.pop("speed_expires_in_s"))
    db.add(SubscriptionLimits(subscription_id=subscription_id, **values))


@pytest.fixture(scope="module")
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    """A router that the server knows, with all cases stored."""
    with stack.sessions() as db:
        nas = make_nas(db, host="127.0.0.1", radius_secret=SECRET, nas_group_id=make_nas_group(db).id)
        store_gardens(db, nas)
        for case in CASES:
            store(db, nas, case)
        db.commit()
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        wait_for(lambda: simulated.authenticate(ask(CASES[0])).accepted is not None, 10)
        yield simulated


@pytest.fixture(scope="module")
def answers(router: SimulatedRouter, stack: RadiusStack) -> dict[str, LoginResult]:
    """All cases asked once, one after the other, and the access log written."""
    results = {case.id: router.authenticate(ask(case)) for case in CASES}
    stack.wait_for_record(CASES[-1].recorded_as)
    return results


def ask(case: Case) -> Login:
    """The login of a case as the simulated router sends it."""
    return Login(
        service=Service(case.service),
        username=case.asks_as,
        password=case.password,
        method=Method(case.method),
        mac=case.mac,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_freeradius_answers_the_case(case: Case, answers: dict[str, LoginResult], stack: RadiusStack) -> None:
    result = answers[case.id]

    assert result.problems == ()
    assert result.accepted is (case.accept is not None)
    assert result.message_authenticator_first
    if case.accept is None:
        allowed = {"Message-Authenticator", "Reply-Message", "MS-CHAP-Error"}
        assert {name for name, _ in result.reply} <= allowed
        assert result.reply_message == "Login incorrect"
    else:
        assert difference(case.accept, _sent(result)) == ""
        assert result.mschap_success is not False
    (*_, record) = [record for record in stack.access_records() if record[3] == case.recorded_as]
    assert record[7] == case.expected_reason


def _sent(result: LoginResult) -> dict[str, object]:
    return as_sent(
        (name, value)
        for name, value in result.reply
        if name not in NOT_OF_THE_PLAN and not name.startswith(("MS-CHAP", "MS-MPPE"))
    )


@pytest.mark.parametrize("service", [Service.PPPOE, Service.HOTSPOT])
def test_an_mschapv2_accept_carries_the_keys_for_encryption(
    service: Service, router: SimulatedRouter, answers: dict[str, LoginResult]
) -> None:
    case = next(c for c in CASES if c.method == "mschapv2" and c.service == service.value and c.accept is not None)

    result = answers[case.id]

    names = {name for name, _ in result.reply}
    assert {"MS-CHAP2-Success", "MS-MPPE-Send-Key", "MS-MPPE-Recv-Key"} <= names
    assert result.mschap_success is True


def test_a_password_never_reaches_the_access_log_or_the_server_log(
    answers: dict[str, LoginResult], stack: RadiusStack
) -> None:
    written = "".join(path.read_text() for path in stack.settings.spool_dir.glob("access-*")) + stack.log()

    assert PASSWORD not in written
    assert SECRET not in written
