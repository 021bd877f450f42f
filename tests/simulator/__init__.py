"""A MikroTik router that never existed, for tests, the demo and `lintas simulate`.

It logs customers in over real UDP, counts their bytes, sends accounting as RouterOS does, answers CoA and Disconnect,
and can be told to lose packets, reboot or misbehave.  Because it made the traffic it knows the truth, and what the
server stored is compared with that.  It imports nothing of the system it tests.

    with SimulatedRouter(secret="...", auth_port=1812, acct_port=1813) as router:
        session = router.login_pppoe("budi", "rahasia", mac="4C:5E:0C:00:00:01")
        session.traffic(download_bytes=5 << 30, upload_bytes=1 << 30, seconds=3600)
        session.interim()
        router.wait_for_coa()
        assert session.rate_limit == "1M/2M"
        session.stop()

A refused login raises LoginRefused from `login_pppoe` and its kind; `router.login(Login(...))` returns a LoginResult
either way, and `router.authenticate(Login(...))` asks without starting a session.
"""

from .attributes import Counters, Login, Service
from .client import Exchange, RadiusClient
from .coa_server import CoaBehaviour, CoaRecord, CoaServer
from .credentials import Method, Proof
from .faults import Faults
from .router import Event, LoginRefused, LoginResult, Router, VirtualClock
from .routeros import ApiFaults, ApiServer
from .routeros_tables import Tables, Trap
from .session import AccountingResult, Limits, SimulatedSession
from .sync import SessionHandle, SimulatedRouter
from .wire import Attribute, Code, Packet, Value

__all__ = [
    "AccountingResult",
    "ApiFaults",
    "ApiServer",
    "Attribute",
    "CoaBehaviour",
    "CoaRecord",
    "CoaServer",
    "Code",
    "Counters",
    "Event",
    "Exchange",
    "Faults",
    "Limits",
    "Login",
    "LoginRefused",
    "LoginResult",
    "Method",
    "Packet",
    "Proof",
    "RadiusClient",
    "Router",
    "Service",
    "SessionHandle",
    "SimulatedRouter",
    "SimulatedSession",
    "Tables",
    "Trap",
    "Value",
    "VirtualClock",
]
