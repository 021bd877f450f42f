"""A customer who owes more than he may is refused, even before a job has suspended him."""

from domain.access import credit_reason
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """Refused while the balance lies below the credit limit."""
    return credit_reason(login.profile)


def sees(login: Login) -> dict[str, object]:
    """Whether the limit is passed."""
    return {"is_over_credit": login.profile.is_over_credit}
