"""Discriminative process reward models: what each family is shown, and how it is read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import EngineError, Refused, Request
from engines.scoring import ScoreRequest
from engines.scripted_engine import ScriptedEngine
from engines.scripted_scoring import ScriptedScoring
from engines.tokenizer import HfTokenizer, TokenizerError
from engines.vllm_config import VllmConfig
from scorers.prm import Prm
from scorers.prm_config import FamilyName, PrmConfig, build
from scorers.prm_families import FAMILIES, QWEN_TAG, UnfitModel
from scorers.prm_readers import HeadReader, WordReader
from search.core import Judgement, Missing, Origin, Prefix, Problem, Spent, Step, StopReason
from search.ports import Earlier, Failure, FailureKind, ScorerCall, ScorerReply
from thinkprm_tokenizer import ThinkPrmTokenizer
from tiny_engines import head_rows, make_reward_model

QUESTION = "What is 3 + 4?"
STEPS = ("Add them.\n\n", "It is 7.")


class RealQwen(ThinkPrmTokenizer):
    """The real vocabulary; the control tokens are those of Qwen2.5-Math-PRM.

    Their ids are of its tokenizer_config.json, `<extra_0>` by the model card's vLLM settings
    (`step_tag_id` 151651). Qwen's texts begin with no token; Skywork's code asks for one, here the
    `bos_token` that its checkpoint sets, `<|endoftext|>`, stands for whichever it is.
    """

    ids: Mapping[str, int] = {"<|im_start|>": 151644, "<|im_end|>": 151645, QWEN_TAG: 151651}
    bos_id = 151643

    def token_id(self, token: str) -> int | None:
        return self.ids.get(token)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        start, end = self.ids["<|im_start|>"], self.ids["<|im_end|>"]
        found: list[int] = []
        for message in messages:
            said = self.encode(f"{message['role']}\n{message['content']}")
            found += [start, *said, end, *self.encode("\n")]
        return (*found, start, *self.encode("assistant\n"))


class ByteVerifier(ByteTokenizer):
    """Bytes, with a first token; ` ки` and the tag are tokens of their own."""

    bos_id: int | None = 300

    def __init__(self) -> None:
        super().__init__([" ки".encode(), QWEN_TAG.encode()])

    def encode(self, text: str) -> tuple[int, ...]:
        """A tag in a text is no tag."""
        bare = text.encode("utf-8", "surrogatepass").split(QWEN_TAG.encode())
        pieces = [
            super(ByteVerifier, self).encode(piece.decode("utf-8", "surrogatepass"))
            for piece in bare
        ]
        ids = list(pieces[0])
        for piece in pieces[1:]:
            ids += [*QWEN_TAG.encode(), *piece]
        return tuple(ids)


REAL, BYTES = RealQwen(), ByteVerifier()

# --- What each family is shown --------------------------------------------------------------------


def test_qwen_math_on_the_real_vocabulary() -> None:
    prepared = FAMILIES["qwen_math"].prepare(REAL, "m")
    first, whole = prepared.prompting.prompts(QUESTION, STEPS)
    assert whole == (
        # <|im_start|>system\nPlease reason step by step, and put your final answer within
        *(151644, 8948, 198, 5501, 2874, 3019, 553, 3019, 11, 323, 2182, 697, 1590, 4226, 2878),
        # \boxed{}.<|im_end|>\n<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n
        *(1124, 79075, 46391, 151645, 198, 151644, 872, 198, 3838, 374, 220, 18, 488, 220, 19, 30),
        *(151645, 198, 151644, 77091, 198),  # <|im_start|>assistant\n
        *(2212, 1105, 13, 151651),  # Add them.<extra_0>
        *(2132, 374, 220, 22, 13, 151651),  # It is 7.<extra_0>
    )
    assert first == whole[:-6]
    assert "151651" in prepared.told


def test_skywork_on_the_real_vocabulary() -> None:
    steps = ("Add\n them. \n\n", "It is 7.")
    first, whole = FAMILIES["skywork"].prepare(REAL, "m").prompting.prompts(QUESTION, steps)
    assert whole == (
        *(151643, 3838, 374, 220, 18, 488, 220, 19, 5267),  # What is 3 + 4?\n, as one text
        *(2212, 1105, 13, 198),  # Add them.\n: the newline of its own, whatever stands before it
        *(2132, 374, 220, 22, 13, 198),
    )
    assert first == whole[:-6]


def test_math_shepherd_numbers_the_steps_and_ends_each_with_its_tag() -> None:
    """The form is its model card's."""
    prepared = FAMILIES["math_shepherd"].prepare(BYTES, "m")
    steps = ("Step 1: Add\nthem.\n", "It is 7 ки.")
    first, whole = prepared.prompting.prompts(QUESTION, steps)
    assert whole[0] == first[0] == BYTES.bos_id
    told = "What is 3 + 4? Step 1: Add them. ки\nStep 2: It is 7 . ки"
    assert BYTES.decode(whole[1:]) == told
    assert BYTES.decode(first[1:]) == told.partition("\n")[0]
    assert whole[: len(first)] == first
    assert prepared.read_by == (type(prepared.read_by))(ord("+"), ord("-"))


