"""What became of accounting packets over HTTP and on the command line; records put aside are tried again or let go."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.accounting import accounting
from cli.main import root
from db.models import AuditLog, QuarantinedRecord, RecordOutcome, SessionCorrection, Tenant, User
from domain.integrity import Grade
from domain.sessions import MISSED
from factories import make_nas, make_session, make_subscription, make_tenant

STRANGER = "203.0.113.9"
LINE = (
    b'1790000000.000123 203.0.113.9 {"Acct-Session-Id": "81000001", "Acct-Status-Type": "Start", "User-Name": "budi"}'
)


def put_aside(db: Session, **over: Any) -> QuarantinedRecord:
    values = {"node": "node1", "stream": "acct", "file": "f", "offset_bytes": 0, "reason": "unknown_nas", "raw": LINE}
    row = QuarantinedRecord(**values | {"source": STRANGER} | over)
    db.add(row)
    db.flush()
    return row


@pytest.fixture
def client(client_of: Callable[..., FlaskClient], admin: User) -> FlaskClient:
    return client_of(admin)


def test_the_counts_add_up_to_what_was_received(db: Session, client: FlaskClient) -> None:
    today = datetime.now(UTC).date()
    for day, outcome, reason, number in (
        (today, "stored", "", 90),
        (today, "merged", "repeat", 7),
        (today, "quarantined", "refused: CheckViolation", 3),
        (today - timedelta(days=60), "stored", "", 1000),
        # Counted when it was tried again: nothing of it is left here.
        (today, "quarantined", "unknown_nas", 0),
    ):
        db.add(RecordOutcome(node="node1", day=day, outcome=outcome, reason=reason, records=number))
    db.commit()
    told = client.get("/api/v1/accounting/records?days=30").get_json()
    assert (told["received"], told["stored"], told["merged"], told["quarantined"]) == (100, 90, 7, 3)
    assert [(item["reason"], item["records"]) for item in told["items"]] == [
        ("", 90), ("repeat", 7), ("refused: CheckViolation", 3)
    ]  # fmt: skip
    assert all(item["words"] for item in told["items"])
    assert client.get("/api/v1/accounting/records").get_json()["received"] == 1100
    assert 'lintas_accounting_packets{outcome="merged",reason="repeat"} 7' in client.get("/api/v1/metrics").text


def test_a_record_is_listed_with_what_is_wrong_and_asked_for_again(
    db: Session, client: FlaskClient, tenant: Tenant
) -> None:
    kept = put_aside(db)
    put_aside(db, reason="not_json", raw=b"\xff\x00 broken", source=None)
    db.commit()
    (_, told) = client.get("/api/v1/accounting/quarantine?sort=-created_at").get_json()["items"]
    assert (told["reason"], told["source"], told["username"]) == ("unknown_nas", STRANGER, "budi")
    assert "Add the router" in told["explanation"]
    assert (told["acct_session_id"], told["status_type"], told["state"]) == ("81000001", "Start", "waiting")
    (broken,) = client.get("/api/v1/accounting/quarantine?reason=not_json").get_json()["items"]
    assert broken["raw"] == "\\xff\\x00 broken"
    assert client.get(f"/api/v1/accounting/quarantine/{kept.id}").get_json()["id"] == kept.id
    assert client.get("/api/v1/accounting/quarantine/999999").status_code == 404

    answer = client.post("/api/v1/accounting/quarantine/replay", json={"source": STRANGER})
    assert (answer.status_code, answer.get_json()) == (200, {"records": 1})
    db.refresh(kept)
    assert (kept.state, kept.settled_at) == ("replay", None)
    log = db.scalars(select(AuditLog).where(AuditLog.action == "records.replayed")).one()
    assert log.new_values == {"records": 1, "source": STRANGER}
    assert client.post("/api/v1/accounting/quarantine/replay", json={"source": STRANGER}).status_code == 409


def test_a_record_is_let_go_of_with_a_name_to_it(db: Session, client: FlaskClient) -> None:
    kept, other = put_aside(db), put_aside(db)
    db.commit()
    answer = client.post("/api/v1/accounting/quarantine/dismiss", json={"ids": [kept.id]})
    assert answer.get_json() == {"records": 1}
    db.refresh(kept)
    db.refresh(other)
    assert (kept.state, other.state) == ("dismissed", "waiting")
    assert kept.settled_by
    assert kept.settled_at is not None


def test_which_records_must_be_said(client: FlaskClient) -> None:
    answer = client.post("/api/v1/accounting/quarantine/dismiss", json={})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "ids"
    assert client.post("/api/v1/accounting/quarantine/replay", json={"source": "x"}).status_code == 422


def test_who_only_looks_settles_nothing(db: Session, client_of: Callable[..., FlaskClient], admin: User) -> None:
    put_aside(db)
    db.commit()
    client = client_of(admin, "view_nas")
    assert len(client.get("/api/v1/accounting/quarantine").get_json()["items"]) == 1
    assert client.post("/api/v1/accounting/quarantine/replay", json={"source": STRANGER}).status_code == 403
    assert client.get("/api/v1/accounting/records").status_code == 403


def test_another_providers_records_are_not_there(
    db: Session, tenant: Tenant, client: FlaskClient, client_of: Callable[..., FlaskClient]
) -> None:
    stranger = make_tenant(db)
    put_aside(db, tenant_id=stranger.id, source="198.51.100.1")
    db.commit()
    assert client.get("/api/v1/accounting/quarantine").get_json()["items"] == []
    answer = client.post("/api/v1/accounting/quarantine/replay", json={"source": "198.51.100.1"})
    assert answer.status_code == 409


def test_a_session_says_how_far_its_figures_may_be_trusted(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    nas, subscription = make_nas(db, tenant=tenant), make_subscription(db, tenant=tenant)
    fine = make_session(db, subscription, nas)
    torn = make_session(db, subscription, nas, integrity_marks=MISSED)
    db.commit()
    told = {row["id"]: row for row in client.get("/api/v1/sessions").get_json()["items"]}
    assert told[fine.acctuniqueid]["grade"] == "running"
    assert told[torn.acctuniqueid]["grade"] == "gap"
    assert "spread evenly" in told[torn.acctuniqueid]["grade_words"]
    document = json.dumps(client.get("/api/v1/openapi.json").get_json()["components"]["schemas"]["SessionOut"])
    assert all(grade.value in document for grade in Grade)


def test_corrections_are_listed_by_subscription(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    now = datetime.now(UTC)
    for subscription_id, tenant_id in ((7, tenant.id), (8, tenant.id), (7, make_tenant(db).id)):
        db.add(
            SessionCorrection(
                acctuniqueid="0" * 32, tenant_id=tenant_id, subscription_id=subscription_id, nas_server_id=1,
                download_bytes=30, upload_bytes=0, seconds=60, old_stopped_at=now, old_cause="Lost",
            )
        )  # fmt: skip
    db.commit()
    (told,) = client.get("/api/v1/accounting/corrections?subscription_id=7").get_json()["items"]
    assert (told["download_bytes"], told["old_cause"], told["new_stopped_at"]) == (30, "Lost", None)


class TestCommand:
    """`lintas accounting`."""

    def run(self, *arguments: str) -> Any:
        result = CliRunner().invoke(root, ["accounting", *arguments, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    def test_every_command_explains_itself(self) -> None:
        for command in accounting.commands.values():
            assert command.help
            assert any("--json" in option.opts for option in command.params)

    def test_it_counts_lists_shows_and_settles(self, db: Session, tenant: Tenant, client: FlaskClient) -> None:
        db.add(RecordOutcome(node="n", day=datetime.now(UTC).date(), outcome="stored", reason="", records=5))
        kept, other = put_aside(db), put_aside(db, reason="torn_line", source=None, raw=b"x")
        db.commit()
        assert self.run("records")["received"] == 5
        assert "5 received: 5 stored" in CliRunner().invoke(root, ["accounting", "records"]).output
        assert {row["id"] for row in self.run("quarantine")["items"]} == {kept.id, other.id}
        assert self.run("show", str(kept.id))["username"] == "budi"
        assert self.run("replay", "--source", STRANGER) == {"records": 1}
        assert self.run("dismiss", str(other.id)) == {"records": 1}
        assert self.run("quarantine", "--state", "dismissed")["total_items"] == 1
        assert self.run("corrections")["items"] == []
        refused = CliRunner().invoke(root, ["accounting", "dismiss"])
        assert refused.exit_code == 1
        assert "which records are meant" in refused.output


def test_how_long_silence_lasts_is_set_and_put_back(
    client_of: Callable[..., FlaskClient], admin: User, db: Session
) -> None:
    client, path = client_of(admin), "/api/v1/accounting/silent-sessions"

    before: Any = client.get(path).json
    changed: Any = client.patch(path, json={"unknown_after_hours": 6}).json
    cli = CliRunner().invoke(root, ["--json", "accounting", "silent"]).output
    refused = [client.patch(path, json={"unknown_after_hours": hours}).status_code for hours in (0, 721, "6", 1.5)]
    again: Any = json.loads(CliRunner().invoke(root, ["--json", "accounting", "silent", "default"]).output)

    assert (before["unknown_after_hours"], before["is_default"]) == (24, True)
    assert before["asked"] == {"asking": 0, "alive": 0, "unanswered": 0}
    assert (changed["unknown_after_hours"], changed["is_default"], changed["default_hours"]) == (6, False, 24)
    assert json.loads(cli)["unknown_after_hours"] == 6
    assert refused == [422] * 4
    assert (again["unknown_after_hours"], again["is_default"]) == (24, True)
    audited = db.scalars(select(AuditLog).where(AuditLog.action == "stale_sessions.changed").order_by(AuditLog.id))
    assert [row.new_values for row in audited] == [{"unknown_after_hours": 6}, {"unknown_after_hours": None}]
    assert "is a number up to 720" in CliRunner().invoke(root, ["accounting", "silent", "soon"]).output
    assert "no number of hours" in CliRunner().invoke(root, ["accounting", "silent", "0"]).output
    assert client_of(admin, "view_nas").patch(path, json={"unknown_after_hours": 6}).status_code == 403
