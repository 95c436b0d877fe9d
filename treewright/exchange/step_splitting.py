"""The steps of a completion of which only the text and the number of step scores are known.

search-and-learn keeps no step boundaries. Its verifiers split at a blank line (RLHFlow,
Math-Shepherd) or at every line (Skywork), and some leave out what is blank.
"""

from __future__ import annotations

SEPARATORS = ("\n\n", "\n")


def split_steps(text: str, scores: int) -> tuple[list[str], bool]:
    """Steps that join to `text`, and whether they are as many as the scores by one of those rules.

    There is at least one step, and one per score where there are scores. A single score is of the
    whole text. Where no rule fits, the last step takes what is left, or steps without text are
    added: the scores stay as they are, the boundaries are a guess.
    """
    plain = _merged(_pieces(text, SEPARATORS[0]))
    if scores == 0:
        return plain, True
    for separator in SEPARATORS:
        pieces = _pieces(text, separator)
        for steps in (pieces, _merged(pieces)):
            if len(steps) == scores:
                return steps, True
    if scores == 1:
        return [text], True
    if len(plain) > scores:
        return [*plain[: scores - 1], "".join(plain[scores - 1 :])], False
    return plain + [""] * (scores - len(plain)), False


def _pieces(text: str, separator: str) -> list[str]:
    """The parts of a text, each with the separator that ends it."""
    *ended, last = text.split(separator)
    return [*(part + separator for part in ended), last]


def _merged(pieces: list[str]) -> list[str]:
    """The pieces, blank ones joined to the piece before them, or at the start to the one after."""
    steps: list[str] = []
    for piece in pieces:
        if steps and not (piece.strip() and steps[-1].strip()):
            steps[-1] += piece
        else:
            steps.append(piece)
    return steps
