"""Large pages under what this process keeps in memory, for one that touches much of it in no order.

The processor remembers where a few thousand pages lie. With pages of 4 KiB these are a few megabytes, and each place
beyond them is looked up in tables that lie in memory themselves; with pages of 2 MiB it is everything. Linux makes
them where it is asked to. Refuses to know what is kept; where there is no such thing, nothing happens.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LARGE_PAGE_BYTES = 2 << 20
LOOK_EVERY_S = 10.0
_LAST_NICENESS = 19
# Of Linux's mman.h. The second came with Linux 6.1; before, the kernel follows the first in its own time.
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25


def keep_in_large_pages(stop: threading.Event) -> None:
    """Until told to stop, for a thread of its own, which works when others have nothing to do."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST_NICENESS)
    with suppress(OSError, AttributeError):
        advise = ctypes.CDLL(None).madvise
        while not stop.wait(LOOK_EVERY_S):
            for start, end in own_pieces(Path("/proc/self/maps").read_text()):
                advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_HUGEPAGE)
                # One by one, for meanwhile nobody else gets memory; what is large already, or unused, takes no time.
                for place in range(start, end, LARGE_PAGE_BYTES):
                    if stop.is_set():
                        return
                    advise(ctypes.c_void_p(place), ctypes.c_size_t(LARGE_PAGE_BYTES), _MADV_COLLAPSE)


def own_pieces(maps: str) -> Iterator[tuple[int, int]]:
    """Begin and end of a process's own memory, of no file and not shared, in whole large pages."""
    for line in maps.splitlines():
        addresses, access, _, _, file_number, *name = line.split(maxsplit=5)
        if access != "rw-p" or file_number != "0" or (name and name[0] != "[heap]"):
            continue
        begin, end = (int(address, 16) for address in addresses.split("-"))
        begin, end = -(-begin // LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES, end // LARGE_PAGE_BYTES * LARGE_PAGE_BYTES
        if begin < end:
            yield begin, end
