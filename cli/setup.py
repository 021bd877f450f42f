"""`lintas setup`, and what an upgrade gives to standing roles."""

from datetime import UTC, datetime

import click

from bss import setup as use
from bss.failure import Failure
from bss.permissions import ROLES
from cli.output import emit, json_option
from db.engine import one_session
from db.models import Role
from runtime.settings import get_settings


@click.command()
@click.option("--name", required=True, help="The provider, as customers know it.")
@click.option("--admin-email", required=True, help="The first administrator signs in with it.")
@click.option("--admin-name", default="Administrator", show_default=True)
@click.option("--timezone", default="Asia/Jakarta", show_default=True, help="Where its days begin.")
@click.option("--currency", default="IDR", show_default=True, help="Three letters; final with the first amount booked.")
@click.option("--language", default="en", show_default=True, type=click.Choice(["en", "id"]))
@json_option
def setup(name: str, admin_email: str, admin_name: str, timezone: str, currency: str, language: str) -> None:
    """Make the provider, the standing roles and the first administrator.

    The administrator's password is made and shown once. Where there is a provider already nothing is made.
    """
    try:
        with one_session(get_settings().database_url) as session:
            done = use.set_up(
                session, now=datetime.now(UTC), tenant_name=name, admin_email=admin_email, admin_name=admin_name,
                timezone=timezone, currency=currency, language=language,
            )  # fmt: skip
            told = {
                "provider": done.tenant.name, "slug": done.tenant.slug, "is_new": done.admin_password is not None,
                "admin_email": done.admin_email, "admin_password": done.admin_password,
            }  # fmt: skip
            session.commit()
    except Failure as refusal:
        raise click.ClickException("; ".join(problem.sentence() for problem in refusal.problems)) from None
    emit(told, _sentence(told).splitlines())


def renew_roles(url: str) -> None:
    """Give standing roles what is new, and say what was left to staff."""
    with one_session(url) as session:
        before = {row.name: set(row.permissions) for row in use.standing_roles(session)}
        rows = use.ensure_roles(session)
        click.echo("\n".join(_told(rows, before)), nl=bool(_told(rows, before)))
        session.commit()


def _told(rows: list[Role], before: dict[str, set[str]]) -> list[str]:
    gained = {row.name: sorted(set(row.permissions) - before[row.name]) for row in rows if row.name in before}
    lines = [f"role {name}: may also {', '.join(codes)}" for name, codes in gained.items() if codes]
    for name, lacking in use.changed_by_staff(rows).items():
        if lacking:
            lines.append(f"role {name} was changed by staff and stays so; new since: {', '.join(lacking)}")
    return lines


def _sentence(told: dict[str, object]) -> str:
    if not told["is_new"]:
        return f"There is a provider already: {told['provider']}. Nothing was made."
    roles = ", ".join(ROLES)
    return (
        f"Made {told['provider']} with the roles {roles}.\n"
        f"Sign in as {told['admin_email']} with the password {told['admin_password']} (shown once)."
    )
