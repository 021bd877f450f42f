"""Customer and subscription must both be in good standing."""

from domain.access import status_reason
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """The state that blocks, customer first."""
    return status_reason(login.profile)


def sees(login: Login) -> dict[str, object]:
    """Both states."""
    return {"customer": login.profile.customer_status, "subscription": login.profile.subscription_status}
