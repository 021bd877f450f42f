"""The storm after a power cut, against our own servers: how long until everybody is online again.

Twenty routers, every customer with his last session still open in the database and in memory. The figures are worth
nothing when anybody was refused, given up or not recorded.
"""

import time
from collections.abc import Callable, Mapping

from benchmarks import machine, subscribers
from benchmarks.lab import Lab, open_lab
from benchmarks.load import PASSWORD_FORMAT
from benchmarks.servers import start_ours
from benchmarks.storm import TIMEOUT_S, TRIES, Dialler, Storm, StormResult, Where
from benchmarks.verdict import Meter, Result

ROUTERS = 20
_FIRST_ROUTER = 10
_STORED_SECONDS = 60.0
_SESSIONS = """
INSERT INTO radacct (tenant_id, subscription_id, nas_server_id, nasipaddress, username, acctsessionid, acctuniqueid,
    acctstarttime, acctupdatetime, callingstationid, framedipaddress)
SELECT 1, s.id, r.id, r.host, s.username, '81' || lpad(to_hex(s.id), 6, '0'), md5(s.id::text),
    now() - interval '2 days', now() - interval '1 minute',
    upper(substr(m, 1, 2) || ':' || substr(m, 3, 2) || ':' || substr(m, 5, 2) || ':' || substr(m, 7, 2) || ':'
        || substr(m, 9, 2) || ':' || substr(m, 11, 2)), s.assigned_ip
FROM (SELECT *, '02' || lpad(to_hex(id), 8, '0') || '00' AS m FROM subscriptions) s
JOIN nas_servers r ON r.id = %s + s.id %% %s
"""
_NEW_SESSIONS = "SELECT count(*) FROM radacct WHERE acctsessionid LIKE '818%'"
_STILL_OPEN = "SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL AND acctsessionid LIKE '818%'"


def run(*, customers: int, say: Callable[[str], None]) -> Result:
    """One storm on an installation of its own."""
    with open_lab(subscribers=customers, say=say) as lab:
        subscribers.seed(lab)
        for number in range(ROUTERS):
            subscribers.add_router(lab, _FIRST_ROUTER + number, address_of(number))
        lab.sql(_SESSIONS, _FIRST_ROUTER, ROUTERS)
        lab.sql("ANALYZE radacct")
        ours = start_ours(lab)
        say(f"{customers} customers get ready to dial")
        storm = Storm(_where(lab), [dialler(number) for number in range(1, customers + 1)])
        meter, own_s = Meter(lab, ours), time.process_time()
        outcome = storm.run()
        result = _result(lab, outcome, meter.spent() | {"load generator": time.process_time() - own_s})
        result.write()
        return result


def address_of(number: int) -> str:
    """The source address of a router."""
    return f"127.3.0.{number + 1}"


def dialler(number: int) -> Dialler:
    """Subscriber n of the measured provider, at his router."""
    octets = (number >> shift & 255 for shift in (24, 16, 8, 0))
    return Dialler(
        username=subscribers.username(number),
        password=PASSWORD_FORMAT.replace("l", "") % number,
        mac="02:" + ":".join(f"{octet:02X}" for octet in octets) + ":00",
        router=address_of(number % ROUTERS),
    )


def _where(lab: Lab) -> Where:
    settings = lab.settings
    return Where(auth_port=settings.radius_auth_port, acct_port=settings.radius_acct_port, secret=lab.secret)


def _result(lab: Lab, outcome: StormResult, spent: Mapping[str, float]) -> Result:
    begun = time.monotonic()
    wanted = len(outcome.online_after_s)
    stored_s = (
        lab.wait_for(lambda: lab.number(_NEW_SESSIONS) >= wanted, _STORED_SECONDS, "sessions are missing") - begun
    )
    result = Result(
        name="storm",
        values={
            "customers": outcome.customers,
            "routers": ROUTERS,
            "tries": TRIES,
            "timeout_s": TIMEOUT_S,
            "asked_within_s": round(outcome.sent_in_s, 3),
            "online": wanted,
            "refused": len(outcome.refused),
            "given_up": len(outcome.given_up),
            "sent_again": outcome.repeated,
            "dropped_by_the_kernel": outcome.drops,
            "online_50_s": outcome.seconds_until(0.5),
            "online_99_s": outcome.seconds_until(0.99),
            "online_100_s": outcome.seconds_until(1.0),
            "sessions_open": lab.number(_STILL_OPEN),
            "stored_after_s": round(stored_s, 2),
            "cpu_s": {name: round(seconds, 2) for name, seconds in spent.items()},
            "machine": machine.describe(),
        },
    )
    result.head = ("customers", "online", "refused", "given up", "50 %, s", "99 %, s", "100 %, s")
    keys = ("customers", "online", "refused", "given_up", "online_50_s", "online_99_s", "online_100_s")
    result.rows = [tuple(_rounded(result.values[key]) for key in keys)]
    busy = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items())
    result.remarks = [
        *outcome.lines(),
        f"every session in the database {stored_s:.1f} s after the last was online",
        f"processor seconds meanwhile: {busy}",
    ]
    result.invalid = _problems(outcome, lab)
    return result


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else "never" if value is None else value


def _problems(outcome: StormResult, lab: Lab) -> list[str]:
    refused = lab.sql("SELECT reason, count(*) FROM access_log WHERE result = 'reject' GROUP BY 1")
    found = [f"{count} logins were refused: {reason}" for reason, count in refused]
    if outcome.refused and not refused:
        found.append(f"{len(outcome.refused)} logins were refused")
    if outcome.given_up:
        found.append(f"{len(outcome.given_up)} customers got no answer in {TRIES} tries of {TIMEOUT_S} s")
    if outcome.forged:
        found.append(f"{outcome.forged} answers with a wrong authenticator")
    said = "".join(path.read_text(errors="replace") for path in lab.log_dir.glob("radius-*.log"))
    full = [line for line in said.splitlines() if "max_requests" in line or "queue is full" in line]
    return found + full[:3]
