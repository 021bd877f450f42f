"""Alarms, spools and metrics over HTTP and from the command line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from cli.main import root
from db.engine import psycopg_of
from db.models import User
from db.queries.health import save_reading
from monitoring.alarms import watch
from tests.integration.panel.test_alarms import reading


def test_alarms_spools_and_metrics_are_told_to_who_may_see_the_network(
    db: Session, admin: User, client_of: Callable[..., FlaskClient]
) -> None:
    now = datetime.now(UTC)
    save_reading(
        psycopg_of(db), reading(measured_at=now, synced_at=now, oldest_waiting_at=now - timedelta(seconds=700))
    )
    watch(psycopg_of(db), now)
    db.commit()
    client = client_of(admin)
    (alarm,) = client.get("/api/v1/alarms").get_json()["items"]
    assert (alarm["code"], alarm["severity"], alarm["cleared_at"]) == ("spool_lag", "critical", None)
    (spool,) = client.get("/api/v1/radius-server/spools").get_json()["items"]
    assert (spool["node"], spool["is_open"]) == ("node1", True)
    answer = client.get("/api/v1/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert 'lintas_alarm{code="spool_lag",subject="node1",severity="critical"} 1' in answer.text

    assert client_of(admin, "view_customers").get("/api/v1/metrics").status_code == 403

    listed = CliRunner().invoke(root, ["alarms", "--json"])
    assert [row["code"] for row in json.loads(listed.output)] == ["spool_lag"]
    assert "lintas_spool_lag_seconds" in CliRunner().invoke(root, ["metrics"]).output
    doctor = CliRunner().invoke(root, ["doctor"]).output
    assert "FAIL  alarm: Accounting of node1 waits" in doctor or "fail  alarm: Accounting of node1 waits" in doctor
