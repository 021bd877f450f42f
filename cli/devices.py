"""`lintas subscription mac` and `bind`, `lintas blacklist`, `lintas nas group`, `lintas plan sessions`.

Which devices and routers may be used, and how many devices at once.
"""

from dataclasses import asdict
from typing import Any

import click

from bss import blacklist as blacklists
from bss import nas as routers
from bss import nas_groups, plans, subscriptions
from bss.fields import mac as clean_mac
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, newest, show_list, show_result, tenant_option, work
from db.models import BlockedMac, NasGroup, Subscription, SubscriptionMac
from db.queries.devices import blocked_by_mac, page_of_blocked, waiting_devices
from db.queries.named import nas_named, plan_named, subscription_named
from db.queries.nas_groups import group_named, page_of_groups
from domain.access import MAC_BINDINGS, SESSION_LIMIT_ACTIONS

# --- subscription mac ---------------------------------------------------------------------------------------------


@click.group("mac")
@json_option
def mac() -> None:
    """Devices that may use a subscription."""


@mac.command("list")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def list_macs(name: str, tenant: str | None) -> None:
    """Its devices, those that wait for approval included."""
    with work(tenant) as job:
        row = _subscription_of(job, name)
        binding, rows = row.mac_binding, [_mac(one) for one in row.macs]
    head = ("mac", "status", "source", "note")
    lines = table([[one[column] for column in head] for one in rows], head)
    emit({"mac_binding": binding, "items": rows}, [f"binding: {binding}", *lines])


@mac.command("waiting")
@limit_option
@tenant_option
@json_option
def list_waiting(limit: int, tenant: str | None) -> None:
    """Devices of any subscription that wait for approval, newest first."""
    with work(tenant) as job:
        rows = [asdict(row) for row in waiting_devices(job.session, tenant_id=job.tenant_id, limit=limit)]
    head = ("mac", "username", "customer_name", "allowed_devices", "asked_at")
    emit({"items": rows}, table([[row[name] for name in head] for row in rows], head))


@mac.command("binding")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("binding", type=click.Choice(MAC_BINDINGS))
@tenant_option
@json_option
def set_binding(name: str, binding: str, tenant: str | None) -> None:
    """Which devices may log in: any (off), those on its list (fixed), the first that comes (learn), or those that staff
    approve when they are first seen (approval).
    """
    _change("Binding changed", subscriptions.set_mac_binding, name, tenant, mac_binding=binding)


@mac.command("add")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("address", metavar="MAC")
@click.option("--note", default="")
@tenant_option
@json_option
def add_mac(name: str, address: str, note: str, tenant: str | None) -> None:
    """Put a device on its list, approved."""
    _change("Device added", subscriptions.add_mac, name, tenant, mac=address, note=note)


@mac.command("approve")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("address", metavar="MAC")
@tenant_option
@json_option
def approve_mac(name: str, address: str, tenant: str | None) -> None:
    """Allow a device of its list, such as one that waits."""
    _change_listed("Device approved", subscriptions.set_mac_status, name, address, tenant, status="approved")


@mac.command("block")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("address", metavar="MAC")
@tenant_option
@json_option
def block_mac(name: str, address: str, tenant: str | None) -> None:
    """Refuse a device of its list and end its session."""
    _change_listed("Device blocked", subscriptions.set_mac_status, name, address, tenant, status="blocked")


@mac.command("remove")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("address", metavar="MAC")
@tenant_option
@json_option
def remove_mac(name: str, address: str, tenant: str | None) -> None:
    """Take a device off its list."""
    _change_listed("Device removed", subscriptions.remove_mac, name, address, tenant)


@mac.command("reset")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def reset_macs(name: str, tenant: str | None) -> None:
    """Forget the devices it is bound to; where it learns, the next one to log in is taken. Blocked ones stay."""
    _change("Devices reset", subscriptions.reset_macs, name, tenant)


