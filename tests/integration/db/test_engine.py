"""What an error of the database may say."""

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.engine import make_engine
from runtime import ports


def test_an_error_names_the_statement_and_none_of_its_values(db_url: str) -> None:
    engine = make_engine(db_url)
    try:
        with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT 1 / (:zero)::int, :password"), {"zero": 0, "password": "rahasia-123"})
    finally:
        engine.dispose()

    assert "SELECT 1" in str(caught.value)
    assert "rahasia-123" not in str(caught.value)


def test_of_several_servers_the_first_that_answers_is_used(db_url: str) -> None:
    nobody = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    parts = conninfo_to_dict(db_url)
    own = f"{parts['host']}:{parts['port']}"
    url = db_url.replace(own, f"127.0.0.1:{nobody},{own}") + "?target_session_attrs=read-write"
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT current_database()")) == parts["dbname"]
    finally:
        engine.dispose()
