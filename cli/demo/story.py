"""One customer's evening, on the real servers: he logs in, uses data, crosses the fair-use limit, is slowed by CoA."""

import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import psycopg

from cli.demo import facts as demo_facts
from cli.demo.facts import Facts, Login
from cli.demo.seed import DEMO_THRESHOLD_BYTES, GIGABYTE, ROUTER_HOST, new_visitor
from db.queries.usage import usage_of
from runtime.settings import Settings, get_settings
from simulator import SessionHandle, SimulatedRouter

T = TypeVar("T")
Connection = psycopg.Connection[Any]
WAIT_S = 15.0


def tell(known: Facts) -> None:
    """Show it step by step; every figure printed was measured just now."""
    settings, customer = get_settings(), new_visitor(known)
    _heading("A login by radclient")
    _radclient_login(settings, customer)
    with (
        SimulatedRouter(
            secret=known.router_secret,
            source_ip=ROUTER_HOST,
            identity="RB-Demo",
            auth_port=settings.radius_auth_port,
            acct_port=settings.radius_acct_port,
            coa_port=settings.coa_port,
            timeout_ms=2000,
        ) as router,
        psycopg.connect(settings.database_url, autocommit=True) as connection,
    ):
        _heading("A session on a simulated MikroTik")
        session = router.login_pppoe(customer.username, customer.password, mac="4C:5E:0C:00:00:01")
        _say(
            f"{customer.username} is online at {session.framed_ip or 'an address of the router'}, {session.rate_limit}"
        )
        _use_data(connection, session, customer)
        _cross_the_limit(connection, router, session, customer)
        session.stop()
    _say_where(settings, known)


def _radclient_login(settings: Settings, customer: Login) -> None:
    request = (
        f'User-Name="{customer.username}",User-Password="{customer.password}",Service-Type=Framed-User,'
        'Framed-Protocol=PPP,NAS-Port-Type=Ethernet,Calling-Station-Id="4C:5E:0C:00:00:01",NAS-Identifier="RB-Demo",'
        "Message-Authenticator=0x00"
    )
    target = f"{settings.radius_host}:{settings.radius_auth_port}"
    secret_file = settings.var_dir / demo_facts.ROUTER_SECRET_FILE
    _say(f"radclient -x {target} auth   (as {customer.username}, from the router RB-Demo)")
    answer = subprocess.run(
        ["radclient", "-x", "-t", "3", "-r", "3", "-S", str(secret_file), target, "auth"],
        input=request, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    _, _, received = answer.stdout.partition("Received ")
    if "Access-Accept" not in received:
        raise click.ClickException(f"the login was not accepted: {answer.stdout}{answer.stderr}; see lintas doctor")
    for line in ("Received " + received).splitlines():
        _say("  " + line.strip())


def _use_data(connection: Connection, session: SessionHandle, customer: Login) -> None:
    before = _used_bytes(connection, customer)
    session.traffic(download_bytes=GIGABYTE, upload_bytes=GIGABYTE // 5)
    session.interim()
    after = _until(lambda: _grown(_used_bytes(connection, customer), before + GIGABYTE))
    _say("the router reported 1.2 GB of traffic")
    _say(f"usage of {customer.username} in this cycle: {_gigabytes(before)} -> {_gigabytes(after)}")


def _cross_the_limit(
    connection: Connection,
    router: SimulatedRouter,
    session: SessionHandle,
    customer: Login,
) -> None:
    session.traffic(download_bytes=DEMO_THRESHOLD_BYTES)
    began = time.monotonic()
    session.interim()
    router.wait_for_coa(1, timeout_seconds=WAIT_S)
    elapsed_ms = (time.monotonic() - began) * 1000
    _until(lambda: session.rate_limit == "1M/2M")
    used = _until(lambda: _grown(_used_bytes(connection, customer), DEMO_THRESHOLD_BYTES))
    _say(f"fair use: {_gigabytes(used)} used of {_gigabytes(DEMO_THRESHOLD_BYTES)}")
    _say(f"CoA: the router changed the session to {session.rate_limit} and acknowledged it, ")
    _say(f"     {elapsed_ms:.0f} ms after it had sent the accounting packet")


def _used_bytes(connection: Connection, customer: Login) -> int:
    usage = usage_of(connection, customer.subscription_id, datetime.now(UTC))
    return 0 if usage is None else usage.billing_cycle.download_bytes + usage.billing_cycle.upload_bytes


def _grown(value: int, least: int) -> int | None:
    return value if value >= least else None


def _until(condition: Callable[[], T | None]) -> T:
    """The first truthy answer within the deadline."""
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise click.ClickException(f"nothing happened within {WAIT_S:.0f} s; run: lintas doctor")
        time.sleep(0.02)


def _say_where(settings: Settings, known: Facts) -> None:
    _heading("Look around")
    _say(f"panel      http://{settings.panel_host}:{settings.panel_port}")
    _say(f"login      {known.staff_email}")
    _say(f"password   {known.staff_password}")
    _say("for scripts: .venv/bin/lintas demo info --json      stop everything: make stop")


def _heading(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def _say(text: str) -> None:
    click.echo(f"  {text}")


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.2f} GB"
