"""What the RADIUS server is told and how it does: to be shown, since only the environment changes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from runtime import freeradius, radsec
from runtime.settings import PREFIX, Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerPart:
    """One of the two servers: `name` is "login" or "accounting"; `is_listening` is what this machine sees of it."""

    name: str
    port: int
    setting: str
    is_listening: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFacts:
    """Where routers reach RADIUS, and from where changes of live sessions leave.

    An empty `coa_bind` is any address; a `radsec_port` of 0 means that RADIUS over TLS is off. `radsec_answers`: on
    this machine it begins TLS with this installation's certificate.
    """

    host: str
    node: str
    coa_bind: str
    spool_min_free_mb: int
    radsec_port: int
    radsec_answers: bool
    parts: Sequence[ServerPart]
    host_setting: str = f"{PREFIX}RADIUS_HOST"
    coa_bind_setting: str = f"{PREFIX}COA_BIND"
    node_setting: str = f"{PREFIX}NODE"
    radsec_setting: str = f"{PREFIX}RADSEC_PORT"


def facts(settings: Settings) -> ServerFacts:
    """The server's settings and whether its ports are bound on this machine; no RADIUS packet is sent."""
    names = {freeradius.LOGIN: "RADIUS_AUTH_PORT", freeradius.ACCOUNTING: "RADIUS_ACCT_PORT"}
    return ServerFacts(
        host=settings.radius_host,
        node=settings.node,
        coa_bind=settings.coa_bind,
        spool_min_free_mb=settings.spool_min_free_mb,
        radsec_port=settings.radsec_port,
        radsec_answers=radsec.answers(settings),
        parts=tuple(
            ServerPart(
                name=part,
                port=freeradius.port_of(settings, part),
                setting=PREFIX + names[part],
                is_listening=freeradius.is_listening(settings, part),
            )
            for part in freeradius.PARTS
        ),
    )
