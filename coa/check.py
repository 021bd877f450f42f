"""Asks routers whether sessions that fell silent still run: a change that changes nothing, for that very session.

A router that has the session takes it, one that has not refuses it. Everything else proves nothing, least of all
silence; and a router that answers nothing at all is not asked about each of its sessions.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import psycopg

from coa.exchange import Answer, Request, Router, RouterLink
from db.crypto import UnableToDecrypt, keyring
from db.queries import stale
from db.queries.stale import Check, CheckAnswer
from domain.retransmission import cause_text
from domain.stale import SECOND_TRY_AFTER_S, answer_of

WITHIN_S = 3.0
LEASE = timedelta(seconds=15)
PER_ROUTER, MOST_AT_ONCE = 50, 500

_chance = SystemRandom()


def check_due(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> int:
    """Ask what waits and keep the answers; returns how many were asked. The connection must be idle."""
    with connection.transaction():
        due = stale.claim_checks(connection, now=clock(), lease=LEASE, per_router=PER_ROUTER, limit=MOST_AT_ONCE)
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
