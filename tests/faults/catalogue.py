"""Every fault that is run, in order, and those that are not, with the reason."""

from faults.fault import Fault
from faults.kinds import (
    changes,
    disk,
    failover,
    network,
    policy,
    postgres,
    power,
    processes,
    records,
    routers,
    strangers,
)

FAULTS: tuple[Fault, ...] = (
    *postgres.FAULTS,
    *failover.FAULTS,
    *disk.FAULTS,
    *processes.FAULTS,
    *power.FAULTS,
    *policy.FAULTS,
    *records.FAULTS,
    *routers.FAULTS,
    *network.FAULTS,
    *strangers.FAULTS,
    *changes.FAULTS,
)
# Fault to its title and why it does not run here.
NOT_RUN: dict[str, tuple[str, str]] = {
    "a12": ("task slower than Redis waits", "a message holds no work, it says look; a11 and a9b kill the sender"),
    "a15b": ("policy never comes back", "a loop inside Python cannot be ended from outside but with its server"),
    "b12": ("attributes of the wrong size or kind", "part of b11"),
    "b23": ("router API cut between two steps", "tests/integration/router_api, against a simulated RouterOS"),
    "b24": (
        "address pool empty or leased twice",
        "routers hand pool addresses out; a fixed one is unique by constraint",
    ),
}
