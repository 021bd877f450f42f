"""What routers' own tables say of sessions that fell silent: one reading answers for all sessions of a router.

A row that is the session proves that it runs. That it is missing proves its end only where the same table shows others:
an empty table is as likely one of a router that has just started. Whatever else is seen, or nothing, is not known.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime, timedelta

import routeros
from coa.api_reader import Tables, is_hotspot, is_ppp
from db.crypto import UnableToDecrypt
from db.queries.live_changes import session_service
from db.queries.router_orders import Account
from db.queries.stale import Check
from domain.stale import ALIVE, GONE

DEADLINE_S = 3.0
AT_ONCE, MOST_ROUTERS = 16, 32
# A login of the same user at the same address that is younger by more than clocks differ is another session.
YOUNGER_BY = timedelta(minutes=10)

# What a router told by the session's unique id; a session that is not there is not known.
Told = dict[str, str]


@contextmanager
def asking(apis: Mapping[int, Account], due: Sequence[Check], now: datetime) -> Iterator[Iterator[tuple[int, Told]]]:
    """Ask the first `MOST_ROUTERS` of these routers at once; inside, what each told in the order of their answers.

    The caller has time for other things meanwhile. A router that fails or is late tells nothing.
    """
    by_router: dict[int, list[Check]] = {}
    for check in due:
        if check.nas_server_id in apis:
            by_router.setdefault(check.nas_server_id, []).append(check)
    asked = list(by_router)[:MOST_ROUTERS]
    if not asked:
        yield iter(())
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(asked)), thread_name_prefix="router-tables") as threads:
        waiting = {threads.submit(_ask, apis[router], by_router[router], now): router for router in asked}
        yield ((waiting[answer], answer.result()) for answer in as_completed(waiting))


def _ask(api: Account, checks: Sequence[Check], now: datetime) -> Told:
    try:
        with routeros.open(routeros.Target(**api.target), deadline_s=DEADLINE_S) as router:
            tables = Tables(router)
            said = {check.acctuniqueid: judged(tables, check, now) for check in checks}
    except (routeros.RouterApiError, UnableToDecrypt):
        return {}
    return {unique_id: answer for unique_id, answer in said.items() if answer is not None}


def judged(tables: Tables, check: Check, now: datetime) -> str | None:
    """What the tables say of one session: `ALIVE`, `GONE`, or None when that is not known."""
    service = session_service(check.connection_type, check.framed_protocol, check.port_type, check.station)
    if service in ("pppoe", "vpn"):
        return _of_ppp(tables, check)
    return _of_hotspot(tables, check, now) if service == "hotspot" else None


def _of_ppp(tables: Tables, check: Check) -> str | None:
    if any(is_ppp(row, check) for row in tables.ppp):
        return ALIVE
    # The same customer at the same address under another number: told by the one who knows numbers.
    is_alike = any(row.name == check.username and row.address == check.framed_ip for row in tables.ppp)
    return GONE if tables.ppp and not is_alike else None


def _of_hotspot(tables: Tables, check: Check, now: datetime) -> str | None:
    for row in tables.hotspot:
        if is_hotspot(row, check):
            began_at = check.started_at if row.uptime_s is None else now - timedelta(seconds=row.uptime_s)
            return GONE if began_at - check.started_at > YOUNGER_BY else ALIVE
    return GONE if tables.hotspot else None
