"""What may be done to a running session, and the life of such a change in the outbox.

Knows kinds and states only; how packets travel is `coa`'s business.
"""

from dataclasses import dataclass

CHANGE_KINDS = ("coa", "disconnect")
CHANGE_STATUSES = ("pending", "sending", "ack", "nak", "timeout", "superseded", "gone")
WAITING = ("pending", "sending")

# What became of a change, in words for staff.
CHANGE_STATUS_WORDS: dict[str, str] = {
    "pending": "waiting to be sent",
    "sending": "on its way to the router",
    "ack": "applied by the router",
    "nak": "refused by the router",
    "timeout": "the router did not answer",
    "superseded": "replaced by a later change",
    "gone": "the session had ended",
}

# Why a session is changed, in the words the panel translates.
CHANGE_REASONS: dict[str, str] = {
    "fup": "fair-use limit crossed",
    "fup_reset": "fair-use period ended",
    "quota": "allowance used up",
    "quota_reset": "allowance available again",
    "hours": "the plan's hours began or ended",
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
    "replaced": "another device logged in",
    "blacklist": "device blacklisted",
    "place_change": "allowed routers changed",
    "garden_over": "no longer for the walled garden",
    "credit_change": "credit limit changed",
    "voucher_over": "voucher used up",
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
