"""`Idempotency-Key`: a request that is sent again is answered as before and not carried out again.

The key, what was asked and the answer are written in the transaction of the change itself, so they are kept exactly
when the change is. A view's commit is therefore held back until its answer is there. A view that talks to somebody else
in between commits on its own; then the key says for a while that the request is being carried out.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage

from bss.failure import Conflict, Invalid, Problem
from db.engine import psycopg_of
from db.queries import idempotency as kept
from webadmin import database, security

HEADER = "Idempotency-Key"
MAX_KEY = 100
KEPT = timedelta(hours=24)
# A request that has neither ended nor failed after so long died with its server.
BUSY = timedelta(minutes=2)
MAX_BODY = 256 * 1024
_HEADERS = ("Content-Type", "Location", "ETag")


def presented() -> str | None:
    """The key of this request; raises `Invalid` for what is none."""
    given = request.headers.get(HEADER)
    if given is not None and not (1 <= len(given) <= MAX_KEY and given.isprintable()):
        mend = f"send 1 to {MAX_KEY} printable characters"
        raise Invalid(Problem(field=HEADER, reason="is no key", mend=mend))
    return given


def once(view: Callable[[], Any]) -> Any:
    """The view's answer, or the kept one of the same request."""
    key = presented()
    if key is None:
        return view()
    asked = _fingerprint()
    known = _begin(key, asked)
    if known is not None:
        return _again(known, asked)
    row_id = kept.insert(
        _connection(), token=security.api_token(), key=key, fingerprint=asked, busy_until=security.now() + BUSY
    )
    try:
        with database.held_commit() as held:
            response = view()
        _keep(row_id, response)
        held.commit()
    except Exception:
        _forget(row_id)
        raise
    return response


def _begin(key: str, asked: str) -> kept.Kept | None:
    """What is known of the key; nobody else begins with it before this transaction ends."""
    token = security.api_token()
    if not kept.is_mine(_connection(), token_id=token.id, key=key):
        raise _busy()
    known = kept.find(_connection(), token_id=token.id, key=key)
    if known is None:
        return None
    if known.created_at <= security.now() - KEPT or (
        known.http_status is None and known.fingerprint == asked and known.busy_until <= security.now()
    ):
        kept.delete(_connection(), known.id)
        return None
    return known


def _again(known: kept.Kept, asked: str) -> Response:
    if known.fingerprint != asked:
        mend = "send a new key for a new request"
        raise Invalid(Problem(field=HEADER, reason="was sent with another request", mend=mend))
    if known.http_status is None:
        raise _busy()
    if known.body is None:
        mend = "look at what it made"
        raise Conflict(
            Problem(field=HEADER, reason="was carried out, and its answer was too long to be kept", mend=mend)
        )
    response = Response(known.body, status=known.http_status)
    response.headers.update({**known.headers, "Idempotency-Replayed": "true"})
    return response


def _busy() -> Conflict:
    reason = "is being carried out"
    return Conflict(Problem(field=HEADER, reason=reason, mend="send it again in a moment for its answer"))


def _keep(row_id: int, response: Any) -> None:
    if not isinstance(response, Response) or response.status_code >= 400:
        kept.delete(_connection(), row_id)
        return
    short = not response.is_streamed and (response.content_length or 0) <= MAX_BODY
    text = response.get_data(as_text=True) if short and _is_text(response) else None
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    kept.finish(_connection(), row_id, http_status=response.status_code, headers=headers, body=text)


def _is_text(response: Response) -> bool:
    return response.is_json or not response.content_length


def _forget(row_id: int) -> None:
    """What failed may be tried again. Where the view had not committed, the key is gone with everything else."""
    with suppress(SQLAlchemyError):
        database.session().rollback()
        kept.delete(_connection(), row_id)
        database.session().commit()


def _connection() -> Any:
    return psycopg_of(database.session())


def _fingerprint() -> str:
    """What tells this request from another, whatever the order of its parts."""
    parts = {
        "method": request.method,
        "path": request.path,
        "query": sorted(request.args.items(multi=True)),
        "if_match": request.headers.get("If-Match", ""),
        "body": _body(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _body() -> Any:
    if request.mimetype == "multipart/form-data":
        files = sorted((name, _digest(file)) for name, file in request.files.items(multi=True))
        return {"form": sorted(request.form.items(multi=True)), "files": files}
    raw = request.get_data()
    read = request.get_json(silent=True) if request.is_json else None
    return read if read is not None else hashlib.sha256(raw).hexdigest()


def _digest(file: FileStorage) -> str:
    digest = hashlib.sha256(file.stream.read()).hexdigest()
    file.stream.seek(0)
    return digest
