"""`treewright tree`: which problem is meant, every format, and what has no tree."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from search.tree import to_json
from treewright.cli import main
from treewright.trees.trees import place_of

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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
    before = {file: file.read_bytes() for file in Path(finished).rglob("*") if file.is_file()}
    assert call("tree", finished, "1")[0] == 0
    after = {file: file.read_bytes() for file in Path(finished).rglob("*") if file.is_file()}
    assert after == before


@pytest.mark.parametrize("asked", ["1", "--all"])
def test_a_run_over_other_data_than_there_are_now_has_no_tree(
    call: Call, finished: str, asked: str
) -> None:
    Path("data.jsonl").write_text(Path("data.jsonl").read_text().replace('"7"', '"8"'))
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
    assert {file.stem for file in (Path(finished) / "trees").iterdir()} == set(IDS)
    for id in IDS:
        written = json.loads((Path(finished) / place_of(id)).read_text())
        graph = nx.node_link_graph(written, edges="edges")
        assert json.loads(json.dumps(to_json(graph))) == written
        assert written == printed_tree(call, finished, id)


def test_a_search_that_has_not_ended_has_no_tree(call: Call, finished: str) -> None:
    journal = Path(finished) / "journal" / "driver.jsonl"
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


def test_a_tree_and_a_table_are_drawn_without_what_only_subsets_need(finished: str) -> None:
    """The choice of an arm is no estimate: numpy alone takes a tenth of the verbs' time."""
    code = (
        "import sys; from treewright.cli import main; "
        f"main(['tree', {finished!r}, '1']); main(['score', {finished!r}]); "
        "sys.exit(len({'numpy', 'matplotlib', 'ray', 'torch'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
