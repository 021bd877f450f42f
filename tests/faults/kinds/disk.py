"""Disks that are full, refuse to write, vanish or are slow: PostgreSQL's and the spool's."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import machine
from faults import checks
from faults.fault import Fault, Run
from faults.stage import Stage
from runtime import postgres

_NO_ROOT = "small disks need root (mount in a namespace of its own)"
_BALLAST = "ballast"
_RECORD_BYTES = 1400
# More than are ever made ahead.
_SEGMENTS = 40


def fill_up(directory: Path) -> None:
    """Takes every free byte of a disk."""
    with (directory / _BALLAST).open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    continue
            except OSError:
                continue


class _SpoolOnADiskOfItsOwn(Fault):
    """The spool lies on a small disk; the node has another name meanwhile, because its files begin anew."""

    def why_not(self) -> str:
        return "" if os.geteuid() == 0 else _NO_ROOT

    def prepare(self, run: Run) -> None:
        stage, settings = run.stage, run.stage.lab.settings
        run.kept["settings"] = {"node": settings.node, "spool_dir": settings.spool_dir}
        directory = stage.lab.home / f"spool-{self.id}"
        stage.mount(directory, f"{24 + run.plan.records * _RECORD_BYTES * 2 // (1 << 20)}m")
        stage.resettle(node=f"faults-{self.id}", spool_dir=directory)
        run.kept["disk"] = directory

    def tidy(self, run: Run) -> None:
        stage = run.stage
        stage.resettle(**run.kept["settings"])
        stage.unmount(run.kept["disk"])
        # A node that is gone for good would hold up the search for silent sessions.
        stage.sql("DELETE FROM spool_positions WHERE node = %s", f"faults-{self.id}")


class SpoolDiskFull(_SpoolOnADiskOfItsOwn):
    """Not one byte is free on the spool's disk: nothing may be acknowledged that is not stored."""

    id, title = "a17", "spool disk full to the last byte"

    def inject(self, run: Run) -> None:
        fill_up(run.kept["disk"])

    def heal(self, run: Run) -> None:
        (run.kept["disk"] / _BALLAST).unlink()


class SpoolDiskFullSlowly(_SpoolOnADiskOfItsOwn):
    """The records themselves fill the disk."""

    id, title = "a17b", "spool disk filled by records"

    def inject(self, run: Run) -> None:
        fill_up(run.kept["disk"])
        # The guard's margin and half a second of records are left.
        room = (1 << 20) + int(run.plan.records_a_second * 0.5) * 900
        size = (run.kept["disk"] / _BALLAST).stat().st_size
        os.truncate(run.kept["disk"] / _BALLAST, max(0, size - room))

    def heal(self, run: Run) -> None:
        (run.kept["disk"] / _BALLAST).unlink()


class SpoolUnmounted(Fault):
    """The spool's disk is unmounted while it is in use (umount -l), and mounted again: what lay on it is still there.

    Meanwhile the folder underneath comes to light, and a file made in it would be hidden when the disk is back.
    """

    id, title = "a18d", "spool disk unmounted (umount -l)"

    def why_not(self) -> str:
        return "" if os.geteuid() == 0 else _NO_ROOT

    def prepare(self, run: Run) -> None:
        stage, settings = run.stage, run.stage.lab.settings
        run.kept["settings"] = {"node": settings.node, "spool_dir": settings.spool_dir}
        disk, folder = stage.lab.home / "disk-a18d", stage.lab.home / "spool-a18d"
        stage.mount(disk, f"{24 + run.plan.records * _RECORD_BYTES * 2 // (1 << 20)}m")
        folder.mkdir(mode=0o700)
        run.kept |= {"disk": disk, "folder": folder}
        # A server ran here once before the disk was ever mounted.
        stage.resettle(node="faults-a18d", spool_dir=folder)
        self.heal(run)
        stage.resettle()

    def inject(self, run: Run) -> None:
        run.stage.unmount(run.kept["folder"])

    def heal(self, run: Run) -> None:
        run.kept["underneath"] = [path.name for path in run.kept["folder"].glob("acct-*")]
        subprocess.run(["mount", "--bind", str(run.kept["disk"]), str(run.kept["folder"])], check=True)

    def check(self, run: Run, compared: checks.Compared) -> None:
        compared.figures["files_underneath"] = run.kept["underneath"]
        if run.kept["underneath"]:
            compared.problems.append("records were written underneath the unmounted disk")

    def tidy(self, run: Run) -> None:
        stage = run.stage
        stage.resettle(**run.kept["settings"])
        for name in ("folder", "disk"):
            stage.unmount(run.kept[name])
        stage.sql("DELETE FROM spool_positions WHERE node = %s", "faults-a18d")


class SpoolGone(Fault):
    """The spool's directory is moved away, and comes back."""

    id, title = "a18b", "spool directory moved away"

    def inject(self, run: Run) -> None:
        directory = run.stage.lab.settings.spool_dir
        directory.rename(directory.with_name(directory.name + "-away"))

    def heal(self, run: Run) -> None:
        directory = run.stage.lab.settings.spool_dir
        directory.with_name(directory.name + "-away").rename(directory)


