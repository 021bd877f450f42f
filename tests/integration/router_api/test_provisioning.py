"""What happens to a subscription happens to its secret on the router, whatever the router does meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bss import customers, nas, plans, subscriptions
from bss.actor import Actor
from bss.router_api import checking
from db.models import NasServer, RouterOrder, RouterSecret, Subscription, Tenant
from factories import make_customer, make_nas, make_plan, make_subscription
from simulator import ApiServer
from tests.integration.router_api.conftest import NewRouter, now

CarryOut = Callable[[], int]


def secret(api: ApiServer, name: str, menu: str = "/ppp/secret") -> dict[str, str] | None:
    row = api.tables.named(menu, name)
    return None if row is None else {word: value for word, value in row.items() if word != ".id"}


@pytest.fixture
def isp(db: Session, tenant: Tenant, new_router: NewRouter) -> tuple[ApiServer, NasServer, Subscription]:
    """A router that keeps secrets by itself, with one customer."""
    api, router = new_router(provisioning_mode="local_secret", configuration={"local_address": "10.0.0.1"})
    api.tables.put("/ppp/profile", {"name": "paket-10m"})
    subscription = make_subscription(
        db, tenant=tenant, username="budi", nas_server_id=router.id, assigned_ip="10.20.0.5",
        plan=make_plan(db, tenant=tenant, slug="paket-10m"),
        customer=make_customer(db, tenant=tenant, name="Budi Sántoso", customer_code="CUST-7"),
    )  # fmt: skip
    return api, router, subscription


def test_a_new_subscription_gets_its_secret_with_every_value(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session
) -> None:
    api, _, subscription = isp

    assert carry_out() == 1

    assert secret(api, "budi") == {
        "name": "budi", "password": "pw-budi", "service": "pppoe", "profile": "paket-10m", "disabled": "false",
        "local-address": "10.0.0.1", "remote-address": "10.20.0.5", "comment": "Budi S_ntoso CUST-7 [lintas]",
    }  # fmt: skip
    stored = db.scalars(select(RouterSecret)).one()
    assert (stored.subscription_id, stored.profile, stored.origin) == (subscription.id, "paket-10m", "subscription")
    assert stored.synced_at is not None
    order = db.scalars(select(RouterOrder)).one()
    assert (order.status, order.result, order.attempts) == ("done", "added", 1)


def test_it_follows_suspension_activation_plan_password_name_and_end(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    api, _, subscription = isp
    carry_out()
    api.tables.put("/ppp/active", {"name": "budi", "radius": "false"})

    def do(use_case: Callable[..., Any], **arguments: Any) -> dict[str, str]:
        use_case(db, actor=actor, now=now(), subscription_id=subscription.id, **arguments)
        assert carry_out()
        return secret(api, "budi") or {}

    assert do(subscriptions.suspend)["disabled"] == "true"
    assert api.tables.of("/ppp/active") == []
    assert do(subscriptions.activate)["disabled"] == "false"
    assert do(subscriptions.change_password, password="rahasia-baru")["password"] == "rahasia-baru"
    assert do(subscriptions.assign_ip, assigned_ip="10.20.0.9")["remote-address"] == "10.20.0.9"
    assert "remote-address" not in do(subscriptions.assign_ip, assigned_ip=None)
    other = make_plan(db, tenant_id=actor.tenant_id, slug="unknown-there")
    assert do(subscriptions.change_plan, service_plan_id=other.id)["profile"] == "default"
    assert do(subscriptions.edit, changes={"username": "budi2"}) == {}
    assert secret(api, "budi2") is not None
    do(subscriptions.terminate)
    assert secret(api, "budi2") is None
    assert db.scalars(select(RouterSecret)).all() == []


def test_a_customer_who_is_blocked_is_switched_off_and_his_name_is_followed(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    api, _, subscription = isp
    carry_out()

    customers.suspend(db, actor=actor, now=now(), customer_id=subscription.customer_id)
    carry_out()
    assert (secret(api, "budi") or {})["disabled"] == "true"

    customers.activate(db, actor=actor, now=now(), customer_id=subscription.customer_id)
    customers.edit(db, actor=actor, now=now(), customer_id=subscription.customer_id, changes={"name": "Budi S"})
    carry_out()
    assert (secret(api, "budi") or {})["comment"] == "Budi S CUST-7 [lintas]"
    assert (secret(api, "budi") or {})["disabled"] == "false"


def test_a_named_profile_that_the_router_lacks_is_an_order_that_says_so(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    _, _, subscription = isp
    db.execute(
        text("UPDATE service_plans SET router_profile = 'gold' WHERE id = :id"), {"id": subscription.service_plan_id}
    )

    carry_out()

    order = db.scalars(select(RouterOrder)).one()
    assert (order.status, order.problem) == ("pending", "the router has no profile 'gold'")
    assert order.next_attempt_at > now()


def test_both_leaves_whoever_may_not_to_radius(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    api, router, subscription = isp
    router.provisioning_mode = "both"
    carry_out()
    assert secret(api, "budi") is not None

    subscriptions.suspend(db, actor=actor, now=now(), subscription_id=subscription.id)
    carry_out()

    assert secret(api, "budi") is None


def test_a_router_that_turns_to_radius_loses_our_secrets_and_keeps_those_of_others(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    api, router, _ = isp
    api.tables.put("/ppp/secret", {"name": "by-hand", "comment": "noc"})
    carry_out()

    nas.edit(db, actor=actor, now=now(), nas_id=router.id, changes={"provisioning_mode": "radius"})
    carry_out()

    assert [row["name"] for row in api.tables.of("/ppp/secret")] == ["by-hand"]
    nas.edit(db, actor=actor, now=now(), nas_id=router.id, changes={"provisioning_mode": "local_secret"})
    carry_out()
    assert {row["name"] for row in api.tables.of("/ppp/secret")} == {"by-hand", "budi"}


def test_with_radius_nothing_is_ever_ordered(db: Session, tenant: Tenant, new_router: NewRouter, actor: Actor) -> None:
    _, router = new_router()
    subscription = make_subscription(db, tenant=tenant, nas_server_id=router.id)
    subscriptions.suspend(db, actor=actor, now=now(), subscription_id=subscription.id)

    assert db.scalars(select(RouterOrder)).all() == []


def test_one_without_a_router_belongs_to_the_first(
    db: Session, tenant: Tenant, new_router: NewRouter, carry_out: CarryOut
) -> None:
    first, _ = new_router(provisioning_mode="local_secret")
    second, _ = new_router(provisioning_mode="local_secret")
    make_subscription(db, tenant=tenant, username="siti")

    carry_out()

    assert secret(first, "siti") is not None
    assert secret(second, "siti") is None


def test_a_move_to_another_router_takes_the_secret_along(
    isp: tuple[ApiServer, NasServer, Subscription],
    carry_out: CarryOut,
    db: Session,
    actor: Actor,
    new_router: NewRouter,
) -> None:
    api, _, subscription = isp
    carry_out()
    other, there = new_router(provisioning_mode="local_secret")

    subscriptions.edit(db, actor=actor, now=now(), subscription_id=subscription.id, changes={"nas_server_id": there.id})
    carry_out()

    assert secret(api, "budi") is None
    assert secret(other, "budi") is not None


def test_a_hotspot_customer_becomes_a_hotspot_user_tied_to_his_device(
    db: Session, tenant: Tenant, new_router: NewRouter, carry_out: CarryOut, actor: Actor
) -> None:
    api, router = new_router(provisioning_mode="local_secret")
    row = make_subscription(db, tenant=tenant, username="ani", nas_server_id=router.id, connection_type="hotspot")
    subscriptions.add_mac(db, actor=actor, now=now(), subscription_id=row.id, mac="aa:bb:cc:dd:ee:01")
    subscriptions.set_mac_binding(db, actor=actor, now=now(), subscription_id=row.id, mac_binding="fixed")
    carry_out()

    assert (secret(api, "ani", "/ip/hotspot/user") or {})["mac-address"] == "AA:BB:CC:DD:EE:01"
    assert secret(api, "ani") is None

    subscriptions.terminate(db, actor=actor, now=now(), subscription_id=row.id)
    carry_out()
    assert secret(api, "ani", "/ip/hotspot/user") is None


def test_nothing_is_ordered_by_work_that_rolled_back(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    api, _, subscription = isp
    carry_out()
    subscriptions.suspend(db, actor=actor, now=now(), subscription_id=subscription.id)
    db.rollback()

    assert carry_out() == 0
    assert (secret(api, "budi") or {})["disabled"] == "false"


def test_a_router_that_is_away_gets_everything_when_it_is_back(
    isp: tuple[ApiServer, NasServer, Subscription], carry_out: CarryOut, db: Session, actor: Actor
) -> None:
    api, _, subscription = isp
    api.faults.is_refusing = True
    carry_out()
    order = db.scalars(select(RouterOrder)).one()
    assert (order.status, order.attempts) == ("pending", 1)
    assert order.problem is not None

    api.faults.is_refusing = False
    subscriptions.suspend(db, actor=actor, now=now(), subscription_id=subscription.id)
    carry_out()

    assert (secret(api, "budi") or {})["disabled"] == "true"
    db.refresh(order)
    assert (order.status, order.problem) == ("done", None)


@pytest.mark.parametrize("where", ["cut_before_command", "cut_after_command"])
def test_cut_after_every_step_it_is_right_after_the_next_try_and_nothing_is_twice(
    isp: tuple[ApiServer, NasServer, Subscription],
    carry_out: CarryOut,
    where: str,
    connection: psycopg.Connection[Any],
) -> None:
    api = isp[0]
    carry_out()
    for step in range(1, 8):
        connection.execute("UPDATE subscriptions SET assigned_ip = %s", [f"10.20.1.{step}"])
        setattr(api.faults, where, step)
        carry_out()
        setattr(api.faults, where, None)
        connection.execute("UPDATE router_orders SET next_attempt_at = now() WHERE status = 'pending'")
        carry_out()

        assert len(api.tables.of("/ppp/secret")) == 1
        assert (secret(api, "budi") or {})["remote-address"] == f"10.20.1.{step}"
    assert checking.repair_drift(connection, clock=now) == 0


def test_drift_is_told_and_repaired_and_what_is_typed_by_hand_stays(
    isp: tuple[ApiServer, NasServer, Subscription],
    carry_out: CarryOut,
    db: Session,
    connection: psycopg.Connection[Any],
    tenant: Tenant,
) -> None:
    api, router, _ = isp
    make_subscription(db, tenant=tenant, username="siti", nas_server_id=router.id)
    carry_out()
    before = {name: secret(api, name) for name in ("budi", "siti")}
    api.tables.rows["/ppp/secret"][0]["password"] = "tampered"
    del api.tables.rows["/ppp/secret"][1]
    api.tables.put("/ppp/secret", {"name": "gone", "comment": "x [lintas]"})
    api.tables.put("/ppp/secret", {"name": "by-hand", "comment": "noc"})

    assert checking.repair_drift(connection, clock=now) == 3
    kept = connection.execute("SELECT rows FROM router_snapshots WHERE part = 'drift'").fetchone()
    assert kept is not None
    assert {(row["username"], row["kind"], tuple(row["words"])) for row in kept[0]} == {
        ("budi", "different", ("password",)),
        ("siti", "missing", ()),
        ("gone", "leftover", ()),
        ("by-hand", "by hand", ()),
    }
    carry_out()

    assert {name: secret(api, name) for name in ("budi", "siti")} == before
    assert secret(api, "gone") is None
    assert secret(api, "by-hand") is not None
    assert checking.repair_drift(connection, clock=now) == 0


def test_a_term_that_ends_by_itself_is_noticed_as_drift(
    isp: tuple[ApiServer, NasServer, Subscription],
    carry_out: CarryOut,
    db: Session,
    connection: psycopg.Connection[Any],
) -> None:
    subscription = isp[2]
    subscription.expires_at = now() + timedelta(days=1)
    carry_out()
    later = now() + timedelta(days=30)

    assert checking.repair_drift(connection, clock=lambda: later) == 1


def test_a_dead_router_delays_no_other(
    db: Session, tenant: Tenant, new_router: NewRouter, connection: psycopg.Connection[Any], carry_out: CarryOut
) -> None:
    living, there = new_router(provisioning_mode="local_secret")
    for number in range(3):
        dead, nowhere = new_router(provisioning_mode="local_secret")
        dead.faults.is_silent = True
        make_subscription(db, tenant=tenant, username=f"lost{number}", nas_server_id=nowhere.id)
    make_subscription(db, tenant=tenant, username="budi", nas_server_id=there.id)
    begun = now()

    carry_out()

    row = connection.execute("SELECT finished_at FROM router_orders WHERE key = 'budi'").fetchone()
    assert row is not None
    assert row[0] - begun < timedelta(seconds=1)
    assert now() - begun < timedelta(seconds=8)
    assert secret(living, "budi") is not None


def test_an_order_for_a_router_without_an_account_waits_for_one(
    db: Session, tenant: Tenant, carry_out: CarryOut, keys_file: object
) -> None:
    router = make_nas(db, tenant=tenant, provisioning_mode="both")
    make_subscription(db, tenant=tenant, nas_server_id=router.id)

    assert carry_out() == 0
    assert db.scalars(select(RouterOrder)).one().status == "pending"


def test_a_slow_router_gets_all_of_many(
    db: Session, tenant: Tenant, new_router: NewRouter, carry_out: CarryOut, actor: Actor
) -> None:
    api, router = new_router()
    for number in range(40):
        make_subscription(db, tenant=tenant, username=f"user{number}", nas_server_id=router.id)
    db.commit()
    nas.edit(db, actor=actor, now=now(), nas_id=router.id, changes={"provisioning_mode": "local_secret"})

    assert carry_out() == 40
    assert len(api.tables.of("/ppp/secret")) == 40
    assert api.logins == 1
    plan = db.scalars(select(Subscription)).first()
    assert plan is not None
    plans.edit(db, actor=actor, now=now(), plan_id=plan.service_plan_id, changes={"slug": "another-name"})
    assert carry_out() == 1
