"""`treewright compare`: pairs, verdicts, what it refuses, and the page that explains it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimators.sample_size import needed_problems
from benchmarks.estimators.significance import mcnemar
from treewright.cli import main
from treewright.comparing.arm_name import ArmName, arm_name
from treewright.comparing.comparison import Comparison, Verdict, compare
from treewright.comparing.marks import Marks, mark
from treewright.comparing.source import Found, Source, read
from treewright.comparing.telling import cost, gathered, points, probability
from treewright.errors import ConfigError
from treewright.metrics import choose, mean, measure_arm, outcome_of
from treewright.running.session import reporting

Run = Callable[..., str]
Verb = Callable[..., dict[str, Any]]
Said = Callable[..., tuple[int, str, str]]

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.45, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.85, missing: 0.2}
strategy: {kind: best_of_n, n: 5}
aggregate: [min, history.last]
select: [first, majority, best, weighted]
cluster: {backend: inline}
grading: {kind: numeric}
"""
PROBLEMS = 24


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and its problems. Runs are made once and stay as they are."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "config.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, ...], str]:
    """The runs that there are, by their overrides."""
    return {}


@pytest.fixture
def here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell in that folder."""
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    write_data("data.jsonl", PROBLEMS)


def write_data(name: str, count: int) -> None:
    rows = [{"problem": f"{k} + {7 * k % 13}?", "answer": k + 7 * k % 13} for k in range(count)]
    Path(name).write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture
def said(here: None, capsys: pytest.CaptureFixture[str]) -> Said:
    """Exit code, stdout and stderr of a command."""

    def say(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return say


@pytest.fixture
def run(said: Said, made: dict[tuple[str, ...], str]) -> Run:
    """The folder of the config's run with these overrides."""

    def start(*overrides: str) -> str:
        if overrides not in made:
            code, out, _ = said("run", "config.yaml", *overrides, "--json")
            assert code in (0, 3)
            made[overrides] = str(json.loads(out)["run"])
        return made[overrides]

    return start


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    """A run that a test may damage."""
    return shutil.copytree(run(), tmp_path / "copied")


@pytest.fixture
def compared(said: Said) -> Verb:
    """The object that `compare --json` prints."""

    def ask(*arguments: str) -> dict[str, Any]:
        code, out, err = said("compare", *arguments, "--json")
        assert (code, err) == (0, "")
        printed: dict[str, Any] = json.loads(out)
        return printed

    return ask


# --- A family of comparisons ----------------------------------------------------------------------


def marks(
    right: Sequence[float | None], run: str = "A", arm: str = "best", cost: int | None = 10
) -> Marks:
    """Problem i is right with the chance `right[i]`, None where that could not be decided."""
    ids = [f"p{index:03}" for index in range(len(right))]
    decided = {id: chance for id, chance in zip(ids, right, strict=True) if chance is not None}
    spent: dict[str, int | None] = dict.fromkeys(ids, cost)
    return Marks(run, ArmName(arm), 4, decided, spent, spent)


