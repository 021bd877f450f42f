"""A customer's record in the panel, operators, imports and actions on many."""

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import operators
from bss.actor import Actor
from bss.permissions import FOR_OPERATORS
from db.models import Customer, CustomerContact, CustomerEquipment, CustomerJob, CustomerTag, Operator, User
from factories import make_customer, make_nas, make_session, make_subscription, make_user

NO_SERVICE = dict.fromkeys(("service_plan_id", "nas_server_id", "nas_group_id", "operator_id", "connection_type"), "")
NO_SERVICE |= {"nas_binding": "off", "customer_type": "residential", "language": "id"}


def customer(db: Session, seeded: Seeded, **over: object) -> Customer:
    row = make_customer(db, tenant_id=seeded.owner.tenant_id, **over)
    db.commit()
    return row


def test_a_customer_is_added_with_everything_and_edited_without_losing_the_identity_number(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    form = {
        "name": "John Doe", "phone": "0812345678", "city": "Bandung", "province": "Jawa Barat", "latitude": "-6.2088",
        "longitude": "106.8456", "birth_date": "1990-02-28", "gender": "male", "new_id_card_number": "3273012345670001",
        "customer_type": "residential", "language": "id", "tags": "VIP, fiber", "country": "Indonesia",
    }  # fmt: skip

    added = owner.post("/customers/new", data=NO_SERVICE | form)
    row = db.scalars(select(Customer).where(Customer.name == "John Doe")).one()
    page = owner.get(f"/customers/{row.id}/edit").get_data(as_text=True)
    edited = owner.post(f"/customers/{row.id}/edit", data=form | {"new_id_card_number": "", "city": "Bogor"})
    db.expire_all()

    assert (added.status_code, edited.status_code) == (303, 303)
    assert "3273012345670001" not in page
    assert (row.city, row.whatsapp, row.id_card_number) == ("Bogor", "+62812345678", "3273012345670001")
    record = owner.get(f"/customers/{row.id}/record").get_data(as_text=True)
    assert "Jawa Barat" in record
    assert "-6.20880, 106.84560" in record
    assert "VIP" in record
    assert "3273012345670001" not in record
    assert "3273012345670001" in owner.post(f"/customers/{row.id}/id-card").get_data(as_text=True)


def test_a_wrong_value_stays_in_the_form_with_its_problem(owner: FlaskClient, seeded: Seeded) -> None:
    answer = owner.post("/customers/new", data=NO_SERVICE | {"name": "X", "latitude": "91", "longitude": "1"})

    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Is not a place on the map" in text
    assert '<details class="mt-3" open>' in text


def test_tags_contacts_equipment_and_family_are_kept_from_the_record_page(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    row, head = customer(db, seeded), customer(db, seeded, name="Head")
    url = f"/customers/{row.id}"

    assert owner.post(f"{url}/tags", data={"tag": "VIP", "color": "gold"}).status_code == 303
    assert owner.post(f"{url}/tags", data={"tag": "vip"}).status_code == 422
    assert owner.post(f"{url}/contacts", data={"kind": "phone", "value": "021 5551234"}).status_code == 303
    assert owner.post(f"{url}/contacts", data={"kind": "email", "value": "nonsense"}).status_code == 422
    new = {
        "device_name": "ONT",
        "device_type": "ont",
        "mac_address": "aabbccddeeff",
        "is_active": "y",
        "subscription_id": "",
    }
    assert owner.post(f"{url}/equipment/new", data=new).status_code == 303
    piece = db.scalars(select(CustomerEquipment)).one()
    assert owner.post(f"{url}/equipment/{piece.id}", data=new | {"model": "HG8245"}).status_code == 303
    assert owner.post(f"{url}/family", data={"parent": "CUST-NOBODY"}).status_code == 422
    assert owner.post(f"{url}/family", data={"parent": head.customer_code}).status_code == 303

    page = owner.get(f"{url}/record").get_data(as_text=True)
    for text in ("VIP", "#ffd700", "ONT", "HG8245", "AA:BB:CC:DD:EE:FF", "Head", "Leave the family"):
        assert text in page, text
    contact = db.scalars(select(CustomerContact)).one()
    owner.post(f"{url}/contacts/{contact.id}", data={"do": "primary"})
    owner.post(f"{url}/contacts/{contact.id}", data={"do": "remove"})
    owner.post(f"{url}/tags/remove", data={"tag": "VIP"})
    owner.post(f"{url}/equipment/{piece.id}/remove")
    owner.post(f"{url}/family", data={"parent": ""})
    db.expire_all()
    assert [db.scalars(select(cls)).all() for cls in (CustomerContact, CustomerTag, CustomerEquipment)] == [[], [], []]
    assert row.parent_customer_id is None


def test_a_customer_is_blocked_deleted_and_brought_back(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = customer(db, seeded, name="Budi Hilang")
    url = f"/customers/{row.id}"

    assert owner.get(f"{url}/block").status_code == owner.get(f"{url}/terminate").status_code == 200
    assert (
        owner.post(f"{url}/block", data={"status": "blacklisted", "reason": "abuse", "note": "spam"}).status_code == 303
    )
    db.expire_all()
    assert (row.status, row.suspend_reason) == ("blacklisted", "abuse: spam")
    assert "abuse: spam" in owner.get(f"{url}/record").get_data(as_text=True)
    assert owner.get(f"{url}/delete").status_code == 200
    assert owner.post(f"{url}/delete").status_code == 303
    assert "Budi Hilang" in owner.get("/customers?deleted=yes").get_data(as_text=True)
    assert owner.post(f"{url}/restore").status_code == 303
    assert "Budi Hilang" in owner.get("/customers?q=Hilang").get_data(as_text=True)


def test_a_file_is_looked_through_then_imported(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    def send(**more: str) -> str:
        file = (io.BytesIO(b"name,phone\nNew One,0812000001\n,0812000002\n"), "new.csv")
        answer = owner.post("/customers/import", data={"file": file, **more})
        assert answer.status_code == 303
        return owner.get(answer.location).get_data(as_text=True)

    looked = send(dry_run="y", check_duplicates="y")
    assert "Nothing was written" in looked
    assert db.scalar(select(Customer.id).where(Customer.name == "New One")) is None
    done = send(check_duplicates="y")

    assert "What failed" in done
    assert db.scalar(select(Customer.id).where(Customer.name == "New One")) is not None
    job = db.scalars(select(CustomerJob).order_by(CustomerJob.id.desc())).first()
    assert job is not None
    assert "3,name is missing" in owner.get(f"/customer-jobs/{job.id}/errors.csv").get_data(as_text=True)
    assert owner.get(f"/customer-jobs/{job.id}/progress").status_code == 200
    assert owner.post("/customers/import", data={}).status_code == 422
    assert "new.csv" in owner.get("/customers/import").get_data(as_text=True)


def test_marked_customers_are_asked_about_and_then_done(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    rows = [customer(db, seeded) for _ in range(2)]
    chosen = {"customer_id": [str(row.id) for row in rows]}

    question = owner.post("/customers/many", data={"action": "suspend", **chosen})
    done = owner.post("/customers/many", data={"action": "suspend", "sure": "yes", "reason": "overdue", **chosen})
    tagged = owner.post("/customers/many?status=suspended", data={"action": "add_tag", "sure": "yes", "tag": "late"})
    nobody = owner.post("/customers/many", data={"action": "suspend", "sure": "yes"})
    db.expire_all()

    everybody = owner.post("/customers/many?q=x", data={"action": "suspend", "all": "yes", **chosen})
    assert "on all pages" in everybody.get_data(as_text=True)
    assert "For 2 marked customers" in question.get_data(as_text=True)
    assert {row.status for row in rows} == {"suspended"}
    assert (done.status_code, tagged.status_code, nobody.status_code) == (303, 303, 422)
    assert len(db.scalars(select(CustomerTag).where(CustomerTag.tag == "late")).all()) >= 2
    assert owner.post("/customers/many", data={"action": "explode"}).status_code == 403


def test_the_list_leaves_as_a_file(owner: FlaskClient, seeded: Seeded) -> None:
    text = owner.get("/customers/export.csv").get_data(as_text=True)

    assert text.lstrip("\ufeff").startswith("customer_code,status,name")
    assert owner.get("/customers/export.xlsx").status_code == 200


def test_operators_their_staff_and_a_transfer(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    user = make_user(db, tenant_id=seeded.owner.tenant_id)
    row = customer(db, seeded)
    form = {"name": "North", "level": "10", "commission_rate": "12.5", "parent_operator_id": ""}

    assert "No operators" in owner.get("/operators").get_data(as_text=True)
    assert owner.post("/operators/new", data=form).status_code == 303
    assert owner.post("/operators/new", data=form).status_code == 422
    north = db.scalars(select(Operator)).one()
    assert (
        owner.post(f"/operators/{north.id}", data=form | {"level": "12", "is_active": "y", "version": "1"}).status_code
        == 303
    )
    assert owner.post("/operators/staff", data={"user_id": user.id, "operator_id": north.id}).status_code == 303
    assert owner.post(f"/customers/{row.id}/transfer", data={"to_operator_id": north.id}).status_code == 303
    db.expire_all()

    assert (north.level, user.operator_id, row.operator_id) == (12, north.id, north.id)
    assert "North" in owner.get("/transfers").get_data(as_text=True)
    assert owner.post(f"/operators/{north.id}/delete").status_code == 303
    assert db.scalar(select(Operator.id)) == north.id


@pytest.fixture
def north(db: Session, seeded: Seeded) -> User:
    actor = Actor.system(tenant_id=seeded.owner.tenant_id, name="test")
    operator = operators.create(db, actor=actor, now=datetime.now(UTC), name="North", level=10)
    user = make_user(db, tenant_id=actor.tenant_id, permissions=sorted(FOR_OPERATORS), operator_id=operator.id)
    db.commit()
    return user


@pytest.mark.long
def test_no_page_shows_an_operator_what_is_not_his(
    client_of: Callable[[User], FlaskClient], app: Flask, seeded: Seeded, db: Session, north: User
) -> None:
    """Every page that has no argument, and every one of the foreign customer and subscription."""
    other = customer(db, seeded, name="Hidden-one", phone="+6281777123")
    foreign = make_subscription(db, tenant_id=other.tenant_id, customer=other, username="hidden-name")
    make_session(db, foreign, make_nas(db, tenant_id=other.tenant_id))
    customer(db, seeded, name="Mine", operator_id=north.operator_id)
    theirs, tried = client_of(north), 0
    known = {"customer_id": other.id, "subscription_id": foreign.id}

    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.endpoint.startswith("panel.") or rule.arguments - known.keys():
            continue
        path = rule.rule
        for name, value in known.items():
            path = path.replace(f"<int:{name}>", str(value))
        for query in ("", "?q=hidden"):
            text = theirs.get(path + query).get_data().decode(errors="replace")
            tried += 1
            assert "idden-one" not in text, path + query
            assert "idden-name" not in text, path + query
            assert "1777" not in text, path + query
    assert tried > 60
    assert "Mine" in theirs.get("/customers").get_data(as_text=True)


def test_the_settings_of_customers_are_kept(owner: FlaskClient, seeded: Seeded) -> None:
    form = {
        "name": "Cempaka", "locale": "id", "country_code": "62", "default_customer_status": "active",
        "timezone": seeded.tenant.timezone, "currency": seeded.tenant.currency,
        "customer_code_prefix": "NET", "subscription_code_prefix": "SUB", "require_whatsapp": "y",
    }  # fmt: skip

    assert owner.post("/settings/provider/customers", data=form).status_code == 303
    page = owner.get("/settings/provider").get_data(as_text=True)
    assert 'value="NET"' in page
    assert owner.post("/settings/provider/customers", data=form | {"country_code": "x"}).status_code == 422
