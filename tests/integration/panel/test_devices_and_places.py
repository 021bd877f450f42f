"""Devices, the blacklist, groups of routers and places as staff use them in the panel."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import BlockedMac, NasGroup, SessionChange, Subscription, SubscriptionMac

MAC = "AA:BB:CC:00:00:77"


@pytest.mark.parametrize("binding", ["off", "fixed", "learn", "approval"])
def test_a_binding_is_chosen_and_explained(owner: FlaskClient, seeded: Seeded, db: Session, binding: str) -> None:
    path = f"/subscriptions/{seeded.service.id}/binding"

    page = owner.post(path, data={"mac_binding": binding}, follow_redirects=True)

    db.refresh(seeded.service)
    assert seeded.service.mac_binding == binding
    assert f'<option value="{binding}" selected' in page.text


def test_a_waiting_device_is_allowed_on_the_customers_page(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    waiting = SubscriptionMac(
        tenant_id=seeded.service.tenant_id,
        subscription_id=seeded.service.id,
        mac=MAC,
        status="pending",
        source="learned",
    )
    db.add(waiting)
    seeded.service.mac_binding = "approval"
    db.commit()
    assert MAC in owner.get(f"/customers/{seeded.budi.id}?tab=service").text
    assert MAC in owner.get("/devices/waiting").text

    path = f"/subscriptions/{seeded.service.id}/devices/{waiting.id}"
    page = owner.post(path, data={"do": "approved", "back": "/devices/waiting"}, follow_redirects=True)

    db.refresh(waiting)
    assert waiting.status == "approved"
    assert MAC not in page.text


def test_the_bind_is_removed_after_a_question(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    path = f"/subscriptions/{seeded.service.id}/devices/reset"
    listed = select(SubscriptionMac).where(
        SubscriptionMac.subscription_id == seeded.service.id, SubscriptionMac.status != "blocked"
    )
    assert db.scalars(listed).all()

    assert "Remove MAC bind" in owner.get(path).text
    assert db.scalars(listed).all()
    owner.post(path)

    db.expire_all()
    assert db.scalars(listed).all() == []


def test_a_device_is_blacklisted_and_taken_off(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    wrong = owner.post("/blacklist", data={"mac": "nonsense"})
    assert (wrong.status_code, "is-invalid" in wrong.text) == (422, True)

    page = owner.post("/blacklist", data={"mac": "aabb.cc00.0077", "note": "resells"}, follow_redirects=True)

    assert MAC in page.text
    (row,) = db.scalars(select(BlockedMac))
    assert owner.get("/blacklist?q=resel").text.count(MAC) >= 1
    owner.post(f"/blacklist/{row.id}/remove")
    db.expire_all()
    assert db.scalars(select(BlockedMac)).all() == []


def test_a_group_is_added_used_and_kept_while_it_is_used(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    owner.post("/router-groups/new", data={"name": "Cempaka"})
    (group,) = db.scalars(select(NasGroup))
    owner.post(f"/router-groups/{group.id}/edit", data={"name": "Timur"})
    router = seeded.routers[0]
    form = {
        "name": router.name,
        "host": str(router.host),
        "coa_port": "3799",
        "routeros_version": "7",
        "acct_input_is": "upload",
        "type": "mikrotik",
        "nas_group_id": str(group.id),
    }
    saved = owner.post(f"/routers/{router.id}/edit", data=form)
    assert saved.status_code == 303, saved.text

    kept = owner.post(f"/router-groups/{group.id}/delete", follow_redirects=True)

    assert "Timur" in kept.text
    db.expire_all()
    assert (router.nas_group_id, group.name) == (group.id, "Timur")


def test_a_subscription_is_bound_to_a_group_on_its_edit_page(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    owner.post("/router-groups/new", data={"name": "Cempaka"})
    (group,) = db.scalars(select(NasGroup))
    path, service = f"/subscriptions/{seeded.service.id}/edit", seeded.service
    form = {
        "username": service.username,
        "price": "150000",
        "billing_cycle": "monthly",
        "billing_day": "1",
        "nas_server_id": str(service.nas_server_id or ""),
        "nas_binding": "group",
        "nas_group_id": "",
        "version": str(service.version),
    }
    assert owner.post(path, data=form).status_code == 422

    saved = owner.post(path, data=form | {"nas_group_id": str(group.id)})

    assert saved.status_code == 303, saved.text
    db.expire_all()
    assert (service.nas_binding, service.nas_group_id) == ("group", group.id)
    reasons = set(db.scalars(select(SessionChange.reason).where(SessionChange.subscription_id == service.id)))
    assert "place_change" in reasons


def test_a_new_subscription_is_bound_to_its_place_at_once(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    group = NasGroup(tenant_id=seeded.tenant.id, name="Cempaka")
    db.add(group)
    db.commit()
    form = {"service_plan_id": str(seeded.plans[1].id), "username": "dewi", "password": "", "connection_type": ""}
    path = f"/customers/{seeded.budi.id}/subscriptions/new"

    refused = owner.post(path, data=form | {"nas_binding": "group", "nas_group_id": ""})
    saved = owner.post(path, data=form | {"nas_binding": "group", "nas_group_id": str(group.id), "activate": "y"})

    assert refused.status_code == 422
    assert 'id="nas_group_id-error"' in refused.text
    assert saved.status_code == 200
    row = db.scalars(select(Subscription).where(Subscription.username == "dewi")).one()
    assert (row.nas_binding, row.nas_group_id) == ("group", group.id)
