"""Reading and hearing from a database that is slow, hangs or goes away."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from db.queries.listener import Listener, UnableToListen
from db.queries.reader import DeadlineReader, UnableToRead

TIMEOUT_MS = 200
STATEMENTS = {
    "quick": "SELECT $1::text",
    "nothing": "SELECT 1 WHERE false",
    "slow": "SELECT pg_sleep(5)",
    "wrong": "SELECT 1 / 0",
    "pid": "SELECT pg_backend_pid()::text",
    "many": "SELECT repeat('x', 5000000)",
}


@pytest.fixture
def db_url(module_db_url: str) -> str:
    return module_db_url


@pytest.fixture
def reader(db_url: str) -> Iterator[DeadlineReader]:
    reader = DeadlineReader(db_url, STATEMENTS, TIMEOUT_MS)
    reader.connect()
    yield reader
    reader.close()


def seconds_of(call: Callable[[], object]) -> float:
    started = time.monotonic()
    with pytest.raises(UnableToRead):
        call()
    return time.monotonic() - started


def backend(reader: DeadlineReader) -> int:
    return int(reader.read("pid") or b"0")


def test_an_answer_is_the_first_value_and_no_row_is_none(reader: DeadlineReader) -> None:
    assert reader.read("quick", "a'\\ é 😀") == "a'\\ é 😀".encode()
    assert reader.read("quick", "") == b""
    assert reader.read("nothing") is None
    assert len(reader.read("many") or b"") == 5_000_000


def test_who_reads_while_the_connection_is_replaced_gets_the_answer_from_the_old_one(db_url: str) -> None:
    reader = DeadlineReader(db_url, {"later": "SELECT pg_sleep(0.5)::text || pg_backend_pid()"}, 5_000)
    reader.connect()
    answers: list[bytes | None] = []
    reading = threading.Thread(target=lambda: answers.append(reader.read("later")))
    reading.start()
    time.sleep(0.1)

    reader.connect()
    reading.join(timeout=5)

    assert len(answers) == 1
    assert answers != [reader.read("later")]
    reader.close()


def test_who_asks_while_somebody_takes_notices_waits_for_him_and_hears_them_too(db_url: str) -> None:
    heard: list[str] = []
    listener = Listener(db_url, ("test_channel",), lambda _, payload: heard.append(payload))
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute("NOTIFY test_channel, 'changed'")
    listener._using.acquire()
    threading.Timer(0.05, listener._using.release).start()

    listener.ask(1_000)

    assert heard == ["changed"]
    listener.close()


def test_an_answer_that_takes_too_long_is_given_up_in_time(reader: DeadlineReader) -> None:
    assert TIMEOUT_MS / 1000 * 0.9 < seconds_of(lambda: reader.read("slow")) < 2


def test_a_late_answer_is_never_taken_for_the_next_ones(reader: DeadlineReader) -> None:
    seconds_of(lambda: reader.read("slow"))

    assert not reader.is_open
    assert seconds_of(lambda: reader.read("quick", "a")) < 0.05
    reader.connect()
    assert reader.read("quick", "b") == b"b"


def test_a_server_that_hangs_is_given_up_in_time_and_can_be_asked_again_afterwards(reader: DeadlineReader) -> None:
    pid = backend(reader)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert seconds_of(lambda: reader.read("quick", "a")) < 2
    finally:
        os.kill(pid, signal.SIGCONT)

    reader.connect()
    assert reader.read("quick", "b") == b"b"


def test_a_connection_that_was_cut_is_an_outage_and_a_new_one_works(
    reader: DeadlineReader, connection: psycopg.Connection
) -> None:
    connection.execute("SELECT pg_terminate_backend(%s)", [backend(reader)])
    time.sleep(0.05)

    assert seconds_of(lambda: reader.read("quick", "a")) < 1

    reader.connect()
    assert reader.read("quick", "b") == b"b"


def test_an_error_of_the_server_says_nothing_about_rows(reader: DeadlineReader) -> None:
    with pytest.raises(UnableToRead, match="division by zero"):
        reader.read("wrong")


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    reader = DeadlineReader("postgresql://nobody@127.0.0.1:1/none", STATEMENTS, TIMEOUT_MS)

    assert seconds_of(reader.connect) < 5
    assert not reader.is_open
    assert seconds_of(lambda: reader.read("quick", "a")) < 0.05


def test_a_statement_that_cannot_be_prepared_leaves_no_half_open_connection(db_url: str) -> None:
    reader = DeadlineReader(db_url, {"bad": "SELECT FROM nowhere"}, TIMEOUT_MS)

    with pytest.raises(UnableToRead, match="nowhere"):
        reader.connect()
    assert not reader.is_open


# --- hearing ------------------------------------------------------------------------------------------------------


class Heard:
    """Collects notices, and complains about two threads in it at once."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self._inside = threading.Lock()

    def __call__(self, channel: str, payload: str) -> None:
        assert self._inside.acquire(blocking=False), "two threads hand over notices at once"
        self.payloads.append(payload)
        self._inside.release()


