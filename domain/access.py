"""What is known of a subscription at login, and the small decisions made from it.

Decides speed, expiry and which reason fits; refuses to know packets, attributes and where the values came from.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from domain.fup import FupTier, find_tier, raised
from domain.garden import GARDEN_REASONS, Garden, garden_for
from domain.quota import DayUsage, Quota, TopUp, bonus, period_of, used
from domain.replies import merged_value
from domain.speed import Burst, Speed, render_rate_limit
from domain.voucher import VoucherTerms
from domain.voucher import next_change as voucher_changes_at
from domain.voucher import refusal as voucher_refusal
from domain.windows import TimeWindow, closes_at, next_edge, window_at

MAC_BINDINGS = ("off", "fixed", "learn", "approval")
RATE_LIMIT = "Mikrotik-Rate-Limit"
NAS_BINDINGS = ("off", "nas", "group")
SESSION_LIMIT_ACTIONS = ("refuse", "replace")
NAS_TYPES = ("mikrotik", "cisco", "huawei", "juniper", "ubiquiti", "cambium")
SERVICES = ("pppoe", "vpn", "hotspot", "dhcp", "wireless", "dot1x", "other")

# Every reason a login can be decided for, in words for staff. The customer is told only "Login incorrect".
REASONS: dict[str, str] = {
    "accepted": "accepted",
    "accepted_grace": "accepted in the grace period after expiry",
    "unknown_user": "no subscription with this username",
    "wrong_password": "wrong password",
    "wrong_service": "the subscription is for another kind of access",
    "subscription_pending": "the subscription is not activated yet",
    "subscription_suspended": "the subscription is suspended",
    "subscription_expired": "the subscription has expired",
    "subscription_disabled": "the subscription is disabled",
    "subscription_cancelled": "the subscription is cancelled",
    "subscription_terminated": "the subscription is terminated",
    "customer_suspended": "the customer is suspended",
    "customer_inactive": "the customer is inactive",
    "customer_disabled": "the customer is disabled",
    "customer_blacklisted": "the customer is blacklisted",
    "customer_terminated": "the customer is terminated",
    "over_credit_limit": "the customer owes more than the credit limit",
    "outside_hours": "outside the plan's hours",
    "quota_used_up": "the allowance is used up",
    "wrong_place": "the subscription is bound to another router",
    "wrong_device": "this device is not on the subscription's list",
    "device_pending": "this device waits for approval",
    "device_blacklisted": "this device is blacklisted",
    "voucher_disabled": "the voucher is disabled",
    "voucher_used": "the voucher is used up",
    "voucher_expired": "the voucher was not used in time",
    "check_failed": "a radcheck condition is not met",
    "too_many_tries": "too many wrong passwords from this device; it has to wait",
    "device_blocked": "this device is blocked",
    "session_limit": "already online as often as the subscription allows",
    "unreadable": "name or password is not readable text; compare the shared secret on the router",
    "policy_error": "the policy failed on this login; see the server log",
}

REASONS |= {f"garden_{reason}": f"admitted to the walled garden: {REASONS[reason]}" for reason in GARDEN_REASONS}

BLOCKED_CUSTOMERS = frozenset({"suspended", "inactive", "disabled", "blacklisted", "terminated"})


class AttributeItem(NamedTuple):
    """One row of radcheck, radreply or a plan's own reply attributes."""

    attribute: str
    op: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessProfile:
    """All that a decision about one subscription depends on, as read in one go.

    `macs` maps a normalised MAC to its status. `fup_until` is when `fup_tier` ends by itself. `password_token` is the
    encrypted service password: it is opened only when a decision is compiled. `days` and `family_days` are filled only
    where a quota needs them. `replies` are the plan's own attributes, then the user's own, which win.
    """

    tenant_id: int
    subscription_id: int
    customer_id: int
    plan_id: int
    username: str
    password_token: bytes
    connection_type: str
    subscription_status: str
    customer_status: str
    expires_at: datetime | None
    grace_days: int
    zone: tzinfo
    billing_day: int
    plan_speed: Speed
    burst: Burst | None
    priority: int
    override: Speed | None
    override_until: datetime | None
    tiers: tuple[FupTier, ...]
    fup_tier: int
    fup_until: datetime | None
    mac_binding: str
    macs: dict[str, str]
    session_limit: int
    session_timeout_s: int | None
    idle_timeout_s: int | None
    interim_interval_s: int
    assigned_ip: str | None
    ip_pool: str | None
    address_list: str | None
    version: int
    least_speed: Speed | None = None
    windows: tuple[TimeWindow, ...] = ()
    quotas: tuple[Quota, ...] = ()
    topups: tuple[TopUp, ...] = ()
    days: tuple[DayUsage, ...] = ()
    family_id: int | None = None
    family_days: tuple[DayUsage, ...] = ()
    gardens: Mapping[str, Garden] = field(default_factory=dict)
    is_over_credit: bool = False
    session_limit_action: str = "refuse"
    nas_binding: str = "off"
    nas_server_id: int | None = None
    nas_group_id: int | None = None
    voucher: VoucherTerms | None = None
    checks: tuple[AttributeItem, ...] = ()
    replies: tuple[AttributeItem, ...] = ()

    @property
    def cut_off_at(self) -> datetime | None:
        """When access really ends: expiry plus grace; None when it never expires."""
        return None if self.expires_at is None else self.expires_at + timedelta(days=self.grace_days)


