"""Runs that were made before: what they found is read as it was, whatever changed since."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest
from pyarrow import parquet

import treewright as tw
from treewright.cli import main
from treewright.report import report

BEST_OF_N = "older_best_of_n/20261128T150959Z-b894b6e2"
BEAM = "older_beam/20261128T151500Z-a715b3e1"
FOUND = {  # accuracy of last+best, of majority, their difference, chosen by last+best of problem 2
    BEST_OF_N: (4 / 6, 2 / 6, 2 / 6, "0"),
    BEAM: (4 / 5, 3 / 5, 1 / 5, "0/0/0/0/0/0/0/1"),
}
CANDIDATES = {BEST_OF_N: 24, BEAM: 17}
KEPT = ["STATUS", "config.resolved.yaml", "config.yaml", "env.json", "journal/driver.jsonl"]
KEPT += ["manifest.json", "metrics.json"]

Said = tuple[int, str, str]


@pytest.fixture
def runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs as a colleague has sent them; this is the current folder."""
    copytree(root / "tests" / "golden" / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    return tmp_path / "runs"


@pytest.fixture
def say(runs: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Exit code, stdout and stderr of a command."""

    def said(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        return (code, *capsys.readouterr())

    return said


def differently_made(manifest: Path) -> None:
    """As if other versions of Treewright and of the engine had made the run, with other sources."""
    told = json.loads(manifest.read_text())
    versions = [key for key in told["identity"] if key.startswith("versions.")]
    assert "versions.treewright" in versions
    told["identity"] |= dict.fromkeys([*versions, "policy.source", "scorer.source"], "0" * 16)
    manifest.write_text(json.dumps(told))


@pytest.mark.parametrize("other_versions", [False, True])
@pytest.mark.parametrize("run", [BEST_OF_N, BEAM])
def test_its_table_is_the_one_that_it_had(
    runs: Path, say: Callable[..., Said], run: str, other_versions: bool
) -> None:
    if other_versions:
        differently_made(runs / run / "manifest.json")
    code, out, err = say("score", f"runs/{run}", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    for side in ("policy", "verifier"):  # counts that came later; there was no cache
        assert [told["ledger"][side].pop(key) for key in ("recalled", "saved")] == [0, 0]
    metrics = json.loads((runs / run / "metrics.json").read_text())
    assert {key: told[key] for key in metrics} == metrics
    assert {key: told[key] for key in told.keys() - metrics.keys()} == {
        "run": f"runs/{run}",
        "steered_by": "history.last" if run == BEAM else None,
    }


def test_a_part_of_ours_that_a_run_named_by_its_path_may_have_changed_since(
    runs: Path, say: Callable[..., Said]
) -> None:
    config, manifest = runs / BEAM / "config.yaml", runs / BEAM / "manifest.json"
    path = "search.strategies.beam:Beam"
    config.write_text(config.read_text().replace("kind: beam", f"kind: {path}"))
    told = json.loads(manifest.read_text())
    kind = sha256(json.dumps(path).encode()).hexdigest()[:16]
    told["identity"] |= {"strategy.kind": kind, "strategy.source": "0" * 16}
    manifest.write_text(json.dumps(told))
    code, out, err = say("score", runs / BEAM, "--json", "--trust")
    assert (code, err) == (0, "")
    metrics = json.loads((runs / BEAM / "metrics.json").read_text())
    assert json.loads(out)["arms"] == metrics["arms"]


@pytest.mark.parametrize("run", [BEST_OF_N, BEAM])
def test_it_is_compared_drawn_and_exported(runs: Path, say: Callable[..., Said], run: str) -> None:
    differently_made(runs / run / "manifest.json")
    ours, theirs, difference, chosen = FOUND[run]
    code, out, err = say("compare", runs / run, "--arm", "last+best", "--json")
    assert (code, err) == (0, "")
    (row,) = json.loads(out)["rows"]
    found = (row["ours"]["accuracy"], row["theirs"]["accuracy"], row["difference"])
    assert found == pytest.approx((ours, theirs, difference))

    code, out, _ = say("tree", runs / run, "2", "--json")
    nodes = {node["id"]: node for node in json.loads(out)["nodes"]}
    assert code == 0
    best = [id for id, node in nodes.items() if node.get("chosen") and node["rank"] is not None]
    assert best == [chosen]

    assert say("export", runs / run)[0] == 0
    rows = parquet.read_table(runs / run / "samples.parquet").to_pylist()
    spent = json.loads((runs / run / "metrics.json").read_text())["ledger"]["policy"]
    assert len(rows) == CANDIDATES[run]
    if run == BEST_OF_N:  # no path is shared, so each token is in one row
        assert sum(row["policy_generated"] for row in rows) == spent["generated"]
    assert {row["strategy"] for row in rows} == {run.removeprefix("older_").partition("/")[0]}


def test_they_stand_in_a_report_with_their_figures(
    runs: Path, say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "write_plots", lambda *_: None)  # they are in the page as well
    code, out, err = say("report", *(runs / run for run in FOUND), "--output", "both.html")
    assert (code, out, err) == (0, "report both.html\n", "")
    page = Path("both.html").read_text()
    assert all(figure in page for figure in ("66.7", "33.3", "80.0", "60.0", "2,349"))


@pytest.mark.parametrize("run", [BEST_OF_N, BEAM])
def test_they_are_opened_in_python_by_the_beginning_of_their_name(runs: Path, run: str) -> None:
    metrics = json.loads((runs / run / "metrics.json").read_text())
    opened = tw.Run(runs / run[: len(run) - 8])
    assert opened.path == runs / run
    assert opened.arms().to_pylist() == metrics["arms"]
    assert len(opened.problems) == metrics["problems"]
    assert opened.candidates().num_rows == CANDIDATES[run]
    with pytest.raises(tw.Fault, match="Python: PROBLEM: 99: no such problem"):
        opened.tree(99)


@pytest.mark.parametrize("run", [BEST_OF_N, BEAM])
def test_what_a_colleague_sends_names_no_place_of_ours(runs: Path, run: str) -> None:
    files = sorted(path for path in (runs / run).rglob("*") if path.is_file())
    assert [str(path.relative_to(runs / run)) for path in files] == KEPT
    assert sum(path.stat().st_size for path in files) < 150_000
