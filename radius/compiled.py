"""A profile's whole policy, run once per kind of access and kept as a rendered reply.

Behind FreeRADIUS's one Python lock a login has some twenty microseconds; running every rule does not fit. What depends
only on profile, service and clock is decided here once, with the moment at which the clock would change it; device and
running sessions are asked at each login by the same rules. A property test holds that compiled and plain agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.access import AccessProfile, AttributeItem, bound_place, limits_devices, next_change_at, session_seconds
from domain.garden import GARDEN_MARK
from domain.service import is_known_by_device
from radius.pairs import Pair, grant_pairs, password_pairs, session_timeout_pair
from radius.policies import first_refusal, granted, granted_in_garden
from radius.policies.types import ANYWHERE, Grant, Login, Place

FOREVER = float("inf")


@dataclass(kw_only=True, slots=True, eq=False)
class Compiled:
    """What every login of this profile over this service gets until `valid_until` (epoch seconds).

    `refusal` is the reason of a rule that needs no device or sessions. `checks_device` is False when any device may in,
    `checks_place` when it may through any router.
    `checks` are conditions written by hand. `by_device`: the login may do without a password.
    `begins_voucher`: it is a voucher's first. `is_special`: an accept needs more than `pairs` and `control`.
    `pairs` hold Session-Timeout when it is the same at every moment; else it counts down to `ends_at`.
    Nothing changes here but `mention`, by which records name the decision's receipt; the writer of records keeps it.
    """

    profile: AccessProfile
    service: str
    vendor: str
    compiled_at: float
    refusal: str | None
    reason: str
    valid_until: float
    pairs: tuple[Pair, ...]
    control: tuple[Pair, ...]
    session_timeout_s: int | None
    ends_at: float
    checks_device: bool
    checks_place: bool
    checks: tuple[AttributeItem, ...]
    by_device: bool
    begins_voucher: bool
    session_limit: int
    class_prefix: str
    is_special: bool
    mention: tuple[str, float] | None = None
    mention_until: float = 0.0

    def reply(self, now: float, class_text: str) -> tuple[Pair, ...]:
        """The reply of one login: the compiled pairs, what is left of the session, and its Class."""
        class_pair = ("Class", class_text)
        if self.ends_at == FOREVER:
            return (*self.pairs, class_pair)
        seconds = session_seconds(self.session_timeout_s, self.ends_at - now)
        return (session_timeout_pair(seconds or 1), *self.pairs, class_pair)


def compile_profile(
    profile: AccessProfile,
    service: str,
    now: datetime,
    open_password: Callable[[bytes], str],
    place: Place = ANYWHERE,
) -> Compiled:
    """Run the policy for `profile` over `service`; raises `UnableToRender` when the reply could not be said.

    Of the place only the vendor may matter here: router and group are asked about at each login.
    """
    login = Login(profile=profile, service=service, now=now, place=place)
    refusal, grant = _decided(login)
    change = next_change_at(profile, now)
    # A refused login is not rendered: what its reply would have been must not stand in the way of its own reason.
    pairs, control = ((), ()) if refusal else _rendered(grant, place.vendor, open_password)
    by_device = _has_no_password(profile, service)
    begins_voucher = profile.voucher is not None and profile.voucher.is_unused and grant.garden is None
    return Compiled(
        profile=profile,
        service=service,
        vendor=place.vendor,
        compiled_at=now.timestamp(),
        refusal=refusal,
        reason=grant.reason,
        valid_until=FOREVER if change is None else change.timestamp(),
        pairs=pairs,
        control=control,
        session_timeout_s=grant.session_timeout_s,
        ends_at=FOREVER if grant.ends_at is None else grant.ends_at.timestamp(),
        checks_device=limits_devices(profile),
        checks_place=bound_place(profile)[0] != "off",
        checks=profile.checks,
        by_device=by_device,
        begins_voucher=begins_voucher,
        session_limit=profile.session_limit,
        is_special=by_device or begins_voucher or limits_devices(profile),
        class_prefix=f"lts1:{profile.subscription_id}:{_way_in(grant)}{_tier_number(profile, now)}:",
    )


def _decided(login: Login) -> tuple[str | None, Grant]:
    """The refusal that no device and no session can change, and what is granted without one or in the garden."""
    refusal = first_refusal(login, per_login=False)
    shut_in = None if refusal is None else granted_in_garden(login, refusal)
    return (refusal, granted(login)) if shut_in is None else (None, shut_in)


def _rendered(
    grant: Grant, vendor: str, open_password: Callable[[bytes], str]
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Reply and control list of a login that is let in."""
    pairs = grant_pairs(grant, vendor)
    if grant.ends_at is None and grant.session_timeout_s is not None:
        pairs = (session_timeout_pair(grant.session_timeout_s), *pairs)
    return pairs, password_pairs(open_password(grant.password_token))


def _has_no_password(profile: AccessProfile, service: str) -> bool:
    """A hotspot's voucher is its own password, and a device has none."""
    if profile.voucher is not None:
        return service == "hotspot"
    return is_known_by_device(service, profile.connection_type, profile.username)


def _way_in(grant: Grant) -> str:
    """What accounting must know of a session in a walled garden: who may leave it has to log in again."""
    return GARDEN_MARK if grant.garden is not None else ""


def _tier_number(profile: AccessProfile, now: datetime) -> int:
    return 0 if profile.fup_until is not None and now >= profile.fup_until else profile.fup_tier


def decide_plainly(
    profile: AccessProfile, service: str, mac: str | None, other_sessions: int, now: datetime
) -> tuple[str | None, str, tuple[Pair, ...]]:
    """The same decision without compiling: refusal, reason, reply without Class. The fast path is held to it."""
    return decide(Login(profile=profile, service=service, now=now, mac=mac, other_sessions=other_sessions))


def decide(login: Login) -> tuple[str | None, str, tuple[Pair, ...]]:
    """Refusal, reason and reply without Class of one login; raises `UnableToRender` when the reply cannot be said."""
    refusal, grant = _decided(login)
    refusal = refusal or first_refusal(login, per_login=True)
    if refusal is not None:
        return refusal, refusal, ()
    ends_in_s = None if grant.ends_at is None else grant.ends_at.timestamp() - login.now.timestamp()
    seconds = session_seconds(grant.session_timeout_s, ends_in_s)
    pairs = grant_pairs(grant, login.place.vendor)
    return None, grant.reason, pairs if seconds is None else (session_timeout_pair(seconds), *pairs)


def moment(epoch_s: float) -> datetime:
    """An aware UTC time of epoch seconds."""
    return datetime.fromtimestamp(epoch_s, UTC)
