"""A thousand routers, each with an address and a secret of its own, on one FreeRADIUS that was told of none of them."""

import asyncio
import time
from secrets import token_bytes

import pytest

from factories import make_nas, make_plan, make_subscription
from radius_stack import RadiusStack
from runtime.freeradius import CLIENT_LIFETIME_S
from simulator import wire
from simulator.client import Exchange, RadiusClient
from simulator.credentials import Method, Proof

ROUTERS = 1000
# After a power cut all ask within a second; a RouterOS with the recommended settings gives a login up after three.
WITHIN_S = 1.0
GIVEN_UP_MS = 3000
ACCESS_ACCEPT = 2


def address_of(number: int) -> str:
    return f"127.1.{number // 250}.{number % 250 + 1}"


def secret_of(number: int) -> str:
    return f"secret-of-router-{number}-0123456789"


@pytest.fixture(scope="module")
def crowd(stack: RadiusStack) -> RadiusStack:
    """The server of this module, with every router and one customer."""
    with stack.sessions() as db:
        for number in range(ROUTERS):
            make_nas(db, host=address_of(number), radius_secret=secret_of(number))
        plan = make_plan(db, concurrent_connections=ROUTERS)
        make_subscription(db, username="budi", plan=plan)
        db.commit()
    return stack


async def ask(stack: RadiusStack, number: int) -> Exchange:
    secret = secret_of(number).encode()
    await asyncio.sleep(WITHIN_S * number / ROUTERS)
    client = RadiusClient(
        host="127.0.0.1",
        port=stack.settings.radius_auth_port,
        secret=secret,
        source_ip=address_of(number),
        timeout_ms=GIVEN_UP_MS // 3,
        resends=2,
        require_message_authenticator=True,
    )
    try:
        return await client.exchange(lambda identifier: request(identifier, secret))
    finally:
        client.close()


def request(identifier: int, secret: bytes) -> bytes:
    authenticator = token_bytes(16)
    proof = Proof(method=Method.PAP, username="budi", password="pw-budi")
    who = [
        ("User-Name", "budi"),
        ("Service-Type", "Framed-User"),
        ("Framed-Protocol", "PPP"),
        ("Calling-Station-Id", "4C:5E:0C:00:00:01"),
    ]
    attributes: list[wire.Attribute] = [*who, *proof.attributes(secret=secret, authenticator=authenticator)]
    return wire.access_request(
        identifier=identifier, authenticator=authenticator, attributes=attributes, secret=secret, sign=True
    )


async def all_ask(stack: RadiusStack) -> list[Exchange]:
    return list(await asyncio.gather(*(ask(stack, number) for number in range(ROUTERS))))


def test_all_are_served_within_a_moment_and_again_when_their_lifetime_is_over(crowd: RadiusStack) -> None:
    for pause_s in (0, CLIENT_LIFETIME_S + 0.5):
        time.sleep(pause_s)
        exchanges = asyncio.run(all_ask(crowd))

        assert [exchange for exchange in exchanges if exchange.reply is None or exchange.problems] == []
        assert {exchange.reply.code for exchange in exchanges if exchange.reply is not None} == {ACCESS_ACCEPT}
        assert max(exchange.latency_ms for exchange in exchanges) < GIVEN_UP_MS
