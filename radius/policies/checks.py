"""Conditions that an operator wrote by hand (radcheck), held against what the router asked."""

from domain.checks import failed_check
from domain.hiding import shown
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """Refused when one of them is not met."""
    checks = login.profile.checks
    return "check_failed" if checks and failed_check(checks, login.request) is not None else None


def sees(login: Login) -> dict[str, object]:
    """The first condition that is not met and what the router sent for it, or how many there are."""
    failed = failed_check(login.profile.checks, login.request)
    if failed is None:
        return {"conditions": len(login.profile.checks)}
    attribute, op, value = failed
    return {"condition": f"{attribute} {op} {shown(attribute, value)}", "sent": login.request.get(attribute)}
