"""The walled garden: what a customer gets who would otherwise be refused, so that he sees why and can pay.

Decides which garden is for which reason; refuses to know how it is said to a router.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.speed import Speed

# Reasons that money or patience can mend. Whoever is refused for anything else (a password, a device) stays outside.
GARDEN_REASONS = (
    "subscription_suspended",
    "subscription_expired",
    "customer_suspended",
    "over_credit_limit",
    "quota_used_up",
    "outside_hours",
)
ANY_REASON = "*"
# Before the fair-use tier in the Class of a session in a garden.
GARDEN_MARK = "g"
GARDEN_MODES = ("tenant", "never")


@dataclass(frozen=True, kw_only=True, slots=True)
class Garden:
    """A restricted place: a list or pool that the router's firewall redirects, at a low speed, for a limited time."""

    address_list: str | None
    ip_pool: str | None
    speed: Speed
    redirect_url: str | None
    session_timeout_s: int


def garden_for(gardens: Mapping[str, Garden], reason: str) -> Garden | None:
    """The garden for a refusal, or None when it stays a refusal."""
    if reason not in GARDEN_REASONS:
        return None
    return gardens.get(reason) or gardens.get(ANY_REASON)
