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
    "penalty": _l("penalty"),
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
    "commission": _l("commission"),
    "payout": _l("paid out"),
}
CATEGORY_WORDS: dict[str, LazyString | str] = {
    "bandwidth": _l("bandwidth"),
    "equipment": _l("equipment"),
    "salaries": _l("salaries"),
    "rent": _l("rent"),
    "electricity": _l("electricity"),
    "transport": _l("transport"),
    "maintenance": _l("maintenance"),
    "marketing": _l("marketing"),
    "taxes": _l("taxes"),
    "installation": _l("installation"),
    "relocation": _l("relocation"),
    "repair": _l("repair"),
    "penalty": _l("penalty"),
    "commission": _l("commission"),
    "other": _l("other"),
}
ACCOUNT_WORDS: dict[str, LazyString | str] = {
    "wallet": _l("Balances of customers"),
    "receivable": _l("Open invoices"),
    "commission_owed": _l("Owed to operators"),
    "money": _l("Money in hand"),
    "revenue": _l("Revenue"),
    "discount": _l("Discounts"),
    "tax": _l("Tax"),
    "expense": _l("Expense"),
    "adjustment": _l("Corrections"),
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


def category_words(code: str) -> LazyString | str:
    """What was spent on or sold; a category of the provider's own is its word."""
    return CATEGORY_WORDS.get(code, code)


def account_words(kind: str, name: str) -> str:
    """An account of the books."""
    first = ACCOUNT_WORDS.get(kind, kind)
    if not name:
        return str(first)
    known = {"money": METHOD_WORDS, "revenue": ITEM_WORDS}.get(kind, {})
    return f"{first}: {known.get(name) or category_words(name)}"
