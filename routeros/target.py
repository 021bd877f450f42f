"""Where a router's API is, who asks there, and how its certificate is known."""

import hashlib
import socket
import ssl
import time
from dataclasses import dataclass, field

from routeros.errors import CertificateChanged, CertificateUnknown, TimedOut, Unreachable

PLAIN_PORT = 8728
TLS_PORT = 8729
# A packet to a router that is there takes far less; the rest of a deadline is for its answers.
CONNECT_S = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One router's API. `host` is an address, since a name would be looked up without a deadline.

    With `is_tls` the certificate must have the SHA-256 `fingerprint` (64 hex digits): routers sign their own.
    """

    host: str
    username: str
    password: str = field(repr=False)
    port: int = PLAIN_PORT
    is_tls: bool = False
    fingerprint: str | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Address and port."""
        return self.host, self.port


def remaining_s(until: float) -> float:
    """Seconds until a moment of the monotonic clock; raises `TimedOut` when it has passed."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimedOut("the router did not answer in time")
    return left


def connect(target: Target, *, until: float) -> socket.socket:
    """A connection on which nothing was said yet; its certificate, if any, is the trusted one."""
    opened = _tcp(target, until)
    if not target.is_tls:
        return opened
    return _trusted(_tls(opened, until), target)


def certificate_of(target: Target, *, deadline_s: float) -> str:
    """The fingerprint of the certificate that the router shows now, trusted or not. Nothing else is said to it."""
    until = time.monotonic() + deadline_s
    with _tls(_tcp(target, until), until) as secured:
        return fingerprint_of(secured)


def fingerprint_of(secured: ssl.SSLSocket) -> str:
    """SHA-256 of the certificate at the other end, in hex."""
    return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def _tcp(target: Target, until: float) -> socket.socket:
    left = remaining_s(until)
    try:
        opened = socket.create_connection(target.place, timeout=min(left, CONNECT_S))
    except TimeoutError:
        raise TimedOut(f"{target.host} does not answer on port {target.port}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unreachable(f"{target.host} cannot be reached on port {target.port}: {reason.lower()}") from None
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _tls(plain: socket.socket, until: float) -> ssl.SSLSocket:
    # The fingerprint is what it is known by: a router has no name that an authority would vouch for.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        plain.settimeout(remaining_s(until))
        return context.wrap_socket(plain)
    except TimeoutError:
        plain.close()
        raise TimedOut("the router did not finish the TLS handshake in time") from None
    except OSError as error:
        plain.close()
        raise Unreachable(f"no TLS with the router: {_why(error)}") from None
    except BaseException:
        plain.close()
        raise


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return str(reason).replace("_", " ").lower()


def _trusted(secured: ssl.SSLSocket, target: Target) -> socket.socket:
    shown, trusted = fingerprint_of(secured), target.fingerprint
    if trusted is not None and shown == trusted.lower():
        return secured
    secured.close()
    if trusted is None:
        raise CertificateUnknown(shown)
    raise CertificateChanged(fingerprint=shown, trusted=trusted)
