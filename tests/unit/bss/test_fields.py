"""What people type becomes one clean value, or a problem that names the field."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss import fields
from bss.failure import Invalid
from domain.codes import READABLE
from radius.pairs import pair


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("0812-3456-789", "+628123456789"),
        ("62 812 3456 789", "+628123456789"),
        ("+62 812 3456 789", "+628123456789"),
        ("0062812 3456789", "+628123456789"),
        ("+44 20 7946 0958", "+442079460958"),
        ("", None),
        (None, None),
    ],
)
def test_a_phone_number_has_one_spelling(typed: str | None, stored: str | None) -> None:
    assert fields.phone(typed, country_code="62") == stored


@pytest.mark.parametrize("typed", ["12", "phone", "+", "0" * 39])
def test_what_is_no_phone_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        fields.phone(typed, country_code="62")


@pytest.mark.parametrize(
    ("typed", "stored"), [("150000", "150000.00"), ("0.5", "0.50"), (Decimal("1E2"), "100.00"), (7, "7.00")]
)
def test_money_has_two_decimals(typed: object, stored: str) -> None:
    assert str(fields.money(typed, field="price")) == stored


@pytest.mark.parametrize("typed", ["1.001", "-1", "NaN", "Infinity", 1.5, None, "1e20", "x"])
def test_what_is_no_amount_is_refused(typed: object) -> None:
    with pytest.raises(Invalid):
        fields.money(typed, field="price")


@given(st.text())
def test_a_username_is_kept_exactly_or_refused(typed: str) -> None:
    try:
        name = fields.username(typed, connection_type="pppoe")
    except Invalid:
        return

    assert name == typed.strip()
    assert name
    assert name.isprintable() or " " in name or any(character.isspace() for character in name)
    assert len(name.encode()) <= fields.USERNAME_MAX_BYTES


def test_made_passwords_differ_and_can_be_read_out() -> None:
    made = {fields.new_password() for _ in range(200)}

    assert len(made) == 200
    assert all(set(password) <= set(READABLE + "-") for password in made)
    assert fields.password(made.pop())


@pytest.mark.parametrize("typed", ["short", "", None, "eight\u0000chars", "x" * 129, 12345678])
def test_a_bad_password_is_refused(typed: object) -> None:
    with pytest.raises(Invalid):
        fields.password(typed)


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (-1, -1), (10**9, 1), ("1", 1), (None, 1)])
def test_a_speed_has_two_sides_or_none(pair: tuple[object, object]) -> None:
    with pytest.raises(Invalid):
        fields.speed_pair(*pair)


def test_unlimited_is_zero_on_both_sides() -> None:
    assert fields.speed_pair(0, 0) == (0, 0)


@given(st.text(max_size=120))
def test_a_pool_name_that_is_taken_in_can_be_sent_at_login(typed: str) -> None:
    try:
        name = fields.router_name(typed, field="ip_pool")
    except Invalid:
        return

    assert name is None or pair("Framed-Pool", name) == ("Framed-Pool", name)


@pytest.mark.parametrize("typed", ["pool\u200b1", "\u202epool", "\U0001f30d" * 62])
def test_a_pool_name_no_router_could_be_sent_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        fields.router_name(typed, field="ip_pool")
