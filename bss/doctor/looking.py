"""What is written down about a customer's connection: account, last login, session, last change, and his router.

Everything here is a read of the database; the one row written asks for a probe of the router's CoA port.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from accounting.stale import LOST_AFTER_INTERVALS, LOST_AFTER_S
from bss import router_test
from bss.actor import Actor
from bss.doctor.words import Facts, Step, of_account, of_logins, of_queue
from bss.explain import Try, explain
from bss.failure import Conflict, NotFound, Problem
from bss.network import profile_of
from bss.router_api.access import target_of
from bss.router_test import BAD, Finding
from bss.rows import find
from db.engine import psycopg_of
from db.models import AccessLog, NasServer, SessionChange, Subscription
from db.queries.diagnosis import last_change_of
from db.queries.gardens import sessions_in_garden
from db.queries.lists import recent_logins
from db.queries.live_changes import session_service
from db.queries.router_evidence import SessionEvidence
from db.queries.sessions import last_ended, running_of
from domain.access import (
    AccessProfile,
    belongs_in_garden,
    bound_place,
    fup_tier_in_force,
    override_in_force,
    rate_limit_now,
    standing_reasons,
    used_up,
)
from domain.diagnosis import Decision, Findings, RouterFound, Running
from domain.live_change import WAITING
from domain.mac import normalise_mac
from domain.shown import Rate
from domain.speed import read_rate_limit
from routeros import Target

BY_PAYMENT = ("overdue", "credit_limit")
# Wrong passwords are known to the running server alone, so a trial of the rules says nothing about these.
_BEYOND_RULES = frozenset({"wrong_password", "too_many_tries", "unreadable", "unknown_user", "policy_error"})
# What a router's test says of its secret, in these two lines.
_OF_SECRETS = ("secret", "logins")
_TESTED = {"heard": "router", "secret": "secret", "clock": "clock"}
# Sessions of these are in a router's tables of PPP, hotspot or leases.
SHOWN_SERVICES = ("pppoe", "vpn", "hotspot", "dhcp")
NO_ROUTER = "no router is known for him yet"


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What is known without asking anybody, and what is still to be asked. `steps` are told already.

    `target` is the router's API, or `no_api` says why it is not asked; `no_coa` the same of its CoA port.
    `began_s` is of the monotonic clock.
    """

    username: str
    findings: Findings
    steps: Sequence[Step]
    facts: Facts
    session: datetime | None
    rate_limit: str | None
    target: Target | None
    no_api: str
    no_coa: str
    address: str | None
    keeps_names: bool
    # The name that the router's tables have, and whether its tables show sessions of this kind at all.
    shown_as: str
    is_shown_there: bool
    began_s: float = field(default_factory=time.monotonic)


def look(session: Session, *, actor: Actor, now: datetime, subscription_id: int) -> Examination:
    """Read all of it, and ask for the probe; raises `NotFound`."""
    began_s = time.monotonic()
    row = find(session, Subscription, subscription_id, actor=actor)
    if row.deleted_at is not None:
        raise NotFound(Problem(field="", reason="there is no such subscription"))
    seen = _Seen(session, actor, now, row)
    if not seen.no_coa and seen.router is not None:
        router_test.ask(session, actor=actor, now=now, nas_id=seen.router.id)
    return seen.examination(began_s)


