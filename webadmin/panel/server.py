"""The RADIUS server's address, ports and health, to read; and where each is changed."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from bss.server import facts
from runtime.settings import env_file, get_settings
from webadmin.panel.support import render
from webadmin.permissions import requires

blueprint = Blueprint("server", __name__)
PARTS = {"login": _l("Logins"), "accounting": _l("Accounting")}


@blueprint.get("/settings/server")
@requires("manage_installation")
def index() -> ResponseReturnValue:
    """The server as the environment has set it up."""
    return render("panel/settings/server.html", server=facts(get_settings()), parts=PARTS, file=env_file())
