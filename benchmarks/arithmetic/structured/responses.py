"""Whole responses: the sections in their tags, their steps, and some that break the format."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.arithmetic.corpus import policy_prompt
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.reasoning import Reasoning
from benchmarks.arithmetic.structured.vocabulary import SYSTEM
from policies.structured import PROMPT_TEMPLATE
from scorers.step_texts import untagged
from search.structured_protocol import EVALUATION, MONITORING, OUTPUT, PLANNING, STEP_ENDS, TAGS

Response = tuple[ChoiceProblem, str]
"""A question and what the policy wrote."""


def prompt(question: str) -> str:
    """Returns the policy's prompt for a question with its options."""
    return policy_prompt(PROMPT_TEMPLATE.replace("{question}", question), SYSTEM)


def split_steps(response: str) -> list[str]:
    """Returns the steps of a response as the structured policy's segmentation has them."""
    ends = "|".join(f"(?<={end})" for end in STEP_ENDS)
    return [step for step in re.split(ends, response) if step.strip()]


def read_steps(choice: ChoiceProblem, response: str) -> list[str]:
    """Returns the steps of a response as the verifier sees them."""
    return untagged(choice.question, split_steps(response), 0)


def tagged(name: str, text: str) -> str:
    """Returns a section."""
    return f"<{name}>{text}</{name}>"


@dataclass(frozen=True)
class Sections:
    """The texts of a response's sections."""

    planning: str
    monitoring: str
    evaluation: str
    output: str

    @classmethod
    def of(cls, said: Reasoning) -> "Sections":
        """The sections of well-formed reasoning."""
        return cls(said.planning, said.monitoring, said.evaluation, str(said.output))

    @property
    def thought(self) -> str:
        """Planning and monitoring in their tags."""
        return tagged(PLANNING, self.planning) + tagged(MONITORING, self.monitoring)

    @property
    def text(self) -> str:
        """The response."""
        thought = self.thought + tagged(EVALUATION, self.evaluation)
        return f"<think>{thought}</think>{tagged(OUTPUT, self.output)}"


def write_response(said: Reasoning) -> str:
    """Returns a response that keeps the format."""
    return Sections.of(said).text


def break_format(rng: Random, said: Reasoning) -> str:
    """Returns a response that says the same and breaks the format in one way, drawn uniformly."""
    return MALFORMED[rng.choice(sorted(MALFORMED))](rng, Sections.of(said))


def _missing_tag(rng: Random, said: Sections) -> str:
    return said.text.replace(rng.choice(TAGS[1:]), "")


def _duplicate_tag(rng: Random, said: Sections) -> str:
    tag = rng.choice(TAGS[1:])
    return said.text.replace(tag, tag + tag)


def _tag_order(_: Random, said: Sections) -> str:
    evaluation, output = tagged(EVALUATION, said.evaluation), tagged(OUTPUT, said.output)
    return f"<think>{said.thought}</think>{evaluation}{output}"


def _leading_text(_: Random, said: Sections) -> str:
    return f"Let us plan.{said.text}"


def _trailing_text(_: Random, said: Sections) -> str:
    return f"{said.text} This is the answer."


def _text_between_tags(_: Random, said: Sections) -> str:
    return said.text.replace("<monitoring>", " Now compute.<monitoring>")


def _empty_section(_: Random, said: Sections) -> str:
    return said.text.replace(said.evaluation, "...")


def _short_section(_: Random, said: Sections) -> str:
    return said.text.replace(said.evaluation, f"It is option {said.output}.")


def _placeholder_phrase(_: Random, said: Sections) -> str:
    return said.text.replace(said.evaluation, f"{said.evaluation} Now check correctness.")


def _bullet_placeholder(_: Random, said: Sections) -> str:
    return said.text.replace(said.planning, f"{said.planning}\n- ...")


def _output_not_option(_: Random, said: Sections) -> str:
    return said.text.replace(tagged(OUTPUT, said.output), tagged(OUTPUT, f"option {said.output}"))


MALFORMED: Mapping[str, Callable[[Random, Sections], str]] = {
    "missing_tag": _missing_tag,
    "duplicate_tag": _duplicate_tag,
    "tag_order": _tag_order,
    "leading_text": _leading_text,
    "trailing_text": _trailing_text,
    "text_between_tags": _text_between_tags,
    "empty_section": _empty_section,
    "short_section": _short_section,
    "placeholder_phrase": _placeholder_phrase,
    "bullet_placeholder": _bullet_placeholder,
    "output_not_option": _output_not_option,
}
"""By the reason for which each is rejected."""
