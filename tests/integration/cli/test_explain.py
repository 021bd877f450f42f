"""`lintas explain` and `lintas replay` at a terminal, for people and for programs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.main import root
from db.models import AccessLog, DecisionReceipt, Subscription
from factories import make_nas, make_plan, make_subscription, make_tenant
from profiles import GOOD_STANDING
from radius.compiled import compile_profile
from radius.receipts import receipt_of
from runtime.settings import Settings

NOW = datetime.now(UTC)
Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(root, list(arguments))

    return call


@pytest.fixture
def budi(db: Session, keys_file: object) -> Subscription:
    tenant = make_tenant(db)
    make_nas(db, tenant=tenant, name="RB-1")
    row = make_subscription(db, tenant=tenant, plan=make_plan(db, tenant=tenant), username="budi")
    row.expires_at = NOW + timedelta(days=1)
    db.commit()
    return row


def test_explain_says_every_rule_and_the_reply(run: Run, budi: Subscription) -> None:
    shown = run("explain", "budi", "--mac", "aabbccddeeff", "--nas", "RB-1")

    assert shown.exit_code == 0, shown.output
    assert "budi over pppoe from AA:BB:CC:DD:EE:FF through RB-1" in shown.output
    assert "ok  Customer and subscription: customer active, subscription active" in shown.output
    assert "=> let in: accepted" in shown.output
    assert "Mikrotik-Rate-Limit = 5M/10M" in shown.output


def test_explain_at_a_later_moment_in_json(run: Run, budi: Subscription) -> None:
    late = (NOW + timedelta(days=30)).isoformat()

    shown = run("explain", "budi", "--at", late, "--json")

    data = json.loads(shown.output)
    assert (data["result"], data["reason"]) == ("reject", "subscription_expired")
    assert data["rules"][-1]["rule"] == "expiry"
    assert data["attributes"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "there is no such subscription"),
        (("budi", "--at", "soon"), "write it like 22:00"),
        (("budi", "--nas", "RB-9"), "there is no such router"),
        (("budi", "--mac", "x"), "is no MAC address"),
    ],
)
def test_explain_says_what_it_cannot_answer(
    run: Run, budi: Subscription, arguments: tuple[str, ...], said: str
) -> None:
    shown = run("explain", *arguments)

    assert shown.exit_code != 0
    assert said in shown.output


def a_decision(budi: Subscription, number: int, **over: Any) -> AccessLog:
    values = {
        "decided_at": NOW - timedelta(minutes=10), "tenant_id": budi.tenant_id, "subscription_id": budi.id,
        "nas_server_id": 1, "username": "budi", "callingstationid": None, "service": "pppoe", "result": "accept",
        "reason": "accepted", "decision_id": f"d{number}", "receipt_id": "r1",
    }  # fmt: skip
    return AccessLog(**values | over)


def test_replay_counts_what_is_the_same_what_is_not_and_what_cannot_be_made_again(
    db: Session, run: Run, budi: Subscription
) -> None:
    body = json.loads(receipt_of(compile_profile(GOOD_STANDING, "pppoe", NOW - timedelta(minutes=20), bytes.decode)))
    db.add(DecisionReceipt(id="r1", tenant_id=budi.tenant_id, body=body, last_used_on=NOW.date()))
    db.add_all(
        [
            a_decision(budi, 1),
            a_decision(budi, 2, result="reject", reason="outside_hours"),
            a_decision(budi, 3, result="reject", reason="unknown_user", receipt_id=None),
            a_decision(budi, 4, decided_at=NOW - timedelta(days=3)),
        ]
    )
    db.commit()
    period = ("--from", (NOW - timedelta(hours=1)).isoformat(), "--to", NOW.isoformat())

    lines = run("replay", *period).output.splitlines()
    data = json.loads(run("replay", *period, "--json").output)

    assert lines[0] == "3 decisions: 1 the same, 1 different"
    assert "  outside_hours -> accepted: 1" in lines
    assert (data["decisions"], data["same"], data["different"]) == (3, 1, 1)
    assert data["not_made_again"] == {"unknown_user": 1}
    assert data["differences"] == [{"was": "outside_hours", "would_be": "accepted", "count": 1}]
    assert data["examples"][0]["username"] == "budi"
