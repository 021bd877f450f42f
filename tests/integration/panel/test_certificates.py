"""Issued certificates: written down, listed, revoked in the panel, over HTTP and at a terminal."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import certificates as use
from bss.actor import Actor
from bss.failure import Invalid
from cli.main import root
from db.models import IssuedCertificate, SessionChange, User
from factories import make_nas, make_session, make_subscription, make_user
from runtime import certificates
from runtime.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def issued(db: Session, seeded: Seeded, settings: Settings) -> certificates.ClientCertificate:
    row = make_subscription(db, tenant_id=seeded.tenant.id, username="dewi", connection_type="dot1x")
    make_session(db, row, make_nas(db, tenant=seeded.tenant))
    actor = Actor.system(tenant_id=seeded.tenant.id, name="test")
    made = use.issue(db, actor=actor, now=NOW, subscription_id=row.id, folder=settings.eap_folder)
    db.commit()
    return made


def serials(folder: Path) -> list[str]:
    found = x509.load_pem_x509_crl((folder / certificates.CRL_FILE).read_bytes())
    return [f"{one.serial_number:x}" for one in found]


def row_of(db: Session, serial: str) -> IssuedCertificate:
    db.expire_all()
    return db.scalars(select(IssuedCertificate).where(IssuedCertificate.serial == serial)).one()


def test_one_is_listed_and_revoked_in_the_panel(
    owner: FlaskClient, db: Session, settings: Settings, issued: certificates.ClientCertificate
) -> None:
    row = row_of(db, issued.serial)
    assert issued.serial in owner.get("/certificates?q=dew&state=valid").text
    assert serials(settings.eap_folder) == []

    assert owner.post(f"/certificates/{row.id}/revoke").status_code == 303

    assert serials(settings.eap_folder) == [issued.serial]
    assert row_of(db, issued.serial).revoked_by is not None
    ended = db.scalars(select(SessionChange).where(SessionChange.subscription_id == row.subscription_id)).all()
    assert [(change.kind, change.reason) for change in ended] == [("disconnect", "device_change")]
    assert issued.serial not in owner.get("/certificates?state=valid").text
    assert owner.post(f"/certificates/{row.id}/revoke").status_code == 303
    assert serials(settings.eap_folder) == [issued.serial]


def test_one_is_revoked_at_a_terminal_by_name_and_a_routers_by_serial(
    db: Session, seeded: Seeded, settings: Settings, issued: certificates.ClientCertificate, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(root, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    run("nas", "certificate", seeded.routers[0].name, str(tmp_path / "out"))
    (of_router,) = [row for row in run("certificate", "list")["items"] if row["kind"] == "router"]

    assert of_router["name"] == str(seeded.routers[0].id)
    assert run("certificate", "revoke", of_router["serial"])["items"][0]["revoked_at"] is not None
    assert serials(settings.radsec_folder) == [of_router["serial"]]
    assert serials(settings.eap_folder) == []
    assert [row["serial"] for row in run("certificate", "revoke", "dewi")["items"]] == [issued.serial]
    assert serials(settings.eap_folder) == [issued.serial]
    assert CliRunner().invoke(root, ["certificate", "revoke", "dewi"]).exit_code == 1
    assert len(run("certificate", "list", "--revoked")["items"]) == 2


def test_without_the_authoritys_key_nothing_is_revoked(
    db: Session, seeded: Seeded, settings: Settings, issued: certificates.ClientCertificate
) -> None:
    (settings.eap_folder / certificates.CA_KEY).unlink()
    actor, row = Actor.system(tenant_id=seeded.tenant.id, name="test"), row_of(db, issued.serial)

    with pytest.raises(Invalid, match="where the authority's key is"):
        use.revoke(db, actor=actor, now=NOW, certificate_id=row.id, folders=settings.authority_folders)

    db.rollback()
    assert row_of(db, issued.serial).revoked_at is None


def test_only_who_may_change_routers_revokes(
    client_of: Callable[[User], FlaskClient], db: Session, seeded: Seeded, issued: certificates.ClientCertificate
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_nas"])
    db.commit()
    client = client_of(viewer)

    assert issued.serial in client.get("/certificates").text
    assert client.post(f"/certificates/{row_of(db, issued.serial).id}/revoke").status_code == 403
