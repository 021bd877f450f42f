"""Usage against fair-use tiers as a bar: how long it is, where the marks are, when it starts again."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

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
class UsageBar:
    """One bar: a way of counting in one period. Lengths are of `WIDTH`."""

    counts: str
    period: Period
    used_bytes: int
    full_bytes: int
    download_x: int
    upload_x: int
    marks: list[TierMark]

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


def bars(tiers: tuple[FupTier, ...], usage: dict[str, Usage], spans: dict[str, Period]) -> list[UsageBar]:
    """One bar for every way of counting."""
    return [_bar(kind, counts, tiers, usage[kind], spans[kind]) for kind, counts in measures(tiers)]


def _bar(kind: str, counts: str, tiers: tuple[FupTier, ...], usage: Usage, span: Period) -> UsageBar:
    own = [tier for tier in tiers if (tier.reset_period, tier.counts) == (kind, counts)]
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
    )
