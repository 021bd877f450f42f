"""Every address there is: shut to strangers, to forms from elsewhere, and silent about what went wrong inside."""

import json
import re
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import AuditLog
from integration.walls.matrix import METHODS, Call, calls_of, read, send
from runtime.settings import Settings
from webadmin.app import create_app

HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "X-Request-Id", "Referrer-Policy")
# A gateway has no form of ours, and nothing that it says is believed; whoever has a link may begin to pay by it.
WITHOUT_TOKEN = {"/webhooks/payments/<string:public_key>", "/pay/<string:token>"}
INSIDE = ("SELECT canary FROM", "/srv/canary", "Traceback", "RuntimeError", ".py")


@pytest.fixture
def calls(app: Flask) -> list[Call]:
    return list(calls_of(app, json.loads(app.test_client().get("/api/v1/openapi.json").data)))


def one(_: str) -> int:
    return 1


def test_a_stranger_gets_nowhere_and_is_told_nothing(app: Flask, seeded: Seeded, calls: list[Call]) -> None:
    faults = []
    for call in calls:
        address = call.address(one)
        answer = send(app.test_client(), call, address, one)
        is_shut = answer.status_code == 401 if call.is_api else _leads_to_the_door(answer)
        missing = [name for name in HEADERS if name not in answer.headers]
        if not is_shut or missing or b"budi" in read(answer):
            faults.append((call.method, address, answer.status_code, missing))
    assert faults == []
    assert len(calls) > 700


def _leads_to_the_door(answer: Any) -> bool:
    # A form without its token is refused before anybody is asked who he is.
    return answer.status_code == 400 or str(answer.headers.get("Location", "")).startswith("/login")


def test_no_form_from_elsewhere_changes_anything(app: Flask, db: Session, owner: FlaskClient) -> None:
    before = db.scalar(select(func.count()).select_from(AuditLog))
    db.commit()
    taken, count = [], 0
    for rule in app.url_map.iter_rules():
        for method in ((rule.methods or set()) & METHODS) - {"GET"}:
            if rule.rule.startswith("/api/v1/") or rule.rule in WITHOUT_TOKEN:
                continue
            count += 1
            address = re.sub(r"<(?:any\(([^,)]+)[^>]*|[^>]*)>", lambda found: found[1] or "1", rule.rule)
            answer = owner.open(address, method=method, data={"name": "x", "do": "remove"})
            if answer.status_code != 400:
                taken.append((method, address, answer.status_code))
    assert taken == []
    assert count > 200
    assert db.scalar(select(func.count()).select_from(AuditLog)) == before


@pytest.mark.parametrize("path", ["/plans", "/api/v1/openapi.json"])
def test_what_fails_inside_is_told_to_nobody(app: Flask, owner: FlaskClient, path: str) -> None:
    endpoint = {"/plans": "panel.plans.index"}.get(path, "api_docs.openapi_json")
    working = app.view_functions[endpoint]

    def failing(**_: Any) -> str:
        raise RuntimeError("SELECT canary FROM secrets; /srv/canary/settings.py")

    failing.__wrapped__ = working  # type: ignore[attr-defined]
    app.view_functions[endpoint] = failing

    answer = owner.get(path)

    assert answer.status_code == 500
    assert [words for words in INSIDE if words in answer.text] == []
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
    ],
)
def test_only_as_many_proxies_are_believed_as_there_are(
    settings: Settings, proxies: int, forwarded: str, seen: str
) -> None:
    application = create_app(settings.model_copy(update={"proxies": proxies}), RATE_LIMITS_ENABLED=False)
    told: list[str | None] = []

    @application.before_request
    def note() -> None:
        told.append(request.remote_addr)

    application.test_client().get("/healthz", headers={"X-Forwarded-For": forwarded})
    application.extensions["lintas_engine"].dispose()

    assert told == [seen]
