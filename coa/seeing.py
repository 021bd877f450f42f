"""The second half of a change: what RADIUS could not do is done through the router's API, and what was acknowledged is
looked at, so that "applied" is only said of what was seen.

A step of its own beside sending, bounded in time and number: a router that does not answer delays neither packets nor,
for longer than its deadline, the routers after it. What it does not show is not known.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

import routeros
from coa.api_reader import carry_out, look
from coa.fallback import disconnect_instead
from db.crypto import UnableToDecrypt
from db.queries import outbox, refusals, seeing
from db.queries.router_orders import Account, accounts_of
from db.queries.seeing import Job, Sight
from domain.capability import WITHOUT_EFFECT, can_wait
from domain.desired import RATE_LIMIT, SESSION_TIMEOUT, TOTAL_LIMIT
from domain.live_change import PROOFS
from domain.retransmission import BELIEVE_DIFFERENCE_AFTER, LOOK_AFTER, Outcome, Verdict, judge_api
from domain.shown import ADDRESS_LIST, APPLIED, DIFFERS, UNKNOWN, Proof

DEADLINE_S = 5.0
# Two rounds of them at most, so a step is over in about ten seconds whatever routers do.
_AT_ONCE, _MOST_ROUTERS = 8, 16
_MOST_JOBS = 2_000
# After this another may take what a killed step had taken.
LEASE = timedelta(seconds=40)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a step did. `carried_out` and `fell_back` were due for the API; the others are sights of acknowledged
    changes; `more`: it stopped at its bound."""

    stops: int = 0
    carried_out: int = 0
    fell_back: int = 0
    applied: int = 0
    differs: int = 0
    unknown: int = 0
    more: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """For a task's result and for `--json`."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What a router's API brought for each job by id and showed of each look, or why it brought nothing."""

    results: dict[int, str]
    proofs: dict[int, Proof] = field(default_factory=dict)
    problem: str | None = None


def see(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime]) -> Seen:
    """Carry out and look at what is due, at most so much. The connection must be idle: every step commits."""
    now = clock()
    with connection.transaction():
        stops = seeing.see_stops(connection, now=now, most=_MOST_JOBS)
        jobs = seeing.claim_for_api(connection, now=now, lease=LEASE, most=_MOST_JOBS)
        looks = seeing.due_looks(connection, now=now, lease=LEASE, most=_MOST_JOBS)
        apis = accounts_of(connection, {job.nas_server_id for job in (*jobs, *looks)})
    if not jobs and not looks:
        return Seen(stops=stops)
    told, left = _ask_all(apis, (*jobs, *looks))
    if left:
        with connection.transaction():
            seeing.put_back(connection, [job.id for job in (*jobs, *looks) if job.nas_server_id in left], now=now)
        jobs = [job for job in jobs if job.nas_server_id not in left]
        looks = [job for job in looks if job.nas_server_id not in left]
    counts = _Writer(connection, clock).write_down(jobs, looks, told)
    return Seen(stops=stops, more=bool(left) or _MOST_JOBS in (len(jobs), len(looks)), **counts)


def _ask_all(apis: dict[int, Account], jobs: Iterable[Job]) -> tuple[dict[int, _Told], set[int]]:
    """What the routers told, and those that it was not the turn of."""
    by_router: dict[int, list[Job]] = {}
    for job in jobs:
        # Who is over needs no question.
        if job.nas_server_id in apis and (job.session_open or job.is_look):
            by_router.setdefault(job.nas_server_id, []).append(job)
    now_asked, left = list(by_router)[:_MOST_ROUTERS], set(list(by_router)[_MOST_ROUTERS:])
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="router-api") as threads:
        answers = threads.map(lambda router: _ask(apis[router], by_router[router]), now_asked)
        return dict(zip(now_asked, answers, strict=True)), left


def _ask(api: Account, jobs: Sequence[Job]) -> _Told:
    try:
        with routeros.open(routeros.Target(**api.target), deadline_s=DEADLINE_S) as router:
            done = carry_out(router, [job for job in jobs if not job.is_look])
            return _Told(results=done, proofs=look(router, [job for job in jobs if job.is_look]))
    except routeros.RouterApiError as error:
        return _Told(results={}, problem=str(error))
    except UnableToDecrypt as error:
        return _Told(results={}, problem=f"API password: {error}")


