"""Gardens, vouchers and certificates at a terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.main import root
from db.models import Tenant
from factories import make_plan, make_subscription, make_tenant
from runtime import certificates
from runtime.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command with `--json` and read what it says."""
    kept = settings.model_copy(update={"eap_dir": tmp_path / "eap"})
    monkeypatch.setattr("cli.certificates.get_settings", lambda: kept)
    return lambda *arguments: CliRunner().invoke(root, [*arguments, "--json"])


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_garden_is_set_listed_and_removed(db: Session, tenant: Tenant, run: Run) -> None:
    db.commit()

    made = data(run("garden", "set", "any", "--address-list", "isolir", "--down", "256"))
    data(run("garden", "set", "subscription_suspended", "--pool", "pool-isolir", "--off"))
    listed = data(run("garden", "list"))["items"]

    assert (made["reason"], made["address_list"], made["download_kbps"], made["is_active"]) == (
        "any",
        "isolir",
        256,
        True,
    )
    assert [(row["reason"], row["is_active"]) for row in listed] == [("any", True), ("subscription_suspended", False)]
    assert data(run("garden", "remove", "any")) == {"removed": "any"}
    assert len(data(run("garden", "list"))["items"]) == 1


def test_vouchers_are_made_listed_disabled_and_given_back(db: Session, tenant: Tenant, run: Run) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="hotspot", slug="jam")
    db.commit()

    made = data(run("voucher", "create", plan.slug, "--count", "2", "--hours", "3", "--batch", "nov"))["items"]

    assert [row["validity_s"] for row in made] == [10_800, 10_800]
    assert data(run("voucher", "disable", made[0]["code"]))["state"] == "disabled"
    assert data(run("voucher", "list", "--state", "unused"))["total_items"] == 1
    assert data(run("voucher", "enable", made[0]["code"]))["state"] == "unused"
    assert run("voucher", "disable", "no-such-code").exit_code == 1
    assert data(run("voucher", "disable", "--batch", "nov"))["changed"] == 2
    assert data(run("voucher", "enable", "--batch", "nov"))["changed"] == 2
    assert {row["code"] for row in data(run("voucher", "export", "nov"))["items"]} == {row["code"] for row in made}
    assert run("voucher", "disable").exit_code == 2


def test_a_certificate_is_issued_for_802_1x_only(db: Session, tenant: Tenant, run: Run, tmp_path: Path) -> None:
    row = make_subscription(db, tenant_id=tenant.id, username="budi", connection_type="dot1x")
    make_subscription(db, tenant_id=tenant.id, username="siti", connection_type="pppoe")
    db.commit()

    issued = data(run("certificate", "issue", "budi", "--days", "30", "--out", str(tmp_path)))
    refused = run("certificate", "issue", "siti", "--out", str(tmp_path))
    authority = data(run("certificate", "authority"))

    assert Path(issued["file"]).name == f"{row.subscription_code}.p12"
    assert Path(issued["file"]).stat().st_mode & 0o777 == 0o600
    assert issued["name"] == "budi"
    assert refused.exit_code == 1
    assert "802.1X" in refused.output
    assert authority["server_name"] == certificates.SERVER_NAME
    assert authority["pem"].startswith("-----BEGIN CERTIFICATE-----")
