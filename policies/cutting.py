"""Where a draw pauses, and which steps its tokens are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from policies.segmentation import Segmentation, Segmenter
from policies.thinking import Phase, Thinking, phase
from search.core import Step, StopReason
from search.thought import END_OF_THINK, THINK

Ids = Sequence[int]


class Cut(Protocol):
    """Of the tokens that one call draws; `ids` are those so far."""

    def stops(self, ids: Ids) -> tuple[str, ...]:
        """Where the engine pauses."""
        ...

    def left(self, ids: Ids) -> int:
        """How many tokens may follow before it must be looked at; none: it is cut."""
        ...

    def is_pause(self, stop: StopReason, ids: Ids) -> bool:
        """Whether it may go on after the engine stopped so."""
        ...

    def first(self, ids: Ids) -> Step | None:
        """The step that was asked for, once it has ended at a boundary."""
        ...

    def split(self, ids: Ids, stop: StopReason) -> tuple[Step, ...]:
        """What is returned of a draw that ended so."""
        ...


class Whole:
    """A solution to its end."""

    def __init__(self, segmenter: Segmenter, room: int) -> None:
        self._segmenter, self._room = segmenter, room

    def stops(self, ids: Ids) -> tuple[str, ...]:
        """See `Cut`."""
        return ()

    def left(self, ids: Ids) -> int:
        """See `Cut`."""
        return self._room - len(ids)

    def is_pause(self, stop: StopReason, ids: Ids) -> bool:
        """See `Cut`."""
        return stop is StopReason.STEP_END

    def first(self, ids: Ids) -> Step | None:
        """See `Cut`."""
        return None

    def split(self, ids: Ids, stop: StopReason) -> tuple[Step, ...]:
        """See `Cut`."""
        return self._segmenter.split(ids, stop)


class OneStep(Whole):
    """The next step."""

    def stops(self, ids: Ids) -> tuple[str, ...]:
        """See `Cut`."""
        return self._segmenter.stops

    def left(self, ids: Ids) -> int:
        """See `Cut`."""
        return min(self._room - len(ids), self._segmenter.stride or self._room)

    def is_pause(self, stop: StopReason, ids: Ids) -> bool:
        """See `Cut`."""
        return stop in (StopReason.STEP_END, StopReason.LENGTH)

    def first(self, ids: Ids) -> Step | None:
        """See `Cut`."""
        return self._segmenter.first(ids)

    def split(self, ids: Ids, stop: StopReason) -> tuple[Step, ...]:
        """See `Cut`."""
        return super().split(ids, stop)[:1]


class Thoughtful:
    """A solution or a step of a model that thinks.

    Args:
        thinking: what is cut into steps.
        segmenter: how.
        said: the text before, from where the thought begins or would; all of it, thought and all.
        thought: tokens of it that are of the thought.
        room: how many tokens may follow.
        most: tokens of the longest step, a thought that is not shown aside; None: no limit.
        whole: whether the solution is drawn to its end.
    """

    def __init__(
        self,
        thinking: Thinking,
        segmenter: Segmenter,
        said: str,
        thought: int,
        room: int,
        most: int | None,
        *,
        whole: bool,
    ) -> None:
        self._thinking, self._said, self._thought = thinking, said, thought
        self._room, self._most, self._is_whole = room, most, whole
        self._segmenter = segmenter
        self._uncut = segmenter.of(Segmentation("whole"))
        self._begun = phase(said)

    def stops(self, ids: Ids) -> tuple[str, ...]:
        """See `Cut`; a whole solution pauses after a thought that has a limit of its own."""
        where = self._phase(ids)
        if where is Phase.ANSWER:
            return () if self._is_whole else self._cutter(where).stops
        if self._is_whole:
            return (END_OF_THINK,) if self._thinking.max_tokens else ()
        return (END_OF_THINK, *self._cutter(where).stops)

    def left(self, ids: Ids) -> int:
        """See `Cut`."""
        where = self._phase(ids)
        thought, answer, _ = self._parts(ids)
        limits = [self._room - len(ids)]
        if where is not Phase.ANSWER and self._thinking.max_tokens:
            limits.append(self._thinking.max_tokens - self._thought - len(thought))
        if not self._is_whole and (stride := self._cutter(where).stride):
            limits.append(stride)
        shown = where is Phase.ANSWER or self._thinking.steps != "answer"
        if not self._is_whole and self._most and shown:
            counted = answer if self._thinking.steps == "answer" else ids
            limits.append(self._most - len(counted))
        return max(0, min(limits))

    def is_pause(self, stop: StopReason, ids: Ids) -> bool:
        """See `Cut`."""
        if self._is_whole:
            return stop is StopReason.STEP_END
        return stop in (StopReason.STEP_END, StopReason.LENGTH)

    def first(self, ids: Ids) -> Step | None:
        """See `Cut`."""
        if self._is_whole:
            return None
        thought, answer, closed = self._parts(ids)
        if thought and self._thinking.steps != "answer":
            step = self._segmenter.first(thought)
            return step or (
                self._segmenter.split(thought, StopReason.STEP_END)[0] if closed else None
            )
        if not answer:
            return None
        step = self._cutter(Phase.ANSWER).first(answer)
        return replace(step, token_ids=(*thought, *step.token_ids)) if step else None

    def split(self, ids: Ids, stop: StopReason) -> tuple[Step, ...]:
        """See `Cut`. One that ends its turn within the thought is no solution: `INVALID`."""
        thought, answer, closed = self._parts(ids)
        if stop is StopReason.EOS and thought and not closed:
            stop = StopReason.INVALID
        made = self._cutter(Phase.ANSWER).split(answer, stop) if answer else ()
        if not thought:
            steps = made
        elif self._thinking.steps != "answer":
            ends = StopReason.STEP_END if made else stop
            steps = (*self._segmenter.split(thought, ends), *made)
        elif made:
            steps = (replace(made[0], token_ids=(*thought, *made[0].token_ids)), *made[1:])
        else:
            steps = (Step("", tuple(thought), stop),)
        return steps if self._is_whole else steps[:1]

    def _phase(self, ids: Ids) -> Phase:
        if self._begun is Phase.ANSWER:
            return self._begun
        return phase(self._said + self._segmenter.text(ids))

    def _cutter(self, where: Phase) -> Segmenter:
        """What cuts the text there."""
        cuts = {
            Phase.OPENING: True,  # nobody knows yet
            Phase.THOUGHT: self._thinking.steps != "answer",
            Phase.ANSWER: self._thinking.steps != "thought",
        }
        return self._segmenter if cuts[where] else self._uncut

    def _parts(self, ids: Ids) -> tuple[Ids, Ids, bool]:
        """Tokens of the thought, those after it, and whether it is closed."""
        where = self._phase(ids)
        if self._begun is Phase.ANSWER:
            return (), ids, True
        text = self._said + self._segmenter.text(ids)
        if where is not Phase.ANSWER:
            return ids, (), False
        if not text.lstrip().startswith(THINK):  # it does not think
            return (), ids, True
        end = text.index(END_OF_THINK) + len(END_OF_THINK) - len(self._said)
        tokens = self._segmenter.through(ids, end)
        return ids[:tokens], ids[tokens:], True
