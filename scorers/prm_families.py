"""Discriminative process reward models: how each family is shown a solution, and how it is read.

One entry each. A prompt is made of token ids, so that no text of a policy can become a control
token; prompt k ends where the number on step k is read. All are causal models: what follows a step
changes no number on it, so the texts after the last reading are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from engines.scoring import Head
from engines.tokenizer import Beginning, Tokenizer, TokenizerError
from scorers.prompt import bare

Prompts: TypeAlias = list[tuple[int, ...]]
"""`prompts[k]` ends with the token at which step k is judged."""
SPACE = re.compile(r"\s*\n\s*")

QWEN_SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."
QWEN_TAG = "<extra_0>"
SHEPHERD_TAG = "ки"


CANNOT_JUDGE = "see scorer.model, and whether its prompt fits into scorer.engine.max_model_len"


class UnfitModel(TokenizerError):
    """The model is none of the family. One line: the model, what it lacks."""


class Prompting(Protocol):
    """A family's prompts, for the tokenizer of one model."""

    def prompts(self, question: str, steps: Sequence[str]) -> Prompts:
        """One for each step, each the beginning of the next, for its cache. Steps: one or more."""
        ...


@dataclass(frozen=True)
class Words:
    """The next token is the verdict: its probability against that of the other one."""

    correct: int
    incorrect: int


@dataclass(frozen=True)
class Prepared:
    """A family, for one model. `words`: what is read; None where a head gives numbers."""

    prompting: Prompting
    words: Words | None = None
    told: str = ""
    """What was found in the tokenizer, for `doctor`."""

    @property
    def read_by(self) -> Words:
        """The words, of a family that is read by them."""
        assert self.words is not None
        return self.words


@dataclass(frozen=True)
class Family:
    """What tells one family from another.

    `classes`: how many numbers its head gives each token: 2 are the logits of incorrect and
    correct, 1 is the logit of correct; 0, it has no head and is read by words. `chats`: whether its
    tokenizer needs a chat template.
    """

    source: str
    classes: int
    chats: bool
    prepare: Callable[[Tokenizer, str], Prepared]

    @property
    def head(self) -> Head | None:
        """What its head gives numbers to; None where it has none."""
        return Head.TOKENS if self.classes else None


# --- Qwen2.5-Math-PRM -----------------------------------------------------------------------------


@dataclass(frozen=True)
class QwenMath:
    """A chat turn; every step, without the white space around it, ends with the tag."""

    tokenizer: Tokenizer
    tag: int

    def prompts(self, question: str, steps: Sequence[str]) -> Prompts:
        """See `Prompting`."""
        turns = [
            {"role": "system", "content": QWEN_SYSTEM},
            {"role": "user", "content": question},
        ]
        ids, found = self.tokenizer.chat(turns), []
        for step in steps:
            ids = (*ids, *self.tokenizer.encode(step.strip()), self.tag)
            found.append(ids)
        return found


def prepare_qwen_math(tokenizer: Tokenizer, model: str) -> Prepared:
    """Raises `UnfitModel` without the tag."""
    tag = tokenizer.token_id(QWEN_TAG)
    if tag is None:
        raise UnfitModel(f"{model}: it has no token {QWEN_TAG}: it is no Qwen2.5-Math-PRM")
    return Prepared(QwenMath(tokenizer, tag), told=f"a step ends with {QWEN_TAG} {tag}")


# --- Skywork-o1-Open-PRM --------------------------------------------------------------------------


@dataclass(frozen=True)
class Skywork:
    """Plain text: the problem on a line, every step on one; it is judged at the end of its line."""

    tokenizer: Tokenizer
    bos: int
    newline: int

    def prompts(self, question: str, steps: Sequence[str]) -> Prompts:
        """See `Prompting`."""
        ids, found = (self.bos, *self.tokenizer.encode(f"{question}\n")), []
        for step in steps:
            ids = (*ids, *self.tokenizer.encode(one_line(step)), self.newline)
            found.append(ids)
        return found


def prepare_skywork(tokenizer: Tokenizer, model: str) -> Prepared:
    """Raises `UnfitModel` without a first token, or where the end of a line is several tokens."""
    newline = tokenizer.encode("\n")
    if len(newline) != 1:
        raise UnfitModel(f"{model}: the end of a line is {len(newline)} tokens, it must be one")
    bos = first_token(tokenizer, model, "Skywork-o1-Open-PRM")
    told = f"a text begins with {bos}, a step ends with a newline {newline[0]}"
    return Prepared(Skywork(tokenizer, bos, newline[0]), told=told)


