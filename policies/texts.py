"""The policy `qwen` over an API that knows texts alone.

A step has no token ids, only its text. `max_tokens` holds for each request, because nobody tells
how many tokens a path has; a loop is not looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engines.engine import Describing, EngineError, Facts, Finish, Refused, Stepping
from engines.texts import TextEngine, TextGeneration, TextRequest
from policies.chat_prompt import ChatTurns
from policies.own_stops import OwnStops
from policies.segmentation import Segmenter
from policies.unusable import Unusable
from search.core import Spent, Step, StopReason
from search.gather import gather
from search.ports import ENDED, Failure, FailureKind, PolicyCall, PolicyReply
from search.questions import Until
from search.seeds import call_seed

if TYPE_CHECKING:
    from policies.qwen_config import QwenConfig


PAUSES = 16
"""So often a step is gone past a stop that is no boundary; then it is cut."""


class Characters:
    """A tokenizer for cutting texts: each character is a token. No model ever sees its ids."""

    eos_ids: tuple[int, ...] = ()

    def encode(self, text: str) -> tuple[int, ...]:
        """The code points."""
        return tuple(map(ord, text))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of code points."""
        return "".join(map(chr, ids))

    def token_id(self, token: str) -> int | None:
        """A character's own."""
        return ord(token) if len(token) == 1 else None

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """All contents."""
        return self.encode("".join(message["content"] for message in messages))


class TextPolicy:
    """Draws solutions, or steps where the API goes on with a text."""

    def __init__(self, config: QwenConfig, engine: TextEngine) -> None:
        self.config = config
        self.engine = engine
        self._turns = ChatTurns(
            config.system_prompt, config.prompt_template, config.few_shots, config.feedback_template
        )
        self._segmenter = Segmenter(config.segmentation, Characters())
        self._own = OwnStops(config.sampling.stop, self._segmenter)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when the API is gone."""
        return await gather(self._reply(call) for call in batch)

    def engine_steps(self) -> int:
        """See `Stepping`; 0 where the engine cannot tell."""
        return self.engine.engine_steps() if isinstance(self.engine, Stepping) else 0

    def describe(self) -> Facts:
        """See `Describing`; nothing where the engine says nothing."""
        return self.engine.describe() if isinstance(self.engine, Describing) else {}

    async def close(self) -> None:
        """Free the engine."""
        await self.engine.close()

    async def _reply(self, call: PolicyCall) -> PolicyReply | Failure:
        try:
            if call.path.stopped:
                raise Unusable(FailureKind.INVALID, ENDED)
            grow = self._solution if call.until is Until.END else self._one_step
            steps, spent = await grow(call)
        except EngineError:
            raise
        except Unusable as error:
            return error.about(call.path)
        return PolicyReply(call.path.grow(call.child, steps), spent, not self._is_greedy(call))

    async def _solution(self, call: PolicyCall) -> tuple[tuple[Step, ...], Spent]:
        """All steps to the end."""
        made = await self._complete(self._request(call, "", self.config.sampling.max_tokens))
        return self._split(made.text, made.finish), made.spent

    async def _one_step(self, call: PolicyCall) -> tuple[tuple[Step, ...], Spent]:
        """The next step: as `Qwen` draws it, but that requests are counted, not tokens."""
        sampling, text, spent = self.config.sampling, "", Spent()
        most = min(sampling.max_tokens, sampling.max_step_tokens or sampling.max_tokens)
        stride, stops = self._segmenter.stride, self._segmenter.stops
        for attempt in range(max(1, -(-most // stride)) if stride else PAUSES):
            limit = min(most, stride or most)
            request = self._request(call, text, limit, attempt=attempt, stop=stops)
            try:
                made = await self._complete(request)
            except Unusable as error:
                raise error.after(spent) from None
            text, spent = text + made.text, spent + made.spent
            if (end := self._own.end(call.path.text, tuple(map(ord, text)))) is not None:
                return self._split(text[:end], Finish.EOS)[:1], spent
            paused = made.finish is Finish.STOP or (made.finish is Finish.LENGTH and stride)
            if paused and (step := self._segmenter.first(tuple(map(ord, text)))):
                return (replace(step, token_ids=()),), spent
            if not paused:
                return self._split(text, made.finish)[:1], spent
        return self._split(text, Finish.LENGTH)[:1], spent

    def _split(self, text: str, finish: Finish) -> tuple[Step, ...]:
        """The steps of a text that ended so."""
        stop = StopReason.STEP_END if finish is Finish.STOP else StopReason(finish.value)
        if not text:  # the model ended its turn and said nothing more
            return (Step("", (), stop),)
        steps = self._segmenter.split(tuple(map(ord, text)), stop)
        return tuple(replace(step, token_ids=()) for step in steps)

    async def _complete(self, request: TextRequest) -> TextGeneration:
        (made,) = await self.engine.complete([request])
        if isinstance(made, Refused):
            kind = FailureKind.UNAVAILABLE if made.again else FailureKind.INVALID
            raise Unusable(kind, made.message, made.spent)
        nothing = not (made.text or request.begun or made.finish is Finish.LENGTH)
        if made.finish is Finish.ABORT or nothing:
            # No fault of the model's: as a solution that is cut it would count as a wrong one. One
            # that is cut in a thought that the API hides is cut, though nothing is seen of it.
            message = f"the API gave no text, finish {made.finish}"
            raise Unusable(FailureKind.UNAVAILABLE, message, made.spent)
        return made

    def _request(
        self,
        call: PolicyCall,
        text: str,
        limit: int,
        *,
        attempt: int = 0,
        stop: tuple[str, ...] = (),
    ) -> TextRequest:
        problem = call.path.problem
        turns = tuple(self._turns.turns(problem.question, call.feedback, problem.history))
        begun, sampling = call.path.text + text, self.config.sampling
        ends = self._own.told(begun)
        if self._is_greedy(call):
            return TextRequest(turns, begun, limit, temperature=0.0, stop=stop, ends=ends)
        seed = call_seed(call.seed, attempt) if attempt else call.seed
        temperature, top_p = sampling.temperature, sampling.top_p
        return TextRequest(turns, begun, limit, temperature, top_p, seed, stop, ends)

    def _is_greedy(self, call: PolicyCall) -> bool:
        return call.greedy or self.config.sampling.temperature == 0