def status_reason(profile: AccessProfile) -> str | None:
    """Why customer or subscription status refuses a login, or None. The customer's own state is named first.

    A customer's state that could be mended does not hide a subscription's that could not.
    """
    customer = f"customer_{profile.customer_status}" if profile.customer_status in BLOCKED_CUSTOMERS else None
    subscription = None
    if profile.subscription_status != "active":
        subscription = f"subscription_{profile.subscription_status}"
    if customer in GARDEN_REASONS and subscription is not None and subscription not in GARDEN_REASONS:
        return subscription
    return customer or subscription


def credit_reason(profile: AccessProfile) -> str | None:
    """Why the customer's balance refuses a login, or None."""
    return "over_credit_limit" if profile.is_over_credit else None


def standing_reasons(profile: AccessProfile, now: datetime) -> Iterator[str]:
    """Every reason for which the subscription may not be online now, whatever the device, place and service."""
    reasons = (
        status_reason(profile),
        "subscription_expired" if is_past_grace(profile, now) else None,
        credit_reason(profile),
        None if profile.voucher is None else voucher_refusal(profile.voucher, now),
        "outside_hours" if is_outside_hours(profile, now) else None,
        "quota_used_up" if is_quota_used_up(profile, now) else None,
    )
    return (reason for reason in reasons if reason is not None)


def belongs_in_garden(profile: AccessProfile, now: datetime) -> bool:
    """Whether a login now would end in a walled garden: something is against it, and there is one for all of it."""
    reasons = tuple(standing_reasons(profile, now))
    return bool(reasons) and all(garden_now(profile, reason, now) is not None for reason in reasons)


def is_past_grace(profile: AccessProfile, now: datetime) -> bool:
    """True once expiry and grace are over; the last instant of grace is already over."""
    return profile.cut_off_at is not None and now >= profile.cut_off_at


def is_in_grace(profile: AccessProfile, now: datetime) -> bool:
    """True between expiry and the end of grace."""
    return profile.expires_at is not None and profile.expires_at <= now and not is_past_grace(profile, now)


def device_reason(profile: AccessProfile, mac: str | None, held: str | None = None) -> str | None:
    """Why a device is refused, or None. `held` is the device that was learned a moment ago and is not stored yet.

    A fixed or learning binding without an approved device binds to nothing; under approval an unknown device waits.
    """
    status = profile.macs.get(mac) if mac is not None else None
    if status == "blocked":
        return "device_blocked"
    if profile.mac_binding == "off" or status == "approved":
        return None
    if profile.mac_binding == "approval":
        return "wrong_device" if mac is None else "device_pending"
    if "approved" in profile.macs.values():
        return "wrong_device"
    return "wrong_device" if profile.mac_binding == "learn" and held not in (None, mac) else None


