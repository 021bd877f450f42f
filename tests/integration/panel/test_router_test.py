"""The router's page says how it does, asks when told to, and keeps what a person writes about it."""

import re

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import RouterProbe

FORM = {"name": "RB-X", "host": "192.0.2.99", "routeros_version": "7", "coa_port": "3799", "type": "mikrotik",
        "acct_input_is": "upload", "provisioning_mode": "both", "nas_group_id": ""}  # fmt: skip


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_card_is_there_asks_and_waits(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    nas = seeded.routers[0]
    page = owner.get(f"/routers/{nas.id}").text
    assert f'action="/routers/{nas.id}/test"' in page
    assert "every 1s" not in page

    asked = owner.post(f"/routers/{nas.id}/test", headers={"HX-Request": "true"})
    assert (asked.status_code, "every 1s" in asked.text) == (200, True)
    assert owner.post(f"/routers/{nas.id}/test").status_code == 303

    probe = db.get(RouterProbe, nas.id)
    assert probe is not None
    probe.result, probe.answered_at, probe.round_trip_ms = "nak", probe.asked_at, 7
    db.commit()
    told = owner.get(f"/routers/{nas.id}/test").text
    assert "7 ms" in words(told)
    assert "every 1s" not in told


def test_services_and_provisioning_are_kept_as_written(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    nas = seeded.routers[0]
    saved = owner.post(f"/routers/{nas.id}/edit", data=FORM | {"service_map": "other=hotspot, dhcp = wireless"})
    assert saved.status_code == 303, words(saved.text)
    db.expire_all()
    assert (nas.service_map, nas.provisioning_mode) == ({"other": "hotspot", "dhcp": "wireless"}, "both")
    assert 'value="dhcp=wireless, other=hotspot"' in owner.get(f"/routers/{nas.id}/edit").text

    assert owner.post(f"/routers/{nas.id}/edit", data=FORM | {"service_map": "other:hotspot"}).status_code == 422
    assert owner.post(f"/routers/{nas.id}/edit", data=FORM | {"service_map": ""}).status_code == 303
    db.expire_all()
    assert nas.service_map == {}
