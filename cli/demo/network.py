"""A simulated router that keeps the demo's customers online: some traffic, interims, redials after a disconnect.

It is there so that the panel has something live to look at and to act on; what it reports is made up, how it reports it
is what a router does.
"""

import asyncio
import random
import signal
import time

from cli.demo import facts as demo_facts
from cli.demo.facts import Facts, Login
from cli.demo.seed import NETWORK_HOST
from runtime.logs import get_logger
from runtime.settings import Settings, get_settings
from simulator import LoginRefused, Router, SimulatedSession

log = get_logger("demo.network")
TRAFFIC_EVERY_S = 5.0
INTERIM_EVERY_S = 30.0
REDIAL_S = 20.0
FULL_SHARE = 0.4


def keep_online() -> None:
    """Run until SIGTERM or Ctrl-C; waits for the demo to be filled first."""
    settings = get_settings()
    while (known := demo_facts.read(settings)) is None:
        time.sleep(0.5)
    asyncio.run(_run(settings, known))


async def _run(settings: Settings, known: Facts) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with Router(
        secret=known.network_secret,
        source_ip=NETWORK_HOST,
        identity="RB-Cempaka",
        auth_port=settings.radius_auth_port,
        acct_port=settings.radius_acct_port,
        coa_port=settings.coa_port,
        timeout_ms=2000,
    ) as router:
        customers = [
            asyncio.create_task(_customer(router, number, login)) for number, login in enumerate(known.network)
        ]
        await stopping.wait()
        for task in customers:
            task.cancel()
        await asyncio.gather(*customers, return_exceptions=True)
        await router.stop_all()


async def _customer(router: Router, number: int, login: Login) -> None:
    """Dial, surf, and dial again whenever the session has ended."""
    dice = random.Random(number)
    mac = f"4C:5E:0C:10:00:{number:02X}"
    while True:
        try:
            session = await _dial(router, login, mac)
            log.info("online", username=login.username)
            await _surf(session, dice)
        except LoginRefused:
            log.info("refused", username=login.username)
        await asyncio.sleep(REDIAL_S * (0.5 + dice.random()))


async def _dial(router: Router, login: Login, mac: str) -> SimulatedSession:
    if login.username == "rina":
        return await router.login_hotspot(login.username, login.password, mac=mac)
    return await router.login_pppoe(login.username, login.password, mac=mac)


async def _surf(session: SimulatedSession, dice: random.Random) -> None:
    last_interim = time.monotonic()
    while session.is_open:
        await asyncio.sleep(TRAFFIC_EVERY_S)
        used_bytes = int(_bytes_per_s(session.rate_limit) * TRAFFIC_EVERY_S * FULL_SHARE * dice.random())
        await session.traffic(download_bytes=used_bytes, upload_bytes=used_bytes // 8)
        if session.is_open and time.monotonic() - last_interim >= INTERIM_EVERY_S:
            last_interim = time.monotonic()
            await session.interim()


def _bytes_per_s(rate_limit: str) -> int:
    """Download of a rate limit string (upload first), in bytes a second."""
    download = rate_limit.split(" ", maxsplit=1)[0].partition("/")[2] or "10M"
    unit = {"k": 1_000, "M": 1_000_000}.get(download[-1], 1)
    return int(download.rstrip("kM")) * unit // 8