def limits_devices(profile: AccessProfile) -> bool:
    """Whether any device could be refused by `device_reason`."""
    return profile.mac_binding in ("learn", "approval") or any(
        status == "blocked" or (status == "approved" and profile.mac_binding == "fixed")
        for status in profile.macs.values()
    )


def learns_device(profile: AccessProfile, mac: str | None) -> bool:
    """Whether a login of this device, let in, makes it the subscription's own."""
    return profile.mac_binding == "learn" and mac is not None and "approved" not in profile.macs.values()


def bound_place(profile: AccessProfile) -> tuple[str, int | None]:
    """What the subscription is bound to ("nas" or "group" with its id); ("off", None) when anywhere will do.

    A binding that names nothing binds to nothing.
    """
    place_id = {"nas": profile.nas_server_id, "group": profile.nas_group_id}.get(profile.nas_binding)
    return ("off", None) if place_id is None else (profile.nas_binding, place_id)


def place_reason(profile: AccessProfile, nas_server_id: int, nas_group_id: int | None) -> str | None:
    """Why a login through this router is refused, or None."""
    kind, place_id = bound_place(profile)
    asked = {"off": None, "nas": nas_server_id, "group": nas_group_id}[kind]
    return None if asked == place_id else "wrong_place"


def session_seconds(limit_s: int | None, ends_in_s: float | None) -> int | None:
    """How long a session may last: its own limit or the time until access ends, whichever is less; at least 1."""
    if ends_in_s is None:
        return limit_s
    left_s = max(1, int(ends_in_s))
    return left_s if limit_s is None else min(limit_s, left_s)


def override_in_force(profile: AccessProfile, now: datetime) -> Speed | None:
    """The speed staff set for this subscription, unless its time is over."""
    if profile.override_until is not None and now >= profile.override_until:
        return None
    return profile.override


def fup_tier_in_force(profile: AccessProfile, now: datetime) -> FupTier | None:
    """The fair-use tier that slows this subscription now; a tier ends with its period even before a job resets it."""
    if profile.fup_tier == 0 or (profile.fup_until is not None and now >= profile.fup_until):
        return None
    return find_tier(profile.tiers, profile.fup_tier)


def speed_now(profile: AccessProfile, now: datetime) -> Speed:
    """The speed to grant: a temporary override wins; else fair use and used-up allowances lower the full speed.

    The full speed is the subscription's own, or that of the hour, or the plan's.
    """
    override = override_in_force(profile, now)
    if override is not None and profile.override_until is not None:
        return override
    speed = override or _speed_of_the_hour(profile, now) or profile.plan_speed
    tier = fup_tier_in_force(profile, now)
    if tier is not None:
        speed = tier.apply(speed)
    for quota in used_up(profile, now):
        if quota.throttle is not None:
            speed = speed.at_most(quota.throttle)
    return speed


def rate_limit_now(profile: AccessProfile, now: datetime) -> str | None:
    """`Mikrotik-Rate-Limit` to send now, or None for unlimited. Burst belongs to the plan's own full speed only.

    What an operator wrote for it by hand wins, at a login and in a running session alike.
    """
    speed = speed_now(profile, now)
    burst = profile.burst if speed == profile.plan_speed else None
    rate = render_rate_limit(speed, burst, profile.priority, profile.least_speed)
    return merged_value(RATE_LIMIT, rate, profile.replies) if profile.replies else rate


def window_now(profile: AccessProfile, now: datetime) -> TimeWindow | None:
    """The hours of the plan that are open now; None outside them, and for a plan without hours."""
    return window_at(profile.windows, now, profile.zone) if profile.windows else None


def is_outside_hours(profile: AccessProfile, now: datetime) -> bool:
    """Whether the plan has hours and none is open."""
    return bool(profile.windows) and window_now(profile, now) is None


