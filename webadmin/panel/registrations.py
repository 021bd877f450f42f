"""Customers who are added in the background: who waits, who was added, and why one was not."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import registrations as use
from db.queries.paging import Wanted
from db.queries.registrations import page_of_registrations
from domain.customer_media import REGISTRATION_STATES
from webadmin.panel.support import PAGE_SIZE, Page, act, db, page_number, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("registrations", __name__)


@blueprint.get("/customers/registrations")
@requires("create_customers")
def index() -> ResponseReturnValue:
    """The newest first, of one state or all."""
    asked = request.args.get("state", "")
    state = asked if asked in REGISTRATION_STATES else None
    wanted = Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE)
    part = page_of_registrations(db(), tenant_id=tenant().id, state=state, wanted=wanted)
    page = Page(number=wanted.page, size=PAGE_SIZE, total=part.total_items)
    return render(
        "panel/registrations/index.html", rows=part.items, page=page, state_shown=state, states=REGISTRATION_STATES
    )


@blueprint.post("/customers/registrations/<int:registration_id>/repeat")
@requires("create_customers")
def repeat(registration_id: int) -> ResponseReturnValue:
    """Try one that failed again."""
    back = url_for("panel.registrations.index")
    return act(back, gettext("It is tried again now."), use.repeat, registration_id=registration_id)
