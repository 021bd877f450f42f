"""The one search: what it finds, what it offers to do, and for whom."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import Invoice, User
from factories import make_user


def found(client: FlaskClient, text: str) -> str:
    answer = client.get("/search", query_string={"q": text}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("suspend budi", "/suspend"),
        ("budi pay", "/pay"),
        ("disconnect budi", "/disconnect"),
        ("new vou", "/vouchers/new"),
        ("payment gate", "/settings/gateways"),
        ("RB-Mel", "/routers/"),
        ("business", "/plans/"),
        ("d4-ca-6d-00-00-01", "/customers/"),
        ("0812 345 00000", "/customers/"),
    ],
)
def test_it_leads_to_people_things_pages_and_actions(owner: FlaskClient, text: str, link: str) -> None:
    assert link in found(owner, text)


def test_an_invoice_is_found_by_the_beginning_of_its_number(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    db.add(
        Invoice(
            tenant_id=seeded.tenant.id,
            customer_id=seeded.budi.id,
            invoice_number="INV-202611-0007",
            kind="manual",
            status="unpaid",
            currency="IDR",
            issued_at=seeded.service.activated_at,
            due_date=seeded.service.activated_at.date() + timedelta(days=7),
            subtotal=1000,
            total=1000,
        )
    )
    db.commit()
    assert "INV-202611-0007" in found(owner, "inv-202611")
    assert "INV-202611-0007" not in found(owner, "inv-202612")


def test_nobody_is_led_to_what_he_may_not_do_or_see(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"], email="viewer@example.net")
    nobody = make_user(db, tenant=seeded.tenant, permissions=[], email="nobody@example.net")
    db.commit()
    seen = found(client_of(viewer), "suspend budi")
    assert "Budi Santoso" in seen
    assert "/suspend" not in seen
    assert "RB-Melati" not in found(client_of(viewer), "RB-Mel")
    assert "Budi Santoso" not in found(client_of(nobody), "budi")


@pytest.mark.parametrize("text", ["", "a", "%", "'; drop table customers --", "<script>", "x" * 500, "1.2.3"])
def test_anything_may_be_typed(owner: FlaskClient, text: str) -> None:
    assert "<script>" not in found(owner, text)
