"""A libpq connection on which nothing waits longer than its deadline, and nothing holds Python's lock while it waits.

The driver's own calls wait as long as the server likes, and its blocking connect keeps every other Python thread from
running. Inside FreeRADIUS either would stop all logins, so connecting and asking use libpq's asynchronous interface.
"""

import select
import time
from collections.abc import Callable

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq.abc import PGconn, PGresult

OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)

_POLICY_OPTIONS = (
    # A hung server must not hang a thread of ours: TCP gives up.
    "connect_timeout=3",
    "keepalives_idle=5",
    "keepalives_interval=2",
    "keepalives_count=2",
    "tcp_user_timeout=5000",
    # Everything is looked up by one index. Where statistics are older than the sessions, the planner would walk through
    # all open ones at every login, six milliseconds each, until statistics are taken again.
    "options=-c%20enable_seqscan%3Doff%20-c%20enable_bitmapscan%3Doff",
)


class PastDeadline(Exception):
    """The server refused, failed, or did not answer in time."""


def policy_dsn(dsn: str) -> str:
    """The address as every connection inside FreeRADIUS uses it: with deadlines of TCP's own, and plans by index."""
    return f"{dsn}{'&' if '?' in dsn else '?'}{'&'.join(_POLICY_OPTIONS)}"


def connect(dsn: str, timeout_s: float) -> PGconn:
    """An open connection to the first server of the address that will have us, or `PastDeadline`."""
    servers = one_by_one(dsn)
    refusals = []
    for server in servers:
        try:
            return _connect_to(server, timeout_s / len(servers))
        except PastDeadline as error:
            refusals.append(str(error))
    raise PastDeadline("; ".join(refusals))


def one_by_one(dsn: str) -> list[str]:
    """An address of several servers as one for each: libpq would wait for the first as long as that one likes."""
    parts = conninfo_to_dict(dsn)
    hosts, ports = (str(parts.get(name) or "").split(",") for name in ("host", "port"))
    if len(hosts) == 1:
        return [dsn]
    return [make_conninfo(dsn, host=host, port=ports[number % len(ports)]) for number, host in enumerate(hosts)]


def _connect_to(dsn: str, timeout_s: float) -> PGconn:
    deadline = time.monotonic() + timeout_s
    connection = pq.PGconn.connect_start(dsn.encode())
    try:
        while (status := connection.connect_poll()) != pq.PollingStatus.OK:
            if status == pq.PollingStatus.FAILED:
                raise PastDeadline(_text(connection.error_message))
            event = select.POLLIN if status == pq.PollingStatus.READING else select.POLLOUT
            poll = select.poll()
            poll.register(connection.socket, event)
            _await(poll, deadline, timeout_s)
    except BaseException:
        connection.finish()
        raise
    return connection


def run(connection: PGconn, send: Callable[[], None], timeout_s: float) -> PGresult:
    """What came back for the request that `send` puts on its way: the first result, which must be a good one."""
    deadline = time.monotonic() + timeout_s
    poll = select.poll()
    poll.register(connection.socket, select.POLLIN)
    first: PGresult | None = None
    try:
        send()
        while True:
            while connection.is_busy():
                _await(poll, deadline, timeout_s)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            first = first or result
    except (psycopg.Error, OSError) as error:
        raise PastDeadline(str(error).strip()) from error
    if first is None or first.status not in OK:
        raise PastDeadline(_text(first.error_message if first else b"") or "connection lost")
    return first


def _await(poll: "select.poll", deadline: float, timeout_s: float) -> None:
    left_ms = (deadline - time.monotonic()) * 1000
    if left_ms <= 0 or not poll.poll(left_ms):
        raise PastDeadline(f"no answer in {timeout_s * 1000:.0f} ms")


def _text(message: bytes) -> str:
    return message.decode(errors="replace").strip()
