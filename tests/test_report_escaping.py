"""What a report carries: text that steers nothing, and trees that fit."""

import json

import pytest

from treewright.report.escaping import packed, script_json, unpacked, visible
from treewright.report.page import environment, hashed
from treewright.report.tree_data import CUT, SHORT, cut, fitted, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext \U0001f600 ç", "plain\ntext \U0001f600 ç"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("a\x00b\ud800c", "a\\x00b\\ud800c"),
    ],
)
def test_what_steers_or_reorders_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_data_in_a_script_holds_nothing_that_ends_or_opens_one() -> None:
    value = {"</script><!--": "\u2028 & <script>"}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_a_packed_value_comes_back() -> None:
    value = {"texts": ["ç", "\U0001f600"], "nodes": [[1, None, 0.5]]}
    assert unpacked(packed(value)) == value


def test_templates_escape_by_default_and_know_no_undefined_name() -> None:
    made = environment()
    assert made.autoescape is True
    assert made.from_string("{{ it }}").render(it="<b>&'\"") == "&lt;b&gt;&amp;&#39;&#34;"


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = f"begin{'x' * 500}end"
    cut = shortened(text, 60)
    assert cut.startswith("begin")
    assert cut.endswith("end")
    assert len(cut) == 60 + len(CUT)
    assert shortened("short", 60) == "short"


def noise(name: str) -> str:
    """A thousand characters that hardly compress."""
    return " ".join(hashed(f"{name} {number}") for number in range(20))


def forest(count: int) -> list[str]:
    """Trees of 20 solutions of one step; number 7 is chosen, and later ones score higher."""
    return [
        packed(
            {
                "texts": [noise(f"{tree} {at}") for at in range(40)],
                "nodes": [
                    {"id": str(at), "rank": at, "prefix": at / 20, "chosen": at == 7,
                     "steps": [{"text": 2 * at, "probability": 0.5, "critique": 2 * at + 1}]}
                    for at in range(20)
                ],
            }
        )
        for tree in range(count)
    ]  # fmt: skip


def test_trees_that_fit_are_whole() -> None:
    trees = forest(2)
    assert fitted(trees, sum(map(len, trees))) == (trees, None)


def test_trees_that_are_too_large_keep_the_texts_of_the_leading_solutions() -> None:
    trees = forest(3)
    most = sum(map(len, trees)) * 6 // 10
    made, whole = fitted(trees, most)
    assert whole == 8
    assert sum(map(len, made)) <= most
    before, after = unpacked(trees[0])["texts"], unpacked(made[0])["texts"]
    same = {at for at in range(20) if before[2 * at : 2 * at + 2] == after[2 * at : 2 * at + 2]}
    assert same == {7, 12, 13, 14, 15, 16, 17, 18, 19}
    assert after[1] == CUT
    assert len(after[0]) == SHORT + len(CUT)


def test_trees_that_never_fit_are_left_out_from_the_end() -> None:
    trees = forest(2)
    made, whole = fitted(trees, len(fitted(trees, 1)[0][0]) + len(cut(trees[0], 0)) + 9)
    assert (whole, [bool(tree) for tree in made]) == (0, [True, False])
