"""Reading a run that names code of its own: nothing is imported, the journal has what is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from hostile_runs import Bench, assert_one_line, bench, plant
from own_parts import forget
from search.aggregation import AGGREGATIONS, Aggregator
from search.custom import PartError, Untrusted
from search.selection import SELECTIONS
from treewright.config.trust import Trust, say_trust

PARTS = """\
from dataclasses import dataclass
from pathlib import Path as File
from policies.scripted import ScriptedPolicyConfig, build as build_policy
from scorers.scripted import ScriptedScorerConfig, build as build_scorer
from search.core import Candidate, Prefix, Result
from search.questions import Until, extend, judge
from search.selection import Choice
from search.strategies import STRATEGIES, strategy_class

with File({marker!r}).open("a") as file:
    file.write("imported\\n")


@dataclass(frozen=True)
class Policy(ScriptedPolicyConfig):
    pass


@dataclass(frozen=True)
class Scorer(ScriptedScorerConfig):
    pass


async def build(config):
    drawing = isinstance(config, ScriptedPolicyConfig)
    return await (build_policy if drawing else build_scorer)(config)


def least(probabilities):
    return min(probabilities)


def earliest(options, scale):
    return Choice(0 if options and options[0].group is not None else None)


for name in STRATEGIES:
    kind = strategy_class(name)
    globals()["Own_" + name] = dataclass(frozen=True)(type("Own_" + name, (kind,), {{
        "__module__": __name__, "__qualname__": "Own_" + name}}))
