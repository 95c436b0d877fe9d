"""What is kept of replies: token ids, the places of a journal's records, and scored searches."""

from __future__ import annotations

import asyncio
import json
import pickle
import tracemalloc
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.datasets import Sample
from benchmarks.grading import GradingConfig, open_grader
from benchmarks.speed import controller, memory
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.core import Prefix, Problem, Spent, Step, StopReason
from search.keys import policy_digest, policy_key
from search.ports import PolicyCall, PolicyReply, ReplayError
from search.questions import Flow, Strategy, Until
from search.strategies.best_of_n import BestOfN
from treewright.arms.solved import Solved
from treewright.journal import reply_places
from treewright.journal.journal import Journal
from treewright.journal.records import seal, unseal
from treewright.running.controller import Controller, Failed, Grading
from treewright.running.memory import JournalMemory

# Token ids


def step(ids: Any) -> Step:
    return Step("so", ids, StopReason.STEP_END)


def test_token_ids_are_the_tuple_that_was_given_wherever_they_are_looked_at() -> None:
    ids = (0, 151_643, 2**32 - 1)
    kept = step(ids)
    assert kept.token_ids == ids
    assert kept == pickle.loads(pickle.dumps(kept)) == step(ids) != step((0,))
    assert hash(kept) == hash(step(ids))
    assert repr(
        kept
    ) == f"Step(text='so', token_ids={ids}, stop=<StopReason.STEP_END: 'step_end'>, " + (
        "logprob=None, sureness=())"
    )


@pytest.mark.parametrize("ids", [(), (True,), (-1,), (2**32,), (1.0,), [1], None, ("1",)])
def test_what_are_no_token_ids_is_kept_as_it_is_to_be_told(ids: Any) -> None:
    assert step(ids).token_ids is ids


def test_a_token_id_takes_four_bytes() -> None:
    steps, tokens = 50, 2000
    given = [tuple(range(1000, 1000 + tokens)) for _ in range(steps)]
    tracemalloc.start()
    kept = [step(ids) for ids in given]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 4.5 * tokens * len(kept)


# The journal


def call(problem: int, child: int, seed: int = 0) -> PolicyCall:
    return PolicyCall(Prefix.start(Problem(f"p {problem}/é", "?")), child, Until.STEP, seed)


def reply(asked: PolicyCall) -> PolicyReply:
    told = Step(f"{asked.child}", (asked.child,), StopReason.STEP_END)
    return PolicyReply(asked.path.grow(asked.child, [told]), Spent(1, 2, 0, asked.child))


def recalled(journal: Journal, asked: PolicyCall) -> object:
    return journal.recall(policy_key(asked), policy_digest(asked), asked)


def journal_of(folder: Path, calls: list[PolicyCall]) -> Path:
    """A journal that holds the replies to these calls."""

    async def fill() -> None:
        with Journal.open(folder, durable=False) as journal:
            for each in calls:
                assert recalled(journal, each) is None
                await journal.record(policy_key(each), policy_digest(each), reply(each))
                assert recalled(journal, each) == reply(each)

    asyncio.run(fill())
    return folder


def test_the_replies_of_many_problems_in_turn_are_found_however_few_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_places, "HELD", 3)
    calls = [call(problem, child) for child in range(3) for problem in range(4)]
    folder = journal_of(tmp_path / "journal", calls)
    with Journal.open(folder, readonly=True) as journal:
        for each in calls:
            assert recalled(journal, each) == reply(each)
            journal.let_go(each.path.problem.id)
        assert recalled(journal, call(1, 7)) is None
        with pytest.raises(ReplayError):
            recalled(journal, call(1, 2, seed=1))
        spent = journal.spent_on({"p 2/é", "p 3/é"})
        assert (spent.policy.calls, spent.policy.generated) == (6, 6)
        assert journal.counts.duplicates == 0


