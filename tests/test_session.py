"""Sessions at one run: what a failure leaves open, and what the next session asks again."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets import load_dataset
from benchmarks.grading import Grader
from benchmarks.grading_pool import GradingError
from policies.scripted import ScriptedPolicy
from scorers.no_scorer import NoScorerConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.core import Problem, Spent
from search.keys import policy_key
from search.ports import (
    Failure,
    FailureKind,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Flow, Strategy
from search.strategies.beam import Beam
from search.strategies.best_of_n import BestOfN
from search.strategies.majority import Majority
from treewright.arms.metrics import Metrics
from treewright.cluster.gpu_meter import GpuMeter
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.journal.journal import Journal
from treewright.ledger import Ledger
from treewright.running import session
from treewright.running.ending import Ending, ending
from treewright.running.experiment import too_many
from treewright.running.recorded import RecordedRun
from treewright.running.run_folder import RunFolder, Status
from treewright.running.session import Session

CONFIG = """
name: sessions
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
grading: {kind: numeric}
"""
UNAVAILABLE, INTERNAL = FailureKind.UNAVAILABLE, FailureKind.INTERNAL
INVALID, POISON = FailureKind.INVALID, FailureKind.POISON


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    rows = (f'{{"id": "{name}", "problem": "{name}: 1 + 1?", "answer": "2"}}' for name in "ab")
    Path("data.jsonl").write_text("\n".join(rows))
    Path("config.yaml").write_text(CONFIG)
    return load_config(Path("config.yaml"))


@dataclass
class Ports(Policy, Scorer):
    """The scripted ports; a call whose place is in `fails` gets a failure of that kind instead.

    It has cost `cost` all the same.
    """

    config: Any
    fails: dict[str, FailureKind] = field(default_factory=dict)
    cost: Spent = field(default_factory=Spent)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.policy, self.scorer, self.gpus = self, self, GpuMeter()

    def stats(self) -> dict[str, Any]:
        return {}

    def failure(self, key: str) -> Failure | None:
        self.asked.append(key)
        kind = self.fails.get(key)
        return Failure(kind, f"{key}: out", spent=self.cost) if kind else None

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        (call,) = batch
        failure = self.failure(policy_key(call))
        return [failure] if failure else await ScriptedPolicy(self.config.policy).extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        (call,) = batch
        failure = self.failure(f"scorer/{call.path.problem.id}/{call.path.id}")
        return [failure] if failure else await ScriptedScorer(self.config.scorer).judge(batch)


def run(config: Config, ports: Ports | None, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """One session in the current folder. Without ports none may be started."""

    @asynccontextmanager
    async def opened(*_: object) -> AsyncIterator[Ports]:
        assert ports is not None, "nothing is left to be asked"
        yield ports

    monkeypatch.setattr(session, "open_cluster", opened)
    with Journal.open(Path("journal")) as journal:
        dataset = load_dataset(config.dataset)
        return asyncio.run(Session(config, dataset, journal).finish())


def journaled(kind: str) -> list[str]:
    """The lines of one kind."""
    lines = Path("journal/driver.jsonl").read_text().splitlines()
    return [line for line in lines if json.loads(line)["kind"] == kind]


def read(config: Config) -> Ending:
    """What `score` sees."""
    run = RecordedRun(RunFolder(Path()), config, load_dataset(config.dataset))
    return ending(config, run.dataset, asyncio.run(run.read()))


def test_after_an_outage_of_the_verifier_exactly_what_it_did_not_judge_is_asked(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(config, Ports(config), monkeypatch)
    Path("journal").rename("whole")
    out = {"scorer/a/1": UNAVAILABLE, "scorer/a/2": INTERNAL, "scorer/b/0": UNAVAILABLE}
    first = run(config, Ports(config, out), monkeypatch)
    assert (first.status, first.metrics.failures) == (Status.INCOMPLETE, 2)
    assert read(config).metrics == first.metrics
    again = Ports(config, {"scorer/a/1": UNAVAILABLE})
    second = run(config, again, monkeypatch)
    assert sorted(again.asked) == sorted(out)
    assert (second.status, [failed.problem_id for failed in second.failed]) == (
        Status.INCOMPLETE,
        ["a"],
    )
    assert read(config).metrics == second.metrics
    healed = Ports(config)
    third = run(config, healed, monkeypatch)
    assert healed.asked == ["scorer/a/1"]
    assert (third.status, third.metrics) == (Status.COMPLETE, whole.metrics)


COST = Spent(3, 100, 20, 40)


def test_what_was_spent_on_judgements_that_failed_is_in_the_ledger_and_came_to_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, (calls, _, failed) = generated(run(config, Ports(config), monkeypatch))
    Path("journal").rename("whole")
    out = {"scorer/a/1": UNAVAILABLE, "scorer/b/0": INVALID}
    first = run(config, Ports(config, out, COST), monkeypatch)
    refused = json.loads(journaled("failure")[0])["data"]
    assert refused["spent"] == [3, 100, 20, 40, 40]
    assert read(config).metrics == first.metrics
    second = run(config, Ports(config, out, COST), monkeypatch)
    assert read(config).metrics == second.metrics
    _, (_, before, lost), _, (_, after, wasted) = [*generated(first), *generated(second)]
    assert (after - before, wasted - lost) == (40, 40)
    third = run(config, Ports(config), monkeypatch)
    assert third.status is Status.COMPLETE
    assert read(config).metrics == third.metrics
    judged = sum(recorded(problem, "scorer")[1] for problem in "ab")
    # What b was refused is a reply, had once; instead of a judgement of one call.
    total = (calls - 1 + 3 * COST.calls, judged + 2 * 40, failed + 3 * 40)
    assert generated(third) == [policy, total]


def test_what_was_spent_on_a_draw_that_failed_is_in_the_ledger(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = {"policy/a//3/end": UNAVAILABLE}
    free = generated(run(config, Ports(config, out), monkeypatch))
    Path("journal").rename("free")
    ending = run(config, Ports(config, out, COST), monkeypatch)
    (calls, tokens, failed), verifier = free
    assert generated(ending) == [(calls + 3, tokens + 40, failed + 40), verifier]
    assert read(config) == ending


def test_a_failure_for_good_is_noted_once_however_often_its_problem_is_asked(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = {"scorer/a/0": POISON, "scorer/a/1": UNAVAILABLE}
    for _ in range(3):
        ending = run(config, Ports(config, out, COST), monkeypatch)
        assert read(config) == ending
    noted = [json.loads(line)["key"] for line in journaled("failure")]
    assert len(noted) == 4  # of the other each session has one


def test_a_judgement_that_killed_two_actors_is_not_asked_again_with_the_rest(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(
        config, Ports(config, {"scorer/a/0": POISON, "scorer/a/1": UNAVAILABLE}), monkeypatch
    )
    assert [failed.failure.kind for failed in first.failed] == [UNAVAILABLE]
    assert first.status is Status.INCOMPLETE
    again = Ports(config)
    second = run(config, again, monkeypatch)
    assert again.asked == ["scorer/a/1"]
    assert [failed.failure.kind for failed in second.failed] == [POISON]
    assert second.status is Status.COMPLETE
    assert run(config, None, monkeypatch) == second
    assert read(config) == second


@pytest.mark.parametrize("kind", [UNAVAILABLE, INTERNAL])
def test_a_problem_that_the_policy_left_halfway_goes_on_where_it_stopped(
    config: Config, monkeypatch: pytest.MonkeyPatch, kind: FailureKind
) -> None:
    whole = run(config, Ports(config), monkeypatch)
    Path("journal").rename("whole")
    first = run(config, Ports(config, {"policy/a//3/end": kind}), monkeypatch)
    assert [failed.failure.kind for failed in first.failed] == [kind]
    assert first.status is Status.INCOMPLETE
    again = Ports(config)
    second = run(config, again, monkeypatch)
    assert "policy/a//3/end" in again.asked
    assert not any("/b/" in key for key in again.asked)
    assert (second.status, second.metrics) == (Status.COMPLETE, whole.metrics)


def generated(ending: Ending) -> list[tuple[int, int, int]]:
    """The calls, the generated tokens and those that came to nothing, of each side."""
    ledger = ending.metrics.ledger
    return [
        (side.calls, side.generated or 0, side.failed or 0)
        for side in (ledger.policy, ledger.verifier)
    ]


def recorded(problem: str, kind: str) -> tuple[int, int]:
    """The calls and the generated tokens of all replies on a problem in the journal."""
    spent = [
        record["data"]["spent"]
        for record in map(json.loads, journaled(kind))
        if record["key"].split("/")[1] == problem
    ]
    return sum(calls for calls, *_ in spent), sum(tokens for _, _, _, tokens, _ in spent)


def test_what_a_problem_that_failed_had_cost_is_in_the_ledger_and_came_to_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(config, dataset=replace(config.dataset, offset=1))
    alone = generated(run(one, Ports(config), monkeypatch))
    Path("journal").rename("alone")
    waves = replace(config, strategy=BestOfN(n=4, wave=2))
    ending = run(waves, Ports(config, {"policy/a//3/end": POISON}), monkeypatch)
    lost = [recorded("a", kind) for kind in ("policy", "scorer")]
    assert all(calls and tokens for calls, tokens in lost)
    assert generated(ending) == [
        (calls + more, tokens + wasted, failed + wasted)
        for (calls, tokens, failed), (more, wasted) in zip(alone, lost, strict=True)
    ]
    assert read(waves) == ending


def test_what_followed_a_reply_that_failed_and_is_asked_anew_came_to_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beam that was steered without the judgement took another way."""
    beam = replace(config, strategy=Beam(paths=2, children=2))
    whole = generated(run(beam, Ports(config), monkeypatch))
    keys = (json.loads(line)["key"] for line in journaled("policy"))
    kept = next(key for key in keys if key.startswith(("policy/a/0/", "policy/a/1/")))
    Path("journal").rename("whole")
    out = {f"scorer/a/{kept.split('/')[2]}": UNAVAILABLE}
    run(beam, Ports(config, out), monkeypatch)
    ending = run(beam, Ports(config), monkeypatch)
    assert ending.status is Status.COMPLETE
    for kind, side, before in zip(("policy", "scorer"), generated(ending), whole, strict=True):
        paid = [sum(part) for part in zip(*(recorded(p, kind) for p in "ab"), strict=True)]
        assert list(side[:2]) == paid
        assert side[1] - before[1] == side[2] - before[2] > 0


