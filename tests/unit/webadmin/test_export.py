"""Files to take away."""

from collections.abc import Iterator

import pytest
from flask import Flask

from webadmin.export import as_csv_file


def test_what_fails_at_once_is_no_file() -> None:
    def broken() -> Iterator[tuple[str]]:
        yield ("name",)
        raise RuntimeError("the database is away")

    with Flask("x").test_request_context(), pytest.raises(RuntimeError):
        as_csv_file(broken(), "x.csv")


@pytest.mark.parametrize("number", [0, 1, 499, 500, 501, 1200])
def test_every_row_is_in_it_once(number: int) -> None:
    with Flask("x").test_request_context():
        text = as_csv_file(((place,) for place in range(number)), "x.csv").get_data().decode("utf-8-sig")

    assert text.split() == [str(place) for place in range(number)]
