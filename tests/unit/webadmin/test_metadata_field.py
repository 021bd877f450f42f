"""Further fields are shown in a way that brings back exactly what was there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form

from webadmin.forms.fields import MetadataField

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1).filter(
    lambda one: ":" not in one
)
SIMPLE = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


class Kept(Form):
    details = MetadataField()


def sent(text: str) -> Kept:
    form = Kept(MultiDict({"details": text}))
    form.validate()
    return form


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_shown_comes_back_as_it_was(kept: dict[str, Any]) -> None:
    shown = Kept(data={"details": kept}).details._value()

    assert sent(shown).details.data == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [("ont: HWTC1", {"ont": "HWTC1"}), ("floor: 3\n\nup: true", {"floor": 3, "up": True}), ("", {}),
     ("url: http://a:80/", {"url": "http://a:80/"}), ('code: "0042"', {"code": "0042"}), ("x: NaN", {"x": "NaN"})],
)  # fmt: skip
def test_lines_are_read_as_people_write_them(text: str, kept: dict[str, Any]) -> None:
    form = sent(text)

    assert (form.details.data, list(form.details.errors)) == (kept, [])


@pytest.mark.parametrize("text", ["nothing", ": 3"])
def test_a_line_without_a_name_is_refused(text: str) -> None:
    assert sent(text).details.errors
