"""A plan's change at a terminal: told with --dry-run, saved, given in stages."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from sqlalchemy.orm import Session

from cli.main import root
from db.models import ServicePlan
from factories import make_nas, make_plan, make_session, make_subscription, make_tenant
from runtime.settings import Settings
from simulator.sync import SimulatedRouter

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command; `run("plan", "list")`."""
    return lambda *arguments: CliRunner().invoke(root, list(arguments))


@pytest.fixture
def plan(db: Session, keys_file: object) -> ServicePlan:
    tenant = make_tenant(db)
    plan, router = make_plan(db, tenant=tenant, slug="rumah-10"), make_nas(db, tenant=tenant)
    for _ in range(3):
        begun_at = datetime.now(UTC) - timedelta(hours=1)
        make_session(db, make_subscription(db, tenant=tenant, plan=plan), router, acctstarttime=begun_at)
    db.commit()
    return plan


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_dry_run_tells_and_saves_nothing(db: Session, run: Run, plan: ServicePlan) -> None:
    told = data(run("plan", "edit", "rumah-10", "--down", "30000", "--fup-gb", "100", "--fup-percent", "50",
                    "--dry-run", "--json"))  # fmt: skip
    words = run("plan", "edit", "rumah-10", "--down", "30000", "--dry-run").output

    assert (told["changing"], told["coa"], told["disconnects"], told["over_limit"]) == (3, 3, 0, 0)
    assert "3 of 3 running sessions get another speed" in words
    assert "Nothing was saved." in words
    db.expire_all()
    assert (plan.download_kbps, plan.fup_rules) == (10_000, [])


def test_it_is_saved_for_all_or_for_the_next_login(db: Session, run: Run, plan: ServicePlan) -> None:
    later = data(run("plan", "edit", "rumah-10", "--down", "30000", "--next-login", "--json"))
    now = data(run("plan", "edit", "rumah-10", "--up", "15000", "--json"))

    assert (later["session_changes"], len(now["session_changes"])) == ([], 3)


def test_a_roll_out_from_its_start_to_its_stop(db: Session, run: Run, plan: ServicePlan) -> None:
    begun = data(run("plan", "rollout", "start", "rumah-10", "--down", "30000", "--json"))
    number = str(begun["rollout"])

    stopped = data(run("plan", "rollout", "stop", number, "--json"))
    assert run("plan", "rollout", "continue", number).exit_code == 0
    (row,) = data(run("plan", "rollout", "status", "rumah-10", "--json"))["items"]

    assert (stopped["state"], row["state"], row["asked"], row["sessions"]) == ("stopped", "running", 1, 3)
    assert "1 %" in run("plan", "rollout", "status", "rumah-10").output


def test_a_change_of_nothing_is_refused(run: Run, plan: ServicePlan) -> None:
    assert run("plan", "edit", "rumah-10").exit_code == 2
    assert run("plan", "edit", "rumah-10", "--fup-gb", "3").exit_code == 2


def test_a_router_is_edited_and_tested(db: Session, settings: Settings, run: Run, plan: ServicePlan) -> None:
    with SimulatedRouter(secret="a-long-enough-secret") as simulated:
        tenant_id = plan.tenant_id
        make_nas(
            db, tenant_id=tenant_id, name="RB-1", host="127.0.0.1", coa_port=simulated.coa_port,
            radius_secret="a-long-enough-secret",
        )  # fmt: skip
        db.commit()
        saved = run("nas", "edit", "RB-1", "--service-map", '{"other": "hotspot"}', "--provisioning", "both")
        told = data(run("nas", "test", "RB-1", "--json"))
        words = run("nas", "test", "RB-1").output

    assert saved.exit_code == 0, saved.output
    verdicts = {line["check"]: line["verdict"] for line in told["findings"]}
    assert (verdicts["coa"], verdicts["heard"]) == ("ok", "unknown")
    assert "-> paste the commands" in words
    assert run("nas", "edit", "RB-1").exit_code == 2
    assert run("nas", "edit", "RB-1", "--service-map", "{").exit_code == 2


def test_a_routers_certificate_is_written_for_its_owner_only(
    db: Session, run: Run, plan: ServicePlan, tmp_path: Path
) -> None:
    router = make_nas(db, tenant_id=plan.tenant_id, name="RB-1")
    db.commit()

    told = data(run("nas", "certificate", "RB-1", str(tmp_path / "out"), "--days", "30", "--json"))

    made = x509.load_pem_x509_certificate((tmp_path / "out" / "router.pem").read_bytes())
    assert made.subject.rfc4514_string() == f"CN={router.id}"
    assert len(told["files"]) == 3
    assert (tmp_path / "out" / "router.key").stat().st_mode & 0o077 == 0
