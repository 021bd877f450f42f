"""What must be true of a running session now: what a login at this moment would be granted, counted from its start.

Decides rate, length and volume, and the attributes of a CoA that say them. Refuses to know how a session came to what
it has, how a change travels, and what was told to it before.

RouterOS counts Session-Timeout and Mikrotik-Total-Limit from the start of the session, not from the CoA. A time or a
volume that is left is therefore told together with what the session has used already. A router that counted anew would
let the session last too long by that much, and the jobs that end sessions would still end it; told the other way round
it would be cut off at once.
"""

from dataclasses import dataclass
from datetime import datetime

from domain.access import (
    AccessProfile,
    belongs_in_garden,
    data_left_bytes,
    hours_end_at,
    rate_limit_now,
    standing_reasons,
    time_left_s,
)
from domain.attributes import MAX_SESSION_TIMEOUT_S, can_hold, split_limit
from domain.replies import merged_value

RATE_LIMIT = "Mikrotik-Rate-Limit"
SESSION_TIMEOUT = "Session-Timeout"
TOTAL_LIMIT = "Mikrotik-Total-Limit"
# RouterOS reads this as "no limit"; leaving the attribute out would leave the old limit in place.
UNLIMITED = "0/0"
# Volume that nobody uses up in a session: how a limit that is lifted is told.
NO_VOLUME_LIMIT = (1 << 62) - 1
# A router counts a session's bytes against a limit of its own for these kinds of access only.
COUNTED_BY_ROUTER = ("pppoe", "vpn", "hotspot")
LIMITS = frozenset({SESSION_TIMEOUT, TOTAL_LIMIT})


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningSession:
    """A session as accounting last saw it; `seconds` and `counted_bytes` are in the usage that the profile knows."""

    acctuniqueid: str
    subscription_id: int
    nas_server_id: int
    service: str
    started_at: datetime
    seconds: int = 0
    counted_bytes: int = 0
    in_garden: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Desired:
    """What must be true of a session. `may_run` false: it must end, whatever else stands here.

    `rate_limit` None means unlimited; `session_timeout_s` and `total_limit_bytes` count from the session's start, None
    means no limit.
    """

    may_run: bool
    rate_limit: str | None
    session_timeout_s: int | None
    total_limit_bytes: int | None
    address_list: str | None


def desired(profile: AccessProfile, session: RunningSession, now: datetime) -> Desired:
    """What must be true of this session of the profile at `now`."""
    return Desired(
        may_run=may_run(profile, now, in_garden=session.in_garden),
        rate_limit=rate_limit_now(profile, now),
        session_timeout_s=_session_timeout_s(profile, session, now),
        total_limit_bytes=_total_limit_bytes(profile, session, now),
        address_list=profile.address_list,
    )


def may_run(profile: AccessProfile, now: datetime, *, in_garden: bool) -> bool:
    """Whether a login now would end where the session is: with the customers, or in the walled garden."""
    return belongs_in_garden(profile, now) if in_garden else next(standing_reasons(profile, now), None) is None


def change_to(wanted: Desired, limits: frozenset[str] = frozenset()) -> dict[str, str]:
    """The attributes of a CoA that brings a session to `wanted`: its rate, and the limits named in `limits`."""
    return {RATE_LIMIT: wanted.rate_limit or UNLIMITED} | limits_to(wanted, limits)


def limits_to(wanted: Desired, limits: frozenset[str]) -> dict[str, str]:
    """The same without the rate.

    A limit that is not there any more is said as one that nobody reaches, since silence would leave the old one.
    """
    said: dict[str, str] = {}
    if SESSION_TIMEOUT in limits:
        seconds = MAX_SESSION_TIMEOUT_S if wanted.session_timeout_s is None else wanted.session_timeout_s
        said[SESSION_TIMEOUT] = str(min(seconds, MAX_SESSION_TIMEOUT_S))
    if TOTAL_LIMIT in limits:
        volume = NO_VOLUME_LIMIT if wanted.total_limit_bytes is None else wanted.total_limit_bytes
        said |= dict(split_limit(TOTAL_LIMIT, str(volume)))
    return said


def limits_known(profile: AccessProfile) -> frozenset[str]:
    """The limits of a session that a login of this profile is granted at some time."""
    has_time = profile.session_timeout_s is not None or profile.cut_off_at is not None or bool(profile.windows)
    ends = [quota for quota in profile.quotas if quota.action != "throttle"]
    by_hand = any(row.attribute == SESSION_TIMEOUT for row in profile.replies)
    known = set()
    if has_time or by_hand or profile.voucher is not None or any(quota.kind == "time" for quota in ends):
        known.add(SESSION_TIMEOUT)
    if any(quota.kind == "data" and quota.counts == "total" for quota in ends):
        known.add(TOTAL_LIMIT)
    return frozenset(known)


def _session_timeout_s(profile: AccessProfile, session: RunningSession, now: datetime) -> int | None:
    limit_s = _own_limit_s(profile, session, now)
    moments = (profile.cut_off_at, hours_end_at(profile, now), _voucher_end(profile))
    ends_at = min((moment for moment in moments if moment is not None), default=None)
    if ends_at is None:
        return limit_s
    # At least a second: a router reads 0 as no limit.
    until_end_s = max(1, int((ends_at - session.started_at).total_seconds()))
    return until_end_s if limit_s is None else min(limit_s, until_end_s)


def _own_limit_s(profile: AccessProfile, session: RunningSession, now: datetime) -> int | None:
    """The length that no moment bounds: the plan's, what is left of an allowance of time, or one set by hand."""
    left_s = time_left_s(profile, now)
    voucher = profile.voucher
    whole_s = voucher.validity_s if voucher is not None and voucher.valid_until is None else None
    lengths = (profile.session_timeout_s, None if left_s is None else session.seconds + left_s, whole_s)
    limit_s = min((length for length in lengths if length is not None), default=None)
    wanted = merged_value(SESSION_TIMEOUT, None if limit_s is None else str(limit_s), profile.replies)
    return int(wanted) if wanted is not None and can_hold(SESSION_TIMEOUT, wanted) else limit_s


def _voucher_end(profile: AccessProfile) -> datetime | None:
    return None if profile.voucher is None else profile.voucher.valid_until


def _total_limit_bytes(profile: AccessProfile, session: RunningSession, now: datetime) -> int | None:
    left_bytes = data_left_bytes(profile, now) if session.service in COUNTED_BY_ROUTER else None
    # Nothing left is a reason to end the session; as a limit a router would read it as none.
    granted = session.counted_bytes + left_bytes if left_bytes else None
    wanted = merged_value(TOTAL_LIMIT, None if granted is None else str(granted), profile.replies)
    return int(wanted) if wanted is not None and can_hold(TOTAL_LIMIT, wanted) else granted
