"""The report of a run: what stands in the file, and what degenerate runs get."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any, cast
from zlib import crc32

import pytest

from treewright.cli import main
from treewright.comparing.source import Source
from treewright.journal.records import checked
from treewright.report import differences, reading
from treewright.report.chapter import chapter
from treewright.report.differences import Standing, standings
from treewright.report.drawing import SHAPES
from treewright.report.embedding import packed, script_json, unpacked, visible
from treewright.report.forest import CUT, SHORT, cut, fitted, shortened
from treewright.report.page import environment, hashed, render
from treewright.report.part import replayed
from treewright.report.plot_files import MARKERS, PALETTE
from treewright.report.reading import Reading, processes_for, read
from treewright.report.report import letters, measured, plots
from treewright.report.view import Follower

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.9, missing: 0.1}
strategy: {kind: best_of_n, n: 4}
aggregate: [min, product, history.last]
select: [first, best, weighted, majority]
cluster: {backend: inline, problems_in_flight: 4}
grading: {kind: numeric}
"""

Finish = Callable[..., Path]


@pytest.fixture
def finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finish:
    """Runs a config of doubles over so many problems, changed as said; the folder of the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)

    def run(*changes: str, problems: int = 6, name: str = "doubles") -> Path:
        rows = ({"problem": f"What is {n} + {n * n}?", "answer": str(n + n * n)} for n in range(50))
        listed = [json.dumps(row) for row, _ in zip(rows, range(problems), strict=False)]
        Path("data.jsonl").write_text("\n".join(listed))
        Path("config.yaml").write_text(CONFIG)
        main(["run", "config.yaml", f"name={name}", *changes])
        return max(Path("runs", name).iterdir(), key=lambda path: path.stat().st_mtime)

    return run


def page(run: Path) -> str:
    """The page of a run."""
    return render(measured([run]))


def reported(*arguments: object) -> str:
    """The page that the verb writes."""
    assert main(["report", *map(str, arguments)]) == 0
    return Path(str(arguments[-1])).read_text("utf-8")


def words(html: str) -> str:
    """What a person reads: no scripts, no styles, no tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(bare.split())


def block(html: str, id: str) -> Any:
    """The data in a script element of the page."""
    found = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', html)
    assert found
    return json.loads(found[1])


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
    files = sorted(Path("plots").iterdir())
    before = [path.read_bytes() for path in files]
    assert first == second
    reported(run, "--output", "c.html")
    assert [path.read_bytes() for path in files] == before


def test_every_plot_of_the_page_is_a_png_and_an_svg(finish: Finish) -> None:
    run = finish()
    assert main(["report", str(run)]) == 0
    html = (run / "report.html").read_text("utf-8")
    drawn = html.count('<figure class="plot')
    assert drawn >= 7
    assert len(list((run / "plots").glob("*.png"))) == drawn
    assert len(list((run / "plots").glob("*.svg"))) == drawn


def test_the_table_has_the_figures_of_the_metrics(finish: Finish) -> None:
    """At n = N the estimate over subsets is the run's own table."""
    run = finish()
    told = words(page(run))
    for arm in json.loads((run / "metrics.json").read_text())["arms"]:
        if arm["n"] == 4:
            name = f"{arm['aggregation']}+{arm['selection']}" if arm["aggregation"] else None
            ends = [f"{100 * end:.1f}" for end in arm["ci95"]]
            row = f"{name or arm['selection']} 4 {100 * arm['accuracy']:.1f} {' to '.join(ends)}"
            assert row in told


def test_a_tree_in_the_page_is_the_tree_of_the_run(finish: Finish, tmp_path: Path) -> None:
    run = finish("strategy={kind: beam, paths: 2, children: 2}")
    html = page(run)
    assert main(["tree", str(run), "--all"]) == 0
    (listed,) = block(html, "index")["runs"]
    for problem, packed_tree in zip(listed["problems"], block(html, "trees-0"), strict=True):
        (file,) = (run / "trees").glob(f"{problem['id']}*.json")
        nodes = {node["id"]: node for node in json.loads(file.read_text())["nodes"] if node["id"]}
        tree = unpacked(packed_tree)
        assert [row[0] for row in tree["nodes"]] == list(nodes)
        for row in tree["nodes"]:
            node = nodes[row[0]]
            assert tree["texts"][row[2]] == node["fate"]
            assert [tree["texts"][step[0]] for step in row[13]] == [
                visible(step["text"]) for step in node["steps"]
            ]
            assert row[6] == (None if node["prefix"] is None else round(node["prefix"], 4))


def test_a_critique_stands_at_the_step_that_it_judges(finish: Finish) -> None:
    html = page(finish("scorer.missing=0"))
    tree = unpacked(block(html, "trees-0")[0])
    seen = 0
    for row in tree["nodes"]:
        for number, (_, _, _, critique) in enumerate(row[13], start=1):
            if critique >= 0:
                seen += 1
                assert tree["texts"][critique].startswith(f"Step {number}:")
    assert seen


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
    assert "The journal is not whole: 1 corrupt lines set aside" in told
    assert "Not finished: 1 of 6 problems" in told


