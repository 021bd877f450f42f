"""Room on the disk that belongs to the spool's next records, so that a disk that others fill cuts no record short.

linelog does not notice a short write, and the guard looks at the free space only now and then. Between two looks
FreeRADIUS writes into blocks that the newest file has already been given, behind its end. Refuses to know what a record
says.
"""

import ctypes
import errno
import os
from pathlib import Path

from radius.sync import PREFIX, SUFFIX

# Four megabytes are three thousand records: what arrives between two looks, many times over.
RESERVED_BYTES = 4 * 1024 * 1024
# Less than this is not worth a request.
_LEAST_BYTES = 64 * 1024
_KEEP_SIZE = 1
# A file is named by the hour, and behind that by its writer.
_HOUR = slice(len(PREFIX), len(PREFIX) + 10)
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class SpoolReserve:
    """Keeps room ahead of the end of the newest hour's files, one for each server that writes.

    What an older file did not use, it keeps until it is deleted.
    """

    def __init__(self, spool: Path, count: int = RESERVED_BYTES) -> None:
        self._spool = spool
        self._count = count
        # How far each file's room goes, and how much was taken last.
        self._held: dict[str, tuple[int, int]] = {}
        self.is_supported = True

    def renew(self, spare_bytes: int) -> bool:
        """Take more room once half of it is used, half of what is spare at most; False when the disk gives none."""
        newest = self._newest() if self.is_supported else {}
        self._held = {name: held for name, held in self._held.items() if name in newest}
        count = min(self._count, spare_bytes // 2 // max(1, len(newest)))
        if count < _LEAST_BYTES:
            return True
        return all(self._take(name, size, count) for name, size in newest.items() if self._is_used_up(name, size))

    def _is_used_up(self, name: str, size: int) -> bool:
        held_until, count = self._held.get(name, (0, 0))
        return name not in self._held or held_until - size < count // 2

    def _newest(self) -> dict[str, int]:
        with os.scandir(self._spool) as entries:
            names = [one.name for one in entries if one.name.startswith(PREFIX) and one.name.endswith(SUFFIX)]
        hour = max((name[_HOUR] for name in names), default="")
        return {name: (self._spool / name).stat().st_size for name in names if name[_HOUR] == hour}

    def _take(self, name: str, size: int, count: int) -> bool:
        descriptor = os.open(self._spool / name, os.O_WRONLY)
        try:
            failed = _libc.fallocate(descriptor, _KEEP_SIZE, size, count)
        finally:
            os.close(descriptor)
        if not failed:
            self._held[name] = (size + count, count)
            return True
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            # This file system cannot set room aside; the guard's look at the free space is all there is.
            self.is_supported = False
            return True
        if number in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise OSError(number, os.strerror(number))
