"""An amount in words, as an Indonesian receipt has it so that no digit can be added by hand."""

from decimal import Decimal

_SMALL = (
    *("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas"),
)
_STEPS = ((10**12, "triliun"), (10**9, "miliar"), (10**6, "juta"), (10**3, "ribu"), (100, "ratus"), (10, "puluh"))


def in_words(amount: Decimal, currency: str, language: str) -> str:
    """The amount in words, or nothing where that is not the custom."""
    if currency != "IDR" or language != "id" or amount != amount.to_integral_value() or amount < 0:
        return ""
    return f"{spelled(int(amount))} rupiah"


def spelled(number: int) -> str:
    """A whole number of at least zero in Indonesian."""
    if number < len(_SMALL):
        return _SMALL[number]
    if number < 20:
        return f"{_SMALL[number - 10]} belas"
    for size, word in _STEPS:
        if number >= size:
            count, rest = divmod(number, size)
            # One hundred and one thousand are one word; one million is two.
            head = f"se{word}" if count == 1 and size in (100, 1000) else f"{spelled(count)} {word}"
            return head if rest == 0 else f"{head} {spelled(rest)}"
    raise AssertionError("unreachable")
