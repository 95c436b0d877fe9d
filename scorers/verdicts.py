r"""Finding the verdicts in a verification chain: every `\boxed{correct}` and `\boxed{incorrect}`.

Pure: token ids and raw log-probabilities in, readings out. A verdict is a word in a `\boxed`; the
words in prose are none. Its probability comes from the raw log-probabilities of the two words at
the first token of the word, which decides between them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import accumulate, pairwise

from engines.tokenizer import Tokenizer
from scorers.boxes import Box, boxes
from scorers.log_odds import log_odds
from scorers.non_verdicts import is_doubtful, non_verdicts
from scorers.readings import BoxedVerdict, ChainReading, settle
from scorers.step_alignment import align
from scorers.step_labels import Clues, clues
from scorers.verdict_ids import VerdictIds

LONGEST_RUN = 16
"""So many tokens that each end within a character are no characters at all."""
PLAIN = str.maketrans("\r\u00a0\u2009\u202f\u3000：", "     :")
"""Other spaces and colons, each for the one that the patterns know; no character moves."""
PUT = re.compile(r"(?P<before>\}{0,3}\s{0,4})Step \d+:")
"""What stands before the text of a step that was put into a chain (`scorers.prompt`)."""
LABEL_BEHIND = 40
"""So many characters behind a box are looked at for its label."""


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
        early_stop: bool = False,
        rounds: Sequence[int] = (0,),
        passes: Sequence[int] = (0,),
        given: Sequence[tuple[int, int]] = (),
        shown: int = 0,
    ) -> ChainReading:
        """Read one chain.

        Args:
            ids: its tokens.
            logprobs: per token, the raw log-probabilities of the step verdict tokens.
            steps: how many steps the solution has.
            labels: the highest step number that its text writes; verdicts beyond it are invented.
            lead: the text that the prompt put before the chain (`Step 1:`).
            truncated: whether the chain was cut before its end.
            early_stop: whether each pass counts up to the first step that it calls incorrect only.
            rounds: the tokens at which it begins to verify, again and again: each round is a text
                of its own, in which steps are found.
            passes: as for `settle`; each round begins one.
            given: as for `of_parts`.
            shown: as for `of_parts`.
        """
        parts = self.of_parts(ids, logprobs, steps, lead, rounds, given, shown)
        verdicts = list(parts)
        return settle(
            verdicts,
            steps,
            max(steps, labels),
            len(ids),
            truncated=truncated,
            early_stop=early_stop,
            passes=passes,
        )

    def of_parts(
        self,
        ids: Sequence[int],
        logprobs: Sequence[Mapping[int, float]],
        steps: int,
        lead: str,
        rounds: Sequence[int] = (0,),
        given: Sequence[tuple[int, int]] = (),
        shown: int = 0,
    ) -> Iterator[BoxedVerdict]:
        """The verdicts of a chain in order; each of its rounds is a text of its own.

        Or, where steps were put into it, from and to the tokens in `given`, what follows each of
        them is. `shown` steps stand in its prompt where that was made for fewer than these; what is
        written of them is read as it was for these alone.
        """
        begins = [0, *(begin for begin, _ in given)] if given else rounds
        for index, (begin, end) in enumerate(pairwise([*begins, len(ids)])):
            quoted = given[index - 1][1] - begin if given and index else 0
            own = self.verdicts(
                ids[begin:end],
                logprobs[begin:end],
                shown + index if shown else steps,
                "" if begin else lead,
                quoted,
            )
            for verdict in own:
                tokens, word = verdict.tokens + begin, verdict.word + begin
                yield replace(verdict, tokens=tokens, word=word) if begin else verdict

    def verdicts(
        self,
        ids: Sequence[int],
        logprobs: Sequence[Mapping[int, float]],
        steps: int,
        lead: str = "",
        quoted: int = 0,
    ) -> Iterator[BoxedVerdict]:
        """All boxed verdicts in order, each with the step that it is on.

        Talk of the format and verdicts on the solution as a whole are none, and nothing is in the
        step that the first `quoted` tokens put there.
        """
        pieces = self.pieces(ids)
        written = lead + "".join(pieces)
        text = written.translate(PLAIN)
        first = 0
        head = PUT.match(text) if quoted else None
        if head:
            first, step_end = head.end("before"), len("".join(pieces[:quoted]))
            text = text[: head.end()] + blank(step_end - head.end()) + text[step_end:]
        starts = list(accumulate(map(len, pieces), initial=len(lead)))
        found = list(boxes(text))
        aside = non_verdicts(text, found)
        real = [box for box in found if box not in aside]
        for (begin, end), box, aligned in zip(
            pairwise([first, *(box.end for box in real)]),
            real,
            align(surroundings(text, real), steps),
            strict=True,
        ):
            position = bisect_right(starts, box.word_start) - 1
            yield BoxedVerdict(
                step=aligned.step,
                log_odds=self._odds(ids[position], logprobs[position]),
                incorrect=box.incorrect,
                critique=written[begin:end].strip(),
                tokens=bisect_left(starts, box.end),
                word=bisect_left(starts, box.word_end),
                sure=aligned.sure and not is_doubtful(text, box),
            )

    def _odds(self, token: int, logprobs: Mapping[int, float]) -> float | None:
        """What the model gave the two words where it wrote one of them.

        None where the token is no known beginning of either: its probability was not asked for.
        """
        if token not in self._ids.step:
            return None
        return log_odds(logprobs, self._ids.correct, self._ids.incorrect)

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


def blank(length: int) -> str:
    """In the place of a text of so many characters: it says nothing, and has ended."""
    return " " * (length - 1) + "." if length > 0 else ""


def surroundings(text: str, real: Sequence[Box]) -> list[Clues]:
    """The clues of each verdict: what stands before it, from the verdict before, and behind it."""
    begins = [0, *(box.end for box in real)]
    return [
        clues(text[begin : box.start], text[box.end : box.end + LABEL_BEHIND])
        for begin, box in zip(begins, real, strict=False)
    ]