def test_an_open_journal_takes_less_than_100_bytes_per_reply(tmp_path: Path) -> None:
    line = [call(problem, child) for problem in range(20) for child in range(40)]
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal/driver.jsonl").write_bytes(
        b"".join(
            seal("policy", policy_key(each), {"known": 0, "steps": [], "spent": []}, f"{at:024x}")
            for at, each in enumerate(line)
        )
    )
    tracemalloc.start()
    with Journal.open(tmp_path / "journal", readonly=True) as journal:
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert journal.counts.records == len(line)
        assert used < 100 * len(line)


def test_a_session_holds_no_keys_of_searches_that_ended_well_or_not(tmp_path: Path) -> None:
    ended: list[Solved | Failed] = []

    def strategy(problem: Problem) -> Flow:
        flow = BestOfN(n=3)(problem)
        return ends_badly(flow) if problem.id == "2" else flow

    async def go() -> None:
        grading = GradingConfig(kind="numeric")
        with Journal.open(tmp_path / "journal", durable=False) as journal:
            async with open_grader(grading) as grader:
                controller = Controller(
                    strategy=cast(Strategy, strategy),
                    policy=ScriptedPolicy(ScriptedPolicyConfig()),
                    scorer=ScriptedScorer(ScriptedScorerConfig()),
                    memory=JournalMemory(journal, lambda spent: None),
                    journal=journal,
                    grading=Grading(grading, grader, journal),
                    seed=0,
                    on_done=ended.append,
                )
                samples = [Sample(Problem(str(n), f"What is {n} + 7?"), "2", {}) for n in range(4)]
                await controller.search_all(samples, in_flight=2, stop=asyncio.Event())
            assert journal.counts.records > 4 * 3
            assert not journal._index._replies._held

    asyncio.run(go())
    assert sorted(type(each).__name__ for each in ended) == ["Failed", "Solved", "Solved", "Solved"]


def ends_badly(flow: Flow) -> Flow:
    reply = yield next(flow)
    flow.send(reply)
    raise ZeroDivisionError


def test_grades_stay_on_disk_and_the_last_one_counts(tmp_path: Path) -> None:
    def grade(answer: str) -> dict[str, Any]:
        return {"grading": "g", "answers": [answer], "groups": [0], "outcomes": ["correct"]}

    async def go() -> None:
        with Journal.open(tmp_path / "journal", durable=False) as journal:
            assert not journal.latest("grade")
            for problem, answer in (("a", "1"), ("b", "2"), ("a", "3")):
                await journal.append("grade", problem, grade(answer))
            assert journal.latest("grade") == {"a": grade("3"), "b": grade("2")}
            assert journal.latest("grade").get("c") is None

    asyncio.run(go())


@pytest.mark.parametrize("key", ["policy/p//0/end", 'a "b" \\', "é \n \ud800", ""])
@pytest.mark.parametrize("digest", [None, "0a", "no hex", 'q"'])
def test_a_record_is_read_as_json_reads_it_whatever_its_key(key: str, digest: str | None) -> None:
    line = seal("policy", key, {"known": 1}, digest)
    told = json.loads(line)
    record = unseal(line)
    assert (record.kind, record.key, record.digest) == ("policy", key, digest)
    assert (told["key"], told.get("digest"), told["data"]) == (key, digest, record.data)


# The benchmarks


def test_the_controller_benchmark_counts_every_reply_with_each_of_its_parts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "STRATEGIES", {"best_of_n": controller.STRATEGIES["best_of_n"]})
    assert controller.main(["--json", "--replies", "1", "--at-once", "1", "2"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    parts = ["driver", "journal", "pools"]
    assert [(row["at_once"], row["parts"]) for row in rows] == list(product([1, 2], parts))
    assert {row["questions"] for row in rows} == {2 * 32}


def test_what_is_kept_of_a_search_that_ended_is_a_small_part_of_what_it_held() -> None:
    row = asyncio.run(memory.kept("best_of_n", 1))
    assert 4 < row.bytes_per_token < 6
    assert row.ended < row.under_way / 4
    assert row.ended < 600
