"""Which devices and which routers a subscription may be used with, and what becomes of its running sessions."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import blacklist, nas, nas_groups, plans, subscriptions
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound
from db.models import AuditLog, BlockedMac, NasServer, SessionChange, Subscription
from db.queries.devices import blocked_by_mac, page_of_blocked
from db.queries.nas_groups import group_named, groups_of, page_of_groups
from db.queries.paging import Wanted
from factories import make_nas, make_nas_group, make_plan, make_session, make_subscription, make_tenant

HOME, PHONE, THIRD = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02", "AA:BB:CC:00:00:03"
NAMES = Wanted(sort="name")


@pytest.fixture
def subscription(db: Session, router: NasServer) -> Subscription:
    return make_subscription(db)


def ended(db: Session) -> dict[str, str]:
    """Device and reason of every session that is to be disconnected."""
    db.flush()
    return {str(row.callingstationid): row.reason for row in db.scalars(select(SessionChange))}


def actions(db: Session) -> list[str]:
    return list(db.scalars(select(AuditLog.action).order_by(AuditLog.id)))


# --- devices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binding", "wanted"),
    [("off", {}), ("learn", {}), ("fixed", {}), ("approval", {HOME: "device_change", PHONE: "device_change"})],
)
def test_a_binding_ends_the_sessions_of_devices_it_keeps_out(
    db: Session, actor: Actor, now: datetime, subscription: Subscription, router: NasServer, binding: str, wanted: Any
) -> None:
    for mac in (HOME, PHONE):
        make_session(db, subscription, router, callingstationid=mac)

    subscriptions.set_mac_binding(db, actor=actor, now=now, subscription_id=subscription.id, mac_binding=binding)

    assert ended(db) == wanted


def test_a_reset_forgets_every_device_but_the_blocked_and_keeps_the_binding(
    db: Session, actor: Actor, now: datetime, subscription: Subscription
) -> None:
    given: dict[str, Any] = {"actor": actor, "now": now, "subscription_id": subscription.id}
    subscriptions.set_mac_binding(db, **given, mac_binding="learn")
    for mac, status in ((HOME, "approved"), (PHONE, "pending"), (THIRD, "blocked")):
        subscriptions.add_mac(db, **given, mac=mac, status=status)

    subscriptions.reset_macs(db, **given)

    db.refresh(subscription)
    assert [(str(row.mac).upper(), row.status) for row in subscription.macs] == [(THIRD, "blocked")]
    assert subscription.mac_binding == "learn"
    assert actions(db)[-1] == "subscription.macs_reset"
    before = len(actions(db))
    subscriptions.reset_macs(db, **given)
    assert len(actions(db)) == before


# --- blacklist ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("station", [HOME, "aabb.cc00.0001", "AA-BB-CC-00-00-01", "1:aa:bb:cc:0:0:1", "aabbcc000001"])
def test_a_blacklisted_device_loses_its_session_however_the_router_spells_it(
    db: Session, actor: Actor, now: datetime, subscription: Subscription, router: NasServer, station: str
) -> None:
    if station.startswith("1:"):
        station = "1:aa:bb:cc:00:00:01"
    make_session(db, subscription, router, callingstationid=station)
    make_session(db, subscription, router, callingstationid=PHONE)

    changed = blacklist.add(db, actor=actor, now=now, mac="aa-bb-cc-00-00-01", note="resells")

    assert str(changed.row.mac).upper() == HOME
    assert changed.effect.sessions == 1
    assert ended(db) == {station: "blacklist"}
    assert actions(db) == ["blacklist.added"]


def test_a_device_is_on_the_blacklist_once_and_can_be_taken_off(db: Session, actor: Actor, now: datetime) -> None:
    row = blacklist.add(db, actor=actor, now=now, mac=HOME, note="resells").row
    db.commit()
    with pytest.raises(Conflict, match="on the blacklist already"):
        blacklist.add(db, actor=actor, now=now, mac=HOME.lower())
    db.rollback()

    assert page_of_blocked(db, tenant_id=actor.tenant_id, search="aabbcc000001", wanted=Wanted(sort="mac")).items
    assert page_of_blocked(db, tenant_id=actor.tenant_id, search="sell", wanted=Wanted(sort="-created_at")).items
    assert not page_of_blocked(db, tenant_id=actor.tenant_id, search=PHONE, wanted=Wanted(sort="mac")).items
    assert blocked_by_mac(db, HOME, tenant_id=actor.tenant_id) is row

    blacklist.remove(db, actor=actor, now=now, blocked_id=row.id)

    assert db.scalars(select(BlockedMac)).all() == []


def test_another_providers_blacklist_does_not_exist(db: Session, actor: Actor, now: datetime) -> None:
    other = Actor.system(tenant_id=make_tenant(db).id, name="other")
    row = blacklist.add(db, actor=other, now=now, mac=HOME).row

    with pytest.raises(NotFound):
        blacklist.remove(db, actor=actor, now=now, blocked_id=row.id)
    assert page_of_blocked(db, tenant_id=actor.tenant_id, search=None, wanted=Wanted(sort="mac")).items == []


@pytest.mark.parametrize("mac", ["", "not a mac", "AA:BB:CC:00:00", None, 7])
def test_only_a_mac_can_be_blacklisted(db: Session, actor: Actor, now: datetime, mac: Any) -> None:
    with pytest.raises(Invalid):
        blacklist.add(db, actor=actor, now=now, mac=mac)


# --- places -------------------------------------------------------------------------------------------------------


def test_binding_to_a_router_ends_the_sessions_at_others(
    db: Session, actor: Actor, now: datetime, subscription: Subscription, router: NasServer
) -> None:
    elsewhere = make_nas(db)
    make_session(db, subscription, router, callingstationid=HOME)
    make_session(db, subscription, elsewhere, callingstationid=PHONE)

    changes = {"nas_binding": "nas", "nas_server_id": router.id}
    subscriptions.edit(db, actor=actor, now=now, subscription_id=subscription.id, changes=changes)

    assert ended(db) == {PHONE: "place_change"}


def test_binding_to_a_group_ends_the_sessions_outside_it(
    db: Session, actor: Actor, now: datetime, subscription: Subscription, router: NasServer
) -> None:
    group = nas_groups.create(db, actor=actor, now=now, name="Cempaka")
    nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"nas_group_id": group.id})
    elsewhere = make_nas(db, nas_group_id=make_nas_group(db).id)
    make_session(db, subscription, router, callingstationid=HOME)
    make_session(db, subscription, elsewhere, callingstationid=PHONE)

    changes = {"nas_binding": "group", "nas_group_id": group.id}
    subscriptions.edit(db, actor=actor, now=now, subscription_id=subscription.id, changes=changes)

    assert ended(db) == {PHONE: "place_change"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"nas_binding": "nas"}, "nas_server_id"),
        ({"nas_binding": "group"}, "nas_group_id"),
        ({"nas_binding": "here"}, "nas_binding"),
        ({"nas_group_id": 999}, "nas_group_id"),
    ],
)
def test_a_binding_names_what_it_binds_to(
    db: Session, actor: Actor, now: datetime, subscription: Subscription, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        subscriptions.edit(db, actor=actor, now=now, subscription_id=subscription.id, changes=changes)

    assert refused.value.problems[0].field == field


def test_a_bound_subscription_keeps_its_router(
    db: Session, actor: Actor, now: datetime, subscription: Subscription, router: NasServer
) -> None:
    given: dict[str, Any] = {"actor": actor, "now": now, "subscription_id": subscription.id}
    subscriptions.edit(db, **given, changes={"nas_binding": "nas", "nas_server_id": router.id})

    with pytest.raises(Invalid):
        subscriptions.edit(db, **given, changes={"nas_server_id": None})
    assert not subscriptions.edit(db, **given, changes={"notes": "x"}).effect.sessions


def test_a_group_is_named_once_renamed_and_removed_when_nothing_is_in_it(
    db: Session, actor: Actor, now: datetime, router: NasServer
) -> None:
    group = nas_groups.create(db, actor=actor, now=now, name="Cempaka")
    nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"nas_group_id": group.id})
    (listed,) = page_of_groups(db, tenant_id=actor.tenant_id, search="cemp", wanted=NAMES).items
    assert (listed.routers, listed.subscriptions) == (1, 0)

    with pytest.raises(Conflict, match="1 routers and 0 subscriptions"):
        nas_groups.delete(db, actor=actor, now=now, group_id=group.id)
    nas_groups.rename(db, actor=actor, now=now, group_id=group.id, name="Timur")
    assert group_named(db, "Timur", tenant_id=actor.tenant_id) is group
    assert group_named(db, str(group.id), tenant_id=actor.tenant_id) is group
    nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"nas_group_id": None})
    nas_groups.delete(db, actor=actor, now=now, group_id=group.id)

    assert groups_of(db, actor.tenant_id) == []
    assert [action for action in actions(db) if action.startswith("nas_group")] == [
        "nas_group.created",
        "nas_group.renamed",
        "nas_group.deleted",
    ]


def test_a_router_that_was_removed_does_not_keep_its_group(
    db: Session, actor: Actor, now: datetime, router: NasServer
) -> None:
    group = nas_groups.create(db, actor=actor, now=now, name="Cempaka")
    nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"nas_group_id": group.id})
    nas.delete(db, actor=actor, now=now, nas_id=router.id)

    nas_groups.delete(db, actor=actor, now=now, group_id=group.id)

    assert groups_of(db, actor.tenant_id) == []


def test_two_groups_of_one_name_are_refused(db: Session, actor: Actor, now: datetime) -> None:
    nas_groups.create(db, actor=actor, now=now, name="Cempaka")

    with pytest.raises(Conflict, match="belongs to another group"):
        nas_groups.create(db, actor=actor, now=now, name=" Cempaka ")


def test_a_group_of_another_provider_is_no_group(db: Session, actor: Actor, now: datetime, router: NasServer) -> None:
    foreign = make_nas_group(db, tenant=make_tenant(db))

    with pytest.raises(Invalid):
        nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"nas_group_id": foreign.id})


# --- session limit ------------------------------------------------------------------------------------------------


def test_a_plan_says_what_happens_at_its_limit(db: Session, actor: Actor, now: datetime) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    assert plan.session_limit_action == "refuse"

    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"session_limit_action": "replace"})

    assert plan.session_limit_action == "replace"
    with pytest.raises(Invalid):
        plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"session_limit_action": "both"})
