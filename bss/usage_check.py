"""How a subscription is doing at this moment: its sessions, what passes through them, and what is left to it.

Bandwidth is told by the router itself where its API can be asked, and always by the last two accounting reports; each
says how old it is. A router that does not answer within a moment costs that moment and nothing else, and somebody who
is offline gets the last session and the totals.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

import routeros
from bss.actor import Actor
from bss.failure import Conflict
from bss.network import profile_of
from bss.router_api.access import target_of
from bss.router_api.reading import LOOK_S
from bss.rows import find
from db.models import NasServer, RadAcct, Subscription
from db.queries.sessions import last_ended, routers_of, running_of
from db.queries.usage_reports import UsageRow, usage_of_periods
from domain.period import PERIOD_KINDS, period_at
from domain.standing import Standing, standings, usage_percentage
from routeros import RouterApiError, Target
from routeros.rows import Flow

# Nobody is online more often than this; routers are asked side by side.
MOST_SESSIONS, MOST_ROUTERS = 20, 4
NO_ADDRESS = "the session has no address to look for"
NOT_SHOWN = "the router shows neither an interface nor a queue of this customer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bandwidth:
    """What passes: `source` is the router's `interface` or `queue` at `measured_at`, or `reports`.

    The reports' is the average of the `over_s` seconds before `measured_at`.
    """

    download_bps: int
    upload_bps: int
    source: str
    measured_at: datetime
    over_s: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionNow:
    """A running session. `live` is what its router shows now, or `problem` says why not; `reported` what it told."""

    session: RadAcct
    router: str
    seconds: int
    live: Bandwidth | None
    problem: str | None
    reported: Bandwidth | None

    @property
    def bandwidth(self) -> Bandwidth | None:
        """The newest that is known."""
        return self.live or self.reported


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageNow:
    """What was found at `looked_at`. `usage_percentage` is of the billing period's volume; None: nothing limits it."""

    subscription: Subscription
    looked_at: datetime
    sessions: Sequence[SessionNow]
    last_session: RadAcct | None
    last_router: str
    periods: Mapping[str, UsageRow]
    standings: Sequence[Standing]
    usage_percentage: int | None

    @property
    def is_online(self) -> bool:
        """Whether a session runs."""
        return bool(self.sessions)

    @property
    def last_seen_at(self) -> datetime | None:
        """When something was heard of the subscription last; None is never."""
        heard = [one.session.acctupdatetime for one in self.sessions]
        if self.last_session is not None:
            heard.append(self.last_session.acctstoptime or self.last_session.acctupdatetime)
        return max(heard, default=None)


def check(session: Session, *, actor: Actor, now: datetime, subscription_id: int, ask_routers: bool = True) -> UsageNow:
    """Look now; takes at most a second whatever routers do. Changes nothing."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    profile = profile_of(session, subscription.id)
    running = running_of(session, subscription.id, limit=MOST_SESSIONS)
    last = None if running else last_ended(session, subscription.id)
    shown = [*running, *([last] if last else [])]
    routers = routers_of(session, shown, tenant_id=actor.tenant_id)
    asked = _ask(running, routers) if ask_routers else {}
    standing = standings(profile, now)
    periods = [period_at(kind, now, profile.zone, profile.billing_day) for kind in PERIOD_KINDS]
    return UsageNow(
        subscription=subscription,
        looked_at=now,
        sessions=[_session(one, routers, asked.get(one.acctuniqueid), now) for one in running],
        last_session=last,
        last_router="" if last is None else _name(last, routers),
        periods=usage_of_periods(session, subscription.id, periods),
        standings=standing,
        usage_percentage=usage_percentage(standing),
    )


def _name(one: RadAcct, routers: Mapping[int, NasServer]) -> str:
    router = routers.get(one.nas_server_id)
    return str(one.nasipaddress) if router is None else router.name


def _session(one: RadAcct, routers: Mapping[int, NasServer], asked: Flow | str | None, now: datetime) -> SessionNow:
    live = None
    if isinstance(asked, Flow):
        live = Bandwidth(
            download_bps=asked.download_bps, upload_bps=asked.upload_bps, source=asked.shown_by, measured_at=now
        )
    return SessionNow(
        session=one,
        router=_name(one, routers),
        seconds=max(one.acctsessiontime, int((now - one.acctstarttime).total_seconds())),
        live=live,
        problem=asked if isinstance(asked, str) else None,
        reported=reported(one),
    )


def reported(one: RadAcct) -> Bandwidth | None:
    """What passed on average between a session's last two reports; None before the second."""
    if one.download_kbps is None or one.upload_kbps is None:
        return None
    return Bandwidth(
        download_bps=one.download_kbps * 1000,
        upload_bps=one.upload_kbps * 1000,
        source="reports",
        measured_at=one.acctupdatetime,
        over_s=one.acctinterval,
    )


def _ask(running: Sequence[RadAcct], routers: Mapping[int, NasServer]) -> dict[str, Flow | str]:
    """What each session's router shows of it, or why it does not; one conversation with each router."""
    told: dict[str, Flow | str] = {}
    waiting: dict[int, tuple[Target, list[RadAcct]]] = {}
    for one in running:
        router = routers.get(one.nas_server_id)
        try:
            if router is not None and one.nas_server_id not in waiting:
                waiting[one.nas_server_id] = (target_of(router), [])
        except Conflict as refusal:
            told[one.acctuniqueid] = str(refusal)
        if one.nas_server_id in waiting:
            waiting[one.nas_server_id][1].append(one)
    if not waiting:
        return told
    with ThreadPoolExecutor(min(MOST_ROUTERS, len(waiting)), thread_name_prefix="usage-check") as threads:
        for answer in threads.map(lambda asked: _flows(*asked), list(waiting.values())[:MOST_ROUTERS]):
            told |= answer
    return told


def _flows(target: Target, sessions: Sequence[RadAcct]) -> dict[str, Flow | str]:
    try:
        with routeros.open(target, deadline_s=LOOK_S) as router:
            return {one.acctuniqueid: _flow(router, one) for one in sessions}
    except RouterApiError as error:
        return {one.acctuniqueid: str(error) for one in sessions}


def _flow(router: routeros.Router, one: RadAcct) -> Flow | str:
    if one.framedipaddress is None:
        return NO_ADDRESS
    return router.flow_of(str(one.framedipaddress)) or NOT_SHOWN
