"""What one login costs in the policy alone, without FreeRADIUS: microseconds per call of `Authorizer.authorize`.

Behind FreeRADIUS's one lock these microseconds are taken from every login. The database is a dictionary, everything
else is the policy as it runs; the records it makes are encoded as the writer thread would, which shares the lock.

    .venv/bin/python tests/benchmarks/policy_micro.py --subscribers 20000 --profile
"""

import argparse
import cProfile
import json
import pstats
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from radius.authorizer import Authorizer, Codes, Request  # noqa: E402
from radius.records import AccessRecords  # noqa: E402
from radius.routers import Router, RouterTable  # noqa: E402
from radius.store import ProfileStore  # noqa: E402

CODES = Codes(accept=2, reject=0, handled=3)
ROUTER = Router(nas_server_id=1, tenant_id=1, name="r", secret="s" * 20, require_message_authenticator=True)
ROUNDS = 7
# What none of these subscribers has.
UNUSED = (
    *("least_speed", "windows", "quotas", "topups", "days", "family_id", "family_days", "gardens", "nas_server_id"),
    *("nas_group_id", "voucher", "checks", "replies"),
)


def profile_row(n: int) -> bytes:
    """Subscriber n as the profile statement returns it, with every rule in use by some."""
    mac = device(n).lower()
    return json.dumps(
        {
            "tenant_id": 1,
            "subscription_id": n,
            "customer_id": n,
            "plan_id": 1 + n % 10,
            "username": f"user{n:06d}",
            "password": f"pass{n:06d}",
            "connection_type": "pppoe",
            "subscription_status": "active",
            "customer_status": "active",
            "expires_at": time.time() + 20 * 86400,
            "grace_days": 7,
            "timezone": "Asia/Jakarta",
            "billing_day": 1 + n % 28,
            "speed": [20000, 10000],
            "priority": 8,
            "burst": [40000, 20000, 16000, 8000, 16] if n % 3 == 0 else None,
            "override": [30000, 15000] if n % 11 == 0 else None,
            "override_until": time.time() + 5 * 86400 if n % 22 == 0 else None,
            "tiers": [[tier, tier * 10**11, "total", "billing_cycle", None, None, 30 * tier] for tier in (1, 2, 3)],
            "fup_tier": 1 if n % 7 == 0 else 0,
            "fup_until": time.time() + 15 * 86400 if n % 7 == 0 else None,
            "mac_binding": "fixed" if n % 5 == 0 else "off",
            "macs": {mac: "approved"} if n % 5 == 0 else {},
            "session_limit": 1,
            "session_timeout_s": 86400 if n % 4 == 1 else None,
            "idle_timeout_s": None,
            "interim_interval_s": 300,
            "assigned_ip": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
            "ip_pool": "pool-1",
            "address_list": "list-1" if n % 2 else None,
            "version": 1,
            "is_over_credit": False,
            "session_limit_action": "refuse",
            "nas_binding": "off",
            "sessions": None,
        }
        | dict.fromkeys(UNUSED)
    ).encode()


def device(n: int) -> str:
    return f"02:{n >> 24 & 255:02X}:{n >> 16 & 255:02X}:{n >> 8 & 255:02X}:{n & 255:02X}:00"


def request(n: int) -> Request:
    """What FreeRADIUS hands over for a PAP login of the load generator."""
    return (
        ("User-Name", f"user{n:06d}"),
        ("User-Password", f"pass{n:06d}"),
        ("Message-Authenticator", "0x" + "5a" * 16),
        ("Service-Type", "Framed-User"),
        ("Framed-Protocol", "PPP"),
        ("NAS-IP-Address", "127.0.0.1"),
        ("NAS-Port", str(n)),
        ("NAS-Port-Type", "Ethernet"),
        ("Calling-Station-Id", device(n)),
        ("Event-Timestamp", "Nov 21 2026 01:00:00 UTC"),
        ("NAS-Identifier", "MikroTik"),
        ("Tmp-String-1", "1"),
    )


class RowReader:
    """Stands for the database."""

    def read(self, name: str, *values: str) -> bytes | None:
        return profile_row(int(values[1].removeprefix("user"))) if name == "profile" else b"[]"


def make_policy(folder: Path, subscribers: int) -> tuple[Authorizer, AccessRecords]:
    store, routers = ProfileStore(capacity=subscribers), RouterTable()
    routers.by_number = {"1": ROUTER}
    store.trusted_until = time.monotonic() + 3600
    records = AccessRecords(folder, print)
    authorizer = Authorizer(
        codes=CODES,
        store=store,
        routers=routers,
        reader=RowReader(),  # type: ignore[arg-type]
        records=records,
        open_password=bytes.decode,
        catch_up=lambda: None,
        complain=print,
        max_stale_s=60,
        boot_id="0123456789ab",
    )
    return authorizer, records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    requests = [request(n) for n in range(1, options.subscribers + 1)]
    with TemporaryDirectory() as folder:
        authorizer, records = make_policy(Path(folder), options.subscribers)
        first = _timed(authorizer, requests)
        _written(records)
        random.Random(1).shuffle(requests)
        warm, written = [], []
        for _ in range(ROUNDS):
            warm.append(_timed(authorizer, requests))
            written.append(_written(records))
        print(f"first login: {first:.1f} us, with reading and compiling its profile")
        print(
            f"a login: {min(warm):.2f} us at best, {sorted(warm)[ROUNDS // 2]:.2f} us in the middle of {ROUNDS} rounds"
        )
        print(f"its record: {min(written):.2f} us in the writer thread")
        if options.profile:
            _profile(authorizer, requests)


def _timed(authorizer: Authorizer, requests: list[Request]) -> float:
    begun = time.thread_time()
    for item in requests:
        if authorizer.authorize(item)[0] != CODES.accept:
            raise AssertionError(f"refused: {item}")
    return (time.thread_time() - begun) / len(requests) * 1e6


def _written(records: AccessRecords) -> float:
    begun = time.thread_time()
    count = records.flush(float("inf"))
    return (time.thread_time() - begun) / count * 1e6


def _profile(authorizer: Authorizer, requests: list[Request]) -> None:
    profile = cProfile.Profile()
    profile.runcall(_timed, authorizer, requests)
    pstats.Stats(profile).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
