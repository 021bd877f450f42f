"""Certificates that were issued to customers and routers, and revoking one."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import certificates as use
from db.models import IssuedCertificate
from db.queries.certificates import page_of_certificates
from db.queries.paging import Wanted
from runtime.settings import get_settings
from webadmin.panel.support import PAGE_SIZE, Page, act, back_url, db, now, page_number, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("certificates", __name__)
STATES = {"valid": False, "revoked": True}


@blueprint.get("/certificates")
@requires("view_nas")
def index() -> ResponseReturnValue:
    """The list, newest first, narrowed by the filters in the address."""
    search, state = request.args.get("q", "").strip()[:100], request.args.get("state", "")
    wanted = Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE)
    found = page_of_certificates(
        db(), tenant_id=tenant().id, search=search or None, revoked=STATES.get(state), wanted=wanted
    )
    return render(
        "panel/certificates/index.html",
        rows=found.items,
        q=search,
        state_wanted=state if state in STATES else "",
        state_of=state_of,
        page=Page(number=page_number(), size=PAGE_SIZE, total=found.total_items),
    )


@blueprint.post("/certificates/<int:certificate_id>/revoke")
@requires("manage_nas")
def revoke(certificate_id: int) -> ResponseReturnValue:
    """Revoke one."""
    message = gettext("The certificate is revoked.")
    back = back_url(url_for("panel.certificates.index"))
    folders = get_settings().authority_folders
    return act(back, message, use.revoke, certificate_id=certificate_id, folders=folders)


def state_of(row: IssuedCertificate) -> str:
    """Whether it still says who somebody is."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.valid_until <= now() else "alive"
