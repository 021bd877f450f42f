"""Keeps accounting from being acknowledged onto a full disk.

FreeRADIUS writes the spool through a link. While space is low the link points nowhere: the write fails, the packet is
not acknowledged, and the router keeps it and sends it again. linelog itself would not notice a short write.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

CHECK_S = 0.05
CLOSED = "closed-for-lack-of-space"


class SpoolGuard:
    """Opens and closes the gate by the free space behind it."""

    def __init__(self, spool: Path, gate: Path, min_free_bytes: int, complain: Callable[[str], None]) -> None:
        self._spool = spool
        self._gate = gate
        self._min_free_bytes = min_free_bytes
        self._complain = complain
        self._stopping = threading.Event()

    def check(self) -> bool:
        """Set the gate as the space asks; True when it is open."""
        target = str(self._spool) if self._has_room() else CLOSED
        if self._target() != target:
            self._point_to(target)
            self._complain(f"accounting spool {'open' if target != CLOSED else 'closed: the disk is nearly full'}")
        return target != CLOSED

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

    def _has_room(self) -> bool:
        try:
            space = os.statvfs(self._spool)
        except OSError:
            return False
        return space.f_bavail * space.f_frsize >= self._min_free_bytes and space.f_favail > 0

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
