"""What a customer's record may say, what a file of customers says, and how operators stand to each other."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.customer_jobs import ACTION_PERMISSIONS, AT_ONCE, BULK_ACTIONS, is_at_once
from domain.customer_record import REFERRAL_LENGTH, colour, is_on_the_map, referral_code, tags_of
from domain.operators import (
    HIGH_LEVEL,
    MOST_LEVEL,
    SIDES,
    TRANSFER_STATUSES,
    confirmed,
    fits_below,
    is_below,
    may_transfer,
)
from domain.provider_settings import NAMES, ProviderSettings, problem_with, settings_from
from domain.spreadsheet import as_csv, cell, unprotected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#007bff", "#007bff"),
        ("007BFF", "#007bff"),
        ("#abc", "#aabbcc"),
        ("gold", "#ffd700"),
        ("#gold", "#ffd700"),
        (" Blue ", "#007bff"),
        ("#12", None),
        ("no such", None),
        ("", None),
    ],
)
def test_a_colour_is_six_digits_however_it_is_written(text: str, expected: str | None) -> None:
    assert colour(text) == expected


@given(st.text(max_size=20))
def test_a_colour_is_always_one_or_none(text: str) -> None:
    found = colour(text)

    assert found is None or (len(found) == 7 and colour(found) == found)


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [("-6.2", "106.8", True), (None, None, True), ("1", None, False), (None, "1", False), ("90.1", "0", False)],
)
def test_a_place_is_two_coordinates_or_none(latitude: str | None, longitude: str | None, expected: bool) -> None:
    pair = [None if value is None else Decimal(value) for value in (latitude, longitude)]

    assert is_on_the_map(pair[0], pair[1]) is expected


@given(st.binary(min_size=REFERRAL_LENGTH, max_size=32))
def test_a_referral_code_can_be_read_out(numbers: bytes) -> None:
    code = referral_code(numbers)

    assert len(code) == REFERRAL_LENGTH
    assert not set(code) & set("01ILO")


def test_a_referral_code_needs_enough_chance() -> None:
    with pytest.raises(ValueError, match="needs"):
        referral_code(b"short")


def test_tags_of_a_cell_are_each_there_once() -> None:
    assert tags_of(" VIP, fiber ,vip,, two  words ") == ["VIP", "fiber", "two words"]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_what_a_spreadsheet_was_kept_from_calculating_is_read_back(values: list[str]) -> None:
    # The text of a cell that itself begins with an apostrophe and a sign cannot be told from a protected one.
    plain = [value for value in values if not value.startswith("'")]

    assert [unprotected(cell(value)) for value in plain] == plain
    assert as_csv([plain]).endswith("\r\n")


def test_power_becomes_less_on_the_way_down() -> None:
    assert fits_below(1, 0)
    assert not fits_below(5, 5)
    assert not fits_below(MOST_LEVEL + 1, 5)
    assert may_transfer(HIGH_LEVEL)
    assert not may_transfer(HIGH_LEVEL + 1)


@given(st.dictionaries(st.integers(1, 30), st.one_of(st.none(), st.integers(1, 30)), max_size=30), st.integers(1, 30))
def test_looking_for_who_stands_above_always_ends(parents: dict[int, int | None], start: int) -> None:
    assert is_below(start, start, parents)
    assert is_below(start, 99, parents) is False


@pytest.mark.parametrize("side", SIDES)
def test_one_side_agrees_once(side: str) -> None:
    other = next(name for name in SIDES if name != side)

    assert confirmed("requested", side) == f"confirmed_{side}"
    assert confirmed(f"confirmed_{side}", side) is None
    assert confirmed(f"confirmed_{side}", other) == "done"
    assert {confirmed(status, side) for status in ("done", "rejected")} == {None}
    assert confirmed("requested", side) in TRANSFER_STATUSES


def test_every_action_on_many_needs_a_permission_of_its_own() -> None:
    assert ACTION_PERMISSIONS.keys() == set(BULK_ACTIONS)
    assert is_at_once(AT_ONCE)
    assert not is_at_once(AT_ONCE + 1)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("require_whatsapp", True, "yes"),
        ("default_customer_status", "active", "terminated"),
        ("customer_code_prefix", "NET", "net-1"),
        ("subscription_code_prefix", "S1", ""),
        ("tokens_add_per_hour", 10, 0),
    ],
)
def test_a_setting_is_kept_or_refused_with_an_advice(name: str, good: object, bad: object) -> None:
    assert problem_with(name, good) is None
    assert problem_with(name, bad)
    assert getattr(settings_from({name: good}), name) == good
    assert settings_from({name: bad, "no such": 1}) == ProviderSettings()
    assert name in NAMES
