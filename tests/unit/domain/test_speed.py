"""Speeds, and the router's word for them: checked by a parser of MikroTik's documented grammar."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.speed import MAX_KBPS, Burst, Speed, render_rate_limit
from profiles import bursts, limited_speeds, priorities, speeds

NO_LIMIT = Speed(download_kbps=0, upload_kbps=0)


def speed(download: int, upload: int) -> Speed:
    return Speed(download_kbps=download, upload_kbps=upload)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What RouterOS makes of the attribute, in bit/s; every pair is (receive, transmit)."""

    rate: tuple[int, int]
    burst: tuple[int, int] | None
    threshold: tuple[int, int] | None
    burst_time_s: tuple[int, int]
    priority: int


def parse_rate_limit(text: str) -> Queue:
    """Groups as in the manual: rate, burst rate, threshold, burst time, priority; pairs are receive/transmit."""
    groups = text.split(" ")
    assert len(groups) <= 5, "no minimum rates are rendered"
    rate = _pair(groups[0])
    burst = _pair(groups[1]) if len(groups) > 1 else None
    threshold = _pair(groups[2]) if len(groups) > 2 else burst
    seconds = _seconds(groups[3]) if len(groups) > 3 else (1, 1)
    priority = int(groups[4]) if len(groups) > 4 else 8
    none = (0, 0)
    return Queue(
        rate=rate,
        burst=None if burst == none else burst,
        threshold=None if burst == none else threshold,
        burst_time_s=seconds,
        priority=priority,
    )


def _pair(text: str) -> tuple[int, int]:
    receive, slash, transmit = text.partition("/")
    return _bits(receive), _bits(transmit if slash else receive)


def _bits(text: str) -> int:
    match = re.fullmatch(r"([0-9]+)([kM]?)", text)
    assert match is not None, f"RouterOS reads no number in {text!r}"
    return int(match[1]) * {"": 1, "k": 1000, "M": 1_000_000}[match[2]]


def _seconds(text: str) -> tuple[int, int]:
    receive, _, transmit = text.partition("/")
    return int(receive), int(transmit)


def _as_router(value: Speed) -> tuple[int, int]:
    return value.upload_kbps * 1000, value.download_kbps * 1000


@given(full=limited_speeds, burst=st.one_of(st.none(), bursts()), priority=priorities)
def test_what_is_rendered_reads_back_as_what_was_meant(full: Speed, burst: Burst | None, priority: int) -> None:
    text = render_rate_limit(full, burst, priority)

    assert text is not None
    queue = parse_rate_limit(text)
    assert queue.rate == _as_router(full)
    assert queue.priority == priority
    helps = burst is not None and all(
        high >= low for high, low in zip(_as_router(burst.speed), _as_router(full), strict=True)
    )
    if burst is not None and helps:
        assert queue.burst == _as_router(burst.speed)
        assert queue.threshold == _as_router(burst.threshold)
        assert queue.burst_time_s == (burst.time_s, burst.time_s)
    else:
        assert queue.burst is None


@given(burst=st.one_of(st.none(), bursts()), priority=priorities, kbps=st.integers(0, MAX_KBPS))
def test_a_speed_with_an_unlimited_side_is_not_rendered(burst: Burst | None, priority: int, kbps: int) -> None:
    assert render_rate_limit(speed(kbps, 0), burst, priority) is None
    assert render_rate_limit(speed(0, kbps), burst, priority) is None


@pytest.mark.parametrize(
    ("full", "burst", "priority", "text"),
    [
        (speed(10_000, 5_000), None, 8, "5M/10M"),
        (speed(1_024, 512), None, 8, "512k/1024k"),
        (speed(1_500, 1_000), None, 8, "1M/1500k"),
        (speed(2_000, 1_000), None, 1, "1M/2M 0/0 0/0 0/0 1"),
        (
            speed(10_000, 5_000),
            Burst(speed=speed(20_000, 10_000), threshold=speed(8_000, 4_000), time_s=16),
            8,
            "5M/10M 10M/20M 4M/8M 16/16",
        ),
        (
            speed(10_000, 5_000),
            Burst(speed=speed(20_000, 10_000), threshold=speed(8_000, 4_000), time_s=16),
            3,
            "5M/10M 10M/20M 4M/8M 16/16 3",
        ),
        (speed(10_000, 5_000), Burst(speed=speed(9_999, 50_000), threshold=NO_LIMIT, time_s=1), 8, "5M/10M"),
    ],
)
def test_upload_is_said_first(full: Speed, burst: Burst | None, priority: int, text: str) -> None:
    assert render_rate_limit(full, burst, priority) == text


@pytest.mark.parametrize(("download", "upload"), [(-1, 0), (0, -1), (MAX_KBPS + 1, 1), (1, MAX_KBPS + 1)])
def test_a_speed_out_of_range_cannot_be_made(download: int, upload: int) -> None:
    with pytest.raises(ValueError, match="speed out of range"):
        speed(download, upload)


@given(full=limited_speeds, percent=st.integers(1, 99))
def test_a_reduced_speed_is_lower_but_never_stops_the_line(full: Speed, percent: int) -> None:
    reduced = full.reduced_by(percent)

    for before, after in (
        (full.download_kbps, reduced.download_kbps),
        (full.upload_kbps, reduced.upload_kbps),
    ):
        assert 1 <= after <= before
        assert after == 1 or after == before * (100 - percent) // 100


@given(percent=st.integers(1, 99))
def test_a_percentage_of_no_limit_is_no_limit(percent: int) -> None:
    assert NO_LIMIT.reduced_by(percent) == NO_LIMIT


@given(one=speeds, other=speeds)
def test_the_lower_of_two_speeds_is_above_neither(one: Speed, other: Speed) -> None:
    lower = one.at_most(other)

    assert lower.is_unlimited == (one.is_unlimited and other.is_unlimited)
    for bound in (one, other):
        if not bound.is_unlimited:
            assert lower.download_kbps <= bound.download_kbps
            assert lower.upload_kbps <= bound.upload_kbps
