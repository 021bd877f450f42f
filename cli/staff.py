"""`lintas user`, `lintas token`: staff, help for those who cannot sign in, and API tokens."""

from datetime import timedelta
from typing import Any

import click

from bss import tokens
from bss.permissions import PERMISSIONS
from bss.staff import password_links, second_factor, staff_sessions, users
from cli.output import emit, json_option, table
from cli.work import Work, show_result, tenant_option, work
from db.models import ApiToken, User
from db.queries.staff import find_user_by_email, list_tokens, list_users
from runtime.settings import get_settings


@click.group()
def user() -> None:
    """Staff; one is named by the e-mail address."""


@user.command("list")
@tenant_option
@json_option
def list_staff(tenant: str | None) -> None:
    """Everybody who may sign in."""
    with work(tenant) as job:
        rows = [_user(row) for row in list_users(job.session, tenant_id=job.tenant_id)]
    head = ("id", "email", "name", "roles", "active")
    emit(rows, table([[row[name] for name in head] for row in rows], head))


@user.command("add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", "roles", multiple=True, required=True, help="May be given more than once.")
@click.option("--language", default="en", show_default=True, type=click.Choice(users.LANGUAGES))
@tenant_option
@json_option
def add_user(email: str, name: str, roles: tuple[str, ...], language: str, tenant: str | None) -> None:
    """Add a member of staff; the password is made and shown once."""
    with work(tenant) as job:
        issued = job.do(users.create_staff, name=name, email=email, roles=roles, language=language)
    show_result("Added", issued, id=issued.row.id)


@user.command("reset-password")
@click.argument("email")
@tenant_option
@json_option
def reset_password(email: str, tenant: str | None) -> None:
    """Make a new password and end the user's sessions at the panel."""
    with work(tenant) as job:
        result = job.do(users.reset_password, user_id=_user_of(job, email).id)
    show_result("Password changed", result)


@user.command("set-roles")
@click.argument("email")
@click.option("--role", "roles", multiple=True, required=True, help="May be given more than once.")
@tenant_option
@json_option
def set_roles(email: str, roles: tuple[str, ...], tenant: str | None) -> None:
    """Give other roles in place of the present ones; the user's sessions end."""
    with work(tenant) as job:
        result = job.do(users.set_roles, user_id=_user_of(job, email).id, roles=roles)
    show_result("Roles changed", result)


@user.command("reset-link")
@click.argument("email")
@tenant_option
@json_option
def reset_link(email: str, tenant: str | None) -> None:
    """Make a link with which the user sets a new password, once, within a day."""
    settings = get_settings()
    with work(tenant) as job:
        issued = job.do(password_links.make, user_id=_user_of(job, email).id)
    base = settings.public_url.rstrip("/") or f"http://{settings.panel_host}:{settings.panel_port}"
    shown = {"url": f"{base}/set-password#{issued.secret}", "expires_at": issued.row.expires_at.isoformat()}
    emit(shown, [shown["url"], f"It sets the password of {email} once, until {shown['expires_at']}."])


@user.command("sessions")
@click.argument("email")
@tenant_option
@json_option
def list_sessions(email: str, tenant: str | None) -> None:
    """Where the user is signed in at the panel."""
    with work(tenant) as job:
        found = staff_sessions.list_open(job.session, user_id=_user_of(job, email).id, now=job.now)
    head = ("id", "ip", "proved_by", "begun_at", "last_seen_at", "agent")
    rows = [{name: getattr(one, name) for name in head} for one in found]
    emit(rows, table([[row[name] or "" for name in head] for row in rows], head))


@user.command("end-sessions")
@click.argument("email")
@click.option("--session", "session_id", type=click.IntRange(1, 2**63 - 1), help="Only this one.")
@tenant_option
@json_option
def end_sessions(email: str, session_id: int | None, tenant: str | None) -> None:
    """End the user's sessions at the panel, at once."""
    with work(tenant) as job:
        owner = _user_of(job, email)
        if session_id is None:
            ended = job.do(staff_sessions.end_all, user_id=owner.id)
        else:
            ended = job.do(staff_sessions.end, user_id=owner.id, session_id=session_id)
    emit({"ended": ended}, [f"{ended} ended."])


@user.command("remove-second-factor")
@click.argument("email")
@tenant_option
@json_option
def remove_second_factor(email: str, tenant: str | None) -> None:
    """For a user who lost them: take app, passkeys and recovery codes away."""
    with work(tenant) as job:
        result = job.do(second_factor.remove_all, user_id=_user_of(job, email).id)
    show_result("Second factors taken away", result)


@user.command("deactivate")
@click.argument("email")
@tenant_option
@json_option
def deactivate_user(email: str, tenant: str | None) -> None:
    """Shut a member of staff out, tokens included."""
    with work(tenant) as job:
        result = job.do(users.deactivate, user_id=_user_of(job, email).id)
    show_result("Deactivated", result)


@user.command("reactivate")
@click.argument("email")
@tenant_option
@json_option
def reactivate_user(email: str, tenant: str | None) -> None:
    """Let a member of staff in again."""
    with work(tenant) as job:
        result = job.do(users.reactivate, user_id=_user_of(job, email).id)
    show_result("Reactivated", result)


@click.group()
def token() -> None:
    """API tokens."""


@token.command("list")
@tenant_option
@json_option
def list_all_tokens(tenant: str | None) -> None:
    """Every token, newest first; never the secret."""
    with work(tenant) as job:
        rows = [_token(row) for row in list_tokens(job.session, tenant_id=job.tenant_id)]
    head = ("id", "prefix", "name", "owner", "expires_at", "last_used_at", "revoked_at")
    emit(rows, table([[row[name] or "" for name in head] for row in rows], head))


@token.command("add")
@click.argument("name")
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whose token it is.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(sorted(PERMISSIONS)), help="None gives all.")
@click.option("--days", type=click.IntRange(1, 3650), help="It ends after so many days.")
@tenant_option
@json_option
def add_token(name: str, email: str, scopes: tuple[str, ...], days: int | None, tenant: str | None) -> None:
    """Make a token called NAME; it is shown once."""
    with work(tenant) as job:
        owner = _user_of(job, email)
        issued = job.do(
            tokens.create,
            user_id=owner.id,
            name=name,
            scopes=scopes or sorted(users.permissions_of(owner)),
            expires_at=None if days is None else job.now + timedelta(days=days),
        )
    show_result("Made", issued, id=issued.row.id)


@token.command("revoke")
@click.argument("token_id", type=click.IntRange(1, 2**63 - 1))
@tenant_option
@json_option
def revoke_token(token_id: int, tenant: str | None) -> None:
    """End a token at once."""
    with work(tenant) as job:
        result = job.do(tokens.revoke, token_id=token_id)
    show_result("Revoked", result)


def _user_of(job: Work, email: str) -> User:
    return job.found(find_user_by_email(job.session, email), "member of staff")


def _user(row: User) -> dict[str, Any]:
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "roles": ", ".join(role.name for role in row.roles),
        "active": row.active,
    }


def _token(row: ApiToken) -> dict[str, Any]:
    moments = {name: getattr(row, name) for name in ("expires_at", "last_used_at", "revoked_at")}
    return {
        "id": row.id,
        "prefix": row.prefix,
        "name": row.name,
        "owner": row.user.email,
        "scopes": row.scopes,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
    }
