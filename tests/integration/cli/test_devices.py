"""Devices, places and session limits at a terminal."""

import json
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.business import blacklist
from cli.devices import group, mac
from cli.main import root
from db.models import Subscription, Tenant
from factories import make_nas, make_session, make_subscription, make_tenant
from runtime.settings import Settings

MAC = "AA:BB:CC:00:00:01"
Run = Callable[..., Any]


@pytest.fixture
def call(settings: Settings) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(root, list(arguments))


@pytest.fixture
def run(call: Callable[..., Result]) -> Run:
    """Run a command that must work and read its JSON."""

    def read(*arguments: str) -> Any:
        result = call(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return read


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def subscription(db: Session, tenant: Tenant) -> Subscription:
    subscription = make_subscription(db, tenant=tenant, username="budi")
    make_session(db, subscription, make_nas(db, tenant=tenant, name="RB-1"), callingstationid=MAC)
    db.commit()
    return subscription


@pytest.mark.parametrize("commands", [mac, blacklist, group], ids=lambda commands: commands.name)
def test_every_command_explains_itself(commands: click.Group) -> None:
    for command in commands.commands.values():
        assert command.help
        assert any("--json" in option.opts for option in command.params)


def test_a_device_is_added_blocked_approved_removed_and_all_are_reset(run: Run, subscription: Subscription) -> None:
    def listed() -> list[tuple[str, str]]:
        return [(row["mac"], row["status"]) for row in run("subscription", "mac", "list", "budi")["items"]]

    run("subscription", "mac", "add", "budi", MAC.lower(), "--note", "his router")
    assert listed() == [(MAC, "approved")]
    blocked = run("subscription", "mac", "block", "budi", "aabbcc000001")
    assert len(blocked["session_changes"]) == 1
    run("subscription", "mac", "approve", "budi", MAC)
    run("subscription", "mac", "binding", "budi", "learn")
    assert run("subscription", "mac", "list", "budi")["mac_binding"] == "learn"
    run("subscription", "mac", "remove", "budi", MAC)
    run("subscription", "mac", "add", "budi", MAC)
    run("subscription", "mac", "reset", "budi")
    assert run("subscription", "mac", "waiting") == {"items": []}
    assert listed() == []


def test_a_device_that_is_not_on_the_list_is_named(call: Callable[..., Result], subscription: Subscription) -> None:
    result = call("subscription", "mac", "approve", "budi", "AA:BB:CC:00:00:09")

    assert (result.exit_code, result.output) == (1, "Error: there is no such device on its list\n")


def test_a_device_is_blacklisted_and_let_go(run: Run, subscription: Subscription) -> None:
    added = run("blacklist", "add", "aabb.cc00.0001", "--note", "resells")
    assert len(added["session_changes"]) == 1
    assert [row["mac"] for row in run("blacklist", "list")["items"]] == [MAC]
    assert run("blacklist", "remove", MAC.lower()) == {"removed": MAC}
    assert run("blacklist", "list")["items"] == []


def test_a_subscription_is_bound_to_a_group_of_routers(
    run: Run, call: Callable[..., Result], subscription: Subscription
) -> None:
    run("nas", "group", "add", "Cempaka")
    bound = run("subscription", "bind", "budi", "--group", "Cempaka")
    assert len(bound["session_changes"]) == 1
    run("nas", "group", "put", "RB-1", "Cempaka")
    run("nas", "group", "rename", "Cempaka", "Timur")
    (listed,) = run("nas", "group", "list")["items"]
    assert (listed["name"], listed["routers"], listed["subscriptions"]) == ("Timur", 1, 1)
    assert call("nas", "group", "delete", "Timur").exit_code == 1
    run("subscription", "bind", "budi", "--nas", "RB-1")
    assert run("subscription", "show", "budi")["nas_binding"] == "nas"
    run("subscription", "bind", "budi", "--anywhere")
    run("nas", "group", "put", "RB-1", "none")
    assert call("subscription", "bind", "budi").exit_code == 2


def test_a_plan_says_how_many_devices_and_what_then(
    db: Session, run: Run, call: Callable[..., Result], subscription: Subscription
) -> None:
    run("plan", "sessions", subscription.plan.slug, "--most", "3", "--then", "replace")

    db.refresh(subscription.plan)
    assert (subscription.plan.concurrent_connections, subscription.plan.session_limit_action) == (3, "replace")
    assert call("plan", "sessions", subscription.plan.slug).exit_code == 2
