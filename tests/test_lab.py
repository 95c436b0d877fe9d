"""Treewright from Python: a question is searched on engines that stay up."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

import treewright as tw
from policies.scripted import ScriptedPolicy
from search.core import Missing
from treewright.errors import ConfigError

QUESTION = "What is 3 + 4 + 15?"
POLICY = {"kind": "scripted", "accuracy": 0.9}
SCORER = {"kind": "scripted"}
INLINE = {"backend": "inline"}


@pytest.fixture(scope="module")
def lab() -> Iterator[tw.Lab]:
    made = tw.Lab(POLICY, SCORER, cluster=INLINE)
    yield made
    made.close()


def test_a_lab_that_is_forgotten_stops_its_engines_and_its_thread() -> None:
    before = set(threading.enumerate())
    made = tw.Lab(POLICY, SCORER, cluster=INLINE)
    assert made.search(QUESTION).candidates
    ours = set(threading.enumerate()) - before
    assert {thread.name for thread in ours} >= {"treewright", "watch"}
    del made
    gc.collect()
    for thread in ours:
        thread.join(10)
    assert not any(thread.is_alive() for thread in ours)


def test_a_question_is_searched_in_five_lines(lab: tw.Lab) -> None:
    with lab:
        found = lab.search(QUESTION, tw.Beam(paths=8, children=4))
    assert found.answer == "22"
    assert isinstance(found.score, float)
    assert found.solution is not None
    assert found.solution.endswith(r"\boxed{22}.")
    assert found.spent.policy.calls > 8
    assert found.spent.verifier.generated > 0
    assert any(node.get("chosen") for _, node in found.tree.nodes(data=True))


def test_the_same_question_gives_the_same_tree_again_and_a_seed_another(lab: tw.Lab) -> None:
    one, again = (lab.search(QUESTION, tw.Mcts(simulations=6)) for _ in range(2))
    assert one.searched == again.searched
    with tw.Lab(POLICY, SCORER, cluster=INLINE, seed=7) as other:
        assert other.search(QUESTION, tw.Mcts(simulations=6)).searched != one.searched


def test_without_a_strategy_it_is_the_configs_own_and_a_lab_starts_by_itself(lab: tw.Lab) -> None:
    found = lab.search(QUESTION)
    assert (found.select, found.aggregate, found.score) == ("majority", None, None)
    assert len(found.candidates) == 1
    lab.close()
    assert lab.search(QUESTION).searched == found.searched


def test_what_chooses_can_be_said(lab: tw.Lab) -> None:
    strategy = tw.BestOfN(n=8)
    chosen = lab.search(QUESTION, strategy, aggregate="min", select="weighted")
    assert (chosen.aggregate, chosen.select) == ("min", "weighted")
    assert lab.search(QUESTION, strategy).aggregate == strategy.aggregate
    assert lab.search(QUESTION, strategy, select="first").chosen == 0


def test_it_works_where_an_event_loop_is_running_and_many_searches_run_at_once() -> None:
    async def notebook() -> tuple[str | None, list[str | None]]:
        with tw.Lab(POLICY, SCORER, cluster=INLINE) as lab:
            inside = lab.search(QUESTION).answer
        async with tw.AsyncLab.of(POLICY, SCORER, cluster=INLINE) as twin:
            searches = [twin.search(f"What is {n} + 1?", tw.BestOfN(n=8)) for n in range(5)]
            return inside, [found.answer for found in await asyncio.gather(*searches)]

    inside, answers = asyncio.run(notebook())
    assert inside == "22"
    assert answers == ["1", "2", "3", "4", "5"]


def test_a_lab_of_a_config_that_ships_with_changes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tw.open("quickstart", "policy={kind: scripted}", "scorer={kind: scripted}")
    assert repr(lab) == "Lab(quickstart)"
    assert lab.config.strategy == tw.BestOfN(n=16)
    assert lab.config.policy == type(lab.config.policy)()


def test_a_wrong_section_is_told_with_its_place_its_key_and_a_hint() -> None:
    with pytest.raises(ConfigError, match=r"Python: policy\.acuracy: no such key; did you mean"):
        tw.Lab({"kind": "scripted", "acuracy": 0.5})
    with pytest.raises(ConfigError, match=r"Python: seed: three: must be a whole number"):
        tw.Lab(POLICY, seed="three")
    with pytest.raises(AttributeError, match="treewright has no Beem"):
        _ = tw.Beem


def test_what_the_scorer_could_not_read_is_missing_and_never_a_number() -> None:
    scorer = {"kind": "scripted", "missing": 1.0}
    with tw.Lab(POLICY, scorer, cluster=INLINE) as lab:
        found = lab.search(QUESTION, tw.BestOfN(n=2), select="first", aggregate="last")
    assert isinstance(found.score, Missing)
    assert "missing" in repr(found)


def test_a_notebook_shows_the_answer_and_the_tree_and_no_markup_of_a_model(
    lab: tw.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lab.search("What is <b>3</b> + 4?", tw.Beam(paths=4, children=2))
    text, html = repr(found), found._repr_html_()
    assert text.startswith("answer 7, score 0.")
    assert "[candidate 1]" in text
    assert "&lt;b&gt;3&lt;/b&gt;" in html
    assert "<b>" not in html


def test_importing_it_costs_nothing_and_shows_what_there_is(root: Path) -> None:
    code = "import sys, treewright as tw; print(dir(tw), len(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert "'Beam'" in out.stdout
    assert int(out.stdout.split()[-1]) < 200


def test_a_search_that_fails_raises_and_the_lab_goes_on(
    lab: tw.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ScriptedPolicy, "extend", None)
        with pytest.raises(Exception, match="not callable"):
            lab.search("another question", tw.BestOfN(n=2))
    assert lab.search(QUESTION).answer == "22"


SAID_WRONGLY = [
    ({"question": None}, "question: None: is a NoneType"),
    ({"question": "half\ud800"}, "character 5 is half of one"),
    ({"strategy": tw.BestOfN}, "is no strategy; give one with its sizes"),
    ({"strategy": "beam"}, "is no strategy"),
    ({"aggregate": "mni"}, "no such aggregation; did you mean min"),
    ({"aggregate": ["min"]}, "is no name"),
    ({"select": "bst"}, "no such selection; did you mean best"),
    ({"strategy": tw.Majority(n=2), "select": "best"}, "needs scores, and strategy majority asks"),
    ({"strategy": tw.Majority(n=2), "aggregate": "min"}, "needs scores"),
]


@pytest.mark.parametrize(("said", "told"), SAID_WRONGLY)
def test_what_is_said_wrongly_is_a_fault_in_one_line(
    lab: tw.Lab, said: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        lab.search(**{"question": QUESTION, **said})  # type: ignore[arg-type]


def test_without_a_verifier_votes_choose() -> None:
    with tw.Lab({"kind": "scripted", "accuracy": 1.0}, cluster=INLINE) as lab:
        found = lab.search(QUESTION, tw.BestOfN(n=3))
    assert (found.answer, found.select, found.score) == ("22", "majority", None)


def test_the_first_searches_may_come_from_many_threads_and_start_the_engines_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = tw.Lab({"kind": "scripted", "accuracy": 1.0}, cluster=INLINE)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lab.search, [f"What is {n} + 1?" for n in range(4)]))
    assert [each.answer for each in found] == ["1", "2", "3", "4"]
    assert capsys.readouterr().err == "starting the engines of lab\n"
    lab.close()
    assert lab.search(QUESTION).answer == "22"
    lab.close()


def test_closing_a_lab_ends_what_other_threads_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tw.Lab(POLICY, SCORER, cluster=INLINE)
    waiting = Event()

    async def hang(*_: object) -> None:
        waiting.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(ScriptedPolicy, "extend", hang)
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(lab.search, QUESTION)
        assert waiting.wait(10)
        lab.close()
        with pytest.raises((CancelledError, tw.SearchFailed)):
            search.result(timeout=10)


def test_an_answer_cannot_steer_a_terminal(lab: tw.Lab) -> None:
    found = replace(lab.search(QUESTION), answer="\x1b[31m7\x07")
    assert repr(found).startswith(r"answer \x1b[31m7\x07 ")
