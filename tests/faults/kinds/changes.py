"""Changes to live sessions while routers refuse, are silent or slow, and while the sender is killed.

Every session is given a speed of its own; afterwards each is looked at in its router. What the installation calls done
must be so, what is not done must be said to be open or failed, and nobody else's session may have been touched.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

import psycopg
from celery import Celery
from kombu.connection import Connection

from db.queries.live_changes import enqueue_change
from faults.fault import Fault
from faults.stage import Stage, dialler
from faults.verdict import Expect, Outcome
from simulator import SessionHandle, SimulatedRouter
from simulator.coa_server import CoaRecord

ROUTERS, SESSIONS_A_ROUTER, MOST_SESSIONS_A_ROUTER = 5, 40, 400
RATE = "Mikrotik-Rate-Limit"
_FIRST_CUSTOMER = 20
_SETTLED_WITHIN_S = 60.0
_STORED_WITHIN_S = 20.0
_KILLS, _PAUSE_S = 4, 1.0
_RUNNING = ("postgres", "redis", "radius-login", "radius-accounting", "collector", "worker", "beat")
# What the worker of `faults.impatient` writes when a task begins.
BEGUN = "begun: "
# Still under way, and said to be.
_OPEN = {"pending", "sending"}


@dataclass(kw_only=True)
class Scene:
    """Routers with sessions, and the speed that each session shall have."""

    stage: Stage
    routers: list[SimulatedRouter]
    numbers: list[int]
    sessions: list[tuple[SimulatedRouter, SessionHandle]] = field(default_factory=list)
    wanted: dict[str, str] = field(default_factory=dict)
    chance: Random = field(default_factory=Random)

    def ids(self) -> dict[tuple[str, str], str]:
        """The unique id of each session by its router's address and its Acct-Session-Id."""
        rows = self.stage.sql(
            "SELECT host(nasipaddress), acctsessionid, acctuniqueid FROM radacct WHERE nas_server_id = ANY(%s)",
            self.numbers,
        )
        return {(host, session): unique_id for host, session, unique_id in rows}

    def ask(self, kind: str, wanted: dict[str, dict[str, str]], reason: str = "staff") -> int:
        """Want something of sessions by their unique ids; returns how many changes were written."""
        with psycopg.connect(self.stage.lab.settings.database_url) as connection:
            written = enqueue_change(
                connection, kind=kind, reason=reason, requested_by="faults", now=datetime.now(UTC),
                sessions=list(wanted), attributes_of=wanted,
            )  # fmt: skip
        return len(written)

    def statuses(self) -> dict[str, tuple[str, str]]:
        """The newest change of each session by its unique id: kind and status."""
        rows = self.stage.sql(
            "SELECT DISTINCT ON (acctuniqueid) acctuniqueid, kind, status FROM session_changes"
            " WHERE nas_server_id = ANY(%s) AND status <> 'superseded' ORDER BY acctuniqueid, id DESC", self.numbers,
        )  # fmt: skip
        return {unique_id: (kind, status) for unique_id, kind, status in rows}


