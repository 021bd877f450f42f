"""The helpdesk sees why: a recorded decision opens its receipt, and a login is explained before anybody tries it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import AccessLog, DecisionReceipt
from domain.access import AccessProfile
from domain.speed import Speed
from profiles import GOOD_STANDING
from radius.compiled import compile_profile
from radius.receipts import receipt_of

NOW = datetime.now(UTC)


def a_decision(db: Session, seeded: Seeded, **over: Any) -> str:
    profile = over.pop("profile", GOOD_STANDING)
    body = json.loads(receipt_of(compile_profile(profile, "pppoe", NOW, bytes.decode)))
    row = seeded.service
    db.add(DecisionReceipt(id="r-test", tenant_id=row.tenant_id, body=body, last_used_on=NOW.date()))
    values = {
        "decided_at": NOW, "tenant_id": row.tenant_id, "subscription_id": row.id, "username": row.username,
        "nas_server_id": seeded.routers[0].id, "callingstationid": "02:00:00:00:00:01", "service": "pppoe",
        "result": "accept", "reason": "accepted", "decision_id": "d-test", "receipt_id": "r-test", "compiled_at": NOW,
    }  # fmt: skip
    db.add(AccessLog(**values | over))
    db.commit()
    return f"/subscriptions/{row.id}/decisions/d-test"


def test_the_customer_page_leads_to_why(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    path = a_decision(db, seeded)

    page = owner.get(f"/customers/{seeded.budi.id}").text

    assert f'href="{path}"' in page
    assert f'href="/subscriptions/{seeded.service.id}/explain"' in page
    assert f'href="{path}"' in owner.get("/logins?span=week").text


def test_a_decision_is_told_rule_by_rule_with_the_reply(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    path = a_decision(db, seeded, profile=_faster())

    text = owner.get(path).text

    assert "Customer and subscription" in text
    assert "subscription: active" in text
    assert "other devices online: 0" in text
    assert "Mikrotik-Rate-Limit" in text
    assert "7M/77M" in text
    assert seeded.routers[0].name in text


def _faster() -> AccessProfile:
    return replace(GOOD_STANDING, plan_speed=Speed(download_kbps=77_000, upload_kbps=7_000))


@pytest.mark.parametrize("language", ["en", "id"])
def test_a_refusal_a_stale_decision_and_a_lost_receipt_are_told(
    owner: FlaskClient, seeded: Seeded, db: Session, language: str
) -> None:
    seeded.owner.language = language
    path = a_decision(db, seeded, result="reject", reason="wrong_device", details={"stale": True}, receipt_id="gone")

    answer = owner.get(path)

    assert answer.status_code == 200
    if language == "en":
        assert "is not kept any more" in answer.text
        assert "decided from what was last known" in answer.text


def test_another_decision_or_subscription_is_not_found(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    path = a_decision(db, seeded)

    assert owner.get(path + "x").status_code == 404
    assert owner.get("/subscriptions/999999/decisions/d-test").status_code == 404
    assert owner.get("/subscriptions/999999/explain").status_code == 404


def test_a_login_is_explained_now_and_for_another_moment(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    seeded.service.expires_at, seeded.service.grace_period_days = NOW + timedelta(days=1), 0
    db.commit()
    path = f"/subscriptions/{seeded.service.id}/explain"

    now = owner.get(path, query_string={"mac": "02:00:00:00:00:01"})
    later = owner.get(path, query_string={"at": (NOW + timedelta(days=2)).isoformat(), "service": "pppoe"})

    assert now.status_code == later.status_code == 200
    assert "Customer and subscription" in now.text
    assert "the subscription has expired" in later.text
    assert "End of the term" in later.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"at": "soon"}, "write it like 22:00"),
        ({"mac": "nonsense"}, "MAC address"),
        ({"service": "pigeon"}, "kind of access"),
        ({"router": "999999"}, "Does not exist"),
    ],
)
def test_what_cannot_be_explained_is_said_so(
    owner: FlaskClient, seeded: Seeded, asked: dict[str, str], said: str
) -> None:
    answer = owner.get(f"/subscriptions/{seeded.service.id}/explain", query_string=asked)

    assert answer.status_code == 422
    assert said in answer.text
