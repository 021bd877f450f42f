"""The harmless question to a router's CoA port, against simulated routers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coa.probe import probe_due
from db.queries.router_evidence import Probe, ask_probe, last_probe
from tests.integration.coa.conftest import Isp


def probed(isp: Isp, nas: Any) -> Probe:
    now = datetime.now(UTC)
    assert ask_probe(isp.connection, nas.id, now=now, not_before=timedelta(0))
    assert probe_due(isp.connection, clock=lambda: datetime.now(UTC)) == 1
    found = last_probe(isp.connection, nas.id)
    assert found is not None
    return found


def test_a_router_that_listens_refuses_it_and_no_session_notices(isp: Isp) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    before = customer.rate

    found = probed(isp, nas)

    assert found.result == "nak"
    assert found.round_trip_ms is not None
    assert customer.rate == before


@pytest.mark.parametrize("over", [{"stored_secret": "another-secret-entirely"}, {"coa_port": 9}])
def test_another_secret_or_a_closed_port_is_silence(isp: Isp, monkeypatch: pytest.MonkeyPatch, over: Any) -> None:
    monkeypatch.setattr("coa.probe.WITHIN_S", 0.5)
    _, nas = isp.router(**over)

    found = probed(isp, nas)

    assert (found.result, found.round_trip_ms) == ("timeout", None)


def test_nothing_is_sent_when_nobody_asked_or_long_ago(isp: Isp) -> None:
    _, nas = isp.router()

    assert probe_due(isp.connection, clock=lambda: datetime.now(UTC)) == 0
    ask_probe(isp.connection, nas.id, now=datetime.now(UTC) - timedelta(minutes=2), not_before=timedelta(0))
    assert probe_due(isp.connection, clock=lambda: datetime.now(UTC)) == 0
