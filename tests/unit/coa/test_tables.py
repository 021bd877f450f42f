"""What a router's tables say of a silent session, case by case."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coa.api_reader import Tables
from coa.tables import judged
from db.queries.stale import Check
from domain.stale import ALIVE, GONE
from routeros.rows import HotspotActive, PppActive, row_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OTHER = {"name": "siti", "user": "siti", "address": "100.64.0.9", "session-id": "0x81000009", "uptime": "1h"}


def check(**over: Any) -> Check:
    values = {
        "acctuniqueid": "x", "nas_server_id": 1, "username": "budi", "session_id": "81000001",
        "framed_ip": "100.64.0.7", "started_at": NOW - timedelta(hours=5), "connection_type": "pppoe",
        "framed_protocol": "PPP", "port_type": "Ethernet", "station": "AA:BB:CC:DD:EE:01", "tries": 0,
        "host": "127.0.0.1", "port": 3799, "secret_token": b"",
    }  # fmt: skip
    return Check(**values | over)


def row(**words: str) -> dict[str, str]:
    mine = {"name": "budi", "user": "budi", "address": "100.64.0.7", "session-id": "0x81000001", "uptime": "5h"}
    return mine | {word.replace("_", "-"): value for word, value in words.items()}


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([row()], ALIVE),
        ([OTHER, row()], ALIVE),
        ([row(session_id="")], ALIVE),
        # He is there again, elsewhere: this session is over.
        ([row(session_id="0x81000002", address="100.64.0.8")], GONE),
        # The same address under another number may be a spelling that we do not know.
        ([row(session_id="0x81000002")], None),
        ([OTHER], GONE),
        ([], None),
    ],
)
def test_a_ppp_session_is_looked_for_by_its_number(rows: list[dict[str, str]], answer: str | None) -> None:
    shown = SimpleNamespace(ppp=[row_of(PppActive, one) for one in rows])

    assert judged(cast(Tables, shown), check(), NOW) == answer
    virtual = check(port_type="Virtual", station="203.0.113.9")
    assert judged(cast(Tables, shown), virtual, NOW) == answer


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([row()], ALIVE),
        ([row(uptime="4h55m")], ALIVE),
        ([row(uptime="20m")], GONE),
        ([row(uptime="")], ALIVE),
        ([OTHER], GONE),
        ([], None),
    ],
)
def test_a_hotspot_session_is_looked_for_by_user_address_and_age(
    rows: list[dict[str, str]], answer: str | None
) -> None:
    shown = SimpleNamespace(hotspot=[row_of(HotspotActive, one) for one in rows])
    at_hotspot = check(connection_type="hotspot", framed_protocol=None, port_type="Wireless-802.11")

    assert judged(cast(Tables, shown), at_hotspot, NOW) == answer


@pytest.mark.parametrize("service", ["dhcp", "dot1x", "wireless", ""])
def test_other_services_are_in_neither_table(service: str) -> None:
    shown = SimpleNamespace(ppp=[row_of(PppActive, OTHER)], hotspot=[row_of(HotspotActive, OTHER)])

    assert judged(cast(Tables, shown), check(connection_type=service, framed_protocol=None), NOW) is None