@click.command("bind")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--nas", "nas_name", metavar="ROUTER", help="Only through this router.")
@click.option("--group", "group_name", metavar="GROUP", help="Only through routers of this group.")
@click.option("--anywhere", is_flag=True, help="Through any router.")
@tenant_option
@json_option
def bind(name: str, nas_name: str | None, group_name: str | None, anywhere: bool, tenant: str | None) -> None:
    """Through which routers it may be used; sessions elsewhere end."""
    if sum((nas_name is not None, group_name is not None, anywhere)) != 1:
        raise click.UsageError("say one of --nas, --group and --anywhere")
    with work(tenant) as job:
        changes: dict[str, Any] = {"nas_binding": "off"}
        if nas_name is not None:
            router = job.found(nas_named(job.session, nas_name, tenant_id=job.tenant_id), "router")
            changes = {"nas_binding": "nas", "nas_server_id": router.id}
        if group_name is not None:
            changes = {"nas_binding": "group", "nas_group_id": _group_of(job, group_name).id}
        result = job.do(subscriptions.edit, subscription_id=_subscription_of(job, name).id, changes=changes)
    show_result("Saved", result)


# --- blacklist ----------------------------------------------------------------------------------------------------


@click.group()
@json_option
def blacklist() -> None:
    """Devices that may use nothing of this provider."""


@blacklist.command("list")
@click.option("--search", help="A MAC, or part of a note.")
@limit_option
@tenant_option
@json_option
def list_blacklist(search: str | None, limit: int, tenant: str | None) -> None:
    """Blacklisted devices, newest first."""
    with work(tenant) as job:
        wanted = newest(limit, "-created_at")
        page = page_of_blocked(job.session, tenant_id=job.tenant_id, search=search, wanted=wanted)
        rows = [_blocked(row) for row in page.items]
    head = ("mac", "note", "created_by", "created_at")
    show_list(page, rows, lambda: table([[row[name] for name in head] for row in rows], head))


@blacklist.command("add")
@click.argument("address", metavar="MAC")
@click.option("--note", default="", help="Why.")
@tenant_option
@json_option
def add_to_blacklist(address: str, note: str, tenant: str | None) -> None:
    """Refuse every login of a device from now on, and end its sessions."""
    with work(tenant) as job:
        result = job.do(blacklists.add, mac=address, note=note)
    show_result("Blacklisted", result)


@blacklist.command("remove")
@click.argument("address", metavar="MAC")
@tenant_option
@json_option
def remove_from_blacklist(address: str, tenant: str | None) -> None:
    """Take a device off the blacklist."""
    with work(tenant) as job:
        found = blocked_by_mac(job.session, clean_mac(address), tenant_id=job.tenant_id)
        row = job.do(blacklists.remove, blocked_id=job.found(found, "device on the blacklist").id)
        address = str(row.mac).upper()
    emit({"removed": address}, [f"{address} is off the blacklist."])


# --- nas group ----------------------------------------------------------------------------------------------------


@click.group("group")
@json_option
def group() -> None:
    """Groups of routers that count as one place; one is named by its name or id."""


@group.command("list")
@click.option("--search", help="Part of the name.")
@limit_option
@tenant_option
@json_option
def list_groups(search: str | None, limit: int, tenant: str | None) -> None:
    """Groups by name, with how many routers and subscriptions name them."""
    with work(tenant) as job:
        page = page_of_groups(job.session, tenant_id=job.tenant_id, search=search, wanted=newest(limit, "name"))
        rows = [_group(row) for row in page.items]
    head = ("id", "name", "routers", "subscriptions")
    show_list(page, rows, lambda: table([[row[name] for name in head] for row in rows], head))


@group.command("add")
@click.argument("name")
@tenant_option
@json_option
def add_group(name: str, tenant: str | None) -> None:
    """Add a group called NAME."""
    with work(tenant) as job:
        row = job.do(nas_groups.create, name=name)
        data = {"id": row.id, "name": row.name}
    emit(data, [f"{data['name']} (id {data['id']})"])


