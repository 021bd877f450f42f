"""The login policy: the ordered rules, each a small module over pure code in `domain`.

A rule may refuse (it returns a reason of `domain.access.REASONS`) or grant (it fills in part of the reply). All
refusals come before all grants; the first refusal is the answer, unless there is a walled garden for it: then the login
is let in there, with what the garden grants. A rule that looks at the device, the place or at running sessions is asked
at every login; the others depend only on profile, service and clock, and are compiled.

Each rule says what it sees, in words for people; so a decision can be explained without being told twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.access import garden_now
from radius.policies import (
    address,
    address_list,
    checks,
    credential,
    credit,
    device,
    expiry,
    garden,
    guessing,
    hours,
    intervals,
    place,
    quota,
    replies,
    service,
    session_limit,
    speed,
    status,
    voucher,
)
from radius.policies.types import Grant, Login, Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A rule that may refuse. `per_login`: it must be asked at every login. `sees`: the values it decides from."""

    name: str
    refuse: Callable[[Login], str | None]
    sees: Callable[[Login], Mapping[str, object]]
    per_login: bool = False


REFUSALS: tuple[Refusal, ...] = (
    Refusal(name="status", refuse=status.refuse, sees=status.sees),
    Refusal(name="expiry", refuse=expiry.refuse, sees=expiry.sees),
    Refusal(name="credit", refuse=credit.refuse, sees=credit.sees),
    Refusal(name="voucher", refuse=voucher.refuse, sees=voucher.sees),
    Refusal(name="hours", refuse=hours.refuse, sees=hours.sees),
    Refusal(name="quota", refuse=quota.refuse, sees=quota.sees),
    Refusal(name="service", refuse=service.refuse, sees=service.sees),
    Refusal(name="checks", refuse=checks.refuse, sees=checks.sees, per_login=True),
    Refusal(name="place", refuse=place.refuse, sees=place.sees, per_login=True),
    Refusal(name="device", refuse=device.refuse, sees=device.sees, per_login=True),
    Refusal(name="guessing", refuse=guessing.refuse, sees=guessing.sees, per_login=True),
    Refusal(name="session_limit", refuse=session_limit.refuse, sees=session_limit.sees, per_login=True),
)

# What a login is granted that is let in as a customer; each fills in its part, the later over the earlier.
GRANTS: tuple[Callable[[Login, Grant], None], ...] = (
    credential.grant,
    expiry.grant,
    speed.grant,
    address.grant,
    intervals.grant,
    hours.grant,
    quota.grant,
    voucher.grant,
    address_list.grant,
    replies.grant,
)
# The same for one that ends in a walled garden: nothing of the plan but the password and the reporting interval.
GARDEN_GRANTS: tuple[Callable[[Login, Grant], None], ...] = (
    credential.grant,
    intervals.grant,
    garden.grant,
)


def first_refusal(login: Login, *, per_login: bool | None = None) -> str | None:
    """The reason of the first rule that refuses; `per_login` limits the rules asked to one kind.

    A reason with a walled garden hides none without: who is suspended and at the wrong kind of access is refused.
    """
    shut_in: str | None = None
    for rule in REFUSALS:
        if per_login is None or rule.per_login == per_login:
            reason = rule.refuse(login)
            if reason is not None and garden_now(login.profile, reason, login.now) is None:
                return reason
            shut_in = shut_in or reason
    return shut_in


def compiled_steps(login: Login) -> tuple[Step, ...]:
    """The rules that no device and no session can change, in order, as far as the decision went."""
    return _steps(login, per_login=False)


def steps_of_the_moment(login: Login) -> tuple[Step, ...]:
    """The rules that are asked at every login, in order, as far as the decision went."""
    return _steps(login, per_login=True)


def _steps(login: Login, *, per_login: bool) -> tuple[Step, ...]:
    taken: list[Step] = []
    for rule in REFUSALS:
        if rule.per_login == per_login:
            reason = rule.refuse(login)
            taken.append(Step(rule=rule.name, values=rule.sees(login), refusal=reason))
            if reason is not None and garden_now(login.profile, reason, login.now) is None:
                break
    return tuple(taken)


def granted(login: Login) -> Grant:
    """What a login that nobody refused is given."""
    grant = Grant()
    for fill in GRANTS:
        fill(login, grant)
    return grant


def granted_in_garden(login: Login, reason: str) -> Grant | None:
    """What a login refused for `reason` is given in the walled garden; None when there is none for it."""
    place = garden_now(login.profile, reason, login.now)
    if place is None:
        return None
    grant = Grant(reason=f"garden_{reason}", garden=place)
    for fill in GARDEN_GRANTS:
        fill(login, grant)
    return grant
