"""`lintas provider`: what holds for all subscriptions of a provider."""

from typing import Any

import click

from bss import provider as use
from cli.output import json_option
from cli.work import show_fields, tenant_option, work
from db.models import Tenant


@click.group()
def provider() -> None:
    """The provider's own settings."""


@provider.command("show")
@tenant_option
@json_option
def show_provider(tenant: str | None) -> None:
    """What is set."""
    with work(tenant) as job:
        show_fields(_shown(use.own(job.session, actor=job.actor)))


@provider.command("usernames")
@click.argument("rule", type=click.Choice(["exact", "ignore-case"]))
@tenant_option
@json_option
def set_usernames(rule: str, tenant: str | None) -> None:
    """Whether upper and lower case of usernames count.

    With ignore-case "Budi" and "budi" are one: every username is stored in lower case from then on, and logins may come
    in either. Going back to exact leaves the names as they are then.
    """
    with work(tenant) as job:
        show_fields(_shown(job.do(use.set_usernames_ignore_case, ignore_case=rule == "ignore-case")))


def _shown(row: Tenant) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "slug", "timezone", "currency", "usernames_ignore_case")}
