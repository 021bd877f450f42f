"""The first provider at a terminal, and what an upgrade gives to standing roles."""

import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import setup
from cli.main import root
from db.models import Tenant, User
from runtime.settings import Settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments))


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


FIRST = ("setup", "--name", "Cempaka Net", "--admin-email", "admin@example.net")


def test_the_first_provider_is_made_once(settings: Settings, keys_file: object, db: Session) -> None:
    made = told(*FIRST, "--timezone", "Asia/Makassar", "--language", "id")
    again = told("setup", "--name", "Another", "--admin-email", "other@example.net")

    assert (made["is_new"], made["slug"]) == (True, "cempaka-net")
    assert len(made["admin_password"]) >= 12
    assert (again["is_new"], again["admin_password"], again["provider"]) == (False, None, "Cempaka Net")
    assert "There is a provider already: Cempaka Net." in run("setup", *FIRST[1:]).output
    tenant = db.scalars(select(Tenant)).one()
    assert (tenant.timezone, tenant.currency, tenant.locale) == ("Asia/Makassar", "IDR", "id")
    assert db.scalars(select(User.email)).all() == ["admin@example.net"]


@pytest.mark.parametrize(("option", "value"), [("--timezone", "Nowhere"), ("--currency", "RUPIAH")])
def test_what_is_wrong_is_told_in_a_sentence(
    settings: Settings, keys_file: object, db: Session, option: str, value: str
) -> None:
    refused = run(*FIRST, option, value)

    assert refused.exit_code == 1
    assert option.removeprefix("--") in refused.output
    assert db.scalars(select(Tenant)).all() == []


def test_an_upgrade_tells_what_roles_may_do_now(settings: Settings, db: Session, db_url: str) -> None:
    roles = {row.name: row for row in setup.ensure_roles(db)}
    older = sorted(set(roles["operator"].permissions) - {"act_on_many"})
    roles["operator"].permissions = roles["operator"].given = older
    roles["viewer"].permissions = ["view_customers"]
    db.commit()

    done = run("migrate")

    assert done.exit_code == 0, done.output
    assert "role operator: may also act_on_many" in done.output
    assert "role viewer was changed by staff and stays so" in done.output
    with psycopg.connect(db_url) as connection:
        kept = dict(connection.execute("SELECT name, permissions FROM roles").fetchall())
    assert "act_on_many" in kept["operator"]
    assert kept["viewer"] == ["view_customers"]
    assert "role operator" not in run("migrate").output
