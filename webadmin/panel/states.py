"""How states are shown: a word, a colour and a sign, so that none stands for a state alone.

The rules know codes; only this module knows how a state of them looks, so a new state is one line here.
"""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How a state is shown: never by its colour alone."""

    colour: str
    icon: str
    text: LazyString | str


_STATES: dict[str, dict[str, Mark]] = {
    "customer": {
        "prospect": Mark(colour="blue", icon="user-plus", text=_l("prospect")),
        "active": Mark(colour="green", icon="check", text=_l("active")),
        "suspended": Mark(colour="amber", icon="lock", text=_l("suspended")),
        "expired": Mark(colour="amber", icon="clock", text=_l("expired")),
        "inactive": Mark(colour="grey", icon="minus", text=_l("inactive")),
        "disabled": Mark(colour="grey", icon="ban", text=_l("disabled")),
        "blacklisted": Mark(colour="red", icon="ban", text=_l("blacklisted")),
        "terminated": Mark(colour="red", icon="x", text=_l("terminated")),
    },
    # No states, but told apart at a glance in the same way.
    "customer_type": {
        "residential": Mark(colour="purple", icon="home", text=_l("Residential")),
        "business": Mark(colour="indigo", icon="building", text=_l("Business")),
        "enterprise": Mark(colour="orange", icon="building", text=_l("Enterprise")),
    },
    "subscription": {
        "pending": Mark(colour="blue", icon="clock", text=_l("not activated yet")),
        "active": Mark(colour="green", icon="check", text=_l("active")),
        "suspended": Mark(colour="amber", icon="lock", text=_l("suspended")),
        "expired": Mark(colour="amber", icon="clock", text=_l("expired")),
        "disabled": Mark(colour="grey", icon="ban", text=_l("disabled")),
        "cancelled": Mark(colour="grey", icon="x", text=_l("cancelled")),
        "terminated": Mark(colour="red", icon="x", text=_l("terminated")),
    },
    "change": {
        "waiting": Mark(colour="blue", icon="clock", text=_l("waiting")),
        "sending": Mark(colour="blue", icon="send", text=_l("sent")),
        "applied": Mark(colour="green", icon="check", text=_l("applied")),
        "acknowledged": Mark(colour="blue", icon="message", text=_l("acknowledged")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
        "unknown": Mark(colour="amber", icon="alert-triangle", text=_l("unknown, no answer")),
        "replaced": Mark(colour="grey", icon="history", text=_l("replaced by a newer change")),
        "gone": Mark(colour="grey", icon="plug-connected-x", text=_l("session had ended")),
    },
    "router_api": {
        "online": Mark(colour="green", icon="plug-connected", text=_l("answers")),
        "offline": Mark(colour="red", icon="plug-connected-x", text=_l("no answer")),
        "unknown": Mark(colour="grey", icon="question-mark", text=_l("not asked yet")),
    },
    "router_order": {
        "pending": Mark(colour="blue", icon="clock", text=_l("waiting")),
        "sending": Mark(colour="blue", icon="send", text=_l("under way")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
        "failed": Mark(colour="red", icon="x", text=_l("given up")),
    },
    "plan_change": {
        "pending": Mark(colour="blue", icon="clock", text=_l("waits")),
        "applied": Mark(colour="green", icon="check", text=_l("made")),
        "cancelled": Mark(colour="grey", icon="x", text=_l("taken back")),
        "failed": Mark(colour="red", icon="x", text=_l("could not be made")),
    },
    "registration": {
        "waiting": Mark(colour="blue", icon="clock", text=_l("waiting")),
        "done": Mark(colour="green", icon="check", text=_l("added")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
    },
    "speed_test": {
        "waiting": Mark(colour="grey", icon="clock", text=_l("waiting")),
        "running": Mark(colour="blue", icon="loader", text=_l("running")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
    },
    "bulk": {
        "running": Mark(colour="blue", icon="loader", text=_l("running")),
        "paused": Mark(colour="amber", icon="clock", text=_l("held")),
        "stopped": Mark(colour="red", icon="ban", text=_l("stopped")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
    },
    "billing_run": {
        "running": Mark(colour="blue", icon="loader", text=_l("running")),
        "stopped": Mark(colour="red", icon="ban", text=_l("stopped")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
        "undone": Mark(colour="grey", icon="arrow-back-up", text=_l("undone")),
    },
    "job": {
        "running": Mark(colour="blue", icon="loader", text=_l("running")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
        "stopped": Mark(colour="amber", icon="ban", text=_l("stopped, asks")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
    },
    "check": {
        "well": Mark(colour="green", icon="check", text=_l("works")),
        "watch": Mark(colour="amber", icon="alert-triangle", text=_l("wants a look")),
        "bad": Mark(colour="red", icon="x", text=_l("does not work")),
    },
    "gateway_order": {
        "created": Mark(colour="grey", icon="send", text=_l("being started")),
        "pending": Mark(colour="blue", icon="clock", text=_l("not paid yet")),
        "held": Mark(colour="amber", icon="alert-triangle", text=_l("held for a check")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
        "expired": Mark(colour="grey", icon="clock", text=_l("lapsed")),
        "cancelled": Mark(colour="grey", icon="ban", text=_l("cancelled")),
        "paid": Mark(colour="green", icon="check", text=_l("paid")),
        "refunded": Mark(colour="grey", icon="arrow-left", text=_l("given back")),
    },
    "parked": {
        "open": Mark(colour="amber", icon="alert-triangle", text=_l("waits")),
        "assigned": Mark(colour="green", icon="check", text=_l("booked")),
        "refunded": Mark(colour="grey", icon="arrow-left", text=_l("given back")),
        "dismissed": Mark(colour="grey", icon="x", text=_l("dismissed")),
    },
    "payment_link": {
        "open": Mark(colour="blue", icon="link", text=_l("can be paid")),
        "pending": Mark(colour="amber", icon="clock", text=_l("payment on its way")),
        "paid": Mark(colour="green", icon="check", text=_l("paid")),
        "expired": Mark(colour="grey", icon="clock", text=_l("lapsed")),
        "withdrawn": Mark(colour="grey", icon="ban", text=_l("withdrawn")),
        "closed": Mark(colour="grey", icon="x", text=_l("nothing to pay")),
    },
    "transfer": {
        "requested": Mark(colour="blue", icon="clock", text=_l("asked for")),
        "confirmed_from": Mark(colour="blue", icon="arrow-right", text=_l("waits for the new operator")),
        "confirmed_to": Mark(colour="blue", icon="arrow-left", text=_l("waits for the old operator")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
        "rejected": Mark(colour="red", icon="x", text=_l("ended without a change")),
    },
    "login": {
        "accept": Mark(colour="green", icon="login", text=_l("accepted")),
        "reject": Mark(colour="red", icon="ban", text=_l("refused")),
    },
    "device": {
        "approved": Mark(colour="green", icon="check", text=_l("allowed")),
        "pending": Mark(colour="amber", icon="clock", text=_l("waits for approval")),
        "blocked": Mark(colour="red", icon="ban", text=_l("blocked")),
    },
    "voucher": {
        "unused": Mark(colour="blue", icon="ticket", text=_l("unused")),
        "active": Mark(colour="green", icon="check", text=_l("in use")),
        "used": Mark(colour="grey", icon="minus", text=_l("used up")),
        "expired": Mark(colour="grey", icon="clock", text=_l("not used in time")),
        "disabled": Mark(colour="red", icon="ban", text=_l("disabled")),
    },
    "sheet": {
        "waiting": Mark(colour="blue", icon="clock", text=_l("waiting")),
        "running": Mark(colour="blue", icon="loader", text=_l("being printed")),
        "done": Mark(colour="green", icon="check", text=_l("done")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
    },
    "invoice": {
        "draft": Mark(colour="grey", icon="edit", text=_l("draft")),
        "unpaid": Mark(colour="blue", icon="clock", text=_l("open")),
        "overdue": Mark(colour="red", icon="alert-triangle", text=_l("overdue")),
        "paid": Mark(colour="green", icon="check", text=_l("paid")),
        "cancelled": Mark(colour="grey", icon="x", text=_l("cancelled")),
        "refunded": Mark(colour="amber", icon="arrow-back-up", text=_l("given back")),
    },
    "payment": {
        "pending": Mark(colour="blue", icon="clock", text=_l("expected")),
        "completed": Mark(colour="green", icon="check", text=_l("received")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
        "cancelled": Mark(colour="grey", icon="x", text=_l("taken back")),
        "expired": Mark(colour="grey", icon="clock", text=_l("not paid in time")),
        "refunded": Mark(colour="amber", icon="arrow-back-up", text=_l("given back")),
    },
    "entry": {"reversed": Mark(colour="grey", icon="arrow-back-up", text=_l("taken back"))},
    "enabled": {
        "yes": Mark(colour="green", icon="check", text=_l("active")),
        "no": Mark(colour="grey", icon="minus", text=_l("off")),
    },
    "router": {
        "seen": Mark(colour="green", icon="check", text=_l("talking to us")),
        "quiet": Mark(colour="amber", icon="alert-triangle", text=_l("quiet")),
        "never": Mark(colour="grey", icon="question-mark", text=_l("not heard yet")),
        "off": Mark(colour="grey", icon="minus", text=_l("off")),
    },
    "grade": {
        "complete": Mark(colour="green", icon="shield-check", text=_l("complete")),
        "running": Mark(colour="green", icon="check", text=_l("running")),
        "gap": Mark(colour="amber", icon="alert-triangle", text=_l("with gaps")),
        "skewed": Mark(colour="amber", icon="clock", text=_l("clock was wrong")),
        "estimated_close": Mark(colour="amber", icon="question-mark", text=_l("end estimated")),
        "reset": Mark(colour="amber", icon="refresh", text=_l("counters restarted")),
    },
    "outcome": {
        "stored": Mark(colour="green", icon="check", text=_l("stored")),
        "merged": Mark(colour="grey", icon="minus", text=_l("merged")),
        "quarantined": Mark(colour="amber", icon="alert-triangle", text=_l("put aside")),
    },
    "put_aside": {
        "waiting": Mark(colour="amber", icon="clock", text=_l("waiting")),
        "replay": Mark(colour="blue", icon="refresh", text=_l("tried again now")),
        "replayed": Mark(colour="green", icon="check", text=_l("counted")),
        "dismissed": Mark(colour="grey", icon="minus", text=_l("let go")),
    },
    "verdict": {
        "ok": Mark(colour="green", icon="check", text=_l("well")),
        "bad": Mark(colour="red", icon="alert-triangle", text=_l("fault")),
        "unknown": Mark(colour="grey", icon="question-mark", text=_l("not known")),
    },
    "webhook": {
        "new": Mark(colour="blue", icon="question-mark", text=_l("not heard yet")),
        "well": Mark(colour="green", icon="check", text=_l("hears")),
        "failing": Mark(colour="amber", icon="alert-triangle", text=_l("does not answer")),
        "paused": Mark(colour="red", icon="ban", text=_l("paused")),
        "off": Mark(colour="grey", icon="minus", text=_l("off")),
    },
    "delivery": {
        "waiting": Mark(colour="blue", icon="clock", text=_l("waiting")),
        "delivered": Mark(colour="green", icon="check", text=_l("delivered")),
        "failed": Mark(colour="red", icon="x", text=_l("failed")),
    },
    "token": {
        "alive": Mark(colour="green", icon="check", text=_l("valid")),
        "expired": Mark(colour="grey", icon="clock", text=_l("expired")),
        "revoked": Mark(colour="red", icon="x", text=_l("revoked")),
    },
}


def state_mark(kind: str, value: str) -> Mark:
    """How a state of that kind is shown; a state that has no words yet is shown by its code."""
    return _STATES.get(kind, {}).get(value) or Mark(colour="grey", icon="question-mark", text=value)


def state_text(kind: str, value: str) -> str:
    """The word alone, for a file."""
    return str(state_mark(kind, value).text)


def state_choices(kind: str) -> list[tuple[str, LazyString | str]]:
    """Every state of a kind with its word, for a filter."""
    return [(value, mark.text) for value, mark in _STATES[kind].items()]
