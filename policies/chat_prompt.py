"""The prompt of a problem: chat turns, rendered by the tokenizer's own template."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from policies.checks import fault
from policies.tokenizer import Tokenizer

SLOT = "{question}"
TAG = re.compile(r"<[^<>\s]{1,40}>")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FewShot:
    """A worked example: a user turn, made by the prompt template, and the answer to it."""

    question: str
    solution: str


def check_template(template: str) -> None:
    """Raise ValueError unless the template has one slot for the question."""
    if template.count(SLOT) != 1:
        hint = "the question takes its place"
        raise fault("prompt_template", template, f"a text with one {SLOT}", hint)


class ChatPrompt:
    """Makes prompts, each once.

    `system` None leaves the system turn to the chat template. The question takes the place of the
    template's one `{question}`, literally, whatever braces it contains. `special_tokens_seen`
    counts the special tokens that questions contained as text; the tokenizer encodes them as
    ordinary characters, so they cannot change the roles.
    """

    def __init__(
        self, tokenizer: Tokenizer, system: str | None, template: str, few_shots: Sequence[FewShot]
    ) -> None:
        self.special_tokens_seen = 0
        self._tokenizer = tokenizer
        self._before, self._after = template.split(SLOT)
        self._opening = [] if system is None else [_turn("system", system)]
        for shot in few_shots:
            self._opening.append(self._user(shot.question))
            self._opening.append(_turn("assistant", shot.solution))
        self.ids = lru_cache(maxsize=4096)(self._render)

    def _render(self, question: str) -> tuple[int, ...]:
        """Token ids of the prompt, up to where the assistant begins to speak."""
        tags = TAG.findall(question)
        if found := sum(self._tokenizer.token_id(tag) is not None for tag in tags):
            self.special_tokens_seen += found
            log.info("%d special tokens in a question are taken as plain text", found)
        return self._tokenizer.chat([*self._opening, self._user(question)])

    def _user(self, question: str) -> dict[str, str]:
        return _turn("user", f"{self._before}{question}{self._after}")


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