def one(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Comparison:
    (row,) = compare([(marks(ours), marks(theirs, arm="first", cost=4))])
    return row


def test_a_difference_is_worked_out_by_hand() -> None:
    """9 problems won, 1 lost, 10 alike: 40 points, McNemar's p is 2 (1 + 10) / 1024."""
    row = one([1.0] * 9 + [0.0] + [1.0] * 10, [0.0] * 9 + [1.0] + [1.0] * 10)
    assert (row.problems, row.won, row.lost) == (20, 9, 1)
    assert row.difference == pytest.approx(0.4)
    assert row.p == row.p_holm == mcnemar(9, 1) == pytest.approx(22 / 1024)
    assert row.verdict is Verdict.BETTER
    assert row.ci95 is not None
    assert 0 < row.ci95[0] < 0.4 < row.ci95[1] < 1
    assert (row.ours.accuracy, row.theirs.accuracy) == pytest.approx((0.95, 0.55))
    assert row.cost_ratio == 2.5
    assert row.problems_needed is None


def test_a_verdict_is_that_of_the_family_not_of_the_row() -> None:
    """p is 0.031 alone; beside another that is 1, Holm makes it 0.0625."""
    better = (marks([1.0] * 6 + [0.0] * 10), marks([0.0] * 16, arm="first"))
    same = (marks([0.0] * 16), marks([0.0] * 16, arm="first"))
    (alone,), (row, other) = compare([better]), compare([better, same])
    assert (alone.verdict, alone.p, alone.p_holm) == (Verdict.BETTER, 2 / 64, 2 / 64)
    assert (row.verdict, row.p, row.p_holm) == (Verdict.NOT_SHOWN, 2 / 64, 4 / 64)
    needed = needed_problems([1.0] * 6 + [0.0] * 10, [0.0] * 16, alpha=0.05 / 2)
    assert row.problems_needed == needed
    assert other.p_holm == 1.0


def test_problems_that_one_arm_could_not_decide_are_in_no_pair() -> None:
    row = one([1.0, 1.0, None, 0.0], [0.0, None, 1.0, 0.0])
    assert (row.problems, row.undecided, row.difference) == (2, 2, 0.5)


def test_where_nothing_is_decided_there_is_no_number_and_no_share_in_the_family() -> None:
    nothing = (marks([None, None]), marks([1.0, 0.0]))
    some = (marks([1.0] * 6), marks([0.0] * 6))
    row, other = compare([nothing, some])
    assert row.verdict is Verdict.NOTHING
    numbers = (row.difference, row.ci95, row.p, row.p_holm, row.problems_needed, row.ours.accuracy)
    assert numbers == (None,) * 6
    assert other.p_holm == other.p == 2 / 64


@pytest.mark.parametrize("count", [1, 5])
def test_problems_that_all_differ_alike_leave_no_interval_and_few_show_nothing(count: int) -> None:
    """Five of five won: the bootstrap would say 100 to 100, the exact test says p = 1/16."""
    row = one([1.0] * count, [0.0] * count)
    assert (row.difference, row.ci95, row.verdict) == (1.0, None, Verdict.NOT_SHOWN)
    assert row.problems_needed is not None
    assert row.problems_needed > count


def test_arms_that_do_the_same_would_need_no_number_of_problems() -> None:
    row = one([1.0, 0.0, 0.5], [1.0, 0.0, 0.5])
    assert (row.difference, row.ci95, row.p, row.problems_needed) == (0.0, None, 1.0, None)


def test_a_reference_that_cost_nothing_has_no_ratio() -> None:
    (row,) = compare([(marks([1.0]), marks([1.0], cost=0))])
    assert (row.cost_ratio, cost(row)) == (None, "–")


@pytest.mark.parametrize(("ours", "theirs"), [(None, 10), (10, None), (None, 0)])
def test_where_either_side_was_not_counted_the_cost_is_unknown(
    ours: int | None, theirs: int | None
) -> None:
    (row,) = compare([(marks([1.0], cost=ours), marks([1.0], cost=theirs))])
    assert (row.cost_ratio, cost(row)) == (None, "unknown")


chances = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(0, 1))


@given(pairs=st.lists(st.tuples(chances, chances), min_size=1, max_size=30))
def test_the_other_way_round_it_is_the_other_way_round(
    pairs: list[tuple[float | None, float | None]],
) -> None:
    ours, theirs = [our for our, _ in pairs], [their for _, their in pairs]
    one_way, other_way = one(ours, theirs), one(theirs, ours)
    assert (one_way.won, one_way.lost) == (other_way.lost, other_way.won)
    assert one_way.p == pytest.approx(other_way.p)
    if one_way.difference is not None:
        assert one_way.difference == pytest.approx(-(other_way.difference or 0.0))
        mirrored = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
        assert other_way.verdict is mirrored.get(one_way.verdict, one_way.verdict)


# --- What an arm is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled", ["majority", "first@3", "min+best", "history.last+weighted@8", "sum_logit+best"]
)
def test_an_arm_is_read_as_it_is_written(spelled: str) -> None:
    assert str(arm_name(spelled, "--arm")) == spelled


