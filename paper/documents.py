"""What stands on each kind of paper, as plain values: an invoice, a receipt, a sheet of vouchers.

Whoever prints fills these in and gets PDF back. Amounts are exact, days are already the provider's local ones, and
nothing here knows who is asking.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from domain.invoices import OPEN
from paper import press
from paper.amounts import in_words
from paper.pages import page
from paper.picture import qr
from paper.words import language_of

MAX_LINES = 500
# A sheet of two thousand vouchers takes some eight seconds; see `paper.press` for what one document may hold.
MAX_CARDS = 2000
_CARDS_A_PART = 100
_SVG = "data:image/svg+xml;base64,"


@dataclass(frozen=True, kw_only=True, slots=True)
class Letterhead:
    """Whose paper it is. `logo` is a `data:` address as `paper.picture.logo` makes them."""

    name: str
    address: str = ""
    contact: str = ""
    tax_id: str = ""
    bank: str = ""
    footer: str = ""
    logo: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """Who it is for."""

    name: str
    code: str = ""
    address: str = ""
    contact: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One thing that is charged for."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoice:
    """An invoice; `state` as invoices have it. The first and the last day of the period are both inside it."""

    letterhead: Letterhead
    language: str
    currency: str
    number: str
    state: str
    customer: Party
    issued_on: date
    due_on: date | None
    period: tuple[date, date] | None
    service: str
    lines: Sequence[Line]
    subtotal: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    paid_on: date | None = None
    discount_note: str = ""
    tax_percent: Decimal | None = None
    payment_link: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """A receipt for money that was received; `method` as payments name it."""

    letterhead: Letterhead
    language: str
    currency: str
    number: str
    customer: Party
    amount: Decimal
    method: str
    paid_on: date
    paid_at_time: str
    purpose: str
    invoice_number: str = ""
    received_by: str = ""
    note: str = ""
    is_reversed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How vouchers lie on a page of A4; lengths in millimetres, `code_pt` the largest size a code is written in."""

    columns: int
    rows: int
    margin_mm: float
    padding_mm: float
    qr_mm: float
    code_pt: float

    @property
    def cards(self) -> int:
        """How many lie on a page."""
        return self.columns * self.rows

    @property
    def width_mm(self) -> float:
        """One card's width."""
        return round((210 - 2 * self.margin_mm) / self.columns, 3)

    @property
    def height_mm(self) -> float:
        """One card's height."""
        return round((297 - 2 * self.margin_mm) / self.rows, 3)

    def code_size_pt(self, longest: int) -> float:
        """The size in which a code of so many characters fits on one line."""
        room_pt = (self.width_mm - 2 * self.padding_mm) * 72 / 25.4
        return round(min(self.code_pt, room_pt / (longest * _MONO_EM)), 2)


