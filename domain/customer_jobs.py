"""Work on many customers: which actions there are, how much may be asked at once, and when it goes in the background.

Decides bounds and words; refuses to know what an action does to a customer.
"""

JOB_KINDS = ("import", "bulk")
IMPORT_ACTIONS = ("import", "preview")
JOB_STATES = ("running", "done", "stopped")
ITEM_STATES = ("waiting", "done", "failed")
BULK_ACTIONS = (
    "activate",
    "suspend",
    "inactive",
    "disabled",
    "blacklisted",
    "add_tag",
    "remove_tag",
    "change_plan",
    "delete",
)
# The permission an action needs, besides being allowed to do many at once.
ACTION_PERMISSIONS = {
    "activate": "activate_customers",
    "suspend": "suspend_customers",
    "inactive": "suspend_customers",
    "disabled": "suspend_customers",
    "blacklisted": "suspend_customers",
    "add_tag": "edit_customers",
    "remove_tag": "edit_customers",
    "change_plan": "change_package",
    "delete": "delete_customers",
}
# So many rows or customers at most in one job.
MOST_ITEMS = 5_000
# Up to here it is done while the caller waits.
AT_ONCE = 25


def is_at_once(count: int) -> bool:
    """Whether so many are done while the caller waits."""
    return count <= AT_ONCE
