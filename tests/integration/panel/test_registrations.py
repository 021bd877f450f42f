"""Registrations in the panel: who waits, and why one was not added."""

from datetime import UTC, datetime

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import registrations
from bss.actor import Actor
from db.models import CustomerRegistration


def test_who_was_asked_for_is_listed_with_what_became_of_it(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    empty = owner.get("/customers/registrations").text
    actor = Actor.system(tenant_id=seeded.tenant.id, name="shop")
    for name in ("Rina <b>", "Tono"):
        registrations.ask(db, actor=actor, now=datetime.now(UTC), asked={"customer": {"name": name}})
    db.commit()

    page = owner.get("/customers/registrations").text

    assert "Nobody is to be added" in empty
    assert ("Rina &lt;b&gt;" in page, "Tono" in page, "shop" in page) == (True, True, True)
    assert "Tono" not in owner.get("/customers/registrations?state=failed").text
    row = db.scalars(select(CustomerRegistration).order_by(CustomerRegistration.id)).first()
    assert row is not None
    row.state, row.finished_at = "failed", datetime.now(UTC)
    db.commit()
    again = owner.post(f"/customers/registrations/{row.id}/repeat", follow_redirects=True).text
    db.refresh(row)
    assert ("It is tried again now." in again, row.state) == (True, "waiting")
    assert 'href="/customers/registrations"' in owner.get("/customers/import").text
