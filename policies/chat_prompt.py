"""The prompt of a problem: chat turns, rendered by the tokenizer's own template."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from engines.tokenizer import Tokenizer
from policies.feedback import TEMPLATE, feedback_turns
from search.checks import fault
from search.core import Feedback, Turn

SLOT = "{question}"
SYSTEM = "system"
TAG = re.compile(r"<[^<>\s]{1,40}>")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FewShot:
    """A worked example: a user turn, made by the prompt template, and the answer to it."""

    question: str
    """What is asked; `prompt_template` makes a user turn of it."""
    solution: str
    """The answer to it, word for word."""


def check_template(template: str) -> None:
    """Raise ValueError unless the template has one slot for the question."""
    if template.count(SLOT) != 1:
        hint = "the question takes its place"
        raise fault("prompt_template", template, f"a text with one {SLOT}", hint)


class ChatPrompt:
    """Makes prompts, each once.

    `system` None leaves the system turn to the chat template. The question takes the place of the
    template's one `{question}`, literally, whatever braces it contains. Feedback, where there is
    some, stands between the question and the turn that the prompt opens. `special_tokens_seen`
    counts the special tokens that these texts contained; the tokenizer encodes them as ordinary
    characters, so they cannot change the roles.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        system: str | None,
        template: str,
        few_shots: Sequence[FewShot],
        feedback_template: str = TEMPLATE,
    ) -> None:
        self.special_tokens_seen = 0
        self._tokenizer = tokenizer
        self._before, self._after = template.split(SLOT)
        self._feedback_template = feedback_template
        self._opening = [] if system is None else [_turn(SYSTEM, system)]
        for shot in few_shots:
            self._opening.append(self._user(shot.question))
            self._opening.append(_turn("assistant", shot.solution))
        self._cached = lru_cache(maxsize=1024)(self._render)

    def ids(
        self, question: str, feedback: Feedback | None = None, history: tuple[Turn, ...] = ()
    ) -> tuple[int, ...]:
        """Token ids of the prompt, up to where the assistant begins to speak.

        `history` stands between the worked examples and the question, as it was said. What it says
        as `system` is added to the system turn: templates have room for one, at the beginning.
        """
        return self._cached(question, feedback, history)

    def _render(
        self, question: str, feedback: Feedback | None, history: tuple[Turn, ...]
    ) -> tuple[int, ...]:
        told = feedback_turns(feedback, self._feedback_template) if feedback else []
        said = [_turn(turn.role, turn.content) for turn in history if turn.role != SYSTEM]
        turns = [*said, self._user(question), *told]
        tags = TAG.findall("\n".join(turn["content"] for turn in turns))
        if found := sum(self._tokenizer.token_id(tag) is not None for tag in tags):
            self.special_tokens_seen += found
            log.info("%d special tokens in a prompt's texts are taken as plain text", found)
        return self._tokenizer.chat([*self._opened(history), *turns])

    def _opened(self, history: tuple[Turn, ...]) -> list[dict[str, str]]:
        """The system turn and the worked examples, with what the conversation says as system."""
        more = [turn.content for turn in history if turn.role == SYSTEM]
        if not more:
            return self._opening
        own = [turn for turn in self._opening if turn["role"] == SYSTEM]
        system = "\n\n".join([*(turn["content"] for turn in own), *more])
        return [_turn(SYSTEM, system), *self._opening[len(own) :]]

    def _user(self, question: str) -> dict[str, str]:
        return _turn("user", f"{self._before}{question}{self._after}")


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