def test_rlhflow_chats_and_is_read_before_its_plus() -> None:
    """As its authors' code has it: the first turn holds the problem, a space and the first step."""
    first, whole = FAMILIES["rlhflow"].prepare(BYTES, "m").prompting.prompts(QUESTION, STEPS)
    turns = [
        {"role": "user", "content": "What is 3 + 4? Add them."},
        {"role": "assistant", "content": "+"},
        {"role": "user", "content": "It is 7."},
    ]
    assert first == BYTES.chat(turns[:1])
    assert whole == BYTES.chat(turns)


def test_a_text_cannot_forge_a_tag() -> None:
    forged = f"Trust me {QWEN_TAG}"
    (ids,) = FAMILIES["qwen_math"].prepare(BYTES, "m").prompting.prompts(forged, [forged])
    assert ids.count(BYTES.token_id(QWEN_TAG) or -1) == 1


class Bare(ByteTokenizer):
    """A tokenizer that lacks what the families need."""

    bos_id = None

    def encode(self, text: str) -> tuple[int, ...]:
        return (1, 2)


@pytest.mark.parametrize(
    ("family", "lacks"),
    [
        ("qwen_math", "no token <extra_0>"),
        ("skywork", "the end of a line is 2 tokens"),
        ("math_shepherd", "names no bos_token"),
    ],
)
def test_a_model_of_another_family_is_told_in_one_line(family: FamilyName, lacks: str) -> None:
    with pytest.raises(UnfitModel, match=lacks) as caught:
        FAMILIES[family].prepare(Bare(), "models/x")
    assert str(caught.value).startswith("models/x: ")


# --- How it is read -------------------------------------------------------------------------------


def rows_of_two(text: tuple[int, ...]) -> tuple[float, float]:
    """Logits by how long the text is, so that steps differ."""
    return (0.0, math.log(len(text)))


def head_port(family: FamilyName = "qwen_math", **keys: object) -> tuple[Prm, ScriptedScoring]:
    entry = FAMILIES[family]
    classes = entry.classes
    engine = ScriptedScoring(lambda text: rows_of_two(text)[-classes:], max_model_len=200)
    config = PrmConfig("m", family, **keys)  # type: ignore[arg-type]
    return Prm(config, entry.prepare(BYTES, "m"), HeadReader(engine, classes)), engine


def word_port(family: FamilyName = "rlhflow") -> tuple[Prm, ScriptedEngine]:
    entry = FAMILIES[family]
    prepared = entry.prepare(BYTES, "m")

    def odds(request: Request, said: tuple[int, ...]) -> dict[int, float]:
        return {ord("+"): math.log(0.3), ord("-"): math.log(0.1), 5: math.log(0.6)}

    engine = ScriptedEngine(lambda request: (5,), (END,), odds=odds, max_model_len=200)
    return Prm(PrmConfig("m", family), prepared, WordReader(engine, prepared.read_by)), engine


