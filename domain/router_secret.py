"""What a router should know of a subscription by itself: whether, under which profile, and with which comment.

Knows the rules only: nothing here reads a subscription or asks a router.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

RADIUS, LOCAL, BOTH = "radius", "local_secret", "both"
SECRET_SERVICES = ("pppoe", "hotspot", "any")
DEFAULT_PROFILE = "default"
# In every comment of ours, so that what we wrote is told from what somebody typed.
TAG = "[lintas]"
MAX_COMMENT = 200
# What a router can know by itself; the rest has no name and password there.
_SERVICES = {"pppoe": "pppoe", "vpn": "any", "any": "any", "hotspot": "hotspot"}
_BLOCKED_CUSTOMERS = frozenset({"suspended", "inactive", "disabled", "blacklisted", "terminated"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A subscription as far as a secret depends on it."""

    username: str
    password: str = field(repr=False)
    status: str
    connection_type: str
    customer_name: str
    customer_code: str
    customer_status: str
    assigned_ip: str | None = None
    own_profile: str | None = None
    plan_profile: str | None = None
    plan_slug: str = ""
    expires_at: datetime | None = None
    grace_days: int = 0
    mac: str | None = None
    local_address: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A secret as it should be on the router, under the first of `profiles` that the router has.

    Where somebody named the profile there is only that one, and a router without it is an error.
    """

    username: str
    password: str | None = field(repr=False)
    service: str
    profiles: tuple[str, ...]
    local_address: str
    remote_address: str
    comment: str
    is_disabled: bool
    mac: str = ""


def service_of(connection_type: str) -> str | None:
    """The service of a secret for this kind of access; None where a router keeps no secrets."""
    return _SERVICES.get(connection_type)


def is_let_in(holder: Holder, now: datetime) -> bool:
    """Whether the customer may be online, by what a router cannot know itself: states and the end of the term."""
    if holder.status != "active" or holder.customer_status in _BLOCKED_CUSTOMERS:
        return False
    return holder.expires_at is None or now < holder.expires_at + timedelta(days=holder.grace_days)


def secret_for(holder: Holder, *, mode: str, now: datetime) -> Secret | None:
    """The secret that a router of this mode should have, None for none.

    `local_secret`: the router decides alone, so who may not be online is switched off there. `both`: whoever may not
    is unknown to the router, so that RADIUS is asked and says why, or lets him into a walled garden.
    """
    service = service_of(holder.connection_type)
    if mode not in (LOCAL, BOTH) or service is None or holder.status in ("pending", "terminated", "cancelled"):
        return None
    is_in = is_let_in(holder, now)
    if mode == BOTH and not is_in:
        return None
    named = [profile for profile in (holder.own_profile, holder.plan_profile) if profile]
    return Secret(
        username=holder.username,
        password=holder.password,
        service=service,
        profiles=tuple(named[:1]) or (holder.plan_slug, DEFAULT_PROFILE),
        local_address="" if service == "hotspot" else holder.local_address,
        remote_address=holder.assigned_ip or "",
        comment=comment_for(holder.customer_name, holder.customer_code),
        is_disabled=not is_in,
        mac=(holder.mac or "") if service == "hotspot" else "",
    )


def comment_for(name: str, code: str) -> str:
    """The customer's name and code and our mark, of characters that every version of RouterOS shows."""
    plain = re.sub(r"[^ -~]", "_", name)[: MAX_COMMENT - len(code) - len(TAG) - 2]
    return f"{plain} {code} {TAG}"


def is_ours(comment: str) -> bool:
    """Whether an entry on a router carries our mark."""
    return TAG in comment


def profile_among(secret: Secret, known: Sequence[str]) -> str | None:
    """The first of its profiles that the router has; None when none of them is there."""
    return next((profile for profile in secret.profiles if profile in known), None)
