"""The login policy: the ordered rules, each a small module over pure code in `domain`.

A rule may refuse (it returns a reason of `domain.access.REASONS`) or grant (it fills in part of the reply). All
refusals come before all grants; the first refusal is the answer. A rule that looks at the device or at running
sessions is asked at every login; the others depend only on profile, service and clock, and are compiled.
"""

from collections.abc import Callable
from dataclasses import dataclass

from radius.policies import (
    address,
    address_list,
    credential,
    device,
    expiry,
    intervals,
    service,
    session_limit,
    speed,
    status,
)
from radius.policies.types import Grant, Login


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A rule that may refuse. `per_login`: it must be asked at every login."""

    name: str
    refuse: Callable[[Login], str | None]
    per_login: bool = False


REFUSALS: tuple[Refusal, ...] = (
    Refusal(name="status", refuse=status.refuse),
    Refusal(name="expiry", refuse=expiry.refuse),
    Refusal(name="service", refuse=service.refuse),
    Refusal(name="device", refuse=device.refuse, per_login=True),
    Refusal(name="session_limit", refuse=session_limit.refuse, per_login=True),
)

GRANTS: tuple[Callable[[Login, Grant], None], ...] = (
    credential.grant,
    expiry.grant,
    speed.grant,
    address.grant,
    intervals.grant,
    address_list.grant,
)


def first_refusal(login: Login, *, per_login: bool | None = None) -> str | None:
    """The reason of the first rule that refuses; `per_login` limits the rules asked to one kind."""
    for rule in REFUSALS:
        if per_login is None or rule.per_login == per_login:
            reason = rule.refuse(login)
            if reason is not None:
                return reason
    return None


def granted(login: Login) -> Grant:
    """What a login that nobody refused is given."""
    grant = Grant()
    for fill in GRANTS:
        fill(login, grant)
    return grant
