"""From commit and nudge to the router's yes, through Redis and a real Celery worker; and the command line."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

import pytest
from click.testing import CliRunner

from bss import bulk_changes
from bss.actor import Actor
from cli.coa import coa
from factories import make_subscription, make_tenant
from runtime.settings import Settings
from runtime.tasks import app, nudge_coa

CHANGES = 50


@pytest.fixture
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "-A", "runtime.tasks", "worker", "-Q", "coa,default", "-c", "2"]
    process = subprocess.Popen([*command, "-l", "WARNING", "--without-gossip", "--without-mingle"], env={**os.environ})
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


def test_a_change_to_many_is_stopped_in_the_middle(isp: Any, worker: Any) -> None:
    """Nothing leaves after the stop but what was on its way, and every session that was asked is counted once."""
    simulated, nas = isp.router(coa_per_second=40)
    dead, dead_nas = isp.router()
    dead.coa_behaviour.drop = True
    customers = [isp.online(simulated, nas) for _ in range(300)]
    unlucky = [isp.online(dead, dead_nas) for _ in range(10)]
    actor = Actor.system(tenant_id=nas.tenant_id, name="Dewi")
    made = bulk_changes.start(isp.db, actor=actor, now=datetime.now(UTC), kind="disconnect", search="user")
    isp.db.commit()
    app.send_task("bss.bulk-changes", queue="default")
    simulated.wait_for_coa(40, timeout_seconds=30)

    bulk_changes.stop(isp.db, actor=actor, now=datetime.now(UTC), bulk_id=made.id)
    isp.db.commit()
    came_before = len(simulated.coa_records)
    clicked = isp.ask(customers[-1], kind="disconnect")
    nudge_coa()
    wait_for(isp, clicked[0], seconds=10)
    assert isp.change(clicked[0]).status == "ack", "what somebody clicks goes on"
    wait_until_nothing_waits(isp, seconds=20)
    came_after = len(simulated.coa_records)
    time.sleep(1.5)
    assert len(simulated.coa_records) == came_after, "it is stopped"
    assert came_after - came_before < 100, "only what was on its way"

    report = bulk_changes.report(isp.db, made)
    assert made.state == "stopped"
    assert (report.asked, report.waiting) == (len(customers) + len(unlucky), 0)
    assert report.done + report.failed + report.unknown + report.gone + report.taken_back == report.asked
    assert report.taken_back > 100
    ended = sum(not customer.router.is_open for customer in customers[:-1])
    assert report.done == ended
    assert 0 < ended < len(customers) - 100
    assert all(customer.router.is_open for customer in unlucky)
    dead.coa_behaviour.drop = False
    isp.drain(clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    assert all(customer.router.is_open for customer in unlucky), "what met silence is not tried again"


def test_what_met_silence_while_many_were_held_waits_with_them(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    simulated.coa_behaviour.drop = True
    customer = isp.online(simulated, nas)
    actor = Actor.system(tenant_id=nas.tenant_id, name="Dewi")
    made = bulk_changes.start(isp.db, actor=actor, now=datetime.now(UTC), kind="disconnect", nas_server_id=nas.id)
    bulk_changes.step(isp.db, now=datetime.now(UTC), bulk_id=made.id)
    isp.db.commit()
    sending = threading.Thread(target=isp.drain)
    sending.start()
    simulated.wait_for_coa(1, timeout_seconds=10)
    bulk_changes.pause(isp.db, actor=actor, now=datetime.now(UTC), bulk_id=made.id)
    isp.db.commit()
    sending.join()
    simulated.coa_behaviour.drop = False

    isp.drain(clock=lambda: datetime.now(UTC) + timedelta(minutes=5))
    assert customer.router.is_open
    bulk_changes.resume(isp.db, actor=actor, now=datetime.now(UTC), bulk_id=made.id)
    isp.db.commit()
    isp.drain()
    assert not customer.router.is_open


def wait_until_nothing_waits(isp: Any, *, seconds: float) -> None:
    began = time.monotonic()
    while {view.status for view in isp.latest()} & {"pending", "sending"}:
        assert time.monotonic() - began < seconds
        time.sleep(0.05)


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
