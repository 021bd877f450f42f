"""Which measurements run on one installation, in which order, and what each of them needs."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks import fair_use, logins, records, servers, subscribers
from benchmarks.lab import LabError, open_lab
from benchmarks.load import LoadError
from benchmarks.verdict import Result

# A measurement that could not be made; the text says why.
FAILURES = (LabError, LoadError)


def run(
    names: Sequence[str], *, seconds: float, subscribers: int, rounds: int, say: Callable[[str], None]
) -> Iterator[Result]:
    """Each measurement's result as soon as it is there and written."""
    with open_lab(subscribers=subscribers, say=say) as lab:
        _seed(lab)
        ours = servers.start_ours(lab)
        compared = [ours]
        if {"login", "accounting"} & set(names):
            compared += [servers.start_sql(lab), servers.start_ceiling(lab)]
        if "login" in names:
            yield _kept(logins.measure(lab, compared, seconds=seconds, rounds=rounds))
        if "accounting" in names:
            yield _kept(records.measure(lab, compared, seconds=seconds, rounds=rounds))
        if "fup" in names:
            yield _kept(fair_use.measure(lab))


_seed = subscribers.seed


def _kept(result: Result) -> Result:
    result.write()
    return result
