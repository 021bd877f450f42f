"""`lintas subscription fup`: fair use put on or lifted by hand."""

import click

from bss import fair_use_by_hand
from cli.output import json_option
from cli.work import show_result, tenant_option, work
from db.queries.named import subscription_named


@click.group("fup")
@json_option
def fup() -> None:
    """Fair use by hand, until the running period is over."""


@fup.command("activate")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--tier", type=click.IntRange(1, 100), help="Which tier; without it the one its usage says.")
@click.option("--override", is_flag=True, help="Also when less than the tier's threshold is used.")
@tenant_option
@json_option
def activate(name: str, tier: int | None, override: bool, tenant: str | None) -> None:
    """Slow a subscription by a tier of its plan."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        result = job.do(fair_use_by_hand.activate, subscription_id=row.id, tier=tier, override=override)
    show_result("Slowed", result)


@fup.command("lift")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def lift(name: str, tenant: str | None) -> None:
    """Give the full speed back, whatever is used."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        result = job.do(fair_use_by_hand.lift, subscription_id=row.id)
    show_result("Lifted", result)