def hours_end_at(profile: AccessProfile, now: datetime) -> datetime | None:
    """When the hours that are open now are over, counting those that follow without a gap; None when never."""
    return closes_at(profile.windows, now, profile.zone) if profile.windows else None


def _speed_of_the_hour(profile: AccessProfile, now: datetime) -> Speed | None:
    window = window_now(profile, now)
    return None if window is None else window.speed


def quota_limit(profile: AccessProfile, quota: Quota, now: datetime) -> int:
    """One of the profile's allowances with the top-ups that are valid now."""
    return quota.limit + bonus(profile.topups, quota.kind, now)


def quota_spent(profile: AccessProfile, quota: Quota, now: datetime) -> int:
    """Bytes or seconds used in the running period of an allowance; a shared one is used by the whole family."""
    days = profile.family_days if quota.is_shared else profile.days
    return used(quota, days, period_of(quota, now, profile.zone, profile.billing_day))


def quota_left(profile: AccessProfile, quota: Quota, now: datetime) -> int:
    """What may still be used of an allowance, never below zero; zero means used up."""
    return max(0, quota_limit(profile, quota, now) - quota_spent(profile, quota, now))


def tiers_now(profile: AccessProfile, now: datetime) -> tuple[FupTier, ...]:
    """The plan's fair-use tiers, each beginning later by the volume that valid top-ups add."""
    return raised(profile.tiers, bonus(profile.topups, "data", now)) if profile.topups else profile.tiers


def used_up(profile: AccessProfile, now: datetime) -> tuple[Quota, ...]:
    """The allowances of which nothing is left."""
    return tuple(quota for quota in profile.quotas if quota_left(profile, quota, now) == 0)


def is_quota_used_up(profile: AccessProfile, now: datetime) -> bool:
    """Whether an allowance is used up that does more than slow down."""
    return any(quota.action != "throttle" for quota in used_up(profile, now))


def time_left_s(profile: AccessProfile, now: datetime) -> int | None:
    """Seconds until an allowance of time ends a session; None without one that would."""
    return _least_left(profile, now, lambda quota: quota.kind == "time")


def data_left_bytes(profile: AccessProfile, now: datetime) -> int | None:
    """Bytes until an allowance of volume ends a session; None without one that would.

    Only of allowances that count both directions, as a router's own limit does.
    """
    return _least_left(profile, now, lambda quota: quota.kind == "data" and quota.counts == "total")


def _least_left(profile: AccessProfile, now: datetime, is_meant: Callable[[Quota], bool]) -> int | None:
    ending = (quota for quota in profile.quotas if quota.action != "throttle" and is_meant(quota))
    return min((quota_left(profile, quota, now) for quota in ending), default=None)


def garden_now(profile: AccessProfile, reason: str, now: datetime) -> Garden | None:
    """The walled garden a login refused for `reason` ends in; an allowance may say that there is none for it."""
    if reason == "quota_used_up" and any(quota.action == "reject" for quota in used_up(profile, now)):
        return None
    return garden_for(profile.gardens, reason)


def next_change_at(profile: AccessProfile, now: datetime) -> datetime | None:
    """The next instant at which the clock alone changes a decision about this profile, or None."""
    moments = [profile.expires_at, profile.cut_off_at, profile.override_until, profile.fup_until]
    if profile.voucher is not None:
        moments += voucher_changes_at(profile.voucher)
    if profile.windows or profile.quotas:
        moments += _edges(profile, now)
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _edges(profile: AccessProfile, now: datetime) -> Iterator[datetime | None]:
    """Where hours, periods of allowances and top-ups begin or end."""
    zone = profile.zone
    yield next_edge(profile.windows, now, zone)
    for quota in profile.quotas:
        period = period_of(quota, now, zone, profile.billing_day)
        yield None if period is None else period.end
    for topup in profile.topups:
        yield from (topup.valid_from, topup.valid_until)


def serves(connection_type: str, service: str) -> bool:
    """Whether a subscription of `connection_type` may be used over `service`."""
    return connection_type in ("any", "static", service)
