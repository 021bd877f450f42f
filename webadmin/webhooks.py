"""The door at which payment gateways tell what happened. Nobody signs in here, and nothing is believed here.

What may come in is bounded in size and number; what it means is decided in `bss.gateways.webhooks`. The status code is
the whole answer: 2xx lets the gateway forget the message, 5xx makes it send it again.
"""

from typing import Any

from flask import Blueprint, Flask, abort, jsonify, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from bss.gateways.addresses import WEBHOOK
from bss.gateways.webhooks import DONE, LATER, NOBODYS, REFUSED, REPEATED, receive
from gateways.strict import MAX_WEBHOOK_BYTES
from runtime.tasks import nudge_coa
from webadmin import database
from webadmin.permissions import public
from webadmin.security import csrf, now

blueprint = Blueprint("webhooks", __name__)
# A gateway has a handful of addresses and tells of some payments a second; who is refused has far less to say.
PER_ADDRESS = "1200 per minute"
REFUSED_PER_ADDRESS = "60 per minute"
_ANSWERS = {DONE: 200, REPEATED: 200, REFUSED: 403, NOBODYS: 404, LATER: 503}
_LONGEST_KEY, _MAX_HEADERS = 64, 100


@blueprint.post(f"{WEBHOOK}/<string:public_key>")
@public
def tell(public_key: str) -> ResponseReturnValue:
    """A gateway tells of a payment."""
    if (request.content_length or 0) > MAX_WEBHOOK_BYTES:
        abort(413)
    body = request.get_data(cache=False)
    heard = receive(
        database.session(),
        now=now(),
        public_key=public_key[:_LONGEST_KEY],
        headers={name.lower(): value for name, value in list(request.headers.items())[:_MAX_HEADERS]},
        body=body,
    )
    if heard.effect.sessions:
        nudge_coa()
    return _answer(heard.outcome)


def init_webhooks(app: Flask, limiter: Limiter) -> None:
    """Open the door, with its limits. Gateways carry no cookie, so there is nothing for another site to ride on."""
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
    views: dict[str, Any] = app.view_functions
    every = limiter.limit(PER_ADDRESS, key_func=get_remote_address, methods=["POST"])
    refused = limiter.limit(
        REFUSED_PER_ADDRESS,
        key_func=get_remote_address,
        methods=["POST"],
        deduct_when=lambda response: response.status_code in (403, 404, 413),
    )
    views["webhooks.tell"] = refused(every(views["webhooks.tell"]))


def _answer(outcome: str) -> ResponseReturnValue:
    status = _ANSWERS[outcome]
    # M-Pesa reads ResultCode; the others read the status alone.
    response = jsonify(status=outcome, ResultCode=0 if status == 200 else 1, ResultDesc="Accepted")
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = "60"
    return response
