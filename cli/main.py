"""The `lintas` command. Loads a command's code only when that command is run, so help is quick."""

import importlib
import importlib.util
import sys
from dataclasses import dataclass

import click

from cli.output import json_option


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where a command's code is, and its line in the help."""

    target: str
    help: str


COMMANDS = {
    "up": Entry(target="cli.stack:up", help="Start everything and keep it running."),
    "stop": Entry(target="cli.stack:stop", help="Stop what 'up' started."),
    "status": Entry(target="cli.stack:status", help="Say what runs and whether it is healthy."),
    "run": Entry(target="cli.stack:run", help="Become one of the processes, for systemd and containers."),
    "doctor": Entry(target="cli.doctor:doctor", help="Check the installation, or a customer's connection."),
    "alarms": Entry(target="cli.alarms:alarms", help="What is wrong with the installation now."),
    "metrics": Entry(target="cli.alarms:metrics", help="The installation in numbers, for Prometheus."),
    "retention": Entry(target="cli.retention:retention", help="How many months of records are kept."),
    "archive": Entry(target="cli.retention:archive", help="Months that left the live tables, and back again."),
    "setup": Entry(target="cli.setup:setup", help="Make the provider and its first administrator."),
    "migrate": Entry(target="cli.stack:migrate", help="Bring the database to the newest schema."),
    "demo": Entry(target="cli.demo:demo", help="A small provider to look at, with logins and accounting."),
    "collect": Entry(target="cli.collect:collect", help="Move accounting records from the spool to the database."),
    "coa": Entry(target="cli.coa:coa", help="Changes on their way to live sessions."),
    "jobs": Entry(target="cli.jobs:jobs", help="Background jobs: when they ran, and one run by hand."),
    "simulate": Entry(target="cli.simulate:simulate", help="A MikroTik router that logs in and reports traffic."),
    "nas": Entry(target="cli.business:nas", help="Routers."),
    "customer": Entry(target="cli.business:customer", help="Customers."),
    "operator": Entry(target="cli.business:operator", help="Resellers, their staff, and customers who change hands."),
    "blacklist": Entry(target="cli.business:blacklist", help="Devices that may use nothing."),
    "subscription": Entry(target="cli.business:subscription", help="Subscriptions: create, suspend, resume, change."),
    "plan": Entry(target="cli.business:plan", help="Plans and their fair-use tiers."),
    "attributes": Entry(target="cli.business:known", help="RADIUS attributes that can be written by hand."),
    "accounting": Entry(
        target="cli.accounting:accounting", help="What became of accounting packets; records put aside."
    ),
    "sessions": Entry(target="cli.business:sessions", help="Who is online, and past sessions."),
    "quota": Entry(target="cli.business:quota_group", help="Allowances of volume and time, and what is left."),
    "topup": Entry(target="cli.business:topup", help="More volume or time for a subscription."),
    "family": Entry(target="cli.business:family", help="Subscriptions that use one allowance together."),
    "address": Entry(target="cli.history:address", help="Who had an address at a time."),
    "usage": Entry(target="cli.business:usage", help="Traffic by day and period."),
    "invoice": Entry(target="cli.business:invoice", help="Invoices: write, issue, cancel, pay."),
    "payment": Entry(target="cli.business:payment", help="Payments: record, refund, take back."),
    "expense": Entry(target="cli.books:expense", help="What the provider spends."),
    "books": Entry(target="cli.books:books", help="Trial balance, and the journal as a file."),
    "billing": Entry(target="cli.billing:billing", help="Billing: its rules and its runs."),
    "garden": Entry(target="cli.business:garden", help="Walled gardens, for who would be refused."),
    "provider": Entry(target="cli.business:provider", help="The provider's own settings."),
    "voucher": Entry(
        target="cli.business:voucher", help="Codes that log in at a hotspot, or are money: make, print, sell, redeem."
    ),
    "certificate": Entry(target="cli.certificates:certificate", help="Certificates of 802.1X (WPA-Enterprise)."),
    "token": Entry(target="cli.business:token", help="API tokens."),
    "webhook": Entry(target="cli.webhooks:webhook", help="Programs that are told what happens."),
    "user": Entry(target="cli.business:user", help="Staff accounts."),
    "role": Entry(target="cli.roles:role", help="What members of staff may do, by role."),
    "audit": Entry(target="cli.audit:audit", help="Who did what, and whether the log is as it was written."),
    "explain": Entry(target="cli.explain:explain", help="Why a login is let in or refused, now or at another time."),
    "replay": Entry(target="cli.explain:replay", help="Recorded decisions made again by the rules of now."),
    "bench": Entry(target="cli.bench:bench", help="Measure this machine against stock FreeRADIUS with SQL."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else _load(entry.target)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _load(target: str) -> click.Command:
    module_name, _, attribute = target.partition(":")
    if importlib.util.find_spec(module_name) is None:
        raise click.ClickException(f"this installation was built without {module_name}")
    command = getattr(importlib.import_module(module_name), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{target} is not a command")
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@json_option
@click.version_option(package_name="lintas", prog_name="lintas")
def root() -> None:
    """Lintas: logins, speeds, accounting and business of an internet provider on MikroTik routers."""


def main() -> None:
    """The entry point: errors that a person can mend are one line, not a traceback."""
    try:
        root(prog_name="lintas")
    except Exception as error:
        explained = _explain(error)
        if explained is None:
            raise
        click.echo(f"Error: {explained}", err=True)
        sys.exit(1)


def _explain(error: Exception) -> str | None:
    """What to do about an error of the installation; None for an error of the program."""
    # Compared by name, so that a command that needs no database does not load its driver.
    names = {f"{cls.__module__}.{cls.__name__}" for cls in type(error).__mro__}
    if names & {"psycopg.OperationalError", "sqlalchemy.exc.OperationalError"}:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        return f"the database does not answer ({reason}). Run 'lintas doctor'."
    if isinstance(error, PermissionError):
        return f"{error}. Run it as the user who started it first, or as root."
    if names & _OWN_ERRORS:
        return str(error)
    return None


_OWN_ERRORS = {
    "runtime.settings.SettingsError",
    "runtime.postgres.PostgresError",
    "runtime.redis.RedisError",
    "runtime.freeradius.FreeradiusError",
    "runtime.freeradius.RenderError",
    "runtime.supervisor.AlreadyRunningError",
    "runtime.supervisor.StartError",
    "runtime.ports.NoFreePortError",
    "db.crypto.UnsafeKeysFile",
}


if __name__ == "__main__":
    main()
