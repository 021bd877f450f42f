"""One exchange with a gateway: a deadline, a bound on what is read, no redirects, and a record without secrets.

Decides what a failure of the connection or an HTTP status means; refuses to know what is asked.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

import httpx2

from gateways.errors import GatewayError, Nonsense, Refused, Unreachable
from gateways.strict import Malformed, read_json

DEADLINE_S = 10.0
CONNECT_S = 4.0
MAX_ANSWER_BYTES = 256 * 1024
# Names whose value opens something, in any spelling, at any depth.
_SECRET_WORDS = ("password", "passkey", "secret", "token", "signature", "credential", "authorization", "_key")
_SHOWN_TEXT, _SHOWN_ITEMS, _SHOWN_DEPTH = 500, 60, 8
HIDDEN = "(not shown)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What was said, for the log: never a header, never a secret. `status` is 0 when no answer came."""

    event: str
    request: Mapping[str, Any]
    status: int
    response: Mapping[str, Any]
    problem: str
    took_ms: int


Recorder = Callable[[Exchange], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A gateway's answer that could be read."""

    status: int
    data: Mapping[str, Any]

    @property
    def is_ok(self) -> bool:
        """Whether the HTTP status is a success."""
        return 200 <= self.status < 300


def _no_record(_exchange: Exchange) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Wire:
    """The way to one host of a gateway. `headers` carry the account's keys and are never shown."""

    host: str
    name: str
    headers: Mapping[str, str] = field(repr=False)
    record: Recorder = _no_record

    def ask(
        self,
        event: str,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        takes: tuple[int, ...] = (),
    ) -> Answer:
        """Ask and read the answer. An HTTP status that is no success and not in `takes` is `Refused` or `Unreachable`.

        Nothing is asked twice: whether a question without an answer was heard is for the caller to find out.
        """
        begun, asked = time.monotonic(), {"method": method, "path": path, **shown(json or form or {})}
        answer: Answer | None = None
        try:
            answer = self._exchange(method, path, json=json, form=form, headers=headers, begun=begun)
            self._judge(answer, takes)
        except GatewayError as error:
            self._keep(event, asked, answer, str(error), begun)
            raise
        self._keep(event, asked, answer, "", begun)
        return answer

    def _keep(self, event: str, asked: Mapping[str, Any], answer: Answer | None, problem: str, begun: float) -> None:
        self.record(
            Exchange(
                event=event,
                request=asked,
                status=answer.status if answer else 0,
                response=shown(answer.data) if answer else {},
                problem=problem,
                took_ms=int((time.monotonic() - begun) * 1000),
            )
        )

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        begun: float,
    ) -> Answer:
        # The answer is read as it is: whoever may pack it may send megabytes in a kilobyte.
        sent = {"accept": "application/json", "accept-encoding": "identity", **self.headers, **(headers or {})}
        try:
            with (
                _client() as client,
                client.stream(
                    method,
                    self.host + path,
                    json=None if json is None else dict(json),
                    data=None if form is None else dict(form),
                    headers=sent,
                ) as response,
            ):
                return Answer(status=response.status_code, data=self._read(response, begun))
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise Unreachable(f"{self.name} does not answer ({type(error).__name__})") from None
        except httpx2.InvalidURL:
            raise Unreachable(f"{self.name} has no usable address") from None

    def _read(self, response: httpx2.Response, begun: float) -> Mapping[str, Any]:
        raw = bytearray()
        for piece in response.iter_raw():
            raw += piece
            if len(raw) > MAX_ANSWER_BYTES:
                raise Nonsense(f"{self.name} answered more than {MAX_ANSWER_BYTES // 1024} kB")
            if time.monotonic() - begun > DEADLINE_S:
                raise Unreachable(f"{self.name} took longer than {DEADLINE_S:.0f} s")
        try:
            return read_json(bytes(raw), longest=MAX_ANSWER_BYTES)
        except Malformed:
            # A proxy in front of a gateway that is down says so in HTML.
            if response.status_code >= 300:
                return {}
            raise Nonsense(f"{self.name} answered something that is no JSON object") from None

    def _judge(self, answer: Answer, takes: tuple[int, ...]) -> None:
        if answer.is_ok or answer.status in takes:
            return
        if answer.status >= 500 or answer.status in (408, 425, 429):
            raise Unreachable(f"{self.name} is out of order (HTTP {answer.status})")
        if answer.status in (401, 403):
            raise Refused(f"{self.name} does not accept the keys (HTTP {answer.status})", status=answer.status)
        if 300 <= answer.status < 400:
            raise Nonsense(f"{self.name} wants to send us elsewhere (HTTP {answer.status})")
        raise Refused(f"{self.name} refused: {_reason(answer)}", status=answer.status)


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """What may be written into a log: without secrets, numbers as text, bounded in every direction."""
    found = _shown(data, _SHOWN_DEPTH)
    return found if isinstance(found, dict) else {}


def _shown(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        if depth == 0:
            return "…"
        items = list(value.items())[:_SHOWN_ITEMS]
        return {str(name)[:100]: HIDDEN if _is_secret(str(name)) else _shown(inner, depth - 1) for name, inner in items}
    if isinstance(value, list | tuple):
        return [_shown(inner, depth - 1) for inner in list(value)[:_SHOWN_ITEMS]] if depth else "…"
    if value is None or isinstance(value, bool):
        return value
    # No text of PostgreSQL's can hold a NUL.
    return str(value).replace("\x00", "�")[:_SHOWN_TEXT] if isinstance(value, str | Decimal | int) else ""


def _is_secret(name: str) -> bool:
    low = name.lower()
    return low != "refund_key" and any(word in low for word in _SECRET_WORDS)


def _reason(answer: Answer) -> str:
    """The gateway's own sentence, from wherever gateways put one."""
    data = answer.data
    inner = data.get("error")
    places = [inner if isinstance(inner, Mapping) else {}, data]
    for place in places:
        for name in ("message", "status_message", "errorMessage", "error_description", "error_code"):
            said = place.get(name)
            if isinstance(said, str) and said.isprintable() and said:
                return said[:200]
    listed = data.get("error_messages")
    if isinstance(listed, list) and listed and isinstance(listed[0], str):
        return listed[0][:200]
    return f"HTTP {answer.status}"


def _client() -> httpx2.Client:
    # A connection of its own for each question: one that was kept may have been closed meanwhile, and then nobody knows
    # whether the order went through. Proxies that the environment may name are no business of payments.
    return httpx2.Client(
        verify=_trust(),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(DEADLINE_S, connect=min(CONNECT_S, DEADLINE_S)),
        headers={"user-agent": "lintas", "connection": "close"},
    )


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    # Reading the authorities of the world takes longer than everything else here.
    return httpx2.create_ssl_context(trust_env=False)
