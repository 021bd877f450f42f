"""How a router does, line by line: what was seen, what that means, what to do. From evidence that is there already.

Nothing here waits for a router. Only its CoA port has to be asked, which is done by a job; until that has answered, the
line says so. What was not seen is unknown and never bad: a router nobody uses yet has no fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.rows import find
from db.engine import psycopg_of
from db.models import NasServer
from db.queries.router_evidence import Probe, SessionEvidence, ask_probe, last_probe, session_evidence

OK, BAD, UNKNOWN = "ok", "bad", "unknown"
FRESH = timedelta(hours=1)
# After this long a packet that was heard has become a login or not.
SETTLES = timedelta(seconds=90)
MAX_SKEW_S = 120
# So much traffic tells which way it flows.
ENOUGH_BYTES = 100_000_000
PROBE_AGAIN = timedelta(seconds=3)
PROBE_LOST = timedelta(seconds=30)
# A job asks every minute.
API_STALE = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line: `check` names it, `verdict` is "ok", "bad" or "unknown", `at` is when it was seen."""

    check: str
    verdict: str
    reason: str
    mend: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterReport:
    """All lines about a router; `is_waiting` while its CoA port has been asked and has not answered."""

    nas_id: int
    name: str
    findings: tuple[Finding, ...]
    is_waiting: bool


