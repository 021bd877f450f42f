"""A voucher works from its first login for as long as it was sold for, and not at all once it is over."""

from domain.voucher import refusal
from radius.policies.types import Grant, Login


def refuse(login: Login) -> str | None:
    """Refused when it is disabled, used up, or was not used in time."""
    voucher = login.profile.voucher
    return None if voucher is None else refusal(voucher, login.now)


def grant(login: Login, grant: Grant) -> None:
    """The session ends with the voucher. An unused one begins with this login, so its whole validity is left."""
    voucher = login.profile.voucher
    if voucher is None:
        return
    if voucher.valid_until is not None:
        grant.ends_at = voucher.valid_until if grant.ends_at is None else min(grant.ends_at, voucher.valid_until)
    elif voucher.validity_s is not None:
        limit_s = grant.session_timeout_s
        grant.session_timeout_s = voucher.validity_s if limit_s is None else min(limit_s, voucher.validity_s)


def sees(login: Login) -> dict[str, object]:
    """Its state and the times that bound it; nothing for a login that is no voucher's."""
    voucher = login.profile.voucher
    if voucher is None:
        return {}
    return {
        "state": voucher.state,
        "validity_s": voucher.validity_s,
        "sell_until": voucher.sell_until,
        "valid_until": voucher.valid_until,
    }
