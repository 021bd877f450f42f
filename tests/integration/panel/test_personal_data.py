"""A customer's own data in the panel."""

import json
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.permissions import ROLES
from db.models import Customer, User
from factories import make_customer, make_user


def customer(db: Session, seeded: Seeded) -> Customer:
    row = make_customer(db, tenant_id=seeded.owner.tenant_id, name="Siti Rahayu", phone="+62812000111")
    db.commit()
    return row


def test_a_customer_is_taken_away_as_a_file_and_made_anonymous_by_typing_his_code(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    row = customer(db, seeded)
    url = f"/customers/{row.id}"
    page = owner.get(f"{url}/record").get_data(as_text=True)
    file = owner.post(f"{url}/personal-data")
    wrong = owner.post(f"{url}/anonymize", data={"confirm": "CUST-9"})
    done = owner.post(f"{url}/anonymize", data={"confirm": row.customer_code})
    db.expire_all()

    assert "Everything about him as a file" in page
    assert file.headers["Content-Disposition"] == f'attachment; filename="{row.customer_code}.json"'
    assert json.loads(file.data)["customer"]["phone"] == "+62812000111"
    assert row.customer_code in owner.get(f"{url}/anonymize").get_data(as_text=True)
    assert (wrong.status_code, done.status_code) == (422, 303)
    assert "Is not the customer" in wrong.get_data(as_text=True)
    assert row.name == "Anonymous Customer"


def test_a_deleted_customer_is_erased_from_the_list_of_deleted_ones(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    row = customer(db, seeded)
    customer_id, code = row.id, row.customer_code
    owner.post(f"/customers/{customer_id}/delete")

    listed = owner.get("/customers?deleted=yes").get_data(as_text=True)
    erased = owner.post(f"/customers/{customer_id}/erase", data={"confirm": code})

    assert f"/customers/{customer_id}/erase" in listed
    assert erased.status_code == 303
    assert db.scalars(select(Customer).where(Customer.id == customer_id)).all() == []
    assert owner.get(f"/customers/{customer_id}/erase").status_code == 404


def test_who_may_not_is_offered_nothing(client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session) -> None:
    row = customer(db, seeded)
    clerk = make_user(db, tenant_id=seeded.owner.tenant_id, permissions=sorted(ROLES["operator"][1]))
    db.commit()
    desk = client_of(clerk)

    assert "anonymize" not in desk.get(f"/customers/{row.id}/record").get_data(as_text=True)
    assert desk.get(f"/customers/{row.id}/anonymize").status_code == 403
    assert desk.post(f"/customers/{row.id}/personal-data").status_code == 403
