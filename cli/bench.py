"""`lintas bench`: this machine measured side by side with stock FreeRADIUS; only ratios are claims."""

import signal
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.output import emit, json_option, table

if TYPE_CHECKING:
    from benchmarks.verdict import Result

F = TypeVar("F", bound=Callable[..., object])
SECONDS, SUBSCRIBERS, ROUNDS = 5.0, 100_000, 3
CUSTOMERS = 20_000
LIVE_SESSIONS = 50_000


def _options(command: F) -> F:
    for option in (
        click.option(
            "--seconds", default=SECONDS, show_default=True, help="Length of a round.", type=click.FloatRange(1)
        ),
        click.option("--subscribers", default=SUBSCRIBERS, show_default=True, type=click.IntRange(100, 1_000_000)),
        click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1, 20)),
        json_option,
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def bench(context: click.Context) -> None:
    """Measure this machine side by side with stock FreeRADIUS; without a command, everything.

    Results go to var/bench. Ends with an error when a run was invalid (answers lost or refused, records missing or
    wrong), never because a ratio is low.
    """
    if context.invoked_subcommand is None:
        _run(("login", "accounting", "fup"), SECONDS, SUBSCRIBERS, ROUNDS)


@bench.command("login")
@_options
def login(seconds: float, subscribers: int, rounds: int) -> None:
    """Logins a second: ours, rlm_sql, no database at all."""
    _run(("login",), seconds, subscribers, rounds)


@bench.command("accounting")
@_options
def accounting(seconds: float, subscribers: int, rounds: int) -> None:
    """Accounting records a second, from packet to committed row, each counted once."""
    _run(("accounting",), seconds, subscribers, rounds)


@bench.command("fup")
@_options
def fup(seconds: float, subscribers: int, rounds: int) -> None:
    """How long from the packet that crosses a fair-use threshold to the CoA at the router."""
    _run(("fup",), seconds, subscribers, rounds)


@bench.command("all")
@_options
def everything(seconds: float, subscribers: int, rounds: int) -> None:
    """All of them, on one installation."""
    _run(("login", "accounting", "fup"), seconds, subscribers, rounds)


@bench.command("storm")
@click.option("--customers", default=CUSTOMERS, show_default=True, type=click.IntRange(100, 65_000))
@json_option
def storm(customers: int) -> None:
    """How long until all customers are online who dial at the same moment, after a power cut."""
    _report(lambda: [_module("reconnect").run(customers=customers, say=_say)])


@bench.command("live-change")
@click.option("--sessions", default=LIVE_SESSIONS, show_default=True, type=click.IntRange(2_000, 500_000))
@json_option
def live_change(sessions: int) -> None:
    """A plan's speed changed for very many live sessions on 20 routers, 2 of them dead, while staff click."""
    _report(lambda: _module("live_change").run(number=sessions, say=_say))


@bench.command("million")
@click.option("--subscribers", default=1_000_000, show_default=True, type=click.IntRange(20_000, 4_000_000))
@click.option("--seconds", default=SECONDS, show_default=True, help="Length of a round.", type=click.FloatRange(1))
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1, 20))
@json_option
def million(subscribers: int, seconds: float, rounds: int) -> None:
    """A million subscribers beside ten thousand: first login of a cold start, rate, memory."""
    _report(lambda: [_module("million").run(many=subscribers, seconds=seconds, rounds=rounds, say=_say)])


@bench.command("customers")
@click.option("--customers", default=1_000_000, show_default=True, type=click.IntRange(1_000, 4_000_000))
@click.option("--asked", default=20, show_default=True, help="How often each is asked.", type=click.IntRange(2))
@json_option
def customers(customers: int, asked: int) -> None:
    """How long a search among a million customers takes, and a thousand new ones in one job."""
    _report(lambda: [_module("customers").run(customers=customers, asked=asked, say=_say)])


@bench.command("panel")
@click.option("--customers", default=100_000, show_default=True, type=click.IntRange(1_000, 1_000_000))
@click.option("--online", default=20_000, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--asked", default=20, show_default=True, help="How often each page is opened.", type=click.IntRange(2))
@json_option
def panel(customers: int, online: int, asked: int) -> None:
    """How long each page of the panel takes with very many customers, and until a browser first paints."""
    _report(lambda: [_module("panel").run(customers=customers, online=online, asked=asked, say=_say)])


@bench.command("history")
@click.option("--rows", default=50_000_000, show_default=True, type=click.IntRange(60_000, 500_000_000))
@click.option(
    "--asked", default=200, show_default=True, help="How often each question is asked.", type=click.IntRange(20)
)
@json_option
def history(rows: int, asked: int) -> None:
    """How long one customer's history and the holder of an address take in a table of five years."""
    _report(lambda: [_module("history").run(rows=rows, asked=asked, say=_say)])


@bench.command("billing")
@click.option("--subscriptions", default=100_000, show_default=True, type=click.IntRange(1_000, 2_000_000))
@json_option
def billing(subscriptions: int) -> None:
    """A night: so many subscriptions invoiced, a tenth of them paid from balances."""
    _report(lambda: [_module("billing").run(number=subscriptions, say=_say)])


def _run(names: tuple[str, ...], seconds: float, subscribers: int, rounds: int) -> None:
    _report(
        lambda: _module("suite").run(names, seconds=seconds, subscribers=subscribers, rounds=rounds, say=_say),
    )


def _module(name: str) -> Any:
    try:
        return import_module(f"benchmarks.{name}")
    except ModuleNotFoundError:
        raise click.ClickException("measurements need a checkout, with tests/benchmarks in it") from None


def _report(measure: Callable[[], Iterable["Result"]]) -> None:
    failures = _module("suite").FAILURES
    # Whoever ends this by a signal gets its servers ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = []
    try:
        for result in measure():
            results.append(result)
            _say("\n".join(["", *_lines(result), ""]))
    except failures as error:
        raise click.ClickException(str(error)) from None
    emit({result.name: result.values | {"invalid": result.invalid} for result in results}, _last_lines(results))
    sys.exit(1 if any(result.invalid for result in results) else 0)


def _say(text: str) -> None:
    # Progress goes where it does not spoil the JSON.
    click.echo(text, err=True)


def _lines(result: "Result") -> list[str]:
    return [
        *table(result.rows, result.head),
        *(f"  {remark}" for remark in result.remarks),
        *(f"  INVALID: {problem}" for problem in result.invalid),
    ]


def _last_lines(results: list["Result"]) -> list[str]:
    lines = [line for result in results for line in [result.name.upper(), *_lines(result), ""]]
    return [*lines, "Results with every round: var/bench/*.json. Ratios are claims; absolute rates are this machine's."]
