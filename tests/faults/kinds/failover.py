"""The primary PostgreSQL dies and its replica takes over, while everything else knows both by one address.

Somebody else decides that the primary is dead, promotes the replica and brings the old one back behind it (Patroni, or
a person); this module does what he would. What is looked at is that our parts find the new primary by themselves.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from sqlalchemy import Engine, text

from benchmarks import machine
from benchmarks.lab import free_tcp_port
from coa.connection import KeptConnection
from db.engine import make_engine
from faults.checks import Compared
from faults.fault import Fault, Run
from faults.stage import RADIUS
from faults.verdict import Expect
from runtime import files, postgres
from runtime.postgres import Cluster
from runtime.processes import ProcessId

# Everything that connects to the database by the address in the settings.
_PARTS = (*RADIUS, "collector")
_BEHIND_S = 1.0
_WITHIN_S = 30.0
_WHERE = "SELECT inet_server_port(), pg_is_in_recovery()"


class Committer(threading.Thread):
    """Commits numbers one after the other and remembers which the database called committed."""

    def __init__(self, url: str) -> None:
        super().__init__(name="committer", daemon=True)
        self._url = url
        self._ending = threading.Event()
        self.told: list[int] = []

    def run(self) -> None:
        number = 0
        while not self._ending.is_set():
            with suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True, connect_timeout=2) as connection:
                while not self._ending.is_set():
                    number += 1
                    connection.execute("INSERT INTO faults_commits VALUES (%s)", (number,))
                    self.told.append(number)
            self._ending.wait(0.02)

    def finish(self) -> None:
        """End `run`."""
        self._ending.set()
        self.join(10)


class Failover(Fault):
    """kill -9 of the primary; a second later its synchronous replica is promoted."""

    id, title, hold_s = "a4", "failover to a synchronous replica", 1.0
    expect = Expect(recovery_s=5.0)
    is_synchronous: ClassVar[bool] = True

    def prepare(self, run: Run) -> None:
        stage = run.stage
        stage.sql("CREATE TABLE faults_commits (number bigint PRIMARY KEY)")
        first = stage.lab.cluster
        second = Cluster(directory=first.directory.with_name("postgres-replica"), port=free_tcp_port())
        run.kept |= {"first": first, "second": second, "url": stage.lab.settings.database_url}
        _copy_from(first, second)
        run.kept["replica"] = postgres.start(second)
        stage.lab.remember("replica", run.kept["replica"])
        if self.is_synchronous:
            with postgres.connect_admin(first) as admin:
                admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                admin.execute("SELECT pg_reload_conf()")
        stage.lab.wait_for(lambda: _follows(first, self.is_synchronous), _WITHIN_S, "the replica does not follow")
        stage.resettle(*_PARTS, database_url=_both(run.kept["url"], first, second))
        stage.ensure("postgres")
        run.kept["panel"], run.kept["sender"] = make_engine(stage.lab.settings.database_url), KeptConnection()
        self._ports(run)
        run.kept["committer"] = Committer(stage.lab.settings.database_url)
        run.kept["committer"].start()

    def inject(self, run: Run) -> None:
        run.stage.kill("postgres")

    def heal(self, run: Run) -> None:
        stage, second = run.stage, run.kept["second"]
        with postgres.connect_admin(second) as admin:
            admin.execute("SELECT pg_promote()")
        stage.lab.cluster = second
        stage.lab.record.services["postgres"] = stage.lab.record.services.pop("replica")

    def settle(self, run: Run) -> None:
        """The former primary comes back as the replica of the new one, first in the address, and takes no writes."""
        run.kept["committer"].finish()
        first, second = run.kept["first"], run.kept["second"]
        shutil.rmtree(first.data)
        _copy_from(second, first)
        run.stage.lab.remember("replica", postgres.start(first))
        run.stage.lab.wait_for(lambda: _follows(second, False), _WITHIN_S, "the former primary does not follow")

    def check(self, run: Run, compared: Compared) -> None:
        told = run.kept["committer"].told
        there = {number for (number,) in run.stage.sql("SELECT number FROM faults_commits")}
        missing = [number for number in told if number not in there]
        compared.figures |= {"commits_acknowledged": len(told), "commits_missing": len(missing)}
        if self.is_synchronous and missing:
            compared.lost += len(missing)
            compared.problems.append(f"{len(missing)} commits that were acknowledged are gone")
        wanted = (run.kept["second"].port, False)
        compared.problems += [f"{who} is at {where}" for who, where in self._ports(run).items() if where != wanted]

    def _ports(self, run: Run) -> dict[str, tuple[int, bool]]:
        """At which server the panel's pool and the sender's connection are, and whether it is a replica."""
        engine: Engine = run.kept["panel"]
        with engine.connect() as connection:
            panel = connection.execute(text(_WHERE)).one()
        sender: Any = run.kept["sender"].get(run.stage.lab.settings.database_url).execute(_WHERE).fetchone()
        return {"the panel": (panel[0], panel[1]), "the sender": (sender[0], sender[1])}

    def tidy(self, run: Run) -> None:
        """What the new primary holds becomes the only server's."""
        stage, first, second = run.stage, run.kept["first"], run.kept["second"]
        run.kept["committer"].finish()
        run.kept["panel"].dispose()
        run.kept["sender"].drop()
        stage.sql("DROP TABLE faults_commits")
        for name in ("replica", "postgres"):
            stage.lab.end(name)
        shutil.rmtree(first.data, ignore_errors=True)
        second.data.rename(first.data)
        shutil.rmtree(second.directory)
        postgres.init(first)
        stage.lab.cluster = first
        stage.start("postgres")
        with postgres.connect_admin(first) as admin:
            admin.execute("ALTER SYSTEM RESET ALL")
            admin.execute("SELECT pg_reload_conf()")
        stage.resettle(*_PARTS, database_url=run.kept["url"])
        stage.ensure("postgres")