# --- Math-Shepherd --------------------------------------------------------------------------------


@dataclass(frozen=True)
class MathShepherd:
    """Plain text: the problem, then numbered steps, a line each, that end with the tag."""

    tokenizer: Tokenizer
    model: str
    bos: int
    tag: int

    def prompts(self, question: str, steps: Sequence[str]) -> Prompts:
        """See `Prompting`. Raises `TokenizerError` where a tag is not a token of its own."""
        text, found = f"{question} ", []
        for number, step in enumerate(steps, start=1):
            said = one_line(bare(step)).replace(SHEPHERD_TAG, "")
            text += f"Step {number}: {said} {SHEPHERD_TAG}"
            ids = (self.bos, *self.tokenizer.encode(text))
            if ids[-1] != self.tag:
                raise TokenizerError(f"step {number} does not end with the token {SHEPHERD_TAG}")
            found.append(ids)
            text += "\n"
        return found


def prepare_math_shepherd(tokenizer: Tokenizer, model: str) -> Prepared:
    """Raises `UnfitModel` without a first token, or where tag or verdicts are several tokens."""
    bos = first_token(tokenizer, model, "Math-Shepherd")
    tag = tokenizer.encode(f"x {SHEPHERD_TAG}")[-1]
    if tokenizer.decode([tag]).strip() != SHEPHERD_TAG:
        raise UnfitModel(f"{model}: {SHEPHERD_TAG} is no token: it is no Math-Shepherd")
    words = signs(tokenizer, model)
    told = f"a step ends with {SHEPHERD_TAG} {tag}; + {words.correct}, - {words.incorrect}"
    return Prepared(MathShepherd(tokenizer, model, bos, tag), words, told)


# --- RLHFlow --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RlhFlow:
    """A chat: each step is a user's turn, the problem before the first, and `+` the answer."""

    tokenizer: Tokenizer

    def prompts(self, question: str, steps: Sequence[str]) -> Prompts:
        """See `Prompting`."""
        turns: list[dict[str, str]] = []
        found = []
        for step in steps:
            said = step.strip() if turns else f"{question} {step.strip()}"
            turns.append({"role": "user", "content": said})
            found.append(self.tokenizer.chat(turns))
            turns.append({"role": "assistant", "content": "+"})
        return found


def prepare_rlhflow(tokenizer: Tokenizer, model: str) -> Prepared:
    """Raises `UnfitModel` where the verdicts are no tokens."""
    words = signs(tokenizer, model)
    told = f"a step is answered with + {words.correct} or - {words.incorrect}"
    return Prepared(RlhFlow(tokenizer), words, told)


FAMILIES: Mapping[str, Family] = {
    "qwen_math": Family("Qwen/Qwen2.5-Math-PRM-7B", 2, True, prepare_qwen_math),
    "skywork": Family("Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B", 1, False, prepare_skywork),
    "math_shepherd": Family(
        "peiyi9979/math-shepherd-mistral-7b-prm", 0, False, prepare_math_shepherd
    ),
    "rlhflow": Family("RLHFlow/Llama3.1-8B-PRM-Deepseek-Data", 0, True, prepare_rlhflow),
}


def signs(tokenizer: Tokenizer, model: str) -> Words:
    """The tokens of `+` and `-`. Raises `UnfitModel` where they are not told apart."""
    plus, minus = (tokenizer.encode(sign)[-1] for sign in "+-")
    for token, sign in ((plus, "+"), (minus, "-")):
        if tokenizer.decode([token]).strip() != sign:
            raise UnfitModel(f"{model}: {sign} is no token of its own")
    return Words(plus, minus)


def first_token(tokenizer: Tokenizer, model: str, family: str) -> int:
    """The token with which a text begins. Raises `UnfitModel` without one."""
    found = tokenizer.bos_id if isinstance(tokenizer, Beginning) else None
    if found is None:
        raise UnfitModel(f"{model}: its tokenizer names no bos_token, and {family} needs one")
    return found


def one_line(step: str) -> str:
    """A step whose own lines are joined: the end of a line is the end of a step."""
    return SPACE.sub(" ", step.strip())
