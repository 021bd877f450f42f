"""Keeps accounting from being acknowledged onto a full disk, onto one that fails, or into another folder.

FreeRADIUS writes the spool through a link. While space is low the link points nowhere: the write fails, the packet is
not acknowledged, and the router keeps it and sends it again. linelog itself would not notice a short write, so between
two looks it writes into room that was set aside before. Who writes records in Python asks `is_open` as well.

While it is open, the link leads through another one that lies on the spool's own disk and bears that disk's number.
When the disk is unmounted, that one is gone at the same moment, and with it the way: nothing is written underneath.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from radius.spool_reserve import SpoolReserve

CHECK_S = 0.05
CLOSED = "closed-for-lack-of-space"


class SpoolGuard:
    """Opens and closes the gate by the free space behind it, and by whether the disk takes what it is given."""

    def __init__(
        self,
        spool: Path,
        writer: str,
        gate: Path,
        min_free_bytes: int,
        complain: Callable[[str], None],
        is_trusted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._spool = spool
        self._gate = gate
        self._min_free_bytes = min_free_bytes
        self._complain = complain
        self._is_trusted = is_trusted
        self._reserve = SpoolReserve(spool, writer)
        self._folder: tuple[int, int] | None = None
        self._stopping = threading.Event()
        self.is_open = True

    def check(self) -> bool:
        """Set the gate as the space asks; True when it is open."""
        trouble = self._trouble()
        self.is_open = not trouble
        target = CLOSED if trouble else str(self._way_in)
        if self._target() != target:
            self._point_to(target)
            self._complain(f"accounting spool closed: {trouble}" if trouble else "accounting spool open")
        return not trouble

    def run(self) -> None:
        """Check until stopped; a check that fails closes the gate."""
        while not self._stopping.wait(CHECK_S):
            try:
                self.check()
            except OSError as error:
                self._complain(f"spool guard: {error}")

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    def _trouble(self) -> str:
        """Why nothing may be acknowledged; empty when all is well."""
        try:
            space, folder = os.statvfs(self._spool), self._spool.stat()
        except OSError:
            return "its folder is gone"
        if (folder.st_dev, folder.st_ino) != (self._folder or (folder.st_dev, folder.st_ino)):
            # Underneath a disk that was unmounted; what is written here would be hidden when it comes back.
            return "its folder is not the one of the start (restart FreeRADIUS if that is meant)"
        self._folder = folder.st_dev, folder.st_ino
        if not self._make_way():
            return "nothing can be made in its folder"
        if not self._is_trusted():
            return "the disk did not take what it was given"
        spare_bytes = space.f_bavail * space.f_frsize - self._min_free_bytes
        has_room = spare_bytes >= 0 and space.f_favail > 0
        return "" if has_room and self._reserve.renew(spare_bytes) else "the disk is nearly full"

    @property
    def _way_in(self) -> Path:
        """A link on the disk itself to the folder of the start; the folder of another disk has none of this name."""
        device, number = self._folder or (0, 0)
        return self._spool / f".disk-{device:x}-{number:x}"

    def _make_way(self) -> bool:
        if self._way_in.is_symlink():
            return True
        try:
            self._way_in.symlink_to(".")
        except FileExistsError:
            # Another server of the group was faster.
            return True
        except OSError:
            return False
        return True

    def _target(self) -> str | None:
        try:
            return str(self._gate.readlink())
        except FileNotFoundError:
            return None

    def _point_to(self, target: str) -> None:
        fresh = self._gate.with_name(self._gate.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self._gate)
