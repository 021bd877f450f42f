"""Issued certificates over HTTP."""

from typing import Any

from marshmallow import Schema, fields

from bss import certificates
from db.queries.certificates import CERTIFICATE_SORTS, page_of_certificates
from runtime.settings import get_settings
from webadmin import database
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    PageArguments,
    acting,
    as_list,
    as_result,
    list_schema,
    page_of,
    refuse_body,
    result_schema,
    sort_field,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas.shapes import search_argument, when

blueprint = Blueprint(
    "certificates", __name__, url_prefix=f"{PREFIX}/certificates", description="Certificates of customers and routers"
)


class CertificateOut(Schema):
    """A certificate that was issued; its key is not kept."""

    id = fields.Integer()
    kind = fields.String(metadata={"description": "customer (EAP-TLS) or router (RADIUS over TLS)"})
    serial = fields.String(metadata={"description": "hexadecimal"})
    name = fields.String(metadata={"description": "username, or the router's number"})
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer(allow_none=True)
    valid_until = when()
    issued_by = fields.String()
    revoked_at = when(allow_none=True)
    revoked_by = fields.String(allow_none=True)
    created_at = when()


class CertificateQuery(PageArguments):
    """Filters of the list."""

    sort = sort_field(CERTIFICATE_SORTS, "-created_at")
    search = search_argument()
    revoked = fields.Boolean()


CertificateList = list_schema(CertificateOut, name="CertificateList")
CertificateResult = result_schema("certificate", CertificateOut, name="CertificateResult")


@blueprint.route("")
@blueprint.needs("view_nas")
@blueprint.arguments(CertificateQuery, location="query")
@blueprint.response(200, CertificateList)
def list_certificates(arguments: dict[str, Any]) -> dict[str, Any]:
    """List certificates"""
    wanted = wanted_part(arguments)
    fits = {"search": arguments.get("search"), "revoked": arguments.get("revoked")}
    return as_list(
        page_of(lambda: page_of_certificates(database.session(), tenant_id=tenant_id(), wanted=wanted, **fits))
    )


@blueprint.route("/<int:certificate_id>/revoke", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.response(200, CertificateResult)
def revoke_certificate(certificate_id: int) -> dict[str, Any]:
    """Revoke a certificate; it is in force within a second"""
    refuse_body()
    folders = get_settings().authority_folders
    changed = certificates.revoke(**acting(), certificate_id=certificate_id, folders=folders)
    database.commit(changed.effect)
    return as_result("Revoked", changed.effect, certificate=changed.row)
