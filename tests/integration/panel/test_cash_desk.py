"""The cash desk: who pays is found, what is open is taken, and the way back online is watched."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from browser.seed_money import seed_money
from browser.seed_panel import Seeded
from db.models import Invoice, Payment, RadAcct, Subscription, User
from factories import make_session, make_user


def of_budi(db: Session, seeded: Seeded) -> Invoice:
    seed_money(db, seeded, datetime.now(UTC))
    db.commit()
    return db.scalars(select(Invoice).where(Invoice.customer_id == seeded.budi.id)).one()


def paid(owner: FlaskClient, seeded: Seeded, invoice: Invoice, **over: str) -> str:
    page = owner.get(f"/cash/{seeded.budi.id}").text
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', page)
    assert key is not None
    form = {"amount": "250.000", "method": "cash", "invoice_id": str(invoice.id), "request_key": key[1]} | over
    answer = owner.post(f"/cash/{seeded.budi.id}", data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_the_only_one_found_is_opened_at_once(owner: FlaskClient, seeded: Seeded) -> None:
    for asked in (seeded.budi.name, "0812 345-0000 0", seeded.budi.customer_code, seeded.service.username):
        answer = owner.get("/cash", query_string={"q": asked})
        assert (answer.status_code, answer.headers.get("Location")) == (303, f"/cash/{seeded.budi.id}"), asked


def test_those_found_stand_with_what_they_owe(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    of_budi(db, seeded)
    found = owner.get("/cash?q=08123450000", headers={"HX-Request": "true"}).text
    assert "<html" not in found
    assert "Budi Santoso" in found
    assert "250,000" in found
    assert "nothing open" in found
    assert "Nobody is found" in owner.get("/cash?q=zzzz").text


def test_what_is_open_is_offered_with_its_amount_and_taken_once(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    invoice = of_budi(db, seeded)
    page = owner.get(f"/cash/{seeded.budi.id}").text
    assert str(invoice.invoice_number) in page
    assert 'value="250000"' in page

    done = paid(owner, seeded, invoice)

    db.expire_all()
    payment = db.scalars(select(Payment).where(Payment.customer_id == seeded.budi.id)).one()
    assert db.get_one(Invoice, invoice.id).status == "paid"
    told = owner.get(done).text
    assert str(payment.receipt_number) in told
    assert f"/payments/{payment.id}/receipt" in told
    assert "Online all along" in told
    assert str(payment.receipt_number) in owner.get("/cash").text


def test_the_clock_runs_until_the_customer_is_back_online(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    invoice = of_budi(db, seeded)
    ended = datetime.now(UTC) - timedelta(hours=1)
    db.execute(update(RadAcct).where(RadAcct.subscription_id == seeded.service.id).values(acctstoptime=ended))
    db.commit()
    done = paid(owner, seeded, invoice)
    waiting = owner.get(f"{done}/watch").text
    assert "waiting for his device" in waiting
    assert 'hx-trigger="every 1s"' in waiting

    payment = db.scalars(select(Payment).where(Payment.customer_id == seeded.budi.id)).one()
    began = payment.created_at + timedelta(seconds=2.4)
    make_session(db, db.get_one(Subscription, seeded.service.id), seeded.routers[0], acctstarttime=began)
    db.commit()

    back = owner.get(f"{done}/watch").text
    assert "Back online 2.40 s after the payment" in back
    assert "hx-trigger" not in back


def test_a_payment_that_does_not_bring_him_back_says_so(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    invoice = of_budi(db, seeded)
    db.execute(
        update(Subscription)
        .where(Subscription.id == seeded.service.id)
        .values(status="suspended", suspend_reason="abuse")
    )
    db.commit()
    told = owner.get(paid(owner, seeded, invoice, amount="1000", invoice_id="")).text
    assert "This payment does not bring it back" in told
    assert "1 invoice is still open" in told


def test_what_is_wrong_stands_beside_its_box_and_nothing_typed_is_lost(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    of_budi(db, seeded)
    refused = owner.post(f"/cash/{seeded.budi.id}", data={"amount": "0", "method": "qris", "note": "for March"})
    assert refused.status_code == 422
    assert 'id="amount-error"' in refused.text
    assert re.search(r'value="qris" checked', refused.text)
    assert "for March" in refused.text


def test_who_may_not_take_money_has_no_desk(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, permissions=["view_customers", "view_money"], tenant=seeded.tenant)
    db.commit()
    client = client_of(viewer)
    assert client.get("/cash").status_code == 403
    assert "/cash" not in client.get("/payments").text
