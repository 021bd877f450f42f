"""Webhooks in the panel: entered, tried, looked at, told again, and the secret shown once."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.actor import Actor
from bss.webhooks import endpoints, telling
from bss.webhooks.calling import Answer
from db.models import StaffSession, Webhook, WebhookDelivery
from domain.webhook import EVENTS, PAUSE_AFTER

URL = "https://hooks.example.net/lintas"


@pytest.fixture
def hook(db: Session, seeded: Seeded) -> Webhook:
    actor = Actor.system(tenant_id=seeded.tenant.id, name="test")
    made = endpoints.create(db, actor=actor, now=datetime.now(UTC), name="Books", url=URL, events=list(EVENTS))
    db.commit()
    return made.row


def tell(db: Session, *, status: int | None, problem: str = "", at: datetime | None = None) -> int:
    def answers(*_: object, **__: object) -> Answer:
        return Answer(status=status, problem=problem, text="<b>thanks</b>", took_ms=12)

    made = telling.tell(db, clock=lambda: at or datetime.now(UTC), allowed=[], caller=answers)
    db.expire_all()
    return made


def test_an_empty_page_says_what_to_do_next(owner: FlaskClient) -> None:
    page = owner.get("/settings/webhooks").text

    assert "No webhook yet" in page
    assert 'href="/settings/webhooks/new"' in page
    assert 'href="/settings/webhooks"' in owner.get("/").text


def test_a_webhook_is_entered_and_its_secret_shown_once(owner: FlaskClient, db: Session) -> None:
    form = owner.get("/settings/webhooks/new").text
    assert all(f'value="{event}"' in form for event in EVENTS)

    saved = owner.post(
        "/settings/webhooks/new",
        data={"name": "Books", "url": URL, "events": ["payment.received", "invoice.paid"], "is_active": "y"},
    )

    row = db.scalars(select(Webhook)).one()
    assert row.events == ["invoice.paid", "payment.received"]
    assert row.secret in saved.text
    assert row.secret not in owner.get(f"/settings/webhooks/{row.id}").text
    assert row.secret not in owner.get(f"/settings/webhooks/{row.id}/edit").text
    assert "Books" in owner.get("/settings/webhooks").text


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"url": "http://hooks.example.net/"}, "https://"),
        ({"url": "https://user:pw@hooks.example.net/"}, "password"),
        ({"name": ""}, "Write a name"),
        ({"events": []}, "At least one is needed"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    owner: FlaskClient, db: Session, over: dict[str, object], said: str
) -> None:
    data = {"name": "Books", "url": URL, "events": ["invoice.paid"], "is_active": "y"} | over

    answer = owner.post("/settings/webhooks/new", data=data)

    assert answer.status_code == 422
    assert said in answer.text
    assert db.scalar(select(func.count()).select_from(Webhook)) == 0


def test_a_test_is_sent_and_what_was_answered_is_seen(owner: FlaskClient, db: Session, hook: Webhook) -> None:
    assert owner.post(f"/settings/webhooks/{hook.id}/ping").status_code == 303
    delivery = db.scalars(select(WebhookDelivery)).one()
    assert "No call was made yet" in owner.get(f"/settings/webhooks/deliveries/{delivery.id}").text

    tell(db, status=200)
    page = owner.get(f"/settings/webhooks/deliveries/{delivery.id}").text
    assert "HTTP 200" in page
    assert "&lt;b&gt;thanks" in page
    assert "ping" in owner.get(f"/settings/webhooks/{hook.id}?status=delivered").text

    owner.post(f"/settings/webhooks/deliveries/{delivery.id}/replay")
    assert tell(db, status=500, problem="HTTP 500") == 1
    assert "HTTP 500" in owner.get(f"/settings/webhooks/{hook.id}").text


def test_one_that_is_paused_says_why_and_goes_on(owner: FlaskClient, db: Session, hook: Webhook) -> None:
    owner.post(f"/settings/webhooks/{hook.id}/ping")
    at, problem = datetime.now(UTC), "the address leads into a network that webhooks may not reach"
    for _ in range(PAUSE_AFTER):
        tell(db, status=None, problem=problem, at=at)
        at += timedelta(days=2)
        # What has failed for good is told again by hand.
        owner.post(f"/settings/webhooks/{hook.id}/replay")
    page = owner.get(f"/settings/webhooks/{hook.id}").text
    assert "calls failed one after another" in page
    assert problem in page

    owner.post(f"/settings/webhooks/{hook.id}/resume")
    assert tell(db, status=200, at=at) == 1
    assert "hears" in owner.get(f"/settings/webhooks/{hook.id}").text


def test_a_secret_is_made_anew_and_a_webhook_removed(owner: FlaskClient, db: Session, hook: Webhook) -> None:
    before = hook.secret
    shown = owner.post(f"/settings/webhooks/{hook.id}/secret").text
    db.expire_all()
    assert hook.secret != before
    assert hook.secret in shown

    owner.post(f"/settings/webhooks/{hook.id}/remove")
    assert owner.get(f"/settings/webhooks/{hook.id}").status_code == 404
    assert "No webhook yet" in owner.get("/settings/webhooks").text


def test_where_it_goes_is_changed_only_by_somebody_who_just_proved_who_he_is(
    owner: FlaskClient, db: Session, hook: Webhook
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    for row in db.scalars(select(StaffSession)):
        row.proved_at = long_ago
    db.commit()
    data = {"name": "Books", "url": "https://evil.example.net/", "events": ["invoice.paid", "plan.created"]}

    asked = owner.post(f"/settings/webhooks/{hook.id}/edit", data=data)

    assert asked.status_code == 403
    # Everything that was sent is carried by the question.
    assert len(re.findall(r'name="events"', asked.text)) == 2
    db.expire_all()
    assert hook.url == URL
