"""Which doors are open to whom: staff by cookie at the panel, programs by token at the API, nobody else."""

import gc
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import ApiToken, Tenant, User
from factories import PASSWORD, make_user
from runtime.settings import Settings
from webadmin import limits
from webadmin.app import create_app


def sign_in(client: FlaskClient, user: User, password: str = PASSWORD) -> object:
    page = client.get("/login")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    return client.post("/login", data={"email": user.email, "password": password, "csrf_token": token[1]})


def test_staff_sign_in_with_their_password(app: Flask, db: Session, admin: User) -> None:
    db.commit()
    client = app.test_client()

    answer = sign_in(client, admin)

    assert answer.status_code == 302
    cookie = next(value for name, value in answer.headers if name == "Set-Cookie" and "lintas_session" in value)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "remember_token" not in str(answer.headers)


def test_the_cookie_is_secure_over_tls(app: Flask, db: Session, admin: User) -> None:
    db.commit()

    page = app.test_client().get("/login", base_url="https://panel.example.net")

    assert "Secure" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"].startswith("max-age")


def test_an_unknown_address_and_a_wrong_password_are_told_alike(app: Flask, db: Session, admin: User) -> None:
    db.commit()
    stranger = User(email="nobody@example.net")

    answers = [sign_in(app.test_client(), user, "wrong-password") for user in (admin, stranger)]

    def said(text: str) -> str:
        return re.sub(r'value="[^"]*"|nonce="[^"]*"', "", text)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert said(answers[0].text) == said(answers[1].text)


def test_a_sign_in_without_a_csrf_token_is_refused(app: Flask, db: Session, admin: User) -> None:
    db.commit()

    answer = app.test_client().post("/login", data={"email": admin.email, "password": PASSWORD})

    assert answer.status_code == 400


def test_guessing_is_slowed_down_by_account(app: Flask, db: Session, admin: User) -> None:
    db.commit()
    client = app.test_client()

    statuses = [sign_in(client, admin, "wrong-password").status_code for _ in range(11)]

    assert statuses[:10] == [200] * 10
    assert statuses[10] == 429


def test_a_cookie_opens_nothing_under_api(app: Flask, db: Session, admin: User) -> None:
    db.commit()
    client = app.test_client()
    sign_in(client, admin)

    assert client.get("/api/v1/me").status_code == 401


def test_a_token_opens_nothing_at_the_panel(client: FlaskClient) -> None:
    answer = client.get("/")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    "presented",
    ["", "Bearer", "Bearer lts_", "Bearer lts_aaaaaaaaaaaa_" + "A" * 43, "Basic YTpi", "Bearer " + "x" * 5000],
)
def test_what_is_no_token_of_ours_is_refused(client: FlaskClient, presented: str) -> None:
    client.environ_base["HTTP_AUTHORIZATION"] = presented

    assert client.get("/api/v1/customers").status_code == 401


def test_a_token_ends_when_it_is_revoked_or_its_owner_is_shut_out(
    db: Session, admin: User, client_of: Callable[..., FlaskClient]
) -> None:
    first, second = client_of(admin), client_of(admin)
    assert first.get("/api/v1/me").status_code == 200
    token_id = first.get("/api/v1/me").json["token"]["id"]

    assert first.delete(f"/api/v1/tokens/{token_id}").status_code == 204
    assert first.get("/api/v1/me").status_code == 401
    assert second.get("/api/v1/me").status_code == 200
    db.execute(update(User).where(User.id == admin.id).values(active=False))
    db.commit()

    assert second.get("/api/v1/me").status_code == 401


def test_a_token_expires(db: Session, client: FlaskClient) -> None:
    db.execute(update(ApiToken).values(expires_at="2020-01-01T00:00:00Z"))
    db.commit()

    assert client.get("/api/v1/me").status_code == 401


def test_a_token_does_only_what_its_scopes_say(admin: User, client_of: Callable[..., FlaskClient]) -> None:
    client = client_of(admin, "view_customers")

    assert client.get("/api/v1/customers").status_code == 200
    refused = client.post("/api/v1/customers", json={"name": "Budi"})

    assert refused.status_code == 403
    assert refused.json["code"] == "forbidden"


def test_a_token_loses_what_its_owner_loses(db: Session, tenant: Tenant, client_of: Callable[..., FlaskClient]) -> None:
    user = make_user(db, tenant=tenant, permissions=["view_customers"])
    client = client_of(user)
    user.roles[0].permissions = ["view_plans"]
    db.commit()

    assert client.get("/api/v1/customers").status_code == 403


def test_a_token_cannot_make_one_that_can_do_more(admin: User, client_of: Callable[..., FlaskClient]) -> None:
    client = client_of(admin, "manage_tokens", "view_plans")

    refused = client.post("/api/v1/tokens", json={"name": "more", "scopes": ["manage_nas"]})
    made = client.post("/api/v1/tokens", json={"name": "same", "scopes": ["view_plans"]})

    assert (refused.status_code, made.status_code) == (422, 201)
    assert made.json["token"].startswith("lts_")


def test_headers_leave_a_browser_nothing_to_guess(client: FlaskClient) -> None:
    for path in ("/login", "/api/v1/me", "/api/v1/docs", "/nowhere"):
        headers = client.get(path).headers

        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"].startswith("no-store") or "no-store" in headers["Cache-Control"]
        assert headers["X-Request-Id"]


def test_health_is_told_to_anybody(app: Flask) -> None:
    client = app.test_client()

    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")

    assert ready.json == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


def test_a_flood_is_answered_with_429(
    settings: Settings, db: Session, admin: User, token_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "API_PER_CLIENT", "5 per minute")
    application = create_app(settings, TESTING=True)
    headers = {"Authorization": f"Bearer {token_of(admin)}"}
    db.commit()
    client = application.test_client()

    answers = [client.get("/api/v1/me", headers=headers) for _ in range(6)]
    application.extensions["lintas_engine"].dispose()

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[5].json["code"] == "rate_limited"
    assert int(answers[5].headers["Retry-After"]) >= 0


def test_with_limits_switched_off_the_sign_in_page_still_answers(settings: Settings, db: Session) -> None:
    application = create_app(settings, TESTING=True, PROPAGATE_EXCEPTIONS=False, RATE_LIMITS_ENABLED=False)
    gc.collect()

    answer = application.test_client().get("/login")
    application.extensions["lintas_engine"].dispose()

    assert answer.status_code == 200


def test_without_redis_the_work_goes_on(
    settings: Settings, db: Session, admin: User, token_of: Callable[..., str]
) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    application = create_app(away, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    token = token_of(admin)
    db.commit()
    client = application.test_client()

    answers = [client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}) for _ in range(3)]
    signed_in = sign_in(client, admin)
    ready = client.get("/readyz")
    application.extensions["lintas_engine"].dispose()

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert signed_in.status_code == 302
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")


def test_without_the_database_health_says_so(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    client = create_app(away, TESTING=True, PROPAGATE_EXCEPTIONS=False).test_client()

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/api/v1/me", headers={"Authorization": "Bearer lts_aaaaaaaaaaaa_" + "A" * 43}).status_code == 503
