"""Runs faults one after the other on one installation and prints a line for each.

    python -m faults.runner                     all, FAULT_RECORDS (3000) records each
    FAULTS=a1,b7 FAULT_RECORDS=100000 FAULT_SEED=5 python -m faults.runner

Ends with an error when a fault was not held. The lines and every figure behind them are kept in var/faults.
"""

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks import machine
from benchmarks.lab import LabError, results_dir
from faults import verdict
from faults.catalogue import FAULTS, NOT_RUN
from faults.fault import Fault
from faults.stage import PLACE, Stage, open_stage
from faults.verdict import Outcome

RECORDS, SEED = 3000, 1
# Set in the mount namespace of our own, in which small disks may be mounted and filled.
_APART = "LINTAS_FAULTS_APART"


def main() -> None:
    """The command."""
    _live_apart()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = [name for name in os.environ.get("FAULTS", "").lower().replace(" ", "").split(",") if name]
    known = {fault.id for fault in FAULTS} | NOT_RUN.keys()
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no such fault: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    records = int(os.environ.get("FAULT_RECORDS", str(RECORDS)))
    seed = int(os.environ.get("FAULT_SEED", str(SEED)))
    chosen = [fault for fault in FAULTS if not wanted or fault.id in wanted]
    try:
        outcomes = run(chosen, records=records, seed=seed)
    except LabError as error:
        sys.exit(str(error))
    if not wanted:
        for name, (title, why) in NOT_RUN.items():
            _keep(Outcome(fault=name, title=title, seed=seed, not_run=why))
    held = sum(outcome.verdict == verdict.HELD for outcome in outcomes)
    _say(f"{held} of {len(outcomes)} faults held; every figure is in {results_dir(PLACE)}")
    sys.exit(0 if held == len(outcomes) else 1)


def _live_apart() -> None:
    if os.geteuid() == 0 and not os.environ.get(_APART):
        os.environ[_APART] = "1"
        command = ["unshare", "-m", "--propagation", "private", sys.executable, "-m", "faults.runner"]
        os.execvp(command[0], command)


def run(faults: Sequence[Fault], *, records: int, seed: int) -> list[Outcome]:
    """Each fault in turn; its line is printed and kept as soon as it is there."""
    _say(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {records} records a fault, seed {seed}, {machine.describe()['cpus']}"
        " processors"
    )
    outcomes = []
    with open_stage(seed=seed, say=_say) as stage:
        _say(verdict.columns(verdict.HEAD))
        for number, fault in enumerate(faults):
            outcomes.append(_one(stage, fault, records, number))
            _keep(outcomes[-1])
            if outcomes[-1].verdict == verdict.BROKEN:
                shutil.copytree(stage.lab.log_dir, results_dir(PLACE) / f"log-{fault.id}", dirs_exist_ok=True)
    return outcomes


def _one(stage: Stage, fault: Fault, records: int, number: int) -> Outcome:
    why_not = fault.why_not()
    if why_not:
        return Outcome(fault=fault.id, title=fault.title, seed=stage.seed, not_run=why_not)
    begun = time.monotonic()
    try:
        return fault.run(stage, records, number)
    except Exception as error:
        # The others are still to be run, and this one is not held.
        traceback.print_exc()
        said = f"the run failed: {type(error).__name__}: {error}"
        outcome = Outcome(fault=fault.id, title=fault.title, seed=stage.seed, problems=[said])
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome


def _keep(outcome: Outcome) -> None:
    _say(verdict.line(outcome))
    outcome.write(results_dir(PLACE))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