class _Seen:
    """One reading of everything."""

    def __init__(self, session: Session, actor: Actor, now: datetime, row: Subscription) -> None:
        self._session, self._actor, self._now, self._row = session, actor, now, row
        self.profile = profile_of(session, row.id)
        self.last = _last_login(session, row)
        running = running_of(session, row.id, limit=20)
        self.running = running[0] if running else None
        self.ended = last_ended(session, row.id)
        self.change = None if self.running is None else last_change_of(session, row.id, self.running.acctuniqueid)
        self.router = self._router()
        self.target, self.no_api = _target(self.router)
        self.no_coa = _no_coa(self.router)
        self.tested = _tested(self.router, now)

    def _router(self) -> NasServer | None:
        """Where he is, must go, tried, or was last."""
        kind, place = bound_place(self.profile)
        ids = (
            None if self.running is None else self.running.nas_server_id,
            place if kind == "nas" else None,
            None if self.last is None else self.last.nas_server_id,
            None if self.ended is None else self.ended.nas_server_id,
            self._row.nas_server_id,
        )
        known = next((one for one in ids if one is not None), None)
        router = None if known is None else self._session.get(NasServer, known)
        return router if router is not None and router.deleted_at is None else None

    def examination(self, began_s: float) -> Examination:
        """All of it in values, so that nothing is read again while routers are asked."""
        found, running = self._findings(), self.running
        return Examination(
            username=self._row.username,
            findings=found,
            steps=(of_account(found), of_logins(found), *self._router_steps(), of_queue(found)),
            facts=self._facts(),
            session=None if running is None else running.acctupdatetime,
            rate_limit=rate_limit_now(self.profile, self._now),
            target=self.target,
            no_api=self.no_api,
            no_coa=self.no_coa,
            address=None if running is None or running.framedipaddress is None else str(running.framedipaddress),
            keeps_names=self.router is not None and self.router.provisioning_mode != "radius",
            shown_as=self._row.username if running is None else running.username or self._row.username,
            is_shown_there=self._service() in SHOWN_SERVICES,
            began_s=began_s,
        )

    def _service(self) -> str:
        row, sold_for = self.running, self.profile.connection_type
        if row is None:
            return "pppoe" if sold_for in ("static", "any") else sold_for
        return session_service(sold_for, row.framedprotocol, row.nasporttype, row.callingstationid)

    def _findings(self) -> Findings:
        profile, now, last = self.profile, self._now, self.last
        return Findings(
            now=now,
            refusals=tuple(standing_reasons(profile, now)),
            has_garden=belongs_in_garden(profile, now),
            owes=self._row.suspend_cause in BY_PAYMENT,
            decision=None if last is None else _decision(last),
            would_accept=self._would_accept(),
            running=self._running(),
            ended_at=None if self.ended is None else self.ended.acctstoptime,
            router=None if self.router is None else _router_found(self.router, self.tested, now),
            change=None if self.change is None else self.change.outcome,
            stuck_since=_waits_since(self.change),
            rate_asked=_rate(rate_limit_now(profile, now)),
            slowed_by=_slowed_by(profile, now),
        )

    def _would_accept(self) -> bool | None:
        last = self.last
        if last is None or last.result == "accept" or last.reason in _BEYOND_RULES:
            return None
        told = explain(self._session, actor=self._actor, now=self._now, subscription_id=self._row.id, wanted=Try())
        return told.is_accepted

    def _running(self) -> Running | None:
        row = self.running
        if row is None:
            return None
        longest_s = max(LOST_AFTER_INTERVALS * self.profile.interim_interval_s, LOST_AFTER_S)
        inside = sessions_in_garden(psycopg_of(self._session), [self._row.id])
        return Running(
            since=row.acctstarttime,
            mac=normalise_mac(row.callingstationid or ""),
            is_silent=self._now - row.acctupdatetime > timedelta(seconds=longest_s),
            in_garden=row.acctuniqueid in inside,
        )

    def _router_steps(self) -> list[Step]:
        if self.router is None:
            return [Step(name="router", verdict=router_test.UNKNOWN, reason=NO_ROUTER)]
        lines = [self._worse_secret(line) for line in self.tested if line.check in _TESTED]
        return [Step(name=_TESTED[line.check], verdict=line.verdict, reason=line.reason, at=line.at) for line in lines]

    def _worse_secret(self, line: Finding) -> Finding:
        if line.check != "secret" or line.verdict == BAD:
            return line
        logins = next(one for one in self.tested if one.check == "logins")
        return (
            Finding(check="secret", verdict=BAD, reason=logins.reason, at=logins.at) if logins.verdict == BAD else line
        )

    def _facts(self) -> Facts:
        mac = None if self.last is None else normalise_mac(self.last.callingstationid or "")
        listed = {str(one.mac).upper(): one.id for one in self._row.macs}
        return Facts(
            subscription_id=self._row.id,
            customer_id=self._row.customer_id,
            username=self._row.username,
            customer_code=self._row.customer.customer_code,
            router="" if self.router is None else self.router.name,
            nas_id=None if self.router is None else self.router.id,
            mac=mac,
            mac_id=listed.get(mac or ""),
            change_cause=_cause(self.change),
            ended_cause=None if self.ended is None else self.ended.acctterminatecause,
        )


def _last_login(session: Session, row: Subscription) -> AccessLog | None:
    found = recent_logins(session, tenant_id=row.tenant_id, subscription_id=row.id, before=None, limit=1)
    return found[0] if found else None


def _decision(last: AccessLog) -> Decision:
    return Decision(
        at=last.decided_at,
        is_accepted=last.result == "accept",
        reason=last.reason,
        mac=normalise_mac(last.callingstationid or ""),
    )


def _cause(change: SessionChange | None) -> str | None:
    return None if change is None else change.error_cause


def _waits_since(change: SessionChange | None) -> datetime | None:
    """When a change was asked for that waits and that nobody ever tried to send."""
    if change is None or change.status not in WAITING or change.attempts:
        return None
    return max(change.caused_at, change.next_attempt_at)


def _target(router: NasServer | None) -> tuple[Target | None, str]:
    if router is None:
        return None, NO_ROUTER
    try:
        return target_of(router), ""
    except Conflict as refusal:
        return None, refusal.problems[0].reason


def _no_coa(router: NasServer | None) -> str:
    if router is None:
        return NO_ROUTER
    return "" if router.is_active else "the router is switched off here, so it is not asked"


def _tested(router: NasServer | None, now: datetime) -> tuple[Finding, ...]:
    """What the router's test says from what its packets told; its sessions are not counted for this."""
    return () if router is None else tuple(router_test.findings(router, SessionEvidence(), None, now))


def _router_found(router: NasServer, tested: Sequence[Finding], now: datetime) -> RouterFound:
    verdicts = {line.check: line.verdict for line in tested}
    heard = [at for at in (router.last_seen_at, router.login_heard_at) if at is not None]
    return RouterFound(
        is_active=router.is_active,
        is_heard=bool(heard) and now - max(heard) < router_test.FRESH,
        was_ever_heard=bool(heard),
        secret_differs=any(verdicts.get(check) == BAD for check in _OF_SECRETS),
        accounting_at=router.last_seen_at,
        skew_s=router.clock_skew_s,
    )


def _rate(rate_limit: str | None) -> Rate:
    speed = None if rate_limit is None else read_rate_limit(rate_limit)
    return (0, 0) if speed is None else (speed.upload_kbps * 1000, speed.download_kbps * 1000)


def _slowed_by(profile: AccessProfile, now: datetime) -> str | None:
    if override_in_force(profile, now) is not None and profile.override_until is not None:
        return None
    if fup_tier_in_force(profile, now) is not None:
        return "fair_use"
    return "quota" if any(quota.throttle is not None for quota in used_up(profile, now)) else None
