"""What a port may reply: all else is a `Failure` of that call, in one line, and never a record."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from own_parts import Tell, own_folder, teller
from search.calls import SearchFailed
from search.core import (
    Judgement,
    Missing,
    Prefix,
    Problem,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
    is_probability,
)
from search.driver import Searched, drive
from search.memory import DictMemory
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
from search.questions import Until
from search.replies import MOST, policy_reply, reply_to, scorer_reply
from search.strategies.best_of_n import BestOfN
from treewright.cluster.replica import PortHost

PROBLEM = Problem("p", "1 + 1?")
BEFORE = Step("a\n", (1, 2), StopReason.STEP_END)
NEW = Step("b", (3,), StopReason.EOS, -0.5)
PREFIX = Prefix.start(PROBLEM).grow(0, [BEFORE])
CHILD = PREFIX.grow(1, [NEW])
CALL = PolicyCall(PREFIX, 1, Until.END, 7)
JUDGE = ScorerCall(CHILD, 7)
VERDICT = StepVerdict(0.5, VerdictStatus.READ)
JUDGEMENT = Judgement((VERDICT, VERDICT), 0.5, 1)


def forged(made: Any, **fields: Any) -> Any:
    """A copy with fields that its own checks would refuse, as unpickling makes one."""
    copy = object.__new__(type(made))
    for name in made.__slots__:
        object.__setattr__(copy, name, fields.get(name, getattr(made, name)))
    return copy


def grown(**fields: Any) -> Any:
    return [PolicyReply(PREFIX.grow(1, [replace(NEW, **fields)]), Spent())]


def costs(**spent: Any) -> Any:
    return [PolicyReply(CHILD, Spent(**spent))]


def judged(**fields: Any) -> Any:
    return [ScorerReply(forged(JUDGEMENT, **fields), Spent())]


def verdict(**fields: Any) -> Any:
    return judged(verdicts=(VERDICT, forged(VERDICT, **fields)))


WHOLE = "must be a whole number (int) from 0 to 2^40"
CHANCE = "must be a probability, a number from 0 to 1"
BAD_DRAWS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "None (NoneType) must be a list of replies"),
    "no reply": ([], "0 replies to 1 call"),
    "two replies": (costs() * 2, "2 replies to 1 call"),
    "a path": ([CHILD], "(Prefix) must be of type PolicyReply"),
    "a judgement": (judged(), "(ScorerReply) must be of type PolicyReply"),
    "a failure of no kind": ([Failure("bad", "x")], "a failure's kind: 'bad' (str)"),  # type: ignore[arg-type]  # as a custom part may
    "no path": ([PolicyReply(None, Spent())], "path: None (NoneType)"),  # type: ignore[arg-type]
    "another problem's": (
        [PolicyReply(replace(CHILD, problem=Problem("q", "?")), Spent())],
        "path is of another problem: Problem(id='q'",
    ),
    "no new step": ([PolicyReply(PREFIX, Spent())], "path does not continue the one"),
    "other first steps": (
        [PolicyReply(Prefix(PROBLEM, (NEW, NEW)), Spent())],
        "path does not continue the one",
    ),
    "a text for a step": ([PolicyReply(PREFIX.grow(1, ["b"]), Spent())], "step 2: 'b' (str)"),  # type: ignore[list-item]
    "bytes for a text": (grown(text=b"b"), "step 2: text: b'b' (bytes) must be of type str"),
    "a stop in words": (grown(stop="eos"), "step 2: stop: 'eos' (str)"),
    "steps after the end": (
        [PolicyReply(PREFIX.grow(1, [NEW, BEFORE]), Spent())],
        "step 2: stop eos is the end, and more steps follow",
    ),
    "ids in a list": (grown(token_ids=[3]), "step 2: token_ids: [3] (list)"),
    "half an id": (grown(token_ids=(1, 0.5)), f"step 2: token id: 0.5 (float) {WHOLE}"),
    "an id below 0": (grown(token_ids=(1, -3)), f"step 2: token id: -3 (int) {WHOLE}"),
    "true for an id": (grown(token_ids=(True,)), f"step 2: token id: True (bool) {WHOLE}"),
    "a huge id": (grown(token_ids=(MOST + 1,)), f"1099511627777 (int) {WHOLE}"),
    "a logprob above 0": (grown(logprob=0.2), "step 2: logprob 0.2 (float) must be a finite"),
    "a logprob of nothing": (grown(logprob=-math.inf), "step 2: logprob -inf (float)"),
    "a logprob that is none": (grown(logprob=math.nan), "step 2: logprob nan (float)"),
    "a logprob in words": (grown(logprob="-1"), "step 2: logprob '-1' (str)"),
    "a cost below 0": (costs(generated=-5), f"spent.generated: -5 (int) {WHOLE}"),
    "half a token": (costs(prompt=2.5), f"spent.prompt: 2.5 (float) {WHOLE}"),
    "true for a count": (costs(calls=True), f"spent.calls: True (bool) {WHOLE}"),
    "a cost that is no number": (costs(prompt=math.nan), f"spent.prompt: nan (float) {WHOLE}"),
    "an absurd cost": (costs(generated=10**30), f"{WHOLE} (problem p, path 0)"),
    "more cached than prompted": (
        costs(prompt=2, cached=3),
        "spent.cached: 3 is a part of prompt, which is 2",
    ),
    "more failed than generated": (costs(failed=1), "spent.failed: 1 is a part of generated"),
    "costs in a dict": ([PolicyReply(CHILD, {"calls": 1})], "spent: {'calls': 1} (dict)"),  # type: ignore[arg-type]
}
BAD_JUDGEMENTS: dict[str, tuple[Any, str]] = {
    "no reply": ((), "0 replies to 1 call"),
    "a draw": (costs(), "(PolicyReply) must be of type ScorerReply"),
    "a number": ([ScorerReply(0.5, Spent())], "judgement: 0.5 (float)"),  # type: ignore[arg-type]
    "too few verdicts": (judged(verdicts=(VERDICT,)), "1 verdicts for 2 steps"),
    "verdicts in a list": (judged(verdicts=[VERDICT] * 2), "(list) must be of type tuple"),
    "a number for a verdict": (judged(verdicts=(0.5, 0.5)), "verdict 1: 0.5 (float)"),
    "above 1": (verdict(probability=1.5), f"verdict 2: 1.5 (float) {CHANCE}"),
    "below 0": (verdict(probability=-0.1), f"verdict 2: -0.1 (float) {CHANCE}"),
    "no number": (verdict(probability=math.nan), f"verdict 2: nan (float) {CHANCE}"),
    "in words": (verdict(probability="0.5"), f"verdict 2: '0.5' (str) {CHANCE}"),
    "true": (verdict(probability=True), f"verdict 2: True (bool) {CHANCE}"),
    "read, but not there": (verdict(probability=None), "verdict 2: read with None (NoneType)"),
    "a status in words": (verdict(status="read"), "verdict 2: status: 'read' (str)"),
    "no critique": (verdict(critique=None), "verdict 2: critique: None (NoneType)"),
    "a prefix above 1": (judged(prefix=7.0), f"prefix: 7.0 (float) {CHANCE}"),
    "a prefix that is no number": (judged(prefix=math.nan), f"prefix: nan (float) {CHANCE}"),
    "no prefix": (judged(prefix=None), f"prefix: None (NoneType) {CHANCE}"),
    "missing for no reason": (judged(prefix=Missing(5)), "why prefix is missing: 5 (int)"),  # type: ignore[arg-type]
    "chains below 0": (judged(chains=-1), f"chains: -1 (int) {WHOLE}"),
    "a cost below 0": (
        [ScorerReply(JUDGEMENT, Spent(prompt=-1))],
        f"spent.prompt: -1 (int) {WHOLE}",
    ),
}


class Says(Policy, Scorer):
    """A port that gives the same batch of replies to every call."""

    def __init__(self, replies: Any) -> None:
        self.replies = replies

    async def extend(self, batch: Sequence[PolicyCall]) -> Any:
        return self.replies

    async def judge(self, batch: Sequence[ScorerCall]) -> Any:
        return self.replies


class Draws(Policy):
    """A policy in order: one finished step."""

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        return [PolicyReply(call.path.grow(call.child, [BEFORE, NEW]), Spent()) for call in batch]


def searched(policy: Any, scorer: Any, memory: DictMemory) -> Searched:
    return asyncio.run(drive(BestOfN(n=1)(PROBLEM), policy, scorer, memory, 0))


@pytest.mark.parametrize("case", BAD_DRAWS)
def test_a_draw_that_cannot_be_is_a_failure_that_names_the_policy_and_the_value(case: str) -> None:
    replies, told = BAD_DRAWS[case]
    failure = policy_reply(CALL, replies)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.INTERNAL
    assert failure.message.startswith("the policy's reply cannot be used: ")
    assert told in failure.message
    assert failure.message.endswith("(problem p, path 0)")
    assert "\n" not in failure.message


@pytest.mark.parametrize("case", ["a cost below 0", "no reply", "half an id", "a text for a step"])
def test_such_a_draw_fails_the_search_and_is_never_a_record(case: str) -> None:
    memory = DictMemory()
    with pytest.raises(SearchFailed, match="the policy's reply cannot be used"):
        searched(Says(BAD_DRAWS[case][0]), Says(None), memory)
    assert not memory.replies


@pytest.mark.parametrize("case", BAD_JUDGEMENTS)
def test_a_judgement_that_cannot_be_is_missing_and_names_the_scorer_and_the_value(
    case: str,
) -> None:
    replies, told = BAD_JUDGEMENTS[case]
    failure = scorer_reply(JUDGE, replies)
    assert isinstance(failure, Failure)
    assert failure.message.startswith("the scorer's reply cannot be used: ")
    assert told in failure.message
    memory = DictMemory()
    (candidate,) = searched(Draws(), Says(replies), memory).result.candidates
    assert isinstance(candidate.history[0], Missing)
    assert candidate.history[0].transient
    ((key, noted),) = memory.failures
    assert key.startswith("scorer/")
    assert told in noted.message
    assert not any(key.startswith("scorer/") for key in memory.replies)


def test_replies_in_order_pass_as_they_are_and_a_failure_of_the_port_s_own_does() -> None:
    drawn = [PolicyReply(CHILD, Spent(1, 10, 4, MOST, 0))]
    assert policy_reply(CALL, drawn) == drawn[0]
    assert scorer_reply(JUDGE, judged()) == judged()[0]
    certain = Judgement(
        (StepVerdict(1, VerdictStatus.READ), StepVerdict(None, VerdictStatus.MISSING)), 0
    )
    for judgement in (certain, Judgement((), 0.25), Judgement.missing("unreadable")):
        reply = ScorerReply(judgement, Spent())
        assert scorer_reply(JUDGE, (reply,)) == reply
    rounded = [PolicyReply(PREFIX.grow(1, [replace(NEW, logprob=1e-7)]), Spent())]
    assert policy_reply(CALL, rounded) == rounded[0]
    down = Failure(FailureKind.UNAVAILABLE, "no replica is left")
    assert reply_to(CALL, [down]) is reply_to(JUDGE, [down]) is down


def test_a_reply_stands_in_the_place_that_was_asked_for() -> None:
    reply = policy_reply(CALL, [PolicyReply(Prefix(PROBLEM, (BEFORE, NEW), (9, 9)), Spent())])
    assert isinstance(reply, PolicyReply)
    assert reply.path == CHILD
    assert reply.path.steps[0] is PREFIX.steps[0]


def test_what_refuses_to_be_shown_is_told_by_its_type() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError

    failure = policy_reply(CALL, [Shy()])
    assert isinstance(failure, Failure)
    assert "a reply: something (Shy) must be of type PolicyReply" in failure.message


class Odd(list[Any]):
    """Raises when it is looked at."""

    def __len__(self) -> int:
        raise RuntimeError("no\nlength")


@pytest.mark.parametrize("call", [CALL, JUDGE], ids=["policy", "scorer"])
def test_a_reply_that_refuses_to_be_looked_at_is_a_failure(call: PolicyCall | ScorerCall) -> None:
    failure = reply_to(call, Odd())
    assert isinstance(failure, Failure)
    assert "it cannot be checked: RuntimeError(" in failure.message
    assert "\n" not in failure.message


@pytest.mark.parametrize("case", BAD_DRAWS)
def test_an_actor_sends_no_reply_that_cannot_be(case: str) -> None:
    """What an actor hosts is a `PortHost`: only what is understood travels."""

    async def work() -> None:
        host = PortHost(Says(BAD_DRAWS[case][0]))
        host.submit([(1, CALL)])
        ((number, outcome),) = await host.poll(5.0)
        assert number == 1
        assert outcome == policy_reply(CALL, BAD_DRAWS[case][0])

    asyncio.run(work())


@pytest.mark.parametrize(
    "value", [-0.1, 1.1, math.nan, math.inf, True, "0.5", None, SimpleNamespace()]
)
def test_a_probability_is_a_number_from_0_to_1(value: Any) -> None:
    assert not is_probability(value)
    with pytest.raises(ValueError, match="is not a probability: expected a number from 0 to 1"):
        Judgement((), value)


OWN = """
from dataclasses import dataclass
from search.core import Judgement, Spent
from search.ports import ScorerReply

@dataclass(frozen=True)
class Settings:
    pass

class Scorer:
    async def judge(self, batch):
        bad = batch[0].path.problem.id == "odd"
        return [ScorerReply(Judgement((), 0.5), Spent(generated=-5 if bad else 5))]

async def build(settings):
    return Scorer()
"""


@pytest.fixture
def tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Tell]:
    """Commands in the folder of this test."""
    with own_folder(tmp_path, monkeypatch):
        yield teller(capsys)


def test_a_run_with_a_scorer_that_gives_back_tokens_says_so_and_counts_none_of_them(
    tell: Tell,
) -> None:
    Path("back_own.py").write_text(OWN)
    code, out, err = tell(
        "run", "own.yaml", "scorer.kind=back_own:Settings", "aggregate=[history.last]", "--json"
    )
    told = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert code == 3
    assert told
    assert all(
        "the scorer's reply cannot be used: spent.generated: -5 (int)" in line for line in told
    )
    assert "internal error" not in err
    assert json.loads(out)["ledger"]["verifier"]["generated"] == 10
