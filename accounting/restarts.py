"""Routers whose uptime says that they have restarted: what they ran before is over.

A restart that the router reported itself, or that its session ids showed, is dealt with where records are merged.
This is for a router that only its API shows to have restarted, before anybody has logged in again.
"""

from datetime import datetime, timedelta

from accounting.facts import micros
from accounting.sessions import ended_payloads
from db.queries import accounting as queries
from db.queries.accounting import Connection
from domain.sessions import REBOOT_SEEN

# Uptimes are whole seconds and answers take their time: the same restart looks a little different at every look.
SAME_BOOT_S = 90
# What was heard this shortly before may have been heard after it, by a router's clock that is behind.
CLOCK_SLACK = timedelta(seconds=60)


def end_what_ran_before(connection: Connection, now: datetime) -> int:
    """Note new restarts and end the sessions that were last heard before them; how many. One transaction a router."""
    ended = 0
    for nas_server_id, booted_at in queries.booted_lately(connection, least_later_s=SAME_BOOT_S):
        if booted_at > now:
            continue
        with connection.transaction():
            queries.take_merge_lock(connection)
            queries.note_boot(connection, nas_server_id, booted_us=micros(booted_at), told_by="uptime")
            over = queries.end_sessions_heard_before(
                connection, nas_server_id=nas_server_id, heard_before=booted_at - CLOCK_SLACK, cause=REBOOT_SEEN
            )
            payloads = ended_payloads(over)
            if payloads:
                queries.notify_sessions(connection, payloads)
        ended += len(over)
    return ended
