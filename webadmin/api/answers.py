"""Which refusals each operation can answer with, told in the document by its shape: none hides behind a `default`.

What an operation answers when it does its work, the operation says itself.
"""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from webadmin.api import versions

# A database that is away is told as 503; a 500 is a mistake of ours, and no part of what is promised.
_EVERY = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_OF_A_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
Json = dict[str, Any]


def describe(paths: Mapping[str, Json], reference: Callable[[str], Json]) -> None:
    """Add to every operation the answers of `refusals`, each as what `reference` makes of its name."""
    for path, item in paths.items():
        for method, operation in item.items():
            if method != "parameters":
                for status in refusals(path, method, operation):
                    operation["responses"].setdefault(str(status.value), reference(status.name))


def refusals(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[HTTPStatus]:
    """What an operation may answer instead of doing its work."""
    taken = {(one["in"], one["name"]) for one in operation.get("parameters", ())}
    yield from _EVERY
    if "{" in path:
        yield HTTPStatus.NOT_FOUND
    if "requestBody" in operation:
        yield from _OF_A_BODY
    if method != "get":
        # Against what is so, at the wrong moment; a body or a header that it does not take.
        yield from (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
    if any(place == "query" for place, _name in taken):
        # A filter may name a row that is not there.
        yield from (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
    if ("header", versions.IF_MATCH) in taken:
        yield HTTPStatus.PRECONDITION_FAILED