def test_steps_are_the_default_input_of_an_aggregation() -> None:
    assert arm_name("steps.min+best@2", "--arm") == ArmName("best", "min", 2)


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ("best", "needs a score; say by which aggregation: min+best"),
        ("min+majority", "looks at no score; say majority alone"),
        ("min+bets", "did you mean best?"),
        ("mni+best", "did you mean min?"),
        ("min+best@0", "no number from 1 after @"),
        ("majority@many", "no number from 1 after @"),
        ("majority@٣", "no number from 1 after @"),
        ("", "no such selection"),
        ("+best", "no such aggregation"),
        ("min", "no such selection"),
        ("my_module", "no such selection"),
    ],
)
def test_a_misspelt_arm_is_one_line(spelled: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        arm_name(spelled, "--arm")


# --- What an arm finds ----------------------------------------------------------------------------


def found(folder: str) -> Found:
    return read(Source.open("A", Path(folder)))


def test_over_all_candidates_an_arm_is_as_accurate_and_as_dear_as_in_the_table(
    run: Run,
) -> None:
    run_read = found(run())
    how = reporting(run_read.source.config)
    for name in run_read.source.arms:
        arm = measure_arm(run_read.solved, name.aggregator, name.selection, 5, how.missing)
        ours = mark(run_read, name, how.missing)
        assert fmean(ours.right.values()) == pytest.approx(arm.accuracy)
        assert len(ours.right) == arm.problems
        assert set(ours.right.values()) <= {0.0, 1.0}
        assert mean(ours.policy.values()) == arm.policy_tokens
        assert mean(ours.verifier.values()) == arm.verifier_tokens


def test_over_n_candidates_it_is_the_mean_over_all_subsets_of_n(run: Run) -> None:
    """By calling the selection on each of the 10 subsets of 3 of 5 candidates."""
    run_read = found(run())
    missing = reporting(run_read.source.config).missing
    for name in run_read.source.arms:
        ours = mark(run_read, name.at(3), missing)
        for item in run_read.solved:
            outcomes = []
            for subset in combinations(range(5), 3):
                part = cut(item, subset)
                choice = choose(part, name.aggregator, name.selection, 3, missing)
                if not choice.unscored:
                    outcomes.append(outcome_of(part, choice) == "correct")
            expected = fmean(outcomes) if outcomes else None
            assert ours.right.get(item.problem_id) == pytest.approx(expected, abs=1e-9)


def cut(item: Any, kept: Sequence[int]) -> Any:
    """A problem with these candidates only."""
    candidates = tuple(item.search.result.candidates[index] for index in kept)
    result = replace(item.search.result, candidates=candidates)
    grades = replace(
        item.grades,
        groups=tuple(item.grades.groups[index] for index in kept),
        outcomes=tuple(item.grades.outcomes[index] for index in kept),
    )
    return replace(item, search=replace(item.search, result=result), grades=grades)


def test_a_search_that_the_verifier_steers_pays_it_under_every_arm(
    run: Run, compared: Verb
) -> None:
    drawn, steered = run(), run("strategy.kind=beam", "strategy.paths=4", "strategy.children=2")
    (row,) = compared(drawn, steered, "--arm", "majority")["rows"]
    assert row["theirs"]["verifier_tokens"] == 0
    assert row["ours"]["verifier_tokens"] > 0


# --- Which arms are compared ----------------------------------------------------------------------


def pairs(printed: dict[str, Any]) -> list[tuple[str, str]]:
    """`B min+best`, `A min+best` for each row."""
    return [
        tuple(f"{row[side]['run']} {row[side]['arm']}" for side in ("ours", "theirs"))  # type: ignore[misc]  # of two
        for row in printed["rows"]
    ]


SCORED = ["min+best", "min+weighted", "history.last+best", "history.last+weighted"]


def test_arms_of_one_run_are_compared_with_majority(run: Run, compared: Verb) -> None:
    assert pairs(compared(run())) == [(f"A {arm}", "A majority") for arm in ["first", *SCORED]]


def test_or_with_the_reference_that_was_said(run: Run, compared: Verb) -> None:
    printed = compared(run(), "--reference", "min+best", "--arm", "first,majority@2")
    assert pairs(printed) == [("A first", "A min+best"), ("A majority@2", "A min+best")]


def test_arms_of_several_runs_are_compared_with_the_same_arm_of_the_first(
    run: Run, compared: Verb
) -> None:
    runs = [run(f"seed={seed}") for seed in range(3)]
    printed = compared(*runs, "--arm", "min+weighted,majority")
    arms = ["min+weighted", "majority"]
    assert pairs(printed) == [(f"{label} {arm}", f"A {arm}") for label in "BC" for arm in arms]
    assert [each["differs"] for each in printed["runs"]] == [[], ["seed"], ["seed"]]


def test_without_arms_each_run_answers_as_its_config_says(run: Run, compared: Verb) -> None:
    """The first run asked no verifier: what needs one is compared with its majority."""
    voted = run("strategy.kind=majority", "aggregate=[]", "select=[first,majority]")
    printed = compared(voted, run())
    assert pairs(printed) == [
        ("B first", "A first"),
        ("B majority", "A majority"),
        *[(f"B {arm}", "A majority") for arm in SCORED],
    ]


def test_n_is_for_all_arms_that_do_not_say_their_own(run: Run, compared: Verb) -> None:
    printed = compared(run(), "--n", "2", "--arm", "first,majority@5")
    assert pairs(printed) == [("A first@2", "A majority@2"), ("A majority@5", "A majority@2")]
    assert [(row["ours"]["n"], row["theirs"]["n"]) for row in printed["rows"]] == [(2, 2), (5, 2)]


def test_one_reference_may_be_smaller_than_its_run(run: Run, compared: Verb) -> None:
    beam = run("strategy.kind=beam", "strategy.paths=4", "strategy.children=2")
    printed = compared(run(), beam, "--arm", "min+best", "--reference", "majority@3")
    assert pairs(printed) == [("B min+best", "A majority@3")]


def test_two_comparisons_print_the_same_bytes_and_change_nothing(run: Run, said: Said) -> None:
    folder = Path(run())
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked = ("compare", str(folder), "--n", "3", "--json")
    assert said(*asked) == said(*asked)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


# --- Degenerate runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["strategy.n=1"], "Every problem has one candidate"),
        (["dataset.limit=1"], "no difference shown at n=1 "),
        (["scorer.missing=1"], "nothing to compare"),
        (["policy.no_answer=1"], "Differences to majority (0.0 %)"),
        (["policy.cut=1"], "no number of problems would show it"),
        (["policy.faults.fail=0.1"], "failed and left out; `treewright score"),
        (["policy.faults.fail=1.0"], "nothing to compare"),
    ],
)
def test_a_degenerate_run_has_a_defined_result(
    run: Run, said: Said, overrides: list[str], told: str
) -> None:
    code, out, err = said("compare", run(*overrides))
    assert (code, err) == (0, "")
    assert told in " ".join(out.split())
    assert "nan" not in out


