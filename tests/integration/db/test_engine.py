"""What an error of the database may say."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.engine import make_engine


def test_an_error_names_the_statement_and_none_of_its_values(db_url: str) -> None:
    engine = make_engine(db_url)
    try:
        with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT 1 / (:zero)::int, :password"), {"zero": 0, "password": "rahasia-123"})
    finally:
        engine.dispose()

    assert "SELECT 1" in str(caught.value)
    assert "rahasia-123" not in str(caught.value)
