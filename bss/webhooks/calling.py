"""One call of a webhook: a name becomes an address that is looked at first, then that very address is called.

Refuses to follow redirects, to read more than a little, and to wait longer than the deadline. What an address may be
is decided in `domain.webhook`.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Self

import httpx2

from domain.webhook import MAX_URL, Address, Network, may_go_to

DEADLINE_S = 10.0
CONNECT_S = 4.0
MAX_ANSWER_BYTES = 16 * 1024
SHOWN = 500
# A name that is not looked up in time keeps its thread; so many may hang at once.
_lookups = ThreadPoolExecutor(max_workers=16, thread_name_prefix="webhook-lookup")
Resolver = Callable[[str, int], Sequence[str]]


class Unsafe(ValueError):
    """The address must not be called; `str()` says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back. `status` is None when nothing did, and then `problem` says why."""

    status: int | None
    problem: str
    text: str
    took_ms: int

    @property
    def is_ok(self) -> bool:
        """Whether it was taken: any success."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a call goes: the URL as it was entered, in parts."""

    is_tls: bool
    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """The parts of a URL; raises `Unsafe` for one that is no plain http(s) address."""
    try:
        parts = httpx2.URL(url)
        host, default = parts.host, 443 if parts.scheme == "https" else 80
        port = default if parts.port is None else parts.port
    except (httpx2.InvalidURL, ValueError):
        raise Unsafe("is no address") from None
    if len(url) > MAX_URL or not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise Unsafe("is no address")
    if parts.scheme not in ("https", "http") or not host:
        raise Unsafe("does not begin with https://")
    if parts.userinfo or parts.fragment or "#" in url:
        raise Unsafe("has a password or a part behind #")
    if not 0 < port < 65536:
        raise Unsafe("has no usable port")
    return Target(is_tls=parts.scheme == "https", host=host, port=port, path=parts.raw_path.decode("ascii"))


def networks(text: str) -> list[Network]:
    """The networks of a setting such as `10.20.0.0/16,192.168.5.7`; raises `ValueError`."""
    return [ip_network(one.strip(), strict=False) for one in text.split(",") if one.strip()]


def safe_address(target: Target, allowed: Sequence[Network], *, resolve: Resolver | None = None) -> Address:
    """The address to call. Every one that the name has must be allowed; raises `Unsafe` or `OSError`."""
    found = [ip_address(one) for one in (resolve or _look_up)(target.host, target.port)]
    if not found:
        raise Unsafe("has no address")
    for address in found:
        if not may_go_to(address, allowed):
            raise Unsafe("leads into a network that webhooks may not reach")
    if not target.is_tls and not any(found[0] in network for network in allowed):
        raise Unsafe("does not begin with https://")
    return found[0]


def call(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Sequence[Network],
    resolve: Resolver | None = None,
) -> Answer:
    """Send the body; whatever happens is an answer."""
    begun = time.monotonic()
    status: int | None = None
    problem, text = "", ""
    try:
        target = target_of(url)
        address = safe_address(target, allowed, resolve=resolve)
        status, text = _exchange(target, address, body=body, headers=headers, begun=begun)
    except Unsafe as error:
        problem = f"the address {error}"
    except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
        problem = f"no answer ({type(error).__name__})"
    if status is not None and not 200 <= status < 300:
        problem = f"HTTP {status}"
    return Answer(status=status, problem=problem, text=text, took_ms=int((time.monotonic() - begun) * 1000))


def _exchange(
    target: Target, address: Address, *, body: bytes, headers: Mapping[str, str], begun: float
) -> tuple[int, str]:
    host = f"[{address}]" if address.version == 6 else str(address)
    name = f"[{target.host}]" if ":" in target.host else target.host
    standard = target.port == (443 if target.is_tls else 80)
    sent = {**headers, "host": name if standard else f"{name}:{target.port}", "accept-encoding": "identity"}
    with (
        _Rope(DEADLINE_S) as rope,
        httpx2.Client(
            verify=_trust(),
            follow_redirects=False,
            trust_env=False,
            timeout=httpx2.Timeout(DEADLINE_S, connect=CONNECT_S),
            headers={"user-agent": "lintas-webhook", "connection": "close"},
        ) as client,
        client.stream(
            "POST",
            f"{'https' if target.is_tls else 'http'}://{host}:{target.port}{target.path}",
            content=body,
            headers=sent,
            # The certificate is the name's, not the address's.
            extensions={"sni_hostname": target.host, "trace": rope.follow},
        ) as response,
    ):
        return response.status_code, _read(response, begun)


class _Rope:
    """Hangs up when the time is over. The library's own deadlines begin anew with every byte that comes."""

    def __init__(self, seconds: float) -> None:
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for one in self._sockets:
            one.close()

    def follow(self, event: str, info: Mapping[str, Any]) -> None:
        """Take hold of the connection as soon as there is one, before anything is said on it."""
        if event == "connection.connect_tcp.complete":
            # TLS takes the socket over; a second handle on the same connection stays ours.
            self._sockets.append(info["return_value"].get_extra_info("socket").dup())

    def _hang_up(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _read(response: httpx2.Response, begun: float) -> str:
    raw = bytearray()
    for piece in response.iter_raw():
        raw += piece
        if len(raw) > MAX_ANSWER_BYTES or time.monotonic() - begun > DEADLINE_S:
            break
    return bytes(raw[: SHOWN * 4]).decode(errors="replace").replace("\x00", "�")[:SHOWN]


def _look_up(host: str, port: int) -> list[str]:
    """Every address of a name, within the deadline; raises `OSError`."""
    try:
        found = _lookups.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(timeout=CONNECT_S)
    except TooLate:
        raise TimeoutError(f"the name {host} was not looked up in time") from None
    except UnicodeError:
        raise OSError(f"{host} is no name") from None
    return list(dict.fromkeys(str(address[0]).split("%")[0] for *_, address in found))


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    # Reading the authorities of the world takes longer than everything else here.
    return httpx2.create_ssl_context(trust_env=False)
