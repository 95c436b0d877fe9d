"""The committed process reward model: its lessons, its checkpoint, and what it sees at a glance."""

from __future__ import annotations

import asyncio
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.arithmetic.checker import check
from benchmarks.arithmetic.corpus import Lesson
from benchmarks.arithmetic.learning import encode, load_checkpoint, pad
from benchmarks.arithmetic.problems import LevelProblem, Operation
from benchmarks.arithmetic.reward import (
    AGREES,
    CORRECT,
    DIFFERS,
    INCORRECT,
    UNLABELLED,
    ProcessRewardModel,
    build_reward_tokenizer,
    first_difference,
    judge_steps,
    reward_lesson,
    reward_lessons,
)
from benchmarks.arithmetic.sampling import TEMPERATURE, Solution, draw
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.surprise import RewardLoss
from benchmarks.estimators.calibration import auroc
from engines.tokenizer import HfTokenizer
from engines.vllm_config import VllmConfig
from scorers.prm_config import PrmConfig, build
from scorers.prm_families import QWEN_TAG, prepare_qwen_math
from search.core import Prefix, Step, StopReason
from search.core import Problem as SearchProblem
from search.ports import Failure, ScorerCall, ScorerReply

FOLDER = Path(__file__).parent.parent / "benchmarks" / "arithmetic"
HELD_OUT = read_split("validation")[:60]


@cache
def reward_model() -> tuple[Any, Any]:
    return ProcessRewardModel.load(FOLDER / "reward"), build_reward_tokenizer()


@cache
def written() -> list[Solution]:
    return [
        each
        for each in draw(*load_checkpoint(FOLDER / "policy"), HELD_OUT, TEMPERATURE, 3)
        if each[1]
    ]


# Lessons


def test_a_lesson_is_shown_as_the_scorer_shows_it_to_qwen_math() -> None:
    served = prepare_qwen_math(HfTokenizer.load(str(FOLDER / "reward")), "reward").prompting
    for problem, steps in written():
        texts = [f"Step {number}: {step}" for number, step in enumerate(steps, start=1)]
        ids, _ = encode(build_reward_tokenizer(), reward_lesson((problem, steps), marked=True))
        assert tuple(ids) == served.prompts(problem.question, texts)[-1]


def test_a_step_has_its_label_on_its_tag_and_none_behind_the_first_error() -> None:
    problem = HELD_OUT[0]
    right = problem.solution()
    pieces = reward_lesson((problem, [right[0], "1 + 1 = 3", right[1]]), marked=False).pieces
    assert [mark for text, mark in pieces if text == QWEN_TAG] == [CORRECT, INCORRECT, UNLABELLED]


def test_the_tokens_of_a_step_are_labelled_up_to_where_it_differs_and_from_there() -> None:
    problem = LevelProblem(
        "word", 12, tuple(Operation(*each) for each in (("+", 26), ("-", 3), ("+", 1))), "?"
    )
    right = problem.solution()
    assert right[:2] == ["12 + 26 = 38", "38 - 3 = 35"]
    pieces = reward_lesson((problem, [right[0], "38 - 3 = 25", right[2]]), marked=True).pieces
    assert [(text, mark) for text, mark in pieces if text != QWEN_TAG] == [
        ("Step 1: 12 + 26 = 38", AGREES),
        ("Step 2: 38 - 3 =", AGREES),
        (" 25", DIFFERS),
        (f"Step 3: {right[2]}", UNLABELLED),
    ]


@pytest.mark.parametrize(
    ("step", "asked", "at"),
    [
        ("12 + 26 = 39", "12 + 26 = 38", 11),
        ("Then it is 4", "Therefore it is 4", 0),
        ("12 + 26", "12 + 26 = 38", 7),
        ("9", "12", 0),
    ],
)
def test_a_step_becomes_another_one_at_a_whole_token(step: str, asked: str, at: int) -> None:
    assert first_difference(step, asked) == at


# What is learned


def test_the_first_new_layer_begins_by_looking_at_the_token_before() -> None:
    known, tokenizer = load_checkpoint(FOLDER / "policy")
    model = ProcessRewardModel(known, 0).model
    model.config._attn_implementation = "eager"
    ids = torch.tensor([tokenizer("What is 12 + 26 - 3 - 14 + 271?")["input_ids"]])
    looked = model(input_ids=ids, output_attentions=True).attentions[4][0]
    assert looked.diagonal(-1, 1, 2).min() > 0.99


def test_a_policy_is_surprised_by_what_is_unlikely_and_a_tag_is_a_line_end() -> None:
    known, _ = load_checkpoint(FOLDER / "policy")
    tokenizer = build_reward_tokenizer()
    model = ProcessRewardModel(known, 0)
    loss = RewardLoss(model, load_checkpoint(FOLDER / "policy")[0], tokenizer)
    problem = next(each for each in HELD_OUT if each.level == 1)
    right = problem.solution()
    assert min(surprises(loss, problem, right[0])) > -0.25
    assert min(surprises(loss, problem, f"{right[0]}9")) < -1.0


