"""Carries out what was ordered on routers: many routers at once, each in its own thread, one after another for itself.

The thread that asks knows no database, the one that reads and writes the database waits for no router. So a router that
does not answer holds its own thread until its deadline and nobody else: what is due at the others goes on meanwhile.
"""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

import routeros
from bss.router_api.access import target_of_account
from bss.router_api.steps import Conversation, Done, NotThere, Step
from db.crypto import UnableToDecrypt
from db.queries import router_orders, router_secrets
from db.queries.outbox import ORDERS_LANE, give_turn_back, take_turn
from db.queries.router_orders import Account, Order, Outcome
from domain.router_order import SECRET
from domain.router_secret import Secret, secret_for
from routeros import Refused, Router, RouterApiError, TimedOut
from runtime.logs import get_logger

ROUTERS_AT_ONCE = 16
ORDERS_EACH = 100
# The first answer comes soon or not at all; then there is time for the rest.
FIRST_ANSWER_S, CONVERSATION_S = 4.0, 15.0
CLAIM_FOR = timedelta(seconds=60)
# A run takes on new work for so long; what is under way is finished.
RUN_FOR = timedelta(seconds=30)
LOOK_AGAIN_S = 0.5
# A turn that is not taken again for so long belongs to a process that was killed.
TURN = timedelta(seconds=10)

log = get_logger("bss.router_api")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One router's orders with all that is needed to carry them out."""

    account: Account
    tasks: Sequence[tuple[Order, Step, int | None]]


Results = list[tuple[Outcome, Step, Done | None, int | None]]


def run(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime]) -> int:
    """Carry out what is due until nothing is, for half a minute at most; returns how many orders were looked at.

    The connection is in autocommit mode. One run at a time hands out orders; it lets the next one begin while it waits
    for the last of its own.
    """
    me, ends, total = uuid.uuid4().hex, clock() + RUN_FOR, 0
    router_orders.release_orders(connection, now=clock())
    flying: dict[Future[Results], Job] = {}
    with ThreadPoolExecutor(ROUTERS_AT_ONCE, thread_name_prefix="router") as threads:
        while True:
            room = ROUTERS_AT_ONCE - len(flying)
            if room and _has_turn(connection, me, clock(), ends):
                for job in _claimed(connection, clock(), [job.account.id for job in flying.values()], room):
                    flying[threads.submit(talk, job)] = job
                    total += len(job.tasks)
            if not flying:
                give_turn_back(connection, sender=me, lane=ORDERS_LANE)
                return total
            done, _ = wait(flying, timeout=LOOK_AGAIN_S, return_when=FIRST_COMPLETED)
            for future in done:
                _keep(connection, flying.pop(future), future.result(), clock())


def _has_turn(connection: psycopg.Connection[Any], me: str, now: datetime, ends: datetime) -> bool:
    if now >= ends:
        give_turn_back(connection, sender=me, lane=ORDERS_LANE)
        return False
    return take_turn(connection, sender=me, now=now, until=now + TURN, lane=ORDERS_LANE)


def _claimed(connection: psycopg.Connection[Any], now: datetime, busy: Sequence[int], routers: int) -> list[Job]:
    orders = router_orders.claim_orders(
        connection, now=now, until=now + CLAIM_FOR, busy=busy, routers=routers, each=ORDERS_EACH
    )
    accounts = router_orders.accounts_of(connection, {order.nas_server_id for order in orders})
    grouped: dict[int, list[Order]] = {}
    for order in orders:
        grouped.setdefault(order.nas_server_id, []).append(order)
    return [
        Job(account=accounts[nas_id], tasks=_tasks(connection, accounts[nas_id], own, now))
        for nas_id, own in grouped.items()
        if nas_id in accounts
    ]


def _tasks(
    connection: psycopg.Connection[Any], account: Account, orders: Sequence[Order], now: datetime
) -> list[tuple[Order, Step, int | None]]:
    names = [order.key for order in orders if order.kind == SECRET]
    wanted = wanted_secrets(connection, account, names, now=now) if names else {}
    return [_task(order, *wanted.get(order.key, (None, None))) for order in orders]


def _task(order: Order, secret: Secret | None, subscription_id: int | None) -> tuple[Order, Step, int | None]:
    state = {"disabled": True, "enabled": False}.get(str(order.arguments.get("state")))
    is_removal = bool(order.arguments.get("remove"))
    step = Step(
        kind=order.kind,
        key=order.key,
        arguments=order.arguments,
        secret=None if is_removal and subscription_id is None else secret,
        removes_any=is_removal,
        # Of a secret that we know the whole is written, not one word.
        state_only=state if secret is None else None,
    )
    return order, step, subscription_id


