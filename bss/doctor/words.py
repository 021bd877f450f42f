"""What the doctor says: a line for each step, and the sentence at the end with the button that mends it.

English; the panel finds these sentences in its catalogue. Which of them is said is decided by `domain.diagnosis`.
"""

from dataclasses import dataclass
from datetime import datetime

from bss.router_test import BAD, OK, UNKNOWN
from domain.access import REASONS
from domain.diagnosis import STUCK_AFTER, Diagnosis, Findings
from domain.shown import Rate, same_rate

# In the order in which a person looks for a fault.
STEPS = ("account", "logins", "router", "secret", "clock", "session", "speed", "coa", "queue")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that was looked at: `verdict` is "ok", "bad" or "unknown", `at` is when it was so."""

    name: str
    verdict: str
    reason: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Whom and what the sentence and its button are about."""

    subscription_id: int
    customer_id: int
    username: str = ""
    customer_code: str = ""
    router: str = ""
    nas_id: int | None = None
    mac: str | None = None
    mac_id: int | None = None
    change_cause: str | None = None
    ended_cause: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """The one sentence, what it means for the customer in a second half, and the one action (`ACTIONS`)."""

    code: str
    severity: str
    reason: str
    mend: str
    action: str
    facts: Facts


def of_account(found: Findings) -> Step:
    """Whether anything but device, place and password is against a login now."""
    if found.refusal is None:
        return Step(name="account", verdict=OK, reason="nothing of the account is against a login")
    why = REASONS.get(found.refusal, found.refusal)
    if found.has_garden:
        return Step(name="account", verdict=BAD, reason=f"he is let into the walled garden only: {why}")
    return Step(name="account", verdict=BAD, reason=why)


def of_logins(found: Findings) -> Step:
    """The last decision about a login."""
    last = found.decision
    if last is None:
        return Step(name="logins", verdict=UNKNOWN, reason="nobody has ever tried to log in with this name")
    why = REASONS.get(last.reason, last.reason)
    if last.is_accepted:
        return Step(name="logins", verdict=OK, reason="the last login was let in", at=last.at)
    device = last.mac or "an unknown device"
    return Step(name="logins", verdict=BAD, reason=f"the last login, from {device}, was refused: {why}", at=last.at)


def of_session(found: Findings, heard_at: datetime | None, problem: str = "") -> Step:
    """The running session, as accounting and as the router have it."""
    running = found.running
    if running is None:
        if found.has_local_secret:
            reason = "the router knows this name itself, so it never asks us about it"
            return Step(name="session", verdict=BAD, reason=reason)
        return Step(name="session", verdict=BAD, reason="he is not online", at=found.ended_at)
    if running.is_silent:
        reason = "his session was not heard for longer than it may be silent"
        return Step(name="session", verdict=BAD, reason=reason, at=heard_at)
    if found.is_shown is False:
        return Step(name="session", verdict=BAD, reason="the router does not show his session any more", at=heard_at)
    if found.is_shown:
        return Step(name="session", verdict=OK, reason="he is online, and the router shows his session", at=heard_at)
    if problem:
        reason = f"he is online by what the router reported; its own tables were not seen: {problem}"
        return Step(name="session", verdict=OK, reason=reason, at=heard_at)
    return Step(name="session", verdict=OK, reason="he is online by what the router reported", at=heard_at)


def of_speed(found: Findings, rate_limit: str | None) -> Step:
    """The speed that the router gives him beside the one he should have."""
    asked, shown = found.rate_asked, found.rate_shown
    if found.running is None or found.running.is_silent:
        return Step(name="speed", verdict=UNKNOWN, reason="without a session there is no speed to compare")
    if shown is None or asked is None:
        return Step(name="speed", verdict=UNKNOWN, reason="the router showed no queue of his to compare with")
    if same_rate(asked, shown):
        reason = f"the router gives him the speed he should have: {rate_limit or 'no limit'}"
        return Step(name="speed", verdict=OK, reason=reason)
    reason = f"the router gives him {spelled(shown)} instead of {spelled(asked)}"
    return Step(name="speed", verdict=BAD, reason=reason)


