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
    router_api,
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
    *router_api.FAULTS,
    *changes.FAULTS,
)
# Fault to its title and why it does not run here.
NOT_RUN: dict[str, tuple[str, str]] = {
    "a15b": ("policy never comes back", "a loop inside Python cannot be ended from outside but with its server"),
    "b24b": ("a router's address pool empty", "routers hand pool addresses out, and say nothing when there is none"),
}
