"""A moment as people write one."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bss.moments import read_moment

ZONE = ZoneInfo("Asia/Jakarta")
# 19:00 in Jakarta.
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("22:00", datetime(2026, 11, 1, 15, 0, tzinfo=UTC)),
        (" 19:00 ", NOW),
        ("6:30", datetime(2026, 11, 1, 23, 30, tzinfo=UTC)),
        ("2026-11-30 22:00", datetime(2026, 11, 30, 15, 0, tzinfo=UTC)),
        ("2026-11-30T22:00:00+00:00", datetime(2026, 11, 30, 22, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_next_one_and_a_date_is_in_the_providers_zone(text: str, moment: datetime) -> None:
    assert read_moment(text, now=NOW, zone=ZONE) == moment


@pytest.mark.parametrize("text", ["", "soon", "25:00", "22:60", "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_moment(text, now=NOW, zone=ZONE)
