"""Fair use put on and lifted from the customer's page."""

from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import SubscriptionFupState, UsageDaily


def test_it_is_asked_refused_overridden_and_lifted(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    service = seeded.service
    db.execute(delete(SubscriptionFupState))
    db.execute(delete(UsageDaily))
    db.commit()
    path = f"/subscriptions/{service.id}/fup"
    assert path in owner.get(f"/customers/{seeded.budi.id}").text

    assert owner.get(path).status_code == 200
    assert owner.post(path).status_code == 422
    assert owner.post(path, data={"override": "y"}).status_code == 303
    assert f"{path}/lift" in owner.get(f"/customers/{seeded.budi.id}").text
    assert owner.post(f"{path}/lift").status_code == 303
    db.expire_all()
    state = db.get(SubscriptionFupState, service.id)
    assert state is not None
    assert state.tier == 0
