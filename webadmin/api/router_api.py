"""A router's own tables over HTTP: looked at within a second, and changed by orders that a job carries out."""

from typing import Any

from bss.failure import NotFound, Problem
from bss.router_api import access, orders, reading, secrets
from bss.router_api.drift import Drift
from bss.router_api.reading import Tested, View
from bss.router_api.secrets import Imported
from bss.rows import find
from db.models import NasServer, RouterOrder
from db.queries.router_tables import order_by_id, orders_of, stored_secrets
from runtime.tasks import nudge_routers
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_whole_list, refuse_body
from webadmin.api.schemas import router_api as shapes

blueprint = Blueprint("router-api", __name__, url_prefix=f"{PREFIX}/nas", description="What routers show and keep")


@blueprint.route("/<int:nas_id>/test-connection", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.response(200, shapes.RouterTestedOut)
def try_router_connection(nas_id: int) -> Tested:
    """Log in at the router's API and ask who it is"""
    refuse_body()
    tested = reading.try_connection(**acting(), nas_id=nas_id)
    database.commit()
    return tested


@blueprint.route("/<int:nas_id>/trust-certificate", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.CertificateIn)
@blueprint.response(200, schemas.NasOut)
def trust_router_certificate(body: dict[str, Any], nas_id: int) -> NasServer:
    """Say that a certificate is the router's; no other is talked to from then on"""
    nas = access.trust_certificate(**acting(), nas_id=nas_id, **body)
    database.commit()
    return nas


@blueprint.route("/<int:nas_id>/router/<string:part>")
@blueprint.needs("view_nas")
@blueprint.alt_response(409, "CONFLICT")
@blueprint.response(200, shapes.RouterViewOut)
def look_at_router(nas_id: int, part: str) -> View:
    """One part of the router: now, or as it was last said"""
    view = reading.look(**acting(), nas_id=nas_id, part=part)
    database.commit()
    if view.is_coming:
        nudge_routers()
    return view


@blueprint.route("/<int:nas_id>/traffic")
@blueprint.needs("view_nas")
@blueprint.arguments(shapes.TrafficQuery, location="query")
@blueprint.alt_response(409, "CONFLICT")
@blueprint.response(200, shapes.TrafficOut)
def get_router_traffic(arguments: dict[str, Any], nas_id: int) -> dict[str, Any]:
    """What flows through an interface now"""
    return reading.traffic(database.session(), actor=actor(), nas_id=nas_id, **arguments)


@blueprint.route("/<int:nas_id>/orders")
@blueprint.needs("view_nas")
@blueprint.response(200, shapes.RouterOrderList)
def list_router_orders(nas_id: int) -> dict[str, Any]:
    """The fifty newest orders of the router"""
    find(database.session(), NasServer, nas_id, actor=actor())
    return as_whole_list(orders_of(database.session(), nas_id))


@blueprint.route("/<int:nas_id>/orders/<int:order_id>")
@blueprint.needs("view_nas")
@blueprint.response(200, shapes.RouterOrderOut)
def get_router_order(nas_id: int, order_id: int) -> RouterOrder:
    """What became of an order"""
    find(database.session(), NasServer, nas_id, actor=actor())
    found = order_by_id(database.session(), nas_id, order_id) if order_id < 2**63 else None
    if found is None:
        raise NotFound(Problem(field="", reason="there is no such order"))
    return found


# --- secrets ----------------------------------------------------------------------------------------------------------


@blueprint.route("/<int:nas_id>/secrets")
@blueprint.needs("view_nas")
@blueprint.arguments(shapes.SecretQuery, location="query")
@blueprint.response(200, shapes.RouterSecretList)
def list_router_secrets(arguments: dict[str, Any], nas_id: int) -> dict[str, Any]:
    """Stored secrets of the router, by name; `router/ppp-secrets` is what it has"""
    find(database.session(), NasServer, nas_id, actor=actor())
    return as_whole_list(stored_secrets(database.session(), nas_id, **arguments))


@blueprint.route("/<int:nas_id>/secrets", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.SecretIn)
@blueprint.response(202, shapes.OrderedOut)
def save_router_secret(body: dict[str, Any], nas_id: int) -> Any:
    """Add a secret to the router, or change one"""
    username = body.pop("username")
    return _ordered(secrets.save(**acting(), nas_id=nas_id, username=username, values=body))


@blueprint.route("/<int:nas_id>/secrets/enable", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.SecretNameIn)
@blueprint.response(202, shapes.OrderedOut)
def enable_router_secret(body: dict[str, Any], nas_id: int) -> Any:
    """Switch a secret on"""
    return _ordered(secrets.set_state(**acting(), nas_id=nas_id, is_disabled=False, **body))


@blueprint.route("/<int:nas_id>/secrets/disable", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.SecretNameIn)
@blueprint.response(202, shapes.OrderedOut)
def disable_router_secret(body: dict[str, Any], nas_id: int) -> Any:
    """Switch a secret off, and end what runs under it"""
    return _ordered(secrets.set_state(**acting(), nas_id=nas_id, is_disabled=True, **body))


@blueprint.route("/<int:nas_id>/secrets/remove", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.SecretNameIn)
@blueprint.response(202, shapes.OrderedOut)
def remove_router_secret(body: dict[str, Any], nas_id: int) -> Any:
    """Take a secret away from the router"""
    return _ordered(secrets.remove(**acting(), nas_id=nas_id, **body))


@blueprint.route("/<int:nas_id>/secrets/sync", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.SyncIn, required=False)
@blueprint.response(202, shapes.SyncedOut)
def sync_router_secrets(body: dict[str, Any], nas_id: int) -> dict[str, int]:
    """Carry one secret, or all, to the router again"""
    if "username" in body:
        secrets.push(**acting(), nas_id=nas_id, **body)
        count = 1
    else:
        count = secrets.push_all(**acting(), nas_id=nas_id)
    database.commit()
    nudge_routers()
    return {"ordered": count}


@blueprint.route("/<int:nas_id>/secrets/import", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.response(200, shapes.ImportedOut)
def import_router_secrets(nas_id: int) -> Imported:
    """Take the router's secrets into the database, matched to subscriptions by name"""
    refuse_body()
    imported = secrets.import_all(**acting(), nas_id=nas_id, wait_s=secrets.BRIEFLY_S)
    database.commit()
    return imported


@blueprint.route("/<int:nas_id>/secrets/drift")
@blueprint.needs("view_nas")
@blueprint.alt_response(409, "CONFLICT")
@blueprint.response(200, shapes.DriftOut)
def list_secret_drift(nas_id: int) -> Drift:
    """How the router's secrets differ from what they should be"""
    return secrets.drift(**acting(), nas_id=nas_id, wait_s=secrets.BRIEFLY_S)


# --- the rest ---------------------------------------------------------------------------------------------------------


@blueprint.route("/<int:nas_id>/queues", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.QueueIn)
@blueprint.response(202, shapes.OrderedOut)
def put_router_queue(body: dict[str, Any], nas_id: int) -> Any:
    """Have a simple queue on the router; `router/queues` is what it has"""
    return _ordered(orders.put_queue(**acting(), nas_id=nas_id, **body))


@blueprint.route("/<int:nas_id>/queues/remove", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.QueueNameIn)
@blueprint.response(202, shapes.OrderedOut)
def remove_router_queue(body: dict[str, Any], nas_id: int) -> Any:
    """Take a simple queue away"""
    return _ordered(orders.remove_queue(**acting(), nas_id=nas_id, **body))


@blueprint.route("/<int:nas_id>/address-lists", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.ListEntryIn)
@blueprint.response(202, shapes.OrderedOut)
def put_address_list_entry(body: dict[str, Any], nas_id: int) -> Any:
    """Have an address in an address list of the router"""
    return _ordered(orders.put_list_entry(**acting(), nas_id=nas_id, **body))


@blueprint.route("/<int:nas_id>/address-lists/remove", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.ListEntryNameIn)
@blueprint.response(202, shapes.OrderedOut)
def remove_address_list_entry(body: dict[str, Any], nas_id: int) -> Any:
    """Take an address out of an address list"""
    return _ordered(orders.remove_list_entry(**acting(), nas_id=nas_id, **body))


@blueprint.route("/<int:nas_id>/end-sessions", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.arguments(shapes.SecretNameIn)
@blueprint.response(202, shapes.OrderedOut)
def end_router_sessions(body: dict[str, Any], nas_id: int) -> Any:
    """End what runs under a name by the router's own tables, also what never reported here"""
    return _ordered(orders.end_sessions(**acting(), nas_id=nas_id, **body))


@blueprint.route("/<int:nas_id>/forget-device", methods=["POST"])
@blueprint.needs("remove_mac_bind")
@blueprint.arguments(shapes.DeviceIn)
@blueprint.response(202, shapes.OrderedOut)
def forget_router_device(body: dict[str, Any], nas_id: int) -> Any:
    """Take away what ties a device to the router: hotspot cookies, bindings, lease"""
    return _ordered(orders.forget_device(**acting(), nas_id=nas_id, **body))


def _ordered(placed: Any) -> Any:
    database.commit()
    nudge_routers()
    return placed
