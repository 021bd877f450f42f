"""How many accounting records a second the collector commits.

A private PostgreSQL with everything durable (fsync and synchronous_commit on), a synthetic spool as FreeRADIUS writes
it, and `accounting.collector` on top. First every session starts, then rounds of interims of all of them are timed.

    .venv/bin/python tests/benchmarks/collector.py --sessions 100000 --rounds 3
"""

import argparse
import cProfile
import json
import os
import pstats
import random
import resource
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from accounting.collector import Collector, Limits, connect, sessions_for, tune_memory  # noqa: E402
from db.migrations import runner  # noqa: E402
from runtime import ports, postgres, processes  # noqa: E402
from runtime.large_pages import keep_in_large_pages  # noqa: E402

ROUTERS = 100
INTERVAL_S = 300


def seed(url: str, subscriptions: int) -> None:
    """One tenant, a plan with a fair-use tier that nobody reaches, routers and subscriptions."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO tenants (name, slug) VALUES ('Bench', 'bench');"
            "INSERT INTO service_plans (tenant_id, name, slug, price, download_kbps, upload_kbps)"
            " VALUES (1, 'Home', 'home', 100000, 20000, 10000);"
            "INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reduction_percent)"
            " VALUES (1, 1, 1, 1000000000000000, 50);"
            "INSERT INTO customers (tenant_id, customer_code, name, status) VALUES (1, 'CUST-1', 'All', 'active')"
        )
        connection.execute(
            "INSERT INTO nas_servers (tenant_id, name, host, radius_secret_enc)"
            " SELECT 1, 'r' || n, ('10.9.0.' || n)::inet, '' FROM generate_series(1, %s) n",
            [ROUTERS],
        )
        connection.execute(
            "INSERT INTO subscriptions (tenant_id, customer_id, service_plan_id, subscription_code, username,"
            " service_password_enc, status, billing_day)"
            " SELECT 1, 1, 1, 'SUB-' || n, 'user' || n, '', 'active', n %% 28 + 1 FROM generate_series(1, %s) n",
            [subscriptions],
        )


def write_round(directory: Path, sessions: int, number: int, begun_at: float) -> None:
    """One packet of every session, `INTERVAL_S` after the one before; the 0th round is their Starts.

    Routers report in no order that the database would know, so that each record's session lies elsewhere.
    """
    kind = "Interim-Update" if number else "Start"
    order = list(range(1, sessions + 1))
    random.Random(number).shuffle(order)
    with (directory / f"acct-20261121{number:02d}.jsonl").open("w") as file:
        for place, n in enumerate(order):
            at = begun_at + number * INTERVAL_S + place / sessions
            attributes = {
                "User-Name": f"user{n}",
                "NAS-IP-Address": "192.168.88.1",
                "NAS-Identifier": "MikroTik",
                "NAS-Port": 15728705,
                "NAS-Port-Id": "ether2",
                "NAS-Port-Type": "Ethernet",
                "Service-Type": "Framed-User",
                "Framed-Protocol": "PPP",
                "Framed-IP-Address": f"100.{64 + n // 65536}.{n // 256 % 256}.{n % 256}",
                "Calling-Station-Id": f"02:00:00:{n // 65536:02X}:{n // 256 % 256:02X}:{n % 256:02X}",
                "Called-Station-Id": "service1",
                "Acct-Session-Id": f"81{n:06x}",
                "Acct-Authentic": "RADIUS",
                "Event-Timestamp": time.strftime("%b %e %Y %H:%M:%S UTC", time.gmtime(at)),
                "Class": "0x" + f"lts1:{n}:0:{n:016x}".encode().hex(),
                "Acct-Status-Type": kind,
                "Acct-Delay-Time": 0,
            }
            if number:
                attributes |= {
                    "Acct-Session-Time": number * INTERVAL_S,
                    "Acct-Input-Octets": number * 3_000_000,
                    "Acct-Input-Gigawords": 0,
                    "Acct-Output-Octets": number * 40_000_000,
                    "Acct-Output-Gigawords": 0,
                    "Acct-Input-Packets": number * 3000,
                    "Acct-Output-Packets": number * 30000,
                }
            file.write(f"{int(at)}.{int(at % 1 * 1e6):06d} 10.9.0.{n % ROUTERS + 1} {json.dumps(attributes)}\n")


def drain(collector: Collector) -> int:
    """Count until nothing is left; returns the lines counted."""
    total = 0
    while counted := collector.step():
        total += counted
    return total


def backend_cpu_s(collector: Collector) -> float:
    """CPU time of the PostgreSQL process that serves the collector."""
    connection = collector._connection
    if connection is None:
        return 0.0
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(url: str, spool: Path, options: argparse.Namespace) -> dict[str, object]:
    tune_memory()
    stop = threading.Event()
    threading.Thread(target=keep_in_large_pages, args=(stop,), daemon=True).start()
    collector = Collector(
        connect=lambda: connect(url), spool_dir=spool, node="bench", nudge=lambda: None,
        limits=Limits(records=options.batch, sessions=sessions_for(postgres.memory_bytes())),
    )  # fmt: skip
    begun_at = time.time() - (options.rounds + 1) * INTERVAL_S
    rates = {}
    for number in range(options.rounds + 1):
        write_round(spool, options.sessions, number, begun_at)
        profile = cProfile.Profile() if options.profile and number == options.rounds else None
        before, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        backend_s = backend_cpu_s(collector)
        if profile:
            profile.enable()
        counted = drain(collector)
        if profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        seconds, after = time.perf_counter() - before, resource.getrusage(resource.RUSAGE_SELF)
        own_s = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
        backend_s = backend_cpu_s(collector) - backend_s
        rates["starts" if number == 0 else f"interims {number}"] = round(counted / seconds)
        print(
            f"round {number}: {counted} records in {seconds:.2f} s = {counted / seconds:.0f}/s;"
            f" CPU a record: collector {own_s / counted * 1e6:.0f} us, PostgreSQL {backend_s / counted * 1e6:.0f} us"
        )
    stop.set()
    collector.close()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"sessions": options.sessions, "records_per_s": rates, "collector_memory_mb": memory_mb}


def check(url: str, options: argparse.Namespace) -> None:
    """What was measured is worth nothing unless the sums are right."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*), sum(acctoutputoctets) FROM radacct_open").fetchone()
        booked = connection.execute("SELECT sum(download_bytes) FROM usage_daily").fetchone()
        hot = connection.execute(
            "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE n_tup_upd > 1000"
        ).fetchall()
    wanted = options.sessions * options.rounds * 40_000_000
    assert row == (options.sessions, wanted), row
    assert booked == (wanted,), booked
    print("sums are right;", "; ".join(f"{name}: {hot_updates}/{updates} HOT" for name, updates, hot_updates in hot))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=Limits().records)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="lintas-bench-"))
    home.chmod(0o711)
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    cluster = postgres.Cluster(directory=home / "postgres", port=port)
    postgres.init(cluster)
    process = postgres.start(cluster)
    try:
        url = postgres.admin_url(cluster)
        runner.upgrade(url)
        seed(url, options.sessions)
        (home / "spool").mkdir()
        result = measure(url, home / "spool", options)
        check(url, options)
        print(json.dumps(result))
    finally:
        processes.end(process, grace_seconds=10)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