def ask(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> RouterReport:
    """Ask for a new probe of the CoA port, and tell what is known until it has answered."""
    router = find(session, NasServer, nas_id, actor=actor)
    ask_probe(psycopg_of(session), router.id, now=now, not_before=PROBE_AGAIN)
    return _report(session, router, now)


def report(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> RouterReport:
    """What is known of the router now."""
    return _report(session, find(session, NasServer, nas_id, actor=actor), now)


def _report(session: Session, router: NasServer, now: datetime) -> RouterReport:
    connection = psycopg_of(session)
    sessions = session_evidence(connection, router.id, now=now)
    probe = last_probe(connection, router.id)
    return RouterReport(
        nas_id=router.id,
        name=router.name,
        findings=tuple(findings(router, sessions, probe, now)),
        is_waiting=_is_waiting(probe, now),
    )


def findings(router: NasServer, sessions: SessionEvidence, probe: Probe | None, now: datetime) -> Iterable[Finding]:
    """Every line, in the order in which a person looks for a fault."""
    yield _heard(router, now)
    yield _logins(router, now)
    yield _secret(router)
    yield _signature(router)
    yield _clock(router)
    yield _interim(sessions)
    yield _counters(router, sessions)
    if router.type == "mikrotik":
        yield _api(router, now)
    yield _coa(probe, now)


def _is_recent(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now - moment < FRESH


def _heard(router: NasServer, now: datetime) -> Finding:
    newest = max((at for at in (router.last_seen_at, router.login_heard_at) if at is not None), default=None)
    if not router.is_active:
        return Finding(
            check="heard", verdict=BAD, reason="it is switched off here, so nothing of it is answered",
            mend="answer it again on its page", at=newest,
        )  # fmt: skip
    if newest is None:
        return Finding(
            check="heard", verdict=UNKNOWN, reason="no packet has come from its address yet",
            mend="paste the commands into the router, and compare the address its packets come from",
        )  # fmt: skip
    if _is_recent(newest, now):
        return Finding(check="heard", verdict=OK, reason="its packets arrive", at=newest)
    return Finding(
        check="heard", verdict=UNKNOWN, reason="no packet has come within the last hour",
        mend="if customers use it, check the line between, and the address of the server on the router", at=newest,
    )  # fmt: skip


def _logins(router: NasServer, now: datetime) -> Finding:
    heard = router.login_heard_at
    if heard is None:
        return Finding(
            check="logins", verdict=UNKNOWN, reason="no login has been asked for yet",
            mend="let a customer connect; on the router, PPP or hotspot must use RADIUS",
        )  # fmt: skip
    if router.signs_requests is None and now - heard > SETTLES:
        return Finding(
            check="logins", verdict=BAD, reason="packets reach the port for logins, and none could be read",
            mend="compare the secret; or the router does not sign its requests while this is required of it", at=heard,
        )  # fmt: skip
    return Finding(check="logins", verdict=OK, reason="its logins are read and answered", at=heard)


def _secret(router: NasServer) -> Finding:
    proved = router.last_seen_at
    noise = router.unreadable_at
    if noise is not None and (proved is None or noise > proved):
        return Finding(
            check="secret", verdict=BAD, reason="a password arrived as noise: the secrets differ",
            mend="paste the commands with the secret from here into the router again", at=noise,
        )  # fmt: skip
    if proved is not None:
        return Finding(
            check="secret", verdict=OK, reason="its accounting is signed with the secret that we have", at=proved
        )
    if router.signs_requests:
        return Finding(
            check="secret", verdict=OK, reason="its logins are signed with the secret that we have",
            at=router.login_heard_at,
        )  # fmt: skip
    return Finding(check="secret", verdict=UNKNOWN, reason="nothing signed has come yet", mend="let a customer connect")


def _signature(router: NasServer) -> Finding:
    signs, required = router.signs_requests, router.require_message_authenticator
    if signs is None:
        return Finding(check="signature", verdict=UNKNOWN, reason="no login has been read yet")
    if signs and required:
        return Finding(check="signature", verdict=OK, reason="its logins carry Message-Authenticator, as they must")
    if signs:
        return Finding(
            check="signature", verdict=BAD,
            reason="its logins carry Message-Authenticator, but those without it are answered as well",
            mend="require it: the router can do it, and it protects against forged answers",
        )  # fmt: skip
    if required:
        return Finding(
            check="signature", verdict=BAD, reason="some of its logins came without Message-Authenticator",
            mend="switch require-message-auth on at the router, from RouterOS 7.15", at=router.unsigned_seen_at,
        )  # fmt: skip
    mend = (
        "with RouterOS 7.15 or later switch require-message-auth on there, then require it here"
        if router.routeros_version >= 7
        else "RouterOS 6 cannot sign them: update the router, or keep the line between it and here private"
    )
    reason = "its logins carry no Message-Authenticator and could be forged"
    return Finding(check="signature", verdict=BAD, reason=reason, mend=mend, at=router.unsigned_seen_at)


def _clock(router: NasServer) -> Finding:
    skew_s = router.clock_skew_s
    if skew_s is None:
        return Finding(check="clock", verdict=UNKNOWN, reason="no accounting record has told its time yet")
    if abs(skew_s) <= MAX_SKEW_S:
        return Finding(
            check="clock", verdict=OK, reason=f"its clock differs by {abs(skew_s)} seconds", at=router.last_seen_at
        )
    mend = "set up /system ntp client on the router"
    reason = f"its clock is ahead by {skew_s} seconds" if skew_s > 0 else f"its clock is behind by {-skew_s} seconds"
    return Finding(check="clock", verdict=BAD, reason=reason, mend=mend, at=router.last_seen_at)


def _interim(sessions: SessionEvidence) -> Finding:
    mend = "set interim-update on the router: 5m for PPP, received for a hotspot"
    if not sessions.reporting:
        if sessions.silent:
            reason = f"{sessions.silent} sessions have run for long and never reported"
            return Finding(check="interim", verdict=BAD, reason=reason, mend=mend)
        return Finding(check="interim", verdict=UNKNOWN, reason="no session has reported twice yet")
    if sessions.late * 10 > sessions.reporting:
        reason = (
            f"{sessions.late} of {sessions.reporting} sessions report later than their plan asks,"
            f" every {sessions.median_s} seconds instead of {sessions.wanted_s}"
        )
        return Finding(check="interim", verdict=BAD, reason=reason, mend=mend)
    reason = f"sessions report every {sessions.median_s} seconds, where {sessions.wanted_s} are asked"
    return Finding(check="interim", verdict=OK, reason=reason)


def _counters(router: NasServer, sessions: SessionEvidence) -> Finding:
    down, up = sessions.download_bytes, sessions.upload_bytes
    if down + up < ENOUGH_BYTES:
        return Finding(check="counters", verdict=UNKNOWN, reason="its sessions have not carried enough yet to tell")
    if down >= up:
        return Finding(
            check="counters", verdict=OK, reason="its customers receive more than they send, as customers do"
        )
    if up > 3 * down:
        mend = (
            "it probably counts the other way round: let input counters hold what customers receive"
            if router.acct_input_is == "upload"
            else "it probably counts the other way round: let input counters hold what customers send"
        )
        times = up // max(1, down)
        reason = f"its customers send {times} times what they receive"
        return Finding(check="counters", verdict=BAD, reason=reason, mend=mend)
    return Finding(check="counters", verdict=UNKNOWN, reason="its customers send a little more than they receive")


def _is_waiting(probe: Probe | None, now: datetime) -> bool:
    return probe is not None and probe.result is None and now - probe.asked_at < PROBE_LOST


def _coa(probe: Probe | None, now: datetime) -> Finding:
    if probe is None:
        return Finding(check="coa", verdict=UNKNOWN, reason="its CoA port was not asked yet", mend="run the test")
    if _is_waiting(probe, now):
        return Finding(check="coa", verdict=UNKNOWN, reason="waiting for its answer", at=probe.asked_at)
    if probe.result in ("ack", "nak"):
        return Finding(
            check="coa", verdict=OK, reason=f"its CoA port answers within {probe.round_trip_ms or 0} ms",
            at=probe.answered_at,
        )  # fmt: skip
    if probe.result is None:
        return Finding(
            check="coa", verdict=UNKNOWN, reason="the question was not sent: no worker took it",
            mend="see 'lintas status' on the server", at=probe.asked_at,
        )  # fmt: skip
    if probe.result in ("error", "unsendable"):
        return Finding(
            check="coa", verdict=UNKNOWN, reason="the question could not be sent from here",
            mend="see the server's log", at=probe.answered_at,
        )  # fmt: skip
    return Finding(
        check="coa", verdict=UNKNOWN, reason="its CoA port did not answer",
        mend="on the router: /radius incoming accept=yes, the same port as here, this server as its RADIUS server,"
        " and no firewall between", at=probe.answered_at,
    )  # fmt: skip


def _api(router: NasServer, now: datetime) -> Finding:
    """From what the job that asks every minute wrote down."""
    asked_at = router.api_checked_at
    if not router.api_username:
        if router.provisioning_mode != "radius":
            return Finding(
                check="api", verdict=BAD,
                reason="it should keep customers' passwords, and there is no account for its API",
                mend="edit the router and give it name and password",
            )  # fmt: skip
        return Finding(
            check="api", verdict=UNKNOWN, reason="there is no account for the router's API",
            mend="with one, changes of sessions are read back from it",
        )  # fmt: skip
    if asked_at is None or (router.is_active and now - asked_at > API_STALE):
        return Finding(
            check="api", verdict=UNKNOWN, reason="its API was not asked of late", at=asked_at,
            mend="test the connection on its page; if that works, see 'lintas status' on the server",
        )  # fmt: skip
    if router.api_problem:
        return Finding(
            check="api", verdict=BAD, reason=router.api_problem, at=asked_at,
            mend="test the connection on its page; its service api or api-ssl must be open for this server",
        )  # fmt: skip
    return Finding(check="api", verdict=OK, reason="its API answers", at=router.last_connected_at)
