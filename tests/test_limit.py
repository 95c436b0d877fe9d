"""The limit that ended a search: a value that is written and read in one place."""

import pytest

from search.limit import LimitReached

UNSURE = "not reproducible"
UNSURE = "not reproducible"
WRITTEN = {
    "calls: 4 of 3": LimitReached("calls", 4, 3),
    "total_tokens: 1200345 of 1000000": LimitReached("total_tokens", 1200345, 1000000),
    "seconds: 12.0 of 10 (not reproducible)": LimitReached(
        "seconds", 12.0, 10.0, "not reproducible"
    ),
    "seconds: 0.3 of 0.25 (not reproducible)": LimitReached(
        "seconds", 0.3, 0.25, "not reproducible"
    ),
    "missing: no open path has a value": LimitReached("missing", note="no open path has a value"),
    "its own words": LimitReached("its own words"),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_limit_is_written_as_it_was_and_read_again(text: str) -> None:
    assert (str(WRITTEN[text]), LimitReached.read(text)) == (text, WRITTEN[text])


@pytest.mark.parametrize(
    "text",
    [
        "",
        ": ",
        "a: ",
        "a:b",
        "calls: 4.50 of 3",
        "calls: ٤ of 3",
        f"calls: {'9' * 5000} of 3",
        "calls: 1 of 3 ()",
    ],
)
def test_whatever_a_record_says_stays_as_it_is(text: str) -> None:
    assert str(LimitReached.read(text)) == text