def listening(connection: psycopg.Connection) -> int:
    """The server process of the listener."""
    statement = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()"
    ((pid,),) = connection.execute(statement).fetchall()
    return int(pid)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def listener(db_url: str, heard: Heard) -> Iterator[Listener]:
    listener = Listener(db_url, ("things", "other_things"), heard)
    yield listener
    listener.close()


def test_one_question_hears_everything_committed_before_it(
    listener: Listener, heard: Heard, connection: psycopg.Connection
) -> None:
    for number in range(20):
        connection.execute("SELECT pg_notify('things', %s)", [str(number)])
        listener.ask(2000)
        assert heard.payloads[-1] == str(number)


def test_looking_takes_what_has_arrived_and_waits_for_nothing(listener: Listener, heard: Heard) -> None:
    started = time.monotonic()
    for _ in range(100):
        listener.look()

    assert time.monotonic() - started < 1
    assert heard.payloads == []


def test_two_threads_that_take_notices_lose_none_and_take_each_once(
    listener: Listener, heard: Heard, connection: psycopg.Connection
) -> None:
    stop, broken = threading.Event(), []

    def take(step: Callable[[], None]) -> None:
        while not stop.is_set():
            try:
                step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
                broken.append(error)
                return

    steps = (listener.look, lambda: listener.ask(5), lambda: listener.wait(20))
    threads = [threading.Thread(target=take, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for number in range(500):
        connection.execute("SELECT pg_notify('things', %s)", [str(number)])
    deadline = time.monotonic() + 10
    while len(heard.payloads) < 500 and time.monotonic() < deadline and not broken:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join(5)

    assert broken == []
    assert heard.payloads == [str(number) for number in range(500)]


def test_a_lost_connection_is_said(listener: Listener, connection: psycopg.Connection) -> None:
    connection.execute("SELECT pg_terminate_backend(%s)", [listening(connection)])
    time.sleep(0.1)

    with pytest.raises(UnableToListen):
        listener.ask(2000)


def test_a_slow_answer_loses_no_notice(listener: Listener, heard: Heard, connection: psycopg.Connection) -> None:
    pid = listening(connection)
    os.kill(pid, signal.SIGSTOP)
    try:
        before = listener.heard_at
        started = time.monotonic()
        listener.ask(50)
        assert time.monotonic() - started < 1
        assert listener.heard_at == before
        connection.execute("SELECT pg_notify('things', 'meanwhile')")
    finally:
        os.kill(pid, signal.SIGCONT)

    deadline = time.monotonic() + 5
    while not heard.payloads and time.monotonic() < deadline:
        listener.ask(100)
    assert heard.payloads == ["meanwhile"]


def test_a_server_that_cannot_be_reached_is_said() -> None:
    with pytest.raises(UnableToListen):
        Listener("postgresql://nobody@127.0.0.1:1/none", ("things",), lambda *_: None)
