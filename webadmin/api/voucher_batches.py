"""Batches of vouchers over HTTP: their terms, sellers, sales, tables and sheets."""

from collections.abc import Sequence
from typing import Any

from flask import Response

from bss import voucher_sales, voucher_sheets, vouchers
from db.models import VoucherBatch, VoucherSheet
from db.queries.voucher_sheets import sheets_of_batch
from db.queries.vouchers import counts_of, page_of_batches
from domain.spreadsheet import as_csv
from webadmin import database
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_result,
    page_of,
    refuse_body,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas import vouchers as schemas
from webadmin.paper import PDF, PDF_TYPE, as_pdf

blueprint = Blueprint(
    "voucher-batches",
    __name__,
    url_prefix=PREFIX,
    description="Vouchers that were made together and are worth the same",
)


@blueprint.route("/voucher-batches")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.VoucherBatchQuery, location="query")
@blueprint.response(200, schemas.VoucherBatchList)
def list_voucher_batches(arguments: dict[str, Any]) -> dict[str, Any]:
    """List batches with how they stand"""
    wanted, session = wanted_part(arguments), database.session()
    mine = vouchers.operators_seen(session, actor=actor())
    page = page_of(
        lambda: page_of_batches(
            session, tenant_id=tenant_id(), wanted=wanted, text=arguments.get("search"), operator_ids=mine
        )
    )
    _with_counts(page.items)
    return as_list(page)


@blueprint.route("/voucher-batches/<int:batch_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.VoucherBatchOut)
def get_voucher_batch(batch_id: int) -> VoucherBatch:
    """A batch with how it stands"""
    return _with_counts([vouchers.batch_of(database.session(), batch_id, actor=actor())])[0]


@blueprint.route("/voucher-batches/<int:batch_id>", methods=["PATCH"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherBatchPatch)
@blueprint.response(200, schemas.VoucherBatchOut)
def change_voucher_batch(body: dict[str, Any], batch_id: int) -> VoucherBatch:
    """Change name, price, seller, commission or note of a batch"""
    changed = vouchers.change(**acting(), batch_id=batch_id, changes=body)
    database.commit()
    return _with_counts([changed.row])[0]


@blueprint.route("/voucher-batches/<int:batch_id>/vouchers", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherBatchAdd)
@blueprint.response(201, schemas.VoucherMade)
def add_vouchers_to_batch(body: dict[str, Any], batch_id: int) -> dict[str, Any]:
    """Make more vouchers of a batch"""
    made = vouchers.add(**acting(), batch_id=batch_id, **body)
    database.commit()
    return {"items": made}


@blueprint.route("/voucher-batches/<int:batch_id>/disable", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.response(200, schemas.VoucherBatchResult)
def disable_voucher_batch(batch_id: int) -> dict[str, Any]:
    """Take every voucher of a batch out of use and end their sessions"""
    return _switch(batch_id, disabled=True)


@blueprint.route("/voucher-batches/<int:batch_id>/enable", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.response(200, schemas.VoucherBatchResult)
def enable_voucher_batch(batch_id: int) -> dict[str, Any]:
    """Give the disabled vouchers of a batch back"""
    return _switch(batch_id, disabled=False)


@blueprint.route("/voucher-batches/<int:batch_id>/export", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.response(200, {"type": "string"}, content_type="text/csv")
def export_voucher_batch(batch_id: int) -> Response:
    """The vouchers of a batch as CSV, codes included; the audit log says who took them"""
    refuse_body()
    text = as_csv(vouchers.export(**acting(), batch_id=batch_id))
    database.commit()
    return Response(text, mimetype="text/csv")


@blueprint.route("/voucher-batches/<int:batch_id>/sales", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherSaleIn)
@blueprint.response(201, schemas.VoucherSaleOut)
def sell_vouchers(body: dict[str, Any], batch_id: int) -> voucher_sales.Sale:
    """Sell the next vouchers of a batch at its price"""
    sale = voucher_sales.sell(**acting(), batch_id=batch_id, **body)
    database.commit()
    return sale


@blueprint.route("/voucher-sales/<int:payment_id>/take-back", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherSaleBack)
@blueprint.response(200, schemas.VoucherSaleOut)
def take_back_voucher_sale(body: dict[str, Any], payment_id: int) -> voucher_sales.Sale:
    """Give the money of a sale back; its vouchers are for sale again"""
    sale = voucher_sales.take_back_sale(**acting(), payment_id=payment_id, **body)
    database.commit()
    return sale


@blueprint.route("/voucher-batches/<int:batch_id>/sheets", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherSheetIn)
@blueprint.response(201, schemas.VoucherSheetOut)
def print_sheet(body: dict[str, Any], batch_id: int) -> VoucherSheet:
    """Print a sheet of vouchers; a short one is done at once, a long one in the background"""
    sheet = voucher_sheets.ask(**acting(), batch_id=batch_id, **body)
    database.commit()
    return sheet


@blueprint.route("/voucher-batches/<int:batch_id>/sheets")
@blueprint.needs("manage_vouchers")
@blueprint.response(200, schemas.VoucherSheetList)
def list_voucher_sheets(batch_id: int) -> dict[str, Any]:
    """The last sheets of a batch"""
    batch = vouchers.batch_of(database.session(), batch_id, actor=actor())
    return {"items": sheets_of_batch(database.session(), batch.id)}


@blueprint.route("/voucher-sheets/<int:sheet_id>")
@blueprint.needs("manage_vouchers")
@blueprint.response(200, schemas.VoucherSheetOut)
def get_sheet(sheet_id: int) -> VoucherSheet:
    """How far a sheet is"""
    return voucher_sheets.sheet_of(database.session(), sheet_id, actor=actor())


@blueprint.route("/voucher-sheets/<int:sheet_id>/pdf")
@blueprint.needs("manage_vouchers")
@blueprint.response(200, PDF, content_type=PDF_TYPE)
def get_sheet_pdf(sheet_id: int) -> Response:
    """A sheet that is done, as PDF"""
    return as_pdf(voucher_sheets.pdf_of(database.session(), sheet_id, actor=actor()), f"vouchers-{sheet_id}")


def _switch(batch_id: int, *, disabled: bool) -> dict[str, Any]:
    refuse_body()
    done = vouchers.set_batch_disabled(**acting(), batch_id=batch_id, disabled=disabled)
    told = {"id": done.batch.id, "name": done.batch.name, "changed": done.changed}
    database.commit(done.effect)
    return as_result("Disabled" if disabled else "Enabled", done.effect, batch=told)


def _with_counts(batches: Sequence[VoucherBatch]) -> Sequence[VoucherBatch]:
    counts = counts_of(database.session(), [batch.id for batch in batches])
    for batch in batches:
        shown: Any = batch
        shown.counts = counts[batch.id]
    return batches
