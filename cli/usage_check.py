"""`lintas usage now`: what a subscription does at this moment."""

from typing import Any

import click

from bss.usage_check import Bandwidth, SessionNow, UsageNow, check
from cli.output import emit, json_option
from cli.work import tenant_option, work
from db.models import RadAcct
from db.queries.named import subscription_named
from domain.standing import Standing


@click.command("now")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--without-routers", is_flag=True, help="Do not ask the router; show what accounting told.")
@tenant_option
@json_option
def now_command(name: str, without_routers: bool, tenant: str | None) -> None:
    """Its sessions, the bandwidth through them and what is left to it; for who is offline, the last session."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        found: UsageNow = job.do(check, subscription_id=row.id, ask_routers=not without_routers)
        data, lines = _plain(found), list(_lines(found))
    emit(data, lines)


def percentage_line(percentage: int | None) -> str:
    """How much of the billing period's volume is used, in words."""
    return "no volume limits the billing period" if percentage is None else f"{percentage} % of the volume is used"


def _lines(found: UsageNow) -> list[str]:
    lines = [line for one in found.sessions for line in _session_lines(one)]
    if not found.sessions:
        last = found.last_session
        ended = "" if last is None else f", last session on {found.last_router} ended {_moment(last)}: {_traffic(last)}"
        lines.append(f"offline{ended or ', never online yet'}")
    for kind, used in found.periods.items():
        lines.append(f"{kind}: down {used.download_bytes} up {used.upload_bytes} bytes, {used.seconds} s online")
    lines += [f"{one.quota.period} {one.quota.kind}: {one.left} of {one.limit} left" for one in found.standings]
    return [*lines, percentage_line(found.usage_percentage)]


def _session_lines(one: SessionNow) -> list[str]:
    row = one.session
    told = [_bandwidth(rate) for rate in (one.live, one.reported) if rate is not None]
    lines = [f"online on {one.router} as {row.framedipaddress or 'no address'} for {one.seconds} s: {_traffic(row)}"]
    lines += [f"  {text}" for text in told]
    return lines + ([] if one.problem is None else [f"  the router shows nothing now: {one.problem}"])


def _bandwidth(rate: Bandwidth) -> str:
    if rate.source == "reports":
        over = "" if rate.over_s is None else f" over {rate.over_s} s"
        how = f"average of the last two reports{over}, at {rate.measured_at:%Y-%m-%d %H:%M:%S} UTC"
    else:
        how = f"now, from the router's {rate.source}"
    return f"down {rate.download_bps} up {rate.upload_bps} bit/s, {how}"


def _traffic(row: RadAcct) -> str:
    return f"down {row.acctoutputoctets} up {row.acctinputoctets} bytes"


def _moment(row: RadAcct) -> str:
    return "" if row.acctstoptime is None else f"{row.acctstoptime:%Y-%m-%d %H:%M} UTC"


def _plain(found: UsageNow) -> dict[str, Any]:
    return {
        "subscription_id": found.subscription.id,
        "looked_at": found.looked_at.isoformat(),
        "is_online": found.is_online,
        "last_seen_at": None if found.last_seen_at is None else found.last_seen_at.isoformat(),
        "sessions": [_plain_session(one) for one in found.sessions],
        "last_session": None if found.last_session is None else _plain_row(found.last_session),
        "periods": {
            kind: {"download_bytes": one.download_bytes, "upload_bytes": one.upload_bytes, "seconds": one.seconds}
            for kind, one in found.periods.items()
        },
        "allowances": [_standing(one) for one in found.standings],
        "usage_percentage": found.usage_percentage,
    }


def _plain_session(one: SessionNow) -> dict[str, Any]:
    told = {"bandwidth": one.bandwidth, "live": one.live, "reported": one.reported}
    return {
        "session": _plain_row(one.session),
        "router": one.router,
        "seconds": one.seconds,
        **{name: _plain_rate(rate) for name, rate in told.items()},
        "problem": one.problem,
    }


def _plain_rate(rate: Bandwidth | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {
        "download_bps": rate.download_bps,
        "upload_bps": rate.upload_bps,
        "source": rate.source,
        "measured_at": rate.measured_at.isoformat(),
        "over_s": rate.over_s,
    }


def _plain_row(row: RadAcct) -> dict[str, Any]:
    return {
        "id": row.acctuniqueid,
        "framed_ip": None if row.framedipaddress is None else str(row.framedipaddress),
        "started_at": row.acctstarttime.isoformat(),
        "updated_at": row.acctupdatetime.isoformat(),
        "stopped_at": None if row.acctstoptime is None else row.acctstoptime.isoformat(),
        "seconds": row.acctsessiontime,
        "download_bytes": row.acctoutputoctets,
        "upload_bytes": row.acctinputoctets,
        "terminate_cause": row.acctterminatecause,
    }


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "kind": one.quota.kind,
        "period": one.quota.period,
        "limit": one.limit,
        "used": one.used,
        "left": one.left,
        "percent": one.percent,
        "resets_at": None if one.resets_at is None else one.resets_at.isoformat(),
    }
