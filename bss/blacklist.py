"""The provider's blacklist: devices that may use nothing, whatever subscription they ask for."""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, Problem, flush_or_conflict
from bss.outcome import Changed
from bss.rows import locked
from db.models import BlockedMac
from db.queries.devices import count_blocked, online_by_mac

MAX_BLOCKED = 10_000

_TAKEN = {
    "uq_blocked_macs_tenant_id_mac": Problem(
        field="mac", reason="is on the blacklist already", mend="nothing has to be done"
    )
}


def add(session: Session, *, actor: Actor, now: datetime, mac: str, note: str = "") -> Changed[BlockedMac]:
    """Refuse every login of a device from now on, and end its sessions."""
    normal = fields.mac(mac)
    if count_blocked(session, tenant_id=actor.tenant_id) >= MAX_BLOCKED:
        raise Conflict(Problem(field="mac", reason=f"the blacklist holds {MAX_BLOCKED} devices", mend="remove some"))
    row = BlockedMac(
        tenant_id=actor.tenant_id,
        mac=normal,
        note=fields.text(note, field="note", longest=255),
        created_by=actor.name,
    )
    session.add(row)
    flush_or_conflict(session, _TAKEN)
    audit.record(session, actor=actor, now=now, action="blacklist.added", entity=row, new={"mac": normal, "note": note})
    online = online_by_mac(session, tenant_id=actor.tenant_id, mac=normal)
    effect = network.disconnect_sessions(session, actor=actor, now=now, reason="blacklist", sessions=online)
    return Changed(row=row, effect=effect)


def remove(session: Session, *, actor: Actor, now: datetime, blocked_id: int) -> BlockedMac:
    """Take a device off the blacklist; what its subscription says counts again."""
    row = locked(session, BlockedMac, blocked_id, actor=actor)
    mac = str(row.mac).upper()
    audit.record(session, actor=actor, now=now, action="blacklist.removed", entity=row, old={"mac": mac})
    session.delete(row)
    session.flush()
    return row
