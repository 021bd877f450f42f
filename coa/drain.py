"""Empties the outbox: claims what is due, sends it to many routers at once, writes down what they say.

Decides how much is in flight and when to stop. What an answer means is decided in `domain.retransmission`, what a
packet looks like in `coa.exchange`.

One coroutine does all database work and every exchange is a task of its own, so a router that is silent holds up
nobody: while its packets are repeated, other changes are claimed, sent and written down. A killed sender leaves claims
that run out; they are put back and sent again, which does a session no harm.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import psycopg

from coa.exchange import MOST_IN_FLIGHT, Answer, Request, Router, RouterLink
from db.crypto import UnableToDecrypt, keyring
from db.queries import outbox
from db.queries.live_changes import enqueue_change
from db.queries.outbox import Claim, Situation
from domain.retransmission import (
    GONE,
    MAX_CLAIMS,
    SUPERSEDED,
    Outcome,
    Verdict,
    cause_text,
    judge,
    longest_exchange,
    says_unknown_session,
)
from domain.vendors import live_attributes
from runtime.logs import get_logger

# An exchange, then time to write it down; after that the claim is anybody's.
LEASE = 3 * longest_exchange()
# No packet leaves in the last part of a lease.
_SEND_WITHIN = LEASE - longest_exchange() / 2
# A router that let an exchange end in silence is probed with this many until it answers.
_ROOM_WHEN_SILENT = 8
# Each router costs an open file while something is in flight; a process has 1,024 by default.
MOST_ROUTERS = 500
_LOOK_AGAIN_S = 0.05
_MOST_WRITTEN_AT_ONCE = 200
_CLAIM_FOR = timedelta(seconds=20)

log = get_logger("coa.drain")


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What a drain did; `retried` go out again later, `more` says that it stopped before all was sent."""

    claimed: int = 0
    ack: int = 0
    nak: int = 0
    timeout: int = 0
    gone: int = 0
    superseded: int = 0
    retried: int = 0
    released: int = 0
    more: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """For a task's result and for `--json`."""
        return asdict(self)


