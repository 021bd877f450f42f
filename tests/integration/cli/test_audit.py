"""The audit log at a terminal, and the job that checks it every night."""

import json
from datetime import UTC, datetime

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.staff import tasks
from cli.main import root
from db.models import Tenant
from factories import make_tenant
from integration.cli.test_money import run
from runtime.settings import Settings


@pytest.fixture
def tenant(db: Session, settings: Settings, keys_file: object) -> Tenant:
    provider = make_tenant(db)
    actor = Actor.system(tenant_id=provider.id, name="Ratna")
    for name in ("Cempaka", "Melati"):
        audit.record(
            db, actor=actor, now=datetime.now(UTC), action="tenant.updated", entity=provider, new={"name": name}
        )
    db.commit()
    return provider


def change_behind_its_back(db: Session) -> None:
    db.execute(text("ALTER TABLE audit_logs DISABLE TRIGGER USER"))
    db.execute(text("UPDATE audit_logs SET actor_name = 'nobody' WHERE id = (SELECT min(id) FROM audit_logs)"))
    db.execute(text("ALTER TABLE audit_logs ENABLE TRIGGER USER"))
    db.commit()


def test_entries_are_listed_by_who_and_what(tenant: Tenant) -> None:
    found = run("audit", "list", "--actor", "ratna", "--action", "tenant", "--entity", "tenants")

    assert [row["new_values"] for row in found["items"]] == [{"name": "Melati"}, {"name": "Cempaka"}]
    assert run("audit", "list", "--actor", "somebody else")["items"] == []


def test_the_chain_is_checked_and_what_was_changed_is_named(db: Session, tenant: Tenant) -> None:
    assert tasks.seal_audit_log() == 2
    whole = run("audit", "verify")
    assert (whole["is_whole"], whole["checked"], whole["findings"]) == (True, 2, [])
    assert run("audit", "head")["head"] == whole["head"]
    change_behind_its_back(db)

    answer = CliRunner().invoke(root, ["audit", "verify", "--json"])

    assert answer.exit_code == 1
    assert [one["kind"] for one in json.loads(answer.stdout)["findings"]] == ["changed"]


def test_the_job_of_the_night_fails_where_the_log_is_not_as_it_was_written(db: Session, tenant: Tenant) -> None:
    tasks.seal_audit_log()
    assert tasks.verify_audit_log() == {"links": 2, "waiting": 0}
    change_behind_its_back(db)

    with pytest.raises(tasks.BrokenChainError, match="row 1 is not what was sealed as link 1"):
        tasks.verify_audit_log()


def test_the_check_changes_nothing(tenant: Tenant, settings: Settings) -> None:
    tasks.seal_audit_log()
    tasks.verify_audit_log()

    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM audit_seals").fetchone() == (2,)
