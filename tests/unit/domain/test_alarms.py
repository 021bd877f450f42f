"""What is an alarm and what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.alarms import SpoolFacts, spool_alarms

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
GB = 10**9
WELL = SpoolFacts(
    node="node1", measured_at=NOW, waiting_bytes=0, oldest_waiting_at=None, written_bytes_per_s=100_000,
    free_bytes=50 * GB, min_free_bytes=GB // 2, is_open=True, synced_at=NOW, sync_errors=0,
)  # fmt: skip


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("over", "wanted"),
    [
        ({}, []),
        ({"synced_at": None}, []),
        ({"oldest_waiting_at": ago(59)}, []),
        ({"oldest_waiting_at": ago(61)}, [("spool_lag", "warning")]),
        ({"oldest_waiting_at": ago(601)}, [("spool_lag", "critical")]),
        ({"free_bytes": GB // 4}, [("spool_closed", "critical")]),
        ({"is_open": False}, [("spool_closed", "critical")]),
        ({"free_bytes": GB}, [("spool_room", "warning")]),
        # Room for five hours at this pace.
        ({"free_bytes": 5 * GB, "written_bytes_per_s": 4_500 * 1_000_000 // (5 * 3600)}, [("spool_room", "warning")]),
        ({"sync_errors": 1}, [("spool_sync", "critical")]),
        ({"synced_at": ago(61)}, [("spool_sync", "critical")]),
        ({"measured_at": ago(91)}, [("collector_silent", "critical")]),
        # What was measured long ago says nothing about now, and a node that was taken away is no alarm.
        ({"measured_at": ago(91), "is_open": False}, [("collector_silent", "critical")]),
        ({"measured_at": ago(8 * 86_400)}, []),
        (
            {"is_open": False, "oldest_waiting_at": ago(700), "sync_errors": 2},
            [("spool_closed", "critical"), ("spool_lag", "critical"), ("spool_sync", "critical")],
        ),
    ],
)
def test_each_trouble_has_its_alarm(over: dict[str, object], wanted: list[tuple[str, str]]) -> None:
    found = spool_alarms(WELL._replace(**over), NOW)  # type: ignore[arg-type]
    assert [(alarm.code, alarm.severity) for alarm in found] == wanted