# How wide a letter of DejaVu Sans Mono is, in its size.
_MONO_EM = 0.602
LAYOUTS = {
    "large": Layout(columns=2, rows=5, margin_mm=12, padding_mm=5, qr_mm=26, code_pt=16),
    "medium": Layout(columns=3, rows=8, margin_mm=12, padding_mm=3.2, qr_mm=19, code_pt=10),
    "small": Layout(columns=4, rows=11, margin_mm=10, padding_mm=2, qr_mm=14, code_pt=7.8),
}
QR_CHOICES = ("login", "code", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One voucher: what is typed, and what its QR code says (empty: it has none)."""

    code: str
    qr_text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """Vouchers of one batch. What is None is not printed. `how` says where the code is typed."""

    letterhead: Letterhead
    language: str
    layout: str
    batch: str
    made_on: date
    plan: str
    price: Decimal | None
    currency: str
    validity_s: int | None
    time_limit_s: int | None
    data_limit_bytes: int | None
    credit: Decimal | None
    use_by: date | None
    how: str
    cards: Sequence[Card]


def invoice_pdf(invoice: Invoice) -> bytes:
    """An invoice. Raises `paper.press.PaperFailure`."""
    if len(invoice.lines) > MAX_LINES:
        raise press.TooMuch(f"{len(invoice.lines)} lines; at most {MAX_LINES} can be printed")
    language = language_of(invoice.language)
    code = qr(invoice.payment_link) if invoice.payment_link and invoice.state in OPEN else ""
    return press.pdf([page("invoice.html", language, it=invoice, code=code)])


def receipt_pdf(receipt: Receipt) -> bytes:
    """A receipt. Raises `paper.press.PaperFailure`."""
    language = language_of(receipt.language)
    spelled = in_words(receipt.amount, receipt.currency, language)
    return press.pdf([page("receipt.html", language, it=receipt, spelled=spelled)])


def sheet_pdf(sheet: Sheet, *, told: Callable[[int], None] | None = None) -> bytes:
    """Vouchers to cut apart; `told` hears how many are laid out. Raises `paper.press.PaperFailure`."""
    if not 1 <= len(sheet.cards) <= MAX_CARDS:
        raise press.TooMuch(f"{len(sheet.cards)} vouchers; one to {MAX_CARDS} can be printed at once")
    parts = _parts(sheet)
    ready = _counted(parts, told)
    return press.pdf([_sheet_page(part) for part in parts], told=ready)


def sheet_picture(sheet: Sheet, *, rows: int | None = None) -> str:
    """The first page of a sheet, or only so many rows of it, as the `data:` address of a picture to look at.

    It is drawn from the very page that is printed, so what is seen is what comes out.
    """
    layout = LAYOUTS[sheet.layout]
    shown = replace(sheet, cards=sheet.cards[: layout.cards])
    height_mm = 297.0 if rows is None else layout.margin_mm + rows * layout.height_mm + 1
    drawn = _sheet_page(shown, "vouchers.svg", height_px=round(height_mm * 96 / 25.4))
    return _SVG + base64.b64encode(drawn.encode()).decode()


def _parts(sheet: Sheet) -> list[Sheet]:
    """Whole pages, some hundred cards to a part, and no more parts than a document may have."""
    layout = LAYOUTS[sheet.layout]
    a_page = layout.cards
    cards_a_part = max(_CARDS_A_PART, -(-len(sheet.cards) // press.MAX_PARTS))
    step = -(-cards_a_part // a_page) * a_page
    return [replace(sheet, cards=sheet.cards[at : at + step]) for at in range(0, len(sheet.cards), step)]


def _counted(parts: Sequence[Sheet], told: Callable[[int], None] | None) -> Callable[[int], None] | None:
    if told is None:
        return None
    return lambda finished: told(sum(len(part.cards) for part in parts[:finished]))


def _sheet_page(sheet: Sheet, template: str = "vouchers.html", **more: object) -> str:
    layout = LAYOUTS[sheet.layout]
    a_page = layout.cards
    drawn = [(card.code, qr(card.qr_text) if card.qr_text else "") for card in sheet.cards]
    pages = [drawn[at : at + a_page] for at in range(0, len(drawn), a_page)]
    return page(
        template,
        language_of(sheet.language),
        it=sheet,
        layout=layout,
        pages=pages,
        cuts=_cuts(layout),
        code_pt=layout.code_size_pt(max(len(card.code) for card in sheet.cards)),
        **more,
    )


def _cuts(layout: Layout) -> str:
    """Where to cut, as the picture behind a page: marks at the edges for a guillotine, dashes between for scissors."""
    edge, across, down = layout.margin_mm, 210 - layout.margin_mm, 297 - layout.margin_mm
    xs = [round(edge + column * layout.width_mm, 3) for column in range(layout.columns + 1)]
    ys = [round(edge + row * layout.height_mm, 3) for row in range(layout.rows + 1)]
    dashes = "".join(f"M{x} {edge}V{down}" for x in xs) + "".join(f"M{edge} {y}H{across}" for y in ys)
    marks = "".join(f"M{x} 3v5M{x} 294v-5" for x in xs) + "".join(f"M3 {y}h5M207 {y}h-5" for y in ys)
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 297" fill="none">'
        f'<path d="{dashes}" stroke="#d0d5dd" stroke-width=".15" stroke-dasharray="1.2 1.2"/>'
        f'<path d="{marks}" stroke="#667085" stroke-width=".2"/></svg>'
    )
    return _SVG + base64.b64encode(drawn.encode()).decode()
