"""How plans are said: speeds, volumes, bursts as other systems write them, revenue and the days that are left."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from domain.quota import time_words, used_words, volume_words
from domain.speed import Speed, read_burst, render_rate_limit, speed_words
from domain.term import contract_end, days_left, ends_soon, monthly_price

NOW = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("download", "upload", "said"),
    [(10_000, 10_000, "10Mbps/10Mbps"), (20_000, 512, "20Mbps/512kbps"), (2500, 0, "2.5Mbps/unlimited")],
)
def test_a_speed_is_said_download_first(download: int, upload: int, said: str) -> None:
    assert speed_words(download, upload) == said


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (1_048_576_000 + 5_242_880_000, "6.29 GB"), (0, "0 B"), (999, "999 B"), (1500, "1.50 kB"), (10**6, "1.00 MB"),
        (3 * 10**12, "3.00 TB"),
    ],
)  # fmt: skip
def test_what_passed_is_said_with_two_decimals(used: int, said: str) -> None:
    assert used_words(used) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(16_200, "4h 30m"), (0, "0s"), (59, "59s"), (60, "1m"), (3601, "1h"), (90_061, "1d 1h"), (86_400, "1d")],
)
def test_a_time_is_said_in_its_two_largest_parts(seconds: int, said: str) -> None:
    assert time_words(seconds) == said


@pytest.mark.parametrize(
    ("limit", "said"),
    [(None, "Unlimited"), (500 * 10**9, "500.0 GB"), (1_500_000, "1.5 MB"), (2 * 10**12, "2.0 TB"), (1000, "0.0 MB")],
)
def test_a_volume_is_said_in_its_unit(limit: int | None, said: str) -> None:
    assert volume_words(limit) == said


def test_a_burst_as_other_systems_write_it() -> None:
    burst = read_burst("15M/15M 10M/10M 10/10 5s/5s")

    speed = Speed(download_kbps=10_000, upload_kbps=10_000)
    # The priority 8 is RouterOS's own and may be left out.
    assert render_rate_limit(speed, burst, 8) == "10M/10M 15M/15M 10M/10M 5/5"
    assert render_rate_limit(speed, burst, 7) == "10M/10M 15M/15M 10M/10M 5/5 7"


@pytest.mark.parametrize("text", ["4M/8M 2M/6M 16/16", "4M/8M 2M/6M 16", "4M/8M 2M/6M 16s", "4096K/8192k 2M/6M 8/16"])
def test_a_burst_is_upload_first(text: str) -> None:
    burst = read_burst(text)
    assert (burst.threshold, burst.time_s) == (Speed(download_kbps=6000, upload_kbps=2000), 16)
    assert burst.speed.download_kbps > burst.speed.upload_kbps


@pytest.mark.parametrize("text", ["", "fast", "15M/15M", "15M/15M 10M/10M", "15/15 10/10 5", "0M/0M 5", "9M 9M 9M 5s",
                                  "15M/15M 0s", "15M/15M 700s", "15M/15M 5s/xs", "1M/1M ²", "99999999999M 5s",
                                  "-5M/5M 5s"])  # fmt: skip
def test_what_is_no_burst_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|seconds"):
        read_burst(text)


@pytest.mark.parametrize(
    ("price", "cycle", "subscribers", "revenue"),
    [(1200000, "yearly", 3, 300000), (300000, "quarterly", 2, 200000), (150000, "monthly", 4, 600000),
     (5000, "daily", 2, 300000), (70000, "custom", 1, 300000)],
)  # fmt: skip
def test_what_a_plan_comes_to_in_a_month(price: int, cycle: str, subscribers: int, revenue: int) -> None:
    assert monthly_price(Decimal(price), billing_cycle=cycle, validity_days=7) * subscribers == revenue


@pytest.mark.parametrize(
    ("ahead", "days", "soon"),
    [(None, -1, False), (timedelta(hours=3), 0, True), (timedelta(days=7, hours=5), 7, True),
     (timedelta(days=8), 8, False), (timedelta(0), 0, False), (timedelta(days=-2), -2, False)],
)  # fmt: skip
def test_the_days_that_are_left(ahead: timedelta | None, days: int, soon: bool) -> None:
    end = None if ahead is None else NOW + ahead
    assert (days_left(end, NOW), ends_soon(end, NOW)) == (days, soon)


def test_a_contract_runs_whole_months_from_the_activation() -> None:
    begun = datetime(2026, 1, 30, 20, 0, tzinfo=UTC)
    assert contract_end(begun, 1, JAKARTA) == date(2026, 2, 28)
    assert contract_end(begun, 12, JAKARTA) == date(2027, 1, 31)
    assert contract_end(begun, 0, JAKARTA) is None
    assert contract_end(None, 12, JAKARTA) is None
