"""What stands on paper, in both languages, and what cannot get onto it."""

import base64
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from paper import documents
from paper.documents import LAYOUTS, Card, Invoice, Letterhead, Line, Party, Receipt, Sheet
from paper.press import TooMuch

XHTML = "{http://www.w3.org/1999/xhtml}"
HEAD = Letterhead(name="Cempaka Net", address="Jl. Cempaka 12\nJakarta", tax_id="01.234", bank="BCA 123", footer="Halo")
WHO = Party(name="Budi <script>alert(1)</script>", code="CUST-2026110001")
INVOICE = Invoice(
    letterhead=HEAD, language="id", currency="IDR", number="INV-20261101-0042", state="unpaid", customer=WHO,
    issued_on=date(2026, 11, 1), due_on=date(2026, 11, 20), period=(date(2026, 11, 1), date(2026, 11, 30)),
    service="budi01", lines=[Line(description="Internet 20 Mbps", quantity=Decimal(1), unit_price=Decimal(250000),
    amount=Decimal(250000))], subtotal=Decimal(250000), discount=Decimal(25000), tax=Decimal(24750),
    total=Decimal(249750), tax_percent=Decimal(11), payment_link="https://bayar.example/p/8f3k",
)  # fmt: skip
RECEIPT = Receipt(
    letterhead=HEAD, language="id", currency="IDR", number="RCP-20261112-0017", customer=WHO, amount=Decimal(249750),
    method="transfer", paid_on=date(2026, 11, 12), paid_at_time="14:05", purpose="", invoice_number=INVOICE.number,
)  # fmt: skip
SHEET = Sheet(
    letterhead=HEAD, language="id", layout="medium", batch="festival", made_on=date(2026, 11, 27), plan="Hotspot 3 jam",
    price=Decimal(5000), currency="IDR", validity_s=10_800, time_limit_s=None, data_limit_bytes=10**9, credit=None,
    use_by=date(2026, 12, 31), how="Ketik kode ini.", cards=[Card(code="HOT-k7mq-x3ht-pw9c", qr_text="HOT-k7mq")],
)  # fmt: skip


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be printed, as HTML."""
    pages: list[str] = []

    def keep(parts: list[str], **_: object) -> bytes:
        pages.extend(parts)
        return b"%PDF-"

    monkeypatch.setattr(documents.press, "pdf", keep)
    return pages


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("id", ["Tagihan", "Mohon dibayar paling lambat 20 Nov 2026.", "Rp 249.750", "-Rp 25.000", "Pajak 11 %",
                "1 Nov 2026 – 30 Nov 2026", "Pindai untuk membayar"]),
        ("en", ["Invoice", "Please pay by 20 Nov 2026.", "Rp 249,750", "-Rp 25,000", "Tax 11 %", "Scan to pay online"]),
        ("fr", ["Invoice"]),
    ],
)  # fmt: skip
def test_an_invoice_says_it_in_the_customers_language(printed: list[str], language: str, said: list[str]) -> None:
    documents.invoice_pdf(replace(INVOICE, language=language))

    text = words(printed[0])
    assert [part for part in said if part not in text] == []


@pytest.mark.parametrize(
    ("state", "said", "asks_for_money"),
    [
        ("unpaid", "Mohon dibayar", True),
        ("overdue", "Seharusnya dibayar", True),
        ("paid", "Dibayar pada 12 Nov 2026. Terima kasih.", False),
        ("cancelled", "Tagihan ini dibatalkan", False),
        ("refunded", "lalu dikembalikan", False),
        ("draft", "belum diterbitkan", False),
    ],
)
def test_only_an_open_invoice_asks_for_money(printed: list[str], state: str, said: str, asks_for_money: bool) -> None:
    documents.invoice_pdf(replace(INVOICE, state=state, paid_on=date(2026, 11, 12)))

    text = words(printed[0])
    assert said in text
    assert ("BCA 123" in text, "bayar.example" in text, "data:image/png" in printed[0]) == (asks_for_money,) * 3


def test_a_currency_with_cents_shows_them_and_rupiah_none(printed: list[str]) -> None:
    documents.invoice_pdf(replace(INVOICE, currency="KES", language="en", total=Decimal("1249.50")))

    assert "KES 1,249.50" in words(printed[0])


def test_what_somebody_is_called_cannot_become_markup(printed: list[str]) -> None:
    documents.invoice_pdf(INVOICE)
    documents.receipt_pdf(replace(RECEIPT, note="<img src=x>", received_by="</td>"))
    documents.sheet_pdf(replace(SHEET, plan="<b>", how="<i>", letterhead=replace(HEAD, name="</style><p>")))

    assert not any("<script>" in page or "<img src=x>" in page or "</style><p>" in page for page in printed)


def test_a_receipt_has_the_amount_in_words_where_that_is_the_custom(printed: list[str]) -> None:
    documents.receipt_pdf(RECEIPT)
    documents.receipt_pdf(replace(RECEIPT, language="en"))

    assert "Terbilang : dua ratus empat puluh sembilan ribu tujuh ratus lima puluh rupiah" in words(printed[0]).replace(
        "Terbilang:", "Terbilang :"
    )
    assert "Transfer bank" in words(printed[0])
    assert "rupiah" not in words(printed[1])
    assert "Bank transfer" in words(printed[1])


@pytest.mark.parametrize(
    ("language", "purpose", "said"),
    [("id", "installation", "Pemasangan"), ("en", "installation", "Installation"), ("id", "penalty", "Denda"),
     ("id", "kabel sendiri", "kabel sendiri"), ("id", "", "Jumlah diterima")],
)  # fmt: skip
def test_a_receipt_says_what_for_in_the_customers_language(
    printed: list[str], language: str, purpose: str, said: str
) -> None:
    documents.receipt_pdf(replace(RECEIPT, language=language, purpose=purpose))

    assert said in words(printed[0])


def test_a_receipt_for_money_that_went_back_says_that_it_is_void(printed: list[str]) -> None:
    documents.receipt_pdf(replace(RECEIPT, is_reversed=True))

    assert "tidak berlaku lagi" in words(printed[0])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [1, 43, 250])
def test_every_voucher_is_on_the_sheet_once(printed: list[str], layout: str, count: int) -> None:
    cards = [Card(code=f"HOT-{number:04d}-abcd") for number in range(count)]
    told: list[int] = []

    documents.sheet_pdf(replace(SHEET, layout=layout, cards=cards), told=told.append)

    found = re.findall(r'<p class="k">([^<]*)</p>', "".join(printed))
    assert found == [card.code for card in cards]
    pages = sum(page.count('<section class="page">') for page in printed)
    assert pages == -(-count // (LAYOUTS[layout].columns * LAYOUTS[layout].rows))


def test_a_sheet_says_what_a_voucher_is_worth(printed: list[str]) -> None:
    documents.sheet_pdf(SHEET)
    documents.sheet_pdf(replace(SHEET, language="en", validity_s=None, data_limit_bytes=None, credit=Decimal(50000)))

    assert "3 jam sejak login pertama · 1 GB · pakai paling lambat 31 Des 2026" in words(printed[0]).replace(
        "\xa0", " "
    )
    assert "Rp 50,000 credit" in words(printed[1])


def picture_of(sheet: Sheet, rows: int | None = None) -> ElementTree.Element:
    address = documents.sheet_picture(sheet, rows=rows)
    return ElementTree.fromstring(base64.b64decode(address.removeprefix("data:image/svg+xml;base64,")))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_of_a_sheet_is_its_first_page(layout: str) -> None:
    cards = [Card(code=f"HOT-{number:04d}", qr_text="" if number % 2 else "x") for number in range(100)]
    drawn = picture_of(replace(SHEET, layout=layout, cards=cards))
    codes = [found.text for found in drawn.iter(f"{XHTML}p") if found.get("class") == "k"]
    assert codes == [card.code for card in cards[: LAYOUTS[layout].cards]]


def test_a_picture_shows_as_many_rows_as_are_asked_for() -> None:
    whole, row = picture_of(SHEET), picture_of(SHEET, rows=1)
    assert float(row.get("height", "")) < float(whole.get("height", "")) / 6


def test_what_stands_on_a_voucher_cannot_become_markup_in_its_picture() -> None:
    head = replace(HEAD, name="<script>alert(1)</script> & Söhne")
    drawn = picture_of(replace(SHEET, letterhead=head, how="]]> <b>&amp;"))
    assert not [found for found in drawn.iter() if found.tag.endswith("script")]
    assert "<script>alert(1)</script> & Söhne" in "".join(drawn.itertext())


def test_more_vouchers_than_a_sheet_may_have_are_refused() -> None:
    with pytest.raises(TooMuch):
        documents.sheet_pdf(replace(SHEET, cards=[Card(code="x")] * 2001))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_long_code_is_written_smaller_rather_than_cut(layout: str) -> None:
    shape = LAYOUTS[layout]
    assert shape.code_size_pt(14) <= shape.code_pt
    assert shape.code_size_pt(34) * 34 * 0.602 * 25.4 / 72 <= shape.width_mm - 2 * shape.padding_mm + 1


def test_paper_is_pdf_with_its_own_name_in_it() -> None:
    printed = documents.receipt_pdf(RECEIPT)

    assert printed.startswith(b"%PDF-1.7")
    assert printed == documents.receipt_pdf(RECEIPT)
