"""Customers: the record, their life, and what belongs to them."""

from bss.customers.life import (
    BLOCKING_STATUSES,
    NO_SUBSCRIPTION_LEFT,
    activate,
    block,
    delete,
    require_open,
    restore,
    roll_up,
    suspend,
    terminate,
)
from bss.customers.record import EDITABLE, Record, create, edit, is_over_credit, set_parent
from bss.customers.values import LANGUAGES
from domain.provider_settings import STARTING_STATUSES

__all__ = [
    "BLOCKING_STATUSES",
    "EDITABLE",
    "LANGUAGES",
    "NO_SUBSCRIPTION_LEFT",
    "STARTING_STATUSES",
    "Record",
    "activate",
    "block",
    "create",
    "delete",
    "edit",
    "is_over_credit",
    "require_open",
    "restore",
    "roll_up",
    "set_parent",
    "suspend",
    "terminate",
]
