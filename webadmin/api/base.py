"""What every part of the API shares: the strict parser, the blueprint with its permission mark, pages and results."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

from flask import Flask, current_app, request
from flask_smorest import Api as SmorestApi  # type: ignore[import-untyped]
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import RAISE, Schema, fields, validate
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.outcome import Effect
from db.models import Tenant
from db.queries.paging import MAX_PAGE, MAX_PAGE_SIZE, PAGE_SIZE, BadCursor, Page, Wanted
from runtime.logs import get_logger
from webadmin import database, security
from webadmin.api import answers, idempotency, narrowing, versions
from webadmin.errors import PROBLEM_JSON
from webadmin.permissions import requires, signed_in

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
PREFIX = "/api/v1"
# A plan's edit can concern thousands of sessions: the answer names so many of them, and counts all.
MAX_IDS_SHOWN = 1000
MAX_ID = 2**63 - 1

log = get_logger("webadmin.api")


class StrictParser(FlaskParser):
    """Refuses what it does not know: a misspelt field or filter is an error, not silence."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, Any] = dict.fromkeys(("json", "query", "form", "headers", "path"), RAISE)

    def load_json(self, req: Any, schema: Schema) -> Any:
        """The body; with If-Match the version that it names."""
        given = super().load_json(req, schema)
        if "version" not in schema.fields:
            return given
        return versions.with_version({} if given is missing and versions.IF_MATCH in req.headers else given)

    def load_querystring(self, req: Any, schema: Schema) -> Any:
        """The arguments in the address, without `fields`, which every answer takes."""
        given: MultiDict[str, Any] = MultiDict(req.args)
        if narrowing.ARGUMENT not in schema.fields:
            given.poplist(narrowing.ARGUMENT)
        version = versions.expected_version() if "version" in schema.fields else None
        if version is not None:
            given = MultiDict(versions.with_version(given.to_dict()))
        return MultiDictProxy(given, schema)


class FieldProblem(Schema):
    """One field of a request that cannot be accepted."""

    field = fields.String(metadata={"description": "the field as the request names it", "example": "username"})
    reason = fields.String(metadata={"example": "is taken"})
    mend = fields.String(metadata={"example": "choose another"})


class ProblemSchema(Schema):
    """Problem details after RFC 9457."""

    type = fields.String(metadata={"example": "about:blank"})
    title = fields.String(metadata={"example": "Conflict"})
    status = fields.Integer(metadata={"example": 409})
    code = fields.String(metadata={"description": "one word for programs", "example": "conflict"})
    detail = fields.String(metadata={"description": "a sentence for people", "example": "Username is taken."})
    request_id = fields.String(metadata={"description": "names this request in the server's log"})
    errors = fields.List(fields.Nested(FieldProblem))


class Api(SmorestApi):  # type: ignore[misc]
    """flask-smorest with our error shape, and without its own error handler: `webadmin.errors` answers everything."""

    ERROR_SCHEMA = ProblemSchema
    # Every refusal is told by its own status.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._undescribed: list[tuple[SmorestBlueprint, str, Any]] = []
        self._describing = Lock()
        super().__init__(*args, **kwargs)

    def register_blueprint(self, blp: SmorestBlueprint, *, parameters: Any = None, **options: Any) -> None:
        """flask-smorest's, but described when somebody asks for the document: most applications are never asked."""
        name = options.get("name", blp.name)
        self._app.extensions["flask-smorest"]["blp_name_to_api"][name] = self
        self._app.register_blueprint(blp, **options)
        self._undescribed.append((blp, name, parameters))

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of every blueprint. Takes a good part of a second the first time."""
        with self._describing:
            for blueprint, name, parameters in self._undescribed:
                blueprint.register_views_in_doc(self, self._app, self.spec, name=name, parameters=parameters)
                self.spec.tag({"name": name, "description": blueprint.description})
            self._undescribed.clear()
            paths = self.spec.to_dict()["paths"]
            answers.describe(paths, lambda name: self.spec.components.get_ref("response", name))
            document: dict[str, Any] = {**self.spec.to_dict(), "paths": paths}
            return document

    def _register_error_handlers(self) -> None:
        """Nothing: one table answers for panel and API alike."""

    def _register_responses(self) -> None:
        # Every response registered here is an error; the attribute is read while they are.
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_JSON
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A part of the API. Every route says what it needs, in the code and in the document alike."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_describe_carriage)

    def arguments(self, schema: Any, **more: Any) -> Callable[[ViewT], ViewT]:
        """flask-smorest's, noting whether a version can be expected."""
        decorate = super().arguments(schema, **more)
        takes_version = "version" in (schema() if isinstance(schema, type) else schema).fields

        def noted(view: ViewT) -> ViewT:
            decorated: Any = decorate(view)
            if takes_version:
                decorated._apidoc = {**decorated._apidoc, versions.DOC: True}
            done: ViewT = decorated
            return done

        return noted

    def response(self, status_code: int, schema: Any = None, **more: Any) -> Callable[[ViewT], ViewT]:
        """flask-smorest's, for a GET with only the fields that are asked for."""
        decorate = super().response(status_code, schema, **more)
        if status_code != 200 or not (isinstance(schema, type) and issubclass(schema, Schema)):
            return decorate  # type: ignore[no-any-return]

        def narrowed(view: ViewT) -> ViewT:
            done: ViewT = decorate(narrowing.narrowed(view, schema))
            return done

        return narrowed

    def needs(self, code: str) -> Callable[[ViewT], ViewT]:
        """The route is for tokens that hold the permission."""
        return self._secured(requires(code), code)

    def for_any_token(self) -> Callable[[ViewT], ViewT]:
        """The route is for every valid token."""
        return self._secured(signed_in, None)

    def _secured(self, mark: Callable[[Any], Any], code: str | None) -> Callable[[ViewT], ViewT]:
        extra: dict[str, Any] = {"x-permission": code} if code else {}
        doc = self.doc(security=[{"bearer": []}], **extra)

        def decorate(view: ViewT) -> ViewT:
            # Its name in programs made from the document: the view's own.
            named = self.doc(operationId=view.__name__.replace("_", "-"))
            documented: ViewT = named(doc(mark(_carried(view))))
            return documented

        return decorate


