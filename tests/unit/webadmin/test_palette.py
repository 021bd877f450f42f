"""What the search box hears when somebody says what to do."""

import pytest

from webadmin.panel.palette import spoken_to

PAY = ("record", "payment", "pay", "receive")


@pytest.mark.parametrize(
    ("text", "words", "said", "name"),
    [
        ("suspend budi", ("suspend", "block"), 1, "budi"),
        ("Susp Budi Santoso", ("suspend", "block"), 1, "budi santoso"),
        ("budi santoso suspend", ("suspend",), 1, "budi santoso"),
        ("record payment budi", PAY, 2, "budi"),
        ("budi pay", PAY, 1, "budi"),
        ("change plan budi", ("change", "plan"), 2, "budi"),
        ("suspend", ("suspend",), 1, ""),
        ("tangguhkan budi", ("tangguhkan", "suspend"), 1, "budi"),
    ],
)
def test_a_verb_is_heard_before_or_after_the_name(text: str, words: tuple[str, ...], said: int, name: str) -> None:
    assert spoken_to(text, words) == (said, name)


@pytest.mark.parametrize("text", ["budi santoso", "su budi", "", "budisuspend", "a suspended b"])
def test_a_name_alone_says_nothing_to_do(text: str) -> None:
    assert spoken_to(text, ("suspend", "block")) is None


def test_a_word_is_heard_once_so_that_a_name_like_it_stays_a_name() -> None:
    assert spoken_to("pay pay budi", ("pay",)) == (1, "pay budi")
