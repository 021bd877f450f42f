"""Why a customer is not online, or not as he should be: from what was found to one conclusion and one thing to do.

Decides by a table, the first row that fits: what staff can mend comes before what they can only wait for, and what was
seen before what is only likely. Refuses to know where the findings came from and in which words they are told. What
could not be found out in time is None, which no row takes for a fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.shown import Rate, same_rate

WELL, UNSURE, BAD = SEVERITIES = ("well", "unsure", "bad")
# Every button that a conclusion can offer; "none": there is nothing to press.
ACTIONS: Mapping[str, str] = {
    "activate": "activate the subscription",
    "activate_customer": "activate the customer",
    "add_subscription": "add a subscription",
    "allow_device": "allow the device",
    "change_plan": "change the plan",
    "disconnect": "disconnect, so that he logs in again",
    "edit_attributes": "look at the attributes written by hand",
    "edit_subscription": "edit the subscription",
    "explain": "explain the login",
    "lift_fair_use": "lift fair use",
    "none": "",
    "open_blacklist": "look at the blacklist",
    "open_router": "look at the router",
    "record_payment": "record a payment",
    "redeem_voucher": "redeem a voucher",
    "remove_local_secret": "take the name off the router",
    "renew": "renew the subscription",
    "resend_speed": "send the speed again",
    "show_password": "show the password",
    "top_up": "top up the allowance",
    "watch_changes": "look at what waits to be sent to routers",
}
_OF_REASON: Mapping[str, str] = {
    "subscription_pending": "activate",
    "subscription_suspended": "activate",
    "subscription_disabled": "activate",
    "subscription_expired": "renew",
    "subscription_cancelled": "add_subscription",
    "subscription_terminated": "add_subscription",
    "customer_suspended": "activate_customer",
    "customer_inactive": "activate_customer",
    "customer_disabled": "activate_customer",
    "customer_blacklisted": "activate_customer",
    "over_credit_limit": "record_payment",
    "outside_hours": "change_plan",
    "quota_used_up": "top_up",
    "voucher_used": "redeem_voucher",
    "voucher_expired": "redeem_voucher",
    "voucher_disabled": "redeem_voucher",
    "wrong_password": "show_password",
    "too_many_tries": "show_password",
    "unreadable": "open_router",
    "wrong_device": "allow_device",
    "device_pending": "allow_device",
    "device_blocked": "allow_device",
    "device_blacklisted": "open_blacklist",
    "session_limit": "disconnect",
    "wrong_place": "edit_subscription",
    "wrong_service": "edit_subscription",
    "check_failed": "edit_attributes",
    "policy_error": "explain",
}
# Of these the login itself has to be tried again to know; the others are asked of the account as it is now.
_OF_A_TRY = frozenset(
    {
        "wrong_password", "too_many_tries", "unreadable", "wrong_device", "device_pending", "device_blocked",
        "device_blacklisted", "session_limit", "wrong_place", "wrong_service", "check_failed", "policy_error",
    }
)  # fmt: skip
# Accounting of a login that was let in comes within so long, or something is wrong.
BEGINS_WITHIN = timedelta(seconds=90)
# A refusal beside a running session is what the call is about for so long.
STILL_ABOUT = timedelta(minutes=30)
MAX_SKEW_S = 120
# A change that somebody waits for leaves within a second; one that nobody took for so long is not going to leave.
STUCK_AFTER = timedelta(seconds=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The last decision about a login."""

    at: datetime
    is_accepted: bool
    reason: str
    mac: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """The running session as accounting has it. `is_silent`: it was not heard for longer than its plan allows."""

    since: datetime
    mac: str | None = None
    is_silent: bool = False
    in_garden: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterFound:
    """The router that serves the customer. `is_heard` within the hour; `secret_differs` since its last good packet.

    `accounting_at` is its last accounting record, `skew_s` how far its clock is ahead.
    """

    is_active: bool = True
    is_heard: bool = True
    was_ever_heard: bool = True
    secret_differs: bool = False
    accounting_at: datetime | None = None
    skew_s: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """All that was found at `now`; None is not known.

    `refusals` hold now, whatever the device and place, the first one counting; `has_garden` says that he is let into
    the walled garden all the same. `owes`: a payment takes the first of them away. `would_accept`: a login as the last
    one would be let in now. `change` is the outcome of the running session's last live change
    (`domain.live_change.OUTCOMES`), `stuck_since` when it was asked for if nobody ever took it, `coa_answers` what the
    router's port did just now. `is_shown`: the router's own tables have the session. `has_local_secret`: the router
    knows the name itself and does not ask for it.
    """

    now: datetime
    refusals: tuple[str, ...] = ()
    has_garden: bool = False
    owes: bool = False
    decision: Decision | None = None
    would_accept: bool | None = None
    running: Running | None = None
    ended_at: datetime | None = None
    router: RouterFound | None = None
    change: str | None = None
    stuck_since: datetime | None = None
    coa_answers: bool | None = None
    is_shown: bool | None = None
    has_local_secret: bool | None = None
    rate_asked: Rate | None = None
    rate_shown: Rate | None = None
    slowed_by: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why the account itself keeps him off, None when it does not."""
        return self.refusals[0] if self.refusals else None

    @property
    def untried(self) -> bool:
        """Nothing was decided since the last session ended."""
        if self.decision is None:
            return True
        return self.ended_at is not None and self.decision.at <= self.ended_at


class Diagnosis(NamedTuple):
    """The conclusion: `code` names it, `action` is one of `ACTIONS`, `reason` a key of `domain.access.REASONS`."""

    code: str
    severity: str
    action: str
    reason: str = ""


class _Row(NamedTuple):
    code: str
    severity: str
    fits: Callable[[Findings], bool]
    action: str | Callable[[Findings], str]
    reason: Callable[[Findings], str] = lambda _: ""


def diagnose(found: Findings) -> Diagnosis:
    """The first row that fits; there is always one."""
    row = next(row for row in _TABLE if row.fits(found))
    action = row.action if isinstance(row.action, str) else row.action(found)
    return Diagnosis(code=row.code, severity=row.severity, action=action, reason=row.reason(found))


def action_of(reason: str, *, owes: bool = False) -> str:
    """What takes a refusal away, one of `ACTIONS`; `owes`: it goes by itself once he has paid."""
    return "record_payment" if owes else _OF_REASON.get(reason, "none")


def _refusal_action(found: Findings) -> str:
    return action_of(found.refusal or "", owes=found.owes)


def _refusal(found: Findings) -> str:
    return found.refusal or ""


def _last_reason(found: Findings) -> str:
    return "" if found.decision is None else found.decision.reason


def _is_online(found: Findings) -> bool:
    return found.running is not None and not found.running.is_silent


def _is_offline(found: Findings) -> bool:
    return found.running is None


def _second_device_is_refused(found: Findings) -> bool:
    running, last = found.running, found.decision
    if running is None or running.is_silent or last is None or last.is_accepted or last.mac is None:
        return False
    return last.mac != running.mac and last.at > running.since and found.now - last.at < STILL_ABOUT


def _is_refused(found: Findings) -> bool:
    last = found.decision
    return last is not None and not last.is_accepted and not found.untried


def _would_be_refused_again(found: Findings) -> bool:
    """A refusal that came of the login itself and not of an account that was mended since."""
    return _is_refused(found) and found.would_accept is not True and _last_reason(found) in _OF_A_TRY


def _secrets_differ(found: Findings) -> bool:
    return found.router is not None and found.router.secret_differs


def _never_began(found: Findings) -> bool:
    last = found.decision
    is_let_in = last is not None and last.is_accepted and not found.untried
    return is_let_in and last is not None and found.now - last.at > BEGINS_WITHIN


def _accounting_is_missing(found: Findings) -> bool:
    last, router = found.decision, found.router
    if not _never_began(found) or last is None:
        return False
    return router is None or router.accounting_at is None or router.accounting_at < last.at


def _router_is_quiet(found: Findings) -> bool:
    return found.router is not None and not found.router.is_heard


def _rate_differs(found: Findings) -> bool:
    if found.rate_asked is None or found.rate_shown is None:
        return False
    return not same_rate(found.rate_asked, found.rate_shown)


def _is_stuck(found: Findings) -> bool:
    return found.stuck_since is not None and found.now - found.stuck_since > STUCK_AFTER


def _clock_is_wrong(found: Findings) -> bool:
    skew_s = None if found.router is None else found.router.skew_s
    return skew_s is not None and abs(skew_s) > MAX_SKEW_S


_SLOWED_ACTION = {"fair_use": "lift_fair_use", "quota": "top_up"}

_TABLE: tuple[_Row, ...] = (
    # He is in the walled garden, or should be anywhere but online.
    _Row(
        "in_garden", BAD,
        lambda f: f.running is not None and f.running.in_garden and bool(f.refusals), _refusal_action, _refusal,
    ),
    _Row("left_in_garden", BAD, lambda f: f.running is not None and f.running.in_garden, "disconnect"),
    _Row(
        "still_online", BAD, lambda f: _is_online(f) and bool(f.refusals), "disconnect", _refusal,
    ),
    _Row("account", BAD, lambda f: bool(f.refusals) and not f.has_garden, _refusal_action, _refusal),
    _Row("account_garden", BAD, lambda f: bool(f.refusals), _refusal_action, _refusal),
    # The router cannot be talking to us about him.
    _Row("router_off", BAD, lambda f: f.router is not None and not f.router.is_active, "open_router"),
    _Row(
        "local_login", BAD,
        lambda f: _is_offline(f) and f.has_local_secret is True and f.is_shown is True, "remove_local_secret",
    ),
    _Row("local_secret", BAD, lambda f: _is_offline(f) and f.has_local_secret is True, "remove_local_secret"),
    _Row("not_accounted", BAD, lambda f: _is_offline(f) and f.is_shown is True, "open_router"),
    _Row("wrong_secret", BAD, lambda f: not _is_online(f) and _secrets_differ(f), "open_router"),
    # He is online, and something is not as it should be.
    _Row(
        "second_device", BAD, _second_device_is_refused, lambda f: action_of(_last_reason(f)), _last_reason,
    ),
    _Row("session_gone", UNSURE, lambda f: _is_online(f) and f.is_shown is False, "disconnect"),
    _Row("change_refused", BAD, lambda f: _is_online(f) and f.change == "failed", "disconnect"),
    _Row("rate_differs", BAD, lambda f: _is_online(f) and _rate_differs(f), "resend_speed"),
    _Row("coa_silent", BAD, lambda f: _is_online(f) and f.change == "unknown" and not f.coa_answers, "open_router"),
    _Row("change_stuck", BAD, lambda f: _is_online(f) and _is_stuck(f) and f.coa_answers is not False, "watch_changes"),
    _Row("session_silent_router", BAD, lambda f: f.running is not None and f.running.is_silent and _router_is_quiet(f),
         "open_router"),
    _Row(
        "session_blocks", BAD,
        lambda f: f.running is not None and f.running.is_silent and _is_refused(f)
        and _last_reason(f) == "session_limit", "disconnect",
    ),
    _Row("session_silent", UNSURE, lambda f: f.running is not None and f.running.is_silent, "disconnect"),
    _Row("clock", UNSURE, lambda f: _is_online(f) and _clock_is_wrong(f), "open_router"),
    _Row("coa_port", UNSURE, lambda f: _is_online(f) and f.coa_answers is False, "open_router"),
    _Row(
        "slowed", WELL, lambda f: _is_online(f) and f.slowed_by is not None,
        lambda f: _SLOWED_ACTION.get(f.slowed_by or "", "none"),
    ),
    _Row("well", WELL, _is_online, "none"),
    # He is off, and nothing of the account is against it.
    _Row("refused", BAD, _would_be_refused_again, lambda f: action_of(_last_reason(f)), _last_reason),
    _Row("refused_before", UNSURE, _is_refused, "none", _last_reason),
    _Row("accounting_missing", BAD, _accounting_is_missing, "open_router"),
    _Row("never_began", BAD, _never_began, "open_router"),
    _Row("beginning", UNSURE, lambda f: not f.untried, "none"),
    _Row("router_never", BAD, lambda f: f.router is not None and not f.router.was_ever_heard, "open_router"),
    _Row("router_silent", BAD, _router_is_quiet, "open_router"),
    _Row("ended", UNSURE, lambda f: f.ended_at is not None, "none"),
    _Row("never_tried", UNSURE, lambda _: True, "show_password"),
)  # fmt: skip
CODES: tuple[str, ...] = tuple(row.code for row in _TABLE)
