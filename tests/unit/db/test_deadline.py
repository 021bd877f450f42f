"""How the address of the database is completed for the connections inside FreeRADIUS."""

import pytest

from db.queries.deadline import policy_dsn


@pytest.mark.parametrize(
    ("dsn", "start"),
    [
        ("postgresql://u@h/d", "postgresql://u@h/d?connect_timeout="),
        ("postgresql://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require&connect_timeout="),
    ],
)
def test_every_connection_of_the_policy_has_deadlines(dsn: str, start: str) -> None:
    assert policy_dsn(dsn).startswith(start)
    assert "tcp_user_timeout" in policy_dsn(dsn)
