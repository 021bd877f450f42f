"""Batches with terms and sellers, sales with their entries, and vouchers that are redeemed once, whoever asks."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from bss import (
    hotspot,
    network,
    printing,
    quotas,
    redeeming,
    subscriptions,
    voucher_sales,
    voucher_sheets,
    vouchers,
)
from bss.actor import Actor
from bss.failure import Conflict, Failure, Invalid, NotFound
from db.engine import make_engine
from db.models import (
    AllowanceQuota,
    AuditLog,
    Customer,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    NasServer,
    Operator,
    Payment,
    QuotaTopup,
    ServicePlan,
    SessionChange,
    Subscription,
    Tenant,
    Voucher,
    VoucherBatch,
)
from db.queries.paging import Wanted
from db.queries.vouchers import counts_of, page_of_batches, page_of_vouchers
from db.scope import use_operators
from factories import make_customer, make_plan, make_session, make_subscription

DAY_S = 86_400
pytestmark = pytest.mark.usefixtures("keys_file")


@pytest.fixture
def plan(db: Session, tenant: Tenant) -> ServicePlan:
    return make_plan(db, tenant=tenant, connection_type="hotspot", validity_days=1)


@pytest.fixture
def operator(db: Session, tenant: Tenant) -> Operator:
    row = Operator(tenant_id=tenant.id, name="Toko Melati", level=10, commission_rate=Decimal("7.50"))
    db.add(row)
    db.flush()
    return row


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    return make_customer(db, tenant=tenant)


@pytest.fixture
def login(db: Session, tenant: Tenant, customer: Customer, plan: ServicePlan, now: datetime) -> Subscription:
    """A hotspot login of the customer that ends tomorrow."""
    return make_subscription(
        db, tenant=tenant, customer=customer, plan=plan, connection_type="hotspot", username="dewi",
        expires_at=now + timedelta(days=1), activated_at=now,
    )  # fmt: skip


def made(db: Session, actor: Actor, now: datetime, plan: ServicePlan | None, **over: Any) -> list[Voucher]:
    values: dict[str, Any] = {"count": 1, "batch": "nov", "service_plan_id": None if plan is None else plan.id}
    return list(vouchers.create(db, actor=actor, now=now, **values | over))


def batch_of(db: Session, name: str = "nov") -> VoucherBatch:
    return db.scalars(select(VoucherBatch).where(VoucherBatch.name == name)).one()


def balance(db: Session, kind: str, name: str = "") -> Decimal:
    query = (
        select(func.sum(LedgerPosting.amount))
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerAccount.kind == kind, LedgerAccount.name == name)
    )
    return db.scalar(query) or Decimal(0)


# --- batches ------------------------------------------------------------------------------------------------------


def test_a_batch_keeps_its_terms_and_who_made_it(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, operator: Operator
) -> None:
    rows = made(
        db, actor, now, plan, count=3, prefix="HOT-", code_pattern="XXXXX-XXXXX", price="5000", time_limit_s=10_800,
        data_limit_bytes=10**9, validity_from_plan=True, operator_id=operator.id, note="pasar malam",
    )  # fmt: skip

    batch = batch_of(db)
    assert (batch.kind, batch.price, batch.commission_percent, batch.created_by) == (
        "access", Decimal(5000), Decimal("7.50"), "test",
    )  # fmt: skip
    assert {(len(row.code), row.code[:4], row.code[9], row.validity_s) for row in rows} == {(15, "HOT-", "-", DAY_S)}
    limits = db.scalars(select(AllowanceQuota).where(AllowanceQuota.subscription_id == rows[0].subscription_id)).all()
    assert sorted((row.kind, row.period, row.limit_amount, row.action) for row in limits) == [
        ("data", "total", 10**9, "reject"),
        ("time", "total", 10_800, "reject"),
    ]
    profile = network.profile_of(db, rows[0].subscription_id or 0)
    assert {quota.kind for quota in profile.quotas} == {"time", "data"}


def test_a_batch_grows_on_its_own_terms_only(db: Session, actor: Actor, now: datetime, plan: ServicePlan) -> None:
    made(db, actor, now, plan, validity_s=3600)
    made(db, actor, now, plan, validity_s=3600)
    vouchers.add(db, actor=actor, now=now, batch_id=batch_of(db).id, count=2)

    assert counts_of(db, [batch_of(db).id])[batch_of(db).id].total == 4
    with pytest.raises(Conflict, match="has other terms"):
        made(db, actor, now, plan, validity_s=7200)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"code_pattern": "XXXX-XXXX"}, "code_pattern"),
        ({"code_pattern": "9999-9999-9999"}, "code_pattern"),
        ({"code_pattern": "XXXX-XXXX-XX$X"}, "code_pattern"),
        ({"price": "-1"}, "price"),
        ({"price": "1000.50"}, "price"),
        ({"commission_percent": "5"}, "commission_percent"),
        ({"operator_id": 999_999}, "operator_id"),
        ({"credit": "10000"}, "service_plan_id"),
        ({"service_plan_id": None}, "service_plan_id"),
        ({"service_plan_id": None, "credit": "0"}, "credit"),
        ({"time_limit_s": 5}, "time_limit_s"),
        ({"data_limit_bytes": 0}, "data_limit_bytes"),
    ],
)
def test_terms_that_make_no_sense_are_refused_beside_their_field(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, over: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        made(db, actor, now, plan, **over)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_price_and_seller_change_and_a_new_seller_brings_his_own_commission(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, operator: Operator
) -> None:
    made(db, actor, now, plan, price="5000")
    batch_id = batch_of(db).id

    def change(**changes: Any) -> tuple[Any, ...]:
        row = vouchers.change(db, actor=actor, now=now, batch_id=batch_id, changes=changes).row
        return (row.price, row.operator_id, row.commission_percent)

    assert change(operator_id=operator.id) == (5000, operator.id, Decimal("7.50"))
    assert change(commission_percent="10", price="6000") == (6000, operator.id, Decimal(10))
    assert change(note="x") == (6000, operator.id, Decimal(10))
    assert change(operator_id=None) == (6000, None, 0)
    with pytest.raises(Invalid, match="cannot be changed here"):
        change(validity_s=1)


def test_an_operators_staff_sees_and_makes_only_what_is_his(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, operator: Operator
) -> None:
    made(db, actor, now, plan, price="5000", operator_id=operator.id)
    made(db, actor, now, plan, price="5000", batch="other")
    his = replace(actor, operator_id=operator.id)

    assert vouchers.batch_of(db, batch_of(db).id, actor=his).name == "nov"
    for verb, arguments in (
        (vouchers.export, {"batch_id": batch_of(db, "other").id}),
        (voucher_sales.sell, {"batch_id": batch_of(db, "other").id}),
        (vouchers.set_batch_disabled, {"batch_id": batch_of(db, "other").id, "disabled": True}),
    ):
        with pytest.raises(NotFound):
            verb(db, actor=his, now=now, **arguments)
    with pytest.raises(Conflict, match="made by the provider"):
        made(db, his, now, plan)


def test_an_operators_staff_sells_prints_and_redeems_in_a_session_of_their_own(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, operator: Operator, tenant: Tenant
) -> None:
    made(db, actor, now, plan, count=3, price="5000", validity_s=DAY_S, operator_id=operator.id)
    (foreign,) = made(db, actor, now, plan, price="5000", validity_s=DAY_S, batch="other")
    his, mine = replace(actor, operator_id=operator.id), batch_of(db).id
    guest = make_customer(db, tenant=tenant, operator_id=operator.id)
    db.flush()
    use_operators(db, [operator.id])
    wanted = Wanted(sort="-created_at")

    assert [row.name for row in page_of_batches(db, tenant_id=tenant.id, wanted=wanted).items] == ["nov"]
    assert page_of_vouchers(db, tenant_id=tenant.id, wanted=wanted).total_items == 3
    sale = voucher_sales.sell(db, actor=his, now=now, batch_id=mine, count=2)
    assert printing.receipt_pdf(db, actor=his, payment_id=sale.payment.id).startswith(b"%PDF-")
    assert voucher_sheets.ask(db, actor=his, now=now, batch_id=mine).state == "done"
    assert redeem(db, his, now, foreign.code, customer_id=guest.id).secret
    voucher_sales.take_back_sale(db, actor=his, now=now, payment_id=sale.payment.id, reason="salah")
    with pytest.raises(NotFound):
        vouchers.batch_of(db, foreign.batch_id or 0, actor=his)

    use_operators(db, None)
    assert (balance(db, "money", "cash"), balance(db, "commission_owed")) == (0, 0)


# --- sales --------------------------------------------------------------------------------------------------------


def test_a_sale_has_a_receipt_stands_in_the_books_and_earns_its_operator(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, operator: Operator
) -> None:
    made(db, actor, now, plan, count=5, price="5000", operator_id=operator.id)

    sale = voucher_sales.sell(db, actor=actor, now=now, batch_id=batch_of(db).id, count=3, method="transfer")

    assert (sale.payment.amount, sale.payment.purpose, sale.payment.operator_id) == (15_000, "voucher", operator.id)
    assert sale.payment.receipt_number is not None
    assert sale.commission == Decimal(1125)
    assert (balance(db, "money", "transfer"), balance(db, "revenue", "voucher")) == (15_000, -15_000)
    assert balance(db, "commission_owed") == -1125
    counts = counts_of(db, [batch_of(db).id])[batch_of(db).id]
    assert (counts.sold, counts.for_sale, counts.states) == (3, 2, {"unused": 5})
    with pytest.raises(Conflict, match="only 2 can be sold"):
        voucher_sales.sell(db, actor=actor, now=now, batch_id=batch_of(db).id, count=3)


def test_a_sale_is_taken_back_whole_unless_one_was_used(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, operator: Operator
) -> None:
    made(db, actor, now, plan, count=2, price="5000", operator_id=operator.id)
    sale = voucher_sales.sell(db, actor=actor, now=now, batch_id=batch_of(db).id, count=2)

    def give_back() -> None:
        voucher_sales.take_back_sale(db, actor=actor, now=now, payment_id=sale.payment.id, reason="salah hitung")

    db.refresh(sale.vouchers[0])
    sale.vouchers[0].state = "active"
    db.flush()
    with pytest.raises(Conflict, match="1 of them were used"):
        give_back()
    sale.vouchers[0].state = "unused"
    db.flush()
    give_back()

    assert [balance(db, *account) for account in (("money", "cash"), ("revenue", "voucher"), ("commission_owed",))] == [
        0, 0, 0,
    ]  # fmt: skip
    assert sale.payment.status == "cancelled"
    assert counts_of(db, [batch_of(db).id])[batch_of(db).id].sold == 0
    with pytest.raises(Conflict, match="no sale of vouchers"):
        give_back()


def test_what_has_no_price_is_not_sold(db: Session, actor: Actor, now: datetime, plan: ServicePlan) -> None:
    made(db, actor, now, plan)

    with pytest.raises(Conflict, match="no price"):
        voucher_sales.sell(db, actor=actor, now=now, batch_id=batch_of(db).id)


@pytest.fixture
def engine(db_url: str) -> Iterator[Engine]:
    made_engine = make_engine(db_url, pool_size=20, max_overflow=0)
    yield made_engine
    made_engine.dispose()


def test_two_who_sell_at_once_never_sell_the_same_voucher(
    db: Session, engine: Engine, actor: Actor, now: datetime, plan: ServicePlan
) -> None:
    made(db, actor, now, plan, count=30, price="5000")
    batch_id = batch_of(db).id
    db.commit()

    def sell(_: int) -> list[int]:
        with Session(engine) as session:
            sale = voucher_sales.sell(session, actor=actor, now=now, batch_id=batch_id, count=3)
            ids = [row.id for row in sale.vouchers]
            session.commit()
            return ids

    with ThreadPoolExecutor(8) as pool:
        sold = [number for ids in pool.map(sell, range(8)) for number in ids]

    assert len(sold) == len(set(sold)) == 24
    db.expire_all()
    assert counts_of(db, [batch_id])[batch_id].sold == 24
    assert balance(db, "money", "cash") == 24 * 5000
    assert len(set(db.scalars(select(Payment.receipt_number)))) == 8


# --- redeeming ----------------------------------------------------------------------------------------------------


def redeem(db: Session, actor: Actor, now: datetime, code: str, **target: Any) -> redeeming.Redeemed:
    return redeeming.redeem(db, actor=actor, now=now, code=code, **target)


def test_a_voucher_of_time_lengthens_a_login_from_its_end(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription, router: NasServer
) -> None:
    (voucher,) = made(db, actor, now, plan, validity_s=3 * DAY_S)
    make_session(db, db.get_one(Subscription, voucher.subscription_id), router)
    before = login.expires_at

    done = redeem(db, actor, now, f" {voucher.code} ", subscription_id=login.id)

    assert before is not None
    assert login.expires_at == before + timedelta(days=3)
    assert done.added == redeeming.Worth(validity_s=3 * DAY_S)
    assert (voucher.state, voucher.redeemed_customer_id, voucher.redeemed_subscription_id) == (
        "used", login.customer_id, login.id,
    )  # fmt: skip
    assert network.profile_of(db, voucher.subscription_id or 0).voucher is not None
    # Whoever logged in with the code meanwhile is told to leave.
    assert db.scalars(select(SessionChange.subscription_id)).all() == [voucher.subscription_id]
    actions = db.scalars(select(AuditLog.action).where(AuditLog.customer_id == login.customer_id)).all()
    assert {"voucher.redeemed", "subscription.recharged", "subscription.expiry_changed"} <= set(actions)


def test_a_login_that_had_ended_is_active_again_from_now_on(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription
) -> None:
    login.status, login.expires_at = "expired", now - timedelta(days=9)
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S)

    redeem(db, actor, now, voucher.code, customer_id=login.customer_id)

    assert (login.status, login.expires_at) == ("active", now + timedelta(days=1))


def test_volume_and_time_are_added_to_allowances_that_there_are(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription
) -> None:
    quotas.set_own(
        db, actor=actor, now=now, subscription_id=login.id,
        quotas=[{"kind": "data", "period": "total", "limit_bytes": 10**9}],
    )  # fmt: skip
    (voucher,) = made(db, actor, now, plan, data_limit_bytes=5 * 10**9, time_limit_s=3600)

    done = redeem(db, actor, now, voucher.code, subscription_id=login.id)

    assert done.added == redeeming.Worth(data_bytes=5 * 10**9)
    topup = db.scalars(select(QuotaTopup)).one()
    assert (topup.kind, topup.amount, topup.valid_until) == ("data", 5 * 10**9, None)


def test_what_a_plan_gives_a_voucher_is_what_it_adds(
    db: Session, actor: Actor, now: datetime, tenant: Tenant, plan: ServicePlan, login: Subscription
) -> None:
    weekly = make_plan(
        db, tenant=tenant, connection_type="hotspot",
        quotas=[AllowanceQuota(tenant_id=tenant.id, kind="data", period="total", counts="total", limit_amount=7 * 10**9,
                               action="reject")],
    )  # fmt: skip
    login.plan = weekly
    db.flush()
    (voucher,) = made(db, actor, now, weekly, validity_s=7 * DAY_S)

    done = redeem(db, actor, now, voucher.code, subscription_id=login.id)

    assert done.added == redeeming.Worth(validity_s=7 * DAY_S, data_bytes=7 * 10**9)
    assert db.scalars(select(QuotaTopup.valid_until)).one() == login.expires_at


def test_a_voucher_is_not_wasted_on_somebody_who_has_all_this_already(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription
) -> None:
    login.expires_at = None
    db.flush()
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S, data_limit_bytes=10**9)

    with pytest.raises(Conflict, match="without an end already"):
        redeem(db, actor, now, voucher.code, subscription_id=login.id)
    assert voucher.state == "unused"


def test_a_customer_without_a_login_gets_one_with_what_the_voucher_had(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, customer: Customer
) -> None:
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S, data_limit_bytes=10**9)

    done = redeem(db, actor, now, voucher.code, customer_id=customer.id)

    assert done.subscription is not None
    assert done.secret == done.subscription.service_password
    assert (done.subscription.status, done.subscription.expires_at) == ("active", now + timedelta(days=1))
    assert [quota.limit for quota in network.profile_of(db, done.subscription.id).quotas] == [10**9]
    assert str(done.secret) not in repr(done)


def test_of_several_logins_one_has_to_be_named(
    db: Session, actor: Actor, now: datetime, tenant: Tenant, plan: ServicePlan, login: Subscription
) -> None:
    make_subscription(db, tenant=tenant, customer=login.customer, plan=plan, connection_type="hotspot")
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S)

    with pytest.raises(Invalid, match="several hotspot logins"):
        redeem(db, actor, now, voucher.code, customer_id=login.customer_id)


def test_a_voucher_of_money_is_credit_and_logs_in_nowhere(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    (voucher,) = made(db, actor, now, None, credit="50000")
    assert voucher.subscription_id is None

    done = redeem(db, actor, now, voucher.code, customer_id=customer.id)

    db.refresh(customer)
    assert (customer.balance, done.added.credit) == (50_000, 50_000)
    assert db.scalars(select(LedgerEntry.event_key)).all() == [f"voucher:{voucher.id}"]


@pytest.mark.parametrize(
    ("state", "says"),
    [("used", "was used already"), ("active", "was used already"), ("disabled", "is disabled"),
     ("expired", "is too late")],
)  # fmt: skip
def test_what_is_not_unused_is_refused_with_the_reason(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription, state: str, says: str
) -> None:
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S)
    voucher.state = state
    db.flush()

    with pytest.raises(Conflict, match=says):
        redeem(db, actor, now, voucher.code, subscription_id=login.id)


def test_after_its_last_day_it_is_too_late_even_before_a_job_said_so(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription
) -> None:
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S, sell_until=now + timedelta(hours=1))

    with pytest.raises(Conflict, match="is too late"):
        redeem(db, actor, now + timedelta(hours=1), voucher.code, subscription_id=login.id)


@pytest.mark.parametrize("code", ["nobody-has-this", "x" * 65, "", "a\0b"])
def test_a_code_that_is_none_is_refused(
    db: Session, actor: Actor, now: datetime, login: Subscription, code: str
) -> None:
    with pytest.raises((NotFound, Invalid)):
        redeem(db, actor, now, code, subscription_id=login.id)


def test_a_hundred_who_redeem_one_voucher_at_once_get_it_once(
    db: Session, engine: Engine, actor: Actor, now: datetime, tenant: Tenant, plan: ServicePlan
) -> None:
    people = [make_customer(db, tenant=tenant) for _ in range(20)]
    (voucher,) = made(db, actor, now, None, credit="50000")
    ids, code = [row.id for row in people], voucher.code
    db.commit()

    def attempt(number: int) -> str:
        with Session(engine) as session:
            try:
                redeem(session, actor, now, code, customer_id=ids[number % len(ids)])
                session.commit()
            except Failure as refusal:
                session.rollback()
                return refusal.problems[0].reason
            return "redeemed"

    with ThreadPoolExecutor(20) as pool:
        answers = Counter(pool.map(attempt, range(100)))

    assert answers == {"redeemed": 1, "was used already": 99}
    db.expire_all()
    assert db.scalar(select(func.sum(Customer.balance)).where(Customer.id.in_(ids))) == 50_000
    assert db.scalar(select(func.count()).where(LedgerEntry.event_key == f"voucher:{voucher.id}")) == 1


def test_a_hundred_who_recharge_one_login_with_one_code_lengthen_it_once(
    db: Session, engine: Engine, actor: Actor, now: datetime, plan: ServicePlan, login: Subscription
) -> None:
    (voucher,) = made(db, actor, now, plan, validity_s=DAY_S)
    before, login_id, code = login.expires_at, login.id, voucher.code
    db.commit()

    def attempt(_: int) -> bool:
        with Session(engine) as session:
            try:
                redeem(session, actor, now, code, subscription_id=login_id)
                session.commit()
            except Conflict:
                session.rollback()
                return False
            return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(100))) == 1
    db.expire_all()
    assert before is not None
    assert db.get_one(Subscription, login_id).expires_at == before + timedelta(days=1)


# --- credentials --------------------------------------------------------------------------------------------------


def test_credentials_for_a_hotspot_are_short_free_and_last_for_the_plans_term(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, customer: Customer
) -> None:
    issued = [
        hotspot.generate(db, actor=actor, now=now, customer_id=customer.id, service_plan_id=plan.id) for _ in range(3)
    ]

    assert len({one.row.username for one in issued}) == 3
    assert {(len(one.row.username), one.row.connection_type, one.row.status) for one in issued} == {
        (7, "hotspot", "active")
    }
    assert all(one.row.expires_at is not None and one.row.expires_at > now for one in issued)
    # A password that was read out is his own until somebody changes it.
    assert subscriptions.change_password(db, actor=actor, now=now, subscription_id=issued[0].row.id).secret
