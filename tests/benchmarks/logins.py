"""How many logins a second, every rule on and every decision recorded, side by side.

Memory is warm: each subscriber logs in once before anything is measured. A round of ours is over when access_log holds
a row for each answer, so what ours puts off is never done while another is measured.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import load, machine, verdict
from benchmarks.lab import Lab, LabError
from benchmarks.load import Answered, Load
from benchmarks.servers import OURS, Server
from benchmarks.verdict import Meter, Result, Round

MODES = ("pap", "chap")
_WARM_UP_SECONDS = 2.0
_FIRST_LOGINS_SECONDS = 300.0
_DRAIN_SECONDS = 120.0
# A count that stands still this long is final, right or wrong.
_STILL_SECONDS = 5.0
_RECEIPTS = "SELECT count(*) FROM decision_receipts"
_RECEIPTS_SECONDS = 180.0


def measure(lab: Lab, servers: Sequence[Server], *, seconds: float, rounds: int) -> Result:
    """Warms up, then every server in turn, in both modes, as many rounds as asked for."""
    program = load.build(lab.home.parent)
    first = _warm_up(lab, program, servers)
    done: list[Round] = []
    for number in range(1, rounds + 1):
        # Another one begins each time, so nobody always follows the heaviest.
        for server in _turned(servers, number):
            for mode in MODES:
                lab.say(f"logins, round {number} of {rounds}: {server.name}, {mode}")
                done.append(_round(lab, program, server, _load(lab, server, mode, seconds), number))
    return _result(lab, servers, done, first)


def _turned(servers: Sequence[Server], by: int) -> list[Server]:
    return [servers[(index + by) % len(servers)] for index in range(len(servers))]


def _warm_up(lab: Lab, program: Path, servers: Sequence[Server]) -> Round:
    """Each subscriber once at ours, a moment of the load at the others; returns what ours did with those."""
    first: Round | None = None
    for server in servers:
        lab.say(f"logins, warming up {server.name}")
        is_ours = server.name == OURS
        seconds = _FIRST_LOGINS_SECONDS if is_ours else _WARM_UP_SECONDS
        done = _round(lab, program, server, _load(lab, server, MODES[0], seconds, in_order=is_ours), 0)
        first = done if is_ours else first
    if first is None or first.answered.ok < lab.subscribers * (1 - verdict.MAX_LOST_SHARE):
        raise LabError("the first logins of our subscribers were not all accepted; see the lab's access_log")
    lab.say("logins, waiting until the receipts of the first ones are stored")
    _wait_still(lambda: lab.number(_RECEIPTS), _RECEIPTS_SECONDS)
    return first


def _wait_still(count: Callable[[], int], seconds: float) -> None:
    """Waits until nothing more comes: made a little at a time, receipts would weigh on whoever is measured next."""
    begun = moved = time.monotonic()
    last = count()
    while time.monotonic() - moved < _STILL_SECONDS and time.monotonic() - begun < seconds:
        time.sleep(0.5)
        found = count()
        if found != last:
            last, moved = found, time.monotonic()


def _round(lab: Lab, program: Path, server: Server, wanted: Load, number: int) -> Round:
    before = server.logins_recorded()
    meter = Meter(lab, server)
    answered = load.run(program, wanted)
    spent = meter.spent()
    recorded, drain_s = _settle(server, before, answered)
    return Round(
        number=number,
        server=server.name,
        mode=wanted.mode,
        answered=answered,
        rate=answered.rate,
        recorded=recorded,
        drain_s=round(drain_s, 2),
        cores=verdict.cores(spent, answered.seconds),
        cpu_us=verdict.cpu_us(spent, answered.ok + answered.rejected),
    )


def _load(lab: Lab, server: Server, mode: str, seconds: float, *, in_order: bool = False) -> Load:
    return Load(
        mode=mode,
        port=server.auth_port,
        secret=lab.secret,
        population=lab.subscribers,
        seconds=seconds,
        password_format=server.password_format,
        in_order=in_order,
    )


def _settle(server: Server, before: int, answered: Answered) -> tuple[int, float]:
    """Waits until there is a record for each answer; returns how many there are and how long that took."""
    begun = moved = time.monotonic()
    wanted, recorded = answered.ok + answered.rejected, 0
    while recorded < wanted and time.monotonic() - begun < _DRAIN_SECONDS:
        now_recorded = server.logins_recorded() - before
        if now_recorded != recorded:
            recorded, moved = now_recorded, time.monotonic()
        elif time.monotonic() - moved > _STILL_SECONDS:
            break
        time.sleep(0.25)
    return recorded, moved - begun


def _result(lab: Lab, servers: Sequence[Server], rounds: Sequence[Round], first: Round) -> Result:
    ours = next(server for server in servers if server.name == OURS)
    pap, chap = (verdict.side_by_side(rounds, mode) for mode in MODES)
    result = Result(
        name="login",
        values={
            **pap,
            "chap": chap,
            "subscribers": lab.subscribers,
            "first_login_rate": round(first.rate),
            "resident_mb": machine.family_resident_mb(ours.processes[0].pid),
            "resident_mb_others": {item.name: machine.family_resident_mb(item.processes[0].pid) for item in servers},
            "in_flight": load.IN_FLIGHT,
            "machine": machine.describe(),
            "versions": machine.versions(),
            "rounds": verdict.flat([first, *rounds]),
        },
    )
    for item in [first, *rounds]:
        result.invalid += verdict.problems(item) + verdict.unrecorded(item)
    result.head = ("logins/s", "ours", "rlm_sql", "ceiling", "x rlm_sql", "x ceiling", "p50 ms", "p99 ms")
    result.rows = [_row("PAP", pap), _row("CHAP", chap)]
    result.remarks = _remarks(lab, result, pap)
    return result


def _row(name: str, values: dict[str, Any]) -> tuple[object, ...]:
    keys = ("rate", "rlm_sql_rate", "ceiling_rate", "ratio_to_rlm_sql", "ratio_to_ceiling", "p50_ms", "p99_ms")
    return (name, *(values[key] for key in keys))


def _remarks(lab: Lab, result: Result, pap: dict[str, Any]) -> list[str]:
    values = result.values
    answered, kept = (pap[key] + values["chap"][key] for key in ("answered", "recorded"))
    log = (
        f"{answered} logins answered, {kept} rows in access_log, the last ones {pap['drain_s']} s after the load ended"
    )
    return [
        f"{lab.subscribers} subscribers, all rules on; {log}",
        f"first login of each subscriber: {values['first_login_rate']}/s; FreeRADIUS holds {values['resident_mb']} MiB",
        *verdict.remarks(pap, "login"),
    ]
