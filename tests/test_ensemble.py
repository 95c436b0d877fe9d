"""The scorers `ensemble` and `cascade`: how several scorers make one judgement, worked by hand."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engines.openai_config import OpenAiConfig
from engines.token_price import TokenPrice
from scorers.cascade import Cascade, CascadeConfig
from scorers.confidence import ConfidenceConfig
from scorers.ensemble import Ensemble, EnsembleConfig, build
from scorers.members import Calibration, Member, remade
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
)
from search.ports import Failure, FailureKind, Scorer, ScorerCall, ScorerReply
from treewright.arms.tariff import priced, shared
from treewright.config.fingerprint import identity_of
from written_configs import BASE, loader, refused

PATH = Prefix(Problem("p", "?"), tuple(Step(t, (1,), StopReason.STEP_END) for t in "ab"), (0,))
TWO: tuple[Member, Member] = (remade("scripted", {}), remade("scripted", {}))


class Says(Scorer):
    """A scorer that says this of everything."""

    def __init__(
        self,
        *said: float | None,
        fails: bool = False,
        outcome: bool = False,
        kind: FailureKind = FailureKind.UNAVAILABLE,
    ) -> None:
        self.said, self.fails, self.outcome, self.kind = said, fails, outcome, kind
        self.seeds: list[int] = []

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        self.seeds += [call.seed for call in batch]
        return [self._reply() for _ in batch]

    def _reply(self) -> ScorerReply | Failure:
        if self.fails:
            return Failure(self.kind, "it is ill", spent=Spent(1, 3, 0, 1))
        *steps, prefix = self.said
        spent = Spent(1, 10, 0, 5)
        if prefix is None:
            return ScorerReply(Judgement.missing("unread"), spent)
        verdicts = tuple(
            StepVerdict(p, VerdictStatus.MISSING if p is None else VerdictStatus.READ, "hm")
            for p in steps
        )
        return ScorerReply(Judgement(() if self.outcome else verdicts, prefix, 1), spent)


def asked(port: Scorer) -> ScorerReply | Failure:
    (reply,) = asyncio.run(port.judge([ScorerCall(PATH, 7)]))
    return reply


def together(*says: Says, **keys: Any) -> ScorerReply:
    reply = asked(Ensemble(EnsembleConfig(TWO, **keys), says))
    assert isinstance(reply, ScorerReply), reply
    return reply


def numbers(reply: ScorerReply) -> list[float | None]:
    return [verdict.probability for verdict in reply.judgement.verdicts]


SAMPLES = ((0.1, 0.2, 0.2, 0.9), (0.5,))


@pytest.mark.parametrize(
    ("keys", "steps", "prefix"),
    [
        ({}, [0.5, 0.5], 0.4),
        ({"weights": (3.0, 1.0)}, [0.35, 0.65], 0.3),
        ({"combine": "vote"}, [0.5, 0.5], 0.5),
        ({"combine": "vote", "threshold": 0.2}, [1.0, 1.0], 1.0),
        # Of the first sample 0.2 is above one and equal to two, 0.8 above three; all of the second.
        ({"combine": "rank", "quantiles": SAMPLES}, [0.75, 0.375], 0.75),
    ],
)
def test_what_two_members_say_together(
    keys: dict[str, Any], steps: list[float], prefix: float
) -> None:
    first, second = Says(0.2, 0.8, 0.2), Says(0.8, 0.2, 0.6)
    reply = together(first, second, **keys)
    assert numbers(reply) == pytest.approx(steps)
    assert reply.judgement.prefix == pytest.approx(prefix)
    assert reply.spent == Spent(2, 20, 0, 10)
    assert first.seeds != second.seeds, "each member has a seed of its own"


def test_a_calibration_moves_log_odds() -> None:
    assert Calibration(scale=2.0)(0.75) == pytest.approx(0.9)  # odds 3, squared
    assert Calibration(shift=-20.0)(0.999) < 1e-5
    assert (Calibration(scale=3.0)(0.0), Calibration()(0.3)) == (0.0, 0.3)
    sharp = (Calibration(scale=2.0), Calibration())
    assert together(
        Says(0.75, 0.5, 0.75), Says(0.1, 0.5, 0.1), calibration=sharp
    ).judgement.prefix == (pytest.approx(0.5))


def test_a_member_without_a_judgement_leaves_none_or_is_left_out() -> None:
    lost = together(Says(0.2, 0.8, 0.2), Says(None))
    assert lost.judgement.prefix == Missing("unread")
    assert lost.spent.failed == lost.spent.generated == 10
    for silent in (Says(None), Says(fails=True)):
        assert together(Says(0.2, 0.8, 0.2), silent, missing="skip").judgement.prefix == 0.2
    for ill, rule in ((Says(0.2, 0.8, 0.2), "fail"), (Says(fails=True), "skip")):
        failed = asked(Ensemble(EnsembleConfig(TWO, missing=rule), (ill, Says(fails=True))))  # type: ignore[arg-type]
        assert isinstance(failed, Failure)
        others = 10 if rule == "fail" else 3
        assert failed.spent.prompt == 3 + others
        assert failed.spent.failed == failed.spent.generated
    part = together(Says(0.2, 0.8, 0.2), Says(fails=True), missing="skip")
    assert part.spent == Spent(2, 13, 0, 6)


def test_a_member_that_knows_the_whole_only_counts_for_it_alone() -> None:
    reply = together(Says(0.2, None, 0.2), Says(0.9, 0.9, 0.6, outcome=True))
    assert numbers(reply) == [0.2, None]
    assert reply.judgement.prefix == pytest.approx(0.4)


@pytest.mark.parametrize(("missing", "kind"), [("fail", "INVALID"), ("skip", "UNAVAILABLE")])
def test_of_several_failures_the_one_that_decides_is_told(missing: str, kind: str) -> None:
    ill, wrong = Says(fails=True), Says(fails=True, kind=FailureKind.INVALID)
    for says in ((ill, wrong), (wrong, ill)):
        reply = asked(Ensemble(EnsembleConfig(TWO, missing=missing), says))  # type: ignore[arg-type]
        assert isinstance(reply, Failure)
        assert reply.kind is FailureKind[kind]


def test_tokens_of_several_members_with_prices_of_their_own_have_no_price_together() -> None:
    engine = OpenAiConfig(price=TokenPrice(1.0))
    judge = remade("judge", {"model": "m", "engine": engine})
    server = remade("http", {"url": "http://prm/judge"})
    assert [shared(EnsembleConfig((judge, each)).traits) for each in (server, TWO[0])] == [
        True,
        False,
    ]
    assert priced(EnsembleConfig((TWO[0], judge)).traits) == engine.price


# --- A cascade ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "asks"),
    [(0.05, False), (0.1, True), (0.5, True), (0.9, True), (0.95, False), (None, True)],
)
def test_the_second_is_asked_about_what_the_first_leaves_open(
    said: float | None, asks: bool
) -> None:
    first, then = Says(0.3, 0.4, said), Says(0.7, 0.7, 0.7)
    reply = asked(Cascade(CascadeConfig(*TWO), (first, then)))
    assert isinstance(reply, ScorerReply)
    assert reply.judgement.prefix == (0.7 if asks else said)
    assert (len(then.seeds), reply.spent.calls) == ((1, 2) if asks else (0, 1))


def test_the_first_is_brought_onto_the_scale_of_the_second() -> None:
    config = CascadeConfig(*TWO, calibration=Calibration(scale=2.0))
    reply = asked(Cascade(config, (Says(0.75, 0.5, 0.8), Says(0.7, 0.7, 0.7))))
    assert isinstance(reply, ScorerReply)
    assert numbers(reply) == pytest.approx([0.9, 0.5])
    assert reply.judgement.prefix == pytest.approx(16 / 17)


def test_a_first_that_fails_leaves_it_to_the_second_and_a_second_that_fails_fails() -> None:
    well = asked(Cascade(CascadeConfig(*TWO), (Says(fails=True), Says(0.7, 0.7, 0.7))))
    assert isinstance(well, ScorerReply)
    ill = asked(Cascade(CascadeConfig(*TWO), (Says(0.5, 0.5, 0.5), Says(fails=True))))
    assert isinstance(ill, Failure)
    # Whoever failed has spent 3 and 1 tokens, whoever judged 10 and 5.
    assert well.spent == Spent(2, 13, 0, 6)
    assert ill.spent == Spent(2, 13, 0, 6, failed=6)


# --- The config -----------------------------------------------------------------------------------

MEMBERS = BASE.replace(
    "scorer: {kind: scripted}",
    "scorer:\n  kind: ensemble\n  members:\n    - {kind: scripted, skill: 0.7}\n"
    "    - {kind: confidence, over: mean}",
).replace("policy: {kind: scripted}", "policy: {kind: scripted, confidence: 20}")


def test_members_are_said_by_their_kinds_with_their_own_keys(tmp_path: Path) -> None:
    load = loader(tmp_path)
    config = load(MEMBERS)
    first, second = config.scorer.members
    assert (first.kind, first.skill) == ("scripted", 0.7)
    assert isinstance(second, ConfidenceConfig)
    assert pickle.loads(pickle.dumps(config.scorer)) == config.scorer
    before, now = (
        identity_of(each, "") for each in (config, load(MEMBERS, "scorer.members.0.skill=0.8"))
    )
    assert {key for key in now if now[key] != before.get(key)} == {"scorer.members[0].skill"}
    ports = asyncio.run(build(config.scorer)).ports
    assert [type(port).__name__ for port in ports] == ["ScriptedScorer", "ConfidenceScorer"]


ENGINES = [
    "scorer.members.0={kind: thinkprm, model: a/b}",
    "scorer.members.1={kind: prm, family: rlhflow, model: a/b}",
]


SERVED = [ENGINES[0], "scorer.members.1={kind: judge, model: m, engine: {kind: openai}}"]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["scorer.members.0={kind: scripte}"], "scorer.members[0].kind: scripte: no such scorer"),
        (["scorer.members.0={skill: 0.5}"], "scorer.members[0].kind: missing"),
        (["scorer.members.1.grup=4"], "scorer.members[1].grup: no such key; did you mean group?"),
        (["scorer.members.0.skill=7"], "scorer.members[0].skill"),
        (["scorer.members.0={kind: none}"], "must be a scorer that judges by itself"),
        (["scorer.members.0.cache=shared"], "scorer.cache keeps what all say"),
        (["scorer.weights=[1]"], "must be 2, one for each member"),
        (["scorer.combine=rank"], "given with combine: rank"),
        (["scorer.members=[{kind: scripted}]"], "two scorers or more"),
        (["policy.confidence=0"], "policy scripted records none"),
        (ENGINES, "have an engine each, and one process runs one"),
        (SERVED, "scorer.members[1].engine.kind: openai: cannot give logprobs, seeds, token_ids"),
    ],
)
def test_members_that_cannot_be_are_refused_in_one_line(
    tmp_path: Path, overrides: list[str], told: str
) -> None:
    assert told in str(refused(loader(tmp_path), MEMBERS, *overrides))
