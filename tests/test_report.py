"""The report of a run: what stands in the file, and what it says of several."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from reported_runs import Finish, block, page, reported, words
from treewright.arms.standing import Standing
from treewright.cli import main
from treewright.report.drawing import SHAPES
from treewright.report.escaping import unpacked, visible
from treewright.report.headline import over_others
from treewright.report.page import hashed, render
from treewright.report.plot_files import MARKERS, PALETTE
from treewright.report.report import letters, measured, place, plots, plots_of
from treewright.report.reported_run import ReportedRun, read
from treewright.report.shard import replayed
from treewright.running.processes import processes_for
from treewright.running.recorded import RecordedRun


def test_the_report_is_one_file_that_names_no_address(finish: Finish) -> None:
    html = page(finish())
    ours = html.replace(re.findall(r"<script>(.*?)</script>", html, re.DOTALL)[0], "")
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", ours) == []
    assert "http://" not in ours
    assert "https://" not in ours


def test_the_page_allows_exactly_its_own_scripts_and_styles(finish: Finish) -> None:
    html = page(finish())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    allowed = policy[1].replace("&#39;", "'")
    assert allowed.startswith("default-src 'none'; script-src 'sha256-")
    for tag in ("script", "style"):
        for inside in re.findall(rf"<{tag}(?: id=[^>]*)?>(.*?)</{tag}>", html, re.DOTALL):
            assert hashed(inside) in allowed
    assert "unsafe" not in allowed


def test_the_same_run_gives_the_same_page_and_plots(finish: Finish) -> None:
    run = finish("strategy={kind: majority, n: 4}", "aggregate=[]", "select=[majority]")
    first, second = (reported(run, "--output", f"{name}.html") for name in "ab")
    one, other = (sorted(Path(f"{name}-plots").iterdir()) for name in "ab")
    assert first == second
    assert [path.name for path in one] == [path.name for path in other]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_every_plot_of_the_page_is_a_png_and_an_svg(finish: Finish) -> None:
    run = finish()
    assert main(["report", str(run)]) == 0
    html = (run / "report.html").read_text("utf-8")
    drawn = html.count('<figure class="plot')
    assert drawn >= 7
    assert len(list((run / "plots").glob("*.png"))) == drawn
    assert len(list((run / "plots").glob("*.svg"))) == drawn


def test_no_report_writes_over_the_plots_of_another(finish: Finish) -> None:
    run, other = finish(), finish(name="other")
    own, runs = run / "report.html", [run, other]
    folders = {
        plots_of(place([run], None), [run]): run / "plots",
        plots_of(own, [run.absolute()]): run / "plots",
        plots_of(own, runs): run / "report-plots",
        plots_of(place(runs, None), runs): Path("report-plots"),
        plots_of(Path("both.html"), runs): Path("both-plots"),
        plots_of(Path("both.htm"), runs): Path("both.htm-plots"),
    }
    assert all(told == meant for told, meant in folders.items())
    assert len(folders) == 5


def test_runs_of_one_name_are_told_apart_by_what_differs(finish: Finish) -> None:
    runs = [finish(), finish("seed=1"), finish("seed=1", "strategy.n=2"), finish(name="other")]
    readings = [chapter.reading for chapter in asyncio.run(measured(runs)).chapters]
    assert [each.name for each in readings] == [
        "A doubles seed=0 n=4",
        "B doubles seed=1 n=4",
        "C doubles seed=1 n=2",
        "D other",
    ]
    assert asyncio.run(measured(runs[:1])).chapters[0].reading.name == "A doubles"


def test_a_tree_in_the_page_is_the_tree_of_the_run(finish: Finish, tmp_path: Path) -> None:
    run = finish("strategy={kind: beam, paths: 2, children: 2}")
    html = page(run)
    assert main(["tree", str(run), "--all"]) == 0
    (listed,) = block(html, "index")["runs"]
    for problem, packed_tree in zip(listed["problems"], block(html, "trees-0"), strict=True):
        (file,) = (run / "trees").glob(f"{problem['id']}*.json")
        nodes = {node["id"]: node for node in json.loads(file.read_text())["nodes"] if node["id"]}
        tree = unpacked(packed_tree)
        assert [shown["id"] for shown in tree["nodes"]] == list(nodes)
        for shown in tree["nodes"]:
            node = nodes[shown["id"]]
            assert tree["texts"][shown["fate"]] == node["fate"]
            assert [tree["texts"][step["text"]] for step in shown["steps"]] == [
                visible(step["text"]) for step in node["steps"]
            ]
            assert shown.get("prefix") == (
                None if node["prefix"] is None else round(node["prefix"], 4)
            )


def test_a_critique_stands_at_the_step_that_it_judges(finish: Finish) -> None:
    html = page(finish("scorer.missing=0"))
    tree = unpacked(block(html, "trees-0")[0])
    seen = 0
    for node in tree["nodes"]:
        for number, step in enumerate(node["steps"], start=1):
            if "critique" in step:
                seen += 1
                assert tree["texts"][step["critique"]].startswith(f"Step {number}:")
    assert seen


def test_points_are_told_apart_by_shape_and_not_by_colour_alone() -> None:
    assert len(set(SHAPES)) == len(set(MARKERS)) == len(set(PALETTE)) == len(SHAPES)


def test_runs_over_the_same_problems_stand_in_one_plot(finish: Finish) -> None:
    one, other = finish(name="one"), finish("strategy.n=2", name="two")
    page = asyncio.run(measured([one, other]))
    html = render(page)
    assert "2 runs" in words(html)
    assert "Runs over tokens of both models" in html
    assert "Against A one, min+weighted" in words(html)
    assert "B min+weighted " in words(html)
    assert len(block(html, "trees-1")) == 6
    assert {"runs-over-n", "runs-over-tokens", "A-calibration", "B-calibration"} <= {
        plot.id for plot in plots(page)
    }


def test_a_run_whose_data_are_others_now_is_refused(finish: Finish) -> None:
    run = finish()
    finish(problems=5, name="other")
    assert main(["report", str(run)]) == 4


def test_runs_of_other_limits_share_no_plot_and_the_page_says_so(finish: Finish) -> None:
    one, other = finish(name="one"), finish("dataset.limit=5", name="two")
    html = render(asyncio.run(measured([one, other])))
    assert "Not the same problems, or not graded alike: B against A" in words(html)
    assert "Runs over tokens" not in html
    assert "Against A one" not in words(html)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no/such/run"], "no such run"),
        (["{run}", "{run}"], "is given twice"),
        (["{run}", "--output", "report.pdf"], "is no page"),
        (["{run}", "--output", "nowhere/report.html"], "its folder is not there"),
    ],
)
def test_what_cannot_be_reported_gets_one_line(
    finish: Finish, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    run = str(finish())
    capsys.readouterr()
    assert main(["report", *(word.replace("{run}", run) for word in arguments)]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert said in told


def test_reading_a_run_changes_nothing_in_it(finish: Finish) -> None:
    run = finish()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    found = asyncio.run(read("A", run))
    assert isinstance(found, ReportedRun)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_runs_are_lettered_beyond_z() -> None:
    assert [letters(number) for number in (0, 25, 26, 27, 701, 702)] == [
        *("A", "Z", "AA", "AB", "ZZ", "AAA")
    ]


def test_many_processes_read_what_one_reads(finish: Finish) -> None:
    """Each takes every second problem; what they found is put back in the order of the data."""
    run = finish("scorer.faults.fail=0.2", problems=9)
    source = asyncio.run(RecordedRun.open(run, "A"))
    alone, shared = (
        asyncio.run(replayed(source, ["min", "last"], processes)) for processes in (1, 2)
    )
    assert [case.id for case in alone.cases] == [each.problem.id for each in source.dataset.samples]
    assert shared == alone
    assert list(shared.trees) == list(alone.trees)


def test_a_small_journal_is_read_by_one_process(finish: Finish) -> None:
    assert processes_for(finish()) < 2


def test_arms_without_an_accuracy_are_not_shown_to_be_worse() -> None:
    best, worse = Standing(True, 0.0, None, False), Standing(False, -0.2, (-0.3, -0.1), True)
    unknown = Standing(False, None, None, False)
    assert over_others([], [best, worse]) == ["All other arms are shown to be worse."]
    (told,) = over_others([], [best, worse, unknown])
    assert told == "All other arms with an accuracy are shown to be worse."


def test_where_no_verdict_is_read_the_verifier_is_not_said_to_do_no_better(finish: Finish) -> None:
    told = words(page(finish("scorer.missing=1.0", "select=[majority, best]")))
    assert "No arm that asks the verifier has an accuracy." in told
    assert "does better" not in told


def test_runs_over_other_problems_are_warned_of_below_the_heading(finish: Finish) -> None:
    html = render(asyncio.run(measured([finish(), finish("dataset.limit=3", name="fewer")])))
    assert html.index("2 runs</h1>") < html.index("Not the same problems")
