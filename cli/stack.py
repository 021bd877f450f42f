"""`lintas up`, `stop`, `status`, `migrate`: the processes of this installation, from the command line."""

import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli.output import emit, json_option, table

if TYPE_CHECKING:
    from runtime.local import Places
    from runtime.processes import ProcessId
    from runtime.record import Record


@click.command()
@click.option("--detach", is_flag=True, help="Return once everything is ready, and leave it running.")
@click.option("--timeout", "timeout_seconds", default=240.0, show_default=True, help="Longest wait with --detach.")
@click.option("--demo", is_flag=True, help="Run the demo's simulated network too.")
@click.option("--quiet", is_flag=True, help="Print nothing; everything is in the log files anyway.")
def up(detach: bool, timeout_seconds: float, demo: bool, quiet: bool) -> None:
    """Start everything and keep it running: database, Redis, FreeRADIUS, collector, jobs and panel."""
    # Logs, spool and state are for the account that runs this, whatever its shell says.
    os.umask(0o077)
    if demo:
        _mark_demo()
    if detach:
        _up_detached(timeout_seconds)
    else:
        _up_here(quiet=quiet)


def _mark_demo() -> None:
    from runtime import local

    local.prepare().places.demo_marker.touch()


def _up_here(*, quiet: bool) -> None:
    from runtime import local, services, supervisor
    from runtime.settings import load_settings

    installation = local.prepare()
    plan = services.plan(installation, load_settings())
    complete = supervisor.Supervisor(plan, installation.places, show=_silent if quiet else _show).run()
    sys.exit(0 if complete else 1)


def _show(name: str, line: str) -> None:
    click.echo(f"{name:<10} | {line}")


def _silent(_name: str, _line: str) -> None:
    """With --detach nobody reads the terminal, and a file without a bound would grow."""


def _up_detached(timeout_seconds: float) -> None:
    from runtime import local, processes
    from runtime.record import stop_installation

    places = local.prepare().places
    if _running_record(places) is not None and _is_outdated():
        click.echo("running with an older schema than this code needs; starting again")
        stop_installation(places.pid_file)
    if _running_record(places) is not None:
        click.echo("already running")
        _print_status()
        return
    log_file = places.log / "supervisor.log"
    log_file.unlink(missing_ok=True)
    process = processes.launch([sys.executable, "-m", "cli.main", "up", "--quiet"], log_file=log_file)
    if process is None or not _follow(process, places, deadline=time.monotonic() + timeout_seconds):
        _print_failure(places)
        sys.exit(1)


def _is_outdated() -> bool:
    """Whether the code was updated under the running processes, as far as the database tells."""
    from db.migrations import runner
    from runtime.services import database_answers
    from runtime.settings import load_settings

    url = load_settings().database_url
    return database_answers(url) and runner.current_revision(url) != runner.head_revision()


def _follow(process: "ProcessId", places: "Places", *, deadline: float) -> bool:
    """Prints each service as it becomes ready; True when all are."""
    from runtime.record import read_record

    shown: set[str] = set()
    while process.is_running() and time.monotonic() < deadline:
        record = read_record(places.pid_file)
        if record is not None and record.supervisor == process:
            shown |= _print_progress(record, shown)
            if record.complete:
                return all(entry.state in {"ready", "done"} for entry in record.services.values())
        time.sleep(0.1)
    return False


def _print_progress(record: "Record", shown: set[str]) -> set[str]:
    fresh = {name for name, entry in record.services.items() if entry.state in {"ready", "done"}} - shown
    for name in (name for name in record.services if name in fresh):
        click.echo(f"  {name}: ready")
    return fresh


def _print_failure(places: "Places") -> None:
    from runtime.record import read_record

    record = read_record(places.pid_file)
    late = (
        {} if record is None else {name: e for name, e in record.services.items() if e.state not in {"ready", "done"}}
    )
    for name, entry in late.items():
        click.echo(f"  {name}: {entry.state}; the end of {places.log / name}.log:", err=True)
        _print_tail(places, name)
    if not late:
        click.echo(f"  it did not come up; the end of the logs in {places.log}:", err=True)
        _print_tail(places, "lintas")
        _print_tail(places, "supervisor")


def _print_tail(places: "Places", name: str, lines: int = 12) -> None:
    path = places.log / f"{name}.log"
    text = path.read_text(errors="replace") if path.exists() else "(no log)"
    for line in text.splitlines()[-lines:]:
        click.echo(f"    {line}", err=True)


@click.command()
def stop() -> None:
    """Stop what 'up' started, in reverse order, and nothing else."""
    from runtime import local
    from runtime.record import stop_installation

    ended = stop_installation(local.places().pid_file)
    click.echo(f"stopped: {', '.join(ended)}" if ended else "nothing was running")


@click.command()
@json_option
def status() -> None:
    """Say what runs and whether it is healthy; exit code 1 when something is not."""
    if not _print_status():
        sys.exit(1)


