"""An application on the test's own services, and clients that hold tokens."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import documented
from bss import tokens
from bss.actor import Actor
from bss.permissions import PERMISSIONS
from db.models import Tenant, User
from factories import make_tenant, make_user
from runtime.settings import Settings
from webadmin.app import create_app


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    application = create_app(settings, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    undocumented = documented.watch(application)
    yield application
    application.extensions["lintas_engine"].dispose()
    assert undocumented == []


@pytest.fixture
def tenant(db: Session) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def admin(db: Session, tenant: Tenant) -> User:
    return make_user(db, tenant=tenant, permissions=sorted(PERMISSIONS))


@pytest.fixture
def token_of(db: Session) -> Callable[..., str]:
    """Make a token: `token_of(user)` with all of its permissions, or `token_of(user, "view_plans")`."""

    def make(user: User, *scopes: str) -> str:
        held = [code for role in user.roles for code in role.permissions]
        issued = tokens.create(
            db,
            actor=Actor.system(tenant_id=user.tenant_id, name="test"),
            now=datetime.now(UTC),
            user_id=user.id,
            name="test",
            scopes=scopes or held,
        )
        return issued.secret

    return make


@pytest.fixture
def client_of(app: Flask, db: Session, token_of: Callable[..., str]) -> Callable[..., FlaskClient]:
    """A client whose every request carries a token of the user; what the test wrote is committed first."""

    def make(user: User, *scopes: str) -> FlaskClient:
        token = token_of(user, *scopes)
        db.commit()
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return make


@pytest.fixture
def client(client_of: Callable[..., FlaskClient], admin: User) -> FlaskClient:
    """A client that may do everything in `tenant`."""
    return client_of(admin)
