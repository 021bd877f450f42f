"""A router that is removed lets nobody in by itself afterwards, or staff know whom."""

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import nas, subscriptions
from bss.actor import Actor
from bss.failure import Conflict
from bss.router_api import checking, dispatch, secrets
from bss.router_api.removal import Removal
from db.models import AuditLog, NasServer, RouterOrder, Subscription, Tenant
from factories import make_nas, make_subscription
from simulator import ApiServer
from tests.integration.router_api.conftest import NewRouter, now

CarryOut = Callable[[], int]
Isp = tuple[ApiServer, NasServer, Subscription]


def names(api: ApiServer) -> list[str]:
    return sorted(row["name"] for row in api.tables.of("/ppp/secret"))


@pytest.fixture
def isp(db: Session, tenant: Tenant, actor: Actor, new_router: NewRouter, carry_out: CarryOut) -> Isp:
    """A router that keeps a customer's secret, one of staff's, and one that somebody typed there by hand."""
    api, router = new_router(provisioning_mode="local_secret")
    api.tables.put("/ppp/secret", {"name": "by-hand", "password": "x", "comment": "the neighbour"})
    row = make_subscription(db, tenant=tenant, username="budi", nas_server_id=router.id)
    camera = {"password": "kamera-123"}
    secrets.save(db, actor=actor, now=now(), nas_id=router.id, username="camera", values=camera)
    carry_out()
    assert names(api) == ["budi", "by-hand", "camera"]
    return api, router, row


@pytest.fixture
def without_customers(isp: Isp, db: Session) -> tuple[ApiServer, NasServer]:
    """The same after the row of its only subscription went by another hand than ours, with an order still waiting."""
    api, router, row = isp
    row.status = "terminated"
    db.commit()
    return api, router


def remove(db: Session, actor: Actor, router: NasServer, **how: bool) -> Removal:
    return nas.delete(db, actor=actor, now=now(), nas_id=router.id, **how)


def test_removing_orders_our_secrets_away_first_and_the_router_goes_when_they_are_gone(
    without_customers: tuple[ApiServer, NasServer], db: Session, actor: Actor, carry_out: CarryOut
) -> None:
    api, router = without_customers
    before = nas.removal_of(db, actor=actor, nas_id=router.id)
    assert (before.names, before.is_asked) == (("budi", "camera"), False)

    told = remove(db, actor, router)
    assert (told.is_removed, told.is_asked, told.secrets, told.waiting) == (False, True, 2, 2)
    assert not router.is_active
    assert nas.finish_removals(db, now=now()) == 0
    carry_out()
    assert names(api) == ["by-hand"], "what somebody typed there is not ours to take"
    assert nas.finish_removals(db, now=now()) == 1
    db.commit()
    assert router.deleted_at is not None
    actions = db.scalars(select(AuditLog.action).where(AuditLog.entity_id == router.id).order_by(AuditLog.id)).all()
    assert actions[-2:] == ["nas.removal_ordered", "nas.deleted"]


def test_a_router_with_nothing_of_ours_is_removed_at_once(
    db: Session, actor: Actor, tenant: Tenant, keys_file: object
) -> None:
    router = make_nas(db, tenant=tenant)
    told = remove(db, actor, router)
    assert (told.is_removed, told.secrets) == (True, 0)


def test_a_dead_router_stays_until_staff_leave_there_what_is_there(
    without_customers: tuple[ApiServer, NasServer], db: Session, actor: Actor, carry_out: CarryOut
) -> None:
    api, router = without_customers
    api.faults.is_refusing = True
    api.drop_connections()
    remove(db, actor, router)
    carry_out()
    told = nas.removal_of(db, actor=actor, nas_id=router.id)
    assert (told.is_asked, told.secrets, told.waiting) == (True, 2, 2)
    assert told.problem
    assert nas.finish_removals(db, now=now()) == 0

    told = remove(db, actor, router, leave_secrets=True)
    assert (told.is_removed, told.names) == (True, ("budi", "camera"))
    db.commit()
    assert router.deleted_at is not None
    noted = db.scalars(select(AuditLog).where(AuditLog.action == "nas.deleted")).one()
    assert noted.new_values == {"secrets_left_on_it": 2}
    assert not db.scalars(select(RouterOrder).where(RouterOrder.status == "pending")).all()