def wanted_secrets(
    connection: psycopg.Connection[Any], account: Account, usernames: Sequence[str] | None, *, now: datetime
) -> dict[str, tuple[Secret | None, int | None]]:
    """What the router should have under these names, or all: the secret (None for none) and its subscription."""
    wanted: dict[str, tuple[Secret | None, int | None]] = {
        name: (_secret_of_staff(stored), None)
        for name, stored in router_secrets.staff_secrets(connection, account.id, usernames).items()
    }
    for name, held in router_secrets.holders(connection, account.id, usernames).items():
        secret = secret_for(held.holder, mode=account.provisioning_mode, now=now)
        # Without one from its subscription, a secret that staff keep there stays what it is.
        if secret is not None or name not in wanted:
            wanted[name] = secret, held.subscription_id
    return wanted


def _secret_of_staff(stored: router_secrets.StoredSecret) -> Secret:
    return Secret(
        username=stored.username,
        password=stored.password,
        service=stored.service,
        profiles=(stored.profile,),
        local_address=stored.local_address,
        remote_address=stored.remote_address,
        comment=stored.comment,
        is_disabled=stored.is_disabled,
    )


# --- in a thread ------------------------------------------------------------------------------------------------------


def talk(job: Job) -> Results:
    """Carry out one router's orders; never raises. What is not reached in time is left for the next run."""
    results: Results = []
    try:
        target = target_of_account(job.account)
        # Orders have their own pauses: one that is due is worth a try.
        with routeros.open(target, deadline_s=FIRST_ANSWER_S, even_if_resting=True) as router:
            router.identity()
            router.allow(CONVERSATION_S)
            _carry_out(router, job, results)
    except (RouterApiError, UnableToDecrypt) as error:
        _leave_rest(job, results, str(error))
    return results


def _carry_out(router: Router, job: Job, results: Results) -> None:
    conversation = Conversation(router)
    for order, step, subscription_id in job.tasks:
        try:
            done = conversation.carry_out(step)
        except (Refused, NotThere) as error:
            results.append((Outcome(order=order, problem=str(error)), step, None, subscription_id))
        except TimedOut as error:
            # Some were done: the router is slow, not dead, and the rest has had no turn yet.
            _leave_rest(job, results, str(error), was_tried=not results)
            return
        else:
            results.append((Outcome(order=order, result=done.result), step, done, subscription_id))


def _leave_rest(job: Job, results: Results, problem: str, *, was_tried: bool = True) -> None:
    for order, step, subscription_id in job.tasks[len(results) :]:
        outcome = Outcome(order=order, problem=problem, was_tried=was_tried)
        results.append((outcome, step, None, subscription_id))


# --- afterwards -------------------------------------------------------------------------------------------------------


def _keep(connection: psycopg.Connection[Any], job: Job, results: Results, now: datetime) -> None:
    with connection.transaction():
        router_orders.record_outcomes(connection, [outcome for outcome, *_ in results], now=now)
        for outcome, step, done, subscription_id in results:
            if step.kind == SECRET and done is not None:
                _remember(connection, job.account, outcome.order, step, done, subscription_id, now)
    failed = [outcome for outcome, *_ in results if outcome.problem is not None]
    log.info("orders carried out", router=job.account.name, done=len(results) - len(failed), failed=len(failed))


def _remember(
    connection: psycopg.Connection[Any],
    account: Account,
    order: Order,
    step: Step,
    done: Done,
    subscription_id: int | None,
    now: datetime,
) -> None:
    if step.secret is None:
        router_secrets.drop_secret(connection, account.id, order.key)
    elif subscription_id is None:
        router_secrets.mark_synced(connection, account.id, order.key, now=now)
    else:
        router_secrets.keep_secret(
            connection, on_router(account, replace(step.secret, profiles=(done.profile,)), subscription_id), now=now
        )


def on_router(account: Account, secret: Secret, subscription_id: int) -> router_secrets.OnRouter:
    """A subscription's secret as it is kept when the router has it."""
    return router_secrets.OnRouter(
        tenant_id=account.tenant_id,
        nas_id=account.id,
        subscription_id=subscription_id,
        username=secret.username,
        service=secret.service,
        profile=secret.profiles[0],
        local_address=secret.local_address,
        remote_address=secret.remote_address,
        comment=secret.comment,
        is_disabled=secret.is_disabled,
    )
