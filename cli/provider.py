"""`lintas provider`: what holds for all subscriptions of a provider."""

from dataclasses import asdict
from typing import Any

import click

from bss import provider as use
from cli.output import json_option
from cli.work import Work, show_fields, tenant_option, work
from domain.provider_settings import NAMES


@click.group()
def provider() -> None:
    """The provider's own settings."""


@provider.command("show")
@tenant_option
@json_option
def show_provider(tenant: str | None) -> None:
    """What is set."""
    with work(tenant) as job:
        show_fields(_shown(job))


@provider.command("set")
@click.argument("name", type=click.Choice(sorted(use.EDITABLE)))
@click.argument("value")
@tenant_option
@json_option
def set_value(name: str, value: str, tenant: str | None) -> None:
    """Set NAME to VALUE ("yes", "no", a number, a word, or "none" to lift a bound)."""
    with work(tenant) as job:
        job.do(use.change, changes={name: _read(name, value)})
        show_fields(_shown(job))


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
        job.do(use.set_usernames_ignore_case, ignore_case=rule == "ignore-case")
        show_fields(_shown(job))


def _read(name: str, value: str) -> Any:
    if name not in NAMES:
        return value
    words = {"yes": True, "true": True, "no": False, "false": False, "none": None}
    return words[value.lower()] if value.lower() in words else int(value) if value.isdigit() else value


def _shown(job: Work) -> dict[str, Any]:
    own = use.own(job.session, actor=job.actor)
    names = ("name", "slug", "timezone", "currency", "locale", "country_code", "usernames_ignore_case")
    return {name: getattr(own, name) for name in names} | asdict(use.settings_of(job.session, actor=job.actor))
