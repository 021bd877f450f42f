"""The words for what belongs to customers: kinds of contacts and equipment, balances, actions on many."""

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

CONTACT_KINDS: dict[str, LazyString] = {"whatsapp": _l("WhatsApp"), "email": _l("E-mail"), "phone": _l("Phone")}
EQUIPMENT_KINDS: dict[str, LazyString] = {
    "router": _l("Router"),
    "switch": _l("Switch"),
    "access_point": _l("Access point"),
    "cpe": _l("Radio (CPE)"),
    "ont": _l("Fibre modem (ONT)"),
    "computer": _l("Computer"),
    "mobile": _l("Phone or tablet"),
    "other": _l("Other"),
}
GENDER_WORDS: dict[str, LazyString] = {"male": _l("male"), "female": _l("female"), "other": _l("other")}
BALANCE_WORDS: dict[str, LazyString] = {"credit": _l("in credit"), "debt": _l("in debt"), "zero": _l("nothing owed")}
BULK_WORDS: dict[str, LazyString] = {
    "activate": _l("Activate"),
    "suspend": _l("Suspend"),
    "inactive": _l("Block as inactive"),
    "disabled": _l("Block as disabled"),
    "blacklisted": _l("Block as blacklisted"),
    "add_tag": _l("Put a tag on"),
    "remove_tag": _l("Take a tag away"),
    "change_plan": _l("Change the plan"),
    "delete": _l("Delete"),
}
JOB_WORDS: dict[str, LazyString] = BULK_WORDS | {
    "import": _l("Import of customers"),
    "preview": _l("Look through a file"),
}
