"""Which fair-use tier some usage has reached."""

from hypothesis import given
from hypothesis import strategies as st

from domain.fup import FupTier, Usage, tier_reached


def tier(number: int, threshold: int, *, counts: str = "total", period: str = "monthly") -> FupTier:
    return FupTier(
        tier=number,
        threshold_bytes=threshold,
        counts=counts,
        reset_period=period,
        reduced=None,
        reduction_percent=50,
    )


def used(download: int, upload: int = 0) -> Usage:
    return Usage(download_bytes=download, upload_bytes=upload)


def test_reaching_the_threshold_is_crossing_it() -> None:
    tiers = (tier(1, 100),)
    assert tier_reached(tiers, {"monthly": used(99)}) is None
    assert tier_reached(tiers, {"monthly": used(100)}) == tiers[0]


def test_each_tier_looks_at_its_own_period_and_direction() -> None:
    tiers = (tier(1, 100, period="daily"), tier(2, 100, counts="upload"))
    assert tier_reached(tiers, {"daily": used(0), "monthly": used(500, 99)}) is None
    assert tier_reached(tiers, {"daily": used(100), "monthly": used(500, 99)}) == tiers[0]
    assert tier_reached(tiers, {"daily": used(0), "monthly": used(0, 100)}) == tiers[1]


@given(thresholds=st.lists(st.integers(1, 1000), min_size=1, max_size=5), usage=st.integers(0, 1200))
def test_the_highest_reached_tier_wins_and_more_usage_never_lowers_it(thresholds: list[int], usage: int) -> None:
    tiers = tuple(tier(number, threshold) for number, threshold in enumerate(thresholds, 1))
    reached = tier_reached(tiers, {"monthly": used(usage)})
    expected = max((item.tier for item in tiers if item.threshold_bytes <= usage), default=None)
    assert (None if reached is None else reached.tier) == expected
    more = tier_reached(tiers, {"monthly": used(usage + 1)})
    assert reached is None or (more is not None and more.tier >= reached.tier)
