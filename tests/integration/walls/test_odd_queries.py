"""Whatever a query names, it means only itself: no page stumbles over a name that the program uses."""

import inspect
from collections.abc import Iterator

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded, seed
from factories import PASSWORD
from panel_addresses import rules_to_look_at
from runtime.settings import Settings
from webadmin.app import create_app

OWN_NAMES = sorted({*inspect.signature(url_for).parameters, "key", "kind", "name", "self", "cursor", "_fragment"})


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    application = create_app(settings, WTF_CSRF_ENABLED=False, RATE_LIMITS_ENABLED=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def seeded(db: Session, settings: Settings) -> Seeded:
    rows = seed(db, customers=3)
    db.commit()
    return rows


@pytest.fixture
def owner(app: Flask, seeded: Seeded) -> FlaskClient:
    client = app.test_client()
    client.post("/login", data={"email": seeded.owner.email, "password": PASSWORD})
    return client


def test_no_page_stumbles_over_the_name_of_an_argument(app: Flask, owner: FlaskClient) -> None:
    query = "&".join(f"{name}=subscriptions" for name in OWN_NAMES)
    lists = [rule.rule for rule in rules_to_look_at(app) if not rule.arguments]

    failed = [path for path in lists if owner.get(f"{path}?{query}").status_code >= 500]

    assert len(lists) > 50
    assert failed == []
