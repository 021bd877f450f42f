"""What the generated client stands on: one request with its token, its deadline, and errors as exceptions.

Only the standard library, so that the one file can be copied anywhere.
"""

import http.client
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Method, path with its query, headers, body: how a request is sent. Tests put their own in its place.
Send = Callable[[str, str, Mapping[str, str], bytes | None], Reply]


class Refused(Exception):
    """The API refused; `code` is a word for programs, `errors` names the fields."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[Mapping[str, str]] = list(problem.get("errors") or [])
        self.request_id = str(problem.get("request_id", ""))
        named = "; ".join(f"{one.get('field')}: {one.get('reason')}" for one in self.errors)
        super().__init__(f"{status} {self.code}: {self.detail}" + (f" ({named})" if named else ""))


class Core:
    """Sends requests to `url`, such as `https://isp.example`, with a token that was made under API tokens."""

    def __init__(self, url: str, token: str, *, timeout_s: float = 30, send: Send | None = None) -> None:
        self._token = token
        self._send = send or over_http(url, timeout_s)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: object = None,
        files: Mapping[str, object] | None = None,
    ) -> Any:
        """One request; returns JSON as Python, other answers as bytes, nothing as None. Raises `Refused`, `OSError`."""
        kind, data = _multipart(files) if files is not None else _json(body)
        sent = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        sent |= {name: value for name, value in (headers or {}).items() if value is not None}
        sent |= {"Content-Type": kind} if kind else {}
        reply = self._send(method, path + _query(query or {}), sent, data)
        return _answer(reply)

    def pages(self, operation: Callable[..., Any], *parts: object, **arguments: object) -> Iterator[Any]:
        """Every item of a list, page after page: `client.pages(client.list_customers, search="budi")`."""
        while True:
            page = operation(*parts, **arguments)
            yield from page["items"]
            following = page.get("pagination", {}).get("next_cursor")
            if not following:
                return
            arguments["cursor"] = following


def over_http(url: str, timeout_s: float) -> Send:
    """Sends over HTTP(S); each request has a connection of its own."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise ValueError(f"no address of a server: {url!r}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def send(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        connection = kind(parts.netloc, timeout=timeout_s)
        try:
            connection.request(method, parts.path.rstrip("/") + path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    return send


def _part(value: object) -> str:
    """A value as a part of a path."""
    return quote(str(value), safe="")


def _query(values: Mapping[str, object]) -> str:
    given: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            given.append((name, ",".join(str(one) for one in value)))
        elif value is not None:
            given.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return f"?{urlencode(given)}" if given else ""


def _json(body: object) -> tuple[str, bytes | None]:
    return ("", None) if body is None else ("application/json", json.dumps(body).encode())


def _multipart(files: Mapping[str, object]) -> tuple[str, bytes]:
    boundary, lines = secrets.token_hex(16), []
    for name, value in files.items():
        is_file = isinstance(value, bytes)
        more = f'; filename="{name}"\r\nContent-Type: application/octet-stream' if is_file else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        lines.append(head.encode() + (value if isinstance(value, bytes) else str(value).encode()) + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join(lines) + f"--{boundary}--\r\n".encode()


def _answer(reply: Reply) -> Any:
    kind = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
    is_json = kind.split(";")[0].strip() in ("application/json", "application/problem+json")
    told = json.loads(reply.body) if is_json and reply.body else None
    if reply.status >= 400:
        raise Refused(reply.status, told if isinstance(told, dict) else {})
    if is_json:
        return told
    return reply.body or None
