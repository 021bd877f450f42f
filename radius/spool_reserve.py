"""Room on the disk that belongs to the spool's next records, so that a disk that others fill cuts no record short.

linelog does not notice a short write, and the guard looks at the free space only now and then. Between two looks
FreeRADIUS writes into blocks that the newest file has already been given, behind its end. Refuses to know what a record
says.
"""

import ctypes
import errno
import os
from pathlib import Path

from radius.spool_sync import is_of

# Four megabytes are three thousand records: what arrives between two looks, many times over.
RESERVED_BYTES = 4 * 1024 * 1024
# Less than this is not worth a request.
_LEAST_BYTES = 64 * 1024
_KEEP_SIZE = 1
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class SpoolReserve:
    """Keeps the newest file's room ahead of its end. What an older file did not use, it keeps until it is deleted."""

    def __init__(self, spool: Path, writer: str, count: int = RESERVED_BYTES) -> None:
        self._spool = spool
        self._writer = writer
        self._count = count
        self._name = ""
        self._held_until = self._count_held = 0
        self.is_supported = True

    def renew(self, spare_bytes: int) -> bool:
        """Take more room once half of it is used, half of what is spare at most; False when the disk gives none."""
        newest = self._newest() if self.is_supported else None
        count = min(self._count, spare_bytes // 2)
        if newest is None or count < _LEAST_BYTES:
            return True
        name, size = newest
        if name == self._name and self._held_until - size >= self._count_held // 2:
            return True
        return self._take(name, size, count)

    def _newest(self) -> tuple[str, int] | None:
        with os.scandir(self._spool) as entries:
            name = max((one.name for one in entries if is_of(one.name, self._writer)), default="")
        return (name, (self._spool / name).stat().st_size) if name else None

    def _take(self, name: str, size: int, count: int) -> bool:
        descriptor = os.open(self._spool / name, os.O_WRONLY)
        try:
            failed = _libc.fallocate(descriptor, _KEEP_SIZE, size, count)
        finally:
            os.close(descriptor)
        if not failed:
            self._name, self._held_until, self._count_held = name, size + count, count
            return True
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            # This file system cannot set room aside; the guard's look at the free space is all there is.
            self.is_supported = False
            return True
        if number in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise OSError(number, os.strerror(number))
