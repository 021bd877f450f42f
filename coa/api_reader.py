"""One router's API: what it shows of the sessions that changes are about, and ending or re-speeding one there.

The tables are read once for all changes of a router. What is shown beside what was wanted is judged in `domain.shown`.
A dynamic queue is RouterOS's own and cannot be written, so a speed is set only where staff made the queue; anything
else takes a new login.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Protocol

from coa.lessons import left_out_of
from db.queries.seeing import Job
from domain.desired import SESSION_TIMEOUT, TOTAL_LIMIT
from domain.mac import normalise_mac
from domain.shown import ADDRESS_LIST, APPLIED, Proof, Shown, proof_of, wanted_rate
from domain.speed import read_rate_limit
from routeros import Router
from routeros.rows import DhcpLease, HotspotActive, ListEntry, PppActive, SimpleQueue
from routeros.wanted import QueueWanted

Ending = Callable[[Router], bool]


class _Row(Protocol):
    @property
    def id(self) -> str: ...


class _Session(Protocol):
    """What a session is known by; instants and numbers are as accounting has them."""

    @property
    def username(self) -> str: ...
    @property
    def session_id(self) -> str: ...
    @property
    def framed_ip(self) -> str | None: ...


class Tables:
    """What one router shows, read when it is first asked for and kept for this conversation."""

    def __init__(self, router: Router) -> None:
        self._router = router

    @cached_property
    def ppp(self) -> list[PppActive]:
        """PPP sessions."""
        return self._router.ppp_active()

    @cached_property
    def hotspot(self) -> list[HotspotActive]:
        """Hotspot sessions."""
        return self._router.hotspot_active()

    @cached_property
    def leases(self) -> list[DhcpLease]:
        """DHCP leases that are in use."""
        return [lease for lease in self._router.dhcp_leases() if lease.status in ("bound", "")]

    @cached_property
    def queues(self) -> list[SimpleQueue]:
        """Simple queues that are in force."""
        return [queue for queue in self._router.queues() if not queue.is_disabled]

    @cached_property
    def lists(self) -> list[ListEntry]:
        """Entries of address lists that are in force."""
        return [entry for entry in self._router.list_entries() if not entry.is_disabled]

    @property
    def show_nobody(self) -> bool:
        """Not one session: as likely a router that has just started as one without customers."""
        return not (self.ppp or self.hotspot or self.leases)

    def endings(self, job: Job) -> list[Ending]:
        """How to end the session of this change, once for each row that is it."""
        ppp = [_ender(Router.end_ppp, row) for row in self.ppp if is_ppp(row, job)]
        hotspot = [_ender(Router.end_hotspot, row) for row in self.hotspot if is_hotspot(row, job)]
        leases = [_ender(Router.remove_dhcp_lease, row) for row in self.leases if _is_lease(row, job)]
        return [*ppp, *hotspot, *leases]

    def shown(self, job: Job) -> Shown:
        """What is shown of the session of this change."""
        if self.show_nobody:
            return Shown(is_there=None)
        if not self.endings(job):
            return Shown(is_there=False)
        if job.kind == "disconnect":
            return Shown(is_there=True)
        queue = self._queue(job)
        own = queue.name if queue is not None and not queue.is_dynamic else None
        return Shown(
            is_there=True,
            rate_bps=None if queue is None else queue.max_limit_bps,
            own_queue=own,
            limits=self._limits(job),
            address_lists=self._lists_of(job) if ADDRESS_LIST in job.attributes else None,
        )

    def _limits(self, job: Job) -> dict[str, int]:
        """A hotspot shows them of who is logged in; no table has those of PPP sessions or leases."""
        found = [row for row in self.hotspot if is_hotspot(row, job)]
        if len(found) != 1 or found[0].uptime_s is None:
            return {}
        (row,) = found
        limits = {} if row.limit_total_bytes is None else {TOTAL_LIMIT: row.limit_total_bytes}
        # Without a limit there is no time left to show.
        return limits | {SESSION_TIMEOUT: 0 if row.time_left_s is None else found[0].uptime_s + row.time_left_s}

    def _lists_of(self, job: Job) -> frozenset[str]:
        """The lists in which the session's address is by itself, not as part of a network."""
        return frozenset(entry.list for entry in self.lists if entry.address.removesuffix("/32") == job.framed_ip)

    def _queue(self, job: Job) -> SimpleQueue | None:
        """The queue that limits the session: of several for its address the first one counts, as it does there."""
        address = job.framed_ip or "-"
        for queue in self.queues:
            targets = {part.strip().removesuffix("/32") for part in queue.target.split(",")}
            is_interface = queue.is_dynamic and any(f"-{job.username}>" in text for text in (queue.name, *targets))
            if address in targets or is_interface:
                return queue
        return None


