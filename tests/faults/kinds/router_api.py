"""A router's own configuration while its API is cut between two steps, and addresses that many want at once.

The routers keep customers' secrets by themselves; what they hold in the end must be what the database says, each once.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address
from random import Random
from typing import Any, ClassVar

from bss.actor import Actor
from bss.failure import Failure
from bss.subscriptions import assign_ip
from db.engine import make_engine, make_session_factory, use_tenant
from faults.fault import Fault
from faults.stage import Stage
from faults.verdict import Expect, Outcome
from runtime.settings import PREFIX
from simulator import ApiServer

ROUTERS, SECRETS_EACH = 5, 20
_FIRST_CUSTOMER = 2000
_STRANGERS = "of somebody else"
_CUTS_S, _CUT_EVERY_S, _CHANGE_EVERY_S = 20.0, 0.15, 0.05
_SETTLED_WITHIN_S = 60.0
_SECRETS = "/ppp/secret"
_RUNNING = ("postgres", "redis", "radius-login", "radius-accounting", "collector", "worker", "beat")
_WANTED = """
SELECT username, host(assigned_ip), status = 'suspended' FROM subscriptions WHERE nas_server_id = %s
"""


class Cut(Fault):
    """Five routers' connections end before or after a command again and again while a hundred secrets change."""

    id, title = "b23", "router API cut between two steps"
    expect: ClassVar[Expect] = Expect(recovery_s=_SETTLED_WITHIN_S)

    def run(self, stage: Stage, records: int, number: int) -> Outcome:
        """Lost: a secret that is missing or not as wanted; duplicated: there twice, or a stranger's touched."""
        begun = time.monotonic()
        stage.ensure(*_RUNNING)
        outcome = Outcome(fault=self.id, title=self.title, seed=stage.seed * 1000 + number)
        chance = Random(outcome.seed)
        with _routers(stage, number) as routers:
            cuts = _cut_and_change(stage, routers, chance, max(_CUTS_S, records / 2000))
            mended_at = time.monotonic()
            for api in routers.values():
                api.faults.cut_before_command = api.faults.cut_after_command = None
            _wait(lambda: all(_differs(stage, one, api) == 0 for one, api in routers.items()), _SETTLED_WITHIN_S)
            outcome.recovery_s = round(time.monotonic() - mended_at, 2)
            self._compare(stage, routers, outcome)
            outcome.figures |= {
                "cuts_and_changes": cuts,
                "commands": sum(len(api.commands) for api in routers.values()),
            }
        outcome.judge(self.expect)
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome

    def _compare(self, stage: Stage, routers: dict[int, ApiServer], outcome: Outcome) -> None:
        for number, api in routers.items():
            rows = api.tables.of(_SECRETS)
            names = Counter(row["name"] for row in rows)
            outcome.sent += SECRETS_EACH
            wrong = _differs(stage, number, api)
            outcome.acknowledged += SECRETS_EACH - wrong
            outcome.lost += wrong
            outcome.duplicated += sum(count - 1 for count in names.values())
            foreign = api.tables.named(_SECRETS, _STRANGERS)
            outcome.duplicated += foreign is None or foreign["password"] != "untouched"
        left = "SELECT count(*) FROM router_orders WHERE status = 'pending' AND nas_server_id = ANY(%s)"
        outcome.figures["orders_open"] = stage.number(left, list(routers))


@contextmanager
def _routers(stage: Stage, number: int) -> Iterator[dict[int, ApiServer]]:
    with ExitStack() as stack:
        routers: dict[int, ApiServer] = {}
        for index in range(ROUTERS):
            address = f"127.{20 + number}.{stage.seed % 250}.{index + 1}"
            api = stack.enter_context(ApiServer(host=address))
            api.tables.put("/ppp/profile", {"name": "default"})
            api.tables.put(_SECRETS, {"name": _STRANGERS, "password": "untouched"})
            own = stage.add_routers([address])[0]
            first = _FIRST_CUSTOMER + index * SECRETS_EACH
            stage.sql(
                "UPDATE nas_servers SET provisioning_mode = 'local_secret', api_port = %s, api_username = %s,"
                " api_password_enc = %s WHERE id = %s",
                api.port, api.username, stage.lab.keyring.encrypt(api.password), own,
            )  # fmt: skip
            stage.sql(
                "UPDATE subscriptions SET nas_server_id = %s WHERE id BETWEEN %s AND %s",
                own, first, first + SECRETS_EACH - 1,
            )  # fmt: skip
            routers[own] = api
        _wait(lambda: all(_differs(stage, one, api) == 0 for one, api in routers.items()), _SETTLED_WITHIN_S)
        try:
            yield routers
        finally:
            last = _FIRST_CUSTOMER + ROUTERS * SECRETS_EACH - 1
            stage.sql(
                "UPDATE subscriptions SET nas_server_id = 1, status = 'active' WHERE id BETWEEN %s AND %s",
                _FIRST_CUSTOMER, last,
            )  # fmt: skip
            stage.sql(
                "UPDATE nas_servers SET provisioning_mode = 'radius', api_username = '' WHERE id = ANY(%s)", [*routers]
            )


