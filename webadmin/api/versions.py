"""ETag, If-None-Match and If-Match: what has not changed is not sent again, a row that has is not overwritten.

An ETag is a digest of the answer; of a row that carries a `version` it begins with it. So an answer counts as the same
only when all of it is, and If-Match asks only whether somebody else has saved the row meanwhile.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, g, request

from bss.failure import Invalid, Problem, StaleVersion

DOC = "versioned"
IF_MATCH = "If-Match"
_DIGITS = 16
_MAX_TAGS = 1000
_TAG = re.compile(rf'"(?:(?P<version>[1-9][0-9]{{0,9}})-)?[0-9a-f]{{{_DIGITS}}}"')


def answered(view: Callable[[], Any]) -> Any:
    """The answer to a GET with its ETag; 304 without a body where the client has it already."""
    response = view()
    if not isinstance(response, Response) or not _has_tag(response):
        return response
    tag = _tag_of(response)
    response.headers["ETag"] = tag
    if _is_known(tag):
        response.set_data(b"")
        response.status_code = 304
        for name in ("Content-Type", "Content-Length"):
            response.headers.pop(name, None)
    return response


def expected_version() -> int | None:
    """The version that If-Match names; None without the header or with `*`. Raises `StaleVersion` for a foreign tag."""
    given = request.headers.get(IF_MATCH, "").strip()[:_MAX_TAGS]
    if given in ("", "*"):
        return None
    found = _TAG.fullmatch(given)
    if found is None or found["version"] is None:
        mend = "send the ETag of the row as it was read"
        raise StaleVersion(Problem(field=IF_MATCH, reason="is no ETag of this row", mend=mend))
    return int(found["version"])


def with_version(given: Any) -> Any:
    """The arguments of a change, with the version that If-Match names."""
    version = expected_version()
    if version is None or not isinstance(given, Mapping):
        return given
    if given.get("version", version) not in (version, str(version)):
        mend = "send one of them"
        raise Invalid(Problem(field="version", reason="is another than If-Match says", mend=mend))
    return {**given, "version": version}


def refuse_if_match() -> None:
    """Where nothing has a version, If-Match would be silently lost."""
    if IF_MATCH in request.headers:
        mend = "leave it out"
        raise Invalid(Problem(field=IF_MATCH, reason="is not looked at here", mend=mend))


def _has_tag(response: Response) -> bool:
    return response.status_code == 200 and response.is_json and not response.is_streamed


def _tag_of(response: Response) -> str:
    digest = hashlib.sha256(response.get_data()).hexdigest()[:_DIGITS]
    version = g.get("row_version")
    return f'"{version}-{digest}"' if isinstance(version, int) else f'"{digest}"'


def _is_known(tag: str) -> bool:
    known = request.headers.get("If-None-Match", "")[:_MAX_TAGS]
    return known.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in known.split(","))