def _print_status() -> bool:
    from runtime import local

    places = local.places()
    record = _running_record(places)
    if record is None:
        emit({"running": False, "services": []}, ["not running; 'make demo' or 'lintas up' starts it"])
        return False
    rows = _status_rows(record)
    lines = table([(r["name"], r["state"], r["pid"] or "-", r["restarts"]) for r in rows], _HEAD)
    alarms = _alarms()
    data = {"running": True, "supervisor": asdict(record.supervisor), "services": rows, "alarms": alarms}
    radsec = _radsec()
    data["radsec"] = radsec
    emit(data, [*lines, *_addresses(radsec), *(["", *(f"ALARM  {text}" for text in alarms)] if alarms else [])])
    return all(row["healthy"] for row in rows) and (radsec is None or bool(radsec["answers"]))


_HEAD = ("SERVICE", "STATE", "PID", "RESTARTS")


def _status_rows(record: "Record") -> list[dict[str, object]]:
    """The recorded state, checked: a probe that answers outranks what was true at start."""
    from runtime import local, services
    from runtime.settings import load_settings

    settings = load_settings()
    plan = services.plan(local.find(local.places()), settings)
    rows: list[dict[str, object]] = []
    for service in (item for item in plan if isinstance(item, services.Service)):
        entry = record.services.get(service.name)
        alive = entry is not None and entry.is_running()
        healthy = alive and entry is not None and entry.state == "ready" and (service.probe is None or service.probe())
        state = "healthy" if healthy else ("down" if entry is None else f"not healthy ({entry.state})")
        pid = entry.process.pid if entry is not None and entry.process is not None and alive else None
        restarts = 0 if entry is None else entry.restarts
        rows.append({"name": service.name, "state": state, "healthy": healthy, "pid": pid, "restarts": restarts})
    return rows


def _alarms() -> list[str]:
    """What is wrong, in sentences; nothing is said while the database is away or behind, which `doctor` tells."""
    import psycopg

    from db.queries.health import open_alarms
    from monitoring.alarms import words
    from runtime.settings import load_settings

    try:
        with psycopg.connect(load_settings().database_url, connect_timeout=2) as connection:
            return [words(row.code, row.subject, row.facts).sentence for row in open_alarms(connection)]
    except psycopg.Error:
        return []


def _radsec() -> dict[str, object] | None:
    """RADIUS over TLS where it is on: its port, and whether that begins TLS."""
    from runtime import radsec
    from runtime.settings import load_settings

    settings = load_settings()
    return {"port": settings.radsec_port, "answers": radsec.answers(settings)} if settings.radsec_port else None


def _addresses(radsec: "dict[str, object] | None") -> list[str]:
    from runtime.settings import load_settings

    settings = load_settings()
    radius = (
        f"{settings.radius_host} ports {settings.radius_auth_port} (login), {settings.radius_acct_port} (accounting)"
    )
    lines = ["", f"panel   http://{settings.panel_host}:{settings.panel_port}/", f"radius  {radius}"]
    if radsec is None:
        return lines
    return [*lines, f"radsec  port {radsec['port']}{'' if radsec['answers'] else ', which does not begin TLS'}"]


def _running_record(places: "Places") -> "Record | None":
    from runtime.record import read_record

    record = read_record(places.pid_file)
    return record if record is not None and record.supervisor.is_running() else None


@click.command()
@click.argument("name")
def run(name: str) -> None:
    """Become the one process NAME, in the foreground: for systemd units and containers.

    NAME is radius-login, radius-accounting, collector, worker, beat or panel. Settings come from the environment or
    var/lintas.env.
    """
    from runtime import local, services
    from runtime.settings import load_settings

    os.umask(0o077)
    settings = load_settings()
    places = local.places()
    local.make_directories(places)
    plan = services.plan(local.find(places), settings)
    found = {item.name: item for item in plan if isinstance(item, services.Service)}
    if name not in found:
        raise click.ClickException(f"there is no process {name}; there are: {', '.join(found)}")
    service = found[name]
    if service.before is not None:
        service.before()
    os.execvpe(service.command[0], service.command, services.child_env(service))  # noqa: S606 - our own list


@click.command()
@click.option("--revision", default="head", show_default=True, help="Stop at this revision.")
def migrate(revision: str) -> None:
    """Bring the database to the newest schema; safe to repeat and to run twice at once.

    Standing roles get the permissions that are new; one that staff changed stays as it is, and what it lacks is told.
    """
    from db.migrations import runner
    from runtime.settings import get_settings

    url = get_settings().database_url
    before = runner.current_revision(url)
    runner.upgrade(url, revision=revision)
    after = runner.current_revision(url)
    click.echo(f"schema {after}" + (" (nothing to do)" if before == after else f", was {before or 'empty'}"))
    if after == runner.head_revision():
        from cli.setup import renew_roles

        renew_roles(url)
