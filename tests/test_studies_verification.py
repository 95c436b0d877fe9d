"""The study of verification: agreement, ratios, targets, sentences, from results made by hand."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.calls import Costs
from search.core import Judgement, Origin, Prefix, StepVerdict, VerdictStatus
from search.driver import Searched
from search.keys import content
from test_studies import RIGHT, WRONG, marks, solution, solved
from treewright.arms.marks import Marks
from treewright.config.load import load_config
from treewright.ledger import Account, Ledger
from treewright.studies.agreement import Agreement, agreement, calls_of
from treewright.studies.cells import WEIGHTED
from treewright.studies.judged_again import identity as judged_again_identity
from treewright.studies.judged_again import judged_again, sampled
from treewright.studies.page import StudyError
from treewright.studies.targets import targets
from treewright.studies.timed import identity as timed_identity
from treewright.studies.timed import timed
from treewright.studies.tried import Tried, Verified
from treewright.studies.verification import main, refuse_caches, together
from treewright.studies.verification_page import lead, page
from treewright.studies.ways import NAIVE, WAYS, Trial, trials

BASE = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
aggregate: [history.last]
select: [weighted]
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config of doubles over two problems."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    rows = [json.dumps({"problem": f"{at} + 1?", "answer": at + 1}) for at in range(2)]
    Path("data.jsonl").write_text("\n".join(rows))
    Path("base.yaml").write_text(BASE)
    return Path("base.yaml")


# --- Agreement ------------------------------------------------------------------------------------


def test_verdicts_agree_where_both_lie_on_one_side_of_a_half() -> None:
    """Steps: 0.9 and 0.6 agree, 0.4 and 0.5 do not; one is unread; the wholes agree."""
    found = agreement([(((0.9, 0.4, None), 0.7, 3), ((0.6, 0.5, 0.9), 0.5, 3))])
    assert found == Agreement(1, 1, 2, 0, 0, 1, 1, 1)
    assert (found.rate, found.last_rate, found.prefix_rate) == (0.5, None, 1.0)


def test_steps_that_neither_reached_do_not_agree() -> None:
    """Both stop at the second of four; then one goes on to the third, and they differ there."""
    stops, goes_on = (0.9, 0.1, 0.1, 0.1), (0.9, 0.9, 0.1, 0.1)
    same = agreement([((stops, 0.1, 2), (stops, 0.1, 2))])
    assert (same.steps, same.all_steps, same.all_last) == (2, 2, 0)
    other = agreement([((stops, 0.1, 2), (goes_on, 0.1, 3))])
    assert (other.steps, other.all_steps) == (2, 3)


def test_a_judgement_that_is_missing_agrees_with_nothing() -> None:
    nothing = calls_of(Judgement.missing("unread"))
    found = agreement([(nothing, ((0.9, 0.9), 0.9, 2))])
    assert (found.pairs, found.rate, found.prefix_rate, found.unread) == (1, None, None, 2)


def test_what_follows_an_error_was_not_reached() -> None:
    after = StepVerdict(0.1, VerdictStatus.AFTER_ERROR)
    read = StepVerdict(0.1, VerdictStatus.READ)
    assert calls_of(Judgement((read, after, after), 0.2)) == ((0.1, 0.1, 0.1), 0.2, 1)


def judged(origin: Origin) -> Judgement:
    return Judgement((StepVerdict(0.9, VerdictStatus.READ),) * 2, 0.8, origin=origin)


def test_only_what_was_not_judged_whole_is_judged_again() -> None:
    paths = [solution("p", (at,), f"a{at}\n", "b") for at in range(4)]
    origins = [Origin.WHOLE, Origin.INCREMENTAL, Origin.INHERITED, Origin.INCREMENTAL]
    judgements = {path.id: judged(o) for path, o in zip(paths, origins, strict=True)}
    item = solved("p", (0, RIGHT, 0.9))
    by_id = {path.id: path for path in paths}
    searched = Searched(item.search.result, Costs(), by_id, judgements=judgements)
    found = sampled([replace(item, search=searched)], 10)
    assert {each.key for each in found} == {content(path) for path in paths[1:]}
    assert len(sampled([replace(item, search=searched)], 2)) == 2


def test_what_was_judged_again_is_kept(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(base)
    paths: list[Prefix] = [solution("p", (at,), "a\n", f"b{at}") for at in range(3)]
    first = asyncio.run(judged_again(config, paths, 0, Path("runs/verification")))
    assert {key: len(steps) for key, (steps, *_) in first.items()} == {
        content(path): 2 for path in paths
    }

    def refuse(*asked: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("treewright.studies.judged_again.open_cluster", refuse)
    assert asyncio.run(judged_again(config, paths, 0, Path("runs/verification"))) == first


def test_what_another_model_at_the_same_place_said_is_not_kept(base: Path) -> None:
    """Weights that were trained anew are another verifier, whatever their folder is called."""
    place = Path("verifier")
    place.mkdir()
    said = ["cluster.backend=ray", "scorer.kind=thinkprm", "scorer.model=verifier"]
    names, clocks = set(), set()
    for weights in ("old", "new"):
        (place / "model.safetensors").write_text(weights)
        config = load_config(base, said)
        names.add(judged_again_identity(config, 0))
        clocks.add(timed_identity({"naive": config}))
    assert len(names) == len(clocks) == 2
    assert judged_again_identity(config, 1) not in names
    assert (
        timed_identity({"naive": load_config(base, [*said, "cluster.scorer_replicas=2"])})
        not in clocks
    )


def test_a_judgement_that_failed_is_asked_again(base: Path) -> None:
    config, folder = load_config(base), Path("runs/verification")
    path = solution("p", (0,), "a\n", "b")
    failing = load_config(base, ["scorer.faults.fail=1.0"])
    nothing = asyncio.run(judged_again(failing, [path], 0, folder))
    assert list(nothing.values()) == [((), None, 0)]
    (file,) = folder.glob("judged-*.json")
    file.rename(folder / f"judged-{judged_again_identity(config, 0)}.json")
    found = asyncio.run(judged_again(config, [path], 0, folder))
    assert [len(steps) for steps, *_ in found.values()] == [2]


def test_what_was_timed_is_known_to_another_process() -> None:
    """Sets of texts have another order in each."""
    told = "from treewright.studies import timed, verification as v; import argparse; "
    told += "asked = dict(ways=list(v.WAYS), strategies=['beam'], timed=4, config=v.BASE); "
    told += "options = argparse.Namespace(limit=None, split=None, **asked); "
    told += "print(timed.identity(v.clocked(options)))"
    root = Path(__file__).resolve().parents[1]
    found = set()
    for seed in "12":
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        words = [sys.executable, "-c", told]
        found.add(subprocess.run(words, env=env, check=True, capture_output=True).stdout)
    assert len(found) == 1


# --- Ratios, targets, sentences -------------------------------------------------------------------


def account(computed: int, generated: int) -> Account:
    """Of one side: half of the prompt was cached."""
    prompt = 2 * (computed - generated)
    return Account(1, prompt, prompt // 2, generated, 0, 0, 0)


def tried(way: str, right: int, computed: int, generated: int, rate: float = 1.0) -> Tried:
    """Beam on ten problems, so many right, verified so."""
    items = [solved(f"{at}", (0, RIGHT if at < right else WRONG, 0.9)) for at in range(10)]
    idle = Ledger(account(0, 0), account(0, 0))
    ledgers = dict.fromkeys(map(str, range(10)), idle)
    ledgers["0"] = Ledger(account(100, 50), account(computed, generated))
    found: Marks = marks(WEIGHTED, *items)
    said = Agreement(100, round(rate * 100), 100, 9, 10, 8, 10)
    return Tried(
        Trial("beam", way, None), found, ledgers, 0, {Origin.INCREMENTAL: 500}, (),
        None if way == NAIVE else said, None if way == NAIVE else replace(said, steps=95),
    )  # fmt: skip


def verified(*rows: Tried, seconds: dict[str, list[float]] | None = None) -> Verified:
    return Verified(together(rows), seconds or {}, 4)


def test_ratios_are_to_the_naive_way_and_tokens_per_problem() -> None:
    found = verified(tried(NAIVE, 5, 1000, 800), tried("incremental", 5, 500, 200))
    row = found.rows[1]
    assert (row.generated, row.computed) == (0.25, 0.5)
    assert row.sides == (10.0, 50.0, 20.0)
    assert row.versus is not None
    assert row.versus.difference == 0.0


def test_a_problem_that_failed_saves_nothing() -> None:
    """Problem 1 cost 600 of 1,600 whole; its search failed in the other way, which is no saving."""
    naive, way = tried(NAIVE, 5, 1000, 800), tried("incremental", 5, 500, 200)
    dear = {**naive.ledgers, "1": Ledger(account(100, 50), account(600, 400))}
    rest = {id: each for id, each in way.ledgers.items() if id != "1"}
    row = verified(replace(naive, ledgers=dear), replace(way, ledgers=rest, failures=1)).rows[1]
    assert (row.generated, row.computed, row.problems) == (0.25, 0.5, 9)


@pytest.mark.parametrize(
    ("generated", "computed", "rate", "seconds", "held"),
    [
        (0.35, 0.60, 0.97, 0.65, [True, True, True, True, True]),
        (0.36, 0.61, 0.94, 0.66, [False, False, False, True, False]),
        (0.30, 0.50, 0.95, 0.10, [True, True, True, True, True]),  # as itself at another seed
    ],
)
def test_each_target_is_held_up_to_its_bound(
    generated: float, computed: float, rate: float, seconds: float, held: list[bool]
) -> None:
    row = tried("incremental", 5, round(1000 * computed), round(800 * generated), rate)
    times = {NAIVE: [100.0], "incremental": [100 * seconds]}
    found = verified(tried(NAIVE, 5, 1000, 800), row, seconds=times)
    assert [target.held for target in targets(found)] == held


def test_what_is_not_known_holds_no_target() -> None:
    unknown = replace(account(1, 1), prompt=None, cached=None, generated=None)
    row = tried("incremental", 5, 1, 1)
    row = replace(row, ledgers={**row.ledgers, "1": Ledger(account(1, 1), unknown)})
    found = targets(verified(tried(NAIVE, 5, 1000, 800), row))
    assert [target.held for target in found][:2] == [None, None]


def test_the_lead_tells_what_is_saved_and_calls_a_loss_one_only_where_it_is_shown() -> None:
    small = lead(verified(tried(NAIVE, 6, 1000, 800), tried("incremental", 5, 500, 200)))
    assert "take 0.25 of the tokens that whole ones write and 0.50 of all" in small
    assert "No difference of accuracy to the naive way is shown in any of 1 row" in small
    large = lead(verified(tried(NAIVE, 10, 1000, 800), tried("inherit", 0, 500, 200)))
    assert "is shown for beam inherit (-100.0 points" in large


def test_the_page_shows_every_row_and_says_what_was_skipped() -> None:
    skipped = Tried(Trial("beam", "adaptive", None, "no such way"))
    found = verified(
        tried(NAIVE, 6, 1000, 800),
        tried("incremental", 5, 500, 200),
        skipped,
        seconds={NAIVE: [4.0, 2.0, 3.0], "incremental": [1.0, 1.5, 2.0]},
    )
    text = page(found, "data", "command", [])
    assert "| incremental | 50.0 | 23.7 – 76.3 | -10.0" in text
    assert "| 10 | 50 | 20 | 0.250 | 0.500 | 0 |" in text
    assert "* `adaptive` was not run: no such way." in text
    assert "| beam | incremental | 100 of 500 | 100.0 | 90.0 | 80.0 | 0 | 95.0 |" in text
    assert "| incremental | 1.5 | 1.0, 1.5, 2.0 | 0.50 |" in text
    assert "Made with other replicas" not in text


def test_the_page_says_which_runs_had_other_replicas() -> None:
    naive, way = tried(NAIVE, 6, 1000, 800), tried("incremental", 5, 500, 200)
    more = (
        replace(naive, replicas=(1, 1)),
        replace(way, replicas=(1, 2)),
        replace(way, replicas=(1, 2)),
    )
    text = page(verified(*more), "data", "command", [])
    assert "than the 1 + 2 (policy + verifier) of the rest: beam naive (1 + 1)." in text.replace(
        "\n", " "
    )


def test_a_cache_would_make_a_way_free() -> None:
    (trial,) = trials(["beam"], [NAIVE], ["scorer.cache=shared"])
    assert trial.config is not None
    with pytest.raises(StudyError, match=r"scorer\.cache: verification-beam-naive .*; say off"):
        refuse_caches([trial.config])


# --- The command ----------------------------------------------------------------------------------


def test_ways_of_prefixes_are_not_run_where_whole_solutions_are_judged() -> None:
    listed = trials(["best_of_n", "beam"], ["incremental"], ["scorer.incremental=false"])
    told = {(each.strategy, each.way): each.skipped for each in listed}
    assert "nothing goes on" in told["best_of_n", "incremental"]
    assert not told["beam", "incremental"]
    assert set(WAYS) >= {"naive", "incremental", "recheck", "inherit", "adaptive"}
    with pytest.raises(StudyError, match="choose from"):
        trials(["beem"], [])


def test_one_command_makes_the_page_and_skips_what_its_verifier_cannot(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = "incremental,adaptive"
    ask = ["--strategies", "best_of_n", "--ways", ways, "--times", "0", "--json"]
    assert main([*ask, "--config", str(base)]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)["rows"]
    assert [(row["way"], bool(row["skipped"])) for row in rows] == [
        (NAIVE, False), ("incremental", True), ("adaptive", False)
    ]  # fmt: skip
    assert "estimate: 4 searches" in err


def test_runs_are_timed_in_turns_and_kept(base: Path) -> None:
    configs = {name: load_config(base, [f"name={name}"]) for name in ("a", "b")}
    first = asyncio.run(timed(configs, 1, Path("runs/verification")))
    assert all(len(each) == 1 and each[0] > 0 for each in first.values())
    assert asyncio.run(timed(configs, 1, Path("runs/verification"))) == first
    assert verified(seconds={"a": [1.0, 2.0, 9.0], NAIVE: [4.0]}).faster("a") == 0.5
    assert verified(seconds={"a": [1.0]}).faster("a") is None


def test_every_way_is_one_for_the_verifier_that_ships() -> None:
    assert [each.skipped for each in trials(["beam"], list(WAYS))] == [""] * len(WAYS)
    configs: list[Any] = [each.config for each in trials(["beam"], list(WAYS))]
    assert len({repr(config.scorer) for config in configs}) == len(WAYS)
