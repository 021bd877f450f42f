"""A file of customers is read whatever it is, or refused with an advice."""

from hypothesis import given
from hypothesis import strategies as st

from bss.customer_file import read
from domain.customer_file import UnreadableFile, repeated


def test_rows_are_counted_with_the_head_and_empty_ones_too() -> None:
    rows = read(b'name;phone\r\nBudi;0812\r\n;\r\n"Ani; Putri";"0813\n4"\r\n')

    assert [(row.number, dict(row.values)) for row in rows] == [
        (2, {"name": "Budi", "phone": "0812"}),
        (4, {"name": "Ani; Putri", "phone": "0813\n4"}),
    ]


def test_a_value_that_stands_in_two_rows_is_the_second_ones_problem() -> None:
    rows = read(b"name,email,username\nA,x@y.z,one\nB,X@Y.Z,two\nC,,one\nD,,\n")

    assert repeated(rows) == {3: ("email", 2), 4: ("username", 2)}


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_refused_with_an_advice(content: bytes) -> None:
    for begin in (b"", b"name\n", b"name,phone\n"):
        rows, advice = [], ""
        try:
            rows = read(begin + content)
        except UnreadableFile as problem:
            advice = problem.mend
        assert bool(rows) != bool(advice)
        assert all(row.number >= 2 and row.values for row in rows)
