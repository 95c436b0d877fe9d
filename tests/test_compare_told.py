"""`treewright compare`: what it refuses, what it tells, and the page that explains it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from compared_runs import (
    PROBLEMS,
    Run,
    Said,
    Verb,
    refused,
    write_data,
)
from search.wording import points, probability
from treewright.comparing.telling import gathered

# --- What is refused ------------------------------------------------------------------------------


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
