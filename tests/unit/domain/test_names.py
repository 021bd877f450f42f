"""Which spellings are one name where upper and lower case are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.names import folded


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Budi@Rumah", "budi@rumah"),
        ("budi", "budi"),
        ("ÉCOLE", "École"),
        ("aa-bb-cc-dd-ee-ff", "AA:BB:CC:DD:EE:FF"),
        ("AA:BB:CC:DD:EE:FF", "AA:BB:CC:DD:EE:FF"),
        ("0812ABCDEF12", "0812abcdef12"),
        ("", ""),
    ],
)
def test_letters_fold_and_devices_do_not(name: str, kept: str) -> None:
    assert folded(name) == kept


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    assert folded(folded(name)) == folded(name)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_every_spelling_of_plain_letters_is_one_name(name: str) -> None:
    assert folded(name.upper()) == folded(name.lower())
