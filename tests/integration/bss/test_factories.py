"""The rows that tests are made of fit the tables."""

import pytest
from sqlalchemy.orm import Session

from factories import make_nas, make_session, make_subscription, make_user

pytestmark = pytest.mark.usefixtures("keys_file")


def test_a_subscription_brings_customer_plan_and_tenant(db: Session) -> None:
    subscription = make_subscription(db)
    db.refresh(subscription)

    assert subscription.customer.tenant_id == subscription.plan.tenant_id == subscription.tenant_id
    assert subscription.service_password == f"pw-{subscription.username}"


def test_a_session_runs_on_a_router(db: Session) -> None:
    session = make_session(db, make_subscription(db), make_nas(db))

    assert session.acctstoptime is None
    assert make_user(db, permissions=["customers.view"]).roles[0].permissions == ["customers.view"]
