"""The names of a run's files: safe, and apart on every disk."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from treewright.running.file_names import file_name

IDS = st.text(st.characters(codec=None), max_size=200)


@given(IDS, IDS)
@example("a/B", "a/b")
@example("A" * 300, "a" * 300)
@example("é", "É")
@example("a%2fb", "a/b")
def test_two_problems_never_share_a_file_even_where_capitals_do_not_count(
    one: str, other: str
) -> None:
    names = {file_name(problem, ".json").lower() for problem in (one, other)}
    assert len(names) == len({one, other})


@given(IDS)
def test_a_name_is_plain_short_and_has_no_folder(problem: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]{0,180}\.json", file_name(problem, ".json"))


def test_an_id_in_small_letters_names_its_file() -> None:
    assert file_name("algebra/12", ".json") == "algebra%2F12.json"
