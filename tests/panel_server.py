"""The panel behind a real socket, for a browser."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, cast

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wsgi import ClosingIterator

from webadmin.panel import live

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Server(ThreadedWSGIServer):
    """Its threads are waited for at the end: one that still answers has a database connection in hand."""

    daemon_threads = False


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The address under which the application answers; when it ends, nobody holds a connection of it any more."""
    listening = Server("127.0.0.1", 0, _read_whole(app))
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    # Pages that update themselves ask again and again here: an answer left open would outlive the test's database.
    usual = live.LONGEST_S, live.AGAIN_MS
    live.LONGEST_S, live.AGAIN_MS = 0.0, 1000
    try:
        yield f"http://127.0.0.1:{listening.port}"
    finally:
        live.LONGEST_S, live.AGAIN_MS = usual
        listening.shutdown()
        thread.join(timeout=10)
        listening.server_close()
        app.extensions["lintas_engine"].dispose()


def _read_whole(app: "WSGIApplication") -> "WSGIApplication":
    """Answers read to their end and closed: this server leaves a file open whose browser has gone away meanwhile.

    Live figures have no end to be read to; they hold no file.
    """

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        parts = cast(ClosingIterator, app(environ, start_response))
        if environ.get("HTTP_ACCEPT") == "text/event-stream":
            return parts
        with closing(parts):
            return [b"".join(parts)]

    return answer