class FailoverBehind(Failover):
    """The same with an asynchronous replica that has heard nothing for a second: what was committed then is gone.

    Where the collector has come to went back with everything else, and the spool is still there: it counts again.
    """

    id, title = "a4b", "failover to a replica one second behind"
    is_synchronous = False

    def inject(self, run: Run) -> None:
        receiver = _walreceiver(run.kept["replica"])
        os.kill(receiver, signal.SIGSTOP)
        time.sleep(_BEHIND_S)
        run.stage.kill("postgres")
        # It ends before it reads what arrived meanwhile.
        os.kill(receiver, signal.SIGTERM)
        os.kill(receiver, signal.SIGCONT)


def _both(url: str, first: Cluster, second: Cluster) -> str:
    one = f"{first.host}:{first.port}"
    return url.replace(one, f"{one},{second.host}:{second.port}") + "?target_session_attrs=read-write"


def _copy_from(source: Cluster, target: Cluster) -> None:
    files.private_dir(target.directory)
    target.password_file.write_text(source.password_file.read_text())
    owner = source.data.stat()
    for path in (target.directory, target.password_file):
        os.chown(path, owner.st_uid, owner.st_gid)
    _as_owner(
        source, "pg_basebackup", "-D", target.data, "-R", "-X", "stream", "-c", "fast", "-d", postgres.admin_url(source)
    )
    postgres.init(target)


def _as_owner(cluster: Cluster, program: str, *arguments: str | Path) -> None:
    server = postgres.command(cluster)
    path = Path(server[-3]).with_name(program)
    command = [*server[:-3], str(path), *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", check=False)
    if done.returncode:
        raise TimeoutError(f"{program} failed: {done.stderr.strip()[-500:]}")


def _follows(cluster: Cluster, is_synchronous: bool) -> bool:
    with postgres.connect_admin(cluster) as admin:
        rows = admin.execute("SELECT state, sync_state FROM pg_stat_replication").fetchall()
    wanted = {"sync", "quorum"} if is_synchronous else {"async"}
    return any(state == "streaming" and kind in wanted for state, kind in rows)


def _walreceiver(replica: ProcessId) -> int:
    named = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in machine.children_of(replica.pid)}
    return next(pid for pid, line in named.items() if "walreceiver" in line)


FAULTS = (Failover(), FailoverBehind())
