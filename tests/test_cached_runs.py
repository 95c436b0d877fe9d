"""Runs with a cache, from the command line: what is asked, counted, shown, and read again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from own_parts import Tell

BEAM = ("strategy={kind: beam, paths: 4, children: 2}",)
MINE = """\
from dataclasses import dataclass, field
from engines.traits import Judges, Traits
from search.checks import UNCOUNTED
from search.core import Judgement, Spent
from search.ports import Scorer, ScorerReply


@dataclass(frozen=True)
class Config:
    repeatable: bool = True
    cache: str = field(default="off", metadata=UNCOUNTED)

    @property
    def traits(self):
        return Traits(judges=Judges.OUTCOME, cache=self.cache, repeatable=self.repeatable)


class Mine(Scorer):
    async def judge(self, batch):
        return [ScorerReply(Judgement((), 0.7), Spent(1, 10, 0, 5)) for _ in batch]


async def build(config):
    return Mine()
"""


@pytest.fixture(autouse=True)
def shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared cache of a test is its own."""
    monkeypatch.setenv("TREEWRIGHT_CACHE", str(folder / "shared"))
    return folder / "shared"


def run(tell: Tell, name: str, *overrides: str) -> tuple[dict[str, Any], str]:
    """What a run printed as JSON, and what it said."""
    code, out, err = tell("run", "own.yaml", f"name={name}", *overrides, "--json")
    assert code == 0, err
    return json.loads(out), err


def figures(told: dict[str, Any]) -> Any:
    """All that a run is about: its arms, what they cost included."""
    return told["problems"], told["failures"], told["arms"], told["exhausted"]


def test_a_second_run_makes_no_judgement_and_has_the_same_figures(tell: Tell, shared: Path) -> None:
    cold, _ = run(tell, "cold", "scorer.cache=shared")
    warm, said = run(tell, "warm", "scorer.cache=shared")
    assert figures(warm) == figures(cold)
    made = cold["ledger"]["verifier"]
    had = dict.fromkeys(made, 0) | {
        "recalled": 4,
        "saved": made["prompt"] - made["cached"] + made["generated"],
    }
    assert warm["ledger"]["verifier"] == had
    assert warm["ledger"]["policy"] == cold["ledger"]["policy"], "what was sampled is drawn"
    assert f"scorer.cache: {shared}/replies.sqlite3" in said
    assert f"4 from the cache ({had['saved']:,} tokens saved)" in said


def test_a_part_of_what_was_made_is_had(tell: Tell) -> None:
    """And what is beyond it is made: n=2 after n=1, n=1 after n=2."""
    run(tell, "one", "strategy.n=1", "scorer.cache=shared")
    two, _ = run(tell, "two", "scorer.cache=shared")
    assert (two["ledger"]["verifier"]["calls"], two["ledger"]["verifier"]["recalled"]) == (2, 2)
    one, _ = run(tell, "again", "strategy.n=1", "scorer.cache=shared")
    assert (one["ledger"]["verifier"]["calls"], one["ledger"]["verifier"]["recalled"]) == (0, 2)


@pytest.mark.parametrize("change", ["scorer.skill=0.8", "seed=1", "scorer.kind=simulated"])
def test_another_scorer_or_another_seed_has_nothing_of_it(tell: Tell, change: str) -> None:
    run(tell, "one", "scorer.cache=shared")
    other, _ = run(tell, "other", "scorer.cache=shared", change)
    assert other["ledger"]["verifier"]["recalled"] == 0
    assert other["ledger"]["verifier"]["calls"] == 4


def test_a_budget_ends_the_search_where_it_did(tell: Tell) -> None:
    limits = ("strategy.wave=1", "strategy.n=9", "strategy.budget.verifier_tokens=900")
    cold, _ = run(tell, "cold", *limits, "scorer.cache=shared")
    warm, _ = run(tell, "warm", *limits, "scorer.cache=shared")
    assert cold["exhausted"] == {"verifier_tokens": 2}
    assert figures(warm) == figures(cold)


def test_greedy_draws_are_had_too(tell: Tell) -> None:
    greedy = ("strategy={kind: greedy}", "scorer.kind=none", "policy.cache=shared")
    cold, _ = run(tell, "cold", *greedy)
    warm, _ = run(tell, "warm", *greedy, "seed=5")
    assert figures(warm) == figures(cold)
    assert cold["ledger"]["policy"]["recalled"] == 1, "both problems ask the same"
    assert (warm["ledger"]["policy"]["calls"], warm["ledger"]["policy"]["recalled"]) == (0, 2)


def test_for_one_run_nothing_is_kept_on_disk(tell: Tell, shared: Path) -> None:
    """Problems that ask the same are asked once, side by side too."""
    greedy = ("strategy={kind: greedy}", "scorer.kind=none", "policy.cache=run")
    told, _ = run(tell, "one", *greedy)
    assert (told["ledger"]["policy"]["calls"], told["ledger"]["policy"]["recalled"]) == (1, 1)
    again, _ = run(tell, "again", *greedy)
    assert again["ledger"]["policy"] == told["ledger"]["policy"]
    assert not shared.exists()


