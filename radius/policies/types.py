"""What a rule sees of a login, and what rules together may grant."""

from dataclasses import dataclass
from datetime import datetime

from domain.access import AccessProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """One attempt. `other_sessions` counts running sessions of the subscription on other devices than `mac`."""

    profile: AccessProfile
    service: str
    now: datetime
    mac: str | None = None
    other_sessions: int = 0


@dataclass(kw_only=True, slots=True)
class Grant:
    """The reply in the field's terms; `pairs` turns it into attributes. `ends_at` bounds the session length."""

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