def _carried(view: ViewT) -> ViewT:
    """The view with what HTTP asks of every one: ETags of what is read, changes once only and at the right version."""
    takes_version = bool(getattr(view, "_apidoc", {}).get(versions.DOC))

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        def answer() -> Any:
            return current_app.make_response(view(*args, **kwargs))

        if request.method in ("GET", "HEAD"):
            return versions.answered(answer)
        if not takes_version:
            versions.refuse_if_match()
        return idempotency.once(answer) if request.method == "POST" else answer()

    carried: Any = wrapper
    done: ViewT = carried
    return done


def _describe_carriage(doc: dict[str, Any], doc_info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Say in the document what `_carried` does."""
    extra: list[dict[str, Any]] = []
    names = doc_info.get(narrowing.DOC)
    if method == "get" and names:
        extra += [narrowing.parameter(names), _HEADERS["If-None-Match"]]
        doc.setdefault("responses", {})["304"] = {"description": "It is as it was when this ETag was given."}
    if method == "post":
        extra.append(_HEADERS["Idempotency-Key"])
    if method != "get" and doc_info.get(versions.DOC):
        extra.append(_HEADERS[versions.IF_MATCH])
    if extra:
        doc["parameters"] = [*doc.get("parameters", []), *extra]
    return doc


_HEADERS: Mapping[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "name": idempotency.HEADER,
        "in": "header",
        "description": "a key of your own: sent again with the same request within 24 hours, the first answer comes"
        " back and nothing is done twice",
        "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_KEY},
    },
    versions.IF_MATCH: {
        "name": versions.IF_MATCH,
        "in": "header",
        "description": "the ETag of the row as it was read: 412 if somebody saved it meanwhile",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "the ETag of an answer that you have",
        "schema": {"type": "string"},
    },
}


class PageArguments(Schema):
    """Where in a list: by page, or by the `next_cursor` of the answer before."""

    page = fields.Integer(
        load_default=1, validate=validate.Range(1, MAX_PAGE), metadata={"description": "from 1; ignored with a cursor"}
    )
    page_size = fields.Integer(load_default=PAGE_SIZE, validate=validate.Range(1, MAX_PAGE_SIZE))
    cursor = fields.String(
        validate=validate.Length(1, 1000), metadata={"description": "`next_cursor` of the page before; for long lists"}
    )


class Pagination(Schema):
    """Where this part of the list lies."""

    page = fields.Integer(allow_none=True, metadata={"example": 1})
    page_size = fields.Integer(metadata={"example": 20})
    total_items = fields.Integer(metadata={"example": 412})
    total_pages = fields.Integer(metadata={"example": 21})
    is_total_exact = fields.Boolean(
        metadata={"description": "false when a search finds more than `total_items`, which nobody counted"}
    )
    next_cursor = fields.String(allow_none=True, metadata={"description": "null on the last page"})


class SessionChanges(Schema):
    """Changes of running sessions that were ordered; `GET /session-changes/{id}` tells what the router answered."""

    count = fields.Integer(metadata={"example": 1})
    ids = fields.List(fields.Integer(), metadata={"description": f"at most {MAX_IDS_SHOWN}", "example": [90210]})


def list_schema(item: type[Schema], *, name: str, summary: Schema | None = None) -> type[Schema]:
    """The schema of a list of `item`: items, pagination, summary."""
    members: dict[str, Any] = {
        "items": fields.List(fields.Nested(item)),
        "pagination": fields.Nested(Pagination),
        "summary": fields.Nested(summary) if summary else fields.Dict(),
    }
    return Schema.from_dict(members, name=name)


def result_schema(member: str, item: type[Schema], *, name: str) -> type[Schema]:
    """The schema of what an action answers: a sentence, the ordered changes of sessions, and the row."""
    members: dict[str, Any] = {
        "message": fields.String(metadata={"example": "Suspended; 1 session will be disconnected."}),
        "session_changes": fields.Nested(SessionChanges),
        member: fields.Nested(item),
    }
    return Schema.from_dict(members, name=name)


def sort_field(keys: Mapping[str, Any], default: str) -> fields.String:
    """The `sort` argument of a list: one of its keys, "-" before it for descending."""
    allowed = [prefix + key for key in keys for prefix in ("", "-")]
    return fields.String(load_default=default, validate=validate.OneOf(allowed))


def wanted_part(arguments: dict[str, Any]) -> Wanted:
    """Take sort, page and cursor out of the arguments; what is left are the list's filters."""
    return Wanted(
        sort=arguments.pop("sort"),
        page=arguments.pop("page"),
        page_size=arguments.pop("page_size"),
        cursor=arguments.pop("cursor", None),
    )


def page_of(ask: Callable[[], Page[Any]]) -> Page[Any]:
    """Run a list query; a foreign cursor is that argument's problem."""
    try:
        return ask()
    except BadCursor as error:
        mend = "leave it out to start at the beginning"
        raise Invalid(Problem(field="cursor", reason=f"is {error}", mend=mend)) from None


def as_list(page: Page[Any], *, summary: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page as the list schemas dump it."""
    return {"items": page.items, "pagination": page, "summary": dict(summary or {})}


def as_whole_list(items: Sequence[Any]) -> dict[str, Any]:
    """A list that is never long, as the list schemas dump it: one page with everything."""
    page = {
        "page": 1,
        "page_size": max(1, len(items)),
        "total_items": len(items),
        "total_pages": 1,
        "is_total_exact": True,
        "next_cursor": None,
    }
    return {"items": items, "pagination": page, "summary": {}}


def as_result(what: str, effect: Effect, **row: Any) -> dict[str, Any]:
    """An action's answer: what was done, what follows on the network, the row."""
    return {
        "message": f"{what}; {effect}.",
        "session_changes": {"count": effect.sessions, "ids": list(effect.change_ids[:MAX_IDS_SHOWN])},
        **row,
    }


def acting() -> dict[str, Any]:
    """The arguments that every use-case takes."""
    return {"session": database.session(), "actor": security.current_actor(), "now": security.now()}


def tenant_id() -> int:
    """The tenant of this request's token."""
    return actor().tenant_id


def actor() -> Actor:
    """Who acts in this request."""
    return security.current_actor()


def tenant() -> Tenant:
    """The provider of this request's token."""
    return database.session().get_one(Tenant, tenant_id())


def init_api(app: Flask) -> Api:
    """The document's head."""
    app.config.update(
        API_TITLE="Lintas",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": _ABOUT},
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": "`lts_…`, made under API tokens"}
                }
            },
        },
    )
    return Api(app)


