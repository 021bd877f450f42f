"""From rounds to a result: medians, ratios, what the processors did, what makes a run worthless."""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.lab import Lab, results_dir
from benchmarks.load import Answered
from benchmarks.servers import CEILING, OURS, SQL, Server

# Past this share of its lines of packets, losses are not chance.
MAX_LOST_SHARE = 0.001
# A machine this busy has nothing more to give to anybody.
_BUSY_SHARE = 0.92
_SERVING = ("FreeRADIUS", "collector", "PostgreSQL")
# So much taken by strangers changes what is measured.
_NOISY_CORES = 0.25
_OTHERS, _STOLEN = "everything else", "taken away by the host"


@dataclass(frozen=True, kw_only=True)
class Round:
    """One server under one load. `cores`: processors each part kept busy; `recorded`: records it left behind."""

    number: int
    server: str
    mode: str
    answered: Answered
    rate: float
    recorded: int
    drain_s: float
    cores: dict[str, float]
    cpu_us: dict[str, float]


@dataclass(kw_only=True)
class Result:
    """A measurement's outcome; anything in `invalid` makes the figures worthless."""

    name: str
    values: dict[str, Any]
    head: tuple[str, ...] = ()
    rows: list[tuple[object, ...]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    def write(self) -> Path:
        """Keeps the figures in var/bench."""
        path = results_dir() / f"{self.name}.json"
        text = json.dumps(self.values | {"remarks": self.remarks, "invalid": self.invalid}, indent=2)
        path.write_text(text + "\n")
        return path


class Meter:
    """Processor time of everything that takes part, between two readings."""

    def __init__(self, lab: Lab, server: Server) -> None:
        postgres, collector = lab.process("postgres").pid, lab.process("collector").pid
        self._sources: dict[str, Callable[[], float]] = {
            "FreeRADIUS": lambda: sum(machine.family_cpu_seconds(process.pid) for process in server.processes),
            "load generator": machine.own_children_cpu_seconds,
            "collector": lambda: machine.cpu_seconds(collector),
            "PostgreSQL": lambda: machine.family_cpu_seconds(postgres),
        }
        self._before = self._read()

    def spent(self) -> dict[str, float]:
        """Seconds of processor time since this meter was made."""
        return {name: max(0.0, after - self._before[name]) for name, after in self._read().items()}

    def _read(self) -> dict[str, float]:
        read = {name: source() for name, source in self._sources.items()}
        read[_OTHERS] = machine.busy_seconds() - sum(read.values())
        return read | {_STOLEN: machine.stolen_seconds()}


def cores(spent: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Processors kept busy by each part."""
    return {name: round(value / seconds, 2) for name, value in spent.items()} if seconds else {}


def cpu_us(spent: Mapping[str, float], requests: int) -> dict[str, float]:
    """Microseconds of processor time each part spent on a request."""
    return {name: round(value / requests * 1e6, 1) for name, value in spent.items()} if requests else {}


def problems(item: Round) -> list[str]:
    """What is wrong with a round, whichever server it was."""
    answered, where = item.answered, f"{item.server}, {item.mode}, round {item.number}"
    found = []
    if answered.rejected:
        found.append(f"{where}: {answered.rejected} of {answered.sent} refused")
    if answered.forged:
        found.append(f"{where}: {answered.forged} answers with a wrong authenticator")
    if answered.lost > answered.sent * MAX_LOST_SHARE:
        found.append(f"{where}: {answered.lost} of {answered.sent} never answered")
    if not answered.ok:
        found.append(f"{where}: nothing was answered")
    return found


def unrecorded(item: Round) -> list[str]:
    """A record for each answer, and none that was not asked for."""
    answered = item.answered
    if answered.ok + answered.rejected <= item.recorded <= answered.sent:
        return []
    where = f"{item.server}, {item.mode}, round {item.number}"
    return [f"{where}: {item.recorded} records of {answered.ok + answered.rejected} answers ({answered.sent} sent)"]


def medians(rounds: Iterable[Round], server: str, mode: str) -> dict[str, Any]:
    """The middle of a server's rounds."""
    mine = [item for item in rounds if item.server == server and item.mode == mode]
    return {
        "rate": round(statistics.median(item.rate for item in mine)),
        "acked_rate": round(statistics.median(item.answered.rate for item in mine)),
        "p50_ms": round(statistics.median(item.answered.p50_ms for item in mine), 2),
        "p99_ms": round(statistics.median(item.answered.p99_ms for item in mine), 2),
        "drain_s": round(statistics.median(item.drain_s for item in mine), 2),
        "cpu_us": _middle([item.cpu_us for item in mine]),
        "cores": _middle([item.cores for item in mine]),
        "recorded": sum(item.recorded for item in mine),
        "answered": sum(item.answered.ok + item.answered.rejected for item in mine),
        "lost": sum(item.answered.lost for item in mine),
    }


def side_by_side(rounds: Sequence[Round], mode: str) -> dict[str, Any]:
    """Our figures with the two others' rates and the ratios to them."""
    ours = medians(rounds, OURS, mode)
    sql, ceiling = (medians(rounds, name, mode) for name in (SQL, CEILING))
    return ours | {
        "rlm_sql_rate": sql["rate"],
        "ceiling_rate": ceiling["rate"],
        "ratio_to_rlm_sql": ratio(ours["rate"], sql["rate"]),
        "ratio_to_ceiling": ratio(ours["rate"], ceiling["rate"]),
        "rlm_sql": sql,
        "ceiling": ceiling,
        "cpu_ratio_to_rlm_sql": ratio(_served_us(sql), _served_us(ours)),
        "limit": limit(ours["cores"]),
    }


def remarks(values: Mapping[str, Any], unit: str) -> list[str]:
    """What a request costs whom, what the limit was, and whether the machine was quiet enough for rates."""
    ours, sql, ceiling = (_served_us(item) for item in (values, values["rlm_sql"], values["ceiling"]))
    times = f"ours {ours:.0f} us, rlm_sql {sql:.0f} us, ceiling {ceiling:.0f} us"
    said = [
        f"processor time per {unit}: {times} (rlm_sql takes {values['cpu_ratio_to_rlm_sql']} times ours)",
        f"limit of ours: {values['limit']}",
    ]
    others = max(
        item["cores"][_OTHERS] + item["cores"][_STOLEN] for item in (values, values["rlm_sql"], values["ceiling"])
    )
    if others > _NOISY_CORES:
        said.append(
            f"NOT QUIET: others kept up to {others:.2f} processors busy; processor times hold, rates are too low"
        )
    return said


def _served_us(values: Mapping[str, Any]) -> float:
    """Processor time of a request at everybody who serves it."""
    spent: Mapping[str, float] = values["cpu_us"]
    return sum(spent.get(name, 0.0) for name in _SERVING)


def ratio(ours: float, theirs: float) -> float | None:
    """How many times theirs ours is."""
    return round(ours / theirs, 2) if theirs else None


def limit(busy: Mapping[str, float]) -> str:
    """What held the rate down, in words."""
    total, most = sum(busy.values()), machine.describe()["cpus"]
    shares = ", ".join(f"{name} {value:.2f}" for name, value in busy.items())
    if total >= _BUSY_SHARE * int(str(most)):
        return f"all {most} processors were busy: {shares}"
    if busy.get("FreeRADIUS", 0.0) >= _BUSY_SHARE:
        return f"FreeRADIUS had a whole processor and the policy runs on one at a time: {shares}"
    return f"waiting, not computing; processors kept busy: {shares}"


def flat(rounds: Iterable[Round]) -> list[dict[str, Any]]:
    """Every round as it is kept in the results."""
    return [asdict(item) for item in rounds]


def _middle(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(value[name] for value in values), 2) for name in values[0]} if values else {}