class SpoolWriteErrors(Fault):
    """Every write to the spool fails with an error, injected into the accounting server's system calls."""

    id, title = "a18", "spool writes fail (EIO by strace)"
    error = "EIO"

    def why_not(self) -> str:
        return "" if shutil.which("strace") else "strace is not installed"

    def inject(self, run: Run) -> None:
        stage = run.stage
        files = [str(path) for path in stage.lab.settings.spool_dir.glob("acct-*.jsonl")]
        pids = machine.children_of(stage.lab.process("radius-accounting").pid)
        command = [
            *("strace", "-f", "-qq", "-o", "/dev/null"),
            *(word for pid in pids for word in ("-p", str(pid))),
            *(word for file in files for word in ("-P", file)),
            *("-e", "trace=write,writev,pwrite64", "-e", f"inject=write,writev,pwrite64:error={self.error}"),
        ]
        run.kept["strace"] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def heal(self, run: Run) -> None:
        strace: subprocess.Popen[bytes] = run.kept["strace"]
        strace.send_signal(signal.SIGINT)
        strace.wait(10)


class SpoolDiskFullError(SpoolWriteErrors):
    """The same with the error of a full disk."""

    id, title, error = "a18c", "spool writes fail (ENOSPC by strace)", "ENOSPC"


class SlowDatabase(Fault):
    """PostgreSQL stands still for 200 ms in every second, as on a disk that is overloaded."""

    id, title, hold_s = "a20", "PostgreSQL stands still 200 ms a second", 0.0

    def inject(self, run: Run) -> None:
        for _ in range(5):
            run.stage.freeze("postgres")
            time.sleep(0.2)
            run.stage.thaw()
            time.sleep(0.8)


class DatabaseDiskFull(Fault):
    """The disk of PostgreSQL's log is full: the server stops itself, and its supervisor cannot start it again."""

    id, title, hold_s = "a6", "PostgreSQL's WAL disk full", 4.0

    def why_not(self) -> str:
        return "" if os.geteuid() == 0 else _NO_ROOT

    def prepare(self, run: Run) -> None:
        stage = run.stage
        with _superuser(stage) as admin:
            admin.execute("ALTER SYSTEM SET max_wal_size = '96MB'")
            admin.execute("ALTER SYSTEM SET min_wal_size = '32MB'")
        stage.end("postgres")
        wal = stage.lab.cluster.data / "pg_wal"
        aside = wal.with_name("pg_wal-aside")
        wal.rename(aside)
        owner = aside.stat()
        stage.mount(wal, "1200m")
        _copy(aside, wal)
        os.chown(wal, owner.st_uid, owner.st_gid)
        shutil.rmtree(aside)
        stage.start("postgres")
        stage.ensure("postgres", "collector")
        run.kept["wal"] = wal

    def inject(self, run: Run) -> None:
        fill_up(run.kept["wal"])
        # Segments that were made ahead still take something; then a new one is needed.
        try:
            for _ in range(_SEGMENTS):
                with _superuser(run.stage) as admin:
                    admin.execute(
                        "SELECT pg_logical_emit_message(true, 'faults', repeat('x', 100000)), pg_switch_wal()"
                    )
        except psycopg.OperationalError as error:
            run.outcome.figures["stopped_by"] = str(error).splitlines()[0]
        else:
            run.outcome.problems.append("the log's disk was never too full, so nothing was tried")

    def heal(self, run: Run) -> None:
        (run.kept["wal"] / _BALLAST).unlink()
        deadline = time.monotonic() + 2.0
        while run.stage.is_running("postgres") and time.monotonic() < deadline:
            time.sleep(0.1)
        if not run.stage.is_running("postgres"):
            run.outcome.notes.append("the server had ended and was started again")
            run.stage.start("postgres")

    def tidy(self, run: Run) -> None:
        stage, wal = run.stage, run.kept["wal"]
        stage.ensure("postgres")
        with _superuser(stage) as admin:
            admin.execute("ALTER SYSTEM RESET max_wal_size")
            admin.execute("ALTER SYSTEM RESET min_wal_size")
        stage.end("postgres")
        aside = wal.with_name("pg_wal-aside")
        aside.mkdir(mode=0o700)
        _copy(wal, aside)
        owner = wal.stat()
        stage.unmount(wal)
        wal.rmdir()
        aside.rename(wal)
        os.chown(wal, owner.st_uid, owner.st_gid)
        stage.start("postgres")


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)


def _superuser(stage: Stage) -> "psycopg.Connection[Any]":
    return postgres.connect_admin(stage.lab.cluster)


FAULTS = (
    DatabaseDiskFull(), SpoolDiskFull(), SpoolDiskFullSlowly(), SpoolWriteErrors(), SpoolDiskFullError(), SpoolGone(),
    SpoolUnmounted(), SlowDatabase(),
)  # fmt: skip
