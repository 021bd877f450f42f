"""Simulated routers that own the truth: what passed in their sessions, and every report they make of it.

A report is frozen when it is made. What reaches the server is any of them, in any order, any number of times.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from domain.sessions import INTERIM, SECOND_US, START, STOP, WRAP, Packet

GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the router says at one moment, with its counters; `late_us` is how long a copy was on its way."""

    kind: str
    after_us: int
    session_time_s: int
    upload_bytes: int
    download_bytes: int
    late_us: int = 0


@dataclass(frozen=True, kw_only=True)
class TruthfulSession:
    """A session from beginning to end, or still running when `is_over` is False."""

    reports: tuple[Report, ...]
    sends_gigawords: bool
    upload_bytes: int
    download_bytes: int
    is_over: bool

    def packet(self, report: Report, began_us: int) -> Packet:
        """The report as the merge law takes it."""
        has_counts = report.kind != START
        wide = self.sends_gigawords
        return Packet(
            report.kind,
            began_us + report.after_us + report.late_us,
            report.session_time_s,
            (report.upload_bytes if wide else report.upload_bytes % WRAP) if has_counts else None,
            (report.download_bytes if wide else report.download_bytes % WRAP) if has_counts else None,
            wide and has_counts,
            "User-Request" if report.kind == STOP else None,
        )


# One interval: how long it lasted, bytes up and down in it.
Interval = tuple[int, int, int]


def _truthful(intervals: list[Interval], *, sends_gigawords: bool, is_over: bool) -> TruthfulSession:
    at_us = up = down = 0
    reports = [Report(kind=START, after_us=0, session_time_s=0, upload_bytes=0, download_bytes=0)]
    for number, (us, more_up, more_down) in enumerate(intervals):
        at_us, up, down = at_us + us, up + more_up, down + more_down
        kind = STOP if is_over and number == len(intervals) - 1 else INTERIM
        reports.append(
            Report(
                kind=kind, after_us=at_us, session_time_s=at_us // SECOND_US, upload_bytes=up, download_bytes=down
            )
        )  # fmt: skip
    return TruthfulSession(
        reports=tuple(reports), sends_gigawords=sends_gigawords, upload_bytes=up, download_bytes=down, is_over=is_over
    )


@st.composite
def truthful_sessions(draw: st.DrawFn, *, gigawords: bool | None = None, most_reports: int = 8) -> TruthfulSession:
    """A session of a router with or without Gigawords: any length of interval, any traffic that a link can carry."""
    wide = draw(st.booleans()) if gigawords is None else gigawords
    # Without Gigawords nobody can tell two wraps from one, so less than a GiB passes between two reports.
    most = 20 * GIB if wide else GIB - 1
    amounts = st.one_of(st.integers(0, 2000), st.integers(0, most))
    intervals = st.tuples(st.integers(17 * SECOND_US, 3600 * SECOND_US), amounts, amounts)
    told = draw(st.lists(intervals, min_size=1, max_size=most_reports))
    return _truthful(told, sends_gigawords=wide, is_over=draw(st.booleans()))


@st.composite
def deliveries(draw: st.DrawFn, session: TruthfulSession, *, must_come: bool = True) -> list[Report]:
    """Some of a session's reports in any order, some more than once and then heard later; the last among them."""
    some = draw(st.lists(st.sampled_from(session.reports), max_size=2 * len(session.reports)))
    kept = [*some, session.reports[-1]] if must_come or not some else some
    seen: set[Report] = set()
    copies = []
    for report in kept:
        late_us = draw(st.integers(0, 5 * SECOND_US)) if report in seen else 0
        seen.add(report)
        copies.append(Report(**{**report.__dict__, "late_us": late_us}))
    return draw(st.permutations(copies))
