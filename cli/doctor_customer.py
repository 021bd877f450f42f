"""`lintas doctor USER`: why a customer is not online, step by step, with one sentence and one command at the end."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bss import doctor
from bss.doctor import Conclusion, Examination, Report, Step
from cli.output import emit, wants_json
from cli.work import work
from coa.connection import connect
from coa.probe import probe_due
from db.queries.named import subscription_named
from domain.diagnosis import ACTIONS
from runtime.settings import Settings, get_settings

_SIGNS = {"ok": "ok", "bad": "BAD", "unknown": "?"}
# What to type for each action; the panel has a button for all of them.
_COMMANDS = {
    "activate": "lintas subscription activate {user}",
    "activate_customer": "lintas customer activate {customer}",
    "add_subscription": "lintas subscription add --help",
    "allow_device": "lintas subscription mac add {user} {mac}",
    "change_plan": "lintas subscription change-plan {user} PLAN",
    "disconnect": "lintas subscription disconnect {user}",
    "edit_attributes": "lintas subscription attributes {user}",
    "edit_subscription": "lintas subscription edit {user} --help",
    "explain": "lintas explain {user}",
    "lift_fair_use": "lintas subscription fup lift {user}",
    "open_blacklist": "lintas blacklist remove {mac}",
    "open_router": "lintas nas test {router}",
    "record_payment": "lintas payment record {customer} AMOUNT",
    "redeem_voucher": "lintas voucher redeem CODE --username {user}",
    "remove_local_secret": "lintas nas secrets remove {router} {user}",
    "renew": "lintas subscription renew {user}",
    "resend_speed": "lintas subscription resend-speed {user}",
    "show_password": "lintas subscription change-password {user}",
    "top_up": "lintas topup add {user} AMOUNT",
    "watch_changes": "lintas doctor",
}


def examine_customer(user: str, tenant: str | None) -> None:
    """Examine and print; the steps appear as they are known."""
    settings = get_settings()
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, user, tenant_id=job.tenant_id), "subscription")
        begun = job.do(doctor.begin, subscription_id=row.id)
        job.session.commit()
        prober = threading.Thread(target=_probe, args=(settings,), daemon=True)
        prober.start()
        told = []
        for one in doctor.walk(job.session, begun):
            told.append(one)
            if not wants_json():
                emit(None, list(_lines(one, begun)))
    if wants_json():
        emit(as_data(doctor.report_of(begun, told)), [])


def _probe(settings: Settings) -> None:
    # The worker may be off; whoever is quicker sends it.
    with connect(settings.database_url) as connection:
        probe_due(connection, clock=lambda: datetime.now(UTC), bind=settings.coa_bind)


def _lines(one: Step | Conclusion, begun: Examination) -> Iterator[str]:
    if isinstance(one, Step):
        at = "" if one.at is None else f" ({one.at.isoformat(timespec='seconds')})"
        yield f"{_SIGNS[one.verdict]:<4}{one.name:<9} {one.reason}{at}"
        return
    yield f"=> {_sentence(one.reason)}"
    if one.mend:
        yield f"   {_sentence(one.mend)}"
    if one.action != "none":
        yield f"   {_sentence(ACTIONS[one.action])}: {command_of(one, begun.username)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def command_of(end: Conclusion, username: str) -> str:
    """What to type for the action of a conclusion; nothing where there is none."""
    facts = end.facts
    values = {"user": username, "customer": facts.customer_code, "mac": facts.mac or "MAC", "router": facts.router}
    return _COMMANDS.get(end.action, "").format(**values)


def as_data(found: Report) -> dict[str, Any]:
    """The report for programs."""
    end = found.conclusion
    return {
        "subscription_id": found.subscription_id,
        "customer_id": found.customer_id,
        "username": found.username,
        "took_ms": found.took_ms,
        "steps": [
            {
                "step": one.name,
                "verdict": one.verdict,
                "seen": one.reason,
                "at": None if one.at is None else one.at.isoformat(),
            }
            for one in found.steps
        ],
        "conclusion": {
            "code": end.code,
            "severity": end.severity,
            "sentence": _sentence(end.reason),
            "mend": end.mend,
            "action": end.action,
            "command": command_of(end, found.username),
        },
    }
