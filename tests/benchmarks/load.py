"""The load generator: compiled once from radload.c, run for a round, and its result."""

import hashlib
import json
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

SOURCE = Path(__file__).with_name("radload.c")
IN_FLIGHT = 64
USER_FORMAT = "user%06ld"
PASSWORD_FORMAT = "pass%06ld"
# radload ends by itself some seconds after its time; this much later it is stuck.
_GRACE_SECONDS = 15.0


class LoadError(Exception):
    """The generator could not be built or did not end as it should."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run of the generator: what to send, to which server."""

    mode: str
    port: int
    secret: str
    population: int
    seconds: float
    password_format: str = PASSWORD_FORMAT
    in_order: bool = False
    start_first: bool = False
    class_format: str = ""
    first_tick: int = 0
    begun_at: int | None = None
    truth_file: Path | None = None

    def arguments(self) -> list[str]:
        """The command line behind the program's name."""
        given = [
            *("-m", self.mode, "-p", str(self.port), "-s", self.secret, "-n", str(self.population)),
            *("-t", str(self.seconds), "-c", str(IN_FLIGHT), "-u", USER_FORMAT, "-w", self.password_format),
            # Signed requests and checked answers, whoever the server is.
            *("-a", "-v", "-k", str(self.first_tick)),
        ]
        given += ["-e", str(self.begun_at)] if self.begun_at is not None else []
        given += ["-o"] if self.in_order else []
        given += ["-S"] if self.start_first else []
        given += ["-C", self.class_format] if self.class_format else []
        return given + (["-x", str(self.truth_file)] if self.truth_file else [])


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the generator saw. `first_sent` is on the monotonic clock; `tick` is where the next run's counters begin."""

    sent: int
    ok: int
    rejected: int
    lost: int
    forged: int
    acked_sessions: int
    rate: float
    seconds: float
    first_sent: float
    tick: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def build(directory: Path) -> Path:
    """The compiled generator; built again when its source has changed."""
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    program = directory / f"radload-{name}"
    if not program.exists():
        for older in directory.glob("radload-*"):
            older.unlink()
        _compile(program)
    return program


def _compile(program: Path) -> None:
    command = ["cc", "-O2", "-o", str(program), str(SOURCE), "-lcrypto"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        raise LoadError("no C compiler: run 'make bench', which installs gcc and OpenSSL's headers") from None
    if done.returncode != 0:
        raise LoadError(f"the load generator does not compile (gcc, libssl-dev?): {done.stderr.strip()[-400:]}")


def run(program: Path, load: Load) -> Answered:
    """Sends the load and waits for its end."""
    done = subprocess.run(
        [str(program), *load.arguments()],
        capture_output=True, text=True, timeout=load.seconds + _GRACE_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise LoadError(f"the load generator failed: {done.stderr.strip()[-400:]}")
    result = json.loads(done.stdout)
    return Answered(**{item.name: result[item.name] for item in fields(Answered)})