def refuse_body() -> None:
    """Stop a request that sends a body to an action without arguments; a misplaced field must not be lost."""
    if request.content_length:
        raise Invalid(Problem(field="", reason="this action takes no body", mend="send it empty"))


_ABOUT = """\
Customers, plans, subscriptions, routers and live sessions of an internet provider.

- **Authentication**: `Authorization: Bearer lts_…`. A token does what its scopes and its owner's roles both allow.
- **Money** is a decimal string (`"150000.00"`), speeds are `*_kbps` integers from the customer's side, volumes are
  `*_bytes` integers, times are ISO 8601 in UTC.
- **Lists** are `{"items", "pagination", "summary"}`; follow `next_cursor` through long ones.
- **Errors** are `application/problem+json` (RFC 9457) with `errors` per field. Unknown fields are refused.
- **Live sessions**: an action answers at once with the changes it ordered (`session_changes`); what the router said
  stands under `/session-changes/{id}` a moment later.
- **Versions**: send back the `version` you read and a change made meanwhile by somebody else is a 409, not lost; or
  send the `ETag` as `If-Match`, then it is a 412. `If-None-Match` spares an answer that you have (304).
- **Less**: `fields=id,name` answers with these fields only, in lists and single rows.
- **Once only**: every POST takes an `Idempotency-Key`. Sent again within 24 hours with the same request, the first
  answer comes back (`Idempotency-Replayed: true`); with another request it is a 422, while the first is at work a 409.
- **Webhooks** tell a program of yours what happens instead of it asking: `POST /webhooks`. `WebhookOut` says how a call
  is signed, `WebhookMessage` what it holds.
- **Python**: `scripts/api-client` writes a typed client from this document, one file that needs nothing but Python.
"""
