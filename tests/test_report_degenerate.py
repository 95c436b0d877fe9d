"""The report of a run that is unfinished, damaged, or has nothing to choose from."""

import asyncio
import json
import re
from pathlib import Path
from zlib import crc32

import pytest

from reported_runs import Finish, page, words
from treewright.cli import main
from treewright.journal.records import checked
from treewright.report.view import Follower


def test_an_unfinished_run_is_reported_and_says_so(finish: Finish) -> None:
    run = finish()
    journal = run / "journal" / "driver.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    told = words(page(run))
    assert re.search(r"Not finished: \d of 6 problems have no result", told)


def test_a_run_without_any_result_has_a_page_without_figures(finish: Finish) -> None:
    run = finish()
    (run / "journal" / "driver.jsonl").write_bytes(b"")
    told = words(page(run))
    assert "No problem has a result yet" in told
    assert "There is no accuracy to report." in told


def test_a_corrupt_line_is_told_and_its_problem_has_no_result(finish: Finish) -> None:
    run = finish()
    journal = run / "journal" / "driver.jsonl"
    text = journal.read_bytes()
    at = text.index(b'"kind":"policy"')
    journal.write_bytes(text[:at] + b"X" + text[at + 1 :])
    told = words(page(run))
    assert (
        "The journal is not whole: 1 corrupt line left out, 1 ended problem without its answers"
        in told
    )
    assert "Not finished: 1 of 6 problems" in told


@pytest.mark.parametrize(
    ("changes", "problems", "said"),
    [
        ([], 1, "One problem: its figures say nothing about others"),
        (["strategy.n=1"], 4, "One solution per problem"),
        (["policy.no_answer=1", "policy.accuracy=0"], 3, "No solution gave an answer"),
        (["scorer.missing=1"], 4, "Not one verdict could be read"),
        (["strategy={kind: beam, paths: 2, children: 2}"], 3, "no independent draws"),
        (["scorer.chains={least: 1, most: 3}"], 3, "a search of so few would have had others"),
        (
            ["strategy={kind: majority, n: 4}", "aggregate=[]", "select=[majority]"],
            3,
            "No verifier was asked",
        ),
    ],
)
def test_a_degenerate_run_has_a_page_that_says_what_it_is(
    finish: Finish, changes: list[str], problems: int, said: str
) -> None:
    assert said in words(page(finish(*changes, problems=problems)))


@pytest.mark.parametrize("verb", ["report", "view"])
def test_a_journal_of_another_version_gets_one_line(
    finish: Finish, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    run = finish()
    journal = run / "journal" / "driver.jsonl"
    first, *rest = journal.read_bytes().splitlines(keepends=True)
    body = checked(first).replace(b'{"v":1', b'{"v":2', 1)
    journal.write_bytes(b"".join([b'%b,"crc":"%08x"}\n' % (body, crc32(body)), *rest]))
    capsys.readouterr()
    assert main([verb, str(run)]) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert "holds a record of version 2, this is version 1" in told


def test_view_shows_of_a_degenerate_run_what_report_shows(finish: Finish) -> None:
    run = finish("strategy.n=1", "scorer.missing=1", problems=1)
    journal = run / "journal" / "driver.jsonl"
    journal.write_bytes(journal.read_bytes() + b"not a record\n")
    told = words(page(run))
    assert "One problem" in told
    assert "1 corrupt line left out" in told
    follower = Follower(run)
    asyncio.run(follower.begin())
    assert words(follower.edition.page.decode()) == told


def test_an_imported_run_is_reported_with_costs_unknown(finish: Finish) -> None:
    finish()
    row = {"problem": "What is 1 + 1?", "answer": "2", "completions": ["\\boxed{2}", "\\boxed{3}"]}
    Path("theirs.jsonl").write_text(json.dumps(row | {"scores": [[0.9], [0.2]]}) + "\n")
    assert main(["import", "theirs.jsonl", "grading.kind=numeric"]) == 0
    (run,) = Path("runs/theirs").iterdir()
    told = words(page(run))
    assert "cost unknown" in told
    assert "100.0 %" in told


def test_the_best_arm_is_right_in_so_many_of_the_problems_that_it_decided(finish: Finish) -> None:
    """Of two solutions a verifier without error finds the right one, where it can be read."""
    sure = ("policy.cut=0", "policy.no_answer=0", "scorer.skill=1", "scorer.missing=0.6")
    run = finish(*sure, "strategy.n=2", "aggregate=[last]", "select=[best]", problems=12)
    arms = json.loads((run / "metrics.json").read_text())["arms"]
    (best,) = [each for each in arms if each["selection"] == "best" and each["n"] == 2]
    assert 0 < best["problems"] < 12
    told = f"is right in {100 * best['accuracy']:.1f} % of the {best['problems']} of 12 problems"
    assert f"last+best {told} that it decided at n = 2" in words(page(run))


def test_without_a_readable_verdict_scored_arms_have_no_number(finish: Finish) -> None:
    told = words(page(finish("scorer.missing=1")))
    assert "min+best 4 – –" in told
    assert "the scripted verification chain cannot be read" in told
