"""How the address of the database is completed for the connections inside FreeRADIUS."""

import socket
import time

import pytest
from psycopg.conninfo import conninfo_to_dict

from db.queries import deadline
from db.queries.deadline import PastDeadline, one_by_one, policy_dsn


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


def test_each_of_several_servers_is_asked_by_itself_and_for_everything_else_the_same() -> None:
    dsn = policy_dsn("postgresql://u:p%40ss@db1,db2:5433/d?target_session_attrs=read-write")

    first, second = (conninfo_to_dict(one) for one in one_by_one(dsn))

    assert (first.pop("host"), first.pop("port", "")) == ("db1", "")
    assert (second.pop("host"), second.pop("port")) == ("db2", "5433")
    assert first == second
    assert first["password"] == "p@ss"


def test_one_server_is_left_as_it_is() -> None:
    assert one_by_one("postgresql://u@h/d") == ["postgresql://u@h/d"]


def test_a_server_that_hangs_does_not_use_up_the_time_of_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs, socket.create_server(("127.0.0.1", 0)) as refuses:
        ports = hangs.getsockname()[1], refuses.getsockname()[1]
        refuses.close()
        begun = time.monotonic()
        with pytest.raises(PastDeadline) as caught:
            deadline.connect(f"postgresql://u@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/d", 0.4)

    assert time.monotonic() - begun < 0.4
    assert "no answer in 200 ms" in str(caught.value)
    assert "refused" in str(caught.value)
