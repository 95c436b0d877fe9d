"""Trees: the graph of a search, and its drawings."""

import json

import networkx as nx
import pytest

from search.calls import Costs
from search.core import (
    Candidate,
    Feedback,
    Judgement,
    Prefix,
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
from search.tree import Graph, lineage, to_json, tree_of
from treewright.running.file_names import file_name
from treewright.trees.diagram import dot_escaped, mermaid_escaped, to_dot, to_mermaid
from treewright.trees.draw import draw

PROBLEM = Problem("one", "1 + 1?")
ROOT = Prefix.start(PROBLEM)


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
    again = nx.node_link_graph(data, edges="edges")
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
    prefix = Prefix(PROBLEM, start.steps[:1], ())
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
