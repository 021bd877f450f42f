"""The pages of vouchers; and that thousands of them under one customer make no page and no use-case slow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import customers, vouchers
from bss.actor import Actor
from bss.failure import Conflict
from db.models import AuditLog, Customer, ServicePlan, SessionChange, Subscription, Tenant, User, Voucher, VoucherBatch
from db.queries.owned import SHOWN
from factories import make_nas, make_plan, make_session, make_user

MANY = 3000
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def plan(db: Session, seeded: Seeded) -> ServicePlan:
    row = make_plan(db, tenant=seeded.tenant, connection_type="hotspot", name="Hotspot 3 jam")
    db.commit()
    return row


@pytest.fixture
def actor(seeded: Seeded) -> Actor:
    return Actor.system(tenant_id=seeded.tenant.id, name="test")


@pytest.fixture
def many(db: Session, plan: ServicePlan, actor: Actor) -> Customer:
    """The walk-in customer with `MANY` vouchers in one batch."""
    for count in (MANY // 2, MANY // 2):
        vouchers.create(
            db, actor=actor, now=NOW, service_plan_id=plan.id, count=count, validity_s=10_800, batch="festival"
        )
    db.commit()
    return walk_in(db)


def batch_id_of(db: Session, name: str) -> int:
    return db.scalars(select(VoucherBatch.id).where(VoucherBatch.name == name)).one()


def walk_in(db: Session) -> Customer:
    return db.scalars(select(Customer).where(Customer.is_walk_in)).one()


@dataclass
class Counted:
    """What was asked of the database."""

    statements: int = 0
    rows: int = 0


@contextmanager
def counting() -> Iterator[Counted]:
    """Count statements, and the rows that selects returned."""
    counted = Counted()

    def note(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        counted.statements += 1
        counted.rows += max(0, cursor.rowcount) if statement.lstrip().upper().startswith(("SELECT", "WITH")) else 0

    event.listen(Engine, "after_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(Engine, "after_cursor_execute", note)


def test_no_page_asks_for_all_subscriptions_of_a_customer(owner: FlaskClient, db: Session, many: Customer) -> None:
    last = db.scalars(
        select(Subscription.id).where(Subscription.customer_id == many.id).order_by(Subscription.id.desc())
    )
    newest = last.first()
    paths = (
        "/",
        "/customers",
        "/customers?q=Walk-in",
        f"/customers/{many.id}",
        f"/customers/{many.id}?subscription={newest}",
        f"/customers/{many.id}?tab=timeline",
        f"/customers/{many.id}/live?subscription={newest}",
        f"/customers/{many.id}/edit",
        f"/customers/{many.id}/suspend",
        f"/customers/{many.id}/subscriptions/new",
        f"/subscriptions/{newest}/suspend",
        f"/subscriptions/{newest}/edit",
        "/search?q=Walk-in",
        "/vouchers",
        "/vouchers?batch=festival",
        "/vouchers/batches",
        f"/vouchers/batches/{batch_id_of(db, 'festival')}",
        "/online",
        "/plans",
    )

    for path in paths:
        with counting() as counted:
            answer = owner.get(path)
        assert answer.status_code == 200, path
        assert counted.statements <= 45, path
        assert counted.rows <= 400, path


def test_a_customer_with_too_many_for_tabs_is_searched_by_username(
    owner: FlaskClient, db: Session, many: Customer
) -> None:
    rows = select(Subscription).where(Subscription.customer_id == many.id).order_by(Subscription.id.desc())
    newest = db.scalars(rows.limit(1)).one()

    page = owner.get(f"/customers/{many.id}").text
    found = owner.get(f"/customers/{many.id}?username={newest.username}").text
    missed = owner.get(f"/customers/{many.id}?username=nobody").text

    assert f"{SHOWN + 1} of {MANY:,} subscriptions are listed here" in page
    assert f"subscription={newest.id}&amp;tab=sessions" in found
    assert "no subscription with the username “nobody”" in missed


def test_making_vouchers_costs_the_same_however_many_there_are(
    db: Session, plan: ServicePlan, actor: Actor, many: Customer
) -> None:
    with counting() as counted:
        vouchers.create(db, actor=actor, now=NOW, service_plan_id=plan.id, count=200, validity_s=None)

    assert counted.statements <= 20
    assert counted.rows <= 20


@pytest.mark.parametrize("verb", ["suspend", "activate"])
def test_blocking_the_walk_in_customer_reads_no_voucher(db: Session, actor: Actor, many: Customer, verb: str) -> None:
    if verb == "activate":
        customers.suspend(db, actor=actor, now=NOW, customer_id=many.id)

    with counting() as counted:
        getattr(customers, verb)(db, actor=actor, now=NOW, customer_id=many.id)

    assert counted.statements <= 12
    assert counted.rows <= 10


@pytest.mark.parametrize("verb", ["terminate", "delete"])
def test_the_walk_in_customer_is_not_ended_with_every_voucher_sold(
    db: Session, actor: Actor, plan: ServicePlan, verb: str
) -> None:
    vouchers.create(db, actor=actor, now=NOW, service_plan_id=plan.id, count=1, validity_s=None)

    with pytest.raises(Conflict, match="every voucher belongs to this customer"):
        getattr(customers, verb)(db, actor=actor, now=NOW, customer_id=walk_in(db).id)


def test_a_batch_is_disabled_in_steps_and_its_sessions_end(
    db: Session, actor: Actor, seeded: Seeded, many: Customer
) -> None:
    used = db.scalars(select(Subscription).where(Subscription.customer_id == many.id).limit(1)).one()
    make_session(db, used, make_nas(db, tenant=seeded.tenant))
    batch_id = batch_id_of(db, "festival")

    with counting() as counted:
        done = vouchers.set_batch_disabled(db, actor=actor, now=NOW, batch_id=batch_id, disabled=True)

    assert (done.changed, done.effect.sessions) == (MANY, 1)
    assert counted.statements <= 20
    assert db.scalar(select(func.count()).where(Voucher.state == "disabled")) == MANY
    again = vouchers.set_batch_disabled(db, actor=actor, now=NOW, batch_id=batch_id, disabled=False)
    assert (again.changed, again.effect.sessions) == (MANY, 0)


# --- the pages ----------------------------------------------------------------------------------------------------

FORM = {"count": "3", "validity_s": "1.5", "batch": "nov", "prefix": "HOT-", "sell_until": "", "binds_mac": "y"}


def test_a_batch_is_made_shown_once_listed_and_taken_as_a_table(
    owner: FlaskClient, db: Session, plan: ServicePlan
) -> None:
    made = owner.post("/vouchers/new", data=FORM | {"service_plan_id": str(plan.id)})

    rows = db.scalars(select(Voucher).order_by(Voucher.code)).all()
    assert made.status_code == 200
    assert [row.code.startswith("HOT-") and row.code in made.text for row in rows] == [True] * 3
    assert {(row.validity_s, row.binds_mac, row.batch_name) for row in rows} == {(5400, True, "nov")}
    listed = owner.get("/vouchers?batch=nov&state=unused").text
    assert all(row.code in listed for row in rows)
    assert "Hotspot 3 jam" in listed
    assert rows[0].code not in owner.get("/vouchers?batch=other").text

    table = owner.post(f"/vouchers/batches/{batch_id_of(db, 'nov')}/export")
    assert table.mimetype == "text/csv"
    assert table.text.splitlines()[0].startswith("Code,Batch,Plan,State,Price")
    assert rows[0].code in table.text
    assert db.scalars(select(AuditLog.action).where(AuditLog.action == "voucher.exported")).all() == [
        "voucher.exported"
    ]


def test_no_cell_of_the_table_is_a_formula(owner: FlaskClient, db: Session, plan: ServicePlan) -> None:
    form = FORM | {"service_plan_id": str(plan.id), "batch": "=HYPERLINK(1)"}
    owner.post("/vouchers/new", data=form)

    table = owner.post(f"/vouchers/batches/{batch_id_of(db, '=HYPERLINK(1)')}/export").text

    assert "'=HYPERLINK(1)" in table
    assert ",=" not in table


def test_one_voucher_and_a_batch_are_disabled_and_given_back(
    owner: FlaskClient, db: Session, plan: ServicePlan
) -> None:
    owner.post("/vouchers/new", data=FORM | {"service_plan_id": str(plan.id)})
    one = db.scalars(select(Voucher).order_by(Voucher.id).limit(1)).one()

    def states() -> list[str]:
        db.expire_all()
        return sorted(db.scalars(select(Voucher.state)))

    assert owner.post(f"/vouchers/{one.id}/disabled", data={"do": "disable"}).status_code == 303
    assert states() == ["disabled", "unused", "unused"]
    whole = f"/vouchers/batches/{batch_id_of(db, 'nov')}/disabled"
    assert owner.post(whole, data={"do": "disable"}).status_code == 303
    assert states() == ["disabled"] * 3
    owner.post(whole, data={"do": "enable"})
    assert states() == ["unused"] * 3
    assert owner.post("/vouchers/batches/999999/disabled", data={"do": "disable"}).status_code == 404
    assert db.scalars(select(SessionChange).where(SessionChange.reason == "voucher_over")).all() == []


def test_a_form_that_cannot_be_is_told_beside_its_boxes(owner: FlaskClient, db: Session, plan: ServicePlan) -> None:
    for over, field in (
        ({"count": "0"}, "count"),
        ({"validity_s": "soon"}, "validity_s"),
        ({"prefix": "=x"}, "prefix"),
    ):
        refused = owner.post("/vouchers/new", data=FORM | {"service_plan_id": str(plan.id)} | over)
        assert refused.status_code == 422
        assert f'id="{field}-error"' in refused.text


def test_who_may_only_look_takes_no_codes(
    client_of: Callable[[User], FlaskClient], db: Session, seeded: Seeded, plan: ServicePlan
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()
    client = client_of(viewer)

    assert client.get("/vouchers").status_code == 200
    for path in (
        *("/vouchers/new", "/vouchers/batches/1/export", "/vouchers/batches/1/disabled", "/vouchers/1/disabled"),
        *("/vouchers/batches/1/print", "/vouchers/batches/1/sell", "/vouchers/sales/1/take-back"),
    ):
        assert client.post(path).status_code == 403


def test_each_provider_has_one_walk_in_customer(db: Session, seeded: Seeded, actor: Actor, plan: ServicePlan) -> None:
    vouchers.create(db, actor=actor, now=NOW, service_plan_id=plan.id, count=1, validity_s=None)
    customers.edit(db, actor=actor, now=NOW, customer_id=walk_in(db).id, changes={"name": "Toko"})
    vouchers.create(db, actor=actor, now=NOW, service_plan_id=plan.id, count=1, validity_s=None)

    assert isinstance(seeded.tenant, Tenant)
    assert walk_in(db).name == "Toko"
