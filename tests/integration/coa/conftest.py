"""Simulated routers with sessions, the same sessions in the database, and the outbox between them.

A router with an API shows in it what is true of its sessions: its tables are made from them for each question.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from coa.connection import connect
from coa.drain import Counts, drain, sweep
from coa.seeing import Seen, see
from db.models import NasServer, RadAcct, Subscription
from db.queries.live_changes import enqueue_change
from db.queries.outbox import ChangeView, change_status, latest_changes
from factories import make_nas, make_session, make_subscription
from routeros import pool
from simulator.attributes import Login, Service, SessionFacts
from simulator.routeros import ApiServer
from simulator.routeros_tables import Row, Tables
from simulator.session import SimulatedSession
from simulator.sync import SimulatedRouter

FAST = {"Mikrotik-Rate-Limit": "5M/10M"}


def now() -> datetime:
    return datetime.now(UTC)


class TrueTables(Tables):
    """The tables of a router as its sessions are; who is removed there is thrown out."""

    def __init__(self, simulated: SimulatedRouter) -> None:
        super().__init__()
        self.simulated = simulated
        # Rates that the tables show instead of the true ones, by username.
        self.shows_instead: dict[str, str] = {}

    def do(self, command: str, words: Mapping[str, str], queries: Iterable[str]) -> list[Row]:
        """One command, on tables that are true now."""
        sessions = list(self.simulated.router.open_sessions)
        if command == "/ppp/active/remove":
            for session in sessions:
                if f"*{session.session_id}" == words[".id"]:
                    session.end("Admin-Reset")
            return []
        self.rows["/ppp/active"] = [_active(session) for session in sessions if not _is_hotspot(session)]
        self.rows["/ip/hotspot/active"] = [_hotspot(session) for session in sessions if _is_hotspot(session)]
        self.rows["/ip/firewall/address-list"] = [entry for session in sessions for entry in _list_entries(session)]
        made_by_staff = [row for row in self.rows.get("/queue/simple", []) if row.get("dynamic") != "true"]
        self.rows["/queue/simple"] = [*made_by_staff, *(self._queue(s) for s in sessions if s.rate_limit)]
        return super().do(command, words, queries)

    def _queue(self, session: SimulatedSession) -> Row:
        name = f"<pppoe-{session.username}>"
        rate = self.shows_instead.get(session.username, session.rate_limit.split(" ")[0])
        return {".id": f"*q{session.session_id}", "name": name, "target": name, "max-limit": rate, "dynamic": "true"}


def _active(session: SimulatedSession) -> Row:
    return {
        ".id": f"*{session.session_id}",
        "name": session.username,
        "service": "pppoe",
        "caller-id": session.facts.login.mac,
        "address": session.framed_ip,
        "session-id": f"0x{session.session_id}",
        "radius": "true",
    }


def _is_hotspot(session: SimulatedSession) -> bool:
    return session.facts.login.service is Service.HOTSPOT


def _hotspot(session: SimulatedSession) -> Row:
    limits, uptime_s = session.limits, int(session.age_seconds)
    said = {
        ".id": f"*{session.session_id}",
        "user": session.username,
        "address": session.framed_ip,
        "mac-address": session.facts.login.mac,
        "uptime": f"{uptime_s}s",
        "radius": "true",
    }
    if limits.session_seconds:
        said["session-time-left"] = f"{limits.session_seconds - uptime_s}s"
    return said | ({"limit-bytes-total": str(limits.total_bytes)} if limits.total_bytes else {})


def _list_entries(session: SimulatedSession) -> list[Row]:
    lists = session.applied.get("Mikrotik-Address-List", [])
    return [
        {".id": f"*l{name}", "list": str(name), "address": session.framed_ip, "dynamic": "true", "disabled": "false"}
        for name in lists
    ]


class Online:
    """A customer who is online: the session on the router and its row in radacct."""

    def __init__(self, router: SimulatedSession, row: RadAcct, subscription: Subscription) -> None:
        self.router, self.row, self.subscription = router, row, subscription

    @property
    def rate(self) -> str:
        return self.router.rate_limit


class Isp:
    """Routers, customers and the outbox of one test."""

    def __init__(self, db: Session, connection: psycopg.Connection[Any], stack: ExitStack) -> None:
        self.db, self.connection, self._stack = db, connection, stack
        self._hosts = 0

    def router(self, *, secret: str = "a-long-enough-secret", stored_secret: str | None = None, **over: Any) -> Any:
        """A simulated router and its row, as (simulator, row)."""
        self._hosts += 1
        host = f"127.0.1.{self._hosts}"
        simulated = self._stack.enter_context(
            SimulatedRouter(secret=secret, source_ip=host, timeout_ms=10, resends=0, accounting_rounds=1)
        )
        values = {"host": host, "coa_port": simulated.coa_port, "radius_secret": stored_secret or secret} | over
        row = make_nas(self.db, **values)
        self.db.commit()
        return simulated, row

    def router_with_api(self, **over: Any) -> Any:
        """A simulated router, its row and its API, as (simulator, row, API)."""
        simulated, row = self.router(**over)
        api = self._stack.enter_context(ApiServer(host=str(row.host), tables=TrueTables(simulated)))
        row.api_port, row.api_username, row.api_password = api.port, api.username, api.password
        self.db.commit()
        return simulated, row, api

    def online(
        self,
        simulated: SimulatedRouter,
        nas: NasServer,
        *,
        subscription: Subscription | None = None,
        service: Service = Service.PPPOE,
        **over: Any,
    ) -> Online:
        """One more customer online, or one more session of a subscription."""
        subscription = subscription or make_subscription(self.db)
        row = make_session(self.db, subscription, nas, **over)
        self.db.commit()
        facts = SessionFacts(
            login=Login(service=service, username=row.username, mac=row.callingstationid or ""),
            session_id=row.acctsessionid,
            number=1,
            framed_ip=str(row.framedipaddress),
        )
        session = SimulatedSession(facts=facts, reporter=simulated.router)
        simulated.router.sessions[session.session_id] = session
        return Online(session, row, subscription)

    def ask(
        self, *customers: Online, kind: str = "coa", attributes: dict[str, str] | None = None, reason: str = "staff"
    ) -> list[int]:
        """Enqueue a change for exactly these sessions and commit."""
        with self.connection.transaction():
            return enqueue_change(
                self.connection,
                kind=kind,
                reason=reason,
                requested_by="a test",
                now=now(),
                sessions=[customer.row.acctuniqueid for customer in customers],
                attributes=attributes if attributes is not None or kind == "disconnect" else FAST,
            )

    def drain(self, clock: Callable[[], datetime] = now) -> Counts:
        return drain(self.connection, clock=clock)

    def sweep(self, clock: Callable[[], datetime] = now) -> Counts:
        return sweep(self.connection, clock=clock)

    def see(self, after: timedelta = timedelta(0)) -> Seen:
        """One step of looking and of what the APIs do, as if so much time had passed."""
        return see(self.connection, clock=lambda: now() + after)

    def change(self, change_id: int) -> ChangeView:
        (view,) = change_status(self.connection, [change_id])
        return view

    def latest(self) -> list[ChangeView]:
        """All changes, newest first."""
        return latest_changes(self.connection, limit=1000)

    def statuses(self, ids: list[int]) -> list[str]:
        return [view.status for view in change_status(self.connection, ids)]

    def attempts(self, change_id: int) -> list[tuple[str, int, str | None]]:
        """(result, transmissions, cause) of each attempt."""
        return self.connection.execute(
            "SELECT result, transmissions, error_cause FROM session_change_attempts"
            " WHERE session_change_id = %s ORDER BY id",
            [change_id],
        ).fetchall()

    def close(self, customer: Online, cause: str = "Admin-Reset") -> None:
        """The Stop of a session was counted."""
        self.connection.execute(
            "UPDATE radacct SET acctstoptime = now(), acctterminatecause = %s WHERE acctuniqueid = %s",
            [cause, customer.row.acctuniqueid],
        )

    def execute(self, statement: str, *values: object) -> None:
        self.connection.execute(statement.encode(), list(values))


@pytest.fixture
def isp(db: Session, db_url: str, keys_file: Path) -> Iterator[Isp]:
    with ExitStack() as stack, connect(db_url) as connection:
        yield Isp(db, connection, stack)
    # Another test's router may have the same address.
    pool.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retransmission within 150 ms instead of seven seconds."""
    monkeypatch.setattr("domain.retransmission.WAIT_AFTER_SEND_MS", (30, 30, 30, 30, 30))
