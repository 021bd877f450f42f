"""`fields=`: an answer with only the fields that were asked for, and what a view need not fetch for it.

Works for every GET that answers JSON by a schema: of a list it narrows the items, of a single row the row.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, TypeVar

from flask import Response, g, jsonify, request
from marshmallow import Schema
from marshmallow import fields as kinds
from marshmallow.utils import is_iterable_but_not_string

from bss.failure import Invalid, Problem

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
ARGUMENT = "fields"
VERSION = "version"
MAX_TEXT = 4000
DOC = "narrowing"


def narrowed(view: ViewT, schema: type[Schema]) -> ViewT:
    """The view, answering with the asked fields of this schema only."""
    names = names_of(schema)
    has_version = VERSION in names and not _is_list(schema)

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if request.method not in ("GET", "HEAD"):
            return view(*args, **kwargs)
        g.asked_fields = asked = _asked(names)
        result = view(*args, **kwargs)
        # The version is in the ETag, whether it is shown or not.
        g.row_version = _version_of(result) if has_version else None
        return result if asked is None or isinstance(result, Response) else jsonify(_shape(schema, asked).dump(result))

    described: Any = wrapper
    described._apidoc = {**getattr(wrapper, "_apidoc", {}), DOC: list(names)}
    narrow: ViewT = described
    return narrow


def wants(*names: str) -> bool:
    """Whether the answer of this request will show one of these fields, so that a view may leave out the work."""
    asked: frozenset[str] | None = g.get("asked_fields")
    return asked is None or not asked.isdisjoint(names)


@lru_cache(maxsize=256)
def names_of(schema: type[Schema]) -> tuple[str, ...]:
    """The fields that can be asked for: those of the items where the schema is a list's."""
    own = schema().fields
    item = _item_of(own)
    return tuple(item.fields if item is not None else own)


def parameter(names: list[str]) -> dict[str, Any]:
    """How the document describes the argument."""
    return {
        "name": ARGUMENT,
        "in": "query",
        "description": "only these fields, separated by commas",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": {"type": "string", "enum": names}, "minItems": 1, "uniqueItems": True},
    }


def _asked(names: tuple[str, ...]) -> frozenset[str] | None:
    given = request.args.getlist(ARGUMENT)
    if not given:
        return None
    asked = [name.strip() for name in ",".join(given)[:MAX_TEXT].split(",")]
    unknown = sorted(set(asked) - set(names))
    if unknown:
        reason = f"{unknown[0][:60]!r} is no field of this answer"
        raise Invalid(Problem(field=ARGUMENT, reason=reason, mend=f"choose from {', '.join(names)}"))
    return frozenset(asked)


def _version_of(row: Any) -> Any:
    return row.get(VERSION) if isinstance(row, Mapping) else getattr(row, VERSION, None)


def _is_list(schema: type[Schema]) -> bool:
    return _item_of(schema().fields) is not None


@lru_cache(maxsize=512)
def _shape(schema: type[Schema], asked: frozenset[str]) -> Schema:
    if not _is_list(schema):
        return schema(only=asked)
    kept = {name for name in schema().fields if name != "items"}
    return schema(only=kept | {f"items.{name}" for name in asked})


def _item_of(own: dict[str, Any]) -> Schema | None:
    items = own.get("items")
    if "pagination" not in own or not isinstance(items, kinds.List) or not isinstance(items.inner, kinds.Nested):
        return None
    inner = items.inner.schema
    return inner if is_iterable_but_not_string(inner.fields) else None
