"""Every rule has a name, every value that a rule sees has one, and each is written as what it is."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bss.receipt_words import RULES, VALUES, rule_label, said_value
from profiles import GOOD_STANDING, NOW
from radius.policies import REFUSALS
from radius.policies.types import Login

ZONE = ZoneInfo("Asia/Jakarta")


def test_every_rule_and_what_it_sees_has_words() -> None:
    login = Login(profile=GOOD_STANDING, service="pppoe", now=NOW)

    assert {rule.name for rule in REFUSALS} <= set(RULES)
    assert {name for rule in REFUSALS for name in rule.sees(login)} <= set(VALUES)
    assert rule_label("of_tomorrow") == "of tomorrow"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cut_off_at", datetime(2026, 11, 1, 17, 0, tzinfo=UTC), "2026-11-02 00:00:00"),
        ("cut_off_at", "2026-11-01T17:00:00+00:00", "2026-11-02 00:00:00"),
        ("cut_off_at", None, "none"),
        ("is_blacklisted", False, "no"),
        ("wait_s", 90.0, "0:01:30"),
        ("monthly data left", 1_500_000_000, "1.50 GB"),
        ("family daily time left", 3600, "1:00:00"),
        ("grace_days", 7, "7"),
        ("sent", "text", "text"),
    ],
)
def test_a_value_is_written_as_what_it_is(name: str, value: Any, said: str) -> None:
    assert said_value(name, value, ZONE) == said
