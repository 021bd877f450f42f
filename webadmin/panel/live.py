"""Pages that update themselves: the parts that changed are told over one open answer (server-sent events).

An open answer holds a thread of the server, so there are only so many at once, and each ends after a while; the
browser then asks again. Who comes when there is no room is told everything once and asked to come back in some
seconds: the page is slower, never dead. What is told and how often is the page's.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from flask import Response, g, stream_with_context
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from runtime.logs import get_logger
from webadmin.database import session as db

# Half of a server process's threads; the other half answers pages.
AT_ONCE = 8
# Also how long somebody is still told something whose session was ended meanwhile.
LONGEST_S = 12.0
EVERY_S = 2.0
AGAIN_MS, AGAIN_WITHOUT_ROOM_MS = 500, 5000
_room = threading.BoundedSemaphore(AT_ONCE)
log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """HTML for the element that has the open answer, or for the element with the id `name`."""

    html: str
    name: str = ""


def told(look: Callable[[int], Iterable[Part]]) -> Response:
    """The open answer: `look` is asked every `EVERY_S` seconds with the number of the turn, from 0."""
    answer = Response(stream_with_context(_told(look)), mimetype="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    # A proxy that collects an answer before it passes it on would show nothing until the end.
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _told(look: Callable[[int], Iterable[Part]]) -> Iterator[str]:
    has_room = _room.acquire(blocking=False)
    try:
        yield f"retry: {AGAIN_MS if has_room else AGAIN_WITHOUT_ROOM_MS}\n\n"
        yield from _turns(look, until_s=time.monotonic() + LONGEST_S if has_room else 0.0)
    except HTTPException:
        # What the page is about is gone: asking again, the browser is told so.
        return
    except SQLAlchemyError as error:
        log.warning("live figures broke off", error=str(error))
    finally:
        if has_room:
            _room.release()


def _turns(look: Callable[[int], Iterable[Part]], *, until_s: float) -> Iterator[str]:
    last: dict[str, str] = {}
    for turn in count():
        # Every turn has a moment of its own, and a connection to the database for no longer than it takes.
        g.pop("now", None)
        for part in look(turn):
            if last.get(part.name) != part.html:
                last[part.name] = part.html
                yield _event(part)
        db().rollback()
        if time.monotonic() + EVERY_S > until_s:
            return
        # Written even when nothing changed, for only so a reader who went away is noticed.
        yield ":\n\n"
        time.sleep(EVERY_S)


def _event(part: Part) -> str:
    head = f"event: {part.name}\n" if part.name else ""
    return head + "".join(f"data: {line}\n" for line in part.html.splitlines()) + "\n"