def _cut_and_change(stage: Stage, routers: dict[int, ApiServer], chance: Random, seconds: float) -> dict[str, int]:
    done = Counter[str]()
    until, cut_at = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < until:
        if now >= cut_at:
            cut_at = now + _CUT_EVERY_S
            where = chance.choice(("cut_before_command", "cut_after_command"))
            setattr(chance.choice(list(routers.values())).faults, where, chance.randint(1, 6))
            done[where] += 1
        customer = _FIRST_CUSTOMER + chance.randrange(ROUTERS * SECRETS_EACH)
        if chance.random() < 0.5:
            address = str(IPv4Address("10.77.0.0") + chance.randrange(1, 65000))
            stage.sql("UPDATE subscriptions SET assigned_ip = %s WHERE id = %s", address, customer)
            done["addresses"] += 1
        else:
            status = chance.choice(("active", "suspended"))
            stage.sql("UPDATE subscriptions SET status = %s WHERE id = %s", status, customer)
            done["states"] += 1
        time.sleep(_CHANGE_EVERY_S)
    return dict(done)


def _differs(stage: Stage, number: int, api: ApiServer) -> int:
    """How many customers' secrets on the router are not what the database wants."""
    wrong = 0
    for username, address, is_off in stage.sql(_WANTED, number):
        row = api.tables.named(_SECRETS, username)
        is_so = row is not None and (row.get("remote-address"), row.get("disabled") == "true") == (address, is_off)
        wrong += not is_so
    return wrong


def _wait(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)


class Addresses(Fault):
    """Fifty customers are given one of ten fixed addresses at the same moment, again and again: nobody shares one."""

    id, title = "b24", "50 want one of 10 fixed addresses at once"
    crowd, addresses, rounds = 50, 10, 20

    def run(self, stage: Stage, records: int, number: int) -> Outcome:
        """Acknowledged: who was told that he has an address; lost: who was told so and has none."""
        begun = time.monotonic()
        stage.ensure("postgres")
        outcome = Outcome(fault=self.id, title=self.title, seed=stage.seed * 1000 + number)
        said: Counter[str] = Counter()
        with _as_the_panel(stage) as new_session:
            for turn in range(max(self.rounds, records // 2000)):
                self._round(stage, outcome, new_session, said, f"10.78.{turn % 250}.")
        outcome.figures |= {"refused": dict(said)}
        outcome.judge(self.expect)
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome

    def _round(self, stage: Stage, outcome: Outcome, new_session: Any, said: Counter[str], network: str) -> None:
        chance, told = Random(f"{outcome.seed} {network}"), {}
        people = list(range(_FIRST_CUSTOMER, _FIRST_CUSTOMER + self.crowd))
        gate = threading.Barrier(self.crowd)

        def want(customer: int, address: str) -> None:
            gate.wait()
            try:
                with new_session() as session:
                    use_tenant(session, 1)
                    assign_ip(
                        session, actor=_ACTOR, now=datetime.now(UTC), subscription_id=customer, assigned_ip=address
                    )
                    session.commit()
            except Failure as failure:
                said[type(failure).__name__] += 1
            else:
                told[customer] = address

        wishes = {customer: f"{network}{chance.randint(1, self.addresses)}" for customer in people}
        threads = [threading.Thread(target=want, args=wish) for wish in wishes.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        rows = stage.sql("SELECT id, host(assigned_ip) FROM subscriptions WHERE id = ANY(%s)", people)
        held = {customer: address for customer, address in rows if address and address.startswith(network)}
        outcome.sent += len(wishes)
        outcome.acknowledged += len(told)
        outcome.lost += sum(held.get(customer) != address for customer, address in told.items())
        outcome.duplicated += len(held) - len(set(held.values()))
        unfilled = len(set(wishes.values())) - len(set(held.values()))
        if unfilled:
            outcome.problems.append(f"{unfilled} addresses that were wanted went to nobody")


_ACTOR = Actor.system(tenant_id=1, name="faults")


@contextmanager
def _as_the_panel(stage: Stage) -> Iterator[Any]:
    """Use-cases as the panel calls them, each in a transaction of its own."""
    before = dict(os.environ)
    os.environ |= {PREFIX + key.upper(): str(value) for key, value in stage.lab.settings.model_dump().items()}
    engine = make_engine(stage.lab.settings.database_url, pool_size=Addresses.crowd)
    try:
        yield make_session_factory(engine)
    finally:
        engine.dispose()
        os.environ.clear()
        os.environ |= before


FAULTS = (Cut(), Addresses())
