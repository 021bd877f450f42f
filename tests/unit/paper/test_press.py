"""The process that prints: same bytes for the same pages, nothing read from outside, an end to everything."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from paper.press import MAX_PARTS, Press, TooMuch, TooSlow

PAGE = "<html lang=en><title>x</title><body style='font-family: DejaVu Sans'><h1>Kuitansi Rp 5.000</h1></body></html>"


@pytest.fixture
def press() -> Iterator[Press]:
    made = Press()
    yield made
    made.close()


@pytest.fixture
def visited() -> Iterator[tuple[str, list[str]]]:
    """A server that notes what is asked of it."""
    paths: list[str] = []

    class Notes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    server = HTTPServer(("127.0.0.1", 0), Notes)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_the_same_pages_are_the_same_bytes_also_from_another_process(press: Press) -> None:
    first = press.pdf([PAGE])
    again = press.pdf([PAGE])
    press.close()

    assert first.startswith(b"%PDF-")
    assert first == again == press.pdf([PAGE])


def test_no_page_reads_a_file_or_asks_a_server(press: Press, tmp_path: Path, visited: tuple[str, list[str]]) -> None:
    url, paths = visited
    secret = tmp_path / "secret.css"
    secret.write_text("body { color: red }")
    page = (
        f"<link rel=stylesheet href='{url}/a.css'><link rel=stylesheet href='file://{secret}'>"
        f"<style>@import '{url}/b.css'; body {{ background: url({url}/c.png) }}"
        f" @font-face {{ font-family: x; src: url({url}/d.ttf) }} p {{ font-family: x }}</style>"
        f"<img src='{url}/e.png'><img src='file://{secret}'><img src='{secret}'>"
        f"<link rel=attachment href='file://{secret}'><object data='{url}/f'></object>"
        f"<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}/g.png'/>"
        '</svg>"><p>x'
    )

    printed = press.pdf([page])

    assert printed.startswith(b"%PDF-")
    assert paths == []
    assert b"EmbeddedFile" not in printed
    assert secret.read_bytes() not in printed


def test_a_page_that_takes_too_long_is_given_up_and_the_next_one_is_printed() -> None:
    press = Press(part_deadline_s=0.02)
    try:
        with pytest.raises(TooSlow):
            press.pdf(["<table>" + "<tr>" + "<td>x" * 400 + "</table>"])
        press._part_deadline_s = 20
        assert press.pdf([PAGE]).startswith(b"%PDF-")
    finally:
        press.close()


@pytest.mark.parametrize("parts", [[], [PAGE] * (MAX_PARTS + 1), ["x" * (25 * 1024 * 1024)]])
def test_more_than_may_be_printed_is_refused_before_anything_starts(press: Press, parts: list[str]) -> None:
    with pytest.raises(TooMuch):
        press.pdf(parts)
    assert press._process is None


def test_a_process_that_grew_over_a_large_document_is_not_kept(press: Press) -> None:
    assert press.pdf([f"<!-- {'x' * (1024 * 1024)} -->" + PAGE]).startswith(b"%PDF-")
    assert press._process is None


def test_each_finished_part_is_told_in_order(press: Press) -> None:
    told: list[int] = []
    press.pdf([PAGE] * 3, told=told.append)

    assert told == [1, 2, 3]


def test_several_who_print_at_once_each_get_their_own(press: Press) -> None:
    pages = [PAGE.replace("5.000", str(number)) for number in range(6)]
    alone = [press.pdf([page]) for page in pages]

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda page: press.pdf([page]), pages))

    assert together == alone


def test_who_waits_too_long_for_the_turn_is_told_so() -> None:
    press = Press(turn_deadline_s=0.01)
    with press._turn, pytest.raises(TooSlow, match="others are printing"):
        press.pdf([PAGE])


def test_a_process_that_was_killed_is_replaced(press: Press) -> None:
    first = press.pdf([PAGE])
    assert press._process is not None
    press._process.kill()
    press._process.wait(5)

    assert press.pdf([PAGE]) == first


def test_what_a_callback_raises_leaves_the_press_usable(press: Press) -> None:
    def fails(_: int) -> None:
        raise KeyError("nobody wants it any more")

    with pytest.raises(KeyError, match="nobody wants it"):
        press.pdf([PAGE, PAGE], told=fails)
    assert press.pdf([PAGE]).startswith(b"%PDF-")