def test_without_one_readable_verdict_scored_arms_have_no_number(run: Run, compared: Verb) -> None:
    """Abstentions alone would make an accuracy of 0: they do not count either."""
    silent = run("scorer.missing=1", "policy.no_answer=0.5", "strategy.n=1")
    printed = compared(silent, "--arm", "min+best,first")
    scored, first = printed["rows"]
    assert (scored["problems"], scored["difference"], scored["p"]) == (0, None, None)
    assert scored["undecided"] == first["problems"] == PROBLEMS


def test_an_unfinished_run_is_refused_with_what_is_left(copied: Path, said: Said) -> None:
    journal = copied / "journal" / "driver.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:100]))
    answer = said("compare", str(copied))
    refused(answer, f"of {PROBLEMS} problems have no result", "treewright resume")


def test_a_journal_that_was_tampered_with_is_told_and_refused(copied: Path, said: Said) -> None:
    journal = copied / "journal" / "driver.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"policy"', b'"polizy"', 1))
    told = f"1 of {PROBLEMS} problems have no result (1 corrupt lines set aside)"
    refused(said("compare", str(copied)), told)


def test_a_manifest_that_was_tampered_with_is_refused(copied: Path, said: Said) -> None:
    manifest = copied / "manifest.json"
    broken = json.loads(manifest.read_text())
    broken["identity"]["seed"] = "0"
    manifest.write_text(json.dumps(broken))
    refused(said("compare", str(copied)), "the run was made with another seed", code=4)


