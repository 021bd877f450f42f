"""`lintas billing`: what a provider has decided about bills."""

import click

from cli.money import rules


@click.group()
def billing() -> None:
    """Billing: its rules."""


billing.add_command(rules)
