"""Usage against fair-use tiers as a bar: how long it is, where the marks are, when the next one is reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from domain.forecast import Forecast, forecast
from domain.fup import FupTier, Usage
from domain.period import Period, period_at

WIDTH = 1000
# Room to the right of the last mark, so that usage past it can still be seen to grow.
ROOM = 1.15


@dataclass(frozen=True, kw_only=True)
class TierMark:
    """One tier on the bar."""

    tier: FupTier
    x: int
    reached: bool


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The provider's local day, and how much of it is left."""

    today: date
    seconds_left: int


@dataclass(frozen=True, kw_only=True)
class UsageBar:
    """One bar: a way of counting in one period. Lengths are of `WIDTH`; `ahead` is about the next mark, if there is one
    and enough is known.
    """

    counts: str
    period: Period
    used_bytes: int
    full_bytes: int
    download_x: int
    upload_x: int
    marks: list[TierMark]
    ahead: Forecast | None = None

    @property
    def next_mark(self) -> TierMark | None:
        """The first tier that is still ahead."""
        return next((mark for mark in self.marks if not mark.reached), None)

    @property
    def left_bytes(self) -> int | None:
        """Bytes until the next tier, None when all are reached."""
        return None if self.next_mark is None else self.next_mark.tier.threshold_bytes - self.used_bytes


def measures(tiers: tuple[FupTier, ...]) -> list[tuple[str, str]]:
    """The different ways of counting among the tiers, in order of the tiers; the billing month when there is none."""
    return list(dict.fromkeys((tier.reset_period, tier.counts) for tier in tiers)) or [("billing_cycle", "total")]


def periods(tiers: tuple[FupTier, ...], *, now: datetime, zone: tzinfo, billing_day: int) -> dict[str, Period]:
    """The present period of every kind that the tiers look at."""
    return {kind: period_at(kind, now, zone, billing_day) for kind, _ in measures(tiers)}


def bars(
    tiers: tuple[FupTier, ...],
    usage: dict[str, Usage],
    spans: dict[str, Period],
    *,
    by_day: Mapping[date, Usage] | None = None,
    clock: Clock | None = None,
) -> list[UsageBar]:
    """One bar for every way of counting; with the last weeks' usage by day also what is to be expected."""
    drawn = []
    for kind, counts in measures(tiers):
        own = [tier for tier in tiers if (tier.reset_period, tier.counts) == (kind, counts)]
        ahead = None if clock is None else _ahead(own, counts, usage[kind], spans[kind], by_day or {}, clock)
        drawn.append(_bar(counts, own, usage[kind], spans[kind], ahead))
    return drawn


def _ahead(
    own: list[FupTier], counts: str, usage: Usage, span: Period, by_day: Mapping[date, Usage], clock: Clock
) -> Forecast | None:
    """When the next tier of this way of counting is reached; None when all are, or too little is known."""
    used = usage.counted(counts)
    next_bytes = min((tier.threshold_bytes for tier in own if tier.threshold_bytes > used), default=None)
    if next_bytes is None:
        return None
    return forecast(
        {day: one.counted(counts) for day, one in by_day.items()},
        used_bytes=used,
        limit_bytes=next_bytes,
        today=clock.today,
        seconds_left=clock.seconds_left,
        after_day=span.after_day,
    )


def _bar(counts: str, own: list[FupTier], usage: Usage, span: Period, ahead: Forecast | None) -> UsageBar:
    used = usage.counted(counts)
    full = max([used, *(int(tier.threshold_bytes * ROOM) for tier in own), 1])
    download = 0 if counts == "upload" else usage.download_bytes
    upload = 0 if counts == "download" else usage.upload_bytes
    return UsageBar(
        counts=counts,
        period=span,
        used_bytes=used,
        full_bytes=full,
        download_x=WIDTH * download // full,
        upload_x=WIDTH * upload // full,
        marks=[
            TierMark(tier=tier, x=WIDTH * tier.threshold_bytes // full, reached=used >= tier.threshold_bytes)
            for tier in sorted(own, key=lambda tier: tier.threshold_bytes)
        ],
        ahead=ahead,
    )
