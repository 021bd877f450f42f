"""Speed tests in the panel: asked for, noted, and seen while they run."""

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import CustomerSpeedTest, NasServer, RadAcct, Subscription

PARTS = {"HX-Request": "true"}


def test_a_test_is_asked_for_watched_and_one_noted(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    url = f"/customers/{seeded.budi.id}/speed-tests"
    empty = owner.get(url).text
    session = db.scalars(
        select(RadAcct).join(Subscription, Subscription.id == RadAcct.subscription_id)
        .where(Subscription.customer_id == seeded.budi.id, RadAcct.acctstoptime.is_(None))
    ).first()  # fmt: skip
    assert session is not None
    session.framedipaddress = "10.20.0.7"
    db.get_one(NasServer, session.nas_server_id).api_username = "lintas"
    db.commit()

    asked = owner.post(f"{url}/measure", data={"username": "", "password": ""}, follow_redirects=True).text
    again = owner.post(f"{url}/measure", data={})
    given = {"download_kbps": "18M", "upload_kbps": "9M", "latency_ms": "12", "server": "speed.example.net"}
    noted = owner.post(f"{url}/note", data=given, follow_redirects=True).text

    assert "Nothing was measured yet" in empty
    assert "The router measures now" in asked
    assert 'hx-trigger="every 2s"' in owner.get(url, headers=PARTS).text
    assert (again.status_code, "A test of his line is running" in again.text) == (422, True)
    assert "speed.example.net" in noted
    assert owner.post(f"{url}/note", data={}).status_code == 422
    assert db.scalars(select(CustomerSpeedTest.source).order_by(CustomerSpeedTest.id)).all() == ["router", "client"]
    assert f'href="{url}"' in owner.get(f"/customers/{seeded.budi.id}").text
