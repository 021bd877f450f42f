"""Certificates that were issued to customers and routers, and revoking one."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import certificates as use
from db.models import IssuedCertificate
from db.queries.certificates import page_of_certificates
from db.queries.paging import Wanted
from db.queries.panel import catalogue
from db.queries.rows import find_row
from runtime.settings import get_settings
from webadmin.panel.support import PAGE_SIZE, Page, act, back_url, db, found, now, page_number, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("certificates", __name__)
STATES = {"valid": False, "revoked": True}


@blueprint.get("/certificates")
@requires("view_nas")
def index() -> ResponseReturnValue:
    """The list, newest first, narrowed by the filters in the address."""
    search, state = request.args.get("q", "").strip()[:100], request.args.get("state", "")
    wanted = Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE)
    listed = page_of_certificates(
        db(), tenant_id=tenant().id, search=search or None, revoked=STATES.get(state), wanted=wanted
    )
    return render(
        "panel/certificates/index.html",
        rows=listed.items,
        q=search,
        state_wanted=state if state in STATES else "",
        state_of=state_of,
        routers=_routers(),
        page=Page(number=page_number(), size=PAGE_SIZE, total=listed.total_items),
    )


@blueprint.get("/certificates/<int:certificate_id>/revoke")
@requires("manage_nas")
def ask(certificate_id: int) -> ResponseReturnValue:
    """What revoking one does."""
    row = found(find_row(db(), IssuedCertificate, certificate_id, tenant_id=tenant().id))
    name = _routers().get(row.nas_server_id or 0, row.name)
    return render("panel/certificates/revoke.html", name=name, back=back_url(url_for("panel.certificates.index")))


@blueprint.post("/certificates/<int:certificate_id>/revoke")
@requires("manage_nas")
def revoke(certificate_id: int) -> ResponseReturnValue:
    """Revoke one."""
    message = gettext("The certificate is revoked.")
    back = back_url(url_for("panel.certificates.index"))
    folders = get_settings().authority_folders
    return act(back, message, use.revoke, certificate_id=certificate_id, folders=folders)


def _routers() -> dict[int, str]:
    return {nas.id: nas.name for nas in catalogue.choices_of_routers(db())}


def state_of(row: IssuedCertificate) -> str:
    """Whether it still says who somebody is."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.valid_until <= now() else "alive"
