"""RADIUS over TLS as a router finds it: whether the port speaks TLS with this installation's certificate.

No router's certificate is at hand, so the handshake ends where the server asks for one: it has shown its own by then.
"""

import socket
import ssl

from runtime.certificates import CA_FILE
from runtime.settings import Settings

TIMEOUT_S = 2.0
_ANY = ("", "*", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def answers(settings: Settings, *, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the server on this machine begins TLS with a certificate of its authority, within `timeout_s` seconds."""
    authority = settings.radsec_folder / CA_FILE
    if not settings.radsec_port or not authority.exists():
        return False
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    host = "127.0.0.1" if settings.radius_host in _ANY else settings.radius_host
    try:
        with socket.create_connection((host, settings.radsec_port), timeout=timeout_s) as plain:
            return _begins_tls(context, plain)
    except OSError:
        return False


def _begins_tls(context: ssl.SSLContext, plain: socket.socket) -> bool:
    try:
        context.wrap_socket(plain).close()
    except ssl.SSLCertVerificationError:
        return False
    except ssl.SSLZeroReturnError:
        # Ended in TLS by a server whose certificate was good: it missed ours.
        return True
    except ssl.SSLError as error:
        return "ALERT" in str(error.reason or "")
    return True
