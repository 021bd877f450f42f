"""What a provider may decide for all of its customers, each with what holds until it is decided.

Decides names, bounds and defaults; refuses to know where they are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from domain.codes import CUSTOMER_PREFIX, SUBSCRIPTION_PREFIX, is_prefix
from domain.forgetting import ANONYMOUS, DAYS_BEFORE_FORGETTING, ENDINGS

STARTING_STATUSES = ("prospect", "active")
MOST_DAYS = 3650
MOST_GRACE_DAYS = 365


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSettings:
    """`tokens_add_per_hour` bounds what programs may add one by one; None lifts the bound.

    New plans have `grace_period_days` unless they say otherwise. Deleted customers are forgotten after
    `forget_deleted_after_days`, None keeps them.
    """

    require_whatsapp: bool = False
    default_customer_status: str = "prospect"
    customer_code_prefix: str = CUSTOMER_PREFIX
    subscription_code_prefix: str = SUBSCRIPTION_PREFIX
    tokens_add_per_hour: int | None = 100
    grace_period_days: int = 7
    forget_deleted_after_days: int | None = DAYS_BEFORE_FORGETTING
    deleted_customers_become: str = ANONYMOUS


NAMES = tuple(field.name for field in fields(ProviderSettings))


def problem_with(name: str, value: object) -> str | None:
    """What is wrong with a value for a setting, as an advice; None when it can be kept."""
    if name == "require_whatsapp":
        return None if isinstance(value, bool) else "use true or false"
    if name == "default_customer_status":
        return None if value in STARTING_STATUSES else f"use {' or '.join(STARTING_STATUSES)}"
    if name in ("customer_code_prefix", "subscription_code_prefix"):
        fits = isinstance(value, str) and is_prefix(value)
        return None if fits else "use one to ten capital letters and digits"
    if name == "grace_period_days":
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_GRACE_DAYS
        return None if fits else f"use 0 to {MOST_GRACE_DAYS} days"
    if name == "deleted_customers_become":
        return None if value in ENDINGS else f"use {' or '.join(ENDINGS)}"
    if name == "forget_deleted_after_days":
        is_kept = value is None or (isinstance(value, int) and _is_count(value) and value <= MOST_DAYS)
        return None if is_kept else f"use 1 to {MOST_DAYS} days, or nothing"
    return None if value is None or _is_count(value) else "use a whole number from 1 to 100000, or nothing"


def settings_from(stored: Mapping[str, object]) -> ProviderSettings:
    """The settings as stored; what is missing or cannot be read is the default."""
    good = {name: stored[name] for name in NAMES if name in stored and problem_with(name, stored[name]) is None}
    return ProviderSettings(**good)  # type: ignore[arg-type]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100_000
