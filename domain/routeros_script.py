"""The commands to paste into one router so that it asks this installation, for RouterOS 6 and 7.

Decides the text and its quoting; refuses to know where the values came from. Pasting it twice leaves one entry.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address

SERVICES = ("ppp", "hotspot", "login", "wireless", "dhcp", "ipsec", "dot1x")
MARK = "lintas"
# RouterOS gives up on a server after 300 ms to 1.1 s by default, sooner than a delayed reject arrives.
TIMEOUT_S = 3

_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "?": "\\?"}


class UnableToQuote(ValueError):
    """A value that cannot be typed into a RouterOS terminal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterSetup:
    """What one router must be told. `server` is the address that it reaches this installation under."""

    name: str
    server: str
    secret: str
    auth_port: int
    acct_port: int
    coa_port: int
    routeros_version: int
    interim_s: int = 300
    services: tuple[str, ...] = ("ppp", "hotspot")


def quote(value: str) -> str:
    """A RouterOS string. `?` asks for help and `$` names a variable even between quotes, so both are escaped."""
    if not value.isascii() or not value.isprintable():
        raise UnableToQuote("only printable ASCII can be typed into a router")
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'


def render_script(setup: RouterSetup) -> str:
    """The script, one command a line; the values are safe to paste whatever they contain."""
    _check(setup)
    lines = [
        f"# {_comment(setup.name)} (RouterOS {setup.routeros_version})",
        f"/radius remove [find comment={quote(MARK)}]",
        _radius(setup),
        *_message_auth(setup),
        f"/radius incoming set accept=yes port={setup.coa_port}",
        f"/ppp aaa set use-radius=yes accounting=yes interim-update={_duration(setup.interim_s)}",
        "/ip hotspot profile set [find] use-radius=yes radius-accounting=yes radius-interim-update=received",
    ]
    return "\n".join(lines) + "\n"


def _radius(setup: RouterSetup) -> str:
    return (
        f"/radius add comment={quote(MARK)} service={','.join(setup.services)} address={setup.server}"
        f" secret={quote(setup.secret)} authentication-port={setup.auth_port} accounting-port={setup.acct_port}"
        f" timeout={TIMEOUT_S}s"
    )


def _message_auth(setup: RouterSetup) -> list[str]:
    # The setting came with 7.15. On its own line an older 7 refuses that line and keeps the rest.
    if setup.routeros_version < 7:
        return []
    return [f"/radius set [find comment={quote(MARK)}] require-message-auth=yes-for-request-resp"]


def _duration(seconds: int) -> str:
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _comment(name: str) -> str:
    return re.sub(r"[^ -~]", "_", name)


def _check(setup: RouterSetup) -> None:
    ip_address(setup.server)
    if setup.routeros_version not in (6, 7):
        raise ValueError(f"unknown RouterOS version {setup.routeros_version}")
    if not setup.services or not set(setup.services) <= set(SERVICES):
        raise ValueError(f"services must be of {', '.join(SERVICES)}")
    for port in (setup.auth_port, setup.acct_port, setup.coa_port):
        if not 1 <= port <= 65535:
            raise ValueError(f"no such port: {port}")
