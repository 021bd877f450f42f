"""The business commands, gathered under the names that `cli.main` knows."""

from cli.customers import customer, subscription, usage
from cli.network import nas, plan, sessions
from cli.plan_changes import rollout
from cli.staff import token, user

__all__ = ["customer", "nas", "plan", "rollout", "sessions", "subscription", "token", "usage", "user"]
