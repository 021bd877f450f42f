"""Coming in and staying in: second factors, sessions that can be ended, asking again, links, roles that ask more."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from passlib.totp import TOTP
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.actor import Actor
from bss.staff import password_links, second_factor, users
from db.models import AuditLog, Role, StaffSession, User
from factories import PASSWORD, make_role, make_tenant, make_user

NEW_PASSWORD = "sawah hijau di pagi hari"


def system(tenant_id: int) -> Actor:
    return Actor.system(tenant_id=tenant_id, name="test")


def code_at(secret: str, ahead_s: int = 0) -> str:
    return str(TOTP(key=secret, format="base32").generate(time.time() + ahead_s).token)


def with_app(db: Session, user: User) -> tuple[str, list[str]]:
    """The user's secret in the app, and the recovery codes. The code of the half minute before is spent."""
    secret = second_factor.new_totp_secret()
    past = datetime.now(UTC) - timedelta(seconds=30)
    issued = second_factor.enrol_totp(
        db, actor=system(user.tenant_id), now=past, user_id=user.id, secret=secret, code=code_at(secret, -30)
    )
    db.commit()
    return secret, issued.secret.split("\n")


def first_step(client: FlaskClient, user: User, password: str = PASSWORD) -> str:
    answer = client.post("/login?next=/plans", data={"email": user.email, "password": password, "next": "/plans"})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def age_proof(db: Session, minutes: int) -> None:
    db.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=minutes)))
    db.commit()


def test_without_a_second_factor_the_password_lets_in(app: Flask, seeded: Seeded) -> None:
    client = app.test_client()

    assert first_step(client, seeded.owner) == "/plans"
    assert client.get("/plans").status_code == 200


def test_with_an_app_the_password_alone_opens_nothing(app: Flask, db: Session, seeded: Seeded) -> None:
    secret, _ = with_app(db, seeded.owner)
    client = app.test_client()

    where = first_step(client, seeded.owner)
    assert where.startswith("/login/second")
    assert client.get("/plans").status_code == 302
    refused = client.post(where, data={"code": "000000"})
    entered = client.post(where, data={"code": code_at(secret)})

    assert "was not right" in refused.text
    assert entered.headers["Location"] == "/plans"
    assert client.get("/plans").status_code == 200
    assert db.scalar(select(StaffSession.proved_by)) == "totp"


def test_a_code_is_taken_once(app: Flask, db: Session, seeded: Seeded) -> None:
    secret, _ = with_app(db, seeded.owner)
    code = code_at(secret)
    first, second = app.test_client(), app.test_client()
    assert first.post(first_step(first, seeded.owner), data={"code": code}).status_code == 302

    again = second.post(first_step(second, seeded.owner), data={"code": code})

    assert "was not right" in again.text


def test_a_recovery_code_opens_once_and_is_noted(app: Flask, db: Session, seeded: Seeded) -> None:
    _, codes = with_app(db, seeded.owner)
    assert len(codes) == 10
    first, second = app.test_client(), app.test_client()

    typed = codes[3].upper().replace("-", " ")
    assert first.post(first_step(first, seeded.owner), data={"code": typed}).status_code == 302
    assert second.post(first_step(second, seeded.owner), data={"code": codes[3]}).status_code == 200
    assert second.post(first_step(second, seeded.owner), data={"code": codes[4]}).status_code == 302

    actions = list(db.scalars(select(AuditLog.action).where(AuditLog.action == "user.recovery_code_used")))
    assert len(actions) == 2


def test_the_secret_is_not_in_the_database_in_the_clear(app: Flask, db: Session, seeded: Seeded) -> None:
    secret, codes = with_app(db, seeded.owner)

    row = db.execute(text("SELECT u::text FROM users u WHERE id = :id"), {"id": seeded.owner.id}).scalar_one()
    logs = " ".join(db.execute(text("SELECT a::text FROM audit_logs a")).scalars())

    for word in (secret, codes[0], codes[0].replace("-", "")):
        assert word not in row
        assert word.encode().hex() not in row
        assert word not in logs


def test_guessing_the_second_step_is_slowed_down(app: Flask, db: Session, seeded: Seeded) -> None:
    with_app(db, seeded.owner)
    client = app.test_client()
    where = first_step(client, seeded.owner)

    statuses = [client.post(where, data={"code": f"{number:06d}"}).status_code for number in range(11)]

    assert statuses == [200] * 10 + [429]