def drain(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> Counts:
    """Send everything that is due, until nothing is; `bind` is the source address of the packets.

    The connection must be idle: every step commits.
    """
    return asyncio.run(_Drain(connection, clock=clock, bind=bind).run())


def sweep(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> Counts:
    """Put back what killed senders had claimed, then drain."""
    with connection.transaction():
        released = outbox.release_expired(connection, now=clock(), most_claims=MAX_CLAIMS)
    if released:
        log.warning("changes of a lost sender put back", changes=released)
    return replace(drain(connection, clock=clock, bind=bind), released=released)


class _Drain:
    """One run. Database work happens in a thread, one step at a time, so that packets never wait for a commit."""

    def __init__(self, connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str) -> None:
        self._books = _Books(connection, clock)
        self._clock = clock
        self._bind = bind
        self._links: dict[int, RouterLink] = {}
        self._in_flight: Counter[int] = Counter()
        self._silent: set[int] = set()
        self._tasks: dict[asyncio.Task[Answer], Claim] = {}
        self._done: asyncio.Queue[asyncio.Task[Answer]] = asyncio.Queue()

    async def run(self) -> Counts:
        until = self._clock() + _CLAIM_FOR
        try:
            while True:
                late = self._clock() >= until
                claimed = 0 if late else await self._claim()
                if self._tasks:
                    await self._write_down(await self._finished())
                elif not claimed:
                    return Counts(**self._books.counts, more=late)
        finally:
            await self._stop()

    async def _claim(self) -> int:
        # Counted from before the claim, so a sender that stood still can only stop too early.
        send_until = asyncio.get_running_loop().time() + _SEND_WITHIN.total_seconds()
        rooms = {
            router: self._room(router) - self._in_flight[router] for router in self._in_flight.keys() | self._silent
        }
        most_routers = max(1, MOST_ROUTERS - len(self._links))
        claims, to_send = await asyncio.to_thread(self._books.take_due, rooms, most_routers)
        for claim in to_send:
            self._launch(claim, send_until)
        return claims

    def _room(self, router: int) -> int:
        return _ROOM_WHEN_SILENT if router in self._silent else MOST_IN_FLIGHT

    def _launch(self, claim: Claim, send_until: float) -> None:
        task = asyncio.create_task(self._exchange(claim, send_until))
        self._tasks[task] = claim
        self._in_flight[claim.nas_server_id] += 1
        task.add_done_callback(self._done.put_nowait)

    async def _exchange(self, claim: Claim, send_until: float) -> Answer:
        try:
            link = self._link(claim)
        except UnableToDecrypt as error:
            return Answer(result="error", sent_at=self._clock(), note=f"router's secret: {error}")
        request = Request(
            kind=claim.kind,
            username=claim.username,
            session_id=claim.session_id,
            framed_ip=claim.framed_ip,
            attributes=live_attributes(claim.attributes, claim.vendor),
        )
        return await link.exchange(request, send_until=send_until)

    def _link(self, claim: Claim) -> RouterLink:
        if claim.nas_server_id not in self._links:
            secret = keyring().decrypt(claim.secret_token).encode()
            router = Router(host=claim.host, port=claim.port, secret=secret)
            self._links[claim.nas_server_id] = RouterLink(
                router, bind=self._bind, clock=self._clock, variation=_variation
            )
        return self._links[claim.nas_server_id]

    async def _finished(self) -> list[asyncio.Task[Answer]]:
        """What has ended since the last look; waits a moment for the first one."""
        try:
            finished = [await asyncio.wait_for(self._done.get(), _LOOK_AGAIN_S)]
        except TimeoutError:
            return []
        while not self._done.empty() and len(finished) < _MOST_WRITTEN_AT_ONCE:
            finished.append(self._done.get_nowait())
        return finished

    async def _write_down(self, tasks: list[asyncio.Task[Answer]]) -> None:
        if not tasks:
            return
        exchanges = [(self._tasks.pop(task), self._answer(task)) for task in tasks]
        for claim, answer in exchanges:
            self._note_router(claim.nas_server_id, answer)
        await asyncio.to_thread(self._books.write_down, exchanges)

    def _answer(self, task: asyncio.Task[Answer]) -> Answer:
        error = task.exception()
        if error is None:
            return task.result()
        # A change that trips our own code must not take the others down with it, nor vanish.
        log.error("sending a change failed", exc_info=error)
        return Answer(result="unsendable", sent_at=self._clock(), note=f"internal error: {type(error).__name__}")

    def _note_router(self, router: int, answer: Answer) -> None:
        if answer.result == "timeout":
            self._silent.add(router)
        elif answer.answered_at is not None:
            self._silent.discard(router)
        self._in_flight[router] -= 1
        if not self._in_flight[router]:
            del self._in_flight[router]
            link = self._links.pop(router, None)
            if link is not None:
                link.close()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self._links.values():
            link.close()


class _Books:
    """The outbox as one drain sees it; every method commits."""

    def __init__(self, connection: psycopg.Connection[Any], clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._clock = clock
        self.counts: Counter[str] = Counter()

    def take_due(self, rooms: dict[int, int], most_routers: int) -> tuple[int, list[Claim]]:
        """Claim what is due; returns how many were claimed and those of them that are worth a packet."""
        with self._connection.transaction():
            claims = outbox.claim_due(
                self._connection,
                now=self._clock(),
                lease=LEASE,
                room=MOST_IN_FLIGHT,
                rooms=rooms,
                most_routers=most_routers,
            )
        if not claims:
            return 0, []
        self.counts["claimed"] += len(claims)
        return len(claims), self._worth_sending(claims)

    def _worth_sending(self, claims: list[Claim]) -> list[Claim]:
        with self._connection.transaction():
            wanted = outbox.still_wanted(self._connection, claims)
            pointless = [(claim, verdict) for claim in claims if (verdict := _without_asking(claim, wanted))]
            if pointless:
                now = self._clock()
                self._finish([_outcome(claim, verdict, now=now) for claim, verdict in pointless])
        dropped = {claim.id for claim, _ in pointless}
        return [claim for claim in claims if claim.id not in dropped]

    def write_down(self, exchanges: list[tuple[Claim, Answer]]) -> None:
        """Record the attempts and what follows from them."""
        now = self._clock()
        verdicts = self._judge(exchanges, now)
        plain = [step for step in zip(exchanges, verdicts, strict=True) if not step[1].disconnect]
        with self._connection.transaction():
            outbox.record_attempts(self._connection, [_attempt(*exchange) for exchange, _ in plain])
            self._finish([_outcome(claim, verdict, now=now, answer=answer) for (claim, answer), verdict in plain])
        for (claim, answer), verdict in zip(exchanges, verdicts, strict=True):
            if verdict.disconnect:
                self._disconnect_instead(claim, answer, verdict, now)

    def _judge(self, exchanges: list[tuple[Claim, Answer]], now: datetime) -> list[Verdict]:
        unclear = [claim.id for claim, answer in exchanges if answer.result != "ack"]
        known = outbox.situations(self._connection, unclear) if unclear else {}
        return [judge(_seen(claim, answer, known.get(claim.id), now)) for claim, answer in exchanges]

    def _disconnect_instead(self, claim: Claim, answer: Answer, verdict: Verdict, now: datetime) -> None:
        # A transaction for each: it may wait for a concurrent enqueue, and must hold nothing that one waits for.
        with self._connection.transaction():
            outbox.record_attempts(self._connection, [_attempt(claim, answer)])
            held = self._finish([_outcome(claim, verdict, now=now, answer=answer)])
            if held:
                enqueue_change(
                    self._connection,
                    kind="disconnect",
                    reason=claim.reason,
                    requested_by=f"system: fallback after NAK {answer.cause}",
                    now=now,
                    caused_at=claim.caused_at,
                    sessions=[claim.acctuniqueid],
                )

    def _finish(self, outcomes: list[outbox.Outcome]) -> set[int]:
        held = outbox.finish(self._connection, outcomes)
        for outcome in outcomes:
            if outcome.id in held:
                self.counts["retried" if outcome.status == "pending" else outcome.status] += 1
        return held


def _without_asking(claim: Claim, wanted: set[int]) -> Verdict | None:
    """What becomes of a change that needs no packet any more."""
    if claim.router_removed or not claim.session_open:
        return GONE
    return None if claim.id in wanted else SUPERSEDED


def _seen(claim: Claim, answer: Answer, situation: Situation | None, now: datetime) -> Outcome:
    return Outcome(
        kind=claim.kind,
        result=answer.result,
        cause=answer.cause,
        tries=claim.tries,
        age=now - (claim.sent_at or answer.sent_at),
        asked_again=says_unknown_session(claim.error_cause),
        session_open=situation is not None and situation.session_open,
        has_successor=situation is not None and situation.has_successor,
        newer_waiting=situation is not None and situation.newer_waiting,
    )


def _attempt(claim: Claim, answer: Answer) -> outbox.Attempt:
    return outbox.Attempt(
        change_id=claim.id,
        sent_at=answer.sent_at,
        answered_at=answer.answered_at,
        transmissions=answer.transmissions,
        result="error" if answer.result == "unsendable" else answer.result,
        error_cause=cause_text(answer.cause) or answer.note,
    )


def _outcome(claim: Claim, verdict: Verdict, *, now: datetime, answer: Answer | None = None) -> outbox.Outcome:
    sent = answer is not None and answer.transmissions > 0
    answered_at = answer.answered_at if answer is not None else None
    return outbox.Outcome(
        id=claim.id,
        claimed_until=claim.claimed_until,
        status=verdict.status,
        error_cause=cause_text(answer.cause) or answer.note if answer is not None else None,
        sent_at=answer.sent_at if answer is not None and sent else None,
        next_attempt_at=now + verdict.retry_after if verdict.retry_after is not None else None,
        finished_at=None if verdict.status == "pending" else answered_at or now,
    )


def _variation() -> float:
    return _random.uniform(-1, 1)


_random = SystemRandom()
