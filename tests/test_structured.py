"""The policy `structured` on a scripted engine: prompts, steps, redraws, and a search over tags."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import EngineError, Request
from engines.scripted_engine import ScriptedEngine
from policies.qwen_config import PolicySampling, QwenConfig
from policies.segmentation import Segmentation, Segmenter
from policies.structured import SYSTEM_PROMPT, Structured, StructuredConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import Prefix, Problem, StopReason
from search.driver import drive
from search.memory import DictMemory
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply, ScorerCall, ScorerReply
from search.questions import Strategy, Until
from search.strategies.beam import Beam
from search.strategies.best_first import BestFirst
from search.strategies.dvts import Dvts
from search.strategies.mcts import Mcts
from search.strategies.rebase import Rebase
from search.structured_protocol import Reason, ResponseFormat
from treewright.config.load import load_config

TAGGED = ByteTokenizer([b">\n", b"</", b">\n\n", b"><"])
"""Tags end inside tokens, as in real vocabularies."""
CARD_SHA256 = "af56c6377b0595f4e483664fcb1122e99295f3231479839a9e9bfd79428df14c"
QUESTION = "What is 2 + 2?\nProvided options: ['3', '4', '5', '6']"
ROOT = Prefix.start(Problem("p1", QUESTION))

PARTS = (
    "<think>\n<planning>\nAdd the numbers.\n</planning>\n",
    "<monitoring>\n2 + 2 = 4.\n</monitoring>\n",
    "<evaluation>\n4 - 2 = 2, so 4 it is.\n</evaluation>\n</think>\n",
    "<output>\n1\n</output>",
)
GOOD = "".join(PARTS)
BAD = GOOD.replace("monitoring", "evaluation")
WITHOUT_MINIMA = ResponseFormat(0, 0, 0)


def config(**fields: Any) -> StructuredConfig:
    defaults: dict[str, Any] = {"model": "m", "format": WITHOUT_MINIMA}
    return StructuredConfig(**defaults | fields)


def engine(say: Callable[[Request], str]) -> ScriptedEngine:
    """Recites what `say` gives for a request, from where its prompt left off."""

    def script(request: Request) -> Sequence[int]:
        said = TAGGED.decode(request.prompt).rpartition("assistant\n")[2]
        ids = (*TAGGED.encode(say(request)), END)
        return ids[len(TAGGED.encode(said)) :]

    return ScriptedEngine(script, TAGGED.eos_ids, decode=TAGGED.decode)


def always(text: str) -> ScriptedEngine:
    return engine(lambda _: text)


def by_attempt(*texts: str) -> ScriptedEngine:
    """Another text for each seed, in the order in which seeds are first seen."""
    seeds: list[int | None] = []

    def say(request: Request) -> str:
        if request.sampling.seed not in seeds:
            seeds.append(request.sampling.seed)
        return texts[seeds.index(request.sampling.seed)]

    return engine(say)


def draw(policy: Structured, path: Prefix = ROOT, **fields: Any) -> PolicyReply:
    defaults: dict[str, Any] = {"path": path, "child": 0, "until": Until.END, "seed": 7}
    call = PolicyCall(**defaults | fields)
    (reply,) = asyncio.run(policy.extend([call]))
    assert isinstance(reply, PolicyReply), reply
    return reply


def texts(path: Prefix) -> list[str]:
    return [step.text.strip() for step in path.steps]


SECTIONS = [part.strip() for part in PARTS]


# Prompts and defaults


def test_the_system_prompt_is_the_cards_byte_for_byte() -> None:
    assert sha256(SYSTEM_PROMPT.encode()).hexdigest() == CARD_SHA256
    assert SYSTEM_PROMPT[0] == SYSTEM_PROMPT[-1] == "\n"


def test_the_prompt_is_the_cards_with_the_options_as_a_list() -> None:
    asked = always(GOOD)
    draw(Structured(config(), asked, TAGGED))
    assert TAGGED.decode(asked.requests[0].prompt) == (
        f"<|start|>system\n{SYSTEM_PROMPT}<|end|><|start|>user\n"
        "Examine the following question and select the right answer from given options.\n"
        "The output must be only the number of the option.\n"
        "Question: What is 2 + 2?\nProvided options: ['3', '4', '5', '6']\n"
        "<|end|><|start|>assistant\n"
    )


def test_sampling_is_the_cards() -> None:
    asked = always(GOOD)
    draw(Structured(config(), asked, TAGGED))
    sampling = asked.requests[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.8, 0.95, 1024)


def test_it_is_a_kind_of_qwen_so_that_the_doctor_examines_it() -> None:
    assert isinstance(config(), QwenConfig)


def test_redraws_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^redraws: -1 must be 0 or more"):
        config(redraws=-1)


# Steps


def test_the_steps_of_a_solution_are_its_sections() -> None:
    path = draw(Structured(config(), always(GOOD), TAGGED)).path
    assert texts(path) == SECTIONS
    assert path.text == GOOD
    assert path.finished


def test_step_by_step_it_says_the_same_and_stops_after_each_section() -> None:
    asked = always(GOOD)
    policy = Structured(config(), asked, TAGGED)
    path, seen = ROOT, []
    while not path.stopped:
        path = draw(policy, path, until=Until.STEP).path
        seen.append(path.steps[-1].text.strip())
    assert seen == SECTIONS
    assert len(asked.requests) == 4
    assert path.token_ids == draw(policy).path.token_ids
    assert policy.rejected == {}
    assert asked.requests[1].prompt[: len(asked.requests[0].prompt)] == asked.requests[0].prompt


def test_a_token_that_ends_one_tag_and_begins_another_is_no_stray_text() -> None:
    policy = Structured(config(), always(GOOD.replace(">\n<", "><")), TAGGED)
    path, seen = ROOT, []
    while not path.stopped:
        path = draw(policy, path, until=Until.STEP).path
        seen.append(path.steps[-1].text[-2:])
    assert seen == ["><", "><", "><", "t>"]
    assert policy.rejected == {}


def test_a_response_without_tags_is_one_step() -> None:
    path = draw(Structured(config(), always("It is 4."), TAGGED)).path
    assert texts(path) == ["It is 4."]


def test_tagged_sections_are_cut_whatever_the_tokens() -> None:
    for tokenizer in (TAGGED, ByteTokenizer(), ByteTokenizer([b"</planning>\n<monitoring>\n"])):
        ids = (*tokenizer.encode(GOOD), END)
        steps = Segmenter(Segmentation("tagged"), tokenizer).split(ids, StopReason.EOS)
        assert len(steps) == 4
        assert tuple(token for step in steps for token in step.token_ids) == ids
        assert "".join(step.text for step in steps) == GOOD


# Rejection


def test_what_breaks_the_format_is_kept_and_counted_where_nothing_is_redrawn() -> None:
    policy = Structured(config(), always(BAD), TAGGED)
    reply = draw(policy)
    assert reply.path.text == BAD
    assert reply.spent.calls == 1
    assert reply.spent.failed == 0
    assert policy.rejected == {Reason.MISSING_TAG: 1}


def test_a_rejected_response_is_drawn_again_and_its_tokens_are_spent() -> None:
    policy = Structured(config(redraws=2), by_attempt(BAD, GOOD), TAGGED)
    reply = draw(policy)
    lost, kept = len(TAGGED.encode(BAD)) + 1, len(TAGGED.encode(GOOD)) + 1
    assert reply.path.text == GOOD
    assert (reply.spent.calls, reply.spent.generated, reply.spent.failed) == (2, lost + kept, lost)
    assert policy.rejected == {Reason.MISSING_TAG: 1}


def test_the_last_redraw_is_kept_as_it_is() -> None:
    other = GOOD.replace("1", "B")
    policy = Structured(config(redraws=1), by_attempt(BAD, other), TAGGED)
    reply = draw(policy)
    assert reply.path.text == other
    assert reply.spent.failed == len(TAGGED.encode(BAD)) + 1
    assert policy.rejected == {Reason.MISSING_TAG: 1, Reason.OUTPUT_NOT_OPTION: 1}


def test_a_section_that_breaks_the_format_is_drawn_again_before_anything_is_judged() -> None:
    wrong = PARTS[0] + PARTS[2]
    asked = by_attempt(wrong, GOOD)
    path = ROOT.grow(0, draw(Structured(config(), always(GOOD), TAGGED)).path.steps[:1])
    reply = draw(Structured(config(redraws=1), asked, TAGGED), path, until=Until.STEP)
    assert reply.path.steps[-1].text.strip() == SECTIONS[1]
    assert reply.path.place == (0, 0)
    assert reply.spent.calls == 2


def test_a_redraw_has_a_seed_of_its_own_that_does_not_change() -> None:
    def seeds() -> list[int | None]:
        asked = always(BAD)
        draw(Structured(config(redraws=3), asked, TAGGED))
        return [request.sampling.seed for request in asked.requests]

    assert seeds() == seeds()
    assert len(set(seeds())) == 4
    assert seeds()[0] == 7


@pytest.mark.parametrize("greedy", [True, False])
def test_a_greedy_draw_is_not_made_again(greedy: bool) -> None:
    asked = always(BAD)
    sampling = PolicySampling(temperature=0.8 if greedy else 0.0)
    draw(Structured(config(redraws=3, sampling=sampling), asked, TAGGED), greedy=greedy)
    assert len(asked.requests) == 1


def test_a_response_that_is_cut_is_rejected_as_truncated() -> None:
    policy = Structured(config(sampling=PolicySampling(max_tokens=40)), always(GOOD), TAGGED)
    assert draw(policy).path.steps[-1].stop is StopReason.LENGTH
    assert policy.rejected == {Reason.TRUNCATED: 1}


def test_minimum_lengths_are_counted_in_tokens_of_the_policy() -> None:
    exact = len(TAGGED.encode("Add the numbers."))
    for least, valid in ((exact, True), (exact + 1, False)):
        policy = Structured(config(format=ResponseFormat(least, 0, 0)), always(GOOD), TAGGED)
        assert policy.read(draw(policy).path).valid is valid


def test_a_call_that_cannot_be_made_fails_alone() -> None:
    policy = Structured(config(redraws=1), always(GOOD), TAGGED)
    ended = draw(policy).path
    calls = [PolicyCall(path, 0, Until.END, 7) for path in (ended, ROOT)]
    bad, good = asyncio.run(policy.extend(calls))
    assert isinstance(bad, Failure)
    assert bad.kind is FailureKind.INVALID
    assert isinstance(good, PolicyReply)


def test_a_dead_engine_is_an_error() -> None:
    dead = always(GOOD)
    dead.die()
    with pytest.raises(EngineError):
        draw(Structured(config(), dead, TAGGED))


# Search


class Counting(ScriptedScorer):
    """A scorer that keeps the texts that it was asked about."""

    def __init__(self) -> None:
        super().__init__(ScriptedScorerConfig())
        self.asked: list[str] = []

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        self.asked += [call.path.text for call in batch]
        return await super().judge(batch)


def two_plans(request: Request) -> str:
    """A right response; every other one, by its seed, opens the wrong tag."""
    opens = TAGGED.decode(request.prompt).endswith("assistant\n")
    return WRONG_TAG if opens and (request.sampling.seed or 0) % 2 else GOOD


WRONG_TAG = PARTS[0].replace("planning", "monitoring") + "".join(PARTS[1:])


def test_a_section_in_the_wrong_tag_ends_its_path_as_invalid() -> None:
    policy = Structured(config(), always(WRONG_TAG), TAGGED)
    path = draw(policy, until=Until.STEP).path
    assert (path.stopped, path.finished, path.invalid) == (True, False, True)
    (reply,) = asyncio.run(policy.extend([PolicyCall(path, 0, Until.STEP, 7)]))
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.INVALID


def test_a_section_that_a_redraw_mended_goes_on() -> None:
    policy = Structured(config(redraws=1), by_attempt(WRONG_TAG, GOOD), TAGGED)
    assert not draw(policy, until=Until.STEP).path.stopped


def test_a_whole_response_that_breaks_the_format_is_finished_all_the_same() -> None:
    """Grading rejects it, and tells why."""
    path = draw(Structured(config(), always(WRONG_TAG), TAGGED)).path
    assert (path.finished, path.invalid) == (True, False)


@pytest.mark.parametrize(
    "strategy",
    [
        Beam(paths=8, children=2, depth=4),
        Rebase(width=8, depth=4),
        Mcts(simulations=6, children=4, value="judge", depth=4),
        Dvts(paths=8, children=4, depth=4),
        BestFirst(children=4, expansions=8, depth=4),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_no_search_asks_the_verifier_about_a_wrong_tag(strategy: Strategy) -> None:
    policy = Structured(config(), engine(two_plans), TAGGED)
    scorer = Counting()
    searched = asyncio.run(drive(strategy(ROOT.problem), policy, scorer, DictMemory(), 0))
    drawn = searched.paths.values()
    invalid = [path for path in drawn if path.invalid]
    assert invalid
    assert {path.text for path in invalid}.isdisjoint(scorer.asked)
    assert all(path.place[:-1] not in {bad.place for bad in invalid} for path in drawn)
    assert any(each.path.text == GOOD for each in searched.result.candidates)
    given_up = {pruned.path_id: pruned.reason for pruned in searched.result.pruned}
    kept = {each.path.id for each in searched.result.candidates}
    assert all(path.id in given_up or path.id in kept for path in invalid)


def test_a_beam_searches_over_the_tags_and_each_section_is_judged() -> None:
    policy = Structured(config(), always(GOOD), TAGGED)
    flow = Beam(paths=2, children=2, depth=4)(ROOT.problem)
    scorer = ScriptedScorer(ScriptedScorerConfig())
    searched = asyncio.run(drive(flow, policy, scorer, DictMemory(), 0))
    assert searched.result.candidates
    for candidate in searched.result.candidates:
        assert texts(candidate.path) == SECTIONS
        assert candidate.judgement is not None
        assert len(candidate.judgement.verdicts) == 4
    assert {len(path.steps) for path in searched.paths.values()} == {1, 2, 3, 4}


# The config


def test_the_config_asks_as_the_card_does() -> None:
    loaded: Any = load_config("mmlu_structured")
    assert isinstance(loaded.policy, StructuredConfig)
    card = StructuredConfig(loaded.policy.model, engine=loaded.policy.engine)
    assert loaded.policy == card
    assert loaded.policy.sampling == PolicySampling(0.8, 0.95, 1024)
    assert loaded.strategy.candidates == 8


def test_one_key_of_a_section_leaves_the_cards_others() -> None:
    told = ["policy.sampling.max_tokens=512", "policy.format.min_planning_tokens=1"]
    loaded: Any = load_config("mmlu_structured", told)
    assert loaded.policy.sampling == PolicySampling(0.8, 0.95, 512)
    assert loaded.policy.format == ResponseFormat(1, 80, 40)


@pytest.mark.parametrize("name", ["mmlu_structured", "structured_arithmetic"])
def test_one_key_says_where_options_begin_to_count(name: str) -> None:
    loaded = load_config(name, ["grading.option_base=1"])
    assert isinstance(loaded.scorer, ThinkPrmConfig)
    assert loaded.scorer.option_base == 1
