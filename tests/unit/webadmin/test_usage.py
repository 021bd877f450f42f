"""The bar on the customer page, and columns drawn on the server."""

from datetime import UTC, datetime

from domain.fup import FupTier, Usage
from domain.speed import Speed
from webadmin.format import zone_of
from webadmin.panel import charts, usage

GB = 10**9
NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
JAKARTA = zone_of("Asia/Jakarta")


def tier(number: int, gigabytes: int, *, period: str = "billing_cycle", counts: str = "total") -> FupTier:
    return FupTier(
        tier=number,
        threshold_bytes=gigabytes * GB,
        counts=counts,
        reset_period=period,
        reduced=Speed(download_kbps=1000, upload_kbps=1000),
        reduction_percent=None,
    )


def drawn(tiers: tuple[FupTier, ...], download_gb: int, upload_gb: int) -> list[usage.UsageBar]:
    spans = usage.periods(tiers, now=NOW, zone=JAKARTA, billing_day=1)
    used = Usage(download_bytes=download_gb * GB, upload_bytes=upload_gb * GB)
    return usage.bars(tiers, dict.fromkeys(spans, used), spans)


def test_a_bar_marks_every_tier_and_says_what_is_left() -> None:
    (bar,) = drawn((tier(1, 100), tier(2, 200)), 112, 13)
    assert [mark.reached for mark in bar.marks] == [True, False]
    assert bar.left_bytes == 75 * GB
    assert 0 < bar.marks[0].x < bar.download_x + bar.upload_x < bar.marks[1].x < usage.WIDTH


def test_usage_past_the_last_tier_still_fits_the_bar() -> None:
    (bar,) = drawn((tier(1, 100),), 500, 0)
    assert bar.download_x == usage.WIDTH
    assert bar.left_bytes is None


def test_tiers_that_count_differently_get_bars_of_their_own() -> None:
    first, second = drawn((tier(1, 10, period="daily"), tier(2, 100, counts="download")), 5, 5)
    assert (first.period.kind, first.used_bytes) == ("daily", 10 * GB)
    assert (second.period.kind, second.used_bytes) == ("billing_cycle", 5 * GB)


def test_a_plan_without_tiers_shows_the_billing_month() -> None:
    (bar,) = drawn((), 5, 5)
    assert (bar.period.kind, bar.marks) == ("billing_cycle", [])


def test_columns_keep_small_amounts_visible_and_the_tallest_whole() -> None:
    small, tall, none = charts.columns([(1, 0), (600, 400), (0, 0)], ["a", "b", "c"])
    assert small.lower_height == 2
    assert tall.lower_height + tall.upper_height == charts.HEIGHT
    assert none.lower_height == none.upper_height == 0