"""
STRATEGIES = {
    "beam": ["strategy.paths=4", "strategy.children=2", "strategy.lookahead=1", "strategy.depth=4"],
    "dvts": ["strategy.paths=4", "strategy.children=2", "strategy.depth=4"],
    "mcts": ["strategy.simulations=6", "strategy.parallel=2"],
    "backtrack": ["strategy.chains=2", "strategy.until=step", "strategy.depth=4"],
    "sequential": ["strategy.chains=2", "strategy.revisions=2", "strategy.accept=0.9"],
}
STRATEGY = ["strategy.kind=received_parts:Own_best_of_n", "strategy.n=3"]
AGGREGATE = ["aggregate=[received_parts:least,min]"]
OWN = {
    "everything": [
        "policy.kind=received_parts:Policy",
        "policy.accuracy=0.5",
        "scorer.kind=received_parts:Scorer",
        "select=[received_parts:earliest,best,majority]",
        *AGGREGATE,
        *STRATEGY,
    ],
    "what steers": [
        "strategy.kind=beam",
        "strategy.depth=3",
        "strategy.aggregate=received_parts:least",
        "aggregate=[received_parts:least]",
    ],
}


@pytest.fixture
def at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(AGGREGATIONS, "_loaded", {})
    monkeypatch.setattr(SELECTIONS, "_loaded", {})
    made = bench(tmp_path, monkeypatch, capsys)
    (tmp_path / "shelf").mkdir()
    marker = str(tmp_path / "MARKER")
    (tmp_path / "shelf" / "received_parts.py").write_text(PARTS.format(marker=marker))
    yield made
    unload(made)


def unload(at: Bench) -> None:
    """As another process, which imported nothing yet."""
    forget(at.folder)
    AGGREGATIONS._loaded.clear()
    SELECTIONS._loaded.clear()
    sys.path[:] = [folder for folder in sys.path if not folder.startswith(str(at.folder))]
    (at.folder / "MARKER").unlink(missing_ok=True)


def received(at: Bench, *overrides: str) -> Path:
    """A run with its own parts, as it arrives: they lie in it, and its config says so."""
    run = at.received(at.run("python_path=shelf", *overrides))
    unload(at)
    (run / "parts").mkdir()
    (at.folder / "shelf" / "received_parts.py").rename(run / "parts" / "received_parts.py")
    for name in ("config.yaml", "config.resolved.yaml"):
        text = (run / name).read_text()
        (run / name).write_text(text.replace(f"{at.folder}/shelf", f"{run}/parts"))
    assert f"{run}/parts" in (run / "config.yaml").read_text()
    return run


def imported(at: Bench) -> bool:
    return (at.folder / "MARKER").exists()


@pytest.mark.parametrize("part", OWN)
def test_no_verb_imports_what_a_run_brings(at: Bench, part: str) -> None:
    run = received(at, *OWN[part])
    before = list(sys.path)
    for verb, told in at.read(run):
        assert (told.code, imported(at)) == (0, False), (verb, told)
    for verb in ("resume", "validate", "run"):
        told = at.tell(verb, run)
        assert told.code == 2, (verb, told)
        assert_one_line(verb, told)
        assert "--trust" in told.err, (verb, told)
    assert sys.path == before
    assert not imported(at)


@pytest.mark.parametrize("name", STRATEGIES)
def test_without_its_code_a_search_is_replayed_as_with_it(at: Bench, name: str) -> None:
    own = f"strategy.kind=received_parts:Own_{name}"
    run = received(at, own, *STRATEGIES[name])
    for verb in (("score", run, "--json"), ("tree", run, "1", "--json")):
        without, alone = at.tell(*verb), imported(at)
        with_code, together = at.tell(*verb, "--trust"), imported(at)
        assert (without.code, alone, together) == (0, False, True)
        assert json.loads(without.out) == json.loads(with_code.out)
        unload(at)


def test_what_is_left_out_is_named_and_a_named_folder_brings_it_back(at: Bench) -> None:
    run = received(at, *AGGREGATE)
    told = at.tell("score", run, "--json")
    assert "left out, code of the run's own: received_parts:least; --trust" in told.err
    arms = {arm["aggregation"] for arm in json.loads(told.out)["arms"]}
    assert arms == {None, "min"}
    told = at.tell("score", run, "--json", "--python-path", run / "parts")
    arms = {arm["aggregation"] for arm in json.loads(told.out)["arms"]}
    assert (told.err, arms, imported(at)) == ("", {None, "min", "received_parts:least"}, True)


def test_a_run_of_before_says_in_one_line_that_its_code_is_needed(at: Bench) -> None:
    run = received(at, *STRATEGY)
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["parts"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    for line in at.refusals(run):
        assert "--trust" in line
    assert not imported(at)
    assert at.tell("score", run, "--trust").code == 0


def test_a_named_folder_gives_its_own_modules_only(at: Bench) -> None:
    run = received(at, *STRATEGY)
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("received_parts:Own", "wave:Own"))
    (at.folder / "empty").mkdir()
    sys.modules.pop("wave", None)
    told = at.tell("resume", run, "--python-path", at.folder / "empty")
    assert_one_line("resume", told)
    assert f"it is not in {at.folder / 'empty'}" in told.err
    assert "wave" not in sys.modules
    told = at.tell("score", run, "--python-path", at.folder / "nowhere")
    assert_one_line("score", told)


def test_a_part_is_barred_for_the_rest_of_the_command_and_no_longer(at: Bench) -> None:
    """Whoever parses the name that steers a search, to show it say, does not import it."""
    run = received(at, *OWN["what steers"])
    (at.folder / "received_parts.py").write_text("raise SystemExit('imported')")
    assert at.tell("score", run).code == 0
    with pytest.raises(Untrusted, match="code of the run's own"):
        Aggregator.parse("received_parts:least")
    say_trust(Trust())
    with pytest.raises(PartError, match="imported"):
        Aggregator.parse("history.received_parts:least")


def test_trust_is_of_one_command(at: Bench) -> None:
    run = received(at, *STRATEGY)
    assert at.tell("score", run, "--trust").code == 0
    assert imported(at)
    unload(at)
    assert at.tell("score", run).code == 0
    assert not imported(at)


@pytest.mark.parametrize("manifest", ["link", "pipe", "none"])
def test_a_run_whose_manifest_is_no_plain_file_is_no_more_trusted(at: Bench, manifest: str) -> None:
    run = received(at, *STRATEGY)
    if manifest == "none":
        (run / "manifest.json").unlink()
    else:
        plant(run / "manifest.json", manifest, copytree(run, at.folder / "other") / "manifest.json")
    Path("mine.yaml").symlink_to(run / "config.yaml")
    Path("ours.yaml").write_text(f"extends: {run}/config.yaml\nseed: 3\n")
    for verb in ("validate", "run", "doctor"):
        for config in (run, run / "config.yaml", "mine.yaml", "ours.yaml"):
            told = at.tell(verb, config)
            assert (told.code, imported(at)) == (2, False), (verb, config, told)
            assert "--trust" in told.err, (verb, config, told)
    with (run / "config.yaml").open("a") as file:
        file.write("sweep: {grid: {seed: [0, 1]}}\n")
    for config in (run, run / "config.yaml", "mine.yaml", "ours.yaml"):
        told = at.tell("sweep", config, "--dry-run")
        assert (told.code, imported(at)) == (2, False), (config, told)
        assert "--trust" in told.err, (config, told)


@pytest.mark.parametrize("module", ["received_parts", "spread.received_parts", "whole.parts"])
def test_a_named_folder_comes_before_what_python_looks_in_first(at: Bench, module: str) -> None:
    """The user's folder is on Python's path already, behind the stranger's, where they are."""
    run = received(at, *STRATEGY)
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("received_parts:Own", f"{module}:Own"))
    theirs = f"open({str(at.folder / 'THEIRS')!r}, 'w')"
    file = f"{module.replace('.', '/')}.py"
    package, mine = Path(file).parent, at.folder / "mine"
    (mine / package).mkdir(parents=True)
    package.mkdir(exist_ok=True)
    Path(file).write_text(theirs)
    if module != "spread.received_parts":
        (mine / file).write_text((run / "parts" / "received_parts.py").read_text())
    if module == "whole.parts":
        (package / "__init__.py").write_text(theirs)
    sys.path[:0] = [str(at.folder), str(mine)]
    told = at.tell("validate", run, "--python-path", mine)
    ours = module == "received_parts"
    assert (told.code, imported(at)) == ((0, True) if ours else (2, False)), told
    assert not (at.folder / "THEIRS").exists()


def test_a_named_folder_does_not_bring_the_current_one(at: Bench) -> None:
    run = received(at, *STRATEGY)
    assert at.tell("validate", run, "--python-path", run / "parts").code == 0
    assert imported(at)
    assert not {"", str(at.folder)} & set(sys.path)
