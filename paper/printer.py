"""The process that turns HTML into PDF: started by `paper.press`, and ended by it when it takes too long.

It opens no file and no connection that a page names: only what lies in the page itself (`data:`) is read. The same
pages always give the same bytes, because no clock and no chance gets into them.
"""

import json
import os
import resource
import sys
from typing import Any, BinaryIO

from weasyprint import HTML  # type: ignore[import-untyped]
from weasyprint.urls import URLFetcher  # type: ignore[import-untyped]

from paper.frames import receive, send

PART, PDF, FAILED = b"+", b"P", b"!"
# A sheet of two thousand vouchers takes a quarter of this.
MAX_MEMORY_BYTES = 2 * 1024**3
ONLY_INSIDE = URLFetcher(allowed_protocols={"data"}, allow_redirects=False)


def main() -> None:
    """Print what comes in until the other side closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    # Whatever a library prints must not get between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (asked := receive(sys.stdin.buffer)) is not None:
        _answer(answers, json.loads(asked))


def _answer(answers: BinaryIO, parts: list[str]) -> None:
    try:
        send(answers, PDF + pdf(parts, answers))
    # Whatever is wrong with a page, the next one may be right.
    except Exception as error:  # noqa: BLE001
        send(answers, FAILED + f"{type(error).__name__}: {error}"[:500].encode())


def pdf(parts: list[str], answers: BinaryIO) -> bytes:
    """One PDF of all parts; each begins on a page of its own, and is told when it is laid out."""
    documents: list[Any] = []
    for text in parts:
        documents.append(HTML(string=text, url_fetcher=ONLY_INSIDE, base_url=None).render(cache={}))
        send(answers, PART)
    pages = [page for document in documents for page in document.pages]
    written: bytes = documents[0].copy(pages).write_pdf()
    return written


if __name__ == "__main__":
    main()
