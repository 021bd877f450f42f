"""`lintas simulate`: a MikroTik router that logs customers in, moves bytes, and shows what the server does to them.

Decides where server, secret and customers come from and how events read on a screen. What a router does is decided in
the simulator; secrets are never taken from the command line, where every user of the machine can read them.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import json_option, wants_json
from simulator import Counters, Event, Login, Method, Router, Service, SimulatedSession, Value
from simulator.speed import Speed, parse_rate_limit

if TYPE_CHECKING:
    from runtime.settings import Settings

SECRET_VARIABLE = "LINTAS_NAS_SECRET"  # noqa: S105 - the name of a variable
PASSWORD_VARIABLE = "LINTAS_SIMULATE_PASSWORD"  # noqa: S105 - the name of a variable
DEMO_SECRET = Path("secrets") / "demo-nas.secret"
_TICK_SECONDS = 1.0
_UPLOAD_SHARE = 4
_LOGINS_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where RADIUS requests go, and where changes arrive."""

    host: str
    auth_port: int
    acct_port: int
    coa_port: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that one run needs to know."""

    server: Server
    secret: str = field(repr=False)
    source_ip: str
    identity: str
    routeros: int
    logins: list[Login] = field(repr=False)
    rate_mbps: float
    duration_seconds: float
    interim_seconds: int
    redial: bool


@click.command()
@click.option("--server", "host", help="RADIUS server. Default: the running installation's.")
@click.option("--auth-port", type=click.IntRange(1, 65535), help="Authentication port.  [default: 1812]")
@click.option("--acct-port", type=click.IntRange(1, 65535), help="Accounting port.  [default: 1813]")
@click.option("--coa-port", type=click.IntRange(0, 65535), help="Listen for CoA here; 0: any.  [default: 3799]")
@click.option("--secret-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Shared secret.")
@click.option("--secret-env", default=SECRET_VARIABLE, show_default=True, help="Variable with the shared secret.")
@click.option("--source-ip", default="", help="Leave from this address, to be that router.")
@click.option("--nas-identifier", default="MikroTik", show_default=True, help="The router's /system/identity.")
@click.option("--routeros", type=click.Choice(["6", "7"]), default="7", show_default=True, help="Generation.")
@click.option(
    "--service", type=click.Choice([service.value for service in Service]), default="pppoe", show_default=True
)
@click.option("--method", type=click.Choice([method.value for method in Method]), help="How the password travels.")
@click.option("--user", "username", help="User name; for DHCP and wireless the MAC.")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its password.")
@click.option("--password-env", default=PASSWORD_VARIABLE, show_default=True, help="Variable with the password.")
@click.option(
    "--users",
    "users_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV with a head: username,password and, if wanted, mac,service,method.",
)
@click.option("--sessions", type=click.IntRange(min=1), help="How many; with --users the first so many.")
@click.option("--mac", default="02:4C:00:00:00:01", show_default=True, help="MAC of the first customer.")
@click.option("--rate-mbps", type=click.FloatRange(min=0), default=20.0, show_default=True, help="Offered download.")
@click.option("--duration", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds; 0: no end.")
@click.option("--interim", type=click.IntRange(min=0), default=0, help="Seconds, if the server names none.")
@click.option("--redial/--no-redial", default=True, show_default=True, help="Dial again after a disconnect.")
@json_option
def simulate(**options: Any) -> None:
    """A MikroTik router that logs in, moves bytes and reports them.

    Shows accepts with their attributes, CoA and disconnects as they arrive, and at the end (or on Ctrl-C) sends every
    Stop and says how many bytes really passed. With --json each event is one line of JSON.
    """
    totals = asyncio.run(_run(_plan(options), _print_json if wants_json() else _print_text))
    if not totals["accepted"]:
        sys.exit(1)


def _plan(options: dict[str, Any]) -> Plan:
    settings = None if options["host"] else _installation()
    server = _server(options, settings)
    return Plan(
        server=server,
        secret=_secret(options, settings),
        source_ip=options["source_ip"] or _address_towards(server.host, server.auth_port),
        identity=options["nas_identifier"],
        routeros=int(options["routeros"]),
        logins=_logins(options),
        rate_mbps=options["rate_mbps"],
        duration_seconds=options["duration"],
        interim_seconds=options["interim"],
        redial=options["redial"],
    )


def _installation() -> Settings:
    from runtime.settings import SettingsError, get_settings

    try:
        return get_settings()
    except SettingsError as error:
        raise click.UsageError(f"give --server, or start an installation first: {error}") from error


def _server(options: dict[str, Any], settings: Settings | None) -> Server:
    return Server(
        host=settings.radius_host if settings else options["host"],
        auth_port=options["auth_port"] or (settings.radius_auth_port if settings else 1812),
        acct_port=options["acct_port"] or (settings.radius_acct_port if settings else 1813),
        coa_port=_first_given(options["coa_port"], settings.coa_port if settings else 3799),
    )


def _first_given(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _secret(options: dict[str, Any], settings: Settings | None) -> str:
    demo = settings.var_dir / DEMO_SECRET if settings else None
    files = [options["secret_file"], demo if demo is not None and demo.exists() else None]
    return _from_file_variable_or_person(files, options["secret_env"], "the shared secret", "--secret-file")


def _password(options: dict[str, Any]) -> str:
    if options["service"] in (Service.DHCP, Service.WIRELESS):
        return ""
    name = f"the password of {options['username']}"
    return _from_file_variable_or_person([options["password_file"]], options["password_env"], name, "--password-file")


def _from_file_variable_or_person(files: list[Path | None], variable: str, name: str, option: str) -> str:
    given, *fallbacks = files
    if given is not None:
        return _only_line(given)
    if variable in os.environ:
        return os.environ[variable]
    for fallback in fallbacks:
        if fallback is not None:
            return _only_line(fallback)
    if not sys.stdin.isatty():
        raise click.UsageError(f"{name} is missing: use {option} or set {variable}")
    return str(click.prompt(name[0].upper() + name[1:], hide_input=True))


def _only_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip("\r\n")


def _address_towards(host: str, port: int) -> str:
    """The address that packets to the server leave from; nothing is sent to find out."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise click.ClickException(f"{host} cannot be reached: {error}") from error


