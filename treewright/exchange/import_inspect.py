"""Samples of an inspect_ai log, read as completions.

A problem is all samples with an id: the completions are their `output.choices`, epoch after epoch.
A sample that failed has none and is left out. The question is the input, or the last message of the
user in it. What its scorers made of it is not read. Source: UKGovernmentBEIS/inspect_ai,
src/inspect_ai/log/_log.py and model/_model_output.py, version 0.3.285.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.datasets import DatasetError
from benchmarks.datasets.files import RawRow
from search.core import StopReason
from search.wording import counted
from treewright.exchange.inspect_log import samples_in
from treewright.exchange.translated import (
    COMPLETIONS,
    OURS,
    SCORES,
    STOPS,
    TOKENS,
    GivenRows,
    fault,
    given,
    listed,
    objects,
)

STOPPED = {
    "max_tokens": StopReason.LENGTH,
    "model_length": StopReason.LENGTH,
    "content_filter": StopReason.ABORT,
    "tool_calls": StopReason.ABORT,
}
"""Of its stop reasons, those by which a solution is not finished."""
ATTACHED = "attachment://"
ALIGNED = (COMPLETIONS, SCORES, STOPS, TOKENS)


@dataclass(slots=True)
class Epochs:
    """The samples with one id: the first, and by epoch the row that each makes."""

    number: int
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def joined(self) -> RawRow:
        """One row of all epochs."""
        rows = [self.rows[epoch] for epoch in sorted(self.rows)]
        lists = {name: [each for row in rows for each in row[name]] for name in ALIGNED}
        return RawRow(self.number, {**rows[0], **lists}, "", b"")


def inspect_rows(path: Path) -> GivenRows:
    """One row per problem. Raises `DatasetError`."""
    found: dict[object, Epochs] = {}
    empty = 0
    for number, sample in enumerate(samples_in(path), 1):
        fields = objects(sample, number, "the sample")
        id, epoch = fields.get("id"), fields.get("epoch")
        if not isinstance(id, int | str) or not isinstance(epoch, int):
            raise fault(number, "has no id or no epoch", "is it a log of inspect_ai?")
        row = _given(number, fields)
        if row is None:
            empty += 1
        elif epoch in found.setdefault(id, Epochs(number)).rows:
            raise fault(number, f"is epoch {epoch} of sample {id}, as another is", "remove one")
        else:
            found[id].rows[epoch] = row
    if not found:
        what = f"has no sample with an output, of {counted(empty, 'sample')}"
        raise DatasetError(str(path), what, "did its evaluation succeed?")
    notes = [f"note: left out, they have no output: {counted(empty, 'sample')}"] if empty else []
    return GivenRows([each.joined() for each in found.values()], notes)


def _given(number: int, fields: dict[str, Any]) -> dict[str, Any] | None:
    output = objects(fields.get("output") or {}, number, "output")
    choices = [
        objects(each, number, "a choice (output.choices)")
        for each in listed(output.get("choices") or [], number, "output.choices")
    ]
    if not choices:
        return None
    attached = fields.get("attachments")
    said = _Said(number, attached if isinstance(attached, dict) else {})
    messages = [objects(each.get("message"), number, "a choice's message") for each in choices]
    metadata = objects(fields.get("metadata") or {}, number, "metadata")
    aside = metadata.get(OURS)
    row = given(
        said.question(fields.get("input")),
        _target(fields.get("target")),
        fields["id"] if isinstance(fields["id"], str) else None,
        [said.text(each.get("content"), "a choice's content") for each in messages],
        aside,
        about=metadata,
        tokens=_tokens(output, len(choices)),
    )
    stops = [STOPPED.get(str(each.get("stop_reason")), StopReason.EOS).value for each in choices]
    return {TOKENS: [None] * len(choices), STOPS: stops, **row}


def _target(target: object) -> object:
    """The reference answer, None for none. Several stay a list, which is no answer to a reader."""
    answer = target[0] if isinstance(target, list) and len(target) == 1 else target
    return answer or None


def _tokens(output: Mapping[str, Any], choices: int) -> list[int | None]:
    """How many tokens were generated; they are not told apart where there are several choices."""
    usage = output.get("usage")
    count = usage.get("output_tokens") if isinstance(usage, dict) and choices == 1 else None
    return [count] if isinstance(count, int) and not isinstance(count, bool) else []


@dataclass(frozen=True, slots=True)
class _Said:
    """Reads the texts of a sample, of which long ones may be attached to it."""

    number: int
    attached: Mapping[str, object]

    def question(self, given: object) -> str:
        """The input, or what the user said last in it."""
        if isinstance(given, list):
            said = [each for each in given if isinstance(each, dict) and each.get("role") == "user"]
            if not said:
                raise fault(self.number, "has no message of a user in its input")
            given = said[-1].get("content")
        return self.text(given, "the input")

    def text(self, content: object, what: str) -> str:
        """A text, or the parts of one that are text: what was thought before is none."""
        if isinstance(content, list):
            parts = [each.get("text") for each in content if isinstance(each, dict)]
            return "".join(self.text(part, what) for part in parts if isinstance(part, str))
        if not isinstance(content, str):
            raise fault(self.number, f"{what} is not a text")
        if content.startswith(ATTACHED):
            whole = self.attached.get(content.removeprefix(ATTACHED), content)
            return whole if isinstance(whole, str) else content
        return content
