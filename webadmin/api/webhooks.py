"""Webhooks that go out, over HTTP: whom to tell what, what was told, and telling it again."""

from collections.abc import Sequence
from typing import Any

from bss.rows import find
from bss.webhooks import endpoints as use
from bss.webhooks.telling import message_of
from db.models import Webhook, WebhookDelivery
from db.queries import webhooks as queries
from domain.webhook import EVENTS
from runtime.settings import get_settings
from webadmin import database
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_whole_list,
    page_of,
    refuse_body,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas import VersionQuery
from webadmin.api.schemas import webhooks as shapes

blueprint = Blueprint("outgoing-webhooks", __name__, url_prefix=PREFIX, description="Telling others what happens")


@blueprint.route("/webhooks/events")
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.WebhookEventList)
def list_webhook_events() -> dict[str, Any]:
    """Everything that can be told"""
    return as_whole_list([{"event": event, "description": words} for event, words in EVENTS.items()])


@blueprint.route("/webhooks")
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.WebhookList)
def list_webhooks() -> dict[str, Any]:
    """The provider's webhooks"""
    rows = queries.webhooks_of(database.session(), tenant_id=tenant_id())
    return as_whole_list(_with_counts(rows))


@blueprint.route("/webhooks", methods=["POST"])
@blueprint.needs("manage_webhooks")
@blueprint.arguments(shapes.WebhookIn)
@blueprint.response(201, shapes.WebhookIssued)
def create_webhook(body: dict[str, Any]) -> dict[str, Any]:
    """Enter an address; the secret that signs its calls is in this answer and nowhere else"""
    issued = use.create(**acting(), allows_http=allows_http(), **body)
    database.commit()
    return _shown(issued.row) | {"secret": issued.secret}


@blueprint.route("/webhooks/<int:webhook_id>")
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.WebhookOut)
def get_webhook(webhook_id: int) -> dict[str, Any]:
    """One webhook"""
    return _shown(use.find_one(database.session(), actor=actor(), webhook_id=webhook_id))


@blueprint.route("/webhooks/<int:webhook_id>", methods=["PATCH"])
@blueprint.needs("manage_webhooks")
@blueprint.arguments(shapes.WebhookPatch)
@blueprint.response(200, shapes.WebhookOut)
def change_webhook(body: dict[str, Any], webhook_id: int) -> dict[str, Any]:
    """Change a webhook, or switch it off; switched off, nothing more is noted for it"""
    row = use.change(**acting(), webhook_id=webhook_id, allows_http=allows_http(), **body)
    database.commit()
    return _shown(row)


@blueprint.route("/webhooks/<int:webhook_id>", methods=["DELETE"])
@blueprint.needs("manage_webhooks")
@blueprint.arguments(VersionQuery, location="query")
@blueprint.response(204)
def remove_webhook(arguments: dict[str, Any], webhook_id: int) -> None:
    """Tell it nothing more, not even what waits"""
    use.remove(**acting(), webhook_id=webhook_id, **arguments)
    database.commit()


@blueprint.route("/webhooks/<int:webhook_id>/change-secret", methods=["POST"])
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.WebhookIssued)
def change_webhook_secret(webhook_id: int) -> dict[str, Any]:
    """Another secret; the old one signs nothing from now on"""
    refuse_body()
    issued = use.change_secret(**acting(), webhook_id=webhook_id)
    database.commit()
    return _shown(issued.row) | {"secret": issued.secret}


@blueprint.route("/webhooks/<int:webhook_id>/resume", methods=["POST"])
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.WebhookOut)
def resume_webhook(webhook_id: int) -> dict[str, Any]:
    """Go on telling one that was paused, what waited first"""
    refuse_body()
    row = use.resume(**acting(), webhook_id=webhook_id)
    database.commit()
    return _shown(row)


@blueprint.route("/webhooks/<int:webhook_id>/ping", methods=["POST"])
@blueprint.needs("manage_webhooks")
@blueprint.response(201, shapes.DeliveryOut)
def ping_webhook(webhook_id: int) -> WebhookDelivery:
    """Tell it something harmless; the delivery tells in a moment what it answered"""
    refuse_body()
    delivery = use.ping(**acting(), webhook_id=webhook_id)
    database.commit()
    return delivery


@blueprint.route("/webhooks/<int:webhook_id>/deliveries")
@blueprint.needs("manage_webhooks")
@blueprint.arguments(shapes.DeliveryQuery, location="query")
@blueprint.response(200, shapes.DeliveryList)
def list_webhook_deliveries(arguments: dict[str, Any], webhook_id: int) -> dict[str, Any]:
    """What was told to it, or waits to be; kept for two weeks"""
    use.find_one(database.session(), actor=actor(), webhook_id=webhook_id)
    wanted = wanted_part(arguments)
    given = {"tenant_id": tenant_id(), "wanted": wanted, "webhook_id": webhook_id, **arguments}
    return as_list(page_of(lambda: queries.page_of_deliveries(database.session(), **given)))


@blueprint.route("/webhooks/<int:webhook_id>/replay-failed", methods=["POST"])
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.ReplayedOut)
def replay_failed_deliveries(webhook_id: int) -> dict[str, int]:
    """Tell everything once more that failed"""
    refuse_body()
    count = use.replay_failed(**acting(), webhook_id=webhook_id)
    database.commit()
    return {"count": count}


@blueprint.route("/webhook-deliveries/<int:delivery_id>")
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.DeliveryDetail)
def get_webhook_delivery(delivery_id: int) -> WebhookDelivery:
    """One delivery: what is told, and every call with its answer"""
    delivery: Any = find(database.session(), WebhookDelivery, delivery_id, actor=actor())
    delivery.message = message_of(delivery)
    found: WebhookDelivery = delivery
    return found


@blueprint.route("/webhook-deliveries/<int:delivery_id>/replay", methods=["POST"])
@blueprint.needs("manage_webhooks")
@blueprint.response(200, shapes.DeliveryOut)
def replay_webhook_delivery(delivery_id: int) -> WebhookDelivery:
    """Tell it once more; it keeps its number"""
    find(database.session(), WebhookDelivery, delivery_id, actor=actor())
    refuse_body()
    delivery = use.replay(**acting(), delivery_id=delivery_id)
    database.commit()
    return delivery


def allows_http() -> bool:
    """Whether the settings name networks of one's own, where a call may go without TLS."""
    return bool(get_settings().webhook_networks)


def _shown(row: Webhook) -> dict[str, Any]:
    return _with_counts([row])[0]


def _with_counts(rows: Sequence[Webhook]) -> list[dict[str, Any]]:
    counts = queries.counts_of(database.session(), [row.id for row in rows])
    names = [name for name in shapes.WebhookOut().fields if name != "deliveries"]
    return [{name: getattr(row, name) for name in names} | {"deliveries": counts[row.id]} for row in rows]
