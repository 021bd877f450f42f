"""Allowances, top-ups, families and hours at a terminal."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.main import root
from db.models import Tenant
from factories import make_plan, make_subscription, make_tenant
from runtime.settings import Settings

Run = Callable[..., Any]


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def ask(settings: Settings) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(root, list(arguments))

    return call


@pytest.fixture
def run(ask: Callable[..., Result]) -> Run:
    """Run a command that must succeed, and read what it printed."""

    def call(*arguments: str) -> Any:
        result = ask(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return call


def test_a_plan_is_sold_with_hours_and_allowances(db: Session, tenant: Tenant, run: Run) -> None:
    db.commit()
    run("plan", "add", "Malam", "--down", "20000", "--up", "10000", "--hours", "fri-mon 22:00-06:00 50M/20M",
        "--quota", "data monthly 100GB throttle 1M/512k", "--quota", "time daily 2.5h garden")  # fmt: skip

    (window,) = run("plan", "hours", "malam")["items"]
    assert window == {
        "weekdays": ["mon", "fri", "sat", "sun"],
        "start": "22:00",
        "end": "06:00",
        "download_kbps": 50_000,
        "upload_kbps": 20_000,
    }
    data, time = run("plan", "quota", "malam")["items"]
    assert (data["limit_bytes"], data["throttle_upload_kbps"], data["action"]) == (100 * 10**9, 512, "throttle")
    assert (time["limit_s"], time["period"], time["action"]) == (9000, "daily", "garden")
    run("plan", "hours", "malam", "--clear")
    run("plan", "quota", "malam", "--quota", "data total 5GB download")
    assert run("plan", "hours", "malam")["items"] == []
    assert run("plan", "quota", "malam")["items"][0]["counts"] == "download"


def test_an_own_allowance_and_a_top_up_show_in_what_is_left(db: Session, tenant: Tenant, run: Run) -> None:
    make_subscription(db, tenant=tenant, plan=make_plan(db, tenant_id=tenant.id), username="budi")
    db.commit()

    run("quota", "set", "budi", "--quota", "data total 10GB")
    added = run("topup", "add", "budi", "500MB", "--for-good", "--note", "sorry")
    (left,) = run("quota", "show", "budi")["items"]
    assert (left["limit"], left["left"], left["resets_at"]) == (10_500_000_000, 10_500_000_000, None)
    assert added["message"] == "Topped up; no session is concerned"
    (row,) = run("topup", "list", "budi")["items"]
    assert (row["amount"], row["valid_until"], row["note"]) == (500_000_000, None, "sorry")
    run("topup", "remove", "budi", str(row["id"]))
    run("topup", "add", "budi", "2h", "--until", "2099-01-31")
    assert run("topup", "list", "budi")["items"][0]["valid_until"].startswith("2099-01-31T17:00")
    run("quota", "set", "budi", "--clear")
    assert run("quota", "show", "budi")["items"] == []


def test_a_family_from_its_founding_to_its_end(db: Session, tenant: Tenant, run: Run) -> None:
    plan = make_plan(db, tenant_id=tenant.id)
    for name in ("budi", "siti"):
        make_subscription(db, tenant=tenant, plan=plan, username=name)
    db.commit()

    run("family", "add", "Santoso", "--quota", "data monthly 100GB")
    for name in ("budi", "siti"):
        run("family", "join", "Santoso", name)
    assert run("family", "show", "Santoso")["members"] == ["budi", "siti"]
    assert run("quota", "show", "siti")["items"][0]["shared"] is True
    run("family", "edit", "Santoso", "--name", "Besar", "--clear")
    assert run("family", "list")["items"] == [{"id": 1, "name": "Besar", "members": 2}]
    for name in ("budi", "siti"):
        run("family", "leave", "Besar", name)
    run("family", "delete", "Besar")
    assert run("family", "list")["items"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "hours", "p", "--hours", "weekend 08:00-17:00"),
        ("plan", "hours", "p", "--hours", "mon 8-17"),
        ("plan", "hours", "p", "--hours", "mon 08:00-17:00 fast"),
        ("plan", "quota", "p", "--quota", "data monthly"),
        ("plan", "quota", "p", "--quota", "data hourly 5GB"),
        ("plan", "quota", "p", "--quota", "time daily 5GB"),
        ("plan", "quota", "p", "--quota", "data daily 5 GB"),
        ("plan", "quota", "p", "--quota", "data daily 5GB throttle"),
        ("plan", "quota", "p", "--quota", "data daily 5GB shout"),
        ("quota", "set", "budi"),
        ("quota", "set", "budi", "--clear", "--quota", "data daily 5GB"),
        ("topup", "add", "budi", "lots"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    db: Session, tenant: Tenant, ask: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    db.commit()

    result = ask(*arguments)

    assert result.exit_code == 2
    assert "Error:" in result.output
