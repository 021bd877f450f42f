"""`lintas nas`, `lintas plan`, `lintas sessions`."""

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from bss import nas as routers
from bss import plans
from bss import sessions as running
from bss.plan_fields import burst_fields
from bss.router_api import access
from bss.router_api.removal import Removal
from cli.allowance_text import HOURS, QUOTA, hours, quota, reader
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, newest, show_fields, show_list, show_result, tenant_option, work
from db.models import NasServer, RadAcct, ServicePlan
from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES
from db.queries.lists import (
    PlanFilter,
    SessionFilter,
    page_of_nas,
    page_of_plans,
    page_of_sessions,
    subscribers_by_plan,
)
from db.queries.named import nas_named, plan_named
from domain.access import NAS_TYPES
from domain.customer_record import CUSTOMER_TYPES
from runtime.settings import get_settings
from runtime.tasks import nudge_routers


@click.group()
def nas() -> None:
    """Routers; one is named by its name, address or id."""


@nas.command("list")
@click.option("--search", help="Part of name or address.")
@limit_option
@tenant_option
@json_option
def list_nas(search: str | None, limit: int, tenant: str | None) -> None:
    """Routers by name; without any, the one that the settings name, as "environment"."""
    with work(tenant) as job:
        wanted = newest(limit, "name")
        page = page_of_nas(job.session, tenant_id=job.tenant_id, search=search, is_active=None, wanted=wanted)
        borrowed = access.environment_router(job.session, actor=job.actor)
        rows = [_nas(row) for row in ([borrowed] if borrowed is not None else page.items)]
    head = ("id", "name", "host", "routeros_version", "coa_port", "is_active", "status")
    show_list(page, rows, lambda: table([[row[name] for name in head] for row in rows], head))


@nas.command("show")
@click.argument("name", metavar="ROUTER")
@tenant_option
@json_option
def show_nas(name: str, tenant: str | None) -> None:
    """One router; its secret is not shown."""
    with work(tenant) as job:
        show_fields(_nas(shown_nas(job, name)))


@nas.command("add")
@click.argument("name")
@click.argument("host")
@click.option("--type", default="mikrotik", show_default=True, type=click.Choice(NAS_TYPES), help="Who made it.")
@click.option("--routeros", "routeros_version", default=7, show_default=True, type=click.Choice([6, 7]))
@click.option("--coa-port", default=3799, show_default=True, type=click.IntRange(1, 65535))
@click.option("--location", default="")
@click.option("--secret-file", type=click.File(), help="File with its secret; without it one is made and shown.")
@tenant_option
@json_option
def add_nas(name: str, host: str, secret_file: Any, tenant: str | None, **given: Any) -> None:
    """Add the router NAME that sends from the address HOST."""
    with work(tenant) as job:
        secret = None if secret_file is None else secret_file.read().strip()
        issued = job.do(routers.create, name=name, host=host, radius_secret=secret, **given)
    show_result("Added", issued, id=issued.row.id)


@nas.command("set-type")
@click.argument("name", metavar="ROUTER")
@click.argument("maker", metavar="TYPE", type=click.Choice(NAS_TYPES))
@tenant_option
@json_option
def set_type(name: str, maker: str, tenant: str | None) -> None:
    """Say who made a router: its logins are answered in attributes that it knows."""
    with work(tenant) as job:
        result = job.do(routers.edit, nas_id=nas_of(job, name).id, changes={"type": maker})
    show_result("Saved", result)


@nas.command("script")
@click.argument("name", metavar="ROUTER")
@click.option("--server", required=True, metavar="ADDRESS", help="Where the router reaches this installation.")
@tenant_option
@json_option
def script(name: str, server: str, tenant: str | None) -> None:
    """The commands to paste into a router; they hold its secret."""
    settings = get_settings()
    with work(tenant) as job:
        text = routers.script_of(
            nas_of(job, name),
            server_address=server,
            auth_port=settings.radius_auth_port,
            acct_port=settings.radius_acct_port,
        )
    emit({"script": text}, text.splitlines())


@nas.command("change-secret")
@click.argument("name", metavar="ROUTER")
@tenant_option
@json_option
def change_secret(name: str, tenant: str | None) -> None:
    """Give a router a new secret; until it is pasted there, its logins fail."""
    with work(tenant) as job:
        result = job.do(routers.change_secret, nas_id=nas_of(job, name).id)
    show_result("Secret changed", result)


@nas.command("deactivate")
@click.argument("name", metavar="ROUTER")
@click.option("--take-secrets", is_flag=True, help="Also take customers' names and passwords from the router.")
@tenant_option
@json_option
def deactivate_nas(name: str, take_secrets: bool, tenant: str | None) -> None:
    """Stop answering a router; whom it knows by itself it goes on letting in, unless they are taken from it."""
    with work(tenant) as job:
        result = job.do(routers.deactivate, nas_id=nas_of(job, name).id, take_secrets=take_secrets)
    nudge_routers()
    show_result("Deactivated", result)


