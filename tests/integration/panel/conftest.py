"""The panel through Flask's own client: fast enough to open every page in both languages."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded, seed
from db.models import User
from factories import PASSWORD
from runtime.settings import Settings
from webadmin.app import create_app


@pytest.fixture
def seeded(db: Session, settings: Settings) -> Seeded:
    rows = seed(db, customers=8)
    db.commit()
    return rows


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    application = create_app(settings, WTF_CSRF_ENABLED=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def client_of(app: Flask) -> Callable[[User], FlaskClient]:
    """A client signed in as that member of staff, whose row is committed."""

    def make(user: User) -> FlaskClient:
        client = app.test_client()
        answer = client.post("/login", data={"email": user.email, "password": PASSWORD})
        assert answer.status_code == 302
        return client

    return make


@pytest.fixture
def owner(client_of: Callable[[User], FlaskClient], seeded: Seeded) -> FlaskClient:
    return client_of(seeded.owner)
