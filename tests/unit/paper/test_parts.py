"""Amounts in words, pictures, QR codes and the words of paper."""

import base64
import importlib.machinery
import importlib.util
import io
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from paper.amounts import spelled
from paper.picture import FORMATS, BadPicture, is_ours, logo, qr, unwrapped
from paper.words import TRANSLATIONS, words_in

ROOT = Path(__file__).resolve().parents[3]
WORTH = {
    "nol": 0, "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8, "sembilan": 9,
    "sepuluh": 10, "sebelas": 11,
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "nol"),
        (11, "sebelas"),
        (15, "lima belas"),
        (100, "seratus"),
        (1000, "seribu"),
        (1_000_000, "satu juta"),
        (21_512, "dua puluh satu ribu lima ratus dua belas"),
        (100_001, "seratus ribu satu"),
        (2_001_100, "dua juta seribu seratus"),
    ],
)
def test_numbers_in_words(number: int, said: str) -> None:
    assert spelled(number) == said


@given(st.integers(0, 10**15 - 1))
def test_the_words_say_the_number(number: int) -> None:
    assert _read(spelled(number).split()) == number


def _read(words: list[str]) -> int:
    total = group = 0
    for word in words:
        match word:
            case "belas":
                group += 10
            case "puluh":
                group = group - group % 10 + group % 10 * 10
            case "seratus":
                group += 100
            case "ratus":
                group *= 100
            case "seribu":
                total += 1000
            case "ribu" | "juta" | "miliar" | "triliun":
                total += group * {"ribu": 10**3, "juta": 10**6, "miliar": 10**9, "triliun": 10**12}[word]
                group = 0
            case _:
                group += WORTH[word]
    return total + group


def picture(kind: str, size: tuple[int, int] = (900, 300)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#0f766e").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_logo_is_drawn_anew_as_a_small_png(kind: str) -> None:
    made = logo(picture(kind))

    assert is_ours(made)
    with Image.open(io.BytesIO(unwrapped(made))) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width <= 640
        assert drawn.height <= 240


def test_nothing_that_was_hidden_in_a_picture_is_kept() -> None:
    secret = b"<script>alert(1)</script>"
    upload = picture("PNG") + secret

    assert secret not in unwrapped(logo(upload))


@pytest.mark.parametrize(
    ("upload", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no PNG"),
        (b"", "is no PNG"),
        (picture("PNG")[:100], "cannot be read"),
        (picture("GIF"), "is no PNG"),
        (picture("PNG", (5000, 4000)), "million points"),
        (b"x" * 1_400_001, r"is larger than 1\.4 MB"),
    ],
    ids=["svg", "nothing", "half a picture", "another format", "too many points", "too many bytes"],
)
def test_what_is_no_usable_picture_is_refused_with_the_reason(upload: bytes, why: str) -> None:
    with pytest.raises(BadPicture, match=why):
        logo(upload)


@pytest.mark.parametrize(
    "text", ["data:image/svg+xml;base64,PHN2Zz4=", "https://x/y.png", "data:image/png;base64,a'b", ""]
)
def test_only_addresses_of_our_own_making_are_ours(text: str) -> None:
    assert not is_ours(text)


def test_a_qr_code_is_a_bitmap_of_its_text() -> None:
    made = qr("https://bayar.example/p/8f3k")

    assert made == qr("https://bayar.example/p/8f3k") != qr("https://bayar.example/p/8f3l")
    assert Image.open(io.BytesIO(base64.b64decode(made.partition(",")[2]))).width % 4 == 0
    with pytest.raises(ValueError, match="1 to 500"):
        qr("x" * 501)


@pytest.fixture(scope="module")
def keeper() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("translations_script", str(ROOT / "scripts" / "translations"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_every_word_of_paper_is_translated(keeper: ModuleType) -> None:
    for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.parts[-3])
        catalogue.update(keeper.paper_template(), no_fuzzy_matching=True)
        assert keeper.lacking(catalogue) == []


def test_words_are_found_without_a_compiled_catalogue() -> None:
    assert words_in("id").gettext("Receipt") == "Kuitansi"
    assert words_in("en").gettext("Receipt") == "Receipt"
