"""Every picture in the docs is one that the browser tests take anew, so none of them can be of an older panel."""

from browser.pictures import NAMES
from house.code import ROOT


def test_the_pictures_in_the_docs_are_those_that_tests_take() -> None:
    assert {path.stem for path in (ROOT / "docs" / "images").glob("*.png")} == NAMES
