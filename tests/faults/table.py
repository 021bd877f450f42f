"""The lines of the last runs as a table for docs/reliability.md: `python -m faults.table`, from var/faults."""

import json
from pathlib import Path
from typing import Any

from benchmarks.lab import results_dir
from faults.catalogue import FAULTS, NOT_RUN
from faults.stage import PLACE

HEAD = (
    "| | fault | acknowledged | lost | counted twice | logins | available | refused | let in | back, s | drained, s |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
)


def rows(directory: Path) -> list[str]:
    """A row for each fault that was run, in the catalogue's order; one that was not held is marked."""
    found = [directory / f"{fault.id}.json" for fault in FAULTS]
    return [_row(json.loads(path.read_text())) for path in found if path.exists()]


def _row(kept: dict[str, Any]) -> str:
    mark = "" if kept["verdict"] == "held" else " **not held**"
    share = "" if kept["availability"] is None else f"{kept['availability'] * 100:.2f} %"
    cells = (
        kept["fault"].upper(),
        kept["title"] + mark,
        f"{kept['acknowledged']:,}",
        kept["lost"],
        kept["duplicated"],
        f"{kept['logins']:,}",
        share,
        kept["false_rejects"],
        kept["false_accepts"],
        _seconds(kept["recovery_s"]),
        _seconds(kept["drain_s"]),
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def main() -> None:
    """Prints both tables."""
    print("\n".join([*HEAD, *rows(results_dir(PLACE)), ""]))
    print("\n".join(f"| {name.upper()} | {title} | {why} |" for name, (title, why) in NOT_RUN.items()))


if __name__ == "__main__":
    main()