def test_without_an_account_it_is_said_what_would_stay(
    without_customers: tuple[ApiServer, NasServer], db: Session, actor: Actor
) -> None:
    _, router = without_customers
    router.api_username = ""
    with pytest.raises(Conflict, match="2 of our secrets are on it, and there is no account"):
        remove(db, actor, router)
    assert remove(db, actor, router, leave_secrets=True).is_removed


def test_one_that_is_kept_after_all_gets_its_secrets_back(
    without_customers: tuple[ApiServer, NasServer], db: Session, tenant: Tenant, actor: Actor, carry_out: CarryOut
) -> None:
    api, router = without_customers
    remove(db, actor, router)
    carry_out()
    assert names(api) == ["by-hand"]
    nas.reactivate(db, actor=actor, now=now(), nas_id=router.id)
    carry_out()
    assert nas.finish_removals(db, now=now()) == 0
    assert names(api) == ["by-hand", "camera"]
    assert not nas.removal_of(db, actor=actor, nas_id=router.id).is_asked


def test_asking_again_orders_anew_what_was_given_up(
    without_customers: tuple[ApiServer, NasServer], db: Session, actor: Actor, connection: psycopg.Connection[object]
) -> None:
    api, router = without_customers
    api.tables.rows["/ppp/secret"][0]["name"] = "by-hand"
    api.faults.traps["/ppp/secret/remove"] = "not permitted"
    remove(db, actor, router)
    db.commit()
    later = now() + timedelta(days=3)
    connection.execute("UPDATE router_orders SET attempts = 59")
    dispatch.run(connection, clock=lambda: later)
    told = nas.removal_of(db, actor=actor, nas_id=router.id)
    assert (told.failed, told.waiting, told.problem) == (2, 0, "the router refused: not permitted")
    api.faults.traps.clear()
    assert remove(db, actor, router).waiting == 2
    db.commit()
    dispatch.run(connection, clock=now)
    assert nas.finish_removals(db, now=now()) == 1


def test_a_customer_who_moves_takes_his_secret_with_him(
    isp: Isp, db: Session, actor: Actor, new_router: NewRouter, carry_out: CarryOut
) -> None:
    here, _, row = isp
    there, other = new_router(provisioning_mode="both")
    subscriptions.edit(db, actor=actor, now=now(), subscription_id=row.id, changes={"nas_server_id": other.id})
    carry_out()
    assert names(here) == ["by-hand", "camera"]
    assert names(there) == ["budi"]


def test_switching_a_router_off_can_take_its_customers_secrets_away(
    isp: Isp, db: Session, actor: Actor, carry_out: CarryOut
) -> None:
    api, router, _ = isp
    nas.deactivate(db, actor=actor, now=now(), nas_id=router.id)
    carry_out()
    assert names(api) == ["budi", "by-hand", "camera"], "only when somebody says so"
    nas.deactivate(db, actor=actor, now=now(), nas_id=router.id, take_secrets=True)
    carry_out()
    assert names(api) == ["by-hand", "camera"]
    assert router.provisioning_mode == "radius"


def test_whom_another_router_serves_once_the_first_is_off_is_taken_from_the_first(
    isp: Isp, db: Session, actor: Actor, new_router: NewRouter, connection: psycopg.Connection[object],
    carry_out: CarryOut,
) -> None:  # fmt: skip
    here, router, row = isp
    there, _ = new_router(provisioning_mode="local_secret")
    subscriptions.edit(db, actor=actor, now=now(), subscription_id=row.id, changes={"nas_server_id": None})
    carry_out()
    assert (names(here), names(there)) == (["budi", "by-hand", "camera"], [])
    nas.deactivate(db, actor=actor, now=now(), nas_id=router.id)
    db.commit()
    checking.repair_drift(connection, clock=now)
    carry_out()
    assert (names(here), names(there)) == (["by-hand", "camera"], ["budi"])