@nas.command("reactivate")
@click.argument("name", metavar="ROUTER")
@tenant_option
@json_option
def reactivate_nas(name: str, tenant: str | None) -> None:
    """Answer a router again."""
    with work(tenant) as job:
        result = job.do(routers.reactivate, nas_id=nas_of(job, name).id)
    nudge_routers()
    show_result("Reactivated", result)


@nas.command("delete")
@click.argument("name", metavar="ROUTER")
@click.option("--leave-secrets", is_flag=True, help="Remove it at once, and leave on it what we wrote there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@tenant_option
@json_option
def delete_nas(name: str, leave_secrets: bool, yes: bool, tenant: str | None) -> None:
    """Remove a router that nothing uses.

    Where names and passwords of ours are on it, it is switched off and ordered to give them up first, and is removed
    when they are gone; see how far it is with 'lintas nas removal ROUTER'.
    """
    with work(tenant) as job:
        nas_id = nas_of(job, name).id
        before = routers.removal_of(job.session, actor=job.actor, nas_id=nas_id)
        if not yes:
            click.confirm(_question(before, leave=leave_secrets), abort=True, err=True)
        told = job.do(routers.delete, nas_id=nas_id, leave_secrets=leave_secrets)
        shown, lines = _removal(told), _removal_lines(told)
    nudge_routers()
    emit(shown, lines)


@nas.command("removal")
@click.argument("name", metavar="ROUTER")
@tenant_option
@json_option
def show_removal(name: str, tenant: str | None) -> None:
    """What of ours is on a router, and how far its removal is."""
    with work(tenant) as job:
        told = routers.removal_of(job.session, actor=job.actor, nas_id=nas_of(job, name).id)
        shown, lines = _removal(told), _removal_lines(told)
    emit(shown, lines)


def _question(before: Removal, *, leave: bool) -> str:
    if not before.secrets:
        return f"Remove {before.router.name}?"
    what = "They stay on it, and it goes on letting them in" if leave else "It gives them up first"
    return f"{before.secrets} names and passwords of ours are on {before.router.name}. {what}. Remove it?"


def _removal(told: Removal) -> dict[str, Any]:
    words = ("is_removed", "is_asked", "secrets", "waiting", "failed", "problem")
    return {"id": told.router.id} | {word: getattr(told, word) for word in words} | {"names": list(told.names)}


def _removal_lines(told: Removal) -> list[str]:
    if told.is_removed:
        state = f"{told.router.name} is removed"
        more = f"; these stay on it, {told.secrets} in all:" if told.secrets else "."
        return [state + more, *told.names]
    if not told.is_asked:
        return [f"{told.secrets} names and passwords of ours are on {told.router.name}:", *told.names]
    counts = f"{told.secrets} of ours are still on it: {told.waiting} ordered away, {told.failed} given up"
    said = [f"The router said: {told.problem}"] if told.problem else []
    mend = "Without waiting: lintas nas delete ROUTER --leave-secrets. To keep it: lintas nas reactivate ROUTER."
    return [f"{told.router.name} is switched off and goes when it has nothing of ours.", counts, *said, mend]


def _price(_context: click.Context, _option: click.Parameter, given: str | None) -> Decimal | None:
    try:
        price = None if given is None else Decimal(given)
    except InvalidOperation:
        price = Decimal("NaN")
    if price is not None and not price.is_finite():
        raise click.BadParameter("write an amount such as 150000")
    return price


def _features(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    pairs = (text.partition("=") for text in given)
    return {name: value if sign else True for name, sign, value in pairs}


@click.group()
def plan() -> None:
    """Service plans; one is named by its short name or id."""


@plan.command("list")
@click.option("--all", "everything", is_flag=True, help="Also plans that are no longer sold.")
@click.option("--search", help="Part of name or short name.")
@click.option("--popular", is_flag=True, help="Only those that are recommended.")
@click.option("--type", "connection_type", type=click.Choice(CONNECTION_TYPES))
@click.option("--for", "customer_type", type=click.Choice(CUSTOMER_TYPES), help="For this kind of customer.")
@click.option("--price-min", callback=_price)
@click.option("--price-max", callback=_price)
@limit_option
@tenant_option
@json_option
def list_plans(everything: bool, popular: bool, limit: int, tenant: str | None, **given: Any) -> None:
    """Plans by name."""
    with work(tenant) as job:
        fits = PlanFilter(is_active=None if everything else True, is_popular=popular or None, **given)
        page = page_of_plans(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "name"))
        counts = subscribers_by_plan(job.session, [row.id for row in page.items])
        rows = [_plan(row) | {"customers": counts.get(row.id, 0)} for row in page.items]
    head = ("id", "slug", "name", "price", "download_kbps", "upload_kbps", "customers", "is_active", "is_popular")
    show_list(page, rows, lambda: table([[row[name] for name in head] for row in rows], head))


@plan.command("show")
@click.argument("name", metavar="PLAN")
@tenant_option
@json_option
def show_plan(name: str, tenant: str | None) -> None:
    """One plan, with what it sends to the router and whom it concerns."""
    with work(tenant) as job:
        row = plan_of(job, name)
        reach = plans.reach(job.session, actor=job.actor, plan_id=row.id)
        show_fields(_plan(row) | {"subscribers": reach.subscribers, "online": reach.online})


@plan.command("add")
@click.argument("name")
@click.option("--down", "download_kbps", required=True, type=int, help="Download in kbit/s; 0 is unlimited.")
@click.option("--up", "upload_kbps", required=True, type=int, help="Upload in kbit/s; 0 is unlimited.")
@click.option("--least-down", "min_download_kbps", type=int, help="Guaranteed download in kbit/s (limit-at).")
@click.option("--least-up", "min_upload_kbps", type=int, help="Guaranteed upload in kbit/s.")
@click.option("--price", default="0", show_default=True)
@click.option("--type", "connection_type", type=click.Choice(CONNECTION_TYPES))
@click.option("--slug")
@click.option("--description")
@click.option("--setup-fee")
@click.option("--billing-cycle", type=click.Choice(BILLING_CYCLES))
@click.option("--validity-days", type=click.IntRange(1, 3650), help="How long a custom cycle is.")
@click.option("--grace-days", "grace_period_days", type=click.IntRange(0, 365))
@click.option("--contract-months", "contract_period_months", type=click.IntRange(0, 120))
@click.option("--early-end-fee", help="Billed when it is ended or lowered within the contract.")
@click.option("--for", "customer_types", multiple=True, type=click.Choice(CUSTOMER_TYPES), help="For whom it is.")
@click.option("--feature", "features", multiple=True, metavar="NAME[=TEXT]", callback=_features)
@click.option("--popular", "is_popular", is_flag=True, help="Recommended where plans are shown.")
@click.option("--burst", metavar="'15M/15M 10M/10M 5/5'", help="Rate, threshold and seconds as on the router.")
@click.option("--fup-gb", type=click.FloatRange(min=0, min_open=True), help="One fair-use tier: past so many GB …")
@click.option("--fup-percent", type=click.IntRange(1, 99), help="… the speed falls by so many percent.")
@click.option("--hours", "time_windows", multiple=True, metavar=HOURS, callback=reader(hours), help="When it is open.")
@click.option("--quota", "quotas", multiple=True, metavar=QUOTA, callback=reader(quota), help="An allowance.")
@tenant_option
@json_option
def add_plan(name: str, fup_gb: float | None, fup_percent: int | None, tenant: str | None, **given: Any) -> None:
    """Add a plan called NAME."""
    if (fup_gb is None) != (fup_percent is None):
        raise click.UsageError("--fup-gb and --fup-percent go together")
    values = {"name": name} | {key: value for key, value in given.items() if value is not None}
    if fup_gb is not None:
        values["fup_rules"] = [{"threshold_bytes": int(fup_gb * 10**9), "reduction_percent": fup_percent}]
    with work(tenant) as job:
        burst = values.pop("burst", None)
        data = _plan(job.do(plans.create, values=values | ({} if burst is None else burst_fields(burst))))
    emit(data, [f"{data['slug']}  {data['name']} (id {data['id']})"])


@plan.command("starters")
@tenant_option
@json_option
def add_starters(tenant: str | None) -> None:
    """Add the four plans that many providers begin with, where there is none yet."""
    with work(tenant) as job:
        rows = [_plan(row) for row in job.do(plans.add_starters)]
    emit({"items": rows}, [f"{row['slug']}  {row['price']}" for row in rows])


@plan.command("copy")
@click.argument("name", metavar="PLAN")
@click.argument("new_name", metavar="NEW-NAME")
@tenant_option
@json_option
def copy_plan(name: str, new_name: str, tenant: str | None) -> None:
    """Add a plan called NEW-NAME that is like PLAN; 'plan edit' changes it from there."""
    with work(tenant) as job:
        data = _plan(job.do(plans.copy, plan_id=plan_of(job, name).id, name=new_name))
    emit(data, [f"{data['slug']}  {data['name']} (id {data['id']})"])


@plan.command("reactivate")
@click.argument("name", metavar="PLAN")
@tenant_option
@json_option
def reactivate_plan(name: str, tenant: str | None) -> None:
    """Sell a plan again."""
    with work(tenant) as job:
        result = job.do(plans.reactivate, plan_id=plan_of(job, name).id)
    show_result("Reactivated", result)


@plan.command("delete")
@click.argument("name", metavar="PLAN")
@click.confirmation_option(prompt="Remove the plan?")
@tenant_option
@json_option
def delete_plan(name: str, tenant: str | None) -> None:
    """Remove a plan that nobody has; one in use can only be deactivated."""
    with work(tenant) as job:
        data = _plan(job.do(plans.delete, plan_id=plan_of(job, name).id))
    emit(data, [f"{data['name']} was removed."])


@plan.command("deactivate")
@click.argument("name", metavar="PLAN")
@tenant_option
@json_option
def deactivate_plan(name: str, tenant: str | None) -> None:
    """Stop selling a plan; those who have it keep it."""
    with work(tenant) as job:
        result = job.do(plans.deactivate, plan_id=plan_of(job, name).id)
    show_result("Deactivated", result)


@click.group()
def sessions() -> None:
    """Who is online."""


@sessions.command("list")
@click.option("--search", help="Part of username or address, or a MAC.")
@click.option("--nas", "nas_name", metavar="ROUTER")
@limit_option
@tenant_option
@json_option
def list_sessions(search: str | None, nas_name: str | None, limit: int, tenant: str | None) -> None:
    """Running sessions, newest first."""
    with work(tenant) as job:
        router_id = None if nas_name is None else nas_of(job, nas_name).id
        fits = SessionFilter(search=search, nas_server_id=router_id)
        page = page_of_sessions(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-started_at"))
        rows = [_session(row) for row in page.items]
    head = ("id", "username", "framed_ip", "calling_station", "started_at", "download_bytes", "upload_bytes", "grade")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@sessions.command("disconnect")
@click.argument("session_id")
@tenant_option
@json_option
def disconnect_session(session_id: str, tenant: str | None) -> None:
    """End one session, named by the id in the list."""
    with work(tenant) as job:
        result = job.do(running.disconnect_session, session_id=session_id)
    show_result("Asked", result)


def nas_of(job: Work, name: str) -> NasServer:
    """The router with that name, address or id."""
    return job.found(nas_named(job.session, name, tenant_id=job.tenant_id), "router")


def shown_nas(job: Work, name: str) -> NasServer:
    """The same to look at, also the one that the settings name while there is none in the database."""
    borrowed = access.environment_router(job.session, actor=job.actor) if name == access.ENVIRONMENT_NAME else None
    return borrowed or nas_of(job, name)


def plan_of(job: Work, name: str) -> ServicePlan:
    """The plan with that short name or id."""
    return job.found(plan_named(job.session, name, tenant_id=job.tenant_id), "plan")


def _nas(row: NasServer) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "host": str(row.host),
        "coa_port": row.coa_port,
        "type": row.type,
        "routeros_version": row.routeros_version,
        "require_message_authenticator": row.require_message_authenticator,
        "acct_input_is": row.acct_input_is,
        "is_active": row.is_active,
        "provisioning_mode": row.provisioning_mode,
        "api_username": row.api_username,
        "api_port": row.api_port,
        "api_tls": row.api_tls,
        "last_connected_at": None if row.last_connected_at is None else row.last_connected_at.isoformat(),
        "status": row.status,
        "is_from_environment": row.is_from_environment,
        "last_seen_at": None if row.last_seen_at is None else row.last_seen_at.isoformat(),
    }


def _plan(row: ServicePlan) -> dict[str, Any]:
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "connection_type": row.connection_type,
        "price": str(row.price),
        "download_kbps": row.download_kbps,
        "upload_kbps": row.upload_kbps,
        "rate_limit": plans.rate_limit_of(row) or "unlimited",
        "data_limit": plans.data_limit_text(row.quotas),
        "fup_tiers": len(row.fup_rules),
        "billing_cycle": row.billing_cycle,
        "setup_fee": str(row.setup_fee),
        "grace_period_days": row.grace_period_days,
        "contract_period_months": row.contract_period_months,
        "early_end_fee": str(row.early_end_fee),
        "customer_types": row.customer_types,
        "features": row.features,
        "is_popular": row.is_popular,
        "is_active": row.is_active,
    }


def _session(row: RadAcct) -> dict[str, Any]:
    return {
        "id": row.acctuniqueid,
        "username": row.username,
        "subscription_id": row.subscription_id,
        "nas_server_id": row.nas_server_id,
        "framed_ip": None if row.framedipaddress is None else str(row.framedipaddress),
        "calling_station": row.callingstationid,
        "started_at": row.acctstarttime.isoformat(),
        "download_bytes": row.acctoutputoctets,
        "upload_bytes": row.acctinputoctets,
        "grade": row.grade.value,
        "grade_words": running.GRADES[row.grade],
    }
