"""Records and stores that are bad: poison in the queue, a flipped byte in a table, a backup that must be worth it."""

import shutil
import socket
import subprocess
import time
from typing import Any

import psycopg

from benchmarks.lab import ROLE, free_tcp_port
from db import cluster as database_admin
from faults import checks
from faults.checks import Compared
from faults.fault import Fault, Run
from runtime import postgres, processes
from simulator import wire
from simulator.wire import Code

_EACH = 25
_TRY_S, _TRIES = 0.3, 4
_RESTORED = "restored"
_PAGE = 8192
_QUARANTINED = "SELECT count(*) FROM quarantined_records"

Attributes = list[wire.Attribute]

# What no router should send, but one did: a name to the attributes that make it so.
POISON: dict[str, Attributes] = {
    "a name that is not UTF-8": [("User-Name", b"caf\xe9\xff")],
    "a name with a NUL": [("User-Name", b"a\0b")],
    "a name that would forge a line": [("User-Name", b'"}\n1795741235.1 127.0.0.1 {"User-Name":"x"}\n')],
    "no address of the router": [("User-Name", "poison")],
    "the longest values": [("User-Name", b"x" * 253), ("Called-Station-Id", b"y" * 253), ("NAS-Port-Id", b"z" * 253)],
    "a session of 136 years": [("User-Name", "poison"), ("Acct-Session-Time", 0xFFFFFFFF)],
    "gigawords beyond any router": [("User-Name", "poison"), ("Acct-Input-Gigawords", 0xFFFFFFFF)],
    "a time before time": [("User-Name", "poison"), ("Event-Timestamp", 0), ("Acct-Delay-Time", 0xFFFFFFFF)],
    "no session id": [("User-Name", "poison"), ("Acct-Session-Id", b"")],
    "an unknown kind of record": [("User-Name", "poison"), ("Acct-Status-Type", 15)],
    "an expression": [("User-Name", "%{exec:/bin/false}"), ("Called-Station-Id", "'); DROP TABLE radacct; --")],
}


class Poison(Fault):
    """Records that nobody foresaw, among the others: those flow on, each bad one is stored or set aside."""

    id, title, is_weather = "a19", "poison records in the queue", True

    def inject(self, run: Run) -> None:
        address = run.routers[0].address.rsplit(".", 1)[0] + ".202"
        run.kept["router"] = run.stage.add_routers([address])[0]
        run.kept["aside"] = run.stage.number(_QUARANTINED)
        run.kept["acked"] = dict.fromkeys(POISON, 0)
        secret = run.stage.lab.secret.encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.bind((address, 0))
            opened.connect((run.stage.server.host, run.stage.server.acct_port))
            opened.settimeout(_TRY_S)
            for number in range(_EACH):
                for which, name in enumerate(POISON):
                    packet = _packet(name, f"bad{which:02d}{number:03d}", (number * 16 + which) % 256, secret)
                    run.kept["acked"][name] += _deliver(opened, packet)

    def check(self, run: Run, compared: Compared) -> None:
        stage, acked = run.stage, run.kept["acked"]
        stored = stage.number("SELECT count(*) FROM radacct WHERE nas_server_id = %s", run.kept["router"])
        aside = stage.number(_QUARANTINED) - run.kept["aside"]
        compared.figures |= {"poison_acknowledged": acked, "poison_stored": stored, "poison_set_aside": aside}
        if (gone := sum(acked.values()) - stored - aside) > 0:
            compared.lost += gone
            compared.problems.append(f"{gone} bad records are neither stored nor set aside")


