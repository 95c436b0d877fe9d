r"""Finding the verdicts in a verification chain: every `\boxed{correct}` and `\boxed{incorrect}`.

Pure: token ids and raw log-probabilities in, readings out. A verdict is one token right after the
`{` of a `\boxed`; the words in prose are none. Its probability comes from the raw log-probabilities
of the two words at that position.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate

from engines.tokenizer import Tokenizer
from scorers.odds import log_odds
from scorers.readings import ChainReading, Verdict, settle
from scorers.step_labels import label_of
from scorers.verdict_ids import VerdictIds

OPEN_BOX = re.compile(r"\\boxed ?(?:\{\\[a-zA-Z]{1,12} ?)?\{$")
r"""What stands before a verdict: `\boxed{` or `\boxed{\text{`."""
OPEN_BOX_LENGTH = 25
"""The most characters that `OPEN_BOX` matches."""
AFTER_WORD = ("", "}", " ", ".")
r"""What may stand after it; `\boxed{correct/incorrect}` is talk about the format."""
END_OF_BOX = re.compile(r"[}*$)\].,;]{0,8}")
"""What still belongs to a verdict: braces, emphasis, a full stop."""

LONGEST_RUN = 16
"""So many tokens that each end within a character are no characters at all."""


class ChainReader:
    """Reads the chains of one verifier."""

    def __init__(self, tokenizer: Tokenizer, verdict_ids: VerdictIds) -> None:
        self._ids = verdict_ids
        self._decode = cache(tokenizer.decode)

    def read(
        self,
        ids: Sequence[int],
        logprobs: Sequence[Mapping[int, float]],
        steps: int,
        *,
        labels: int = 0,
        lead: str = "",
        truncated: bool = False,
    ) -> ChainReading:
        """Read one chain.

        Args:
            ids: its tokens.
            logprobs: per token, the raw log-probabilities of the step verdict tokens.
            steps: how many steps the solution has.
            labels: the highest step number that its text writes; verdicts beyond it are invented.
            lead: the text that the prompt put before the chain (`Step 1:`).
            truncated: whether the chain was cut before its end.
        """
        verdicts = list(self.verdicts(ids, logprobs, lead))
        return settle(verdicts, steps, max(steps, labels), len(ids), truncated=truncated)

    def verdicts(
        self, ids: Sequence[int], logprobs: Sequence[Mapping[int, float]], lead: str = ""
    ) -> Iterator[Verdict]:
        """All boxed verdicts in order, whatever step they are on."""
        pieces = self.pieces(ids)
        text = lead + "".join(pieces)
        starts = list(accumulate(map(len, pieces), initial=len(lead)))
        begin = 0
        for position, (token, odds) in enumerate(zip(ids, logprobs, strict=True)):
            if token not in self._ids.step:
                continue
            box = box_before(text, starts[position], starts[position + 1])
            value = log_odds(odds, self._ids.correct, self._ids.incorrect)
            if box is None or value is None:
                continue
            end = end_of_box(text, starts[position + 1])
            yield Verdict(
                label=label_of(text[begin:box]),
                log_odds=value,
                incorrect=token in self._ids.incorrect,
                critique=text[begin:end].strip(),
                tokens=bisect_left(starts, end),
            )
            begin = end

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each token; a character of several tokens is the text of the last of them."""
        pieces: list[str] = []
        pending: tuple[int, ...] = ()
        for token in ids:
            pending += (token,)
            piece = self._decode(pending)
            whole = not piece.endswith("\ufffd") or len(pending) == LONGEST_RUN
            pieces.append(piece if whole else "")
            pending = () if whole else pending
        if pending:
            pieces[-1] = self._decode(pending)
        return pieces


def box_before(text: str, start: int, end: int) -> int | None:
    r"""Where the `\boxed` of the word `text[start:end]` begins, None where it is in no box."""
    if text[end : end + 1] not in AFTER_WORD:
        return None
    opening = OPEN_BOX.search(text, max(0, start - OPEN_BOX_LENGTH), start)
    return opening.start() if opening else None


def end_of_box(text: str, word_end: int) -> int:
    """Where the verdict ends whose word ends at `word_end`."""
    closing = END_OF_BOX.match(text, word_end)
    return closing.end() if closing else word_end