def test_a_journal_of_another_version_is_refused(copied: Path, said: Said) -> None:
    journal = copied / "journal" / "driver.jsonl"
    first, _, rest = journal.read_bytes().partition(b"\n")
    body = first[: first.rindex(b',"crc"')].replace(b'"v":1', b'"v":2')
    assert b'"v":2' in body
    journal.write_bytes(b'%s,"crc":"%08x"}\n' % (body, crc32(body)) + rest)
    refused(said("compare", str(copied)), "holds a record of version 2", code=1)


# --- What is refused ------------------------------------------------------------------------------


def refused(answer: tuple[int, str, str], *told: str, code: int = 2) -> None:
    """One line on stderr that says this, and nothing else."""
    assert answer[0] == code, answer
    assert answer[1] == ""
    assert answer[2].startswith("error: ")
    assert answer[2].count("\n") == 1
    for text in told:
        assert text in answer[2]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (["dataset.limit=6"], "dataset.limit is 6, not null"),
        (["dataset.path=other.jsonl"], "other.jsonl, not "),
        (["dataset.shuffle_seed=3", "dataset.limit=9"], "dataset.shuffle_seed is 3, not null"),
        (["grading.kind=exact"], "grading.kind is exact, not numeric"),
        (["missing=skip"], "missing is skip, not worst; --missing worst is for both"),
    ],
)
def test_runs_over_other_data_are_not_paired_and_the_key_is_named(
    run: Run, said: Said, other: list[str], told: str
) -> None:
    write_data("other.jsonl", PROBLEMS - 1)
    runs = run("seed=1"), run("seed=2", *other)
    refused(said("compare", *runs), f"{runs[1]} and {runs[0]}: cannot be paired: ", told)


def test_the_same_data_by_another_path_are_paired(run: Run, compared: Verb) -> None:
    write_data("copy.jsonl", PROBLEMS)
    printed = compared(run(), run("dataset.path=copy.jsonl", "seed=4"), "--arm", "first")
    assert printed["rows"][0]["problems"] == PROBLEMS


def test_one_rule_for_missing_steps_pairs_runs_that_had_two(run: Run, compared: Verb) -> None:
    runs = run("seed=1"), run("seed=2", "missing=skip")
    assert len(compared(*runs, "--missing", "worst")["rows"]) == 6


def test_data_that_changed_since_are_refused(run: Run, said: Said) -> None:
    folder = run()
    write_data("data.jsonl", PROBLEMS + 1)
    refused(said("compare", folder), "cannot be read", "another dataset", code=4)


def test_the_same_run_twice_is_refused(run: Run, said: Said) -> None:
    folder = run()
    refused(said("compare", folder, f"{folder}/../{Path(folder).name}"), "is given twice")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--arm", "mni+best"], "did you mean min?"),
        (["--arm", "min+best,min+best"], "is listed twice"),
        (["--arm", "majority"], "is the reference itself"),
        (["--reference", "best"], "needs a score"),
        (["--n", "6"], "has 5 candidates; n is at most 5"),
        (["--arm", "first@9"], "has 5 candidates; n is at most 5"),
        (["--n", "0"], "--n"),
        (["--missing", "wrost"], "did you mean worst?"),
        (["--arm", "nowhere:thing+best"], "nowhere"),
    ],
)
def test_a_bad_question_is_one_line(run: Run, said: Said, asked: list[str], told: str) -> None:
    refused(said("compare", run(), *asked), told)