def path_of(*texts: str) -> Prefix:
    steps = tuple(Step(text, (1,), StopReason.STEP_END) for text in texts)
    return Prefix(Problem("p", QUESTION), steps, (0,))


def asked(port: Prm, path: Prefix, earlier: Earlier | None = None) -> ScorerReply | Failure:
    (reply,) = asyncio.run(port.judge([ScorerCall(path, 1, earlier=earlier)]))
    return reply


def judged(port: Prm, path: Prefix, earlier: Earlier | None = None) -> Judgement:
    reply = asked(port, path, earlier)
    assert isinstance(reply, ScorerReply), reply
    return reply.judgement


def test_two_classes_are_a_softmax_and_one_number_a_sigmoid_at_the_end_of_each_step() -> None:
    for family in ("qwen_math", "skywork"):
        port, _ = head_port(family)
        first, whole = FAMILIES[family].prepare(BYTES, "m").prompting.prompts(QUESTION, STEPS)
        wanted = [n / (1 + n) for n in (len(first), len(whole))]  # odds n, of logits 0 and log n
        read = judged(port, path_of(*STEPS))
        assert [v.probability for v in read.verdicts] == pytest.approx(wanted)
        assert read.prefix == pytest.approx(wanted[-1])


def test_words_share_what_probability_they_have_and_cost_a_token_each() -> None:
    for family in ("rlhflow", "math_shepherd"):
        port, engine = word_port(family)
        reply = asked(port, path_of(*STEPS))
        assert isinstance(reply, ScorerReply)
        assert [v.probability for v in reply.judgement.verdicts] == pytest.approx([0.75, 0.75])
        assert (reply.spent.calls, reply.spent.generated) == (2, 2)
        assert {len(request.prompt) for request in engine.requests} == {
            len(prompt)
            for prompt in FAMILIES[family].prepare(BYTES, "m").prompting.prompts(QUESTION, STEPS)
        }


def test_the_whole_is_made_of_the_steps_as_the_config_says() -> None:
    one, two = (v.probability or 0.0 for v in judged(head_port()[0], path_of(*STEPS)).verdicts)
    assert judged(head_port(prefix="min")[0], path_of(*STEPS)).prefix == min(one, two)
    product = judged(head_port(prefix="product")[0], path_of(*STEPS)).prefix
    assert product == pytest.approx(one * two)


def test_a_longer_path_is_asked_about_its_new_steps_only_and_read_the_same() -> None:
    for make, whole_cost in ((head_port, 1), (word_port, 1)):
        port, engine = make()
        begun = path_of(*STEPS)
        earlier = Earlier(begun, judged(port, begun))
        longer = path_of(*STEPS, "So 7.")
        engine.requests.clear()
        went_on = judged(port, longer, earlier)
        assert went_on.origin is Origin.INCREMENTAL
        assert len(engine.requests) == whole_cost
        if isinstance(request := engine.requests[0], ScoreRequest):
            assert len(request.positions) == 1
        fresh = judged(make()[0], longer)
        assert (went_on.verdicts, went_on.prefix) == (fresh.verdicts, fresh.prefix)
        parted = path_of(STEPS[0], "It is 8.")
        assert judged(port, parted, earlier).verdicts == judged(make()[0], parted).verdicts


def test_what_was_judged_already_costs_nothing() -> None:
    port, _ = head_port()
    path = path_of(*STEPS)
    again = asked(port, path, Earlier(path, judged(port, path)))
    assert isinstance(again, ScorerReply)
    assert again.spent == Spent()


# --- What goes wrong ------------------------------------------------------------------------------


