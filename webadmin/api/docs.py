"""The OpenAPI document and pages to read it on, from our own files under the panel's strict content policy.

The reader's program takes long for a document of hundreds of operations: its page shows one part at a time, and the
first page lists them all.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, render_template
from flask.typing import ResponseReturnValue

from webadmin.api import examples
from webadmin.api.base import PREFIX, Api
from webadmin.permissions import public

HERE = Path(__file__).resolve().parent
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The document in the forms in which it is shown."""

    document: Json
    whole: str
    # Every part by its name, with what it is about, and with its operations.
    parts: Mapping[str, str]
    listed: Mapping[str, list[Json]]

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Told":
        """Everything that is made of the document once; fields that say no example are given one."""
        examples.fill(document)
        parts = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
        listed = {name: list(operations(document, name)) for name in parts}
        return cls(document=document, whole=json.dumps(document, indent=1), parts=parts, listed=listed)


def register_docs(app: Flask, api: Api) -> None:
    """Serve the document and its pages; it is written when the first reader comes."""
    told = cache(lambda: Told.of(api.document()))
    blueprint = Blueprint(
        "api_docs",
        __name__,
        url_prefix=PREFIX,
        static_folder=str(HERE / "static"),
        static_url_path="/docs/static",
        template_folder=str(HERE / "templates"),
    )

    @blueprint.get("/openapi.json")
    @public
    def openapi_json() -> ResponseReturnValue:
        return Response(told().whole, mimetype="application/json")

    @blueprint.get("/docs")
    @public
    def page() -> ResponseReturnValue:
        about = _paragraphs(told().document)
        return render_template("api_docs.html", parts=told().parts, listed=told().listed, about=about)

    @blueprint.get("/docs/<part>")
    @public
    def part_page(part: str) -> ResponseReturnValue:
        return render_template("api_docs_part.html", part=part if part in told().parts else abort(404))

    @blueprint.get("/openapi/<part>.json")
    @public
    def part_json(part: str) -> ResponseReturnValue:
        kept = part_of(told().document, part if part in told().parts else abort(404))
        return Response(json.dumps(kept), mimetype="application/json")

    app.register_blueprint(blueprint)


def operations(document: Json, part: str) -> Iterator[Json]:
    """Method, path, name and sentence of every operation of a part."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and part in operation.get("tags", ()):
                yield {
                    "method": method.upper(),
                    "path": path,
                    "id": operation["operationId"],
                    "says": operation["summary"],
                }


def part_of(document: Json, part: str) -> dict[str, Any]:
    """The document with the operations of one part, and of the components only what these name."""
    paths = {
        path: kept
        for path, item in document["paths"].items()
        if (kept := {key: value for key, value in item.items() if key == "parameters" or part in value["tags"]}).keys()
        - {"parameters"}
    }
    components = document["components"]
    kept_parts: dict[str, dict[str, Any]] = {"securitySchemes": components["securitySchemes"]}
    waiting = list(_references(paths))
    while waiting:
        kind, name = waiting.pop()
        if name not in kept_parts.setdefault(kind, {}):
            kept_parts[kind][name] = components[kind][name]
            waiting += _references(components[kind][name])
    tags = [tag for tag in document["tags"] if tag["name"] == part]
    return {**document, "paths": paths, "components": kept_parts, "tags": tags}


def _references(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str):
            _, _, kind, name = target.split("/")
            yield kind, name
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _paragraphs(document: Json) -> list[str]:
    """What the document says of itself, without the marks of its format."""
    text = document["info"].get("description", "")
    return [re.sub(r"\s+", " ", re.sub(r"\*\*|`|^- ", "", one)).strip() for one in re.split(r"\n\n|\n(?=- )", text)]
