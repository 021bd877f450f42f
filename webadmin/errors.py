"""One table from what can go wrong to what the caller is told: RFC 9457 for the API, a page for people.

No stack trace, SQL or secret leaves the server; what nobody expected is logged with the request's id, which the answer
shows too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from jinja2 import TemplateNotFound
from markupsafe import escape
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from bss.failure import Conflict, Failure, Invalid, NotFound, StaleVersion, TooMany
from domain.lifecycle import IllegalMove
from runtime.logs import get_logger

# What is wrong with the request and not with us: the frame can still be drawn.
_FRAMED = frozenset({403, 404, 405, 409, 422})
API_PREFIX = "/api/"
PROBLEM_JSON = "application/problem+json"
log = get_logger("webadmin.errors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the caller is told: a status, a word for programs, a sentence for people, and the fields concerned."""

    status: int
    code: str
    detail: str
    fields: tuple[Mapping[str, str], ...] = ()


_FAILURES: tuple[tuple[type[Failure], int, str], ...] = (
    (NotFound, 404, "not_found"),
    (StaleVersion, 409, "stale_version"),
    (Conflict, 409, "conflict"),
    (Invalid, 422, "invalid"),
    (TooMany, 429, "rate_limited"),
)
_HTTP_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
}
_HTTP_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is too large.",
    415: "Send JSON, with Content-Type: application/json.",
    422: "Some values cannot be accepted; see errors.",
    429: "Too many requests; wait as long as Retry-After says.",
}


def init_errors(app: Flask) -> None:
    """Answer every error of the application from the table; call it after the API is registered."""
    for kind in (Failure, IllegalMove, HTTPException, StaleDataError, OperationalError, PoolTimeout, DataError):
        app.register_error_handler(kind, handle)
    app.register_error_handler(Exception, handle)


def handle(error: Exception) -> ResponseReturnValue:
    """The answer to an error, in the shape that this caller reads."""
    if isinstance(error, HTTPException) and error.response is not None:
        return Response.force_type(error.get_response())
    answer = answer_for(error)
    _log(error, answer)
    response = problem(answer) if request.path.startswith(API_PREFIX) else _page(answer)
    for name, value in _headers_of(error):
        response.headers[name] = value
    return response


def _log(error: Exception, answer: Answer) -> None:
    if answer.status < 500:
        return
    if answer.status == 503:
        # A database that is away is no bug: its own words say enough, and every request says them again.
        reason = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        log.error("the database does not answer", path=_path(), method=request.method, reason=reason)
        return
    log.error("request failed", path=_path(), method=request.method, exc_info=error)


def _path() -> str:
    """The address for the log; of a page whose address is its key, only its form."""
    rule = request.url_rule
    return request.path if rule is None or not rule.rule.startswith("/pay/") else rule.rule


def answer_for(error: Exception) -> Answer:
    """What an error means to the caller."""
    if isinstance(error, IllegalMove):
        return Answer(status=409, code="illegal_move", detail=_sentence(str(error)))
    if isinstance(error, Failure):
        return _answer_for_failure(error)
    if isinstance(error, HTTPException):
        return _answer_for_http(error)
    if isinstance(error, StaleDataError):
        return Answer(status=409, code="stale_version", detail="Somebody else saved this meanwhile; load it again.")
    if isinstance(error, DataError):
        return Answer(status=422, code="invalid", detail="A value is outside what can be stored.")
    if isinstance(error, OperationalError | PoolTimeout):
        return Answer(status=503, code="unavailable", detail="The database does not answer; try again in a moment.")
    return Answer(status=500, code="internal", detail="Something went wrong on our side; it was logged.")


def problem(answer: Answer) -> Response:
    """The answer as RFC 9457 problem details."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(answer.status).phrase,
        "status": answer.status,
        "code": answer.code,
        "detail": answer.detail,
        "request_id": g.get("request_id", ""),
    }
    if answer.fields:
        body["errors"] = [dict(field) for field in answer.fields]
    response = jsonify(body)
    response.status_code, response.mimetype = answer.status, PROBLEM_JSON
    return response


def _page(answer: Answer) -> Response:
    title = HTTPStatus(answer.status).phrase
    try:
        text = render_template(
            "errors/problem.html",
            answer=answer,
            title=title,
            request_id=g.get("request_id", ""),
            is_framed=answer.status in _FRAMED and _is_staff(),
        )
    except TemplateNotFound:
        text = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{escape(answer.detail)}</p>"
    return Response(text, status=answer.status, mimetype="text/html")


def _is_staff() -> bool:
    """Whether somebody of the staff is signed in, who finds his way on by the frame around the page."""
    return request.endpoint != "static" and current_user.is_authenticated


def _answer_for_failure(error: Failure) -> Answer:
    status, code = next((status, code) for kind, status, code in _FAILURES if isinstance(error, kind))
    if isinstance(error, StaleVersion) and "If-Match" in request.headers:
        # Who made it a condition is told that the condition failed.
        status = 412
    fields = tuple(
        {"field": item.field, "reason": item.reason, "mend": item.mend} for item in error.problems if item.field
    )
    detail = _sentence(error.problems[0].sentence()) if len(error.problems) == 1 else _HTTP_DETAILS[422]
    return Answer(status=status, code=code, detail=detail, fields=fields)


def _answer_for_http(error: HTTPException) -> Answer:
    status = error.code or 500
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    fields = tuple(_field_errors(data.get("messages") or data.get("errors") or {}))
    detail = data.get("message") or _HTTP_DETAILS.get(status) or error.description or HTTPStatus(status).phrase
    return Answer(status=status, code=_HTTP_CODES.get(status, "http_error"), detail=str(detail), fields=fields)


def _field_errors(messages: Any, path: str = "") -> Iterable[Mapping[str, str]]:
    """marshmallow's tree of messages, flattened to one entry a field; the location (json, query) is left out."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            top = not path and name in ("json", "query", "path", "headers", "form")
            yield from _field_errors(inner, "" if top else f"{path}.{name}".lstrip("."))
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _field_errors(inner, path)
    else:
        yield {"field": path.removesuffix("._schema").replace("_schema", ""), "reason": str(messages), "mend": ""}


def _headers_of(error: Exception) -> list[tuple[str, str]]:
    if not isinstance(error, HTTPException):
        return []
    wanted = ("allow", "retry-after", "www-authenticate")
    own = [(name, value) for name, value in error.get_headers() if name.lower() in wanted]
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    return own + [(str(name), str(value)) for name, value in (data.get("headers") or {}).items()]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
