"""What a subscription does at this moment, in a small page that looks again by itself while it is open."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from bss import usage_check as use
from webadmin.forms.allowances import PERIODS
from webadmin.panel.sentences import said
from webadmin.panel.subscriptions import subscription_of
from webadmin.panel.subscriptions.questions import page_of
from webadmin.panel.support import db, now, render
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("usage_check", __name__)


@blueprint.get("/subscriptions/<int:subscription_id>/usage")
@requires("view_customers")
def show(subscription_id: int) -> ResponseReturnValue:
    """The small page. It asks the router only once it is there, so that it opens at once."""
    values = _values(subscription_id, ask_routers=False)
    return render("panel/usage/show.html", back=page_of(subscription_of(subscription_id)), **values)


@blueprint.get("/subscriptions/<int:subscription_id>/usage/now")
@requires("view_customers")
def live(subscription_id: int) -> ResponseReturnValue:
    """The part of it that updates in place."""
    return render("panel/usage/_now.html", **_values(subscription_id, ask_routers=True))


def _values(subscription_id: int, *, ask_routers: bool) -> dict[str, Any]:
    found = use.check(db(), actor=current_actor(), now=now(), subscription_id=subscription_id, ask_routers=ask_routers)
    return {
        "found": found,
        "subscription": found.subscription,
        "asked": ask_routers,
        "period_words": PERIODS,
        "sentence": said,
    }
