"""The power goes: what the disks had not been asked to keep is gone with it, for the spool and the database alike.

Both lie on file systems of their own, which are shut down under everybody's hands without writing anything back: the
kernel's own way to say what a cut would have left (the ioctl behind xfstests' `godown`). A disk whose own cache forgets
what it has called written is beyond this.
"""

import fcntl
import os
import shutil
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from benchmarks.lab import LabError
from faults import checks
from faults.fault import Fault, Run
from faults.stage import RADIUS, Stage
from faults.verdict import Expect

_EVERYTHING = (*RADIUS, "collector", "redis", "postgres")
_AGAIN = ("postgres", "redis", *RADIUS, "collector")
_SHUT_DOWN, _WITHOUT_WRITING_BACK = 0x8004587D, struct.pack("I", 2)
_SPOOL_MB, _DATABASE_MB = 1024, 2048
# A request to the disk takes its time, and an answer its way.
_LATE_S = 0.25


class PowerCut(Fault):
    """Strict mode: no record is acknowledged before the disk has it."""

    id, title, hold_s = "a21", "power cut, strict mode", 1.0
    expect: ClassVar[Expect] = Expect(availability=0.0)
    # Each record waits for the disk.
    most_records_a_second = 500
    is_strict: ClassVar[bool] = True

    def why_not(self) -> str:
        if os.geteuid():
            return "file systems of its own need root"
        tools = all(shutil.which(name) for name in ("mkfs.ext4", "losetup"))
        return "" if tools and Path("/dev/loop-control").exists() else "no loop devices, or no mkfs.ext4"

    def prepare(self, run: Run) -> None:
        stage, settings = run.stage, run.stage.lab.settings
        spool, data = stage.lab.home / f"spool-{self.id}", stage.lab.cluster.data
        run.kept |= {
            "settings": {"node": settings.node, "spool_dir": settings.spool_dir, "spool_strict": settings.spool_strict},
            "disks": {spool: _disk(stage, "spool", _SPOOL_MB), data: _disk(stage, "database", _DATABASE_MB)},
        }
        spool.mkdir(mode=0o700)
        _mount(run.kept["disks"][spool], spool)
        stage.end("postgres")
        _move_onto(run.kept["disks"][data], data)
        stage.start("postgres")
        stage.resettle(node=f"faults-{self.id}", spool_dir=spool, spool_strict=self.is_strict)
        stage.ensure("postgres", "collector")
        os.sync()

    def inject(self, run: Run) -> None:
        opened = [os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in run.kept["disks"]]
        run.kept["cut_at"] = time.monotonic()
        for descriptor in opened:
            fcntl.ioctl(descriptor, _SHUT_DOWN, _WITHOUT_WRITING_BACK)
            os.close(descriptor)
        for name in _EVERYTHING:
            # Some end by themselves when their disk is gone.
            with suppress(LabError):
                run.stage.kill(name)
            run.stage.lab.record.services.pop(name, None)
        for place in run.kept["disks"]:
            _unmount(place)

    def heal(self, run: Run) -> None:
        for place, disk in run.kept["disks"].items():
            _mount(disk, place)
        for name in _AGAIN:
            run.stage.start(name)

    def tidy(self, run: Run) -> None:
        stage = run.stage
        spool, data = run.kept["disks"]
        stage.resettle(**run.kept["settings"])
        stage.end("postgres")
        aside = data.with_name("data-aside")
        _copy(data, aside)
        for place in (spool, data):
            _unmount(place)
        data.rmdir()
        aside.rename(data)
        shutil.rmtree(stage.lab.home / "disks", ignore_errors=True)
        stage.start("postgres")
        stage.ensure("collector")
        stage.sql("DELETE FROM spool_positions WHERE node = %s", f"faults-{self.id}")


class PowerCutInTheBackground(PowerCut):
    """The usual mode: acknowledged records are on the disk within a second, so a second's may be gone and no more."""

    id, title = "a21c", "power cut, usual mode"
    is_strict = False

    def excuse(self, run: Run, missing: list[checks.Key]) -> list[checks.Key]:
        settings = run.stage.lab.settings
        since = run.kept["cut_at"] - settings.spool_sync_ms / 1000 - _LATE_S
        at = dict(zip(run.fleet.truth.acked, run.fleet.truth.acked_at, strict=True))
        young = [key for key in missing if since <= at[key] <= run.kept["cut_at"] + _LATE_S]
        run.outcome.figures["gone_with_the_last_second"] = len(young)
        return young


def _disk(stage: Stage, name: str, size_mb: int) -> Path:
    """A file that is a disk; on tmpfs, so that what the file system calls written is there at once."""
    directory = stage.lab.home / "disks" / name
    directory.parent.mkdir(exist_ok=True)
    stage.mount(directory, f"{size_mb + 64}m")
    image = directory / "image"
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "nodiscard", str(image)], check=True)
    return image


def _mount(image: Path, place: Path) -> None:
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)


def _unmount(place: Path) -> None:
    for _ in range(400):
        if subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise LabError(f"{place} is still in use")


def _move_onto(image: Path, data: Path) -> None:
    """The database's folder becomes a disk of its own."""
    owner, aside = data.stat(), data.with_name("data-aside")
    data.rename(aside)
    data.mkdir(mode=0o700)
    _mount(image, data)
    (data / "lost+found").rmdir()
    _copy(aside, data)
    os.chown(data, owner.st_uid, owner.st_gid)
    data.chmod(0o700)
    shutil.rmtree(aside)


def _copy(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], capture_output=True, check=True)


FAULTS = (PowerCut(), PowerCutInTheBackground())
