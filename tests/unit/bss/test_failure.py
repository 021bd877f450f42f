import pytest

from bss.failure import Problem


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem(field="username", reason="is taken", mend="choose another"), "username is taken: choose another"),
        (Problem(field="invoice_id", reason="the invoice is paid"), "the invoice is paid"),
        (Problem(field="name", reason="there is no job 'x'", mend="look"), "there is no job 'x': look"),
        (Problem(field="", reason="send it empty"), "send it empty"),
    ],
)
def test_a_field_leads_only_what_is_said_of_it(problem: Problem, sentence: str) -> None:
    assert problem.sentence() == sentence
