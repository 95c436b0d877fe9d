"""Trees: the graph of a search, its drawings, and the verb that replays them from a journal."""

import json
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import pytest

from search.calls import Costs
from search.core import (
    Candidate,
    Feedback,
    Judgement,
    Path,
    Problem,
    Pruned,
    Result,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched
from search.ports import PolicyCall
from search.questions import Until
from search.tree import Graph, from_json, lineage, to_json, tree_of
from treewright.cli import main
from treewright.running.file_names import file_name
from treewright.trees.diagram import dot_escaped, mermaid_escaped, to_dot, to_mermaid
from treewright.trees.draw import draw
from treewright.trees.trees import load_tree

PROBLEM = Problem("one", "1 + 1?")
ROOT = Path.start(PROBLEM)


def step(text: str, stop: StopReason = StopReason.STEP_END) -> Step:
    return Step(text, tuple(text.encode()), stop)


def judged(*odds: float, prefix: float) -> Judgement:
    return Judgement(tuple(StepVerdict(each, VerdictStatus.READ) for each in odds), prefix)


GOOD = ROOT.grow(0, [step("first\n")])
BAD = ROOT.grow(1, [step("\x1b[31mwrong")])
END = GOOD.grow(0, [step("\\boxed{2}", StopReason.EOS)])
DRAFT = ROOT.grow(2, [step("a\n"), step("b", StopReason.LENGTH)])
JUDGEMENTS = {
    "0": judged(0.9, prefix=0.8),
    "0/0": judged(0.9, 0.7, prefix=0.6),
    "1": Judgement.missing("no chain"),
}
SEARCHED = Searched(
    Result((Candidate(END), Candidate(DRAFT)), (Pruned("1", "beaten"),)),
    Costs({"0": Spent(1, 9, 2, 3)}, {"0": Spent(1, 20, 0, 5)}),
    {path.id: path for path in (END, BAD, GOOD, DRAFT)},
    judgements=JUDGEMENTS,
)


@pytest.fixture
def graph() -> Graph:
    return tree_of(PROBLEM, SEARCHED)


def test_every_drawn_path_is_a_node_below_the_path_that_it_continues(graph: Graph) -> None:
    assert sorted(graph.nodes) == ["", "0", "0/0", "1", "2"]
    assert sorted(graph.edges) == [("", "0"), ("", "1"), ("", "2"), ("0", "0/0")]
    assert lineage(graph, "0/0") == ["0", "0/0"]


def test_a_node_says_what_was_drawn_and_judged_and_spent(graph: Graph) -> None:
    assert graph.nodes["0"] == {
        "steps": [{"text": "first\n", "probability": 0.9, "status": "read"}],
        "kept": 0,
        "in_view": None,
        "prefix": 0.8,
        "unjudged": None,
        "stop": "step_end",
        "fate": "continued",
        "rank": None,
        "reason": None,
        "policy": {"calls": 1, "prompt": 9, "cached": 2, "generated": 3, "failed": 0},
        "verifier": {"calls": 1, "prompt": 20, "cached": 0, "generated": 5, "failed": 0},
    }


def test_a_node_has_the_verdict_of_its_own_step_only(graph: Graph) -> None:
    assert graph.nodes["0/0"]["steps"] == [
        {"text": "\\boxed{2}", "probability": 0.7, "status": "read"}
    ]


def test_a_missing_judgement_is_a_reason_and_no_number(graph: Graph) -> None:
    assert (graph.nodes["1"]["prefix"], graph.nodes["1"]["unjudged"]) == (None, "no chain")
    assert (graph.nodes["2"]["prefix"], graph.nodes["2"]["unjudged"]) == (None, "not judged")
    assert graph.nodes["1"]["policy"] is None


def test_fates_ranks_and_reasons(graph: Graph) -> None:
    told = {
        id: (node["fate"], node["rank"], node["reason"]) for id, node in graph.nodes.items() if id
    }
    assert told == {
        "0": ("continued", None, None),
        "0/0": ("candidate", 0, None),
        "1": ("pruned", None, "beaten"),
        "2": ("candidate", 1, None),
    }


def test_a_whole_solution_is_one_node_with_its_steps(graph: Graph) -> None:
    assert [each["text"] for each in graph.nodes["2"]["steps"]] == ["a\n", "b"]
    assert graph.nodes["2"]["stop"] == "length"


def test_a_graph_survives_json(graph: Graph) -> None:
    data = json.loads(json.dumps(to_json(graph), allow_nan=False))
    again = from_json(data)
    assert dict(again.nodes(data=True)) == dict(graph.nodes(data=True))
    assert list(again.edges) == list(graph.edges)
    assert again.graph == graph.graph


def test_the_drawing_marks_the_chosen_way_and_cleans_what_models_wrote(
    graph: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    for id in ("0", "0/0"):
        graph.nodes[id]["chosen"] = True
    graph.nodes["0/0"]["outcome"] = "correct"
    draw(graph)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:7] == [
        "one  1 + 1?",
        "├── ★ 0  0.80 · 0.90  first",
        "│   └── ★ 0/0  0.60 · 0.70  [candidate 1, correct]  \\boxed{2}",
        "├── 1  –  [pruned: beaten, no judgement: no chain]  \\x1b[31mwrong",
        "└── 2  –  [candidate 2, stopped by length]  2 steps",
        "    ├── –  a",
        "    └── –  b",
    ]
    assert "policy: 1 calls, 10 tokens computed" in lines
    assert "verifier: 1 calls, 25 tokens computed" in lines


def test_a_long_step_is_folded(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT.grow(0, [step("word " * 100, StopReason.EOS)])
    searched = Searched(Result((Candidate(path),)), Costs(), {path.id: path})
    draw(tree_of(PROBLEM, searched))
    long = capsys.readouterr().out.splitlines()[1]
    assert len(long) <= 120
    assert long.endswith("…")


def test_of_a_deep_tree_the_steps_are_still_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the guides and of the ids the left is cut, not what they lead to."""
    path = ROOT
    paths = [path := path.grow(1, [step(f"step {depth}\n")]) for depth in range(1, 60)]
    searched = Searched(Result((Candidate(paths[-1]),)), Costs(), {each.id: each for each in paths})
    draw(tree_of(PROBLEM, searched))
    lines = capsys.readouterr().out.splitlines()[1:60]
    assert [line.split("  ")[-1] for line in lines] == [f"step {n}" for n in range(1, 60)]
    assert lines[0] == "└── 1  –  step 1"
    assert lines[-1] == "…" + 55 * " " + "└── …/1/1/1  –  [candidate 1]  step 59"


def test_an_attempt_says_what_it_keeps_and_what_the_policy_was_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = ROOT.grow(0, [step("a\n"), step("b", StopReason.EOS)])
    prefix = Path(PROBLEM, start.steps[:1], ())
    told = Feedback(start, judged(0.9, 0.1, prefix=0.1))
    again = prefix.grow(1, [step("c", StopReason.EOS)])
    asked = {
        "0": PolicyCall(ROOT, 0, Until.END, 7),
        "1": PolicyCall(prefix, 1, Until.END, 7, feedback=told),
    }
    result = Result((Candidate(again),), (Pruned("0", "step 2 judged incorrect"),))
    searched = Searched(result, Costs(), {"0": start, "1": again}, asked=asked)
    graph = tree_of(PROBLEM, searched)
    assert [(graph.nodes[id]["kept"], graph.nodes[id]["in_view"]) for id in "01"] == [
        (0, None),
        (1, "0"),
    ]
    draw(graph)
    assert capsys.readouterr().out.splitlines()[4:7] == [
        "└── 1  –  [candidate 1, keeps 1 step, sees 0]  2 steps",
        "    ├── –  kept  a",
        "    └── –  c",
    ]


def test_dot_escapes_and_marks(graph: Graph) -> None:
    graph.nodes["0"]["chosen"] = True
    dot = to_dot(graph)
    assert '  n1 [label="0: 0.80\\nfirst", style=bold];' in dot
    assert '  n2 [label="0/0: 0.60\\n\\\\boxed{2}\\ncandidate 1", style=solid];' in dot
    told = "pruned: beaten, no judgement: no chain"
    assert rf'  n3 [label="1: –\n\\x1b[31mwrong\n{told}", style=dashed];' in dot
    assert "  n1 -> n2;" in dot
    assert dot_escaped('a"\\') == 'a\\"\\\\'


def test_mermaid_escapes_all_that_could_be_markup(graph: Graph) -> None:
    assert '  n2["0/0: 0.60<br/>#92;boxed#123;2#125;<br/>candidate 1"]:::solid' in to_mermaid(graph)
    assert mermaid_escaped('"]<b>#;`') == "#34;#93;#60;b#62;#35;#59;#96;"


def test_files_are_named_safely() -> None:
    assert file_name("a/b c", ".json") == "a%2Fb%20c.json"
    assert file_name("..", ".json") == "...json"
    long = [file_name("x" * 200 + end, ".json") for end in "ab"]
    assert len(set(long)) == 2
    assert max(map(len, long)) < 200


# --- The verb -----------------------------------------------------------------------------------

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1, steps: 2}
scorer: {kind: scripted, skill: 0.9, missing: 0.1}
strategy: {kind: mcts, simulations: 8, value: judge, finish: 0}
cluster: {backend: inline, problems_in_flight: 4}
grading: {kind: numeric}
"""
IDS = ["sum-one", "sum-two", "other"]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command in a folder with a config; returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    (tmp_path / "config.yaml").write_text(CONFIG)
    rows = [
        json.dumps({"id": id, "problem": f"What is {n} + 7?", "answer": f"{n + 7}"})
        for n, id in enumerate(IDS)
    ]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def finished(call: Call) -> str:
    """The folder of a run that is done."""
    folder: str = json.loads(call("run", "config.yaml", "--json")[1])["run"]
    return folder


def printed_tree(call: Call, folder: str, problem: str) -> dict[str, Any]:
    code, out, _ = call("tree", folder, problem, "--json")
    assert code == 0
    tree: dict[str, Any] = json.loads(out)
    return tree


def test_the_verb_replays_every_path_with_its_judgement_and_cost(call: Call, finished: str) -> None:
    tree = printed_tree(call, finished, "sum-one")
    nodes = [node for node in tree["nodes"] if node["id"]]
    assert len(nodes) == 8
    assert all(node["policy"] and node["verifier"] for node in nodes)
    for node in nodes:
        assert (node["prefix"] is None) == (node["unjudged"] is not None)
        assert (node["fate"] == "pruned") == bool(node["reason"])
        assert ("outcome" in node) == (node["rank"] is not None)


def test_changing_nothing_is_what_drawing_does(call: Call, finished: str) -> None:
    before = {file: file.read_bytes() for file in File(finished).rglob("*") if file.is_file()}
    assert call("tree", finished, "1")[0] == 0
    after = {file: file.read_bytes() for file in File(finished).rglob("*") if file.is_file()}
    assert after == before


@pytest.mark.parametrize("asked", ["1", "--all"])
def test_a_run_over_other_data_than_there_are_now_has_no_tree(
    call: Call, finished: str, asked: str
) -> None:
    File("data.jsonl").write_text(File("data.jsonl").read_text().replace('"7"', '"8"'))
    code, out, err = call("tree", finished, asked)
    assert (code, out) == (4, "")
    assert "the run was made with another dataset; restore that" in err


@pytest.mark.parametrize("spelled", ["other", "oth", "3"])
def test_a_problem_is_named_by_id_beginning_or_number(
    call: Call, finished: str, spelled: str
) -> None:
    assert printed_tree(call, finished, spelled)["graph"]["problem"] == "other"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sum"], "sum: begins 2 ids; did you mean sum-one, sum-two?"),
        (["sum-tow"], "no such problem; did you mean sum-two"),
        (["4"], "no such problem; give an id, the beginning of one, or a number from 1 to 3"),
        (["0"], "no such problem"),
        (["1", "--format", "dto"], "--format: dto: no such format; did you mean dot?"),
        ([], "PROBLEM or --all: not both, not none; give one of the two"),
        (["1", "--all"], "PROBLEM or --all: 1: not both, not none"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_2(
    call: Call, finished: str, arguments: list[str], told: str
) -> None:
    code, out, error = call("tree", finished, *arguments)
    assert (code, out) == (2, "")
    assert told in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("form", "begins"), [("text", "other  What"), ("dot", "digraph"), ("mermaid", "flowchart")]
)
def test_every_format_is_printed(call: Call, finished: str, form: str, begins: str) -> None:
    code, out, _ = call("tree", finished, "3", "--format", form)
    assert code == 0
    assert out.startswith(begins)


def test_all_trees_are_written_and_load_again(call: Call, finished: str) -> None:
    assert call("tree", finished, "--all")[0] == 0
    assert {file.stem for file in (File(finished) / "trees").iterdir()} == set(IDS)
    for id in IDS:
        loaded = to_json(load_tree(File(finished), id))
        assert json.loads(json.dumps(loaded)) == printed_tree(call, finished, id)


def test_a_search_that_has_not_ended_has_no_tree(call: Call, finished: str) -> None:
    journal = File(finished) / "journal" / "driver.jsonl"
    journal.write_bytes(journal.read_bytes()[:2000])
    code, _, error = call("tree", finished, "3")
    assert code == 2
    assert "its search has not ended" in error


def test_whole_solutions_are_drawn_with_their_steps_below(call: Call) -> None:
    config = ("strategy={kind: best_of_n, n: 2}",)
    folder = json.loads(call("run", "config.yaml", *config, "--json")[1])["run"]
    tree = printed_tree(call, folder, "1")
    assert {(edge["source"], edge["target"]) for edge in tree["edges"]} == {("", "0"), ("", "1")}
    assert all(len(node["steps"]) >= 1 for node in tree["nodes"] if node["id"])


def test_the_way_to_the_chosen_solution_is_marked_and_nothing_else(
    call: Call, finished: str
) -> None:
    """Chosen is the best under the first aggregation: a graded candidate, and all above it."""
    for id in IDS:
        tree = printed_tree(call, finished, id)
        chosen = [node for node in tree["nodes"] if node.get("chosen")]
        parents = {edge["target"]: edge["source"] for edge in tree["edges"]}
        way = [node["id"] for node in chosen if node["rank"] is not None]
        while way and parents[way[-1]]:
            way.append(parents[way[-1]])
        assert sorted(node["id"] for node in chosen) == sorted(way)
        answered = any(node.get("outcome") in ("correct", "incorrect") for node in tree["nodes"])
        assert bool(chosen) == answered