def test_half_way_is_over_when_the_password_is_changed(app: Flask, db: Session, seeded: Seeded) -> None:
    secret, _ = with_app(db, seeded.owner)
    client = app.test_client()
    where = first_step(client, seeded.owner)
    users.reset_password(db, actor=system(seeded.tenant.id), now=datetime.now(UTC), user_id=seeded.owner.id)
    db.commit()

    answer = client.post(where, data={"code": code_at(secret)})

    assert answer.headers["Location"].startswith("/login")
    assert "second" not in answer.headers["Location"].split("?")[0]


def test_an_app_is_set_up_with_a_picture_and_its_first_code(app: Flask, owner: FlaskClient, seeded: Seeded) -> None:
    page = owner.get("/settings/sign-in/app").text
    found = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)
    assert found is not None
    assert "<svg" in page
    assert "style=" not in page.split("<main")[1]

    wrong = owner.post("/settings/sign-in/app", data={"secret": found[1], "code": "12 34 56"})
    right = owner.post("/settings/sign-in/app", data={"secret": found[1], "code": code_at(found[1])})

    assert wrong.status_code == 422
    assert found[1] in wrong.text
    assert len(re.findall(r"[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}", right.text)) >= 10
    assert first_step(app.test_client(), seeded.owner).startswith("/login/second")


def test_a_role_can_ask_for_a_second_factor(app: Flask, db: Session, seeded: Seeded) -> None:
    role = make_role(db, name="counter", tenant_id=seeded.tenant.id, permissions=["view_customers"])
    user = make_user(db, tenant=seeded.tenant, roles=[role])
    now = datetime.now(UTC)
    second_factor.require_for_role(db, actor=system(seeded.tenant.id), now=now, role=role, is_required=True)
    db.commit()
    client = app.test_client()
    first_step(client, user)

    away = client.get("/customers")
    page = client.get("/settings/sign-in")
    part = client.get("/customers", headers={"HX-Request": "true"})

    assert away.headers["Location"] == "/settings/sign-in"
    assert "asks for a second factor" in page.text
    assert part.headers["HX-Redirect"] == "/settings/sign-in"
    secret = second_factor.new_totp_secret()
    client.post("/settings/sign-in/app", data={"secret": secret, "code": code_at(secret)})
    assert client.get("/customers").status_code == 200


def test_each_session_is_a_row_that_can_be_ended(app: Flask, db: Session, seeded: Seeded) -> None:
    here, there = app.test_client(), app.test_client()
    phone = {"User-Agent": "Mozilla/5.0 (Linux; Android 16) Chrome/150.0 Mobile"}
    first_step(here, seeded.owner)
    there.post("/login", data={"email": seeded.owner.email, "password": PASSWORD}, headers=phone)

    page = here.get("/settings/sign-in").text
    assert "Chrome · Android" in page
    assert "this one" in page
    other = db.scalar(select(StaffSession.id).where(StaffSession.agent.contains("Android")))
    assert there.get("/plans").status_code == 200
    here.post(f"/settings/sign-in/sessions/{other}/end")

    assert there.get("/plans").headers["Location"].startswith("/login")
    assert here.get("/plans").status_code == 200


def test_all_other_sessions_end_at_once(app: Flask, db: Session, seeded: Seeded) -> None:
    clients = [app.test_client() for _ in range(3)]
    for client in clients:
        first_step(client, seeded.owner)

    clients[0].post("/settings/sign-in/sessions/end-others")

    assert [client.get("/plans").status_code for client in clients] == [200, 302, 302]


def test_nobody_ends_the_session_of_another(app: Flask, db: Session, seeded: Seeded) -> None:
    other = make_user(db, tenant=seeded.tenant, permissions=["view_plans"])
    db.commit()
    mine, theirs = app.test_client(), app.test_client()
    first_step(mine, other)
    first_step(theirs, seeded.owner)
    session_id = db.scalar(select(StaffSession.id).where(StaffSession.user_id == seeded.owner.id))

    assert mine.post(f"/settings/sign-in/sessions/{session_id}/end").status_code == 404
    assert theirs.get("/plans").status_code == 200


def test_signing_out_ends_the_session_also_for_a_copied_cookie(app: Flask, db: Session, seeded: Seeded) -> None:
    client, thief = app.test_client(), app.test_client()
    first_step(client, seeded.owner)
    cookie = client.get_cookie("lintas_session")
    assert cookie is not None
    thief.set_cookie("lintas_session", cookie.value)
    assert thief.get("/plans").status_code == 200

    client.post("/logout")

    assert thief.get("/plans").status_code == 302


