"""Routers with their secrets, staff with their passwords and roles, tokens, and the first run."""

from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bss import nas, sessions, setup, tokens
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound
from bss.permissions import PERMISSIONS, ROLES
from bss.staff import users
from db.models import ApiToken, AuditLog, NasServer, Role, SessionChange
from db.queries.staff import find_user_by_email
from factories import make_nas, make_role, make_session, make_subscription, make_tenant, make_user

pytestmark = pytest.mark.usefixtures("keys_file")


def test_a_router_gets_a_long_secret_that_the_table_does_not_show(db: Session, actor: Actor, now: datetime) -> None:
    issued = nas.create(db, actor=actor, now=now, name="RB-1", host="192.0.2.10")

    stored = db.execute(text("SELECT radius_secret_enc FROM nas_servers")).scalar_one()
    audit = str(db.scalars(select(AuditLog)).one().new_values)
    assert len(issued.secret) >= 24
    assert issued.secret.encode() not in bytes(stored)
    assert issued.secret not in audit
    assert issued.row.require_message_authenticator is True


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1"])
def test_only_who_runs_the_server_may_name_it_a_router(db: Session, actor: Actor, now: datetime, host: str) -> None:
    tenant = make_tenant(db)
    neighbour = Actor.system(tenant_id=tenant.id, name="test")
    router = make_nas(db, tenant=tenant)

    for attempt in (
        lambda: nas.create(db, actor=neighbour, now=now, name="RB-X", host=host),
        lambda: nas.edit(db, actor=neighbour, now=now, nas_id=router.id, changes={"host": host}),
    ):
        with pytest.raises(Invalid, match="address of the server itself"):
            attempt()
    assert nas.create(db, actor=actor, now=now, name="RB-X", host=host).row.id


def test_routeros_6_cannot_send_a_message_authenticator(db: Session, actor: Actor, now: datetime) -> None:
    issued = nas.create(db, actor=actor, now=now, name="RB-1", host="192.0.2.10", routeros_version=6)

    assert issued.row.require_message_authenticator is False


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"host": "router.example.net"}, "host"),
        ({"host": "192.0.2.0/24"}, "host"),
        ({"host": "0.0.0.0"}, "host"),
        ({"coa_port": 0}, "coa_port"),
        ({"routeros_version": 5}, "routeros_version"),
        ({"radius_secret": "short"}, "radius_secret"),
        ({"radius_secret": "with spaces in it 123"}, "radius_secret"),
        ({"name": "two\nlines"}, "name"),
    ],
)
def test_a_bad_value_is_named(db: Session, actor: Actor, now: datetime, over: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        nas.create(db, actor=actor, now=now, **{"name": "RB-1", "host": "192.0.2.10"} | over)

    assert refusal.value.problems[0].field == field


def test_an_address_belongs_to_one_router_of_all_tenants(db: Session, actor: Actor, now: datetime) -> None:
    foreign = make_nas(db, tenant=make_tenant(db))

    with pytest.raises(Conflict, match="belongs to another router"):
        nas.create(db, actor=actor, now=now, name="RB-1", host=str(foreign.host))


def test_saving_the_same_address_is_no_change(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    db.refresh(router)

    nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"host": str(router.host)})

    assert db.scalars(select(AuditLog)).all() == []


