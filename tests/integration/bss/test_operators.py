"""Operators: the tree, what their staff see, and customers who change hands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, joinedload

from bss import customers, operators, transfers
from bss.actor import Actor
from bss.customers import contacts, tags
from bss.failure import Conflict, Invalid, NotFound
from bss.permissions import FOR_OPERATORS, PERMISSIONS
from bss.staff.users import permissions_of
from db import models, scope
from db.models import AuditLog, Customer, NasServer, Operator, RadAcct, Subscription, Tenant, VoucherBatch
from db.queries.operators import transfers_of, with_descendants
from domain.operators import SIDES, confirmed, is_below
from factories import make_customer, make_session, make_subscription, make_tenant, make_user

pytestmark = pytest.mark.usefixtures("keys_file")


@dataclass
class World:
    """Two operators, one with a sub-operator, and a customer with a subscription for each and for the provider."""

    operators: dict[str, Operator]
    customers: dict[str, Customer]
    actors: dict[str, Actor]


@pytest.fixture
def world(db: Session, actor: Actor, tenant: Tenant, router: NasServer, now: datetime) -> Iterator[World]:
    common: dict[str, Any] = {"actor": actor, "now": now}
    north = operators.create(db, **common, name="North", level=10, commission_rate="12.5")
    south = operators.create(db, **common, name="South", level=10)
    sub = operators.create(db, **common, name="North-1", level=30, parent_operator_id=north.id)
    found = {"north": north, "sub": sub, "south": south}
    owned = {
        name: make_customer(
            db, tenant_id=tenant.id, name=f"of {name}", operator_id=getattr(found.get(name), "id", None)
        )
        for name in (*found, "provider")
    }
    for customer in owned.values():
        make_session(db, make_subscription(db, tenant_id=tenant.id, customer=customer), router)
        contacts.add(db, **common, customer_id=customer.id, kind="email", value="x@example.net")
    db.flush()
    acting = {
        name: Actor(tenant_id=tenant.id, kind="user", name=name, operator_id=row.id) for name, row in found.items()
    }
    yield World(operators=found, customers=owned, actors=acting | {"provider": actor})
    scope.use_operators(db, None)


SEES = {
    "north": {"of north", "of sub"},
    "sub": {"of sub"},
    "south": {"of south"},
    "provider": {"of north", "of sub", "of south", "of provider"},
}


def see_as(db: Session, world: World, who: str) -> None:
    operator = world.operators.get(who)
    scope.use_operators(db, None if operator is None else with_descendants(db, operator.id))


@pytest.mark.parametrize("who", SEES)
def test_an_operator_sees_his_own_and_those_below(db: Session, world: World, who: str) -> None:
    see_as(db, world, who)
    other = aliased(Customer)

    seen = {
        "customers": set(db.scalars(select(Customer.name))),
        "through an alias": set(db.scalars(select(other.name))),
        "subscriptions": {
            row.customer.name for row in db.scalars(select(Subscription).options(joinedload(Subscription.customer)))
        },
        "sessions": set(
            db.scalars(
                select(Customer.name).join(Subscription).join(RadAcct, RadAcct.subscription_id == Subscription.id)
            )
        ),
        "what was done": set(db.scalars(select(Customer.name).join(AuditLog, AuditLog.customer_id == Customer.id))),
        "in a condition": set(
            db.scalars(
                select(Customer.name).where(
                    select(Subscription.id).where(Subscription.customer_id == Customer.id).exists()
                )
            )
        ),
    }

    assert seen == dict.fromkeys(seen, SEES[who])
    assert db.scalar(select(RadAcct.acctuniqueid).limit(1)) is not None


@pytest.mark.parametrize("who", [name for name in SEES if name != "provider"])
def test_what_another_operator_has_cannot_be_touched(db: Session, world: World, who: str, now: datetime) -> None:
    see_as(db, world, who)
    act: dict[str, Any] = {"actor": world.actors[who], "now": now}

    for name, customer in world.customers.items():
        if customer.name in SEES[who]:
            customers.edit(db, **act, customer_id=customer.id, changes={"notes": f"by {who}"})
            continue
        for use_case in (customers.suspend, customers.activate, customers.delete, customers.terminate):
            with pytest.raises(NotFound):
                use_case(db, **act, customer_id=customer.id)
        with pytest.raises(NotFound):
            tags.add(db, **act, customer_id=customer.id, tag="mine")
        with pytest.raises((NotFound, Conflict)):
            transfers.request(db, **act, customer_id=world.customers[name].id, to_operator_id=None)


def test_a_new_customer_is_of_whoever_adds_him(db: Session, world: World, now: datetime) -> None:
    see_as(db, world, "north")
    act: dict[str, Any] = {"actor": world.actors["north"], "now": now}

    own = customers.create(db, **act, name="Own")
    below = customers.create(db, **act, name="Below", operator_id=world.operators["sub"].id)

    assert (own.operator_id, below.operator_id) == (world.operators["north"].id, world.operators["sub"].id)
    with pytest.raises(Invalid):
        customers.create(db, **act, name="Foreign", operator_id=world.operators["south"].id)


def test_every_table_has_a_place_and_one_that_has_none_shows_nothing(db: Session, world: World) -> None:
    groups = (
        scope.SHARED | scope.BY_CUSTOMER | scope.BY_SUBSCRIPTION | scope.BY_OPERATOR | scope.WITH_RULES_OF_THEIR_OWN
    )
    assert all(hasattr(cls, "customer_id") for cls in scope.BY_CUSTOMER)
    assert all(hasattr(cls, "subscription_id") for cls in scope.BY_SUBSCRIPTION)
    assert models.BulkChange not in groups
    make_bulk = models.BulkChange(
        tenant_id=world.actors["north"].tenant_id, kind="disconnect", state="done", search="x", is_again=False,
        sessions=1, looked_at_sessions=0, looked_at_until="", requested_by="x", started_at=datetime.now().astimezone(),
    )  # fmt: skip
    db.add(make_bulk)
    db.flush()

    see_as(db, world, "north")

    assert db.scalars(select(models.BulkChange.id)).all() == []


def test_conditions_by_hand_are_seen_by_the_username(db: Session, world: World) -> None:
    names = {name: db.scalars(select(Subscription.username).where(Subscription.customer_id == row.id)).one()
             for name, row in world.customers.items()}  # fmt: skip
    tenant_id = world.actors["north"].tenant_id
    db.add_all(
        models.RadCheck(tenant_id=tenant_id, username=name, attribute="NAS-Port-Id", op="==", value="1")
        for name in names.values()
    )
    db.flush()

    see_as(db, world, "north")

    assert set(db.scalars(select(models.RadCheck.username))) == {names["north"], names["sub"]}


def test_an_operators_staff_hold_only_what_stays_with_the_customers(db: Session, world: World) -> None:
    mine = make_user(db, permissions=sorted(PERMISSIONS), operator_id=world.operators["north"].id)

    assert permissions_of(mine) == FOR_OPERATORS
    assert not FOR_OPERATORS & {"manage_nas", "view_nas", "manage_users", "manage_settings", "view_address_history"}


@pytest.mark.parametrize(
    ("level", "parent", "problem"),
    [(5, "north", Invalid), (10, "north", Invalid), (100, None, Invalid), (0, None, Invalid), (31, "sub", None)],
)
def test_power_only_becomes_less_on_the_way_down(
    db: Session, world: World, actor: Actor, now: datetime, level: int, parent: str | None, problem: Any
) -> None:
    given: dict[str, Any] = {"name": "New", "level": level}
    given["parent_operator_id"] = None if parent is None else world.operators[parent].id

    if problem is None:
        assert operators.create(db, actor=actor, now=now, **given).level == level
    else:
        with pytest.raises(problem):
            operators.create(db, actor=actor, now=now, **given)


def test_the_tree_has_no_circle_and_who_is_named_stays(db: Session, world: World, actor: Actor, now: datetime) -> None:
    north, sub = world.operators["north"], world.operators["sub"]

    with pytest.raises(Conflict):
        operators.edit(
            db, actor=actor, now=now, operator_id=north.id, changes={"parent_operator_id": sub.id, "level": 40}
        )
    with pytest.raises(Conflict):
        operators.delete(db, actor=actor, now=now, operator_id=north.id)
    empty = operators.create(db, actor=actor, now=now, name="Empty", level=3)
    batch = VoucherBatch(
        tenant_id=actor.tenant_id, name="november", kind="credit", operator_id=empty.id, credit=Decimal(5000)
    )
    db.add(batch)
    db.flush()
    with pytest.raises(Conflict):
        operators.delete(db, actor=actor, now=now, operator_id=empty.id)
    batch.operator_id = None
    db.flush()
    operators.delete(db, actor=actor, now=now, operator_id=empty.id)
    with pytest.raises(Conflict):
        operators.create(db, actor=actor, now=now, name="NORTH", level=3)
    assert is_below(sub.id, north.id, {sub.id: north.id, north.id: None})
    # Were there a circle, nobody would look for ever.
    assert not is_below(1, 3, {1: 2, 2: 1})


def test_both_operators_agree_before_a_customer_changes_hands(db: Session, world: World, now: datetime) -> None:
    customer, south = world.customers["north"], world.operators["south"]
    child = make_customer(
        db, tenant_id=customer.tenant_id, parent_customer_id=customer.id, operator_id=customer.operator_id
    )
    see_as(db, world, "north")
    asked = transfers.request(
        db, actor=world.actors["north"], now=now, customer_id=customer.id, to_operator_id=south.id, note="moved"
    ).row
    assert (asked.status, asked.confirmed_from_by, asked.confirmed_to_by) == ("confirmed_from", "north", None)
    with pytest.raises(Conflict, match="agreed already"):
        transfers.confirm(db, actor=world.actors["north"], now=now, transfer_id=asked.id)
    assert customer.operator_id == world.operators["north"].id

    see_as(db, world, "south")
    assert [row.id for row in transfers_of(db, customer.tenant_id, only_open=True)] == [asked.id]
    transfers.confirm(db, actor=world.actors["south"], now=now, transfer_id=asked.id)

    assert asked.status == "done"
    assert customer.operator_id == child.operator_id == south.id
    assert "of north" in set(db.scalars(select(Customer.name)))


def test_a_customer_is_on_his_way_to_one_operator_at_a_time(db: Session, world: World, now: datetime) -> None:
    customer, south = world.customers["north"], world.operators["south"]
    act: dict[str, Any] = {"actor": world.actors["north"], "now": now}
    transfers.request(db, **act, customer_id=customer.id, to_operator_id=south.id)
    with pytest.raises(Conflict, match="on his way"):
        transfers.request(db, **act, customer_id=customer.id, to_operator_id=None)


def test_a_rejected_transfer_changes_nothing_and_another_may_be_asked_for(
    db: Session, world: World, actor: Actor, now: datetime
) -> None:
    customer, south = world.customers["north"], world.operators["south"]
    asked = transfers.request(
        db, actor=world.actors["north"], now=now, customer_id=customer.id, to_operator_id=south.id
    ).row

    transfers.reject(db, actor=world.actors["south"], now=now, transfer_id=asked.id, note="too far")

    assert (asked.status, customer.operator_id) == ("rejected", world.operators["north"].id)
    done = transfers.request(db, actor=actor, now=now, customer_id=customer.id, to_operator_id=south.id).row
    assert (done.status, customer.operator_id) == ("done", south.id)


def test_low_operators_and_strangers_have_no_say(db: Session, world: World, now: datetime) -> None:
    with pytest.raises(Conflict, match="level"):
        transfers.request(
            db, actor=world.actors["sub"], now=now, customer_id=world.customers["sub"].id, to_operator_id=None
        )
    asked = transfers.request(
        db, actor=world.actors["north"], now=now, customer_id=world.customers["north"].id, to_operator_id=None
    ).row
    with pytest.raises(Conflict, match="no say"):
        transfers.confirm(db, actor=world.actors["south"], now=now, transfer_id=asked.id)
    with pytest.raises(Conflict, match="no say"):
        transfers.reject(db, actor=world.actors["south"], now=now, transfer_id=asked.id)


def test_staff_are_somebodys_and_nobody_shuts_himself_out(
    db: Session, world: World, actor: Actor, now: datetime
) -> None:
    user = make_user(db, tenant_id=actor.tenant_id)
    north = world.operators["north"]

    operators.set_staff(db, actor=actor, now=now, user_id=user.id, operator_id=north.id)
    assert Actor.of_user(user).operator_id == north.id
    operators.set_staff(db, actor=actor, now=now, user_id=user.id, operator_id=None)
    with pytest.raises(Conflict):
        operators.set_staff(db, actor=Actor.of_user(user), now=now, user_id=user.id, operator_id=north.id)
    stranger = Operator(tenant_id=make_tenant(db).id, name="Stranger", level=1, version=1)
    db.add(stranger)
    db.flush()
    with pytest.raises(Invalid):
        operators.set_staff(db, actor=actor, now=now, user_id=user.id, operator_id=stranger.id)


def test_confirmations_in_any_order_end_in_one_hand_over() -> None:
    for first, second in (SIDES, SIDES[::-1]):
        middle = confirmed("requested", first)
        assert middle == f"confirmed_{first}"
        assert confirmed(middle, first) is None
        assert confirmed(middle, second) == "done"
        assert confirmed("done", second) is confirmed("rejected", first) is None
