"""What a report keeps of a large run is little, and says the same as what it is made of."""

import gc
import tracemalloc
from errno import ENOSPC
from io import BytesIO
from pathlib import Path

import pytest

from benchmarks.estimators.expected import Share
from benchmarks.estimators.subsets import subset_chances
from benchmarks.grading import Outcome
from search.seeds import call_seed
from treewright.arms.arm import Arm
from treewright.arms.by_problem import Prices, Shares
from treewright.arms.graded import Graded
from treewright.arms.graded_run import GradedRun
from treewright.report.deepening import Deepening
from treewright.report.tree_files import TreeFile, Trees, TreeWriter
from treewright.running.run_folder import RunWriteError

ODD = 0.1 + 0.2
"""A number that any rounding would change."""


def problem(number: int) -> Graded:
    """Four candidates, of which as many are right as the number says."""
    outcomes = tuple(Outcome.CORRECT if at < number % 5 else Outcome.INCORRECT for at in range(4))
    scores = tuple(ODD * (at + 1) / 4 for at in range(4))
    prices = tuple((100 * n + number, 10 * n) for n in range(5))
    return Graded(f"p{number}", outcomes, (0, 0, 1, None), {"min": scores}, prices, flat=True)


def test_shares_are_kept_exactly() -> None:
    known = {
        "a": Share(ODD, 1.0, ODD / 3, 0.0, 0.0),
        "b": Share(0.0, 0.0, 0.0, 1.0, 0.0, draws=512),
    }
    assert Shares({"a": 0, "b": 1}, known.values()) == known


def test_prices_are_those_of_the_problems() -> None:
    problems = [problem(number) for number in range(3)]
    places = {each.id: at for at, each in enumerate(problems)}
    for judged in (False, True):
        said = {each.id: each.price(2, judged=judged) for each in problems}
        assert Prices(problems, places, 2, judged) == said


def test_an_arm_over_subsets_says_of_each_problem_what_its_subsets_say() -> None:
    problems = [problem(number) for number in range(5)]
    arm, sizes = Arm("weighted", "min"), [1, 2, 4]
    marks = GradedRun("A", problems).over_subsets(arm, sizes)
    for each in problems:
        seed = call_seed(0, each.id)
        chances = subset_chances("weighted", each.options(arm), arm.scale, sizes, seed=seed)
        said = [Share.of(chance, each.right, each.undecided) for chance in chances]
        assert [made.shares[each.id] for made in marks] == said
        assert [made.prices[each.id] for made in marks] == [each.prices[n] for n in sizes]


def test_an_arm_over_subsets_keeps_less_than_a_hundred_bytes_of_a_problem() -> None:
    run = GradedRun("A", [problem(number) for number in range(2000)])
    arm = Arm("best", "min")
    assert run.over_subsets(arm, [1, 4])  # whatever is made once, is
    gc.collect()
    tracemalloc.start()
    marks = run.over_subsets(arm, [1, 2, 4])
    assert all(each.figures.problems for each in marks)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / len(run.problems) / len(marks) < 100


def test_what_the_verifier_thought_is_found_by_depth() -> None:
    found = Deepening.of([(ODD, None, 0.25), (), (1.0,)])
    assert found.deepest == 3
    assert [found.at(depth) for depth in (1, 2, 3, 4)] == [
        [ODD, None, 1.0],
        [None, None, None],
        [0.25, None, None],
        [None, None, None],
    ]
    assert Deepening.of([]).deepest == 0


def test_trees_are_read_in_their_order_when_their_file_has_no_name_any_more(tmp_path: Path) -> None:
    files = []
    for name, written in (("0", ["first", "", "third"]), ("1", ["second"])):
        with TreeWriter(tmp_path / name) as writer:
            for tree in written:
                writer.add(tree)
        files.append(TreeFile(tmp_path / name, writer.sizes))
        (tmp_path / name).unlink()
    trees = Trees([(files[0], 0), (files[1], 0), (files[0], 1), (files[0], 2)])
    assert list(trees) == list(trees) == ["first", "second", "", "third"]
    assert list(Trees.joined([trees, Trees([(files[1], 0)])])) == [*trees, "second"]
    assert "third" in trees
    assert "fourth" not in trees


class Full(BytesIO):
    """A file on a disk without room."""

    def write(self, data: object) -> int:
        raise OSError(ENOSPC, "No space left on device")


def test_a_disk_without_room_for_trees_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "open", lambda path, mode: Full())
    with (
        TreeWriter(tmp_path / "0") as writer,
        pytest.raises(RunWriteError, match=r"0: cannot be written: No space left .*TMPDIR"),
    ):
        writer.add("tree")