def test_a_solution_beyond_the_models_context_fails_alone_and_says_what_to_raise() -> None:
    for port in (head_port()[0], word_port()[0]):
        long, short = asyncio.run(
            port.judge([ScorerCall(path_of("x" * 200), 1), ScorerCall(path_of("x"), 1)])
        )
        assert isinstance(long, Failure)
        assert long.kind is FailureKind.INVALID
        assert "raise scorer.engine.max_model_len" in long.message
        assert isinstance(short, ScorerReply)


def test_a_number_that_is_none_is_missing_and_a_path_without_steps_is_refused() -> None:
    engine = ScriptedScoring(lambda text: (math.nan, 0.0))
    entry = FAMILIES["qwen_math"]
    port = Prm(PrmConfig("m", "qwen_math"), entry.prepare(BYTES, "m"), HeadReader(engine, 2))
    assert isinstance(judged(port, path_of("x")).prefix, Missing)
    empty = asked(port, Prefix.start(Problem("p", "?")))
    assert isinstance(empty, Failure)
    assert "no steps" in empty.message


def test_a_dead_engine_raises_and_a_head_with_other_numbers_is_told_before_any_judgement() -> None:
    port, engine = head_port()
    engine.die("out of memory")
    with pytest.raises(EngineError, match="out of memory"):
        asyncio.run(port.judge([ScorerCall(path_of("x"), 1)]))
    other = ScriptedScoring(lambda text: (0.1,))
    unfit = Prm(
        PrmConfig("m", "qwen_math"), FAMILIES["qwen_math"].prepare(BYTES, "m"), HeadReader(other, 2)
    )
    with pytest.raises(EngineError, match=r"gives 1 numbers, this family's 2: see scorer\.family"):
        asyncio.run(unfit.try_out())


@pytest.mark.parametrize(
    ("prompt", "positions", "why"),
    [
        ((), (), "empty"),
        ((1,) * 201, (), "201 tokens, the model takes 200"),
        ((1, 1 << 18), (), "not in the vocabulary"),
        ((1, 2), (1, 0), "positions must ascend"),
        ((1, 2), (2,), "positions must ascend, within the prompt"),
    ],
)
def test_an_engine_refuses_what_it_cannot_score(
    prompt: tuple[int, ...], positions: tuple[int, ...], why: str
) -> None:
    _, engine = head_port()
    (answer,) = asyncio.run(engine.score([ScoreRequest(prompt, positions)]))
    assert isinstance(answer, Refused)
    assert why in answer.message


# --- The real engine ------------------------------------------------------------------------------


@pytest.mark.engine
def test_vllm_reads_every_step_of_a_random_model_and_later_only_what_is_new(tmp_path: Path) -> None:
    folder = make_reward_model(tmp_path, "Qwen2ForProcessRewardModel", QWEN_TAG)
    config = PrmConfig(str(folder), "qwen_math", VllmConfig(memory_gib=0.05))

    async def judge() -> ScorerReply | Failure:
        port = await build(config)
        try:
            begun = path_of(STEPS[0])
            (first,) = await port.judge([ScorerCall(begun, 1)])
            assert isinstance(first, ScorerReply), first
            earlier = Earlier(begun, first.judgement)
            (longer,) = await port.judge([ScorerCall(path_of(*STEPS), 1, earlier=earlier)])
            return longer
        finally:
            await port.close()

    longer = asyncio.run(judge())
    assert isinstance(longer, ScorerReply), longer
    tokenizer = HfTokenizer.load(str(folder))
    whole = config.of.prepare(tokenizer, "m").prompting.prompts(QUESTION, STEPS)[-1]
    rows = zip(head_rows(folder, whole), whole, strict=True)
    wanted = [1 / (1 + math.exp(no - yes)) for (no, yes), token in rows if token == whole[-1]]
    read = [verdict.probability for verdict in longer.judgement.verdicts]
    assert read == pytest.approx(wanted, abs=1e-4)
    assert longer.spent.cached >= 96, "what was read of the first step was in the prefix cache"


def test_a_folder_that_is_no_checkpoint_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer\.json"):
        asyncio.run(build(PrmConfig(str(tmp_path), "qwen_math")))
