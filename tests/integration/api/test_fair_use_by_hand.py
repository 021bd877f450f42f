"""Fair use by hand over HTTP, and as questions on the customer's page."""

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant
from factories import make_nas, make_plan, make_session, make_subscription

API = "/api/v1/subscriptions"


def test_it_is_refused_with_figures_then_overridden_then_lifted(
    db: Session, client: FlaskClient, tenant: Tenant
) -> None:
    plan = make_plan(db, tenant=tenant, tiers=[{"reduction_percent": 50}])
    subscription = make_subscription(db, tenant=tenant, plan=plan)
    make_session(db, subscription, make_nas(db, tenant=tenant))
    db.commit()
    path = f"{API}/{subscription.id}"

    refused = client.post(f"{path}/activate-fup")
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (409, "override")
    slowed = client.post(f"{path}/activate-fup", json={"override": True})
    assert (slowed.json["session_changes"]["count"], slowed.json["subscription"]["fup_state"]["tier"]) == (1, 1)
    lifted = client.post(f"{path}/lift-fup")
    assert lifted.json["subscription"]["fup_state"]["tier"] == 0
    assert client.post(f"{path}/lift-fup").status_code == 409