def _logins(options: dict[str, Any]) -> list[Login]:
    if options["users_file"]:
        rows = list(_rows(options["users_file"]))[: options["sessions"]]
        if not rows:
            raise click.UsageError(f"{options['users_file']} names no customers")
        return [_login_of_row(row, options, number) for number, row in enumerate(rows)]
    if not options["username"]:
        raise click.UsageError("say who logs in: --user NAME or --users FILE")
    password = _password(options)
    row = {"username": options["username"], "password": password}
    return [_login_of_row(row, options, number) for number in range(options["sessions"] or 1)]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row.get("username"):
                raise click.UsageError(f"{path}: every line needs a username, and the head must name that column")
            yield row


def _login_of_row(row: dict[str, str], options: dict[str, Any], number: int) -> Login:
    method = row.get("method") or options["method"]
    return Login(
        service=Service(row.get("service") or options["service"]),
        username=row["username"],
        password=row.get("password") or "",
        method=Method(method) if method else None,
        mac=row.get("mac") or _nth_mac(options["mac"], number),
    )


def _nth_mac(first: str, number: int) -> str:
    value = int(first.replace(":", "").replace("-", ""), 16) + number
    return ":".join(f"{octet:02X}" for octet in value.to_bytes(6, "big"))


# -- the run -----------------------------------------------------------------------------------------------------