def test_whatever_reads_the_run_counts_the_same(tell: Tell, folder: Path) -> None:
    """Score, tree, report, and the run again, whose journal is all that they ask."""
    run(tell, "cold", "scorer.cache=shared", *BEAM)
    warm, _ = run(tell, "warm", "scorer.cache=shared", *BEAM)
    shutil.rmtree(folder / "shared")
    path = warm["run"]
    del warm["replicas"]  # of the session that asked them
    assert json.loads(tell("score", path, "--json")[1]) == warm
    assert run(tell, "warm", "scorer.cache=shared", *BEAM)[0] == warm
    had = warm["ledger"]["verifier"]
    said = f"{had['recalled']} judgements from the cache, {had['saved']:,} tokens saved"
    assert f"verifier: {said}" in tell("score", path)[1]
    assert "judgements from the cache" in tell("tree", path, "1")[1]
    assert tell("report", path)[0] == 0
    assert f"verifier: {said}" in (Path(path) / "report.html").read_text()
    code, out, _ = tell("compare", f"{Path(path).parents[1]}/cold/latest", path, "--json")
    assert code == 0
    ratios = [row["cost_ratio"] for row in json.loads(out)["rows"]]
    assert ratios == [1.0] * len(ratios) != [], "no arm is cheaper for the cache's sake"


def test_a_run_that_goes_on_asks_the_cache_for_what_is_left(tell: Tell) -> None:
    whole, _ = run(tell, "whole", "scorer.cache=shared")
    cut, _ = run(tell, "cut", "scorer.cache=shared")
    journal = Path(cut["run"]) / "journal" / "driver.jsonl"
    kept = [line for line in journal.read_text().splitlines(True) if '"scorer/even' not in line]
    journal.write_text("".join(kept))
    (Path(cut["run"]) / "STATUS").write_text("interrupted\n")
    code, out, err = tell("resume", cut["run"], "--json")
    assert code == 0, err
    again = json.loads(out)
    assert figures(again) == figures(whole)
    assert again["ledger"] == cut["ledger"]


def test_the_journal_tells_what_was_had_from_what_was_made(tell: Tell) -> None:
    def spent(path: str) -> list[list[int]]:
        lines = (Path(path) / "journal" / "driver.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        return [each["data"]["spent"] for each in records if each["kind"] == "scorer"]

    cold, _ = run(tell, "cold", "scorer.cache=shared")
    warm, _ = run(tell, "warm", "scorer.cache=shared")
    made, had = sorted(spent(cold["run"])), sorted(spent(warm["run"]))
    assert all(len(counts) == 5 for counts in made), "as in a run without a cache"
    assert [counts[:7] for counts in had] == [[0, 0, 0, 0, 0, 1, 1]] * 4
    computed = sorted(prompt - cached + new for _, prompt, cached, new, _ in made)
    assert sorted(counts[7] for counts in had) == computed


# --- Where there is none --------------------------------------------------------------------------


def test_a_damaged_cache_is_one_line_and_the_run_goes_on(tell: Tell, shared: Path) -> None:
    shared.mkdir()
    (shared / "replies.sqlite3").write_text("no database" * 999)
    told, said = run(tell, "one", "scorer.cache=shared")
    assert told["ledger"]["verifier"]["calls"] == 4
    assert said.count("is damaged") == 1
    assert "going on without it" in said


def test_a_home_folder_that_is_not_there_is_one_line_and_the_run_goes_on(tell: Tell) -> None:
    told, said = run(tell, "one", "scorer.cache=~nobody-here/x")
    assert told["ledger"]["verifier"]["calls"] == 4
    assert "scorer.cache: not used: ~nobody-here/x: no such home folder" in said


def test_a_reply_whose_tokens_nobody_counted_is_not_kept(tell: Tell, folder: Path) -> None:
    """What it cost is charged again where it is had, and that is not known."""
    (folder / "mine.py").write_text(MINE.replace("Spent(1, 10, 0, 5)", "Spent(1, 0, 0, 5)"))
    own = ("scorer={kind: 'mine:Config'}", "scorer.cache=shared")
    cold, warm = (run(tell, name, *own)[0] for name in ("cold", "warm"))
    assert figures(warm) == figures(cold)
    assert warm["ledger"] == cold["ledger"]
    assert cold["ledger"]["verifier"]["prompt"] is None


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_scorer_of_ones_own_is_cached_where_it_says_that_it_may_be(
    tell: Tell, folder: Path, repeatable: bool
) -> None:
    """An edit of it is another scorer."""
    (folder / "mine.py").write_text(MINE)
    own = (
        "scorer={kind: 'mine:Config'}",
        "scorer.cache=./own cache",
        f"scorer.repeatable={json.dumps(repeatable)}",
    )
    code, out, err = tell("validate", "own.yaml", *own, "--json")
    assert code == 0, err
    refused = "scorer.cache: not used: its traits do not say that it is repeatable"
    assert json.loads(out)["notes"] == ([] if repeatable else [refused])
    _, said = run(tell, "one", *own)
    assert (refused in said) == (not repeatable)
    warm, _ = run(tell, "two", *own)
    assert warm["ledger"]["verifier"]["recalled"] == (4 if repeatable else 0)
    assert (folder / "own cache").exists() == repeatable


def test_a_strangers_run_names_no_folder(tell: Tell, folder: Path) -> None:
    told, _ = run(tell, "one", f"scorer.cache={folder}/kept")
    shutil.rmtree(folder / "kept")
    journal = Path(told["run"]) / "journal" / "driver.jsonl"
    for trusted in ((), ("--trust",)):
        journal.write_text("")
        (Path(told["run"]) / "STATUS").write_text("interrupted\n")
        code, _, err = tell("resume", told["run"], *trusted)
        assert code == 0, err
        assert (folder / "kept").exists() == bool(trusted)
        assert ("may name no folder without --trust" in err) == (not trusted)


@pytest.mark.parametrize(
    ("value", "hint"), [("shard", "did you mean 'shared'?"), ("here", "write ./NAME")]
)
def test_a_word_that_is_none_is_refused(tell: Tell, value: str, hint: str) -> None:
    code, _, err = tell("run", "own.yaml", f"scorer.cache={value}")
    assert code == 2
    assert "must be off, run, shared or the path of a folder" in err
    assert hint in err
