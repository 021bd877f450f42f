"""What is written into the books when something happens to money: entries of postings that add up to nothing.

A posting is an amount on an account, debits above zero and credits below. A customer has two accounts. The wallet holds
what he has paid and not used: its balance is what people call the customer's balance. The receivable holds the invoices
he has not paid. An invoice is paid as a whole: until the wallet covers it, what was paid stays in the wallet.

Decides which accounts a happening touches; refuses to know rows, numbers of documents and who asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.money import ZERO

# Accounts of a customer, accounts of an operator, and the provider's own.
WALLET, RECEIVABLE = "wallet", "receivable"
COMMISSION_OWED = "commission_owed"
MONEY, REVENUE, DISCOUNT, TAX, EXPENSE, ADJUSTMENT = "money", "revenue", "discount", "tax", "expense", "adjustment"
OF_CUSTOMERS = frozenset({WALLET, RECEIVABLE})
OF_OPERATORS = frozenset({COMMISSION_OWED})
ACCOUNT_KINDS = (WALLET, RECEIVABLE, COMMISSION_OWED, MONEY, REVENUE, DISCOUNT, TAX, EXPENSE, ADJUSTMENT)

# Why an entry was made. A reversal takes another entry back and names it.
INVOICE, PAYMENT, SETTLEMENT, CREDIT, DEBIT, REFUND, COMMISSION, SPENDING, REVERSAL = (
    "invoice",
    "payment",
    "settlement",
    "credit",
    "debit",
    "refund",
    "commission",
    "expense",
    "reversal",
)
ENTRY_KINDS = (INVOICE, PAYMENT, SETTLEMENT, CREDIT, DEBIT, REFUND, COMMISSION, SPENDING, REVERSAL)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Account:
    """One account of a provider. `name` tells apart what money came by, what was sold and what was spent on."""

    kind: str
    name: str = ""
    customer_id: int | None = None
    operator_id: int | None = None

    def __post_init__(self) -> None:
        if (self.customer_id is not None) != (self.kind in OF_CUSTOMERS):
            raise ValueError(f"{self.kind} is an account of a customer, or of none")
        if (self.operator_id is not None) != (self.kind in OF_OPERATORS):
            raise ValueError(f"{self.kind} is an account of an operator, or of none")


@dataclass(frozen=True, slots=True)
class Posting:
    """So much on an account: a debit above zero, a credit below."""

    account: Account
    amount: Decimal


Postings = tuple[Posting, ...]


class Unbalanced(ValueError):
    """Postings that do not add up to nothing: nobody may write them."""


def balanced(postings: Iterable[Posting]) -> Postings:
    """The postings without those of nothing; raises `Unbalanced`."""
    kept = tuple(posting for posting in postings if posting.amount)
    off = sum((posting.amount for posting in kept), ZERO)
    if off:
        raise Unbalanced(f"the postings are {off} off")
    return kept


def wallet(customer_id: int) -> Account:
    """What the customer has paid and not used."""
    return Account(kind=WALLET, customer_id=customer_id)


def receivable(customer_id: int) -> Account:
    """The customer's unpaid invoices."""
    return Account(kind=RECEIVABLE, customer_id=customer_id)


def _moved(amount: Decimal, *, debit: Account, credit: Account) -> Postings:
    return balanced((Posting(debit, amount), Posting(credit, -amount)))


def invoiced(
    customer_id: int, *, revenue: Mapping[str, Decimal], discount: Decimal = ZERO, tax: Decimal = ZERO
) -> Postings:
    """An invoice was issued: `revenue` by type of item, before discount and tax."""
    total = sum(revenue.values(), ZERO) - discount + tax
    return balanced(
        (
            Posting(receivable(customer_id), total),
            Posting(Account(kind=DISCOUNT), discount),
            *(Posting(Account(kind=REVENUE, name=name), -amount) for name, amount in sorted(revenue.items())),
            Posting(Account(kind=TAX), -tax),
        )
    )


def received(customer_id: int, amount: Decimal, *, method: str) -> Postings:
    """The customer paid: it is his until he uses it."""
    return _moved(amount, debit=Account(kind=MONEY, name=method), credit=wallet(customer_id))


def settled(customer_id: int, total: Decimal) -> Postings:
    """An invoice was paid out of the wallet."""
    return _moved(total, debit=wallet(customer_id), credit=receivable(customer_id))


def credited(customer_id: int, amount: Decimal, *, name: str) -> Postings:
    """The customer got credit without paying: a correction, a reward, an initial balance (`name` says which)."""
    return _moved(amount, debit=Account(kind=ADJUSTMENT, name=name), credit=wallet(customer_id))


def debited(customer_id: int, amount: Decimal, *, name: str) -> Postings:
    """Credit was taken off again, or a debt was brought in."""
    return _moved(amount, debit=wallet(customer_id), credit=Account(kind=ADJUSTMENT, name=name))


def noted(customer_id: int, *, revenue: Mapping[str, Decimal], tax: Decimal = ZERO) -> Postings:
    """A credit note: what was billed and is not delivered is the customer's again, with its tax."""
    total = sum(revenue.values(), ZERO) + tax
    return balanced(
        (
            *(Posting(Account(kind=REVENUE, name=name), amount) for name, amount in sorted(revenue.items())),
            Posting(Account(kind=TAX), tax),
            Posting(wallet(customer_id), -total),
        )
    )


def refunded(customer_id: int, amount: Decimal, *, method: str) -> Postings:
    """Money went back to the customer out of his wallet."""
    return _moved(amount, debit=wallet(customer_id), credit=Account(kind=MONEY, name=method))


def earned(operator_id: int, amount: Decimal) -> Postings:
    """An operator earned a commission."""
    return _moved(
        amount,
        debit=Account(kind=EXPENSE, name="commission"),
        credit=Account(kind=COMMISSION_OWED, operator_id=operator_id),
    )


def paid_out(operator_id: int, amount: Decimal, *, method: str) -> Postings:
    """An operator was paid his commissions."""
    return _moved(
        amount,
        debit=Account(kind=COMMISSION_OWED, operator_id=operator_id),
        credit=Account(kind=MONEY, name=method),
    )


def sold(amount: Decimal, *, what: str, method: str) -> Postings:
    """Something was sold for cash to somebody without an account, such as a voucher."""
    return _moved(amount, debit=Account(kind=MONEY, name=method), credit=Account(kind=REVENUE, name=what))


def spent(amount: Decimal, *, category: str, method: str) -> Postings:
    """The provider spent money."""
    return _moved(amount, debit=Account(kind=EXPENSE, name=category), credit=Account(kind=MONEY, name=method))


def reversed_of(postings: Postings) -> Postings:
    """The postings that take others back."""
    return tuple(Posting(posting.account, -posting.amount) for posting in postings)
