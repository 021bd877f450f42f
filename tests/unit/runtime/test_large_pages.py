"""A process that asks has its memory in large pages, and only its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.large_pages import own_pieces

KERNEL = Path("/sys/kernel/mm/transparent_hugepage/enabled")

MAPS = """\
00400000-02400000 rw-p 00000000 fe:00 260811                     /usr/bin/python3.11
0a6b7000-0d6c0000 rw-p 00000000 00:00 0                          [heap]
7fe7df201000-7fe7df400000 rw-p 00000000 00:00 0
7fe7df500000-7fe7e1100000 rw-p 00000000 00:00 0
7fe7e2000000-7fe7e4000000 r--p 00000000 00:00 0
7fe7e4000000-7fe7e6000000 rw-s 00000000 00:01 5                  /dev/zero (deleted)
7fe7e6001000-7fe7e61ff000 rw-p 00000000 00:00 0
7ffd00000000-7ffd02000000 rw-p 00000000 00:00 0                  [stack]
"""

CHILD = """
import threading
from runtime import large_pages
large_pages.LOOK_EVERY_S = 0.1
kept = [bytes([n % 251]) * 300 for n in range(200_000)]
stop = threading.Event()
threading.Thread(target=large_pages.keep_in_large_pages, args=(stop,)).start()
for _ in range(600):
    sizes = dict(line.split()[:2] for line in open("/proc/self/smaps_rollup").readlines()[1:])
    if int(sizes["AnonHugePages:"]) > 10_000:
        break
    stop.wait(0.1)
stop.set()
print(sizes["AnonHugePages:"], all(kept[n] == bytes([n % 251]) * 300 for n in range(200_000)))
"""


def test_files_the_stack_and_what_is_shared_or_small_stay_as_they_are() -> None:
    assert list(own_pieces(MAPS)) == [(0x0A800000, 0x0D600000), (0x7FE7DF600000, 0x7FE7E1000000)]


@pytest.mark.skipif(not KERNEL.exists() or "[never]" in KERNEL.read_text(), reason="this kernel makes none")
def test_what_a_process_keeps_is_in_large_pages_after_a_moment_and_unchanged() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=120, check=True)
    large_kb, is_unchanged = done.stdout.split()
    assert is_unchanged == "True"
    assert int(large_kb) > 10_000
