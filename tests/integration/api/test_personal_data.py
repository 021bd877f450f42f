"""A customer's own data over HTTP, in the panel's shadow: who may take it, and who may make it go."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss.permissions import FOR_OPERATORS, ROLES
from db.models import Customer, Tenant, User
from factories import make_customer, make_subscription, make_tenant, make_user

API = "/api/v1"


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    row = make_customer(db, tenant=tenant, name="Budi Santoso", phone="+62812345678")
    make_subscription(db, tenant=tenant, customer=row, username="budi@rumah")
    db.commit()
    return row


def told(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.json
    return answer.json


def test_everything_is_handed_out_and_the_same_name_is_gone_afterwards(
    client: FlaskClient, customer: Customer, db: Session
) -> None:
    url = f"{API}/customers/{customer.id}"
    found = told(client.get(f"{url}/personal-data"))
    wrong = told(client.post(f"{url}/anonymize", json={"confirm": "CUST-1"}), 422)
    done = told(client.post(f"{url}/anonymize", json={"confirm": customer.customer_code}))

    assert (found["customer"]["phone"], found["subscriptions"][0]["username"]) == ("+62812345678", "budi@rumah")
    assert wrong["errors"][0]["field"] == "confirm"
    assert (done["ending"], done["customer_id"]) == ("anonymous", customer.id)
    assert told(client.get(url))["name"] == "Anonymous Customer"
    assert "Budi" not in str(told(client.get(f"{url}/personal-data")))


def test_a_deleted_customer_is_erased_without_a_trace(client: FlaskClient, customer: Customer, db: Session) -> None:
    url = f"{API}/customers/{customer.id}"
    code = customer.customer_code
    told(client.delete(url))

    assert told(client.post(f"{url}/erase", json={"confirm": code}))["ending"] == "erased"
    assert db.scalars(select(Customer)).all() == []
    told(client.post(f"{url}/erase", json={"confirm": code}), 404)


def test_only_administrators_may_and_only_with_their_own_customers(
    client: FlaskClient, client_of: Callable[..., FlaskClient], customer: Customer, tenant: Tenant, db: Session
) -> None:
    foreign = make_customer(db, tenant=make_tenant(db))
    clerk = client_of(make_user(db, tenant=tenant, permissions=sorted(ROLES["operator"][1])))

    for path, method in (("personal-data", "get"), ("anonymize", "post"), ("erase", "post")):
        given = {} if method == "get" else {"json": {"confirm": foreign.customer_code}}
        told(getattr(clerk, method)(f"{API}/customers/{customer.id}/{path}", **given), 403)
        told(getattr(client, method)(f"{API}/customers/{foreign.id}/{path}", **given), 404)
    assert "manage_personal_data" not in FOR_OPERATORS
    assert [name for name, (_, codes) in ROLES.items() if "manage_personal_data" in codes] == ["admin"]


def test_the_provider_says_when_deleted_customers_are_forgotten(client: FlaskClient, admin: User) -> None:
    url = f"{API}/provider"
    shown = told(client.get(url))
    changed = told(client.patch(url, json={"forget_deleted_after_days": None, "deleted_customers_become": "erased"}))

    assert (shown["forget_deleted_after_days"], shown["deleted_customers_become"]) == (90, "anonymous")
    assert (changed["forget_deleted_after_days"], changed["deleted_customers_become"]) == (None, "erased")
    told(client.patch(url, json={"forget_deleted_after_days": 0}), 422)
    told(client.patch(url, json={"deleted_customers_become": "gone"}), 422)
