"""What a rule sees of a login, and what rules together may grant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.access import AccessProfile, AttributeItem
from domain.garden import Garden

MIKROTIK = "mikrotik"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a login comes from: the router, the group it is in, and whose language it speaks."""

    nas_server_id: int = 0
    nas_group_id: int | None = None
    vendor: str = MIKROTIK


ANYWHERE = Place()


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """One attempt. `other_sessions` counts devices other than `mac` that are online or about to be with it.

    `held_sessions` is how many of them are only about to be. `learned_mac` is a device learned a moment ago.
    `wait_s` is how long the device still has to wait for its wrong passwords. `request` is what the router sent, by
    attribute; only conditions written by hand look at it.
    """

    profile: AccessProfile
    service: str
    now: datetime
    mac: str | None = None
    other_sessions: int = 0
    place: Place = ANYWHERE
    held_sessions: int = 0
    learned_mac: str | None = None
    is_blacklisted: bool = False
    wait_s: float = 0.0
    request: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Grant:
    """The reply in the field's terms; `pairs` turns it into attributes. `ends_at` bounds the session length.

    `garden` is where a login ends that would have been refused. `total_limit_bytes` is what is left of an allowance.
    `replies` are attributes by name that an operator wrote by hand; they win over the rest.
    """

    reason: str = "accepted"
    password_token: bytes = b""
    rate_limit: str | None = None
    framed_ip: str | None = None
    pool: str | None = None
    address_list: str | None = None
    session_timeout_s: int | None = None
    ends_at: datetime | None = None
    idle_timeout_s: int | None = None
    interim_interval_s: int = 300
    garden: Garden | None = None
    total_limit_bytes: int | None = None
    redirect_url: str | None = None
    replies: tuple[AttributeItem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One rule of a decision, for people: what it looked at, and the reason it gave when it refused."""

    rule: str
    values: Mapping[str, object]
    refusal: str | None = None
