r"""How a solution is cut into steps: runs of generated tokens, whose text is their decoding.

Rules that hold for every kind:
- The steps' tokens, concatenated, are the generated tokens.
- No step is blank: a blank run of text joins the step before it, at the start the step after it.
- A token that spans a boundary goes whole to the earlier step, and so do the tokens that complete
  a character begun by it. So the separator of a token such as `.\n\n` ends the step it follows.
- An end-of-turn token belongs to the last step's tokens, not to its text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from engines.tokenizer import Tokenizer
from search.checks import check_choice, fault
from search.core import Step, StopReason
from search.structured_protocol import STEP_ENDS

KINDS = ("blank_line", "step_marker", "regex", "whole", "tagged")
STRIDE = 32
"""Tokens between two looks for a boundary where no stop string announces one."""


@dataclass(frozen=True)
class Segmentation:
    """The `segmentation:` keys of a policy."""

    kind: Literal["blank_line", "step_marker", "regex", "whole", "tagged"] = "blank_line"
    """`blank_line`: a step ends after a blank line. `step_marker`: a step begins at a line such as
    `Step 3:`, `## Step 3:` or `**Step 3.**`; text before the first marker is a step of its own.
    `regex`: a step ends where a match of `pattern` ends. `whole`: the solution is one step.
    `tagged`: the sections of a structured response, planning, monitoring, evaluation and output."""
    pattern: str | None = None
    r"""`regex` only, where it must be given: a regular expression of Python's `re`. Write a
    lookahead, as in `\n(?=\d+\. )`, to keep a marker with the step it opens."""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        if (self.kind == "regex") != (self.pattern is not None):
            allowed = "a pattern" if self.kind == "regex" else f"null with kind {self.kind}"
            raise fault("pattern", self.pattern, allowed, "only kind regex takes one")
        if self.pattern is not None:
            _check_pattern(self.pattern)


def _check_pattern(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise fault("pattern", pattern, "a regular expression", str(error)) from None
    if compiled.search(""):
        hint = "a boundary consists of at least one character, or looks at one"
        raise fault("pattern", pattern, "a pattern that does not match the empty text", hint)


@dataclass(frozen=True, slots=True)
class _Boundary:
    """Where steps end: at the end of each match.

    `settled` is for text that is complete, `growing` for text that was stopped to look, where a
    marker may have only begun. `stops` are the strings at which an engine stops to look.
    """

    settled: re.Pattern[str]
    growing: re.Pattern[str]
    stops: tuple[str, ...]


_HEAD = r"^(?=(?:#{1,6}[ \t]*)?(?:\*\*)?Step"
_NUMBER = r"[ \t]+\d+[ \t]*[:.](?!\d)"
_BLANK_LINE = re.compile(r"\n\s*\n")
_SECTION_END = re.compile("|".join(map(re.escape, STEP_ENDS)))
_LITERAL = re.compile(r"(?:[^\\.^$*+?{}\[\]|()]|\\n|\\t)+")


def _boundary(config: Segmentation) -> _Boundary | None:
    match config.kind:
        case "blank_line":
            return _Boundary(_BLANK_LINE, _BLANK_LINE, ("\n\n",))
        case "step_marker":
            heads = ("", "# ", "## ", "### ", "#### ")
            stops = (f"\n{head}{bold}Step" for head in heads for bold in ("", "**"))
            begun = rf"{_HEAD}(?:{_NUMBER}|[ \t]*\d*[ \t]*\Z))"
            return _Boundary(
                re.compile(rf"{_HEAD}{_NUMBER})", re.MULTILINE),
                re.compile(begun, re.MULTILINE),
                tuple(stops),
            )
        case "regex":
            assert config.pattern is not None
            pattern = re.compile(config.pattern)
            plain = _LITERAL.fullmatch(config.pattern)
            text = config.pattern.replace(r"\n", "\n").replace(r"\t", "\t")
            return _Boundary(pattern, pattern, (text,) if plain else ())
        case "tagged":
            return _Boundary(_SECTION_END, _SECTION_END, STEP_ENDS)
        case "whole":
            return None


class Segmenter:
    """Cuts generated tokens into steps.

    `stops`: strings at which an engine should stop so that one step can be cut off; `stride`: how
    many tokens it may generate before a boundary is looked for, None for no limit.
    """

    def __init__(self, config: Segmentation, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._boundary = _boundary(config)
        self._eos_ids = frozenset(tokenizer.eos_ids)
        self._decode = lru_cache(maxsize=1 << 17)(tokenizer.decode)
        self.stops = self._boundary.stops if self._boundary else ()
        self.stride = STRIDE if self._boundary and not self.stops else None

    def split(self, ids: Sequence[int], stop: StopReason) -> tuple[Step, ...]:
        """All steps of a generation that ended for the reason `stop`; `ids` is not empty."""
        body = ids[:-1] if ids[-1] in self._eos_ids else ids
        pieces = list(self.pieces(body))
        text = "".join(piece for _, piece in pieces)
        ends = [*self._cuts(pieces, text, growing=False), (len(ids), len(text))]
        steps, token, char = [], 0, 0
        for token_end, char_end in ends:
            reason = StopReason.STEP_END if token_end < len(ids) else stop
            steps.append(Step(text[char:char_end], tuple(ids[token:token_end]), reason))
            token, char = token_end, char_end
        return tuple(steps)

    def first(self, ids: Sequence[int]) -> Step | None:
        """The first step of a generation that was stopped to look; None: it has not ended yet.

        What follows it in `ids` is overshoot.
        """
        pieces = list(self.pieces(ids))
        text = "".join(piece for _, piece in pieces)
        for token, char in self._cuts(pieces, text, growing=True):
            return Step(text[:char], tuple(ids[:token]), StopReason.STEP_END)
        return None

    def of(self, config: Segmentation) -> Segmenter:
        """One that cuts otherwise, over the same tokenizer."""
        return Segmenter(config, self._tokenizer)

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens, none of them an end of a turn that is left out."""
        return "".join(piece for _, piece in self.pieces(ids))

    def through(self, ids: Sequence[int], characters: int) -> int:
        """How many tokens hold so many characters of the text, all of a character's own."""
        length = 0
        for token, piece in self.pieces(ids):
            length += len(piece)
            if length >= characters:
                return token
        return len(ids)

    def pieces(self, ids: Sequence[int]) -> Iterator[tuple[int, str]]:
        """The text in pieces that end between characters, each with the number of tokens so far.

        The tokens of one character stay together, so that no piece holds a part of it.
        """
        start = 0
        for end in range(1, len(ids) + 1):
            piece = self._decode(tuple(ids[start:end]))
            if end == len(ids) or not piece.endswith("\N{REPLACEMENT CHARACTER}"):
                yield end, piece
                start = end

    def _cuts(
        self, pieces: Sequence[tuple[int, str]], text: str, *, growing: bool
    ) -> Iterator[tuple[int, int]]:
        """Each inner boundary as (tokens, characters) before it.

        While the text is still growing a boundary may be its end.
        """
        if self._boundary is None:
            return
        pattern = self._boundary.growing if growing else self._boundary.settled
        char_ends = []
        last = 0
        for _, piece in pieces:
            last += len(piece)
            char_ends.append(last)
        start = 0
        for match in pattern.finditer(text):
            if not text[start : match.end()].strip():
                continue
            index = bisect_left(char_ends, match.end())
            end = char_ends[index]
            if text[end:].strip() or growing:
                yield pieces[index][0], end
                start = end