@group.command("rename")
@click.argument("group_name", metavar="GROUP")
@click.argument("name")
@tenant_option
@json_option
def rename_group(group_name: str, name: str, tenant: str | None) -> None:
    """Give a group another name."""
    with work(tenant) as job:
        result = job.do(nas_groups.rename, group_id=_group_of(job, group_name).id, name=name)
    show_result("Renamed", result)


@group.command("put")
@click.argument("router", metavar="ROUTER")
@click.argument("group_name", metavar="GROUP|none")
@tenant_option
@json_option
def put_into_group(router: str, group_name: str, tenant: str | None) -> None:
    """Put a router into a group, or into none."""
    with work(tenant) as job:
        nas = job.found(nas_named(job.session, router, tenant_id=job.tenant_id), "router")
        group_id = None if group_name == "none" else _group_of(job, group_name).id
        result = job.do(routers.edit, nas_id=nas.id, changes={"nas_group_id": group_id})
    show_result("Saved", result)


@group.command("delete")
@click.argument("group_name", metavar="GROUP")
@tenant_option
@json_option
def delete_group(group_name: str, tenant: str | None) -> None:
    """Remove a group that nothing names."""
    with work(tenant) as job:
        row = job.do(nas_groups.delete, group_id=_group_of(job, group_name).id)
    emit({"deleted": row.id}, [f"Deleted {row.name}."])


# --- plan sessions ------------------------------------------------------------------------------------------------


@click.command("sessions")
@click.argument("name", metavar="PLAN")
@click.option("--most", type=click.IntRange(1, 1000), help="How many devices may be online at once.")
@click.option(
    "--then",
    "action",
    type=click.Choice(SESSION_LIMIT_ACTIONS),
    help="What happens to one more: it is refused, or it replaces the device that has been online longest.",
)
@tenant_option
@json_option
def plan_sessions(name: str, most: int | None, action: str | None, tenant: str | None) -> None:
    """How many devices may be online at once, and what happens to one more."""
    given = {"concurrent_connections": most, "session_limit_action": action}
    changes = {field: value for field, value in given.items() if value is not None}
    if not changes:
        raise click.UsageError("say --most, --then or both")
    with work(tenant) as job:
        row = job.found(plan_named(job.session, name, tenant_id=job.tenant_id), "plan")
        result = job.do(plans.edit, plan_id=row.id, changes=changes)
    show_result("Saved", result)


# --- rows as commands show them -----------------------------------------------------------------------------------


def _change(what: str, use_case: Any, name: str, tenant: str | None, **given: Any) -> None:
    with work(tenant) as job:
        result = job.do(use_case, subscription_id=_subscription_of(job, name).id, **given)
    show_result(what, result)


def _change_listed(what: str, use_case: Any, name: str, address: str, tenant: str | None, **given: Any) -> None:
    with work(tenant) as job:
        row, wanted = _subscription_of(job, name), clean_mac(address)
        listed = next((one for one in row.macs if str(one.mac).upper() == wanted), None)
        mac_id = job.found(listed, "device on its list").id
        result = job.do(use_case, subscription_id=row.id, mac_id=mac_id, **given)
    show_result(what, result)


def _subscription_of(job: Work, name: str) -> Subscription:
    return job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")


def _group_of(job: Work, name: str) -> NasGroup:
    return job.found(group_named(job.session, name, tenant_id=job.tenant_id), "group of routers")


def _group(row: Any) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "routers": row.routers, "subscriptions": row.subscriptions}


def _mac(row: SubscriptionMac) -> dict[str, Any]:
    return {"id": row.id, "mac": str(row.mac).upper(), "status": row.status, "source": row.source, "note": row.note}


def _blocked(row: BlockedMac) -> dict[str, Any]:
    return {
        "id": row.id,
        "mac": str(row.mac).upper(),
        "note": row.note,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
    }