async def _run(plan: Plan, show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Log everybody in, move bytes until time or Ctrl-C, stop everybody; returns the summary."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    router = _router(plan)
    tally = {"accepted": 0, "refused": 0, "coa": 0}
    router.listeners.append(lambda event: _on_event(event, tally, show))
    try:
        async with router:
            show({"kind": "router", "address": plan.source_ip, "coa_port": router.coa.port, "server": plan.server.host})
            await _log_in(router, plan.logins, ended)
            await _move_bytes(router, plan, ended, show)
            await router.settle()
            await router.stop_all("User-Request")
    except OSError as error:
        raise click.ClickException(
            f"UDP {plan.source_ip}:{plan.server.coa_port} cannot be used ({error.strerror}); see --coa-port"
        ) from error
    summary = {**tally, **_totals(router)}
    show({"kind": "summary", **summary})
    return summary


def _router(plan: Plan) -> Router:
    return Router(
        secret=plan.secret,
        identity=plan.identity,
        source_ip=plan.source_ip,
        radius_host=plan.server.host,
        auth_port=plan.server.auth_port,
        acct_port=plan.server.acct_port,
        coa_port=plan.server.coa_port,
        routeros=plan.routeros,
        # FreeRADIUS delays a reject by a second by default; a router set up for that waits longer than 300 ms.
        timeout_ms=2000,
        accounting_rounds=2,
        interim_seconds=plan.interim_seconds,
        redial_after_ms=1000 if plan.redial else None,
    )


async def _log_in(router: Router, logins: list[Login], ended: asyncio.Event) -> None:
    for first in range(0, len(logins), _LOGINS_AT_ONCE):
        if ended.is_set():
            return
        await asyncio.gather(*(router.login(login) for login in logins[first : first + _LOGINS_AT_ONCE]))


async def _move_bytes(router: Router, plan: Plan, ended: asyncio.Event, show: Callable[[dict[str, Any]], None]) -> None:
    loop, unreadable = asyncio.get_running_loop(), set[str]()
    begun = last = loop.time()
    while not ended.is_set() and (router.open_sessions or (plan.redial and router.history)):
        left = plan.duration_seconds - (last - begun) if plan.duration_seconds else _TICK_SECONDS
        if left <= 0:
            return
        await _wait(ended, min(_TICK_SECONDS, left))
        seconds, last = loop.time() - last, loop.time()
        for session in router.open_sessions:
            _say_once_if_unreadable(session.rate_limit, unreadable, show)
        await asyncio.gather(*(_tick(session, plan.rate_mbps, seconds) for session in router.open_sessions))


async def _wait(ended: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return


async def _tick(session: SimulatedSession, rate_mbps: float, seconds: float) -> None:
    """One second of a customer who takes all he gets: the offered rate, or the applied limit if that is less."""
    limit = _readable(session.rate_limit) or Speed()
    offered_bps = rate_mbps * 1_000_000
    download_bps = min(offered_bps, limit.download_bps or offered_bps)
    upload_bps = min(offered_bps / _UPLOAD_SHARE, limit.upload_bps or offered_bps)
    await session.traffic(
        download_bytes=int(download_bps * seconds / 8), upload_bytes=int(upload_bps * seconds / 8), seconds=seconds
    )


def _readable(rate_limit: str) -> Speed | None:
    try:
        return parse_rate_limit(rate_limit)
    except ValueError:
        return None


def _say_once_if_unreadable(rate_limit: str, said: set[str], show: Callable[[dict[str, Any]], None]) -> None:
    if _readable(rate_limit) is None and rate_limit not in said:
        said.add(rate_limit)
        show({"kind": "unreadable", "rate_limit": rate_limit})


def _totals(router: Router) -> dict[str, Any]:
    truth = sum(router.truth_by_user().values(), Counters())
    acknowledged = sum(router.acknowledged_by_user().values(), Counters())
    return {
        "sessions": len(router.history),
        "download_bytes": truth.download_bytes,
        "upload_bytes": truth.upload_bytes,
        "acknowledged_bytes": acknowledged.total_bytes,
    }


# -- what a person or a program reads ------------------------------------------------------------------------------


def _on_event(event: Event, tally: dict[str, int], show: Callable[[dict[str, Any]], None]) -> None:
    counted = {"login": "accepted"}.get(event.kind, event.kind)
    if counted in tally:
        tally[counted] += 1
    shown = {"kind": event.kind, "at": event.at, "username": event.username, "session_id": event.session_id}
    detail = dict(event.detail)
    record: Any = detail.pop("record", None)
    if record is not None:
        detail |= {
            "disconnect": record.is_disconnect,
            "sender": record.sender[0],
            "attributes": record.attributes,
            "outcome": record.outcome,
            "error_cause": record.error_cause,
        }
    if "reply" in detail:
        detail["reply"] = _without_keys(event.detail["reply"])
    show({**shown, **detail})


def _without_keys(reply: Any) -> list[tuple[str, Value]]:
    # MPPE keys encrypt the customer's tunnel; a screen or a log is no place for them.
    return [(name, "hidden" if name.endswith("-Key") else value) for name, value in reply]


def _print_json(event: dict[str, Any]) -> None:
    click.echo(json.dumps(event, default=_plain))


def _plain(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _print_text(event: dict[str, Any]) -> None:
    line = _TEXTS[event["kind"]](event) if event["kind"] in _TEXTS else ""
    if line:
        at = event.get("at")
        click.echo(f"{at.astimezone():%H:%M:%S}  {line}" if at else line)


def _attributes(pairs: Iterable[tuple[str, Value]]) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in pairs if name != "Message-Authenticator") or "nothing"


def _text_of_refusal(event: dict[str, Any]) -> str:
    if event["accepted"] is None:
        why = ", ".join(sorted(set(event["problems"]))) or "is the server up, and this address one of its routers?"
        return f"{event['username']}: no answer ({why})"
    if event["accepted"]:
        return f"{event['username']}: accepted, but the server did not prove that it knows the password (MS-CHAPv2)"
    return f"{event['username']}: rejected with {_attributes(event['reply'])}"


def _text_of_accounting(event: dict[str, Any]) -> str:
    minutes, seconds = divmod(event["session_seconds"], 60)
    return (
        f"{event['username']} {event['session_id']}: {event['status']} at {minutes}:{seconds:02d}, "
        f"{_size(event['download_bytes'])} down, {_size(event['upload_bytes'])} up, "
        + ("acknowledged" if event["acknowledged"] else "NOT acknowledged")
    )


def _text_of_change(event: dict[str, Any]) -> str:
    kind = "Disconnect" if event["disconnect"] else "CoA"
    cause = f" {event['error_cause']}" if event["error_cause"] else ""
    return f"{kind} from {event['sender']}: {_attributes(event['attributes'])} -> {event['outcome'].upper()}{cause}"


def _text_of_summary(event: dict[str, Any]) -> str:
    return (
        f"{event['accepted']} accepted, {event['refused']} refused, {event['coa']} CoA and Disconnect requests. "
        f"{event['sessions']} sessions moved {_size(event['download_bytes'])} down and {_size(event['upload_bytes'])} "
        f"up; the server acknowledged {_size(event['acknowledged_bytes'])} in all."
    )


_TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "router": lambda event: f"Router {event['address']} asks {event['server']}, CoA on UDP {event['coa_port']}",
    "login": lambda event: (
        f"{event['username']} {event['session_id']}: accepted in {event['latency_ms']:.0f} ms with "
        f"{_attributes(event['reply'])}"
    ),
    "refused": _text_of_refusal,
    "accounting": _text_of_accounting,
    "coa": _text_of_change,
    "disconnected": lambda event: f"{event['username']} {event['session_id']}: thrown out by the server",
    "unreadable": lambda event: f"RouterOS reads no rate in {event['rate_limit']!r}: sending without a limit",
    "failed": lambda event: f"the router failed: {event['error']}",
    "summary": _text_of_summary,
}


def _size(number: int) -> str:
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
