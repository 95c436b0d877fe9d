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


class ChatTurns:
    """Makes the turns of a prompt.

    `system` None leaves the system turn to whoever renders them. The question takes the place of
    the template's one `{question}`, literally, whatever braces it contains. Feedback, where there
    is some, stands between the question and the turn that the prompt opens. The history of a
    question stands between the worked examples and it, as it was said; what it says as `system` is
    added to the system turn: templates have room for one, at the beginning.
    """

    def __init__(
        self,
        system: str | None,
        template: str,
        few_shots: Sequence[FewShot],
        feedback_template: str = TEMPLATE,
    ) -> None:
        self._before, self._after = template.split(SLOT)
        self._feedback_template = feedback_template
        self._opening = [] if system is None else [_turn(SYSTEM, system)]
        for shot in few_shots:
            self._opening.append(self._user(shot.question))
            self._opening.append(_turn("assistant", shot.solution))

    def turns(
        self, question: str, feedback: Feedback | None = None, history: Sequence[Turn] = ()
    ) -> list[dict[str, str]]:
        """All turns up to where the assistant begins to speak."""
        return [*self.opened(history), *self.asked(question, feedback, history)]

    def opened(self, history: Sequence[Turn]) -> list[dict[str, str]]:
        """The system turn and the worked examples, with what the conversation says as system."""
        more = [turn.content for turn in history if turn.role == SYSTEM]
        if not more:
            return self._opening
        own = [turn for turn in self._opening if turn["role"] == SYSTEM]
        system = "\n\n".join([*(turn["content"] for turn in own), *more])
        return [_turn(SYSTEM, system), *self._opening[len(own) :]]

    def asked(
        self, question: str, feedback: Feedback | None, history: Sequence[Turn] = ()
    ) -> list[dict[str, str]]:
        """Those of them that are of this question and of what was said before it."""
        said = [_turn(turn.role, turn.content) for turn in history if turn.role != SYSTEM]
        told = feedback_turns(feedback, self._feedback_template) if feedback else []
        return [*said, self._user(question), *told]

    def _user(self, question: str) -> dict[str, str]:
        return _turn("user", f"{self._before}{question}{self._after}")


class ChatPrompt(ChatTurns):
    """Makes prompts of these turns as token ids, each once.

    `special_tokens_seen` counts the special tokens that the texts contained; the tokenizer encodes
    them as ordinary characters, so they cannot change the roles.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        system: str | None,
        template: str,
        few_shots: Sequence[FewShot],
        feedback_template: str = TEMPLATE,
    ) -> None:
        super().__init__(system, template, few_shots, feedback_template)
        self.special_tokens_seen = 0
        self._tokenizer = tokenizer
        self._cached = lru_cache(maxsize=1024)(self._render)

    def ids(
        self, question: str, feedback: Feedback | None = None, history: tuple[Turn, ...] = ()
    ) -> tuple[int, ...]:
        """Token ids of the prompt, up to where the assistant begins to speak."""
        return self._cached(question, feedback, history)

    def _render(
        self, question: str, feedback: Feedback | None, history: tuple[Turn, ...]
    ) -> tuple[int, ...]:
        turns = self.asked(question, feedback, history)
        tags = TAG.findall("\n".join(turn["content"] for turn in turns))
        if found := sum(self._tokenizer.token_id(tag) is not None for tag in tags):
            self.special_tokens_seen += found
            log.info("%d special tokens in a prompt's texts are taken as plain text", found)
        return self._tokenizer.chat([*self.opened(history), *turns])


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
