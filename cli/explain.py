"""`lintas explain`, `lintas replay`: why a login is decided as it is, and what today's rules say of recorded ones."""

from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import click

from bss import explain as explaining
from bss import replay as replaying
from bss.moments import read_moment
from bss.receipt_words import rule_label, said_value, value_label
from bss.rows import tenant_of
from cli.output import emit, json_option
from cli.work import Work, tenant_option, work
from db.queries.named import nas_named, subscription_named
from domain.access import REASONS, SERVICES
from radius.receipts import Outcome


@click.command()
@click.argument("user", metavar="USER")
@click.option("--mac", help="From this device; otherwise as at the last login.")
@click.option("--nas", "nas_name", metavar="ROUTER", help="Through this router; otherwise as at the last login.")
@click.option("--at", metavar="TIME", help="At 22:00, '2026-11-30 22:00' or in full with an offset; otherwise now.")
@click.option("--service", type=click.Choice(SERVICES), help="Over this kind of access; otherwise the subscription's.")
@tenant_option
@json_option
def explain(
    user: str, mac: str | None, nas_name: str | None, at: str | None, service: str | None, tenant: str | None
) -> None:
    """How a login of USER would be decided: every rule with what it saw, and the reply. Changes nothing.

    USER is a username, code or id. The policy itself is run over what the database says now, so the answer is the
    server's; only wrong passwords of a moment ago are known to the server alone.
    """
    with work(tenant) as job:
        zone = ZoneInfo(tenant_of(job.session, actor=job.actor).timezone)
        row = job.found(subscription_named(job.session, user, tenant_id=job.tenant_id), "subscription")
        wanted = explaining.Try(
            at=None if at is None else _moment(at, job.now, zone, "--at"),
            nas_server_id=None if nas_name is None else _nas_id(job, nas_name),
            mac=mac,
            service=service,
        )
        found = job.do(explaining.explain, subscription_id=row.id, wanted=wanted)
    emit(_as_data(found), _as_lines(found, zone))


def _moment(text: str, now: datetime, zone: tzinfo, option: str) -> datetime:
    try:
        return read_moment(text, now=now, zone=zone)
    except ValueError:
        raise click.BadParameter("write it like 22:00 or '2026-11-30 22:00'", param_hint=option) from None


def _nas_id(job: Work, name: str) -> int:
    return job.found(nas_named(job.session, name, tenant_id=job.tenant_id), "router").id


def _as_data(found: explaining.Explanation) -> dict[str, Any]:
    return {
        "subscription_id": found.subscription_id,
        "username": found.username,
        "version": found.version,
        "at": found.at.isoformat(),
        "service": found.service,
        "mac": found.mac,
        "nas_server_id": found.nas_server_id,
        "nas_name": found.nas_name,
        "other_sessions": found.other_sessions,
        "result": "accept" if found.is_accepted else "reject",
        "reason": found.outcome.reason,
        "problem": found.problem,
        "rules": [
            {"rule": step.rule, "values": dict(step.values), "refusal": step.refusal} for step in found.outcome.rules
        ],
        "attributes": [{"name": name, "value": value} for name, value in found.attributes],
    }


def _as_lines(found: explaining.Explanation, zone: tzinfo) -> list[str]:
    at = found.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    device, router = found.mac or "an unknown device", found.nas_name or "any router"
    verdict = "let in" if found.is_accepted else "refused"
    reply = [f"  {name} = {value}" for name, value in found.attributes]
    return [
        f"{found.username} over {found.service} from {device} through {router} at {at}",
        *_rules(found.outcome, zone),
        f"=> {verdict}: {REASONS.get(found.outcome.reason, found.outcome.reason)}",
        *([f"   {found.problem}"] if found.problem else []),
        *(["Reply:", *reply] if reply else []),
    ]


def _rules(outcome: Outcome, zone: tzinfo) -> list[str]:
    lines = []
    for step in outcome.rules:
        seen = ", ".join(f"{value_label(name)} {said_value(name, value, zone)}" for name, value in step.values.items())
        mark = "ok" if step.refusal is None else "no" if step.refusal == outcome.refusal else "--"
        why = "" if step.refusal is None else f" -> {REASONS.get(step.refusal, step.refusal)}"
        why += " (walled garden)" if mark == "--" else ""
        lines.append(f"  {mark}  {rule_label(step.rule)}: {seen or 'nothing'}{why}")
    return lines


@click.command()
@click.option("--from", "since", required=True, metavar="TIME", help="The first moment, like '2026-11-30 00:00'.")
@click.option("--to", "until", required=True, metavar="TIME", help="The moment after the last.")
@tenant_option
@json_option
def replay(since: str, until: str, tenant: str | None) -> None:
    """Make the recorded decisions of a period again, by the rules as they are now, and say which come out otherwise.

    Each is made from its own record and receipt, so that nothing changed since has a say: without a change of the rules
    there is no difference. Wrong passwords and unknown names were not decided by rules and are counted apart.
    """
    with work(tenant) as job:
        zone = ZoneInfo(tenant_of(job.session, actor=job.actor).timezone)
        period = {
            "since": _moment(since, job.now, zone, "--from"),
            "until": _moment(until, job.now, zone, "--to"),
        }
        found = replaying.replay(job.session, actor=job.actor, **period)
    emit(_replay_as_data(found), _replay_as_lines(found, zone))


def _replay_as_data(found: replaying.Replay) -> dict[str, Any]:
    return {
        "decisions": found.decisions,
        "same": found.same,
        "different": found.different,
        "not_made_again": dict(found.not_made_again),
        "differences": [
            {"was": was, "would_be": would_be, "count": count}
            for (was, would_be), count in found.differences.most_common()
        ],
        "examples": [
            {
                "decision_id": one.decision_id,
                "decided_at": one.decided_at.isoformat(),
                "username": one.username,
                "was": one.was,
                "would_be": one.would_be,
                "changed": list(one.changed),
            }
            for one in found.examples
        ],
    }


def _replay_as_lines(found: replaying.Replay, zone: tzinfo) -> list[str]:
    apart = [f"  {reason}: {count}" for reason, count in found.not_made_again.most_common()]
    counted = [f"  {was} -> {would_be}: {count}" for (was, would_be), count in found.differences.most_common()]
    examples = [
        f"  {one.decided_at.astimezone(zone):%Y-%m-%d %H:%M:%S} {one.username}: {one.was} -> {one.would_be}"
        + (f" ({', '.join(one.changed)})" if one.changed else "")
        for one in found.examples
    ]
    return [
        f"{found.decisions} decisions: {found.same} the same, {found.different} different",
        *(["Not made again:", *apart] if apart else []),
        *(["Different:", *counted, "For example:", *examples] if counted else []),
    ]
