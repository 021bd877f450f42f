"""`lintas doctor`: looks at everything the system needs and says, for each problem, what mends it.

With the name of a customer it looks at his connection instead. Changes nothing; a check that cannot be made because
another one failed says so instead of failing in its own words. CoA ports of routers are asked something harmless, as
their pages do.
"""

import shutil
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.output import emit, json_option

if TYPE_CHECKING:
    from db.queries.health import SpoolReading
    from runtime.settings import Settings

_MIB = 1024 * 1024
# Below this multiple of the room at which the spool stops acknowledging, somebody should act.
_ROOM_WARNING = 4
_LAG_WARNING_BYTES = 1 * _MIB
_LAG_FAILURE_SECONDS = 60.0
_QUEUE_WARNING = 1000
_RECEIVE_LIMIT = Path("/proc/sys/net/core/rmem_max")


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report."""

    name: str
    verdict: Verdict
    detail: str
    mend: str = ""

    @property
    def line(self) -> str:
        text = f"{self.verdict:<4}  {self.name}: {self.detail}"
        return f"{text}. {self.mend}" if self.mend else text


@click.command()
@click.argument("user", metavar="[USER]", required=False)
@click.option("--tenant", metavar="SLUG", help="USER's provider; only needed where there are several.")
@json_option
def doctor(user: str | None, tenant: str | None) -> None:
    """Check the installation; exit code 1 when something is broken.

    With USER, a username, code or id: say within five seconds why this customer is not online, or not as he should be,
    and what mends it.
    """
    if user is not None:
        from cli.doctor_customer import examine_customer

        examine_customer(user, tenant)
        return
    findings = list(examine())
    emit([asdict(finding) for finding in findings], [finding.line for finding in findings])
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        sys.exit(1)


def examine() -> Iterator[Finding]:
    """All findings, in the order in which the parts depend on each other."""
    from runtime.settings import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        yield _fail("configuration", str(error).rstrip("."), "")
        return
    yield _ok("configuration", "complete")
    yield from _secret_files(settings)
    yield _free_room(settings)
    yield from _database(settings)
    yield _redis(settings)
    yield from _radius(settings)
    yield _panel(settings)
    yield _paper()


def _secret_files(settings: "Settings") -> Iterator[Finding]:
    from db.crypto import Keyring, UnsafeKeysFile

    try:
        Keyring.from_file(settings.keys_file)
        yield _ok("encryption keys", f"{settings.keys_file} is closed to others and readable")
    except UnsafeKeysFile as error:
        yield _fail("encryption keys", str(error), "")
    except ValueError:
        yield _fail("encryption keys", f"{settings.keys_file} holds no valid key", "Put it back from the backup")
    yield _private_file("panel key", settings.secret_key_file)


def _private_file(name: str, path: Path) -> Finding:
    if not path.is_file():
        return _fail(name, f"{path} is missing", "'lintas up' makes one; staff must log in again then")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return _fail(name, f"{path} is open to others", f"Run: chmod 600 {path}")
    return _ok(name, f"{path} is closed to others")


def _free_room(settings: "Settings") -> Finding:
    if not settings.spool_dir.is_dir():
        return _fail("spool", f"{settings.spool_dir} is missing", "'lintas up' makes it")
    free_mb = shutil.disk_usage(settings.spool_dir).free // _MIB
    detail = f"{free_mb:,} MB free, {settings.spool_min_free_mb} MB needed to acknowledge accounting"
    if free_mb < settings.spool_min_free_mb:
        return _fail("spool", detail, f"Free room on the disk of {settings.spool_dir}; routers keep sending until then")
    if free_mb < settings.spool_min_free_mb * _ROOM_WARNING:
        return _warn("spool", detail, f"Free room on the disk of {settings.spool_dir}")
    return _ok("spool", detail)


def _database(settings: "Settings") -> Iterator[Finding]:
    from runtime.services import database_answers

    if not database_answers(settings.database_url):
        yield _fail("database", "does not answer", "Run 'lintas up', or look at LINTAS_DATABASE_URL and the server")
        return
    yield _ok("database", "answers")
    schema = _schema(settings)
    yield schema
    reading = _spool_reading(settings)
    yield _collector(reading)
    yield _synced(reading)
    if schema.verdict is Verdict.OK:
        yield from _alarms(settings)
        yield from _routers(settings)


def _schema(settings: "Settings") -> Finding:
    from db.migrations import runner

    current, head = runner.current_revision(settings.database_url), runner.head_revision()
    if current == head:
        return _ok("schema", f"at {head}")
    return _fail("schema", f"at {current or 'nothing'}, the code needs {head}", "Run 'lintas migrate'")


def _collector(reading: "SpoolReading") -> Finding:
    from domain.alarms import lag_seconds

    lag_bytes, oldest_seconds = reading.waiting_bytes, lag_seconds(reading.facts, reading.measured_at)
    if lag_bytes == 0:
        return _ok("collector", "every accounting record is in the database")
    detail = f"{lag_bytes:,} bytes waiting, the oldest for {oldest_seconds:.0f} s"
    if oldest_seconds > _LAG_FAILURE_SECONDS:
        return _fail("collector", detail, "Look at 'lintas status' and the collector's log; nothing is lost")
    if lag_bytes > _LAG_WARNING_BYTES:
        return _warn("collector", detail, "It catches up by itself")
    return _ok("collector", detail)


def _spool_reading(settings: "Settings") -> "SpoolReading":
    """This node's spool as it is now."""
    import psycopg

    from accounting.spool import Spool
    from accounting.spool_watch import SpoolWatch
    from db.queries.spool import spool_positions

    spool = Spool(settings.spool_dir, "acct", wall_clock=time.time)
    watch = SpoolWatch(
        spool,
        settings.spool_dir,
        node=settings.node,
        min_free_bytes=settings.spool_min_free_mb * _MIB,
        is_strict=settings.spool_strict,
    )
    with psycopg.connect(settings.database_url, connect_timeout=5) as connection:
        positions = spool_positions(connection, node=settings.node, stream="acct")
    return watch.look(positions, datetime.now(UTC))


