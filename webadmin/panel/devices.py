"""Devices that wait for approval, of all subscriptions where staff approve them."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from db.queries.devices import waiting_devices
from webadmin.panel.support import db, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("devices", __name__)
SHOWN = 200


@blueprint.get("/devices/waiting")
@requires("view_customers")
def waiting() -> ResponseReturnValue:
    """Who waits, newest first; allowed or blocked right here."""
    rows = waiting_devices(db(), tenant_id=tenant().id, limit=SHOWN)
    return render("panel/devices/waiting.html", rows=rows, is_cut=len(rows) == SHOWN)
