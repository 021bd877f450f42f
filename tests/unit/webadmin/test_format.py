"""What a reader sees for a number or a moment, in both languages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webadmin import format as spell

NOW = datetime(2026, 11, 21, 14, 4, 5, tzinfo=UTC)
JAKARTA = spell.zone_of("Asia/Jakarta")


@pytest.mark.parametrize(
    ("value", "english", "indonesian"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1 kB", "1 kB"),
        (48_900_000_000, "48.9 GB", "48,9 GB"),
        (123_456_789, "123 MB", "123 MB"),
        (999_999_999, "1 GB", "1 GB"),
    ],
)
def test_a_volume_has_at_most_three_places(value: int, english: str, indonesian: str) -> None:
    assert spell.volume(value, "en") == english
    assert spell.volume(value, "id") == indonesian


@pytest.mark.parametrize(
    ("kbps", "expected"),
    [(0, "∞"), (512, "512 kbps"), (1500, "1.5 Mbps"), (10_000, "10 Mbps"), (1_000_000, "1 Gbps")],
)
def test_a_speed_is_named_in_the_unit_people_use(kbps: int, expected: str) -> None:
    assert spell.speed(kbps, "en") == expected


@pytest.mark.parametrize(
    ("text", "kbps"),
    [("10", 10_000), ("10M", 10_000), ("10 Mbps", 10_000), ("512k", 512), ("1,5g", 1_500_000), ("0", 0)],
)
def test_a_typed_speed_is_read_in_any_usual_spelling(text: str, kbps: int) -> None:
    assert spell.parse_speed(text) == kbps


@pytest.mark.parametrize("text", ["", "fast", "-1", "10T", "1e3", "10 10"])
def test_a_speed_that_cannot_be_read_is_refused(text: str) -> None:
    assert spell.parse_speed(text) is None


@given(st.integers(min_value=1, max_value=100_000_000))
def test_a_speed_shown_in_a_form_reads_back_as_itself(kbps: int) -> None:
    assert spell.parse_speed(spell.speed_field(kbps)) == kbps


@given(st.integers(min_value=1, max_value=10**15))
def test_gigabytes_shown_in_a_form_read_back_as_themselves(value: int) -> None:
    assert spell.parse_gigabytes(spell.gigabytes_field(value)) == value


@pytest.mark.parametrize("text", ["", "lots", "NaN", "Infinity"])
def test_gigabytes_that_are_no_number_are_refused(text: str) -> None:
    assert spell.parse_gigabytes(text) is None


def test_rupiah_has_no_cents_and_the_readers_separator() -> None:
    assert spell.money(Decimal("1500000.00"), "IDR", "id") == "Rp 1.500.000"
    assert spell.money(Decimal(1500000), "IDR", "en") == "Rp 1,500,000"


def test_a_currency_with_cents_keeps_them() -> None:
    assert spell.money(Decimal("12.5"), "USD", "en") == "$ 12.50"


@pytest.mark.parametrize(
    ("seconds", "english", "indonesian"),
    [
        (0, "0 s", "0 dtk"),
        (65, "1 min 5 s", "1 mnt 5 dtk"),
        (7500, "2 h 5 min", "2 jam 5 mnt"),
        (3 * 86400, "3 d", "3 hr"),
    ],
)
def test_a_duration_shows_its_two_largest_parts(seconds: int, english: str, indonesian: str) -> None:
    assert spell.duration(seconds, "en") == english
    assert spell.duration(seconds, "id") == indonesian


def test_a_moment_is_told_from_now() -> None:
    assert spell.ago(NOW - timedelta(minutes=3), NOW, "en") == "3 min ago"
    assert spell.ago(NOW + timedelta(days=2), NOW, "id") == "2 hari lagi"
    assert spell.ago(NOW - timedelta(days=1), NOW, "en") == "1 day ago"
    assert spell.ago(NOW - timedelta(days=45), NOW, "id") == "1 bulan lalu"
    assert spell.ago(NOW - timedelta(seconds=1), NOW, "en", just_now="just now") == "just now"


def test_a_clock_time_names_the_day_only_when_it_is_another() -> None:
    assert spell.clock(NOW, NOW, JAKARTA, "en") == "21:04"
    assert spell.clock(NOW - timedelta(days=1), NOW, JAKARTA, "en") == "20 Nov 21:04"
    assert spell.clock(NOW - timedelta(days=366), NOW, JAKARTA, "en") == "20 Nov 2025 21:04"


@pytest.mark.parametrize(
    ("said", "shown"),
    [("10000000/20000000", "10M/20M"), ("512000/1000000000", "512k/1G"), ("0/0", "0/0"), ("10M/1500k", "10M/1500k")],
)
def test_a_routers_rates_are_shortened_as_it_writes_them(said: str, shown: str) -> None:
    assert spell.router_rate(said) == shown


def test_an_unknown_zone_falls_back_to_utc() -> None:
    assert spell.zone_of("Mars/Olympus") is UTC


def test_initials_are_of_the_first_and_last_name() -> None:
    assert spell.initials("Siti Nur Halimah") == "SH"
    assert spell.initials("Budi") == "B"
