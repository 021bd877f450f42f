"""The OpenAPI document and a page to read it on, from our own files under the panel's strict content policy."""

import json
from pathlib import Path

from flask import Blueprint, Flask, Response, render_template
from flask.typing import ResponseReturnValue

from webadmin.api.base import PREFIX, Api
from webadmin.permissions import public

HERE = Path(__file__).resolve().parent


def register_docs(app: Flask, api: Api) -> None:
    """Serve the document as it is now complete: call it after every blueprint is registered."""
    blueprint = Blueprint(
        "api_docs",
        __name__,
        url_prefix=PREFIX,
        static_folder=str(HERE / "static"),
        static_url_path="/docs/static",
        template_folder=str(HERE / "templates"),
    )
    document = json.dumps(api.spec.to_dict(), indent=1)

    @blueprint.get("/openapi.json")
    @public
    def openapi_json() -> ResponseReturnValue:
        return Response(document, mimetype="application/json")

    @blueprint.get("/docs")
    @public
    def page() -> ResponseReturnValue:
        return render_template("api_docs.html")

    app.register_blueprint(blueprint)
