"""The application as it stands in the world, a seeded provider, and its administrator at a browser."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded, seed
from factories import PASSWORD
from runtime.settings import Settings
from webadmin.app import create_app


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    application = create_app(settings, RATE_LIMITS_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def seeded(db: Session, settings: Settings) -> Seeded:
    rows = seed(db, customers=2)
    db.commit()
    return rows


@pytest.fixture
def owner(app: Flask, seeded: Seeded) -> FlaskClient:
    """The administrator, at a browser of his own."""
    client = app.test_client()
    page = client.get("/login").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    sent = {"email": seeded.owner.email, "password": PASSWORD, "csrf_token": token[1]}
    assert client.post("/login", data=sent).status_code == 302
    return client
