"""One fault under load: dial and report, break, wait, mend, wait until all is acknowledged and committed, compare.

A fault says how it is injected and healed and what it may cost; this module makes the run around it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from benchmarks.lab import LabError
from faults import checks, truth
from faults.nas import Fleet, Plan, RouterPlan, Server
from faults.stage import Sizes, Stage
from faults.verdict import Expect, Outcome

ROUTERS = 4
MOST_RECORDS_A_SECOND = 3000
INJECT_AT = 0.25
# After the fault the load goes on at least this long, to see service come back.
AFTER_S = 4.0
ACKED_WITHIN_S, COMMITTED_WITHIN_S = 90.0, 120.0
QUIET_S = 1.0
_LOOK_S = 0.02
_TOLD = 40


@dataclass(kw_only=True)
class Run:
    """One run of a fault: the stage, the routers of this run alone, their fleet and the moments that matter."""

    stage: Stage
    routers: list[RouterPlan]
    numbers: list[int]
    plan: Plan
    chance: Random
    fleet: Fleet
    outcome: Outcome
    injected_at: float = 0.0
    healed_at: float = 0.0
    ended_at: float = 0.0
    kept: dict[str, Any] = field(default_factory=dict)


class Fault:
    """A fault with the usual run. Subclasses say what is broken; those without this kind of load override `run`."""

    id: ClassVar[str]
    title: ClassVar[str]
    expect: ClassVar[Expect] = Expect()
    hold_s: ClassVar[float] = 3.0
    most_records_a_second: ClassVar[int] = MOST_RECORDS_A_SECOND
    # What differs from `Plan`'s defaults.
    load: ClassVar[dict[str, Any]] = {}
    # The whole load is the fault: nothing is down, so nothing comes back.
    is_weather: ClassVar[bool] = False

    def why_not(self) -> str:
        """Why it cannot run on this machine; empty when it can."""
        return ""

    def servers(self, stage: Stage) -> list[Server]:
        """Where the routers send to."""
        return [stage.server]

    def prepare(self, run: Run) -> None:
        """Before the first packet."""

    def inject(self, run: Run) -> None:
        """Break it."""

    def heal(self, run: Run) -> None:
        """Mend it."""

    def settle(self, run: Run) -> None:
        """All is acknowledged and committed; what the clock would do later is done now."""

    def excuse(self, run: Run, missing: list[checks.Key]) -> list[checks.Key]:
        """Which of the acknowledged records that are gone nobody was promised."""
        return []

    def check(self, run: Run, compared: checks.Compared) -> None:
        """What only this fault can get wrong; problems go to the outcome."""

    def tidy(self, run: Run) -> None:
        """Leave the stage as the next fault expects it."""

    # --- the run ---

    def run(self, stage: Stage, records: int, number: int) -> Outcome:
        """The whole of it; `number` gives the fault its own routers."""
        begun = time.monotonic()
        stage.ensure("postgres", "redis", "radius-login", "radius-accounting", "collector")
        run = self._set_up(stage, records, number)
        since, counted = stage.spool_sizes(), _counted(stage)
        try:
            self._under_load(run)
            self._count(run, since, counted)
        except (LabError, TimeoutError) as error:
            run.outcome.problems.append(str(error))
            self._figures(run)
        finally:
            self._tidy(run)
        run.outcome.judge(self.expect)
        run.outcome.seconds = round(time.monotonic() - begun, 1)
        return run.outcome

    def _tidy(self, run: Run) -> None:
        try:
            self.tidy(run)
        except Exception as error:
            # What went wrong before is why the stage cannot be tidied, and must be told as well.
            raise LabError("; ".join([*run.outcome.problems, f"not tidied: {error}"])) from error

    def _set_up(self, stage: Stage, records: int, number: int) -> Run:
        seconds = max(records / self.most_records_a_second, self.hold_s + AFTER_S + 2.0)
        plan = Plan(records=records, seconds=seconds, **self.load)
        seed = stage.seed * 1000 + number
        addresses = [f"127.{20 + number}.{stage.seed % 250}.{router + 1}" for router in range(ROUTERS)]
        routers = [RouterPlan(address=address) for address in addresses]
        fleet = Fleet(
            plan=plan, routers=routers, servers=[], secret=stage.lab.secret, customers=stage.customers(),
            strangers=stage.strangers(), seed=seed,
        )  # fmt: skip
        run = Run(
            stage=stage, routers=routers, numbers=stage.add_routers(addresses), plan=plan, chance=Random(seed),
            fleet=fleet, outcome=Outcome(fault=self.id, title=self.title, seed=seed),
        )  # fmt: skip
        self.prepare(run)
        fleet.servers = self.servers(stage)
        return run

    def _under_load(self, run: Run) -> None:
        fleet = run.fleet
        fleet.start()
        _wait_for(lambda: fleet.progress >= (0.02 if self.is_weather else INJECT_AT), fleet)
        run.injected_at = time.monotonic()
        self.inject(run)
        if not self.is_weather:
            time.sleep(self.hold_s)
            self.heal(run)
            run.healed_at = time.monotonic()
            self._wait_drained(run)
            time.sleep(max(0.0, run.healed_at + AFTER_S - time.monotonic()))
        _wait_for(lambda: fleet.progress >= 1.0, fleet)
        run.ended_at = time.monotonic()
        if self.is_weather:
            self.heal(run)
        fleet.finish(ACKED_WITHIN_S)

    def _wait_drained(self, run: Run) -> None:
        """How long the collector takes for what was acknowledged up to the end of the fault, while more comes in."""
        drained_at = run.stage.wait_counted(run.stage.spool_sizes(), COMMITTED_WITHIN_S)
        run.outcome.drain_s = round(drained_at - run.healed_at, 2)

    def _wait_quiet(self, stage: Stage) -> float:
        """Waits for copies of packets that are still on their way; returns when all was committed."""
        while True:
            sizes = stage.spool_sizes()
            committed_at = stage.wait_counted(sizes, COMMITTED_WITHIN_S)
            time.sleep(QUIET_S)
            if stage.spool_sizes() == sizes:
                return committed_at

    def _count(self, run: Run, since: Sizes, counted: int) -> None:
        stage, outcome, begun = run.stage, run.outcome, time.monotonic()
        committed_at = self._wait_quiet(stage)
        if self.is_weather:
            outcome.drain_s = round(committed_at - begun, 2)
        self._figures(run)
        self.settle(run)
        self._wait_quiet(stage)
        spooled = checks.read_spool(stage.nodes, since)
        missing = checks.lost_records(run.fleet.truth.acked, spooled)
        excused = set(self.excuse(run, missing))
        missing = [key for key in missing if key not in excused]
        truth = run.fleet.truth
        if excused:
            truth.forget(excused)
        compared = checks.compare(stage.lab.settings.database_url, truth, run.numbers)
        compared.note("acknowledged records that the spool does not hold", missing)
        wanted, lines = spooled.lines + spooled.torn, _counted(stage) - counted
        # What is counted again after a power cut is a line more, and nothing else.
        if lines != wanted and not (excused and lines > wanted):
            compared.problems.append(f"{spooled.lines} lines in the spool, {spooled.torn} torn, {lines} counted")
        self.check(run, compared)
        outcome.lost += len(missing) + compared.lost
        outcome.duplicated += compared.duplicated
        outcome.figures |= compared.figures | {
            "sessions": compared.sessions,
            "spool_lines": spooled.lines,
            "spool_lines_unreadable": spooled.unreadable,
            "spool_lines_torn": spooled.torn,
            "repeats_merged": spooled.lines - spooled.unreadable - len(spooled.keys),
            "set_aside": stage.number("SELECT count(*) FROM quarantined_records"),
        }
        outcome.problems += compared.problems

    def _figures(self, run: Run) -> None:
        known, outcome = run.fleet.truth, run.outcome
        logins = known.logins
        outcome.sent, outcome.acknowledged = known.issued, len(known.acked)
        outcome.false_rejects = len(truth.false_rejects(logins))
        outcome.false_accepts = len(truth.false_accepts(logins))
        outcome.logins = len(logins)
        outcome.availability = truth.availability(logins, since=run.injected_at, until=run.ended_at)
        if not self.is_weather:
            recovered = truth.recovery_s(_until(logins, run.ended_at), healed_at=run.healed_at)
            outcome.recovery_s = None if recovered is None else round(recovered, 2)
        outcome.figures |= {
            "packets": known.packets,
            "records_sent_again": known.repeated,
            "strange_answers": known.strange,
            "routers_stalled_s": round(run.fleet.stalled_s, 2),
            "records_a_second": round(run.plan.records_a_second),
            "logins_a_second": round(run.plan.login_rate, 1),
            "refused": sorted({ask.username for ask in truth.false_rejects(logins)})[:5],
            "not_let_in": _told(truth.not_let_in(logins, since=run.injected_at, until=run.ended_at), run),
        }


def _told(asks: Sequence[truth.Ask], run: Run) -> list[str]:
    """Some of those who were not let in in time, and when they asked, for whoever wants to know why."""
    some = asks[:: max(1, len(asks) // _TOLD)]
    return [
        f"{ask.username}, {ask.asked_at - run.injected_at:+.2f} s, {ask.sends} tries, "
        + (f"answered after {ask.answered_at - ask.asked_at:.2f} s" if ask.answered_at else "no answer")
        for ask in some
    ]


def _until(logins: Sequence[truth.Ask], moment: float) -> list[truth.Ask]:
    return [ask for ask in logins if ask.asked_at < moment]


def _counted(stage: Stage) -> int:
    return stage.number("SELECT coalesce(sum(records), 0) FROM spool_positions WHERE stream = 'acct'")


def _wait_for(condition: Any, fleet: Fleet) -> None:
    while not condition():
        if fleet.error is not None:
            raise fleet.error
        time.sleep(_LOOK_S)
