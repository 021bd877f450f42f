"""Every permission there is, in words, and what each standing role is granted. Roles in the database hold the codes."""

from collections.abc import Mapping
from types import MappingProxyType

BY_SUBJECT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Customers": {
            "view_customers": "see customers, subscriptions, sessions and usage",
            "create_customers": "add customers and subscriptions",
            "edit_customers": "edit customers, subscriptions, passwords and addresses",
            "delete_customers": "end, delete and restore customers, and end subscriptions",
            "activate_customers": "activate customers and subscriptions",
            "suspend_customers": "suspend, disable and block customers and subscriptions",
            "disconnect_customers": "disconnect running sessions",
            "change_operator": "ask for customers to go to another operator, and agree to it",
            "act_on_many": "act on many customers at once",
            "import_customers": "add customers from a file",
            "export_customers": "take the customer list away as a file",
            "view_id_cards": "see pictures of identity cards; who looked is kept",
            "manage_personal_data": "hand out everything about a customer, make him anonymous and erase him",
        },
        "Single subscriptions": {
            "change_package": "move a subscription to another plan",
            "edit_speed_limit": "set a speed for one subscription",
            "edit_time_limit": "set session time, number of logins, allowances and top-ups for one subscription"
            " or family",
            "activate_fup": "put a subscription into or out of fair use",
            "remove_mac_bind": "allow, block and remove devices",
            "edit_suspend_date": "change when a subscription ends",
        },
        "Money": {
            "view_money": "see invoices, payments and balances",
            "generate_bills": "write, issue and cancel invoices",
            "record_payments": "record payments, renew, and pay invoices from balances",
            "refund_payments": "give payments back, and take back those recorded by mistake",
            "edit_balance": "give customers credit and take it off",
            "view_books": "see expenses, the trial balance and what operators are owed, and take the journal as a file",
            "manage_expenses": "record what the provider spends",
            "pay_operators": "record that operators were paid their commissions",
            "manage_billing": "change tax, due days and the other rules of billing",
            "manage_gateways": "set up payment gateways and their keys",
        },
        "Vouchers": {
            "manage_vouchers": "make, print, sell, disable and take away vouchers",
            "hotspot_recharge": "redeem vouchers for customers and make hotspot logins",
        },
        "Plans and routers": {
            "view_plans": "see service plans",
            "manage_plans": "add and change service plans",
            "view_nas": "see routers",
            "manage_nas": "add and change routers and their secrets",
        },
        "Provider": {
            "manage_users": "add and change staff and roles",
            "manage_operators": "add and change operators and whose staff somebody is",
            "manage_settings": "change settings of the provider",
            "manage_tokens": "hold API tokens of one's own",
            "manage_webhooks": "set up webhooks, which tell others what happens",
            "manage_installation": "see and run what all providers share: servers, jobs, alarms,"
            " how long records are kept",
        },
        "Looking things up": {
            "view_reports": "see reports",
            "view_address_history": "look up who had an address at a time",
            "view_audit": "see who changed what",
        },
    }
)
PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {code: words for permissions in BY_SUBJECT.values() for code, words in permissions.items()}
)

_VIEW = frozenset({"view_customers", "view_money", "view_plans", "view_nas"})
_DAILY = frozenset(
    {"create_customers", "edit_customers", "activate_customers", "suspend_customers", "disconnect_customers"}
)
_SINGLY = frozenset(
    {
        "change_package",
        "edit_speed_limit",
        "edit_time_limit",
        "activate_fup",
        "remove_mac_bind",
        "edit_suspend_date",
    }
)

_DESK = frozenset({"generate_bills", "record_payments", "manage_vouchers", "hotspot_recharge"})

# What can be held to the customers of one operator. Whoever is an operator's staff holds nothing else, whatever his
# roles say: routers, plans, staff and settings are the provider's.
FOR_OPERATORS = frozenset(
    _DAILY
    | _SINGLY
    | _DESK
    | {"view_customers", "view_money", "view_plans", "view_audit", "delete_customers", "manage_tokens"}
    | {"import_customers", "export_customers", "act_on_many", "change_operator", "view_id_cards"}
)

# What belongs to the whole installation and to no single provider: held by staff of the first provider only, the one
# that runs it, whatever the roles of others say.
OF_INSTALLATION = frozenset({"manage_installation"})

ADMIN = "admin"
ROLES = MappingProxyType(
    {
        ADMIN: ("everything", frozenset(PERMISSIONS)),
        "operator": (
            "customers, subscriptions and their limits",
            _VIEW
            | _DAILY
            | _SINGLY
            | _DESK
            | {"delete_customers", "import_customers", "export_customers", "act_on_many", "change_operator"}
            | {"manage_tokens", "view_reports", "view_audit", "view_address_history"},
        ),
        "sub_operator": (
            "customers and subscriptions; limits are granted singly",
            _VIEW | _DAILY | {"record_payments", "hotspot_recharge", "view_reports"},
        ),
        "viewer": ("looks, changes nothing", _VIEW | {"view_reports"}),
    }
)


def subject_of(code: str) -> str:
    """What a permission is about."""
    return next(subject for subject, permissions in BY_SUBJECT.items() if code in permissions)


def unknown_permissions(codes: list[str]) -> list[str]:
    """The codes that are no permission of ours, sorted."""
    return sorted(set(codes) - set(PERMISSIONS))