def _packet(name: str, session_id: str, identifier: int, secret: bytes) -> bytes:
    usual: Attributes = [
        ("Acct-Status-Type", "Interim-Update"), ("Acct-Session-Id", session_id), ("Acct-Session-Time", 60),
        ("Acct-Input-Octets", 1000), ("Acct-Output-Octets", 2000), ("Event-Timestamp", int(time.time())),
        ("Acct-Delay-Time", 0),
    ]  # fmt: skip
    special = dict(POISON[name])
    attributes = [(key, special.pop(key, value)) for key, value in usual] + list(special.items())
    return wire.hashed_request(
        code=Code.ACCOUNTING_REQUEST, identifier=identifier, attributes=attributes, secret=secret
    )  # fmt: skip


def _deliver(opened: socket.socket, packet: bytes) -> int:
    for _ in range(_TRIES):
        opened.send(packet)
        try:
            while opened.recv(4096)[1] != packet[1]:
                continue
        except (TimeoutError, ConnectionRefusedError):
            continue
        return 1
    return 0


class BackupRestored(Fault):
    """A dump taken after the load is restored into another database, which must say the same of every session."""

    id, title, is_weather = "a22", "backup taken and restored", True

    def check(self, run: Run, compared: Compared) -> None:
        stage, begun = run.stage, time.monotonic()
        cluster = stage.lab.cluster
        with postgres.connect_admin(cluster) as admin:
            database_admin.create_database(admin, database=_RESTORED, owner=ROLE)
        try:
            dump = subprocess.Popen(
                ["pg_dump", "-Fc", "--dbname", postgres.admin_url(cluster, "lintas")], stdout=subprocess.PIPE
            )
            subprocess.run(
                ["pg_restore", "--exit-on-error", "--dbname", postgres.admin_url(cluster, _RESTORED)],
                stdin=dump.stdout, check=True,
            )  # fmt: skip
            if dump.wait(60):
                compared.problems.append("the dump failed")
            compared.figures["dump_and_restore_s"] = round(time.monotonic() - begun, 1)
            again = checks.compare(postgres.admin_url(cluster, _RESTORED), run.fleet.truth, run.numbers)
            compared.lost += again.lost
            compared.duplicated += again.duplicated
            compared.problems += [f"restored: {problem}" for problem in again.problems]
        finally:
            with postgres.connect_admin(cluster) as admin:
                database_admin.drop_database(admin, database=_RESTORED)


class FlippedByte(Fault):
    """One byte of a table's file is changed behind the server's back, in a copy: reading it must fail, not lie."""

    id, title, is_weather = "a8", "a byte flipped in radacct's file", True

    def check(self, run: Run, compared: Compared) -> None:
        stage = run.stage
        cluster = stage.lab.cluster
        with postgres.connect_admin(cluster, "lintas") as admin:
            admin.execute("CHECKPOINT")
            row: Any = admin.execute("SELECT pg_relation_filepath('radacct_open')").fetchone()
        stage.end("postgres")
        copy = postgres.Cluster(directory=cluster.directory.with_name("postgres-flipped"), port=free_tcp_port())
        try:
            subprocess.run(["cp", "-a", str(cluster.directory), str(copy.directory)], check=True)
            stage.start("postgres")
            postgres.init(copy)
            with (copy.data / row[0]).open("r+b") as file:
                file.seek(_PAGE - 100)
                byte = file.read(1)
                file.seek(_PAGE - 100)
                file.write(bytes([byte[0] ^ 0xFF]))
            compared.figures["detected"] = self._is_detected(copy)
        finally:
            shutil.rmtree(copy.directory, ignore_errors=True)
        if not compared.figures["detected"]:
            compared.problems.append("the changed byte was read as if nothing had happened")

    def _is_detected(self, copy: postgres.Cluster) -> str:
        process = postgres.start(copy)
        try:
            with postgres.connect_admin(copy, "lintas") as admin:
                admin.execute("SELECT sum(acctoutputoctets) FROM radacct")
        except psycopg.Error as error:
            return str(error).splitlines()[0]
        finally:
            processes.end(process, first_signal=postgres.signal.SIGINT, grace_seconds=20)
        return ""


FAULTS = (Poison(), BackupRestored(), FlippedByte())
