"""How the private PostgreSQL is fitted to its machine."""

import pytest

from runtime.postgres import shared_buffers_mb

GIB = 1 << 30


@pytest.mark.parametrize(("memory_bytes", "megabytes"), [(GIB // 2, 128), (GIB, 128), (4 * GIB, 512), (64 * GIB, 2048)])
def test_an_eighth_of_the_memory_is_shared_within_bounds(memory_bytes: int, megabytes: int) -> None:
    assert shared_buffers_mb(memory_bytes) == megabytes
