"""Asks routers whether sessions that fell silent still run: by their own tables where they can be read, else by CoA.

The tables of a router are read once for all of its sessions. Whatever they leave open, and every router without an API,
is asked by a change that changes nothing, for that very session: a router that has it takes it, one that has not
refuses it. Everything else proves nothing, least of all silence; and a router that answers nothing at all is not asked
about each of its sessions. Nobody waits for a router that is dead: the others are asked and written down meanwhile.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import psycopg

from coa import tables
from coa.exchange import Answer, Request, Router, RouterLink
from db.crypto import UnableToDecrypt, keyring
from db.queries import stale
from db.queries.router_orders import accounts_of
from db.queries.stale import Check, CheckAnswer
from domain.retransmission import cause_text
from domain.stale import GONE, SECOND_TRY_AFTER_S, answer_of

WITHIN_S = 3.0
# Readings of tables and two rounds of packets end well before it.
LEASE = timedelta(seconds=20)
PER_ROUTER, PER_API, MOST_AT_ONCE = 50, 2_000, 2_000
MOST_PACKETS = 500
NOT_SHOWN = "the router's API does not show it"

_chance = SystemRandom()


def check_due(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> int:
    """Ask what waits and keep the answers; returns how many were asked. The connection must be idle."""
    with connection.transaction():
        due = stale.claim_checks(
            connection, now=clock(), lease=LEASE, per_router=PER_ROUTER, per_api=PER_API, limit=MOST_AT_ONCE
        )
        apis = accounts_of(connection, {check.nas_server_id for check in due})
    if not due:
        return 0
    open_checks = [check for check in due if check.nas_server_id in apis]
    with tables.asking(apis, open_checks, clock()) as answers:
        asked = _by_packet(connection, [check for check in due if check.nas_server_id not in apis], clock, bind)
        for _, told in answers:
            _keep_told(connection, told, clock())
            asked += len(told)
            open_checks = [check for check in open_checks if check.acctuniqueid not in told]
    return asked + _by_packet(connection, open_checks, clock, bind)


def _keep_told(connection: psycopg.Connection[Any], told: tables.Told, now: datetime) -> None:
    said = [
        CheckAnswer(acctuniqueid=unique_id, answer=answer, error_cause=NOT_SHOWN if answer == GONE else None)
        for unique_id, answer in told.items()
    ]
    with connection.transaction():
        stale.keep_check_answers(connection, said, now=now)


def _by_packet(
    connection: psycopg.Connection[Any], waiting: Sequence[Check], clock: Callable[[], datetime], bind: str
) -> int:
    """Ask by CoA, at most so many of each router; the others wait for the next step. Returns how many were asked."""
    due = _first_of_each(waiting)
    if len(due) < len(waiting):
        taken = {check.acctuniqueid for check in due}
        stale.leave_checks(connection, [one.acctuniqueid for one in waiting if one.acctuniqueid not in taken])
    if not due:
        return 0
    answers = asyncio.run(_ask_all(due, clock, bind))
    now = clock()
    said = [_said(check, answer, now) for check, answer in zip(due, answers, strict=True)]
    with connection.transaction():
        stale.keep_check_answers(connection, said, now=now)
        silent = _silent_routers(due, answers)
        if silent:
            stale.give_up_asking(connection, silent, now=now)
    return len(due)


def _first_of_each(waiting: Sequence[Check]) -> list[Check]:
    counts: dict[int, int] = defaultdict(int)
    first = []
    for check in waiting:
        counts[check.nas_server_id] += 1
        if counts[check.nas_server_id] <= PER_ROUTER:
            first.append(check)
    return first[:MOST_PACKETS]


def _said(check: Check, answer: Answer, now: datetime) -> CheckAnswer:
    said = answer_of(answer.result, answer.cause, said_so_before=check.tries > 0)
    return CheckAnswer(
        acctuniqueid=check.acctuniqueid,
        answer=said,
        error_cause=cause_text(answer.cause) or answer.note,
        ask_again_at=None if said is not None else now + timedelta(seconds=SECOND_TRY_AFTER_S),
    )


def _silent_routers(due: Sequence[Check], answers: Sequence[Answer]) -> list[int]:
    results: dict[int, set[str]] = defaultdict(set)
    for check, answer in zip(due, answers, strict=True):
        results[check.nas_server_id].add(answer.result)
    return [router for router, found in results.items() if not found & {"ack", "nak"}]


async def _ask_all(due: Sequence[Check], clock: Callable[[], datetime], bind: str) -> list[Answer]:
    links: dict[int, RouterLink | str] = {}
    for check in due:
        if check.nas_server_id not in links:
            links[check.nas_server_id] = _link(check, clock, bind)
    try:
        return list(await asyncio.gather(*(_ask(check, links[check.nas_server_id], clock) for check in due)))
    finally:
        for link in links.values():
            if isinstance(link, RouterLink):
                link.close()


def _link(check: Check, clock: Callable[[], datetime], bind: str) -> RouterLink | str:
    """The way to a router, or why there is none."""
    try:
        secret = keyring().decrypt(check.secret_token).encode()
    except UnableToDecrypt as error:
        return f"router's secret: {error}"
    router = Router(host=check.host, port=check.port, secret=secret)
    return RouterLink(router, bind=bind, clock=clock, variation=lambda: _chance.uniform(-1, 1))


async def _ask(check: Check, link: RouterLink | str, clock: Callable[[], datetime]) -> Answer:
    begun_at = clock()
    if isinstance(link, str):
        return Answer(result="error", sent_at=begun_at, note=link)
    request = Request(kind="coa", username=check.username, session_id=check.session_id, framed_ip=check.framed_ip)
    try:
        send_until = asyncio.get_running_loop().time() + WITHIN_S
        return await asyncio.wait_for(link.exchange(request, send_until=send_until), WITHIN_S)
    except TimeoutError:
        return Answer(result="timeout", sent_at=begun_at)
