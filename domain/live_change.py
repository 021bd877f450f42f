"""What may be done to a running session, and the life of such a change in the outbox.

Knows kinds and states only; how packets travel is `coa`'s business.
"""

from dataclasses import dataclass

CHANGE_KINDS = ("coa", "disconnect")
CHANGE_STATUSES = ("pending", "sending", "ack", "nak", "timeout", "superseded", "gone")
WAITING = ("pending", "sending")

# Why a session is changed, in the words the panel translates.
CHANGE_REASONS: dict[str, str] = {
    "fup": "fair-use limit crossed",
    "fup_reset": "fair-use period ended",
    "plan_change": "plan changed",
    "speed_change": "speed changed",
    "suspend": "subscription suspended",
    "expire": "subscription expired",
    "terminate": "subscription terminated",
    "disable": "subscription disabled",
    "customer_blocked": "customer blocked",
    "password_change": "password changed",
    "device_change": "allowed devices changed",
    "address_change": "address changed",
    "staff": "requested by staff",
    "late_start": "session started after the change",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveSession:
    """A running session as the outbox and the session limit see it."""

    acctuniqueid: str
    acctsessionid: str
    subscription_id: int
    nas_server_id: int
    username: str
    mac: str | None
    framed_ip: str | None
