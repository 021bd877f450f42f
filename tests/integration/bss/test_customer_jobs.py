"""Imports and actions on many: each item whole or not at all, with the row of the file it stood in."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bss import customer_jobs, customers, operators
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.models import Customer, CustomerEquipment, CustomerJob, CustomerJobItem, NasServer, SessionChange, Subscription
from db.queries.customer_jobs import items_of
from db.queries.customer_lists import CustomerFilter
from db.queries.customers import tags_of
from db.scope import use_operators
from factories import make_customer, make_plan, make_session, make_subscription, make_tenant

pytestmark = pytest.mark.usefixtures("keys_file")


def imported(db: Session, actor: Actor, now: datetime, text: str, **more: Any) -> CustomerJob:
    job = customer_jobs.start_import(db, actor=actor, now=now, content=text.encode(), **more)
    customer_jobs.run_at_once(db, now=now, job=job)
    return job


def failures(db: Session, job: CustomerJob) -> dict[int, list[tuple[str, str]]]:
    return {
        item.position: [(problem["field"], problem["reason"]) for problem in item.problems or []]
        for item in items_of(db, job.id, state="failed")
    }


def test_a_row_without_a_name_is_named_by_its_line_and_the_others_are_imported(
    db: Session, actor: Actor, now: datetime
) -> None:
    job = imported(db, actor, now, "name,phone\nBudi,0812345678\n,0812345679\nAni,0812345680\n")

    assert (job.state, job.total, job.done, job.failed) == ("done", 3, 2, 1)
    assert failures(db, job) == {3: [("name", "is missing")]}
    assert sorted(db.scalars(select(Customer.name))) == ["Ani", "Budi"]


def test_everything_a_row_can_say_is_kept(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id, name="Home 20")
    head = (
        "Name;WhatsApp;Email;Address;Birth date;Gender;Latitude;Longitude;Tags;Notes;Customer type;Username;Password;"
        "Plan;NAS;Connection type;Expires at;Device name"
    )
    row = (
        'Budi;0812345678;b@example.net;"Jl. Melati; 5";1990-01-31;Male;-6.2;106.8;"VIP, fiber,vip";see;Business;'
        f"budi@net; secret-1234 ;home 20;{router.name};PPPoE;2027-01-31;ONT"
    )

    job = imported(db, actor, now, f"\ufeff{head}\r\n{row}\r\n")

    assert failures(db, job) == {}
    customer = db.scalars(select(Customer)).one()
    service = db.scalars(select(Subscription)).one()
    piece = db.scalars(select(CustomerEquipment)).one()
    assert (customer.whatsapp, customer.address, str(customer.latitude)[:4]) == (
        "+62812345678",
        "Jl. Melati; 5",
        "-6.2",
    )
    assert (customer.customer_type, customer.gender, str(customer.birth_date)) == ("business", "male", "1990-01-31")
    assert [row.tag for row in tags_of(db, [customer.id])[customer.id]] == ["fiber", "VIP"]
    assert (service.username, service.service_password, service.plan.id) == ("budi@net", " secret-1234 ", plan.id)
    assert (service.status, service.nas_server_id) == ("active", router.id)
    assert service.expires_at is not None
    assert service.expires_at.isoformat() == "2027-01-30T17:00:00+00:00"
    assert (piece.device_name, piece.device_type, piece.is_primary) == ("ONT", "router", True)
    assert customer.status == "active"


def test_a_row_is_there_as_a_whole_or_not_at_all(db: Session, actor: Actor, now: datetime) -> None:
    make_plan(db, tenant_id=actor.tenant_id, slug="home")
    make_subscription(db, tenant_id=actor.tenant_id, username="taken")
    before = db.scalar(select(func.count()).select_from(Customer))
    rows = ["A,taken,home", "B,free,no such plan", "C,,home", "D,new,home"]

    job = imported(db, actor, now, "name,username,plan\n" + "\n".join(rows))

    assert {number: problem[0][0] for number, problem in failures(db, job).items()} == {
        2: "username",
        3: "plan",
        4: "username",
    }
    assert db.scalar(select(func.count()).select_from(Customer)) == (before or 0) + 1


def test_a_preview_says_the_same_and_writes_nothing(db: Session, actor: Actor, now: datetime) -> None:
    make_customer(db, tenant_id=actor.tenant_id, phone="+62812345678")
    text = "name,phone,gender\nA,0812345678,male\nB,0812345679,alien\nC,0812345670,male\nD,0812345670,male\n"

    preview = imported(db, actor, now, text, dry_run=True)
    counted = db.scalar(select(func.count()).select_from(Customer))
    real = imported(db, actor, now, text)

    assert counted == 1
    assert failures(db, preview) == failures(db, real)
    assert failures(db, real)[2] == [("phone", "belongs to another customer")]
    assert failures(db, real)[5] == [("phone", "is in row 4 too")]
    assert (preview.done, preview.failed, real.done) == (1, 3, 1)
    assert db.scalars(select(Customer.customer_code).order_by(Customer.id.desc()).limit(1)).one().endswith("0001")


def test_whoever_is_there_with_that_name_at_that_address_is_not_added_again(
    db: Session, actor: Actor, now: datetime
) -> None:
    text = 'name,address\nBudi,"Jl. Melati 5"\n'
    imported(db, actor, now, text)

    again = imported(db, actor, now, text.upper().replace("NAME,ADDRESS", "name,address"))
    anyway = imported(db, actor, now, text, check_duplicates=False)

    assert failures(db, again)[2][0][1].startswith("looks like CUST-")
    assert (anyway.done, anyway.failed) == (1, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column called name"),
        (b"name\n\n\n", "no customers"),
        (b"phone\n08123\n", "no column called name"),
        (b"name,colour\nA,red\n", "not known: colour"),
        (b"name,name\nA,B\n", "twice"),
        (b"name\n\xff\xfe\n", "not UTF-8"),
        (b"name\nA\x00\n", "no text"),
        (b"name,phone\nA,1,2\n", "more cells than columns in row 2"),
        (b'name\n"A\n', "not CSV"),
        (b"name\n" + b"A\n" * 5_001, "more than 5000"),
        (b"name\n" + b"A" * 2_000_001, "larger than 2 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    db: Session, actor: Actor, now: datetime, content: bytes, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        customer_jobs.start_import(db, actor=actor, now=now, content=content)


def test_the_secrets_of_a_row_are_nowhere_in_the_clear(db: Session, actor: Actor, now: datetime) -> None:
    text = "name,username,password,plan\nBudi,budi,hunter2hunter2,none\n"

    job = imported(db, actor, now, text)

    item = items_of(db, job.id)[0]
    stored = db.execute(select(CustomerJobItem.__table__.c.data)).scalars().all()
    assert customer_jobs.values_of(item) == {"name": "Budi", "username": "budi", "plan": "none"}
    assert b"hunter2" not in bytes(db.connection().exec_driver_sql("SELECT data FROM customer_job_items").scalar_one())
    assert stored


def test_one_job_runs_at_a_time_and_can_be_stopped(db: Session, actor: Actor, now: datetime) -> None:
    rows = "name\n" + "\n".join(f"Customer {number}" for number in range(120))
    job = customer_jobs.start_import(db, actor=actor, now=now, content=rows.encode())
    db.commit()
    with pytest.raises(Conflict, match="another job"):
        customer_jobs.start_import(db, actor=actor, now=now, content=b"name\nA\n")
    db.rollback()

    portion = customer_jobs.step(db, now=now, job_id=job.id)
    customer_jobs.stop(db, actor=actor, now=now, job_id=job.id)

    assert portion is not None
    assert (portion.items, job.done, job.state) == (50, 50, "stopped")
    assert customer_jobs.step(db, now=now, job_id=job.id) is None
    with pytest.raises(Conflict):
        customer_jobs.stop(db, actor=actor, now=now, job_id=job.id)


def test_a_job_that_was_interrupted_goes_on_and_repeats_nobody(db: Session, actor: Actor, now: datetime) -> None:
    rows = "name\n" + "\n".join(f"Customer {number:03d}" for number in range(120))
    job = customer_jobs.start_import(db, actor=actor, now=now, content=rows.encode())
    db.commit()
    customer_jobs.step(db, now=now, job_id=job.id)
    db.rollback()

    customer_jobs.run_at_once(db, now=now, job=job)

    names = db.scalars(select(Customer.name).order_by(Customer.name)).all()
    assert names == [f"Customer {number:03d}" for number in range(120)]
    assert (job.done, job.failed, job.state) == (120, 0, "done")


def test_a_suspension_of_many_ends_their_sessions_and_tells_who_could_not_be(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    services = [make_subscription(db, tenant_id=actor.tenant_id) for _ in range(3)]
    for service in services:
        make_session(db, service, router)
    over = make_customer(db, tenant_id=actor.tenant_id, status="terminated")
    foreign = make_customer(db, tenant=make_tenant(db))
    chosen = [*(service.customer_id for service in services), over.id, foreign.id, services[0].customer_id]

    job = customer_jobs.start_bulk(
        db, actor=actor, now=now, action="suspend", customer_ids=chosen, arguments={"reason": "overdue"}
    )
    effect = customer_jobs.run_at_once(db, now=now, job=job)

    assert (job.total, job.done, job.failed) == (5, 3, 2)
    assert effect.sessions == db.scalar(select(func.count()).select_from(SessionChange)) == 3
    assert {item.position: (item.problems or [{}])[0]["reason"] for item in items_of(db, job.id, state="failed")} == {
        4: "a terminated customer cannot become suspended; possible: nothing",
        5: "there is no such customer",
    }
    assert foreign.status == "active"


def test_a_filter_chooses_and_a_tag_is_put_on_all_of_them(db: Session, actor: Actor, now: datetime) -> None:
    for number in range(30):
        make_customer(db, tenant_id=actor.tenant_id, city="Bogor" if number % 3 else "Depok")
    fits = CustomerFilter(city="Bogor")

    job = customer_jobs.start_bulk(
        db, actor=actor, now=now, action="add_tag", fits=fits, arguments={"tag": "north", "color": "red"}
    )
    customer_jobs.run_at_once(db, now=now, job=job)
    again = customer_jobs.start_bulk(db, actor=actor, now=now, action="add_tag", fits=fits, arguments={"tag": "North"})
    customer_jobs.run_at_once(db, now=now, job=again)

    assert (job.done, again.done, again.failed) == (20, 0, 20)


def test_a_plan_is_changed_for_all_who_have_another(db: Session, actor: Actor, now: datetime) -> None:
    old, new = make_plan(db, tenant_id=actor.tenant_id), make_plan(db, tenant_id=actor.tenant_id)
    first = make_subscription(db, tenant_id=actor.tenant_id, plan=old)
    second = make_subscription(db, tenant_id=actor.tenant_id, plan=new)
    none = make_customer(db, tenant_id=actor.tenant_id)
    chosen = [first.customer_id, second.customer_id, none.id]

    job = customer_jobs.start_bulk(
        db, actor=actor, now=now, action="change_plan", customer_ids=chosen, arguments={"service_plan_id": new.id}
    )
    customer_jobs.run_at_once(db, now=now, job=job)

    db.refresh(first)
    assert (job.done, job.failed, first.service_plan_id) == (2, 1, new.id)


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("explode", {}),
        ("add_tag", {}),
        ("suspend", {"tag": "x"}),
        ("change_plan", {"service_plan_id": 2**40}),
        ("change_plan", {}),
    ],
)
def test_a_senseless_action_touches_nobody(
    db: Session, actor: Actor, now: datetime, action: str, arguments: dict[str, Any]
) -> None:
    chosen = [make_customer(db, tenant_id=actor.tenant_id).id]

    with pytest.raises(Invalid):
        customer_jobs.start_bulk(db, actor=actor, now=now, action=action, customer_ids=chosen, arguments=arguments)
    with pytest.raises(Invalid):
        customer_jobs.start_bulk(db, actor=actor, now=now, action="activate", customer_ids=[])
    with pytest.raises(Invalid):
        customer_jobs.start_bulk(db, actor=actor, now=now, action="activate")


def test_an_operators_job_touches_only_his_customers(db: Session, actor: Actor, now: datetime) -> None:
    north = operators.create(db, actor=actor, now=now, name="North", level=10)
    mine = make_customer(db, tenant_id=actor.tenant_id, operator_id=north.id)
    other = make_customer(db, tenant_id=actor.tenant_id)
    acting = Actor(tenant_id=actor.tenant_id, kind="user", name="n", operator_id=north.id)
    use_operators(db, [north.id])

    job = customer_jobs.start_bulk(db, actor=acting, now=now, action="suspend", customer_ids=[mine.id, other.id])
    db.commit()
    # The worker's session knows no operator.
    use_operators(db, None)
    customer_jobs.run_at_once(db, now=now, job=job)
    added = imported(db, acting, now, "name\nNew\n")

    assert (job.done, job.failed) == (1, 1)
    assert (mine.status, other.status) == ("suspended", "active")
    assert added.done == 1
    assert db.scalars(select(Customer.operator_id).where(Customer.name == "New")).one() == north.id


def test_old_jobs_are_forgotten_with_their_rows(db: Session, actor: Actor, now: datetime) -> None:
    imported(db, actor, now - timedelta(days=91), "name\nA\n")

    imported(db, actor, now, "name\nB\n")

    assert db.scalar(select(func.count()).select_from(CustomerJob)) == 1
    assert db.scalar(select(func.count()).select_from(CustomerJobItem)) == 1


def test_a_deleted_customer_may_be_one_of_many(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id)

    job = customer_jobs.start_bulk(db, actor=actor, now=now, action="delete", customer_ids=[customer.id])
    customer_jobs.run_at_once(db, now=now, job=job)

    assert job.done == 1
    assert customers.restore(db, actor=actor, now=now, customer_id=customer.id).row.deleted_at is None


def test_what_customers_bring_along_is_booked_and_what_is_no_amount_is_said(
    db: Session, actor: Actor, now: datetime
) -> None:
    text = "name,initial_balance\nBudi,50000\nAni,-20000\nCici,0\nDedi,\nEko,much\n"

    job = imported(db, actor, now, text)

    assert customer_jobs.gives_balances(text.encode())
    assert failures(db, job) == {6: [("initial_balance", "is not an amount")]}
    found = dict(db.execute(select(Customer.name, Customer.balance)).all())
    assert found == {"Budi": 50000, "Ani": -20000, "Cici": 0, "Dedi": 0}
