"""`lintas billing`: what a provider has decided about bills, and the runs that write them."""

import click

from cli.billing_profiles import bill, profile, suspend_date
from cli.billing_runs import COMMANDS
from cli.money import rules


@click.group()
def billing() -> None:
    """Billing: its rules and its runs."""


billing.add_command(rules)
for command in (*COMMANDS, profile, bill, suspend_date):
    billing.add_command(command)
