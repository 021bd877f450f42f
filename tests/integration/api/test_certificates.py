"""Issued certificates over HTTP."""

from datetime import UTC, datetime

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from bss import certificates as use
from bss.actor import Actor
from db.models import Tenant
from factories import make_subscription
from runtime.settings import Settings

API = "/api/v1"


def test_certificates_are_listed_and_revoked(
    db: Session, tenant: Tenant, client: FlaskClient, settings: Settings
) -> None:
    row = make_subscription(db, tenant_id=tenant.id, username="dewi", connection_type="dot1x")
    actor = Actor.system(tenant_id=tenant.id, name="test")
    made = use.issue(db, actor=actor, now=datetime.now(UTC), subscription_id=row.id, folder=settings.eap_folder)
    db.commit()

    listed = client.get(f"{API}/certificates?revoked=false&search=dewi").json["items"]
    revoked = client.post(f"{API}/certificates/{listed[0]['id']}/revoke")

    assert [item["serial"] for item in listed] == [made.serial]
    assert revoked.status_code == 200, revoked.json
    assert revoked.json["certificate"]["revoked_at"] is not None
    assert client.get(f"{API}/certificates?revoked=false").json["items"] == []
    assert client.post(f"{API}/certificates/999999/revoke").status_code == 404
