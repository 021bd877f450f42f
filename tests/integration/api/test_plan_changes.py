"""A plan's change over HTTP: told before it is saved, then given in stages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import ServicePlan, Tenant, User
from factories import make_nas, make_plan, make_session, make_subscription, make_tenant

API = "/api/v1"
FASTER = {"download_kbps": 30_000, "upload_kbps": 15_000}


@pytest.fixture
def plan(db: Session, keys_file: object, tenant: Tenant) -> ServicePlan:
    plan, router = make_plan(db, tenant=tenant), make_nas(db, tenant=tenant)
    for _ in range(3):
        begun_at = datetime.now(UTC) - timedelta(hours=1)
        make_session(db, make_subscription(db, tenant=tenant, plan=plan), router, acctstarttime=begun_at)
    db.commit()
    return plan


def test_an_edit_is_told_and_not_saved(client: FlaskClient, plan: ServicePlan) -> None:
    told = client.post(f"{API}/service-plans/{plan.id}/preview", json=FASTER)

    assert told.status_code == 200, told.json
    assert {name: told.json[name] for name in ("sessions", "changing", "coa", "disconnects", "over_limit")} == {
        "sessions": 3, "changing": 3, "coa": 3, "disconnects": 0, "over_limit": 0,
    }  # fmt: skip
    assert told.json["moves"] == [{"before": "5M/10M", "after": "15M/30M", "sessions": 3}]
    assert client.get(f"{API}/service-plans/{plan.id}").json["download_kbps"] == 10_000


def test_a_bad_value_is_refused_as_the_edit_would(client: FlaskClient, plan: ServicePlan) -> None:
    answer = client.post(f"{API}/service-plans/{plan.id}/preview", json={"download_kbps": 0})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "download_kbps"


def test_a_roll_out_begins_is_stopped_and_goes_on(client: FlaskClient, plan: ServicePlan) -> None:
    begun = client.post(f"{API}/service-plans/{plan.id}/rollouts", json=FASTER | {"failures_percent": 10})
    assert begun.status_code == 201, begun.json
    assert (begun.json["plan"]["download_kbps"], begun.json["session_changes"]["count"]) == (30_000, 1)
    rollout = begun.json["rollout"]
    assert (rollout["state"], rollout["stage"], rollout["sessions"], rollout["counts"]["asked"]) == ("running", 1, 3, 1)
    assert rollout["plan_before"] == {"download_kbps": 10_000, "upload_kbps": 5_000}
    path = f"{API}/plan-rollouts/{rollout['id']}"

    stopped = client.post(f"{path}/stop").json["rollout"]
    assert (stopped["state"], stopped["counts"]["asked"]) == ("stopped", 0)
    assert client.post(f"{path}/stop").status_code == 409
    assert client.post(f"{path}/advance").json["rollout"]["state"] == "running"

    listed = client.get(f"{API}/service-plans/{plan.id}/rollouts").json["items"]
    assert [row["id"] for row in listed] == [rollout["id"]]
    assert client.get(path).json["counts"]["asked"] == 1


def test_nobody_online_needs_no_roll_out(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    plan = make_plan(db, tenant=tenant)
    db.commit()

    begun = client.post(f"{API}/service-plans/{plan.id}/rollouts", json=FASTER)

    assert (begun.status_code, begun.json["rollout"], begun.json["plan"]["download_kbps"]) == (201, None, 30_000)


def test_another_providers_plan_does_not_exist(db: Session, client: FlaskClient) -> None:
    foreign = make_plan(db, tenant=make_tenant(db))
    db.commit()

    assert client.post(f"{API}/service-plans/{foreign.id}/preview", json=FASTER).status_code == 404
    assert client.post(f"{API}/service-plans/{foreign.id}/rollouts", json=FASTER).status_code == 404
    assert client.get(f"{API}/service-plans/{foreign.id}/rollouts").status_code == 404


def test_a_viewer_neither_previews_nor_starts(
    client_of: Callable[..., FlaskClient], admin: User, plan: ServicePlan
) -> None:
    viewer = client_of(admin, "view_plans")

    assert viewer.post(f"{API}/service-plans/{plan.id}/preview", json=FASTER).status_code == 403
    assert viewer.post(f"{API}/service-plans/{plan.id}/rollouts", json=FASTER).status_code == 403
    assert viewer.get(f"{API}/service-plans/{plan.id}/rollouts").json == {"items": []}