@pytest.mark.parametrize(
    ("column", "hours"), [("begun_at", 12.1), ("last_seen_at", 2.1)], ids=["after twelve hours", "after two unused"]
)
def test_a_session_ends_by_itself(app: Flask, db: Session, seeded: Seeded, column: str, hours: float) -> None:
    client = app.test_client()
    first_step(client, seeded.owner)
    db.execute(update(StaffSession).values({column: datetime.now(UTC) - timedelta(hours=hours)}))
    db.commit()

    assert client.get("/plans").headers["Location"].startswith("/login")


def test_an_account_that_is_switched_off_is_refused_and_told_so_only_after_the_right_password(
    app: Flask, db: Session, seeded: Seeded
) -> None:
    user = make_user(db, tenant=seeded.tenant, permissions=["view_plans"])
    users.deactivate(db, actor=system(seeded.tenant.id), now=datetime.now(UTC), user_id=user.id)
    db.commit()
    client = app.test_client()

    right, wrong = (
        client.post("/login", data={"email": user.email, "password": password}) for password in (PASSWORD, "wrong one")
    )

    told = "This account is switched off."
    assert (told in right.text, told in wrong.text) == (True, False)
    assert client.get("/plans").status_code == 302


@pytest.mark.parametrize("what", ["password", "roles", "deactivated"])
def test_a_change_of_the_account_ends_its_sessions(app: Flask, db: Session, seeded: Seeded, what: str) -> None:
    user = make_user(db, tenant=seeded.tenant, permissions=["view_plans"])
    make_role(db, name="looker", tenant_id=seeded.tenant.id, permissions=["view_plans"])
    db.commit()
    client = app.test_client()
    first_step(client, user)
    given = {"actor": system(seeded.tenant.id), "now": datetime.now(UTC), "user_id": user.id}
    if what == "password":
        users.reset_password(db, **given)
    elif what == "roles":
        users.set_roles(db, **given, roles=["looker"])
    else:
        users.deactivate(db, **given)
    db.commit()

    assert client.get("/plans").status_code == 302
    assert (
        db.scalar(select(StaffSession.id).where(StaffSession.user_id == user.id, StaffSession.ended_at.is_(None)))
        is None
    )


def test_a_password_that_others_set_is_changed_first(app: Flask, db: Session, seeded: Seeded) -> None:
    user = make_user(db, tenant=seeded.tenant, permissions=["view_plans"])
    given = {"actor": system(seeded.tenant.id), "now": datetime.now(UTC), "user_id": user.id}
    issued = users.reset_password(db, **given)
    db.commit()
    client = app.test_client()
    first_step(client, user, issued.secret)

    away = client.get("/plans")
    page = client.get("/settings/password")
    changed = client.post("/settings/password", data={"current": issued.secret, "password": NEW_PASSWORD})

    assert away.headers["Location"] == "/settings/password"
    assert "somebody else" in page.text
    assert changed.headers["Location"].startswith("/login")
    again = app.test_client()
    assert first_step(again, user, NEW_PASSWORD) == "/plans"
    assert again.get("/plans").status_code == 200


@pytest.mark.parametrize("bad", ["short", "password1234", "aaaaaaaaaaaaaa", "{email}", "1234567890123"])
def test_a_bad_password_is_refused_with_a_reason(owner: FlaskClient, seeded: Seeded, bad: str) -> None:
    chosen = bad.format(email=seeded.owner.email)

    answer = owner.post("/settings/password", data={"current": PASSWORD, "password": chosen})

    assert answer.status_code == 422
    assert owner.get("/plans").status_code == 200


def test_a_link_sets_a_password_once(app: Flask, db: Session, seeded: Seeded) -> None:
    inside = app.test_client()
    first_step(inside, seeded.owner)
    issued = password_links.make(db, actor=system(seeded.tenant.id), now=datetime.now(UTC), user_id=seeded.owner.id)
    db.commit()
    client, sent = app.test_client(), {"word": issued.secret, "password": NEW_PASSWORD}

    assert client.get("/set-password").status_code == 200
    assert client.post("/set-password", data=sent | {"password": "short"}).status_code == 422
    done = client.post("/set-password", data=sent)

    assert done.headers["Location"] == "/login"
    assert client.post("/set-password", data=sent).status_code == 404
    assert inside.get("/plans").status_code == 302
    assert first_step(app.test_client(), seeded.owner, NEW_PASSWORD) == "/plans"
    stored = " ".join(db.execute(text("SELECT a::text FROM audit_logs a")).scalars())
    assert issued.secret not in stored