@pytest.mark.parametrize(
    ("changes", "problems", "said"),
    [
        ([], 1, "One problem: its figures say nothing about others"),
        (["strategy.n=1"], 4, "One solution per problem"),
        (["policy.no_answer=1", "policy.accuracy=0"], 3, "No solution gave an answer"),
        (["scorer.missing=1"], 4, "Not one verdict could be read"),
        (["strategy={kind: beam, paths: 2, children: 2}"], 3, "no independent draws"),
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


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("strategy={kind: beam, paths: 4, children: 2}", "of the prefix"),
        ("strategy.n=4", "lowest step so far"),
    ],
)
def test_the_depth_plot_says_which_probability_it_has(
    finish: Finish, strategy: str, told: str
) -> None:
    (plot,) = [
        each
        for each in plots(measured([finish(strategy, problems=20)]))
        if each.id == "verifier-by-depth"
    ]
    assert told in plot.caption


@pytest.mark.parametrize("processes", [0, 2])
def test_cost_has_what_was_spent_on_problems_that_failed(
    finish: Finish, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    run = finish("strategy={kind: best_of_n, n: 4, wave: 1}", "policy.faults.fail=0.15")
    monkeypatch.setattr(reading, "processes_for", lambda _: processes)
    spent = chapter(read("A", run)).ledger
    metrics = json.loads((run / "metrics.json").read_text())
    assert spent.to_json() == metrics["ledger"]
    assert 0 < metrics["failures"] < 6
    assert spent.policy.failed


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
    assert "1 corrupt lines set aside" in told
    assert words(Follower(run).edition.page.decode()) == told


def test_an_imported_run_is_reported_with_costs_unknown(finish: Finish) -> None:
    finish()
    row = {"problem": "What is 1 + 1?", "answer": "2", "completions": ["\\boxed{2}", "\\boxed{3}"]}
    Path("theirs.jsonl").write_text(json.dumps(row | {"scores": [[0.9], [0.2]]}) + "\n")
    assert main(["import", "theirs.jsonl", "grading.kind=numeric"]) == 0
    (run,) = Path("runs/theirs").iterdir()
    told = words(page(run))
    assert "cost unknown" in told
    assert "100.0 %" in told


def test_the_headline_tells_gain_certainty_and_cost(finish: Finish) -> None:
    told = words(page(finish(problems=20)))
    assert re.search(
        r"right in \d+\.\d % of 20 problems at n = 4 \(95 % CI .+?\), "
        r"for [\d,]+ tokens per problem\. "
        r"Over majority, which needs no verifier: \+\d+\.\d points \(95 % CI .+?, (not )?shown\), "
        r"at \d\.\d\d times the tokens\. Of \d+ other arms (none|\d+) (is|are) shown to be worse",
        told,
    ), told[:1500]


def placed(monkeypatch: pytest.MonkeyPatch, p: float, *arms: list[float]) -> list[Standing]:
    """How arms with these marks stand, if every test gives p."""
    found = [
        SimpleNamespace(top=SimpleNamespace(found=SimpleNamespace(accuracy=fmean(arm))), arm=arm)
        for arm in arms
    ]
    monkeypatch.setattr(differences, "sign_flip", lambda *_, **__: p)
    monkeypatch.setattr(
        differences, "marks", lambda _, curve: SimpleNamespace(right=dict(enumerate(curve.arm)))
    )
    return standings(cast("Any", None), cast("Any", found))


@pytest.mark.parametrize(("others", "shown"), [(1, True), (2, False)])
def test_a_gap_to_the_best_is_held_against_all_pairs_of_arms(
    monkeypatch: pytest.MonkeyPatch, others: int, shown: bool
) -> None:
    """One pair of two arms, three pairs of three: 0.02 is below 0.05, and 0.06 is not."""
    best, *rest = placed(monkeypatch, 0.02, [1.0, 1.0, 0.0], *[[0.0, 1.0, 0.0]] * others)
    assert best.best
    assert [each.shown for each in rest] == [shown] * others


def test_an_arm_that_is_ahead_where_both_decided_is_not_shown_to_be_worse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    best, other = placed(monkeypatch, 0.001, [0.0, 1.0, 1.0], [0.5])
    assert (best.best, other.gap, other.shown) == (True, 0.5, False)


def test_points_are_told_apart_by_shape_and_not_by_colour_alone() -> None:
    assert len(set(SHAPES)) == len(set(MARKERS)) == len(set(PALETTE)) == len(SHAPES)


def test_without_a_readable_verdict_scored_arms_have_no_number(finish: Finish) -> None:
    told = words(page(finish("scorer.missing=1")))
    assert "min+best 4 – –" in told
    assert "the scripted verification chain cannot be read" in told


def test_runs_over_the_same_problems_stand_in_one_plot(finish: Finish) -> None:
    one, other = finish(name="one"), finish("strategy.n=2", name="two")
    page = measured([one, other])
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
    html = render(measured([one, other]))
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
    found = read("A", run)
    assert isinstance(found, Reading)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


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
                    [str(at), -1, 0, at, int(at == 7), 0, at / 20, -1, 0, -1, 1, 1, -1,
                     [[2 * at, 0.5, -1, 2 * at + 1]]]
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


def test_runs_are_lettered_beyond_z() -> None:
    assert [letters(number) for number in (0, 25, 26, 27, 701, 702)] == [
        *("A", "Z", "AA", "AB", "ZZ", "AAA")
    ]


def test_many_processes_read_what_one_reads(finish: Finish) -> None:
    """Each takes every second problem; what they found is put back in the order of the data."""
    run = finish("scorer.faults.fail=0.2", problems=9)
    source = Source.open("A", run)
    alone, shared = (replayed(source, ["min", "last"], processes) for processes in (1, 2))
    assert [number for number, _ in alone.cases] == list(range(9))
    assert shared == alone


def test_a_small_journal_is_read_by_one_process(finish: Finish) -> None:
    assert processes_for(finish()) < 2
