"""The business commands, gathered under the names that `cli.main` knows."""

from cli.attributes import known, of_plan, of_subscription
from cli.customers import customer, subscription, usage
from cli.devices import bind, blacklist, group, mac, plan_sessions
from cli.network import nas, plan, sessions
from cli.plan_changes import rollout
from cli.staff import token, user

subscription.add_command(of_subscription)
subscription.add_command(mac)
subscription.add_command(bind)
nas.add_command(group)
plan.add_command(plan_sessions)
plan.add_command(of_plan)

__all__ = [
    "blacklist",
    "customer",
    "known",
    "nas",
    "plan",
    "rollout",
    "sessions",
    "subscription",
    "token",
    "usage",
    "user",
]