class _Writer:
    """Writes down what routers told."""

    def __init__(self, connection: psycopg.Connection[Any], clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._clock = clock

    def write_down(self, jobs: list[Job], looks: list[Job], told: dict[int, _Told]) -> dict[str, int]:
        """All of it; returns counts by the names of `Seen`."""
        now = self._clock()
        situations = outbox.situations(self._connection, [job.id for job in (*jobs, *looks)])
        fell_back = sum(self._end_job(job, told.get(job.nas_server_id), situations.get(job.id), now) for job in jobs)
        proved = {job.id: _proof(job, told.get(job.nas_server_id)) for job in looks}
        sights = {job.id: _sight(job, proved[job.id], told.get(job.nas_server_id), now) for job in looks}
        with self._connection.transaction():
            seeing.note_sights(self._connection, list(sights.values()), now=now)
        for job in looks:
            if sights[job.id].proof == DIFFERS:
                self._mend(job, proved[job.id], situations.get(job.id), now)
        proofs = [sight.proof for sight in sights.values()]
        counts = {name: proofs.count(name) for name in PROOFS}
        return counts | {"carried_out": len(jobs) - fell_back, "fell_back": fell_back}

    def _end_job(self, job: Job, told: _Told | None, situation: outbox.Situation | None, now: datetime) -> bool:
        """What becomes of a job for the API; true when it has to go another way."""
        result = "error" if told is None else told.results.get(job.id, "error")
        verdict = judge_api(_seen(job, result, situation, now))
        with self._connection.transaction():
            outbox.record_attempts(self._connection, [_attempt(job, result, told, now)])
            held = outbox.finish(self._connection, [_outcome(job, verdict, result, told, now)])
            if held and verdict.disconnect:
                disconnect_instead(self._connection, job, why="as the API cannot change it", now=now)
        return verdict.status not in ("ack", "gone")

    def _mend(self, job: Job, proof: Proof, situation: outbox.Situation | None, now: datetime) -> None:
        """A yes that was none: the router is asked for something else, and remembered.

        For a limit nobody is thrown out: the next login brings it, and whoever counts ends the session in time.
        """
        is_soon_enough = can_wait(proof.about)
        refused = proof.about if is_soon_enough else (job.kind,)
        with self._connection.transaction():
            keys = {(job.nas_server_id, what, WITHOUT_EFFECT): 1 for what in refused}
            refusals.note(self._connection, keys, now=now)
            is_open = situation is not None and situation.session_open and not situation.newer_waiting
            if is_open and not is_soon_enough:
                disconnect_instead(self._connection, job, why=f"as it was {WITHOUT_EFFECT}", now=now)


def _seen(job: Job, result: str, situation: outbox.Situation | None, now: datetime) -> Outcome:
    is_open = situation is not None and situation.session_open and not job.router_removed
    return Outcome(
        kind=job.kind,
        result=result,
        tries=job.tries,
        age=now - (job.sent_at or job.caused_at),
        session_open=is_open,
        newer_waiting=situation is not None and situation.newer_waiting,
        can_wait=job.kind == "coa" and can_wait(job.attributes),
    )


# At most as long as a cause is kept, sixty characters. What a look found comes by the attribute it is about.
_WORDS = {
    "cannot": "the API cannot change this in a running session",
    "unknown": "the router's API showed no sessions at all",
    "error": "the router's API was not asked",
    f"unknown {RATE_LIMIT}": "the router shows no queue of this session",
    f"unknown {SESSION_TIMEOUT}": "RouterOS does not show the session's time limit",
    f"unknown {TOTAL_LIMIT}": "RouterOS does not show the session's volume limit",
    f"unknown {ADDRESS_LIST}": "the router's address lists were not read",
    f"differs {RATE_LIMIT}": "the router shows another speed",
    f"differs {SESSION_TIMEOUT}": "the router shows another time limit",
    f"differs {TOTAL_LIMIT}": "the router shows another volume limit",
    f"differs {ADDRESS_LIST}": "the address is not in its list on the router",
    "differs": "the router still lists the session",
    "unseen": "the router does not list the session",
    "unshown": "RouterOS does not show this",
}


def _problem(result: str, told: _Told | None) -> str | None:
    return (told.problem if told is not None and result == "error" else None) or _WORDS.get(result)


def _attempt(job: Job, result: str, told: _Told | None, now: datetime) -> outbox.Attempt:
    kept = {"applied": "ack", "absent": "ack", "cannot": "nak"}.get(result, "error")
    return outbox.Attempt(
        change_id=job.id,
        sent_at=now,
        answered_at=None if result == "error" else now,
        transmissions=0 if told is None else 1,
        result=kept,
        error_cause=_problem(result, told),
        via="api",
    )


def _outcome(job: Job, verdict: Verdict, result: str, told: _Told | None, now: datetime) -> outbox.Outcome:
    return outbox.Outcome(
        id=job.id,
        claimed_until=job.claimed_until or now,
        status=verdict.status,
        error_cause=_problem(result, told),
        sent_at=now if result in ("applied", "cannot") else None,
        next_attempt_at=now + verdict.retry_after if verdict.retry_after is not None else None,
        finished_at=None if verdict.status == "pending" else now,
        via=verdict.via,
        proof=verdict.proof,
    )


def _proof(job: Job, told: _Told | None) -> Proof:
    return Proof(word=UNKNOWN) if told is None else told.proofs.get(job.id, Proof(word=UNKNOWN))


def _sight(job: Job, proof: Proof, told: _Told | None, now: datetime) -> Sight:
    """What is kept of a look, and when to look again; a difference is believed when it lasts."""
    looks = job.looks + 1
    is_settled = (
        proof.word == APPLIED or proof.is_final or (proof.word == DIFFERS and looks >= BELIEVE_DIFFERENCE_AFTER)
    )
    is_last = looks >= len(LOOK_AFTER) or not (job.has_api or job.kind == "disconnect")
    if is_settled or is_last:
        return Sight(id=job.id, proof=proof.word, why=_why(proof, told), look_at=None)
    return Sight(id=job.id, proof=None, why=None, look_at=now + LOOK_AFTER[looks])


def _why(proof: Proof, told: _Told | None) -> str | None:
    """Why it is not called applied."""
    if proof.word == APPLIED:
        return None
    if proof.about:
        return next(
            (_WORDS[f"{proof.word} {name}"] for name in proof.about if f"{proof.word} {name}" in _WORDS),
            _WORDS["unshown"],
        )
    if proof.word == DIFFERS:
        return _WORDS[DIFFERS]
    return None if told is None else told.problem or _WORDS["unseen"]
