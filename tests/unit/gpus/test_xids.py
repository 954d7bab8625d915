"""Error numbers of cards have words, and the common ones words of their own."""

import pytest

from gesso.gpus.xids import XIDS, explain


@pytest.mark.parametrize("number", [13, 31, 43, 48, 63, 64, 79, 94, 95])
def test_common_errors_have_words_of_their_own(number: int) -> None:
    assert explain(number) == XIDS[number]


def test_every_error_says_what_to_do() -> None:
    assert all(error.words and error.remedy.endswith(".") for error in (*XIDS.values(), explain(9999)))
    assert len({error.words for error in XIDS.values()}) == len(XIDS)


def test_an_unknown_number_is_no_lasting_error_of_the_card() -> None:
    assert not explain(9999).lasting
