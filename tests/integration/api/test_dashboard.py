"""The installation at a glance: figures, the log of all logins, permissions, and a token that ends itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from bss.permissions import PERMISSIONS
from db.models import AccessLog, ApiToken, OnlineSample, Operator, Tenant
from factories import make_nas, make_session, make_subscription, make_tenant, make_user

API = "/api/v1"
NOW = datetime.now(UTC)


@pytest.fixture
def logins(db: Session, tenant: Tenant, settings: object) -> int:
    """Five decisions about one subscription, one of another provider; the subscription's id."""
    row, router = make_subscription(db, tenant=tenant, username="budi"), make_nas(db, tenant=tenant, name="core-1")
    other = make_tenant(db)
    theirs, their_router = make_subscription(db, tenant=other), make_nas(db, tenant=other)
    make_session(db, row, router)
    for minutes, (subscription, nas, result, reason) in enumerate(
        [
            (row, router, "accept", "ok"),
            (row, router, "reject", "wrong_password"),
            (row, router, "accept", "ok"),
            (theirs, their_router, "accept", "ok"),
            (row, router, "reject", "subscription_expired"),
        ]
    ):
        db.add(
            AccessLog(
                decided_at=NOW - timedelta(minutes=minutes), tenant_id=subscription.tenant_id,
                subscription_id=subscription.id, nas_server_id=nas.id, username=subscription.username,
                callingstationid="AA:BB:CC:00:00:01", service="pppoe", result=result, reason=reason,
                decision_id=f"d{minutes}",
            )
        )  # fmt: skip
    db.commit()
    return row.id


def test_the_figures_are_those_of_the_first_page(client: FlaskClient, logins: int) -> None:
    said = client.get(f"{API}/dashboard/stats").json

    assert (said["online"], said["accepted"], said["rejected"]) == (1, 2, 2)
    assert {one["reason"]: one["count"] for one in said["reasons"]} == {"wrong_password": 1, "subscription_expired": 1}
    assert len(said["logins_by_minute"]) == 60
    assert list(client.get(f"{API}/dashboard/stats?fields=online").json) == ["online"]


def test_the_curves_are_this_providers_samples_of_the_span(client: FlaskClient, db: Session, tenant: Tenant) -> None:
    other = make_tenant(db)
    for hours, owner, online in ((1, tenant, 7), (2, tenant, 5), (30, tenant, 3), (1, other, 9)):
        taken_at = NOW - timedelta(hours=hours)
        db.add(OnlineSample(tenant_id=owner.id, taken_at=taken_at, online=online, download_kbps=20, upload_kbps=10))
    db.commit()

    said = client.get(f"{API}/dashboard/curves").json
    assert [one["online"] for one in said["items"]] == [5, 7]
    assert (said["every_s"], said["kept_days"], said["items"][0]["download_kbps"]) == (300, 35, 20)
    longer = client.get(f"{API}/dashboard/curves", query_string={"since": (NOW - timedelta(days=400)).isoformat()})
    assert [one["online"] for one in longer.json["items"]] == [3, 5, 7]
    assert client.get(f"{API}/dashboard/curves?since=yesterday").status_code == 422
    assert client.get(f"{API}/dashboard/curves?until=0001-01-01T00:00:00Z").status_code == 422


@pytest.mark.parametrize(
    ("asked", "decisions"),
    [
        ("", ["d0", "d1", "d2", "d4"]),
        ("result=reject", ["d1", "d4"]),
        ("reason=ok", ["d0", "d2"]),
        ("search=bud", ["d0", "d1", "d2", "d4"]),
        ("search=aa-bb-cc-00-00-01", ["d0", "d1", "d2", "d4"]),
        ("search=%25", []),
        ("nas_server_id=99999", []),
        ("before=1900-01-01T00:00:00Z", []),
        ("since=2999-12-30T23:59:59Z", []),
    ],
)
def test_the_log_of_logins_is_asked_for_what_fits(
    client: FlaskClient, logins: int, asked: str, decisions: list[str]
) -> None:
    said = client.get(f"{API}/access-log?{asked}")

    assert said.status_code == 200, said.json
    assert [one["decision_id"] for one in said.json["items"]] == decisions


def test_the_log_of_logins_is_read_page_by_page(client: FlaskClient, logins: int) -> None:
    first = client.get(f"{API}/access-log?page_size=3").json
    rest = client.get(f"{API}/access-log", query_string={"page_size": 3, "before": first["next_before"]}).json

    assert [one["decision_id"] for one in first["items"] + rest["items"]] == ["d0", "d1", "d2", "d4"]
    assert rest["next_before"] is None
    one = first["items"][1]
    assert (one["subscription_id"], one["nas_name"], one["reason_text"]) == (logins, "core-1", "wrong password")


def test_an_operators_log_holds_nobody_elses_logins(
    db: Session, tenant: Tenant, logins: int, client_of: Callable[..., FlaskClient]
) -> None:
    operator = Operator(tenant_id=tenant.id, name="Toko Melati", level=10)
    db.add(operator)
    db.flush()
    user = make_user(db, tenant=tenant, permissions=["view_customers"], operator_id=operator.id)

    said = client_of(user).get(f"{API}/access-log").json

    assert said["items"] == []


def test_the_permissions_are_listed_with_what_they_allow(client: FlaskClient) -> None:
    said = client.get(f"{API}/permissions").json

    assert [one["code"] for one in said["items"]] == list(PERMISSIONS)


def test_a_token_ends_itself(db: Session, client_of: Callable[..., FlaskClient], tenant: Tenant) -> None:
    user = make_user(db, tenant=tenant, permissions=["view_plans"])
    client, other = client_of(user), client_of(user)

    assert client.delete(f"{API}/me/token").status_code == 204

    assert client.get(f"{API}/me").status_code == 401
    assert other.get(f"{API}/me").status_code == 200
    assert db.query(ApiToken).filter(ApiToken.revoked_at.is_not(None)).count() == 1
