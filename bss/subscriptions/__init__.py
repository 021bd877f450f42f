"""Subscriptions: created, edited, moved between states and plans, with their passwords, limits, devices, addresses."""

from bss.subscriptions.attributes import OwnAttributes, attributes_of, set_attributes
from bss.subscriptions.devices import add_mac, approve_mac, remove_mac, reset_macs, set_mac_binding, set_mac_status
from bss.subscriptions.life import activate, cancel, change_expiry, delete, disable, keep, suspend, terminate
from bss.subscriptions.new import create, create_many
from bss.subscriptions.terms import assign_ip, change_password, change_plan, edit, set_limits
from bss.subscriptions.values import CONNECTION_TYPES, EDITABLE, LIMITS, MAX_MACS, SUSPEND_REASONS

__all__ = [
    "CONNECTION_TYPES",
    "EDITABLE",
    "LIMITS",
    "MAX_MACS",
    "SUSPEND_REASONS",
    "OwnAttributes",
    "activate",
    "add_mac",
    "approve_mac",
    "assign_ip",
    "attributes_of",
    "cancel",
    "change_expiry",
    "change_password",
    "change_plan",
    "create",
    "create_many",
    "delete",
    "disable",
    "edit",
    "keep",
    "remove_mac",
    "reset_macs",
    "set_attributes",
    "set_limits",
    "set_mac_binding",
    "set_mac_status",
    "suspend",
    "terminate",
]
