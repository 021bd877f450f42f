"""What all lists have in common besides their rows: columns are chosen, views are kept, the list is taken away."""

from itertools import chain

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import saved_views as use
from bss.failure import Failure, NotFound
from webadmin.export import as_csv_file, as_xlsx_file
from webadmin.panel.support import back_url, problems_of, run
from webadmin.panel.tables import LISTS, List, file_rows, is_query, query_of
from webadmin.permissions import signed_in
from webadmin.security import may, require

blueprint = Blueprint("lists", __name__)


@blueprint.post("/lists/<key>/columns")
@signed_in
def columns(key: str) -> ResponseReturnValue:
    """Which columns one looks at, from now on."""
    listing = _list(key)
    known = [column.key for column in listing.columns]
    chosen = [name for name in known if name in request.form.getlist("column")]
    run(use.choose_columns, list_key=key, columns=chosen)
    return redirect(back_url(url_for(listing.endpoint)), 303)


@blueprint.post("/lists/<key>/views")
@signed_in
def save(key: str) -> ResponseReturnValue:
    """Keep the list as it is narrowed now."""
    listing, query = _list(key), request.form.get("query", "")
    if not is_query(query):
        abort(400)
    shared = request.form.get("shared") == "yes" and may("manage_settings")
    try:
        view = run(use.save, list_key=key, name=request.form.get("name", ""), query=query, is_shared=shared)
        flash(gettext("The view “%(name)s” is kept.", name=view.name), "success")
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
    return redirect(f"{url_for(listing.endpoint)}?{query}", 303)


@blueprint.post("/lists/<key>/views/<int:view_id>/remove")
@signed_in
def remove(key: str, view_id: int) -> ResponseReturnValue:
    """Forget a view."""
    listing = _list(key)
    try:
        view = run(use.remove, view_id=view_id, may_others=may("manage_settings"))
        flash(gettext("The view “%(name)s” is gone; the list itself is as it was.", name=view.name), "success")
    except NotFound:
        abort(404)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
    return redirect(url_for(listing.endpoint), 303)


@blueprint.get("/lists/<key>/export.<any(csv, xlsx):kind>")
@signed_in
def export(key: str, kind: str) -> ResponseReturnValue:
    """The rows that fit, with the columns one looks at, as a file."""
    listing = _list(key)
    require(listing.export_permission)
    run(use.taken_away, list_key=key, query=query_of(request.args.items(multi=True)), as_what=kind)
    rows = file_rows(listing, listing.chosen_columns())
    # The head is asked for here, where the language of the request is known.
    whole = chain([next(rows)], rows)
    return as_csv_file(whole, f"{key}.csv") if kind == "csv" else as_xlsx_file(whole, f"{key}.xlsx")


def _list(key: str) -> List:
    listing = LISTS.get(key) or abort(404)
    require(listing.permission)
    return listing
