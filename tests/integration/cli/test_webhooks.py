"""Webhooks at a terminal."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from bss.webhooks import telling
from bss.webhooks.calling import Answer
from domain.webhook import EVENTS
from factories import make_tenant
from integration.cli.test_money import refused, run
from runtime.settings import Settings

URL = "https://hooks.example.net/lintas"


@pytest.fixture
def provider(db: Session, settings: Settings, keys_file: object) -> None:
    make_tenant(db)
    db.commit()


def tell(db: Session, *, status: int) -> int:
    problem = "" if status < 300 else f"HTTP {status}"
    answer = Answer(status=status, problem=problem, text="ok", took_ms=3)
    made = telling.tell(db, clock=lambda: datetime.now(UTC), allowed=[], caller=lambda *_, **__: answer)
    db.expire_all()
    return made


def test_a_webhook_is_entered_changed_and_removed(provider: None) -> None:
    assert len(run("webhook", "events")) == len(EVENTS)
    assert "http" in refused("webhook", "add", "Books", "ftp://x", "--event", "invoice.paid")
    assert "at least one" in refused("webhook", "add", "Books", URL)
    assert "there is no event" in refused("webhook", "add", "Books", URL, "--event", "invoice.lost")
    made = run("webhook", "add", "Books", URL, "--event", "invoice.paid")
    assert made["secret"].startswith("whsec_")

    assert [row["url"] for row in run("webhook", "list")] == [URL]
    assert "secret" not in run("webhook", "show", "Books")
    assert run("webhook", "set", "Books", "--off", "--name", "Ledger")["is_active"] is False
    assert "switched off" in refused("webhook", "ping", "Ledger")
    assert run("webhook", "change-secret", str(made["id"]))["secret"] != made["secret"]
    assert run("webhook", "remove", "Ledger")["message"] == "removed"
    assert "no such webhook" in refused("webhook", "show", "Ledger")


def test_what_was_told_is_looked_at_and_told_again(db: Session, provider: None) -> None:
    run("webhook", "add", "Books", URL, "--all-events")
    number = run("webhook", "ping", "Books")["id"]
    tell(db, status=500)

    shown = run("webhook", "delivery", str(number))
    assert (shown["status"], shown["message"]["type"]) == ("waiting", "ping")
    assert [call["problem"] for call in shown["calls"]] == ["HTTP 500"]
    assert run("webhook", "deliveries", "Books", "--status", "failed")["items"] == []
    assert run("webhook", "replay", str(number)) == {"count": 1}
    assert tell(db, status=200) == 1
    assert run("webhook", "deliveries", "Books", "--status", "delivered")["items"][0]["id"] == number
    assert run("webhook", "replay", "Books", "--failed") == {"count": 0}
    assert run("webhook", "resume", "Books")["delivered"] == 1
    assert "number of a delivery" in refused("webhook", "replay", "Books")