def carry_out(router: Router, jobs: list[Job]) -> dict[int, str]:
    """Bring about what each job wants; the results of `domain.retransmission.API_RESULTS` by the job's id.

    Everything is read first, so what is so already is left alone; and read again before anything is called done.
    """
    before = Tables(router)
    results: dict[int, str] = {}
    acted: list[Job] = []
    for job in jobs:
        shown = before.shown(job)
        if proof_of(job.kind, job.attributes, shown).word == APPLIED:
            results[job.id] = "absent" if job.kind == "disconnect" else "applied"
        elif shown.is_there is None:
            results[job.id] = "unknown"
        elif not shown.is_there:
            results[job.id] = "absent"
        elif _act(router, before, job, shown):
            acted.append(job)
        else:
            results[job.id] = "cannot"
    return results | (_see_again(router, acted) if acted else {})


def look(router: Router, jobs: list[Job]) -> dict[int, Proof]:
    """What each job's session shows of it, by the job's id."""
    tables = Tables(router)
    return {
        job.id: proof_of(job.kind, job.attributes, tables.shown(job), left_out=left_out_of(job.error_cause))
        for job in jobs
    }


def _act(router: Router, tables: Tables, job: Job, shown: Shown) -> bool:
    """Do what the API can do; false when it can do nothing for this change."""
    if job.kind == "disconnect":
        for end in tables.endings(job):
            end(router)
        return True
    wanted = wanted_rate(job.attributes)
    if shown.own_queue is None or wanted is None or len(job.attributes) > 1:
        return False
    queue = next(queue for queue in tables.queues if queue.name == shown.own_queue)
    router.put_queue(QueueWanted(name=queue.name, target=queue.target, max_limit=_max_limit(job.attributes)))
    return True


def _max_limit(attributes: Mapping[str, str]) -> str:
    speed = read_rate_limit(attributes["Mikrotik-Rate-Limit"])
    return "0/0" if speed is None else f"{speed.upload_kbps}k/{speed.download_kbps}k"


def _see_again(router: Router, acted: list[Job]) -> dict[int, str]:
    after = Tables(router)
    results = {}
    for job in acted:
        shown = after.shown(job)
        # Of a session whose row we took away a fresh reading has none: an empty list is no surprise then.
        is_gone = job.kind == "disconnect" and not shown.is_there
        is_so = is_gone or proof_of(job.kind, job.attributes, shown).word == APPLIED
        results[job.id] = "applied" if is_so else "cannot"
    return results


def _ender(end: Callable[[Router, str], bool], row: _Row) -> Ending:
    return lambda router: end(router, row.id)


def is_ppp(row: PppActive, job: _Session) -> bool:
    """Whether a row is this PPP session."""
    # A session id is written with 0x before it; one without any is known by its address.
    session_id = row.session_id.lower().removeprefix("0x")
    if row.name != job.username:
        return False
    return session_id == job.session_id.lower() if session_id else row.address == job.framed_ip


def is_hotspot(row: HotspotActive, job: _Session) -> bool:
    """Whether a row is of this session's user at its address."""
    return row.user == job.username and row.address == job.framed_ip


def _is_lease(row: DhcpLease, job: Job) -> bool:
    device = normalise_mac(job.station or "") or normalise_mac(job.username)
    return device is not None and normalise_mac(row.mac) == device and row.address == job.framed_ip
