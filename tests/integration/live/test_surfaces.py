"""A click in the panel and a call of the API, followed to the router: the session ends, and the next login knows."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bss import tokens
from bss.actor import Actor
from bss.permissions import PERMISSIONS
from db.models import Subscription, User
from factories import PASSWORD, make_user
from integration.live.conftest import go_online, password_of
from live_stack import LiveStack
from runtime.settings import get_settings
from simulator import Login, LoginRefused, LoginResult, Method, Service, SimulatedRouter
from webadmin.app import create_app


@pytest.fixture
def app(live: LiveStack, router: SimulatedRouter) -> Iterator[Flask]:
    application = create_app(get_settings(), TESTING=True)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def admin(live: LiveStack, customer: Subscription) -> User:
    with live.radius.sessions() as db:
        user = make_user(db, tenant_id=customer.tenant_id, permissions=sorted(PERMISSIONS))
        db.commit()
    return user


@pytest.fixture
def panel(app: Flask, admin: User) -> FlaskClient:
    """A browser's cookie jar, signed in."""
    client = app.test_client()
    token = csrf_token(client, "/login")
    client.post("/login", data={"email": admin.email, "password": PASSWORD, "csrf_token": token})
    return client


@pytest.fixture
def api(app: Flask, live: LiveStack, admin: User) -> FlaskClient:
    """A program with a token."""
    with live.radius.sessions() as db:
        actor = Actor.system(tenant_id=admin.tenant_id, name="test")
        issued = tokens.create(
            db, actor=actor, now=datetime.now(UTC), user_id=admin.id, name="t", scopes=sorted(PERMISSIONS)
        )
        db.commit()
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issued.secret}"
    return client


def csrf_token(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page).text)
    assert found is not None, f"{page} holds no form"
    return found[1]


def ask(router: SimulatedRouter, customer: Subscription) -> LoginResult:
    login = Login(
        service=Service.PPPOE, username=customer.username, password=password_of(customer), method=Method.CHAP,
        mac=f"02:00:00:10:00:{customer.id:02X}",
    )  # fmt: skip
    return router.authenticate(login)


def test_suspending_in_the_panel_ends_the_session_within_a_second_and_refuses_the_next_login(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, panel: FlaskClient
) -> None:
    session = go_online(live, router, customer)
    page = f"/subscriptions/{customer.id}/suspend"
    token = csrf_token(panel, page)

    clicked = time.monotonic()
    answer = panel.post(page, data={"reason": "overdue", "csrf_token": token})
    assert answer.status_code in {200, 302, 303}, answer.text
    assert ask(router, customer).accepted is False
    router.wait_until(lambda: not session.is_open)

    assert time.monotonic() - clicked < 1.0


def test_suspending_by_the_api_ends_the_session_and_activating_lets_the_customer_back_in(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, api: FlaskClient
) -> None:
    session = go_online(live, router, customer)

    called = time.monotonic()
    answer = api.post(f"/api/v1/subscriptions/{customer.id}/suspend", json={"reason": "overdue"})
    assert answer.status_code == 200, answer.text
    assert ask(router, customer).accepted is False
    router.wait_until(lambda: not session.is_open)
    assert time.monotonic() - called < 1.0

    assert api.post(f"/api/v1/subscriptions/{customer.id}/activate", json={}).status_code == 200
    assert ask(router, customer).accepted is True


def test_a_speed_given_by_the_api_reaches_the_running_session_and_the_next_login(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, api: FlaskClient
) -> None:
    session = go_online(live, router, customer)

    answer = api.patch(f"/api/v1/subscriptions/{customer.id}/limits", json={"download_kbps": 3000, "upload_kbps": 1500})

    assert answer.status_code == 200, answer.text
    router.wait_until(lambda: session.rate_limit == "1500k/3M")
    assert ask(router, customer).first("Mikrotik-Rate-Limit") == "1500k/3M"
    session.stop()


def test_a_password_changed_by_the_api_is_the_one_that_counts(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, api: FlaskClient
) -> None:
    # The same device: another one would find the only slot still held for it.
    mac = f"02:00:00:10:00:{customer.id:02X}"
    assert ask(router, customer).accepted is True

    answer = api.post(f"/api/v1/subscriptions/{customer.id}/change-password", json={"password": "another-pass-9"})

    assert answer.status_code == 200, answer.text
    with pytest.raises(LoginRefused):
        router.login_pppoe(customer.username, password_of(customer), mac=mac)
    assert router.login_pppoe(customer.username, "another-pass-9", mac=mac).is_open
