"""The words of money: ways of paying, kinds of lines and of invoices, movements of a balance."""

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

METHOD_WORDS: dict[str, LazyString | str] = {
    "cash": _l("cash"),
    "transfer": _l("bank transfer"),
    "midtrans": "Midtrans",
    "xendit": "Xendit",
    "mpesa": "M-Pesa",
    "stripe": "Stripe",
    "qris": "QRIS",
    "gopay": "GoPay",
    "ovo": "OVO",
    "dana": "DANA",
    "card": _l("card"),
    "wallet": _l("balance"),
    "voucher": _l("voucher"),
    "other": _l("other"),
}
ITEM_WORDS: dict[str, LazyString | str] = {
    "service": _l("service"),
    "setup": _l("set-up"),
    "installation": _l("installation"),
    "proration": _l("change of plan"),
    "equipment": _l("equipment"),
    "voucher": _l("voucher"),
    "other": _l("other"),
}
KIND_WORDS: dict[str, LazyString | str] = {
    "recurring": _l("renewal"),
    "proration": _l("change of plan"),
    "one_off": _l("single"),
    "manual": _l("by hand"),
}
BALANCE_WORDS: dict[str, LazyString | str] = {"credit": _l("give credit"), "debit": _l("take off")}
MOVEMENT_WORDS: dict[str, LazyString | str] = {
    "credit": _l("credit"),
    "debit": _l("debit"),
    "carry_over": _l("carried over"),
}
ENTRY_WORDS: dict[str, LazyString | str] = {
    "payment": _l("payment"),
    "settlement": _l("invoice paid"),
    "credit": _l("credit given"),
    "debit": _l("taken off"),
    "refund": _l("given back"),
    "reversal": _l("taken back"),
}


def method_words(code: str) -> LazyString | str:
    """A way of paying."""
    return METHOD_WORDS.get(code, code)


def item_words(code: str) -> LazyString | str:
    """What a line is for."""
    return ITEM_WORDS.get(code, code)


def kind_words(code: str) -> LazyString | str:
    """Why an invoice was written."""
    return KIND_WORDS.get(code, code)


def movement_words(code: str | None) -> LazyString | str:
    """A movement of a balance."""
    return MOVEMENT_WORDS.get(code or "", code or "")


def entry_words(code: str) -> LazyString | str:
    """What moved a balance."""
    return ENTRY_WORDS.get(code, code)
