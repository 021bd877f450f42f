"""What may be done to a running session, and the life of such a change in the outbox.

Knows kinds and states only; how packets travel is `coa`'s business.
"""

from dataclasses import dataclass

CHANGE_KINDS = ("coa", "disconnect")
CHANGE_STATUSES = ("pending", "sending", "ack", "nak", "timeout", "superseded", "gone")
WAITING = ("pending", "sending")
# Somebody waits for it; it is one of many.
SOON, LATER = PRIORITIES = (0, 1)
# How the router is asked: a RADIUS request, or its API.
WAYS = ("radius", "api")
# What was seen when a change was looked at again, and who saw it: the record of the session's end, or the router's API.
PROOFS = ("applied", "differs", "unknown")
WITNESSES = ("stop", "api")

# What became of a change, in words for staff. A router's yes is no proof: only what was seen afterwards is.
OUTCOMES: dict[str, str] = {
    "waiting": "waiting to be sent",
    "sending": "on its way to the router",
    "applied": "applied: read back from the router, or ended as its Stop tells",
    "acknowledged": "acknowledged by the router, not read back",
    "failed": "failed",
    "unknown": "unknown, the router did not answer",
    "replaced": "replaced by a later change",
    "gone": "the session had ended",
}
_OUTCOME_OF = {
    "pending": "waiting",
    "sending": "sending",
    "ack": "acknowledged",
    "nak": "failed",
    "timeout": "unknown",
    "superseded": "replaced",
    "gone": "gone",
}


def outcome_of(status: str, proof: str | None) -> str:
    """What became of a change with this status and proof, a key of `OUTCOMES`."""
    if status in ("ack", "nak", "timeout") and proof in ("applied", "differs"):
        return "applied" if proof == "applied" else "failed"
    return _OUTCOME_OF[status]


def ways_to(outcome: str) -> tuple[tuple[str, str | None], ...]:
    """Every status and proof that `outcome_of` calls so."""
    pairs = ((status, proof) for status in CHANGE_STATUSES for proof in (None, *PROOFS))
    return tuple(pair for pair in pairs if outcome_of(*pair) == outcome)


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
    "limits": "time or volume limit changed",
    "bulk": "asked for many sessions at once",
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