def surprises(loss: RewardLoss, problem: Any, step: str) -> list[float]:
    """Of the tokens of a first step and its tag."""
    lesson = reward_lesson((problem, [step]), marked=True)
    ids, _ = encode(build_reward_tokenizer(), lesson)
    said = len(encode(build_reward_tokenizer(), Lesson(lesson.prompt, ()))[0])
    return list(loss.surprise(torch.tensor([ids]))[0, said:].tolist())


def test_a_label_and_a_surprise_that_are_missed_cost() -> None:
    known, _ = load_checkpoint(FOLDER / "policy")
    tokenizer, model = build_reward_tokenizer(), ProcessRewardModel(known, 0)
    loss = RewardLoss(model, load_checkpoint(FOLDER / "policy")[0], tokenizer)
    problem = HELD_OUT[0]
    row = encode(tokenizer, reward_lesson((problem, problem.solution()), marked=True))
    ids, labels = pad([row], tokenizer.pad_token_id)
    with torch.no_grad():
        model.surprise.weight.zero_()
        surer = [loss(model, ids, labels).item()]
        model.score[2].bias[1] += 3.0  # all is correct, as it is here
        surer.append(loss(model, ids, labels).item())
        model.surprise.bias.fill_(-2.0)  # every token has the least probability
        surer.append(loss(model, ids, labels).item())
    assert surer[1] < surer[0] - 0.5
    assert surer[2] > surer[1] + 4.0


def test_the_lessons_are_of_no_held_out_problem_and_of_both_labels() -> None:
    asked = [problem.question for split in ("test", "validation") for problem in read_split(split)]
    lessons = list(islice(reward_lessons(0, held_out_keys(), written()[:1]), 300))
    made_up = [each for each in lessons if written()[0][0].question not in each.prompt]
    assert not any(question in each.prompt for each in made_up for question in asked)
    labels = [mark for each in lessons for _, mark in each.pieces]
    assert labels.count(CORRECT) > labels.count(INCORRECT) > 50


# The checkpoint


def test_the_checkpoint_has_at_most_4_megabytes() -> None:
    assert sum(path.stat().st_size for path in (FOLDER / "reward").iterdir()) <= 4e6


def test_it_tells_right_steps_from_wrong_ones_of_the_policys_own_solutions() -> None:
    found = list[tuple[float, bool]]()
    readings = judge_steps(*reward_model(), written())
    for (problem, steps), reading in zip(written(), readings, strict=True):
        pairs = zip(reading.steps, check(problem, steps), strict=True)
        found += [(probability, label) for probability, label in pairs if label is not None]
    assert ranked(found) > 0.8


def ranked(found: list[tuple[float, bool]]) -> float:
    """How often a right step gets more than a wrong one."""
    area = auroc(*zip(*found, strict=True))
    assert area is not None
    return area


@pytest.mark.parametrize("marked", [True, False])
def test_right_steps_of_another_problem_are_not_right(marked: bool) -> None:
    easy = [problem for problem in HELD_OUT if problem.level <= 2]
    own = [(problem, problem.solution()) for problem in easy]
    others = [(problem, other.solution()) for problem, other in pairwise(easy)]
    found = list[tuple[float, bool]]()
    for each, right in ((own, True), (others, False)):
        readings = judge_steps(*reward_model(), each, marked)
        found += [(reading.steps[0], right) for reading in readings]
    assert ranked(found) > 0.7


# The real engine


@pytest.mark.engine
def test_vllm_reads_what_plain_torch_reads() -> None:
    solutions = [each for each in written() if len(each[1]) > 2][:4]
    engine = VllmConfig(max_model_len=512, memory_gib=0.05, dtype="float32")
    config = PrmConfig(str(FOLDER / "reward"), "qwen_math", engine)

    async def judged() -> list[ScorerReply | Failure]:
        port = await build(config)
        try:
            return list(await port.judge([ScorerCall(path_of(each), 1) for each in solutions]))
        finally:
            await port.close()

    plain = judge_steps(*reward_model(), solutions)
    for reply, reading in zip(asyncio.run(judged()), plain, strict=True):
        assert isinstance(reply, ScorerReply), reply
        found = [verdict.probability for verdict in reply.judgement.verdicts]
        assert found == pytest.approx(reading.steps, abs=1e-3)


def path_of(solution: Solution) -> Prefix:
    problem, texts = solution
    lines = [f"Step {number}: {text}\n" for number, text in enumerate(texts, start=1)]
    steps = tuple(Step(line, (1,), StopReason.STEP_END) for line in lines)
    return Prefix(SearchProblem("p", problem.question), steps, (0,))
