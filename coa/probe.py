"""Asks a router's CoA port something harmless: to change nothing of a session that does not exist.

A router that listens refuses it, signed with our secret, and that is the proof. Silence proves nothing: the port may be
closed, the packet lost, or the answer signed with another secret.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import psycopg

from coa.exchange import Answer, Request, Router, RouterLink
from db.crypto import UnableToDecrypt, keyring
from db.queries.router_evidence import ProbeAnswer, ProbeRequest, keep_answers, probes_to_send

# No session has this id: routers number theirs in hexadecimal.
NOBODY = Request(kind="coa", username="lintas-probe", session_id="lintas-probe")
# Somebody looks on: two packets, and the answer is told before his patience ends.
WITHIN_S = 3.5
MOST_AT_ONCE = 200
# Whoever asked has stopped looking by then.
STALE_AFTER = timedelta(minutes=1)

_chance = SystemRandom()


def probe_due(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> int:
    """Send the probes that were asked for and keep what came back; returns how many. The connection must be idle."""
    due = probes_to_send(connection, asked_since=clock() - STALE_AFTER, most=MOST_AT_ONCE)
    if not due:
        return 0
    answers = asyncio.run(_probe_all(due, clock, bind))
    with connection.transaction():
        keep_answers(connection, answers)
    return len(answers)


async def _probe_all(due: Sequence[ProbeRequest], clock: Callable[[], datetime], bind: str) -> list[ProbeAnswer]:
    return list(await asyncio.gather(*(_probe(request, clock, bind) for request in due)))


async def _probe(request: ProbeRequest, clock: Callable[[], datetime], bind: str) -> ProbeAnswer:
    answer = await _ask(request, clock, bind)
    took = None if answer.answered_at is None else answer.answered_at - answer.sent_at
    return ProbeAnswer(
        nas_server_id=request.nas_server_id,
        asked_at=request.asked_at,
        answered_at=clock(),
        result=answer.result,
        error_cause=answer.cause,
        round_trip_ms=None if took is None else max(0, round(took.total_seconds() * 1000)),
        note=answer.note,
    )


async def _ask(request: ProbeRequest, clock: Callable[[], datetime], bind: str) -> Answer:
    try:
        secret = keyring().decrypt(request.secret_token).encode()
    except UnableToDecrypt as error:
        return Answer(result="error", sent_at=clock(), note=f"router's secret: {error}")
    router = Router(host=request.host, port=request.port, secret=secret)
    link = RouterLink(router, bind=bind, clock=clock, variation=lambda: _chance.uniform(-1, 1))
    begun_at = clock()
    try:
        send_until = asyncio.get_running_loop().time() + WITHIN_S
        return await asyncio.wait_for(link.exchange(NOBODY, send_until=send_until), WITHIN_S)
    except TimeoutError:
        return Answer(result="timeout", sent_at=begun_at)
    finally:
        link.close()
