"""`lintas webhook`: programs that are told what happens."""

import json
from typing import Any

import click

from bss.webhooks import endpoints as use
from bss.webhooks.telling import message_of
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, newest, show_fields, show_list, tenant_option, work
from db.models import Webhook, WebhookDelivery
from db.queries import webhooks as queries
from db.queries.rows import find_row
from domain.webhook import EVENTS, STATUSES
from runtime.settings import get_settings

_events_option = click.option(
    "--event", "events", multiple=True, metavar="NAME", help="What it is told; may be given more than once."
)


@click.group()
def webhook() -> None:
    """Programs that are told what happens; one is named by its id or name."""


@webhook.command("events")
@json_option
def list_events() -> None:
    """Everything that can be told."""
    data = [{"event": event, "description": words} for event, words in EVENTS.items()]
    emit(data, table(list(EVENTS.items()), ("event", "description")))


@webhook.command("list")
@tenant_option
@json_option
def list_webhooks(tenant: str | None) -> None:
    """Every webhook, and how it does."""
    with work(tenant) as job:
        rows = [_plain(job, row) for row in queries.webhooks_of(job.session, tenant_id=job.tenant_id)]
    head = ("id", "name", "url", "is_active", "paused_at", "waiting", "delivered", "failed", "last_problem")
    emit(rows, table([[row[name] for name in head] for row in rows], head) if rows else ["no webhook yet"])


@webhook.command("show")
@click.argument("name")
@tenant_option
@json_option
def show_webhook(name: str, tenant: str | None) -> None:
    """One webhook."""
    with work(tenant) as job:
        data = _plain(job, _named(job, name))
    show_fields(data)


@webhook.command("add")
@click.argument("name")
@click.argument("url")
@_events_option
@click.option("--all-events", is_flag=True, help="Everything that can be told.")
@tenant_option
@json_option
def add_webhook(name: str, url: str, events: tuple[str, ...], all_events: bool, tenant: str | None) -> None:
    """Enter an address; the secret that signs its calls is shown once."""
    chosen = tuple(EVENTS) if all_events else events
    with work(tenant) as job:
        issued = job.do(use.create, name=name, url=url, events=chosen, allows_http=_allows_http())
        data = _plain(job, issued.row) | {"secret": issued.secret}
    show_fields(data)


@webhook.command("set")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--url", help="Another address.")
@_events_option
@click.option("--on/--off", "is_active", default=None, help="Switched off, nothing more is noted for it.")
@tenant_option
@json_option
def set_webhook(
    name: str,
    new_name: str | None,
    url: str | None,
    events: tuple[str, ...],
    is_active: bool | None,
    tenant: str | None,
) -> None:
    """Change name, address or events (all of them anew), or switch it on or off."""
    given = {"name": new_name, "url": url, "events": events or None, "is_active": is_active}
    changes = {key: value for key, value in given.items() if value is not None}
    with work(tenant) as job:
        row = job.do(use.change, webhook_id=_named(job, name).id, allows_http=_allows_http(), **changes)
        data = _plain(job, row)
    show_fields(data)


@webhook.command("change-secret")
@click.argument("name")
@tenant_option
@json_option
def change_secret(name: str, tenant: str | None) -> None:
    """Another secret, shown once; the old one signs nothing from now on."""
    with work(tenant) as job:
        issued = job.do(use.change_secret, webhook_id=_named(job, name).id)
        data = {"id": issued.row.id, "name": issued.row.name, "secret": issued.secret}
    show_fields(data)


@webhook.command("ping")
@click.argument("name")
@tenant_option
@json_option
def ping(name: str, tenant: str | None) -> None:
    """Tell it something harmless; 'lintas webhook delivery' then shows what it answered."""
    with work(tenant) as job:
        data = _delivery(job.do(use.ping, webhook_id=_named(job, name).id))
    show_fields(data)


@webhook.command("resume")
@click.argument("name")
@tenant_option
@json_option
def resume(name: str, tenant: str | None) -> None:
    """Go on telling one that was paused, what waited first."""
    with work(tenant) as job:
        data = _plain(job, job.do(use.resume, webhook_id=_named(job, name).id))
    show_fields(data)


