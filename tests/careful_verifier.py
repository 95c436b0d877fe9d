r"""A verifier that says the same of the same steps, behind ThinkPRM's prompt and reading.

What it writes of a step depends on the problem and on the steps up to there, never on those after
it: so the chain of a prefix is the start of that of the whole, and goes on from it token by token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from engines.byte_tokenizer import END
from engines.engine import Request
from engines.scripted_engine import ScriptedEngine
from recorded_chains import CORRECT, INCORRECT, NO, TOKENIZER, YES
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig

PROMPT = re.compile(
    r"\[Math Problem\]\n\n(?P<problem>.*)\n\n\[Solution\]\n\n(?P<solution>.*)\n\n"
    r"Review and .*<think>\n(?P<chain>.*)\Z",
    re.DOTALL,
)
STEP = re.compile(r"^Step \d+: ", re.MULTILINE)
BABBLE = TOKENIZER.encode("well, let me see. " * 40)
"""What it says where it cannot judge: it is stopped for repeating itself, or at the limit."""


@dataclass(frozen=True)
class Asked:
    """What a prompt holds: the problem, the steps so far, and what of the chain stands there."""

    problem: str
    steps: tuple[str, ...]
    written: tuple[int, ...]

    @classmethod
    @cache
    def of(cls, prompt: tuple[int, ...]) -> Asked:
        found = PROMPT.search(TOKENIZER.decode(prompt))
        assert found
        _, *steps = map(str.strip, STEP.split(found["solution"]))
        return cls(found["problem"], tuple(steps), TOKENIZER.encode(found["chain"]))

    def chance(self, steps: int, *about: str) -> float:
        """A number from 0 to 1 that depends on the problem, its first steps and what it is for."""
        names = repr((self.problem, self.steps[:steps], about))
        digest = blake2b(names.encode("utf-8", "surrogatepass"), digest_size=4).digest()
        return int.from_bytes(digest, "big") / 2**32


class CarefulEngine(ScriptedEngine):
    """Judges each step by chance, that is by a hash. `odd`: it babbles of every so many-th prefix.

    It remembers no prompts, so that what a call costs does not depend on those before it.
    """

    def __init__(self, odd: int = 0) -> None:
        super().__init__(
            self._say, (END,), odds=self._odds_of, max_model_len=16384, block_size=1 << 20
        )
        self.odd = odd

    def _say(self, request: Request) -> Sequence[int]:
        asked = Asked.of(request.prompt)
        if request.sampling.allowed_ids:
            return (YES,)
        whole, written = self.chain(asked), asked.written
        if whole[: len(written)] != written:
            return BABBLE
        return (*whole[len(written) :], END)

    def _odds_of(self, request: Request, ids: tuple[int, ...]) -> Mapping[int, float]:
        asked, pair = Asked.of(request.prompt), (CORRECT, INCORRECT)
        judged = sum(token in pair for token in asked.written + ids)
        if request.sampling.allowed_ids:
            judged, pair = len(asked.steps), (YES, NO)
        p = 0.02 + 0.96 * asked.chance(judged + 1, "sure")
        return {pair[0]: math.log(p), pair[1]: math.log(1 - p)}

    def chain(self, asked: Asked) -> tuple[int, ...]:
        """What it would write of these steps in all."""
        if self.odd and asked.chance(len(asked.steps), "odd") < 1 / self.odd:
            return BABBLE
        said = ""
        for number in range(1, len(asked.steps) + 1):
            right = asked.chance(number, "right") < 0.7
            doubt = "so it is " if asked.chance(number, "doubt") < 0.5 else ""
            said += f"Step {number}: {doubt}\\boxed{{{'correct' if right else 'incorrect'}}}\n"
            if not right:
                break
        return TOKENIZER.encode(said)


def careful(odd: int = 0, **settings: Any) -> tuple[ThinkPrm, CarefulEngine]:
    """The scorer, and its engine."""
    engine = CarefulEngine(odd)
    config = ThinkPrmConfig("m", max_tokens=600, **settings)
    return ThinkPrm(config, engine, TOKENIZER), engine
