"""The business commands: the same use-cases at a terminal, for people and for programs."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.main import COMMANDS, root
from db.models import Subscription, Tenant
from factories import make_customer, make_nas, make_plan, make_role, make_session, make_subscription, make_tenant
from runtime.settings import Settings

GROUPS = (
    "nas",
    "plan",
    "customer",
    "subscription",
    "sessions",
    "usage",
    "token",
    "user",
    "quota",
    "topup",
    "family",
    "operator",
    "provider",
)
Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command; `run("customer", "list")`."""

    def call(*arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(root, list(arguments), **more)

    return call


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def commands_of(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group with the words it is called by, groups in groups too."""
    for word, command in group.commands.items():
        yield f"{path} {word}", command
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{path} {word}")


def test_every_command_explains_itself() -> None:
    for name in GROUPS:
        group = root.get_command(None, name)  # type: ignore[arg-type]
        assert name in COMMANDS
        for path, command in commands_of(group, name):  # type: ignore[arg-type]
            assert CliRunner().invoke(command, ["--help"]).exit_code == 0, path
            assert command.help, path
            assert isinstance(command, click.Group) or any("--json" in option.opts for option in command.params), path


def test_from_a_plan_to_a_subscription_that_is_suspended(db: Session, tenant: Tenant, run: Run) -> None:
    db.commit()
    run("plan", "add", "Rumah 20", "--down", "20000", "--up", "10000", "--price", "150000")
    router = data(run("nas", "add", "RB-1", "192.0.2.10", "--json"))
    customer = data(run("customer", "add", "Budi", "--phone", "08123456789", "--json"))
    added = data(
        run(
            "subscription",
            "add",
            "budi",
            "--customer",
            customer["code"],
            "--plan",
            "rumah-20",
            "--nas",
            "RB-1",
            "--json",
        )
    )

    suspended = data(run("subscription", "suspend", "budi", "--reason", "overdue", "--json"))

    assert len(router["secret"]) >= 24
    assert len(added["secret"]) >= 16
    assert suspended["message"] == "Suspended; no session is concerned"
    shown = data(run("subscription", "show", added["code"], "--json"))
    assert (shown["status"], shown["rate_limit"]) == ("suspended", "10M/20M")
    assert f'secret="{router["secret"]}"' in run("nas", "script", "RB-1", "--server", "192.0.2.2").output


def test_lists_are_tables_for_people_and_json_for_programs(db: Session, tenant: Tenant, run: Run) -> None:
    subscription = make_subscription(db, tenant=tenant, username="budi")
    make_session(db, subscription, make_nas(db, tenant=tenant))
    db.commit()

    for group in ("nas", "plan", "customer", "subscription", "sessions"):
        listed = data(run(group, "list", "--json"))
        assert listed["total_items"] == len(listed["items"]) == 1, group
    people = run("subscription", "list").output.splitlines()

    assert people[0].split()[:2] == ["code", "username"]
    assert "budi" in people[1]


def test_a_speed_of_its_own_and_back(db: Session, tenant: Tenant, run: Run) -> None:
    subscription = make_subscription(db, tenant=tenant, username="budi")
    make_session(db, subscription, make_nas(db, tenant=tenant))
    db.commit()

    assert data(run("subscription", "set-speed", "budi", "50000/50000", "--hours", "2", "--json"))["session_changes"]
    assert data(run("subscription", "show", "budi", "--json"))["rate_limit"] == "50M/50M"
    run("subscription", "set-speed", "budi", "plan")

    assert data(run("subscription", "show", "budi", "--json"))["rate_limit"] == "5M/10M"


def test_a_refusal_is_one_line_and_changes_nothing(db: Session, tenant: Tenant, run: Run) -> None:
    subscription: Subscription = make_subscription(db, tenant=tenant, username="budi", status="terminated")
    db.commit()

    refused = run("subscription", "suspend", "budi")
    unknown = run("subscription", "suspend", "nobody")
    wrong = run("customer", "add", "Budi", "--email", "nobody")

    assert refused.exit_code == unknown.exit_code == wrong.exit_code == 1
    assert refused.output.startswith("Error: a terminated subscription cannot become suspended")
    assert unknown.output == "Error: there is no such subscription\n"
    assert wrong.output.startswith("Error: email: is not an e-mail address")
    db.refresh(subscription)
    assert subscription.status == "terminated"


def test_usage_by_day_and_period(db: Session, tenant: Tenant, run: Run) -> None:
    make_subscription(db, tenant=tenant, username="budi")
    db.commit()

    shown = data(run("usage", "show", "budi", "--json"))

    assert shown["days"] == []
    assert set(shown["periods"]) == {"daily", "weekly", "monthly", "billing_cycle"}
    assert run("usage", "show", "budi").exit_code == 0


def test_staff_and_tokens(db: Session, tenant: Tenant, run: Run) -> None:
    make_role(db, name="admin", permissions=["view_plans"])
    db.commit()

    added = data(run("user", "add", "ani@example.net", "--name", "Ani", "--role", "admin", "--json"))
    token = data(run("token", "add", "sync", "--user", "ANI@example.net", "--days", "30", "--json"))
    listed = data(run("token", "list", "--json"))
    run("token", "revoke", str(token["id"]))

    assert len(added["secret"]) >= 20
    assert token["secret"].startswith("lts_")
    assert listed[0]["scopes"] == ["view_plans"]
    assert token["secret"] not in json.dumps(listed)
    assert data(run("token", "list", "--json"))[0]["revoked_at"] is not None
    assert data(run("user", "list", "--json"))[0]["email"] == "ani@example.net"


def test_an_end_for_good_is_asked_twice(db: Session, tenant: Tenant, run: Run) -> None:
    make_subscription(db, tenant=tenant, username="budi")
    db.commit()

    assert run("subscription", "terminate", "budi", input="n\n").exit_code == 1
    assert run("subscription", "terminate", "budi", "--yes").exit_code == 0


def test_several_providers_need_a_name(db: Session, tenant: Tenant, run: Run) -> None:
    other = make_tenant(db)
    make_customer(db, tenant=other)
    make_plan(db, tenant=tenant)
    db.commit()

    assert run("customer", "list").exit_code == 1
    assert data(run("customer", "list", "--tenant", other.slug, "--json"))["total_items"] == 1
    assert data(run("customer", "list", "--tenant", tenant.slug, "--json"))["total_items"] == 0


def test_attributes_are_written_by_hand_shown_and_removed(db: Session, tenant: Tenant, run: Run) -> None:
    subscription = make_subscription(db, tenant=tenant, username="budi")
    db.commit()
    plan = subscription.plan.slug

    assert {row["name"] for row in data(run("attributes", "--json"))} >= {"Framed-Route", "Mikrotik-Group"}
    data(run("plan", "attributes", plan, "--set", "Port-Limit := 2", "--json"))
    changed = run(
        *("subscription", "attributes", "budi", "--check", "NAS-Port-Id == ether3"),
        *("--set", "Framed-Route += 10.9.0.0/24 0.0.0.0 1", "--set", "Mikrotik-Group := gold", "--json"),
    )
    assert "Saved" in data(changed)["message"]
    shown = data(run("subscription", "attributes", "budi", "--json"))
    assert [row["attribute"] for row in shown["replies"]] == ["Framed-Route", "Mikrotik-Group"]
    assert shown["checks"] == [{"attribute": "NAS-Port-Id", "op": "==", "value": "ether3"}]
    assert {"attribute": "Port-Limit", "op": "=", "value": "2"} in shown["effective"]["replies"]
    assert "10.9.0.0/24" in run("subscription", "attributes", "budi").output

    refused = run("subscription", "attributes", "budi", "--set", "Framed-IP-Address := 127.0.0.1")
    assert refused.exit_code == 1
    assert "write it like 10.20.0.15" in refused.output
    assert "write it like" in run("subscription", "attributes", "budi", "--set", "Framed-Route").output
    data(run("subscription", "attributes", "budi", "--remove", "framed-route", "--remove", "NAS-Port-Id", "--json"))
    shown = data(run("subscription", "attributes", "budi", "--vendor", "cisco", "--json"))
    assert ([row["attribute"] for row in shown["replies"]], shown["checks"]) == (["Mikrotik-Group"], [])
    assert "Mikrotik-Group" not in {row["attribute"] for row in shown["effective"]["replies"]}


def test_a_router_of_another_maker_is_added_and_changed(db: Session, tenant: Tenant, run: Run) -> None:
    db.commit()
    data(run("nas", "add", "BNG-1", "192.0.2.20", "--type", "huawei", "--json"))
    assert data(run("nas", "show", "BNG-1", "--json"))["type"] == "huawei"

    run("nas", "set-type", "BNG-1", "cisco")

    assert data(run("nas", "show", "BNG-1", "--json"))["type"] == "cisco"