@webhook.command("remove")
@click.argument("name")
@tenant_option
@json_option
def remove(name: str, tenant: str | None) -> None:
    """Tell it nothing more, not even what waits."""
    with work(tenant) as job:
        row = job.do(use.remove, webhook_id=_named(job, name).id)
        data = {"id": row.id, "name": row.name, "message": "removed"}
    show_fields(data)


@webhook.command("deliveries")
@click.argument("name")
@click.option("--status", type=click.Choice(STATUSES))
@limit_option
@tenant_option
@json_option
def list_deliveries(name: str, status: str | None, limit: int, tenant: str | None) -> None:
    """What was told to it or waits to be, the newest first; kept for two weeks."""
    with work(tenant) as job:
        page = queries.page_of_deliveries(
            job.session,
            tenant_id=job.tenant_id,
            wanted=newest(limit, "-created_at"),
            webhook_id=_named(job, name).id,
            status=status,
        )
        rows = [_delivery(row) for row in page.items]
    head = ("id", "event", "occurred_at", "status", "attempts")
    show_list(page, rows, lambda: table([[row[key] for key in head] for row in rows], head))


@webhook.command("delivery")
@click.argument("delivery_id", type=int)
@tenant_option
@json_option
def show_delivery(delivery_id: int, tenant: str | None) -> None:
    """One delivery: what is told, and every call with its answer."""
    with work(tenant) as job:
        row = _found(job, delivery_id)
        data: dict[str, Any] = _delivery(row) | {"message": message_of(row), "calls": [_call(one) for one in row.calls]}
    calls = table([list(one.values()) for one in data["calls"]], _CALL) if data["calls"] else ["no call was made yet"]
    facts = [f"{key}: {value}" for key, value in data.items() if key not in ("message", "calls")]
    emit(data, [*facts, json.dumps(data["message"], indent=2), *calls])


@webhook.command("replay")
@click.argument("name_or_delivery")
@click.option("--failed", is_flag=True, help="Everything that failed, of the webhook that is named.")
@tenant_option
@json_option
def replay(name_or_delivery: str, failed: bool, tenant: str | None) -> None:
    """Tell a delivery once more, by its number, or with --failed all of a webhook's that failed."""
    with work(tenant) as job:
        if failed:
            count = job.do(use.replay_failed, webhook_id=_named(job, name_or_delivery).id)
        else:
            if not name_or_delivery.isdigit():
                raise click.UsageError("give the number of a delivery, or --failed with the name of a webhook")
            job.do(use.replay, delivery_id=_found(job, int(name_or_delivery)).id)
            count = 1
    emit({"count": count}, [f"{count} to be told again."])


_CALL = ("sent_at", "took_ms", "http_status", "problem", "answer")


def _named(job: Work, name: str) -> Webhook:
    rows = queries.webhooks_of(job.session, tenant_id=job.tenant_id)
    matching = [row for row in rows if row.name == name] or [row for row in rows if str(row.id) == name]
    if len(matching) > 1:
        raise click.ClickException(f"{len(matching)} webhooks have this name: name it by its id")
    return job.found(matching[0] if matching else None, "webhook")


def _found(job: Work, delivery_id: int) -> WebhookDelivery:
    return job.found(find_row(job.session, WebhookDelivery, delivery_id, tenant_id=job.tenant_id), "delivery")


def _allows_http() -> bool:
    return bool(get_settings().webhook_networks)


def _plain(job: Work, row: Webhook) -> dict[str, Any]:
    names = ("id", "name", "url", "events", "is_active", "paused_at", "failures", "dropped")
    counts = queries.counts_of(job.session, [row.id])[row.id]
    last = {"last_delivered_at": row.last_delivered_at, "last_problem": row.last_problem}
    return {name: getattr(row, name) for name in names} | counts | last


def _delivery(row: WebhookDelivery) -> dict[str, Any]:
    names = ("id", "webhook_id", "status", "attempts", "next_attempt_at", "finished_at")
    event = {"event": row.event.type, "occurred_at": row.event.occurred_at}
    return event | {name: getattr(row, name) for name in names}


def _call(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _CALL}
