"""What an operator's rows do to what the policy grants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.replies import merge, merged_value

GRANTED = [("Framed-Pool", "pool-a"), ("Mikrotik-Total-Limit", "5"), ("Mikrotik-Total-Limit-Gigawords", "1")]
_names = st.sampled_from(["Framed-Pool", "Framed-Route", "Filter-Id", "Mikrotik-Total-Limit"])
_values = st.sampled_from(["a", "b", "c"])
granted_lists = st.lists(st.tuples(_names, _values), max_size=4)
row_lists = st.lists(st.tuples(_names, st.sampled_from([":=", "+=", "="]), _values), max_size=5)


@pytest.mark.parametrize(
    ("rows", "merged"),
    [
        ([], GRANTED),
        ([("Framed-Pool", ":=", "pool-b")], [*GRANTED[1:], ("Framed-Pool", "pool-b")]),
        ([("Framed-Pool", "=", "pool-b")], GRANTED),
        ([("Framed-Pool", "+=", "pool-b")], [*GRANTED, ("Framed-Pool", "pool-b")]),
        ([("Port-Limit", "=", "2")], [*GRANTED, ("Port-Limit", "2")]),
        ([("Port-Limit", "=", "2"), ("Port-Limit", "=", "3")], [*GRANTED, ("Port-Limit", "2")]),
        ([("Port-Limit", ":=", "2"), ("Port-Limit", ":=", "3")], [*GRANTED, ("Port-Limit", "3")]),
        (
            [("Framed-Route", ":=", "10.1.0.0/16"), ("Framed-Route", "+=", "10.2.0.0/16")],
            [*GRANTED, ("Framed-Route", "10.1.0.0/16"), ("Framed-Route", "10.2.0.0/16")],
        ),
        # The upper half belonged to the limit that is gone.
        ([("Mikrotik-Total-Limit", ":=", "7")], [GRANTED[0], ("Mikrotik-Total-Limit", "7")]),
    ],
)
def test_operators_do_what_tools_of_this_field_know_them_for(
    rows: list[tuple[str, str, str]], merged: list[tuple[str, str]]
) -> None:
    assert merge(GRANTED, rows) == tuple(merged)


@given(granted=granted_lists, plan=row_lists, user=row_lists)
def test_the_plans_rows_and_then_the_users_are_one_list_of_rows(
    granted: list[tuple[str, str]], plan: list[tuple[str, str, str]], user: list[tuple[str, str, str]]
) -> None:
    assert merge(merge(granted, plan), user) == merge(granted, [*plan, *user])


@given(granted=granted_lists, rows=row_lists)
def test_what_no_row_names_stays_as_it_was(granted: list[tuple[str, str]], rows: list[tuple[str, str, str]]) -> None:
    named = {name for name, _, _ in rows}

    merged = merge(granted, rows)

    assert [pair for pair in merged if pair[0] not in named] == [pair for pair in granted if pair[0] not in named]
    assert named <= {name for name, _ in merged}


@given(granted=granted_lists, rows=row_lists, name=_names, value=_values)
def test_the_last_row_wins_when_it_sets_and_only_adds_when_it_adds(
    granted: list[tuple[str, str]], rows: list[tuple[str, str, str]], name: str, value: str
) -> None:
    before = merge(granted, rows)

    assert [pair for pair in merge(before, [(name, ":=", value)]) if pair[0] == name] == [(name, value)]
    assert merge(before, [(name, "+=", value)]) == (*before, (name, value))
    if any(pair[0] == name for pair in before):
        assert merge(before, [(name, "=", value)]) == before


def test_one_attribute_can_be_asked_for_alone() -> None:
    assert merged_value("Session-Timeout", "60", []) == "60"
    assert merged_value("Session-Timeout", None, [("Idle-Timeout", ":=", "60")]) is None
    assert merged_value("Session-Timeout", "60", [("Session-Timeout", "=", "90")]) == "60"
    assert merged_value("Session-Timeout", "60", [("Session-Timeout", ":=", "90")]) == "90"
    assert merged_value("Session-Timeout", None, [("Session-Timeout", "=", "90")]) == "90"