@pytest.mark.parametrize(
    ("overrides", "asked", "told"),
    [
        (
            ["strategy.kind=beam", "strategy.paths=4", "strategy.children=2"],
            ["--n", "2"],
            "no indep",
        ),
        (["strategy.stop=majority", "strategy.wave=1"], ["--n", "2"], "no independent draws"),
        (["strategy.budget.total_tokens=900", "strategy.wave=1"], ["--n", "1"], "ended the search"),
        (
            ["strategy.kind=majority", "aggregate=[]", "select=[majority]"],
            ["--arm", "min+best"],
            "needs a verifier",
        ),
        (
            ["strategy.kind=majority", "aggregate=[]", "select=[majority]"],
            [],
            "has no arm but the reference",
        ),
    ],
)
def test_what_a_run_cannot_tell_is_refused(
    run: Run, said: Said, overrides: list[str], asked: list[str], told: str
) -> None:
    refused(said("compare", run(*overrides), *asked), told)


def test_a_folder_that_is_no_run_is_refused(said: Said) -> None:
    refused(said("compare", "nowhere"), "no such run")
    refused(said("compare", "."), "not a run folder")


# --- What is told ---------------------------------------------------------------------------------


def test_a_person_reads_runs_table_and_what_it_says(run: Run, said: Said) -> None:
    code, out, err = said("compare", run(), run("seed=1"), "--arm", "min+best")
    told = " ".join(out.split())
    assert (code, err) == (0, "")
    assert "A = runs/doubles/" in told
    assert "differs from A in seed" in told
    assert "Of 1 difference none is shown." in told
    assert "Not shown is not the same as none" in told


def test_a_folder_with_a_name_that_steers_a_terminal_is_only_shown(
    copied: Path, said: Said
) -> None:
    folder = copied.rename(copied.parent / "[bold]\x1b[2J")
    code, out, _ = said("compare", str(folder))
    assert code == 0
    assert r"[bold]\x1b[2J" in out
    assert "\x1b" not in out


def test_other_keys_of_a_section_whose_kind_differs_go_without_saying() -> None:
    keys = ["seed", "strategy.kind", "strategy.n", "strategy.paths", "versions.vllm"]
    assert gathered(keys) == ["seed", "strategy.kind", "versions.vllm"]


@pytest.mark.parametrize(
    ("share", "told"), [(0.0312, "+3.1"), (-0.0312, "-3.1"), (-0.0001, "0.0"), (None, "–")]
)
def test_points_have_one_decimal_and_a_sign(share: float | None, told: str) -> None:
    assert points(share) == told


@pytest.mark.parametrize(
    ("p", "told"), [(0.00005, "< 0.0001"), (0.0501, "0.0501"), (1.0, "1.0000"), (None, "–")]
)
def test_a_small_p_is_not_zero(p: float | None, told: str) -> None:
    assert probability(p) == told


def test_comparing_imports_neither_ray_nor_an_engine(run: Run) -> None:
    code = (
        "import sys; from treewright.cli import main; main(sys.argv[1:]); "
        "sys.exit(bool({'ray', 'vllm', 'torch', 'transformers'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", code, "compare", run()], check=True, capture_output=True)


# --- The page -------------------------------------------------------------------------------------


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def shown(text: str) -> list[str]:
    """Lines without what differs from run to run: the moment that a folder is named after."""
    lines = [re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "…", row).rstrip() for row in text.splitlines()]
    return [row for row in lines if row]


def unfolded(command: str) -> list[str]:
    """The words of a command, with `*` filled in as a shell does."""
    words = command.split()
    return [
        path
        for word in words
        for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]


def test_every_command_of_the_page_prints_what_the_page_shows(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    page = (root / "docs/comparing.md").read_text("utf-8")
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    tried = 0
    for language, text in blocks(page):
        if language in ("yaml", "python"):
            Path(text.splitlines()[0].strip("# ")).write_text(text)
        for part in text.split("$ ")[1:] if language == "console" else []:
            command, _, output = part.partition("\n")
            program, *words = unfolded(command)
            if program == "python":
                made = subprocess.run(
                    [sys.executable, words[0]], check=True, capture_output=True, text=True
                )
                Path(words[2]).write_text(made.stdout)
                continue
            code, out, _ = said(*words)
            assert code == 0, command
            if words[0] == "compare":
                assert shown(out) == shown(output), command
                tried += 1
    assert tried >= 3
