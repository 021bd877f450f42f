"""Many sessions changed from a terminal."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.main import root
from factories import make_nas, make_session, make_subscription, make_tenant
from runtime.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    return lambda *arguments: CliRunner().invoke(root, list(arguments))


def test_a_change_to_many_is_begun_shown_held_and_stopped(run: Run, db: Session, keys_file: object) -> None:
    tenant = make_tenant(db)
    nas = make_nas(db, tenant=tenant, name="RB-Satu")
    subscription = make_subscription(db, tenant=tenant)
    make_session(db, subscription, nas, acctstarttime=datetime.now(UTC) - timedelta(hours=1))
    db.commit()
    begun = run("coa", "bulk", "start", "disconnect", "--router", "RB-Satu", "--json")
    assert begun.exit_code == 0, begun.output
    number = str(json.loads(begun.stdout)["id"])
    assert json.loads(run("coa", "bulk", "show", number, "--json").stdout)["sessions"] == 1
    for verb, state in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        assert json.loads(run("coa", "bulk", verb, number, "--json").stdout)["state"] == state
    assert len(json.loads(run("coa", "bulk", "list", "--json").stdout)) == 1
    assert "it has refused nothing lately" in run("coa", "refusals", "RB-Satu").output
    assert run("coa", "bulk", "start", "disconnect").exit_code != 0
