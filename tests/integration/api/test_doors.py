"""Which doors are open to whom: staff by cookie at the panel, programs by token at the API, nobody else."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import ApiToken, Tenant, User
from factories import PASSWORD, make_user
from webadmin.permissions import PUBLIC, need_of
from webadmin.security import PUBLIC_ENDPOINTS


def sign_in(client: FlaskClient, user: User, password: str = PASSWORD) -> object:
    page = client.get("/login")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    return client.post("/login", data={"email": user.email, "password": password, "csrf_token": token[1]})


def test_every_route_says_what_it_needs(app: Flask) -> None:
    silent = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if need_of(app.view_functions[rule.endpoint]) is None
        and rule.endpoint not in PUBLIC_ENDPOINTS
        and not rule.endpoint.endswith(".static")
    ]

    assert silent == []


def test_these_routes_and_no_others_are_public(app: Flask) -> None:
    public = {
        rule.endpoint for rule in app.url_map.iter_rules() if need_of(app.view_functions[rule.endpoint]) == PUBLIC
    }

    assert {endpoint for endpoint in public if not endpoint.startswith("panel.")} == {
        "health.alive",
        "health.ready",
        "api_docs.openapi_json",
        "api_docs.page",
    }


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


def test_a_flood_is_answered_with_429(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = {client.get("/api/v1/me").status_code for _ in range(605)}

    answer = client.get("/api/v1/me")
    assert statuses == {200, 429}
    assert answer.status_code == 429
    assert answer.json["code"] == "rate_limited"
    assert int(answer.headers["Retry-After"]) >= 0
