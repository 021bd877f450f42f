"""What the machine is and what its processes cost: processor time, memory, versions."""

import os
import platform
import re
import resource
import subprocess
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_UTIME, _CSTIME = 11, 14


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with its ended children; 0 when it is gone."""
    return _times(pid, _UTIME, _CSTIME + 1)


def family_cpu_seconds(pid: int) -> float:
    """The same with its living children, as PostgreSQL's backends are."""
    return cpu_seconds(pid) + sum(cpu_seconds(child) for child in children_of(pid))


def own_children_cpu_seconds() -> float:
    """Processor time of the programs that we ran to their end: the load generator, within a round."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def busy_seconds() -> float:
    """Processor time of the whole machine since boot, strangers included."""
    user, nice, system, _idle, _wait, interrupts, soft_interrupts, _stolen = _machine_ticks()
    return (user + nice + system + interrupts + soft_interrupts) / TICKS_PER_SECOND


def stolen_seconds() -> float:
    """Processor time since boot that the host of this virtual machine gave to others."""
    return _machine_ticks()[-1] / TICKS_PER_SECOND


def _machine_ticks() -> list[int]:
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def children_of(pid: int) -> list[int]:
    """The process ids of its living children."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def resident_mb(pid: int) -> float:
    """Memory in RAM of a process, in MiB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def family_resident_mb(pid: int) -> float:
    """The same with its living children; what they share is counted for each."""
    return round(resident_mb(pid) + sum(resident_mb(child) for child in children_of(pid)), 1)


def describe() -> dict[str, object]:
    """Processors, memory and load of the machine."""
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu_model": _cpu_model(),
        "memory_mb": int(memory[1]) // 1024 if memory else None,
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "kernel": platform.release(),
    }


def versions() -> dict[str, str]:
    """The versions of the programs that are measured."""
    return {
        "freeradius": _first_match(["freeradius", "-v"], r"Version ([\d.]+)"),
        "postgresql": _first_match(["psql", "--version"], r"([\d.]+)"),
        "python": platform.python_version(),
    }


def _times(pid: int, first: int, after: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # The command name may hold spaces and brackets, so fields are counted from the last bracket.
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[first:after]) / TICKS_PER_SECOND


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _first_match(command: list[str], pattern: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"
