"""Holds every answer of the API that a test sees against the document: a status that it does not name is a defect."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request

_DOCUMENTED: dict[tuple[str, str], frozenset[str]] = {}


def watch(app: Flask) -> list[str]:
    """What the application answers from now on that its document does not name, in words; filled as requests come."""
    found: list[str] = []

    def look(response: Response) -> Response:
        known = _of(app).get(_operation())
        # A 500 is a mistake, and looked for by every test by itself.
        if known is not None and str(response.status_code) not in known | {"500"}:
            method, path = _operation()
            found.append(f"{method} {path} answered {response.status_code}: {response.get_data(as_text=True)[:300]}")
        return response

    app.after_request(look)
    return found


def _operation() -> tuple[str, str]:
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method.lower(), re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)


def _of(app: Flask) -> Mapping[tuple[str, str], frozenset[str]]:
    """The documented statuses by method and path; the same for every application of this process."""
    if not _DOCUMENTED:
        blueprints: dict[str, Any] = app.extensions["flask-smorest"]["blp_name_to_api"]
        for path, item in next(iter(blueprints.values())).document()["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    _DOCUMENTED[method, path] = frozenset(map(str, operation["responses"]))
    return _DOCUMENTED