def test_a_link_is_over_after_a_day(app: Flask, db: Session, seeded: Seeded) -> None:
    past = datetime.now(UTC) - timedelta(hours=25)
    issued = password_links.make(db, actor=system(seeded.tenant.id), now=past, user_id=seeded.owner.id)
    db.commit()

    sent = {"word": issued.secret, "password": NEW_PASSWORD}
    assert app.test_client().post("/set-password", data=sent).status_code == 404


def test_without_mail_the_page_says_what_to_do(app: Flask, seeded: Seeded) -> None:
    page = app.test_client().get("/forgot-password").text

    assert "lintas user reset-link" in page
    assert "<input" not in page.split("<main")[1].split("gate-foot")[0]


def test_a_stale_proof_is_asked_for_and_the_action_goes_on(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    form = {"kind": "credit", "amount": "25000", "description": "sorry for Tuesday", "request_key": "k" * 20}
    address = f"/customers/{seeded.budi.id}/balance"
    age_proof(db, 16)

    asked = owner.post(address, data=form)
    carried = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', asked.text))
    wrong = owner.post(address, data=carried | {"proof_password": "nonsense"})
    db.expire_all()
    before = seeded.budi.balance
    right = owner.post(address, data=carried | {"proof_password": PASSWORD})
    db.refresh(seeded.budi)

    assert (asked.status_code, wrong.status_code, right.status_code) == (403, 403, 303)
    assert carried["description"] == "sorry for Tuesday"
    assert "Is it you?" in asked.text
    assert before == 0
    assert seeded.budi.balance == 25000
    assert owner.post(address, data=form | {"request_key": "l" * 20}).status_code == 303


def test_an_apps_code_is_a_proof_too(app: Flask, db: Session, seeded: Seeded) -> None:
    secret, _ = with_app(db, seeded.owner)
    client = app.test_client()
    client.post(first_step(client, seeded.owner), data={"code": code_at(secret)})
    age_proof(db, 16)
    address = f"/routers/{seeded.routers[0].id}/secret/show"

    assert client.post(address).status_code == 403
    assert client.post(address, data={"proof_code": code_at(secret)}).status_code == 403
    assert client.post(address, data={"proof_code": code_at(secret, 30)}).status_code == 200
    assert client.post(address).status_code == 200


def test_guessing_at_the_proof_is_slowed_down(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    age_proof(db, 16)
    address = f"/routers/{seeded.routers[0].id}/secret/show"

    statuses = [owner.post(address, data={"proof_password": "wrong"}).status_code for _ in range(11)]

    assert statuses == [403] * 10 + [429]


@pytest.mark.parametrize(
    "address",
    [
        "/routers/{router}/secret/show",
        "/routers/{router}/secret",
        "/subscriptions/{service}/password/show",
        "/customers/{budi}/balance",
        "/tokens/new",
        "/settings/gateways/new/midtrans",
        "/settings/sign-in/app",
        "/settings/sign-in/codes",
        "/staff/new",
        "/roles/new",
    ],
)
def test_secrets_money_and_rights_ask_again(owner: FlaskClient, db: Session, seeded: Seeded, address: str) -> None:
    age_proof(db, 16)
    ids = {"router": seeded.routers[0].id, "service": seeded.service.id, "budi": seeded.budi.id}

    answer = owner.post(address.format(**ids))

    assert answer.status_code == 403
    assert "Is it you?" in answer.text


def test_a_sign_in_is_in_the_audit_log_with_its_address(app: Flask, db: Session, seeded: Seeded) -> None:
    first_step(app.test_client(), seeded.owner)

    row = db.scalars(select(AuditLog).where(AuditLog.action == "user.signed_in")).one()
    assert str(row.ip) == "127.0.0.1"
    assert row.new_values == {"by": "password"}


def test_roles_of_another_provider_are_not_offered(
    client_of: Callable[[User], FlaskClient], db: Session, seeded: Seeded
) -> None:
    make_role(db, name="their own", tenant_id=make_tenant(db).id, permissions=["view_plans"])
    db.commit()
    owner = client_of(seeded.owner)

    page = owner.get("/staff/new").text
    refused = owner.post(
        "/staff/new", data={"name": "A", "email": "a@example.net", "language": "en", "roles": "their own"}
    )

    assert "their own" not in page
    assert refused.status_code == 422
    assert db.scalar(select(Role.id).where(Role.name == "their own")) is not None