def test_a_router_in_use_cannot_be_deleted(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    make_session(db, make_subscription(db, tenant_id=actor.tenant_id), router)

    with pytest.raises(Conflict, match="1 running sessions"):
        nas.delete(db, actor=actor, now=now, nas_id=router.id)


def test_the_script_holds_this_routers_secret(db: Session, actor: Actor, router: NasServer) -> None:
    script = nas.setup_script(db, actor=actor, nas_id=router.id, server_address="192.0.2.2")

    assert f'secret="{router.radius_secret}"' in script
    assert "address=192.0.2.2" in script


def test_one_session_is_disconnected_and_the_other_runs_on(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    first, _second = make_session(db, subscription, router), make_session(db, subscription, router)

    sessions.disconnect_session(db, actor=actor, now=now, session_id=first.acctuniqueid)

    assert db.scalars(select(SessionChange.acctuniqueid)).all() == [first.acctuniqueid]
    assert db.scalars(select(AuditLog.action)).all() == ["subscription.disconnected"]


def test_a_customer_with_two_sessions_is_disconnected_from_both(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    both = {make_session(db, subscription, router).acctuniqueid for _ in range(2)}

    changed = sessions.disconnect_subscription(db, actor=actor, now=now, subscription_id=subscription.id)

    assert set(db.scalars(select(SessionChange.acctuniqueid))) == both
    assert changed.effect.sessions == 2


def test_a_session_of_nobody_cannot_be_disconnected_from_here(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    stray = make_session(db, subscription, router, subscription_id=None)
    foreign = make_session(db, make_subscription(db, tenant=make_tenant(db)), router)

    with pytest.raises(Conflict):
        sessions.disconnect_session(db, actor=actor, now=now, session_id=stray.acctuniqueid)
    with pytest.raises(NotFound):
        sessions.disconnect_session(db, actor=actor, now=now, session_id=foreign.acctuniqueid)


def test_the_first_run_makes_one_administrator_and_a_second_run_none(db: Session, now: datetime) -> None:
    first = setup.set_up(db, now=now, tenant_name="Warga Net", admin_email="admin@example.net")
    again = setup.set_up(db, now=now, tenant_name="Other", admin_email="other@example.net")

    assert first.admin_password is not None
    assert (again.tenant.id, again.admin_password) == (first.tenant.id, None)
    assert first.admin_password not in repr(first)
    admin = find_user_by_email(db, "ADMIN@example.net")
    assert admin is not None
    assert users.permissions_of(admin) == frozenset(PERMISSIONS)


def test_staff_passwords_are_argon2id_of_the_normalised_text(db: Session, actor: Actor, now: datetime) -> None:
    setup.ensure_roles(db)

    issued = users.create_staff(
        db, actor=actor, now=now, name="Ani", email="ani@example.net", roles=["viewer"], password="ein ü und mehr"
    )

    assert issued.row.password.startswith("$argon2id$")
    assert PasswordHasher().verify(issued.row.password, "ein u\u0308 und mehr")


def test_the_last_administrator_can_neither_leave_nor_be_degraded(db: Session, actor: Actor, now: datetime) -> None:
    setup.ensure_roles(db)
    issued = users.create_staff(db, actor=actor, now=now, name="Ani", email="ani@example.net", roles=["admin"])

    with pytest.raises(Conflict, match="last administrator"):
        users.deactivate(db, actor=actor, now=now, user_id=issued.row.id)
    with pytest.raises(Conflict, match="last administrator"):
        users.set_roles(db, actor=actor, now=now, user_id=issued.row.id, roles=["viewer"])


def test_a_new_password_ends_the_sessions_at_the_panel(db: Session, actor: Actor, now: datetime) -> None:
    user = make_user(db, tenant_id=actor.tenant_id)
    before = user.fs_uniquifier

    users.reset_password(db, actor=actor, now=now, user_id=user.id)

    assert user.fs_uniquifier != before


def test_a_token_is_verified_by_its_secret_alone(db: Session, actor: Actor, now: datetime) -> None:
    user = make_user(db, tenant_id=actor.tenant_id, permissions=["view_plans"])
    issued = tokens.create(
        db,
        actor=actor,
        now=now,
        user_id=user.id,
        name="sync",
        scopes=["view_plans"],
        expires_at=now + timedelta(hours=1),
    )
    other = issued.secret[:-1] + ("A" if issued.secret[-1] != "A" else "B")

    assert tokens.verify(db, presented=issued.secret, now=now) is issued.row
    assert tokens.verify(db, presented=other, now=now) is None
    assert tokens.verify(db, presented=issued.secret, now=now + timedelta(hours=1)) is None
    stored = db.scalars(select(ApiToken.token_hash)).one()
    assert stored not in issued.secret
    assert len(stored) == 64


def test_a_token_takes_no_scope_that_its_owner_lacks(db: Session, actor: Actor, now: datetime) -> None:
    user = make_user(db, tenant_id=actor.tenant_id, permissions=["view_plans"])

    for scopes in ([], ["manage_nas"], ["no_such_permission"]):
        with pytest.raises(Invalid):
            tokens.create(db, actor=actor, now=now, user_id=user.id, name="sync", scopes=scopes)


def test_the_use_of_a_token_is_noted_once_a_minute(db: Session, actor: Actor, now: datetime) -> None:
    user = make_user(db, tenant_id=actor.tenant_id, permissions=["view_plans"])
    token = tokens.create(db, actor=actor, now=now, user_id=user.id, name="sync", scopes=["view_plans"]).row

    first = tokens.touch(db, token=token, now=now)
    db.refresh(token)

    assert first is True
    assert tokens.touch(db, token=token, now=now + timedelta(seconds=59)) is False
    assert tokens.touch(db, token=token, now=now + timedelta(seconds=61)) is True


def _older(db: Session, name: str, without: str) -> Role:
    """The role as an older version had made it, before that permission was thought of."""
    role = next(row for row in setup.ensure_roles(db) if row.name == name)
    role.permissions = role.given = sorted(set(role.permissions) - {without})
    db.flush()
    return role


def test_an_upgrade_gives_standing_roles_what_is_new(db: Session) -> None:
    role = _older(db, "operator", "act_on_many")

    setup.ensure_roles(db)

    assert "act_on_many" in role.permissions
    assert role.permissions == role.given == sorted(ROLES["operator"][1])
    assert setup.changed_by_staff(setup.ensure_roles(db)) == {}


@pytest.mark.parametrize("add", ["manage_plans", None])
def test_a_standing_role_that_staff_changed_stays_theirs(db: Session, add: str | None) -> None:
    role = _older(db, "operator", "act_on_many")
    own = sorted({*role.permissions, add}) if add else sorted(set(role.permissions) - {"edit_customers"})
    role.permissions = own
    db.flush()

    rows = setup.ensure_roles(db)

    assert role.permissions == own
    assert "act_on_many" in setup.changed_by_staff(rows)["operator"]


def test_a_role_of_ones_own_and_one_of_unknown_history_are_left_alone(db: Session) -> None:
    own = make_role(db, permissions=["view_customers"])
    viewer = _older(db, "viewer", "view_money")
    viewer.given = None
    db.flush()

    setup.ensure_roles(db)

    assert own.permissions == ["view_customers"]
    assert "view_money" not in viewer.permissions