@pytest.mark.parametrize("kind", [INVALID, POISON])
def test_a_problem_that_failed_for_good_is_not_asked_again(
    config: Config, monkeypatch: pytest.MonkeyPatch, kind: FailureKind
) -> None:
    first = run(config, Ports(config, {"policy/a//3/end": kind}), monkeypatch)
    assert [failed.failure.kind for failed in first.failed] == [kind]
    assert first.status is Status.COMPLETE
    assert run(config, None, monkeypatch) == first


def test_a_grade_of_other_settings_is_made_again_and_no_reply_is_asked(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(config, Ports(config), monkeypatch)
    strict = replace(config, grading=replace(config.grading, max_answer_chars=1, cues=False))
    lenient = run(strict, None, monkeypatch)
    assert lenient.metrics.ledger == before.metrics.ledger
    numbers = [json.loads(line)["key"] for line in journaled("grade")]
    assert sorted(numbers) == ["a", "a", "b", "b"]
    assert run(strict, None, monkeypatch) == lenient
    assert len(list(journaled("grade"))) == 4


def test_a_grader_that_does_not_start_ends_the_session_and_costs_no_reply(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise GradingError("no worker")

    ports = Ports(config)
    with monkeypatch.context() as patch:
        patch.setattr(Grader, "grade", broken)
        with pytest.raises(GradingError, match="no worker"):
            run(config, ports, monkeypatch)
    again = Ports(config)
    ended = run(config, again, monkeypatch)
    assert (ended.status, ended.failed) == (Status.COMPLETE, [])
    assert len(again.asked) < len(ports.asked)


@pytest.mark.parametrize(
    ("strategy", "started"), [(BestOfN(n=1), ScriptedScorerConfig), (Majority(n=1), NoScorerConfig)]
)
def test_a_verifier_that_is_never_asked_is_not_started(
    config: Config, monkeypatch: pytest.MonkeyPatch, strategy: Strategy, started: type
) -> None:
    scorers = []

    @asynccontextmanager
    async def opened(_: object, __: object, scorer: object, *___: object) -> AsyncIterator[Ports]:
        scorers.append(scorer)
        yield Ports(config)

    monkeypatch.setattr(session, "open_cluster", opened)
    chosen = replace(config, strategy=strategy)
    with Journal.open(Path("journal")) as journal:
        asyncio.run(Session(chosen, load_dataset(config.dataset), journal).finish())
    assert [type(scorer) for scorer in scorers] == [started]


@dataclass(frozen=True)
class Faulty(BestOfN):
    """A strategy with a bug that shows after its last question, on one problem."""

    def __call__(self, problem: Problem) -> Flow:
        result = yield from super().__call__(problem)
        if problem.id == "a":
            raise ZeroDivisionError("a bug in the strategy")
        return result


def test_a_strategy_that_raises_costs_its_problem_and_no_later_session(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = replace(config, strategy=Faulty(n=2))
    first = run(faulty, Ports(config), monkeypatch)
    assert ("a", INTERNAL) in [(failed.problem_id, failed.failure.kind) for failed in first.failed]
    assert first.status is Status.INCOMPLETE
    for later in (run(faulty, None, monkeypatch), read(faulty)):
        assert "a bug in the strategy" in later.failed[0].failure.message
        assert (later.status, later.metrics) == (first.status, first.metrics)


@pytest.mark.parametrize(
    ("limit", "exceeded"), [(0.29, False), (0.28, True), (29, False), (28, True)]
)
def test_as_many_failures_as_are_allowed_are_not_too_many(limit: float, exceeded: bool) -> None:
    """Of 100 problems 29 failed; 0.29 x 100 is 28.999999999999996."""
    ending = Ending(Metrics(100, 29, (), Ledger.of([])), [], 0)
    assert too_many(ending, limit) is exceeded
