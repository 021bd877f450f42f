"""The pages of walled gardens, and a customer's credit limit."""

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import Customer, WalledGarden

FORM = {
    "address_list": "isolir",
    "download_kbps": "256k",
    "upload_kbps": "128k",
    "session_timeout_s": "30",
    "is_active": "y",
    "seen": "1",
}


def test_a_garden_is_made_shown_and_removed(owner: FlaskClient, db: Session) -> None:
    made = owner.post("/walled-gardens/subscription_suspended", data=FORM)

    assert made.status_code == 303
    row = db.scalars(select(WalledGarden)).one()
    assert (row.reason, row.address_list, row.download_kbps, row.session_timeout_s) == (
        "subscription_suspended",
        "isolir",
        256,
        1800,
    )
    assert "isolir" in owner.get("/walled-gardens").text
    assert 'value="isolir"' in owner.get("/walled-gardens/subscription_suspended").text

    assert owner.post("/walled-gardens/subscription_suspended/remove").status_code in (302, 303)
    db.expire_all()
    assert db.scalars(select(WalledGarden)).all() == []


def test_a_garden_without_walls_is_told_beside_its_box(owner: FlaskClient, db: Session) -> None:
    refused = owner.post("/walled-gardens/any", data=FORM | {"address_list": ""})

    assert refused.status_code == 422
    assert 'id="address_list-error"' in refused.text
    assert 'value="256k"' in refused.text
    assert db.scalars(select(WalledGarden)).all() == []


def test_there_is_no_page_for_a_reason_that_has_no_garden(owner: FlaskClient) -> None:
    assert owner.get("/walled-gardens/wrong_password").status_code == 404


def test_a_credit_limit_is_typed_and_taken_away_again(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    customer = db.scalars(select(Customer).order_by(Customer.id)).first()
    assert customer is not None
    form = {"name": customer.name, "customer_type": "residential", "language": "id"}

    for typed, stored in (("150.000", 150_000), ("", None)):
        saved = owner.post(f"/customers/{customer.id}/edit", data=form | {"credit_limit": typed})
        assert saved.status_code == 303
        db.expire_all()
        assert db.get_one(Customer, customer.id).credit_limit == stored
