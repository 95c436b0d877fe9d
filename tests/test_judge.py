"""The scorers `judge` and `orm`: what they are shown, how they are read, what goes wrong."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import EngineError, Request
from engines.scripted_engine import ScriptedEngine
from engines.scripted_scoring import ScriptedScoring
from engines.tokenizer import TokenizerError
from scorers.judge import Judge, JudgePrompt, fill
from scorers.judge_config import JudgeConfig
from scorers.orm import Orm, OrmConfig
from scorers.prm_families import UnfitModel
from search.core import Missing, Origin, Prefix, Problem, Spent, Step, StopReason
from search.findings import Health
from search.ports import Earlier, Failure, Scorer, ScorerCall, ScorerReply

BYTES = ByteTokenizer()
CRITIQUE = "It adds up."


def path_of(*texts: str, finished: bool = True) -> Prefix:
    stops = [StopReason.STEP_END] * len(texts)
    stops[-1] = StopReason.EOS if finished else StopReason.STEP_END
    steps = [Step(text, (1,), stop) for text, stop in zip(texts, stops, strict=True)]
    return Prefix(Problem("p", "What is 3 + 4?"), tuple(steps), (0,))


TWO = path_of("Add {step}.\n\n", "It is 7.")


def judge_of(good: float, bad: float, **keys: object) -> tuple[Judge, ScriptedEngine]:
    """One that writes the critique and gives its verdicts these probabilities."""

    def says(request: Request) -> Sequence[int]:
        return (*BYTES.encode(CRITIQUE), END)

    def odds(request: Request, said: tuple[int, ...]) -> dict[int, float]:
        return {ord("Y"): math.log(good), ord("N"): math.log(bad), ord("x"): math.log(0.1)}

    config = JudgeConfig("m", verdicts=("Y", "N"), **keys)  # type: ignore[arg-type]
    engine = ScriptedEngine(says, (END,), odds=odds, max_model_len=2000)
    return Judge(config, engine, JudgePrompt(config, BYTES)), engine


def asked(port: Scorer, path: Prefix, earlier: Earlier | None = None) -> ScorerReply | Failure:
    (reply,) = asyncio.run(port.judge([ScorerCall(path, 1, earlier=earlier)]))
    return reply


def judged(port: Scorer, path: Prefix, earlier: Earlier | None = None) -> ScorerReply:
    reply = asked(port, path, earlier)
    assert isinstance(reply, ScorerReply), reply
    return reply


# --- A judge --------------------------------------------------------------------------------------


def test_each_step_gets_a_critique_and_a_verdict_by_a_constrained_token() -> None:
    port, engine = judge_of(0.6, 0.2)
    reply = judged(port, TWO)
    assert [v.probability for v in reply.judgement.verdicts] == pytest.approx([0.75, 0.75])
    assert {v.critique for v in reply.judgement.verdicts} == {CRITIQUE}
    critiques, verdicts = engine.requests[:2], engine.requests[2:]
    assert [each.sampling.allowed_ids for each in verdicts] == [(ord("Y"), ord("N"))] * 2
    shown = BYTES.decode(verdicts[1].prompt)
    assert "[Steps before]\nAdd {step}.\n\n[Step]\nIt is 7.\n" in shown
    assert shown.endswith(f"{CRITIQUE}\n\nIs it correct?")
    assert verdicts[1].prompt[: len(critiques[1].prompt)] == critiques[1].prompt
    assert reply.spent.generated == 2 * (len(CRITIQUE) + 1) + 2


def test_a_finished_solution_may_be_judged_as_a_whole_and_at_once() -> None:
    port, engine = judge_of(0.2, 0.6, judges="outcome", critique_tokens=0)
    reply = judged(port, TWO)
    assert reply.judgement.verdicts == ()
    assert reply.judgement.prefix == pytest.approx(0.25)
    assert (len(engine.requests), reply.spent.generated) == (1, 1)
    open_end = asked(port, path_of("x", finished=False))
    assert isinstance(open_end, Failure)
    assert "unfinished" in open_end.message


def test_a_longer_path_is_judged_from_where_it_was() -> None:
    port, engine = judge_of(0.6, 0.2)
    begun = path_of(TWO.steps[0].text, finished=False)
    earlier = Earlier(begun, judged(port, begun).judgement)
    engine.requests.clear()
    went_on = judged(port, TWO, earlier).judgement
    assert len(engine.requests) == 2
    assert went_on.origin is Origin.INCREMENTAL
    assert went_on.verdicts == judged(judge_of(0.6, 0.2)[0], TWO).judgement.verdicts


def test_a_judge_that_says_neither_is_missing_and_all_it_wrote_is_lost() -> None:
    reply = judged(judge_of(0.01, 0.01)[0], TWO)
    assert isinstance(reply.judgement.prefix, Missing)
    assert "scorer.min_mass" in reply.judgement.prefix.reason
    assert reply.spent.failed == reply.spent.generated > 0


def test_a_solution_beyond_the_context_fails_and_a_dead_engine_raises() -> None:
    port, engine = judge_of(0.6, 0.2)
    long = asked(port, path_of("x" * 2000))
    assert isinstance(long, Failure)
    assert "raise scorer.engine.max_model_len" in long.message
    engine.die()
    with pytest.raises(EngineError):
        asked(port, TWO)


def test_what_a_text_says_is_no_slot() -> None:
    texts = {"a": "{b}", "b": "{a}"}
    assert fill("<{a}|{b}|{c}>", texts) == "<{b}|{a}|{c}>"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"rubric": "Grade {question}"}, "slot {step}"),
        ({"rubric": "Grade {question}", "judges": "outcome"}, "slot {solution}"),
        ({"verdicts": ("A", "A")}, "two texts that differ"),
        ({"critique_tokens": -1}, "critique_tokens"),
    ],
)
def test_a_rubric_or_a_verdict_that_cannot_be_is_refused(
    keys: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        JudgeConfig("m", **keys)  # type: ignore[arg-type]


def test_verdicts_of_several_tokens_are_refused_with_what_to_change() -> None:
    with pytest.raises(TokenizerError, match="' Yes' is not one token"):
        JudgePrompt(JudgeConfig("m"), BYTES)


# --- An outcome reward model ----------------------------------------------------------------------


def orm_of(*row: float, **keys: object) -> tuple[Orm, ScriptedScoring]:
    engine = ScriptedScoring(lambda text: row, max_model_len=200)
    return Orm(OrmConfig("m", **keys), engine, BYTES), engine  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [(math.log(3.0),), (0.0, math.log(3.0))])
@pytest.mark.parametrize("head", ["text", "tokens"])
def test_one_number_is_a_sigmoid_and_two_are_a_softmax(row: tuple[float, ...], head: str) -> None:
    port, engine = orm_of(*row, head=head, tail="\n")
    reply = judged(port, TWO)
    assert reply.judgement.verdicts == ()
    assert reply.judgement.prefix == pytest.approx(0.75)
    (request,) = engine.requests
    assert BYTES.decode(request.prompt).endswith("Add {step}.\n\nIt is 7.<|end|>\n")
    assert request.positions == ((len(request.prompt) - 1,) if head == "tokens" else ())
    assert reply.spent == Spent(1, len(request.prompt))


def test_a_head_of_other_numbers_is_told_before_any_judgement() -> None:
    with pytest.raises(EngineError, match="its head gives 3 numbers"):
        asyncio.run(orm_of(0.1, 0.2, 0.3)[0].try_out())


def test_a_model_that_cannot_be_read_is_told_before_any_judgement() -> None:
    port = Orm(OrmConfig("m"), ScriptedScoring(lambda text: (0.1,), max_model_len=3), BYTES)
    with pytest.raises(UnfitModel, match=r"cannot judge a solution: .* tokens.*; see scorer"):
        asyncio.run(port.try_out())


def test_a_checkpoint_that_writes_text_is_no_outcome_model(root: Path) -> None:
    config = OrmConfig(str(root / "benchmarks/arithmetic/policy"))
    found = [each for each in config.examine((), feedback=False) if each.health is Health.FAIL]
    assert [(each.check, "Qwen2ForCausalLM writes text" in each.found) for each in found] == [
        ("verifier head", True)
    ]


def test_an_outcome_model_refuses_what_is_unfinished_or_too_long() -> None:
    port, _ = orm_of(0.1)
    for path, why in ((path_of("x", finished=False), "unfinished"), (path_of("x" * 300), "tokens")):
        reply = asked(port, path)
        assert isinstance(reply, Failure)
        assert why in reply.message
    assert isinstance(judged(orm_of(math.nan)[0], TWO).judgement.prefix, Missing)
