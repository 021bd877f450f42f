"""How far a subscription is with each of its allowances, for people.

Decides nothing about a login: that is `domain.access`, from the same figures.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.access import AccessProfile, quota_limit, quota_spent
from domain.quota import Quota, period_of

# The periods of an allowance that a bill is about.
BILLED = ("billing_cycle", "monthly")


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One allowance now: bytes or seconds by its kind. `limit` has valid top-ups in it; `resets_at` None is never."""

    quota: Quota
    limit: int
    used: int
    resets_at: datetime | None

    @property
    def left(self) -> int:
        """What may still be used; zero means used up."""
        return max(0, self.limit - self.used)

    @property
    def percent(self) -> int:
        """Used of the limit, at most 100, rounded down."""
        return min(100, self.used * 100 // self.limit)

    @property
    def is_used_up(self) -> bool:
        """Nothing is left."""
        return self.left == 0


def standings(profile: AccessProfile, now: datetime) -> tuple[Standing, ...]:
    """Every allowance of a subscription, its family's included."""
    return tuple(_standing(profile, quota, now) for quota in profile.quotas)


def usage_percentage(found: Iterable[Standing]) -> int | None:
    """How much of the volume of the running billing period is used, 0 to 100; None where no volume limits it.

    Of the allowances that do (own and the family's, by billing or calendar month) the fullest one counts.
    """
    return max((one.percent for one in found if one.quota.kind == "data" and one.quota.period in BILLED), default=None)


def _standing(profile: AccessProfile, quota: Quota, now: datetime) -> Standing:
    period = period_of(quota, now, profile.zone, profile.billing_day)
    return Standing(
        quota=quota,
        limit=quota_limit(profile, quota, now),
        used=quota_spent(profile, quota, now),
        resets_at=None if period is None else period.end,
    )
