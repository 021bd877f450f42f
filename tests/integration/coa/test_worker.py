"""From commit and nudge to the router's yes, through Redis and a real Celery worker; and the command line."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import quantiles
from typing import Any

import pytest
from click.testing import CliRunner

from cli.coa import coa
from factories import make_subscription, make_tenant
from runtime.settings import Settings
from runtime.tasks import nudge_coa

CHANGES = 50


@pytest.fixture
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "-A", "runtime.tasks", "worker", "-Q", "coa", "-c", "2", "-l", "WARNING"]
    process = subprocess.Popen([*command, "--without-gossip", "--without-mingle"], env=os.environ.copy())
    yield process
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def wait_for(isp: Any, change_id: int, *, seconds: float) -> float:
    began = time.monotonic()
    while isp.change(change_id).status in {"pending", "sending"}:
        assert time.monotonic() - began < seconds, isp.change(change_id)
        time.sleep(0.002)
    return (time.monotonic() - began) * 1000


def test_a_change_is_acknowledged_within_a_second_of_its_commit(isp: Any, worker: Any, record_property: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (first,) = isp.ask(customer)
    nudge_coa()
    wait_for(isp, first, seconds=30)
    assert worker.poll() is None, "the worker ended; its reason is above"
    seen_ms, acknowledged_ms = [], []
    for _ in range(CHANGES):
        (change_id,) = isp.ask(customer)
        began = time.monotonic()
        assert nudge_coa()
        wait_for(isp, change_id, seconds=10)
        seen_ms.append((time.monotonic() - began) * 1000)
        acknowledged_ms.append(isp.change(change_id).latency_ms)
    assert quantiles(seen_ms, n=20)[18] < 1000
    assert quantiles(acknowledged_ms, n=20)[18] < 1000


def test_a_command_line_change_goes_through_the_outbox(isp: Any, settings: Settings) -> None:
    customer = isp.online(*isp.router())
    name = customer.row.username
    run = CliRunner().invoke
    asked = run(coa, ["send", "--user", name, "--rate", "20M/512k", "--wait", "0", "--json"])
    (change,) = json.loads(asked.output)
    assert (change["status"], change["attributes"]) == ("pending", {"Mikrotik-Rate-Limit": "512k/20M"})
    assert change["requested_by"].startswith("command line: ")
    drained = json.loads(run(coa, ["drain", "--json"]).output)
    assert (drained["ack"], customer.rate) == (1, "512k/20M")
    (listed,) = json.loads(run(coa, ["list", "--status", "acknowledged", "--json"]).output)
    assert (listed["id"], listed["result"]) == (change["id"], "acknowledged by the router, not read back")
    assert json.loads(run(coa, ["report", "--json"]).output)["acks"] == 1
    assert name in run(coa, ["list"]).output
    assert json.loads(run(coa, ["list", "--status", "applied", "--json"]).output) == []
    isp.connection.execute("UPDATE session_changes SET proof = 'applied'")
    assert len(json.loads(run(coa, ["list", "--status", "applied", "--json"]).output)) == 1
    assert "'ack' is not one of" in run(coa, ["list", "--status", "ack"]).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--user", "nobody", "--disconnect"], "nobody has no running session"),
        (["--user", "nobody"], "either --disconnect or --rate"),
        (["--user", "nobody", "--disconnect", "--rate", "1M/1M"], "either --disconnect or --rate"),
        (["--user", "nobody", "--rate", "fast"], "20M/5M"),
        (["--user", "nobody", "--rate", "0k/5M"], "no limit"),
        (["--user", "nobody", "--rate", "999999999M/1M"], "out of range"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(isp: Any, settings: Settings, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(coa, ["send", *arguments])
    assert result.exit_code != 0
    assert says in result.output


def test_a_name_of_two_providers_needs_the_provider(isp: Any, settings: Settings) -> None:
    simulated, nas = isp.router()
    for slug in ("first", "second"):
        tenant = make_tenant(isp.db, slug=slug)
        subscription = make_subscription(isp.db, tenant_id=tenant.id, username="budi")
        isp.online(simulated, nas, subscription=subscription)
    run = CliRunner().invoke
    assert "--tenant" in run(coa, ["send", "--user", "budi", "--disconnect", "--wait", "0"]).output
    asked = run(coa, ["send", "--user", "budi", "--tenant", "second", "--disconnect", "--wait", "0", "--json"])
    assert len(json.loads(asked.output)) == 1