def _synced(reading: "SpoolReading") -> Finding:
    """How much acknowledged accounting a power cut could cost now."""
    if reading.synced_at is None:
        return _ok("spool on the disk", "no server has told yet")
    if reading.sync_errors:
        detail = f"{reading.sync_errors} requests to the disk failed"
        return _fail("spool on the disk", detail, "Look at the disk; nothing is acknowledged for a while after each")
    age_s = max(0.0, (reading.measured_at - reading.synced_at).total_seconds())
    how = "before it is acknowledged" if reading.sync_mode == "strict" else f"{age_s:.0f} s ago"
    return _ok("spool on the disk", f"{how}; slowest of late {reading.sync_ms or 0} ms")


def _alarms(settings: "Settings") -> Iterator[Finding]:
    import psycopg

    from db.queries.health import open_alarms
    from monitoring.alarms import words

    with psycopg.connect(settings.database_url, connect_timeout=5) as connection:
        found = open_alarms(connection)
    for alarm in found:
        said = words(alarm.code, alarm.subject, alarm.facts)
        yield (_fail if alarm.severity == "critical" else _warn)("alarm", said.sentence, said.mend)


def _routers(settings: "Settings") -> Iterator[Finding]:
    """Each router in a line, or in one for each fault; one that is away is no fault of the installation."""
    from cli.doctor_routers import examine_routers

    for name, reason, mend in examine_routers(settings):
        yield _warn(name, reason, mend) if mend else _ok(name, reason)


def _redis(settings: "Settings") -> Finding:
    from runtime import redis

    if not redis.answers(settings.redis_url):
        mend = "Run 'lintas up', or look at LINTAS_REDIS_URL; until then changes reach sessions a little later"
        return _fail("redis", "does not answer", mend)
    waiting = redis.queue_lengths(settings.redis_url, ["coa", "default"])
    detail = ", ".join(f"{name} {length}" for name, length in waiting.items())
    if max(waiting.values()) > _QUEUE_WARNING:
        return _warn("redis", f"answers; jobs waiting: {detail}", "Is the worker running? See 'lintas status'")
    return _ok("redis", f"answers; jobs waiting: {detail}")


def _radius(settings: "Settings") -> Iterator[Finding]:
    from runtime import freeradius

    for part in freeradius.PARTS:
        name, port = f"radius {part}", f"UDP {freeradius.port_of(settings, part)}"
        if freeradius.is_listening(settings, part):
            yield _ok(name, f"listens on {port}")
        else:
            yield _fail(name, f"does not listen on {port}", f"Run 'lintas up', or look at the log of radius-{part}")
    if settings.radsec_port:
        yield _radsec(settings)
    yield _receive_room(freeradius.RECEIVE_BYTES, freeradius.PACKET_BYTES)


def _radsec(settings: "Settings") -> Finding:
    from runtime import radsec

    name, port = "radius over TLS", f"TCP {settings.radsec_port}"
    if radsec.answers(settings):
        return _ok(name, f"begins TLS on {port}")
    mend = "Run 'lintas up', or look at the log of radius-login; the certificates are in " + str(settings.radsec_folder)
    return _fail(name, f"does not begin TLS on {port}", mend)


def _receive_room(wanted_bytes: int, packet_bytes: int) -> Finding:
    """How many logins may arrive at once before the kernel loses one."""
    name = "storm"
    try:
        limit_bytes = min(wanted_bytes, int(_RECEIVE_LIMIT.read_text()))
    except OSError:
        mend = f"On the host it should be {wanted_bytes} or more, for logins that come all at once after a power cut"
        return _warn(name, "net.core.rmem_max is not visible here", mend)
    # The kernel doubles what is asked for, and counts its own book-keeping with each packet.
    detail = f"{2 * limit_bytes // packet_bytes:,} logins may arrive at once, then the kernel loses some"
    if limit_bytes < wanted_bytes:
        setting = f"net.core.rmem_max={wanted_bytes}"
        where = "on the host, if this is a container; to keep it, put it into /etc/sysctl.d/60-lintas.conf"
        return _warn(name, detail, f"Run: sysctl -w {setting} ({where}), then restart")
    return _ok(name, detail)


def _panel(settings: "Settings") -> Finding:
    from runtime.services import accepts_connection

    address = f"http://{settings.panel_host}:{settings.panel_port}/"
    if accepts_connection(settings.panel_host, settings.panel_port):
        return _ok("panel", f"answers on {address}")
    return _fail("panel", f"does not answer on {address}", "Run 'lintas up', or look at its log")


def _paper() -> Finding:
    """Whether something comes out when a page is printed."""
    from paper import press

    try:
        press.pdf(["<p>Lintas"])
    except press.PaperFailure as error:
        mend = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core"
        # A machine that only serves RADIUS need not print.
        return _warn("paper", f"no page can be printed here ({error}): invoices and vouchers have no PDF", mend)
    return _ok("paper", "a page is printed")


def _fail(name: str, detail: str, mend: str) -> Finding:
    return Finding(name=name, verdict=Verdict.FAIL, detail=detail, mend=mend)


def _warn(name: str, detail: str, mend: str) -> Finding:
    return Finding(name=name, verdict=Verdict.WARN, detail=detail, mend=mend)


def _ok(name: str, detail: str) -> Finding:
    return Finding(name=name, verdict=Verdict.OK, detail=detail)
