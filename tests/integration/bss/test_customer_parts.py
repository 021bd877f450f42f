"""Tags, contacts and equipment of a customer."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import customers
from bss.actor import Actor
from bss.customers import contacts, equipment, tags
from bss.failure import Conflict, Invalid, NotFound
from db.models import AuditLog, Customer
from db.queries.customers import contacts_of, equipment_of, popular_tags, tags_of
from factories import make_customer, make_subscription, make_tenant

pytestmark = pytest.mark.usefixtures("keys_file")


@pytest.fixture
def customer(db: Session, actor: Actor) -> Customer:
    return make_customer(db, tenant_id=actor.tenant_id)


@pytest.fixture
def of(customer: Customer, actor: Actor, now: datetime) -> dict[str, Any]:
    return {"actor": actor, "now": now, "customer_id": customer.id}


def test_tags_come_at_creation_as_words_or_with_a_colour(db: Session, actor: Actor, now: datetime) -> None:
    given = [
        "VIP",
        {"name": "gold", "color": "#gold"},
        {"tag": "blue", "color": "blue"},
        {"name": "hex", "color": "#ABC"},
    ]

    customer = customers.create(db, actor=actor, now=now, name="Budi", tags=given)

    found = [(row.tag, row.color) for row in tags_of(db, [customer.id])[customer.id]]
    assert found == [("blue", "#007bff"), ("gold", "#ffd700"), ("hex", "#aabbcc"), ("VIP", "#007bff")]


def test_a_tag_is_on_a_customer_once_in_whatever_case(db: Session, of: dict[str, Any]) -> None:
    tags.add(db, **of, tag="VIP")

    with pytest.raises(Conflict):
        tags.add(db, **of, tag="vip")
    tags.remove(db, **of, tag="Vip")
    with pytest.raises(NotFound):
        tags.remove(db, **of, tag="VIP")
    assert set(db.scalars(select(AuditLog.action))) == {"customer.tag_added", "customer.tag_removed"}


@pytest.mark.parametrize(("tag", "color"), [("", None), ("a,b", None), ("x", "#12"), ("x", "no such colour")])
def test_a_tag_that_cannot_be_kept_is_refused(db: Session, of: dict[str, Any], tag: str, color: str | None) -> None:
    with pytest.raises(Invalid):
        tags.add(db, **of, tag=tag, color=color)


def test_a_known_tag_keeps_its_colour_and_the_most_used_come_first(db: Session, actor: Actor, now: datetime) -> None:
    for number, given in enumerate((["VIP"], ["VIP", "fiber"], ["vip"], ["fiber"], ["old"])):
        customers.create(db, actor=actor, now=now, name=f"C{number}", tags=given)
    first = customers.create(db, actor=actor, now=now, name="Red", tags=[{"name": "office", "color": "red"}])
    second = customers.create(db, actor=actor, now=now, name="Red too", tags=["Office"])
    foreign = make_customer(db, tenant=make_tenant(db))

    by_customer = tags_of(db, [first.id, second.id, foreign.id])
    assert by_customer[second.id][0].color == by_customer[first.id][0].color == "#dc3545"
    assert [(name.lower(), count) for name, _, count in popular_tags(db, tenant_id=actor.tenant_id, limit=3)] == [
        ("vip", 3),
        ("fiber", 2),
        ("office", 2),
    ]


def test_of_the_contacts_of_a_type_one_is_the_primary(db: Session, customer: Customer, of: dict[str, Any]) -> None:
    first = contacts.add(db, **of, kind="phone", value="0812345678", is_primary=True)
    contacts.add(db, **of, kind="email", value="a@example.net", is_primary=True)
    second = contacts.add(db, **of, kind="phone", value="021 5551234", is_primary=True, notes="office")

    shown = {(row.value, row.is_primary) for row in contacts_of(db, customer.id)}
    assert shown == {("a@example.net", True), ("+62215551234", True), ("+62812345678", False)}
    contacts.edit(db, **of, contact_id=first.id, changes={"is_primary": True})
    assert (first.is_primary, second.is_primary) == (True, False)
    contacts.remove(db, **of, contact_id=second.id)
    assert len(contacts_of(db, customer.id)) == 2
    with pytest.raises(Conflict):
        contacts.add(db, **of, kind="phone", value="+62 812 345 678")


def test_a_contact_or_piece_of_another_customer_is_not_there(db: Session, actor: Actor, of: dict[str, Any]) -> None:
    other = of | {"customer_id": make_customer(db, tenant_id=actor.tenant_id).id}
    contact = contacts.add(db, **other, kind="phone", value="0812345678")
    piece = equipment.add(db, **other, device_name="ONT")

    with pytest.raises(NotFound):
        contacts.edit(db, **of, contact_id=contact.id, changes={"notes": "x"})
    with pytest.raises(NotFound):
        equipment.remove(db, **of, equipment_id=piece.id)


def test_equipment_of_a_subscription_has_one_primary_piece(
    db: Session, actor: Actor, customer: Customer, of: dict[str, Any]
) -> None:
    service = make_subscription(db, tenant_id=actor.tenant_id, customer=customer)
    common: dict[str, Any] = {"subscription_id": service.id, "is_primary": True}
    first = equipment.add(
        db, **of, device_name="Old router", device_type="router", mac_address="aabb.ccdd.eeff", **common
    )

    second = equipment.add(db, **of, device_name="ONT", device_type="ont", ip_address="10.0.0.1", **common)

    assert str(first.mac_address).upper() == "AA:BB:CC:DD:EE:FF"
    assert (first.is_primary, second.is_primary) == (False, True)
    equipment.edit(db, **of, equipment_id=first.id, changes={"is_primary": True, "is_active": False})
    assert [row.id for row in equipment_of(db, customer.id)] == [second.id, first.id]
    assert not second.is_primary


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"device_type": "toaster"}, "device_type"),
        ({"mac_address": "no mac"}, "mac_address"),
        ({"ip_address": "10.0.0.999"}, "ip_address"),
        ({"network_config": {"a": "b" * 10_001}}, "network_config"),
        ({"subscription_id": 2**40}, "subscription_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_value_of_equipment_is_named(db: Session, of: dict[str, Any], over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        equipment.add(db, **of, device_name="ONT", **over)

    assert refusal.value.problems[0].field == field
