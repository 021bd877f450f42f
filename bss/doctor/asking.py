"""What only the router can tell: whether its CoA port answers, and what its own tables show of one name.

Both are asked side by side. The port is probed by the sender of live changes, who finds the question in a table; the
API is asked from here in a thread of its own. Whoever has not answered in time is left unknown.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.orm import Session

import routeros
from bss.doctor.looking import Examination
from db.engine import psycopg_of
from db.queries.router_evidence import Probe, last_probe
from domain.shown import Rate
from routeros import Router, RouterApiError, Target

# From the click; what a person waits for without losing patience is five seconds.
WITHIN_S = 4.3
API_S = 2.5
LOOK_EVERY_S = 0.05
# Each holds a thread of the server for seconds: one more is told what is written down, and nobody else waits for it.
AT_ONCE = 4
_room = threading.BoundedSemaphore(AT_ONCE)
CROWDED = "many are examined at this moment, so the router was not asked: try again"


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterTold:
    """What the router's own tables show of one name. None: it was not asked, did not answer, or shows nothing."""

    is_shown: bool | None = None
    has_local_secret: bool | None = None
    rate_bps: Rate | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CoaTold:
    """Whether the port answered; None: the question was not sent."""

    answers: bool | None
    round_trip_ms: int | None = None


def ask(session: Session, begun: Examination) -> Iterator[RouterTold | CoaTold]:
    """Both answers, the quicker one first; the last comes `WITHIN_S` after the examination began at the latest."""
    if not _room.acquire(blocking=False):
        yield RouterTold(problem=CROWDED)
        yield CoaTold(answers=None)
        return
    threads = ThreadPoolExecutor(1, thread_name_prefix="doctor")
    try:
        yield from _answers(session, begun, threads)
    finally:
        # The thread ends by its own deadline; nobody waits for it.
        threads.shutdown(wait=False)
        _room.release()


def _answers(session: Session, begun: Examination, threads: ThreadPoolExecutor) -> Iterator[RouterTold | CoaTold]:
    until_s, nas_id = begun.began_s + WITHIN_S, begun.facts.nas_id
    api = None if begun.target is None else threads.submit(_tables, begun.target, begun)
    waits_for_coa = nas_id is not None and not begun.no_coa
    if api is None:
        yield RouterTold(problem=begun.no_api)
    if not waits_for_coa:
        yield CoaTold(answers=None)
    while (api is not None or waits_for_coa) and time.monotonic() < until_s:
        if api is not None and api.done():
            yield api.result()
            api = None
        if waits_for_coa and nas_id is not None and (told := _probed(session, nas_id)) is not None:
            yield told
            waits_for_coa = False
        if api is not None or waits_for_coa:
            time.sleep(LOOK_EVERY_S)
    yield from _late(api_is_late=api is not None, coa_is_late=waits_for_coa)


def _late(*, api_is_late: bool, coa_is_late: bool) -> Iterator[RouterTold | CoaTold]:
    if api_is_late:
        yield RouterTold(problem="the router did not answer in time")
    if coa_is_late:
        # The sender of probes writes down silence too, and sooner than this: nobody took the question.
        yield CoaTold(answers=None)


def _probed(session: Session, nas_id: int) -> CoaTold | None:
    probe = last_probe(psycopg_of(session), nas_id)
    if probe is None or probe.result is None:
        return None
    return CoaTold(answers=_answer_of(probe), round_trip_ms=probe.round_trip_ms)


def _answer_of(probe: Probe) -> bool | None:
    if probe.result in ("ack", "nak"):
        return True
    return False if probe.result == "timeout" else None


def _tables(target: Target, begun: Examination) -> RouterTold:
    try:
        with routeros.open(target, deadline_s=API_S, even_if_resting=True) as router:
            return _shown(router, begun)
    except RouterApiError as error:
        return RouterTold(problem=str(error))


def _shown(router: Router, begun: Examination) -> RouterTold:
    name = begun.shown_as
    ppp = router.ppp_active(name=name)
    is_online = bool(ppp or router.hotspot_active(user=name) or _has_lease(router, begun))
    return RouterTold(
        is_shown=is_online or (False if begun.is_shown_there else None),
        has_local_secret=None if begun.keeps_names else _knows_name(router, begun.username),
        rate_bps=_rate(router, begun, {f"<{one.service}-{name}>" for one in ppp}) if is_online else None,
    )


def _has_lease(router: Router, begun: Examination) -> bool:
    leases = router.dhcp_leases(address=begun.address) if begun.address else []
    return any(one.status in ("bound", "") for one in leases)


def _knows_name(router: Router, name: str) -> bool:
    secrets = [one for one in router.ppp_secrets(name=name) if not one.is_disabled]
    users = [one for one in router.hotspot_users(name=name) if not (one.is_disabled or one.is_dynamic)]
    return bool(secrets or users)


def _rate(router: Router, begun: Examination, names: set[str]) -> Rate | None:
    """Upload and download of the first queue in force for his session; None where there is none."""
    queues = [queue for name in sorted(names) for queue in router.queues(name=name)]
    if not queues and begun.address:
        queues = router.queues(target=f"{begun.address}/32")
    return next((queue.max_limit_bps for queue in queues if not queue.is_disabled), None)