def of_coa(answers: bool | None, round_trip_ms: int | None, not_asked: str) -> Step:
    """Whether the router's CoA port answered just now."""
    if not_asked:
        return Step(name="coa", verdict=UNKNOWN, reason=not_asked)
    if answers is None:
        return Step(name="coa", verdict=UNKNOWN, reason="the question was not sent in time: is the worker running?")
    if answers:
        return Step(name="coa", verdict=OK, reason=f"its CoA port answers within {round_trip_ms or 0} ms")
    return Step(name="coa", verdict=BAD, reason="its CoA port did not answer")


def of_queue(found: Findings) -> Step:
    """Whether a change of his session waits that nobody takes."""
    since = found.stuck_since
    if since is None:
        return Step(name="queue", verdict=OK, reason="no change of his session waits to be sent")
    if found.now - since > STUCK_AFTER:
        reason = "a change of his session waits, and nobody takes it: is the worker running?"
        return Step(name="queue", verdict=BAD, reason=reason, at=since)
    return Step(name="queue", verdict=OK, reason="a change of his session is about to be sent", at=since)


def spelled(rate_bps: Rate) -> str:
    """A rate as people at routers write it, upload first."""
    return "/".join("0" if part == 0 else _short(part) for part in rate_bps)


def _short(bps: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if bps >= size:
            return f"{bps / size:.4g}{unit}"
    return str(bps)


def conclusion(told: Diagnosis, found: Findings, facts: Facts) -> Conclusion:
    """The sentence for a diagnosis."""
    said = _said(told, found, facts)
    return Conclusion(
        code=told.code,
        severity=told.severity,
        reason=said.reason,
        mend=said.mend,
        action=told.action,
        facts=facts,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    reason: str
    mend: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    code: str
    why: str
    router: str
    found: Findings
    facts: Facts


def _said(told: Diagnosis, found: Findings, facts: Facts) -> _Said:
    why, router = REASONS.get(told.reason, told.reason), facts.router or "the router"
    case = _Case(code=told.code, why=why, router=router, found=found, facts=facts)
    told_by = (_of_the_account, _of_the_router, _of_the_session, _of_the_login)
    return next(said for said in (say(case) for say in told_by) if said is not None)


def _of_the_account(one: _Case) -> _Said | None:
    match one.code:
        case "account":
            return _Said(reason=f"he cannot log in: {one.why}", mend="mend that, and his next login is let in")
        case "account_garden" | "in_garden":
            return _Said(
                reason=f"he reaches the walled garden only: {one.why}", mend="mend that, and he is let out at once"
            )
        case "left_in_garden":
            mend = "end the session: his next login is a customer's again"
            return _Said(reason="he is still in the walled garden although nothing is against him any more", mend=mend)
        case "still_online":
            return _Said(
                reason=f"he is still online although {one.why}",
                mend="end the session; if that fails, look at the router",
            )
    return None


def _of_the_router(one: _Case) -> _Said | None:
    match one.code:
        case "router_off":
            return _Said(
                reason=f"{one.router} is switched off here, so its logins are not answered", mend="switch it on"
            )
        case "wrong_secret":
            return _Said(
                reason=f"what {one.router} sends cannot be read: its secret and ours differ",
                mend="paste the commands with the secret from here into the router again",
            )
        case "router_never":
            return _Said(
                reason=f"no packet has ever come from {one.router}",
                mend="paste the commands into it, and compare the address its packets come from",
            )
        case "router_silent" | "session_silent_router":
            return _Said(
                reason=f"{one.router} has sent nothing for an hour: it is off, or the line to it is cut",
                mend="see to the router first; his account is well",
            )
        case "local_secret":
            return _Said(
                reason=f"{one.router} has a secret of its own with this name, so it does not ask us",
                mend="take the name off the router; his next login is decided here",
            )
        case "local_login":
            return _Said(
                reason=f"he is online on {one.router} by a secret of its own: no speed, limit or count of ours applies",
                mend="take the name off the router and end the session there",
            )
        case "not_accounted":
            return _Said(
                reason=f"he is online on {one.router}, but nothing of it has been reported here",
                mend="on the router accounting must be on and sent to this server",
            )
        case "coa_silent" | "coa_port":
            return _Said(
                reason=f"he is online, but {one.router} does not answer changes: its CoA port is silent",
                mend="on the router: /radius incoming accept=yes, the port saved here, no firewall between",
            )
        case "clock":
            return _Said(
                reason=f"he is online; the clock of {one.router} is wrong, so times of sessions are too",
                mend="set up /system ntp client on the router",
            )
    return None


def _of_the_session(one: _Case) -> _Said | None:
    match one.code:
        case "second_device":
            return _Said(
                reason=f"one device is online, and another, {one.facts.mac}, was refused: {one.why}",
                mend="if the second one is his, let it in; otherwise all is well",
            )
        case "session_gone":
            return _Said(
                reason=f"{one.router} does not have his session any more, and its end has not been reported",
                mend="end it here, so that nothing holds up his next login",
            )
        case "change_refused":
            cause = one.facts.change_cause or "no cause was given"
            return _Said(
                reason=f"{one.router} refused the last change of his session: {cause}",
                mend="end the session: his next login gets what was asked for",
            )
        case "rate_differs":
            shown, asked = spelled(one.found.rate_shown or (0, 0)), spelled(one.found.rate_asked or (0, 0))
            return _Said(
                reason=f"he is online, but {one.router} gives him {shown} instead of {asked}",
                mend="send the speed again",
            )
        case "change_stuck":
            return _Said(
                reason="he is online, but a change of his session waits and was never sent to the router",
                mend="see that the worker runs (lintas doctor tells); the change leaves by itself then",
            )
        case "session_blocks":
            return _Said(
                reason="a session that fell silent still counts as online and keeps his new login out",
                mend="end it, and he is let in at the next try",
            )
        case "session_silent":
            return _Said(
                reason=f"his session fell silent, while others on {one.router} are heard: his line is probably cut",
                mend="his next login replaces it; ending it by hand does no harm",
            )
        case "slowed":
            reason = (
                "all is well: he is online, slowed by fair use"
                if one.found.slowed_by == "fair_use"
                else "all is well: he is online, slowed because an allowance is used up"
            )
            return _Said(reason=reason, mend="that is as his plan has it")
        case "well":
            return _Said(reason="all is well: he is online, and nothing is against it")
    return None


def _of_the_login(one: _Case) -> _Said | None:
    match one.code:
        case "refused":
            device = one.facts.mac or "an unknown device"
            return _Said(reason=f"his last login, from {device}, was refused: {one.why}", mend=_mend_of(one.found))
        case "refused_before":
            return _Said(
                reason=f"his last login was refused ({one.why}); now it would be let in",
                mend="let him connect again",
            )
        case "accounting_missing":
            return _Said(
                reason=f"he was let in, but no accounting comes from {one.router}, so his session is not known",
                mend="on the router accounting must be on and sent to this server",
            )
        case "never_began":
            return _Said(
                reason=f"he was let in, but no session of his began on {one.router}",
                mend="look at its log: an address or a profile is missing there, or the line is bad",
            )
        case "beginning":
            return _Said(reason="he was let in a moment ago; his session begins", mend="look again in a moment")
        case "ended":
            cause = one.facts.ended_cause or "not told"
            return _Said(
                reason=f"nothing is against him; his last session ended ({cause}), and he has not tried since",
                mend="let him switch his device off and on",
            )
        case "never_tried":
            return _Said(
                reason="nothing is against him, and nobody has ever tried to log in with this name",
                mend="compare name and password in his device",
            )
    return None


def _mend_of(found: Findings) -> str:
    last = "" if found.decision is None else found.decision.reason
    mend = "mend that, and let him connect again"
    if last == "wrong_password":
        mend = "compare the password in his device, or set a new one"
    elif last in ("wrong_device", "device_pending", "device_blocked"):
        mend = "if the device is his, allow it"
    elif last == "too_many_tries":
        mend = "compare the password in his device; it may try again after a while"
    return mend
