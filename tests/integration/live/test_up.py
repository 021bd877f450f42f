"""The whole installation as `lintas up` starts it on an empty folder, and what it opens to the network."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from radius_stack import wait_for
from runtime.settings import home_dir

ROUTERS_MAY_ASK = "0.0.0.0"
_PID = re.compile(r"pid=(\d+)")
Listener = tuple[str, str]


class Installation:
    """One of its own, told by its folder."""

    def __init__(self, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LINTAS_")}
        self.env = kept | {"LINTAS_VAR_DIR": str(folder), "LINTAS_RADIUS_HOST": ROUTERS_MAY_ASK}
        self.env_file = folder / "lintas.env"

    def lintas(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(
            command, cwd=home_dir(), env=self.env, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def port(self, service: str) -> str:
        """As the first run chose it."""
        found = re.search(rf"^LINTAS_{service}_PORT=(\d+)$", self.env_file.read_text(), re.MULTILINE)
        assert found, service
        return found[1]

    def processes(self) -> set[int]:
        """The supervisor and everything that came from it."""
        found = {json.loads(self.lintas("--json", "status"))["supervisor"]["pid"]}
        while more := {pid for pid, parent in parents().items() if parent in found} - found:
            found |= more
        return found


def parents() -> dict[int, int]:
    """Every process of the machine by its number, with its parent."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines())}


def listeners(processes: set[int]) -> set[Listener]:
    """Protocol and address of every port at which one of the processes can be reached."""
    listed = subprocess.run(
        ["ss", "-H", "-l", "-n", "-t", "-u", "-p"], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=6) for line in listed.splitlines()]
    return {(row[0], row[4]) for row in rows if processes & {int(pid) for pid in _PID.findall(row[-1])}}


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "var")
    installation.lintas("up", "--detach", "--quiet")
    yield installation
    installation.lintas("stop")


@pytest.mark.timeout(400)
def test_nothing_listens_but_what_has_to_and_only_radius_beyond_the_machine(installed: Installation) -> None:
    beyond = {("udp", f"{ROUTERS_MAY_ASK}:{installed.port(service)}") for service in ("RADIUS_AUTH", "RADIUS_ACCT")}
    within = {("tcp", f"127.0.0.1:{installed.port(service)}") for service in ("PANEL", "POSTGRES", "REDIS")}
    processes = installed.processes()
    assert listeners(processes) == beyond | within

    installed.lintas("stop")
    wait_for(lambda: not processes & parents().keys(), 20)
