"""Fair use: which tier a subscription is in, and what speed that leaves.

Decides from totals of a period that somebody else counted; refuses to know sessions or routers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.speed import Speed

COUNTS = ("total", "download", "upload")
RESET_PERIODS = ("daily", "weekly", "monthly", "billing_cycle")


@dataclass(frozen=True, kw_only=True, slots=True)
class FupTier:
    """Past `threshold_bytes` in `reset_period`, the speed falls to `reduced` or by `reduction_percent`."""

    tier: int
    threshold_bytes: int
    counts: str
    reset_period: str
    reduced: Speed | None
    reduction_percent: int | None

    def apply(self, full: Speed) -> Speed:
        """The speed of a subscription in this tier whose full speed is `full`; never above it."""
        if self.reduced is not None:
            return full.at_most(self.reduced)
        return full.reduced_by(self.reduction_percent or 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Bytes of one subscription in one period, from the customer's side."""

    download_bytes: int
    upload_bytes: int

    def counted(self, counts: str) -> int:
        """The bytes a tier looks at: both directions, or one."""
        if counts == "download":
            return self.download_bytes
        if counts == "upload":
            return self.upload_bytes
        return self.download_bytes + self.upload_bytes


def raised(tiers: tuple[FupTier, ...], bonus_bytes: int) -> tuple[FupTier, ...]:
    """The tiers of somebody who was given so many bytes on top: each begins that much later."""
    if not bonus_bytes:
        return tiers
    return tuple(replace(tier, threshold_bytes=tier.threshold_bytes + bonus_bytes) for tier in tiers)


def tier_reached(tiers: tuple[FupTier, ...], usage_by_period: Mapping[str, Usage]) -> FupTier | None:
    """The highest tier whose threshold its period's usage has reached (reaching counts as crossing), or None."""
    reached = [
        tier
        for tier in tiers
        if tier.reset_period in usage_by_period
        and usage_by_period[tier.reset_period].counted(tier.counts) >= tier.threshold_bytes
    ]
    return max(reached, key=lambda tier: tier.tier, default=None)


def find_tier(tiers: tuple[FupTier, ...], number: int) -> FupTier | None:
    """The tier with that number, or None: a state may outlive the tier it names when a plan is edited."""
    return next((tier for tier in tiers if tier.tier == number), None)