class LiveChange(Fault):
    """The usual run: sessions, a change for each, something wrong with the routers or the sender, the comparison."""

    expect: ClassVar[Expect] = Expect(recovery_s=60.0)
    # Routers of which nothing is expected but that nobody lies about them.
    hopeless: ClassVar[frozenset[int]] = frozenset()

    def spoil(self, scene: Scene) -> None:
        """What is wrong from the beginning."""

    def meanwhile(self, scene: Scene) -> None:
        """What happens while changes are under way."""

    def mend(self, scene: Scene) -> None:
        """What gets better after a while."""

    def look(self, scene: Scene, outcome: Outcome) -> None:
        """What only this fault can get wrong."""

    def run(self, stage: Stage, records: int, number: int) -> Outcome:
        """The whole of it; lost: called done and not so; duplicated: touched without being asked to."""
        begun = time.monotonic()
        stage.ensure(*_RUNNING)
        outcome = Outcome(fault=self.id, title=self.title, seed=stage.seed * 1000 + number)
        each = min(MOST_SESSIONS_A_ROUTER, max(SESSIONS_A_ROUTER, records // 500))
        with _scene(stage, number, each) as scene:
            self.spoil(scene)
            ids = scene.ids()
            for position, (router, session) in enumerate(scene.sessions):
                unique_id = ids[router.router.source_ip, session.session_id]
                scene.wanted[unique_id] = f"{1000 + position % 50}k/{2000 + position}k"
            outcome.sent = scene.ask("coa", {key: {RATE: rate} for key, rate in scene.wanted.items()})
            asked_at = time.monotonic()
            self.meanwhile(scene)
            stage.ensure("worker")
            self.mend(scene)
            _wait(lambda: self._is_settled(scene), _SETTLED_WITHIN_S)
            outcome.recovery_s = round(time.monotonic() - asked_at, 2)
            self._compare(scene, ids, outcome)
            self.look(scene, outcome)
            stage.sql("UPDATE session_changes SET status = 'superseded' WHERE status = 'pending'")
        outcome.judge(self.expect)
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome

    def _is_settled(self, scene: Scene) -> bool:
        hopeless = {scene.numbers[index] for index in self.hopeless}
        return not scene.stage.number(
            "SELECT count(*) FROM session_changes WHERE status = ANY(%s) AND nas_server_id = ANY(%s)",
            list(_OPEN), [number for number in scene.numbers if number not in hopeless],
        )  # fmt: skip

    def _compare(self, scene: Scene, ids: dict[tuple[str, str], str], outcome: Outcome) -> None:
        statuses, found = scene.statuses(), Counter[str]()
        for router, session in scene.sessions:
            unique_id = ids[router.router.source_ip, session.session_id]
            kind, status = statuses.get(unique_id, ("coa", "lost"))
            is_so = session.rate_limit == scene.wanted[unique_id] if kind == "coa" else not session.is_open
            found[f"{kind} {status}{'' if is_so else ', not so'}"] += 1
            if status == "lost" or (status == "ack" and not is_so and self._must_be_true(router)):
                outcome.lost += 1
            outcome.acknowledged += is_so
        outcome.figures |= {
            "outcomes": dict(found),
            "packets_at_routers": sum(len(router.coa_records) for router in scene.routers),
        }

    def _must_be_true(self, router: SimulatedRouter) -> bool:
        return not router.coa_behaviour.without_effect


@contextmanager
def _scene(stage: Stage, number: int, each: int) -> Iterator[Scene]:
    with ExitStack() as stack:
        routers, numbers = [], []
        for index in range(ROUTERS):
            address = f"127.{20 + number}.{stage.seed % 250}.{index + 1}"
            router = stack.enter_context(
                SimulatedRouter(
                    secret=stage.lab.secret, auth_port=stage.server.auth_port, acct_port=stage.server.acct_port,
                    source_ip=address, nas_ip=address, coa_port=0, timeout_ms=1000, redial_after_ms=None,
                )
            )  # fmt: skip
            numbers += stage.add_routers([address], coa_port=router.coa_port)
            routers.append(router)
        scene = Scene(stage=stage, routers=routers, numbers=numbers, chance=Random(stage.seed * 1000 + number))
        for position in range(each * ROUTERS):
            router, own = routers[position % ROUTERS], dialler(_FIRST_CUSTOMER + position)
            scene.sessions.append((router, router.login_pppoe(own.username, own.password, mac=own.mac)))
        wanted = len(scene.sessions)
        stored = "SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL AND nas_server_id = ANY(%s)"
        _wait(lambda: stage.number(stored, numbers) == wanted, _STORED_WITHIN_S)
        # What logging in may itself have asked for is not what is looked at here.
        stage.sql("DELETE FROM session_changes WHERE nas_server_id = ANY(%s)", numbers)
        yield scene
        for router in routers:
            router.coa_behaviour.drop = False
            router.stop_all()


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


class Refused(LiveChange):
    """Each router refuses with another Error-Cause; nothing may be called done that is not."""

    id, title = "b19", "routers refuse changes (NAK)"
    causes = (401, 404, 405, 406, 503)

    def spoil(self, scene: Scene) -> None:
        for router, cause in zip(scene.routers, self.causes, strict=True):
            router.coa_behaviour.nak_cause = cause

    def mend(self, scene: Scene) -> None:
        # They go on refusing until each change was decided about once.
        _wait(lambda: self._is_settled(scene), 30.0)
        for router in scene.routers:
            router.coa_behaviour.nak_cause = None


class AcknowledgedInVain(LiveChange):
    """Routers acknowledge and do nothing: what was looked at must be said to differ."""

    id, title = "b19b", "routers acknowledge and do nothing"

    def spoil(self, scene: Scene) -> None:
        for router in scene.routers[:2]:
            router.coa_behaviour.without_effect = True

    def look(self, scene: Scene, outcome: Outcome) -> None:
        called_applied = scene.stage.number(
            "SELECT count(*) FROM session_changes WHERE nas_server_id = ANY(%s) AND proof = 'applied'",
            scene.numbers[:2],
        )
        outcome.lost += called_applied
        outcome.figures["called_applied_and_not_so"] = called_applied


class AnswersLost(LiveChange):
    """Requests are dropped by the dozen and answers come four seconds late."""

    id, title = "b20", "CoA requests lost, answers late"

    def spoil(self, scene: Scene) -> None:
        for router in scene.routers[:3]:
            router.coa_behaviour.drop_next = 60
        scene.routers[3].coa_behaviour.delay_ms = 4000


class WrongSession(LiveChange):
    """Each customer's neighbour is disconnected; nobody else may be."""

    id, title = "b21", "one of each pair disconnected"

    def meanwhile(self, scene: Scene) -> None:
        _wait(lambda: self._is_settled(scene), _SETTLED_WITHIN_S)
        ids = scene.ids()
        for router, session in scene.sessions[::2]:
            scene.ask("disconnect", {ids[router.router.source_ip, session.session_id]: {}})

    def look(self, scene: Scene, outcome: Outcome) -> None:
        wrong = [session.username for _, session in scene.sessions[1::2] if not session.is_open]
        missed = [session.username for _, session in scene.sessions[::2] if session.is_open]
        outcome.duplicated += len(wrong)
        outcome.lost += len(missed)
        outcome.figures |= {"disconnected_wrongly": wrong[:5], "not_disconnected": missed[:5]}


class DeadAndSlow(LiveChange):
    """Two routers are silent and one takes three seconds for each answer; the other two must not notice."""

    id, title = "b22", "two routers dead, one slow"
    hopeless = frozenset({0, 1})
    others_within_s = 5.0

    def spoil(self, scene: Scene) -> None:
        for router in scene.routers[:2]:
            router.coa_behaviour.drop = True
        scene.routers[2].coa_behaviour.delay_ms = 3000

    def meanwhile(self, scene: Scene) -> None:
        begun, others = time.monotonic(), scene.numbers[3:]
        _wait(
            lambda: not scene.stage.number(
                "SELECT count(*) FROM session_changes WHERE status = ANY(%s) AND nas_server_id = ANY(%s)",
                list(_OPEN), others,
            ),
            30.0,
        )  # fmt: skip
        scene.wanted["others took"] = f"{time.monotonic() - begun:.2f}"

    def look(self, scene: Scene, outcome: Outcome) -> None:
        took_s = float(scene.wanted["others took"])
        outcome.figures["others_done_s"] = took_s
        if took_s > self.others_within_s:
            outcome.problems.append(f"the routers that answer were done after {took_s:.1f} s")


class SenderKilled(LiveChange):
    """kill -9 of the worker and all its children, again and again while changes are under way."""

    id, title = "a11", "Celery worker kill -9, four times"

    def spoil(self, scene: Scene) -> None:
        for router in scene.routers:
            router.coa_behaviour.delay_ms = 300

    def meanwhile(self, scene: Scene) -> None:
        for _ in range(_KILLS):
            time.sleep(scene.chance.uniform(0.05, _PAUSE_S))
            scene.stage.kill("worker")
            scene.stage.start("worker")


class TaskOverdue(LiveChange):
    """Routers take their time, and the broker gives each task that is not done within a second to another worker.

    Several senders work side by side then; each change must reach its router once all the same.
    """

    id, title = "a12", "task slower than the broker waits"

    def spoil(self, scene: Scene) -> None:
        stage = scene.stage
        # What the clock sends expires after two seconds, so it is never given out again: only a wake-up is.
        for name in ("beat", "worker"):
            stage.end(name)
        stage.lab.log_file("worker").unlink(missing_ok=True)
        stage.lab.start_service_as("worker", "worker", {"runtime.tasks": "tests.faults.impatient"})
        for router in scene.routers:
            router.coa_behaviour.delay_ms = 3500

    def meanwhile(self, scene: Scene) -> None:
        with Connection(scene.stage.lab.settings.redis_url) as broker:
            Celery().send_task("coa.drain", queue="coa", expires=30, connection=broker, retry=False)

    def look(self, scene: Scene, outcome: Outcome) -> None:
        said = scene.stage.lab.log_file("worker").read_text(errors="replace")
        begun = Counter(line for line in said.splitlines() if line.startswith(BEGUN))
        sent = Counter(
            session for router in scene.routers for one in router.coa_records for session in _sent(router, one)
        )
        outcome.duplicated += sum(count - 1 for count in sent.values())
        outcome.figures["tasks_given_out_again"] = sum(count - 1 for count in begun.values())
        if not outcome.figures["tasks_given_out_again"]:
            outcome.problems.append("no task was given out again, so nothing was tried")
        scene.stage.end("worker")


def _sent(router: SimulatedRouter, record: CoaRecord) -> list[tuple[str, str]]:
    """The sessions that a request was about; a repeat of the same packet is not another one."""
    return [(router.router.source_ip, session) for session in record.session_ids if record.outcome != "duplicate"]


class QueueGone(LiveChange):
    """Redis is killed the moment changes are written and comes back empty: nobody is told to look."""

    id, title = "a9b", "Redis killed while changes wait"

    def spoil(self, scene: Scene) -> None:
        scene.stage.kill("redis")

    def mend(self, scene: Scene) -> None:
        time.sleep(3.0)
        scene.stage.start("redis")
        time.sleep(3.0)
        # What has ended over it is started again, as a supervisor does.
        scene.stage.ensure("worker", "beat")


FAULTS: tuple[Any, ...] = (
    SenderKilled(), TaskOverdue(), QueueGone(), Refused(), AcknowledgedInVain(), AnswersLost(), WrongSession(),
    DeadAndSlow(),
)  # fmt: skip
