"""The tokens that ThinkPRM's verdicts are read from, found in and checked against the tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engines.tokenizer import Tokenizer, TokenizerError

BOX = r"\boxed{"
QUESTION = "Is the solution correct?"
LETTERS = 3
"""With so many letters a token begins one of the two words and hardly another."""


class UnfitTokenizer(TokenizerError):
    """This is no ThinkPRM tokenizer. One line: the model, the token, what is wrong."""


@dataclass(frozen=True, slots=True)
class VerdictIds:
    r"""Ids of the verdict tokens; the first of each is the trained form, variants follow.

    `correct` and `incorrect` begin the word in a `\boxed`: `correct`, ` Correct`, `COR`. `yes` and
    `no`, with their leading space, stand right after the closing question. The four sets are
    disjoint. `halts` are those of `incorrect` at which a chain may be stopped: the whole word, and
    not with the space before it, as it stands in prose.
    """

    correct: tuple[int, ...]
    incorrect: tuple[int, ...]
    yes: tuple[int, ...]
    no: tuple[int, ...]
    halts: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, tokenizer: Tokenizer, model: str = "the verifier", *, variants: bool = True
    ) -> VerdictIds:
        """Look the tokens up and check that a verdict is a decision of one token.

        `variants` adds the other spellings: `Correct`, ` correct`, `CORRECT`, by the first token of
        each, and `yes` and the like, where they are one token. Raises `UnfitTokenizer`.
        """
        check_space(tokenizer, model)
        correct = spellings(tokenizer, BOX, ("correct", "Correct"), model)
        incorrect = spellings(tokenizer, BOX, ("incorrect", "Incorrect"), model)
        found = cls(
            unique(correct + beginnings(tokenizer, BOX, "correct")),
            unique(incorrect + beginnings(tokenizer, BOX, "incorrect")),
            spellings(tokenizer, QUESTION, (" Yes", " yes", "Yes", "yes"), model),
            spellings(tokenizer, QUESTION, (" No", " no", "No", "no"), model),
            incorrect,
        )
        if variants:
            return found
        return cls(*(ids[:1] for ids in (found.correct, incorrect, found.yes, found.no, incorrect)))

    @property
    def step(self) -> tuple[int, ...]:
        """The tokens of a step verdict."""
        return self.correct + self.incorrect

    @property
    def whole(self) -> tuple[int, ...]:
        """The tokens of the verdict on the whole prefix."""
        return self.yes + self.no


def spellings(
    tokenizer: Tokenizer, before: str, words: tuple[str, ...], model: str
) -> tuple[int, ...]:
    """The ids of those `words` that are one token after `before`; the first of them must be."""
    trained, *others = (one_token(tokenizer, before, word) for word in words)
    if trained is None:
        pieces = [tokenizer.decode((token,)) for token in tokenizer.encode(before + words[0])]
        raise UnfitTokenizer(
            f"{model}: {words[0]!r} after {before!r} is not one token (its tokenizer gives "
            f"{pieces}), so ThinkPRM's verdict cannot be read: use a ThinkPRM checkpoint"
        )
    return (trained, *(token for token in others if token is not None))


def one_token(tokenizer: Tokenizer, before: str, word: str) -> int | None:
    """The id of `word` where it is one token after `before`, else None."""
    token = tokenizer.encode(before + word)[-1]
    return token if tokenizer.decode((token,)) == word else None


def beginnings(tokenizer: Tokenizer, before: str, word: str) -> tuple[int, ...]:
    """The first tokens of the spellings of `word`, with and without a space before it.

    A token of fewer than `LETTERS` letters is no beginning of this word more than of others.
    """
    base = tokenizer.encode(before)
    found: list[int] = []
    for spelled in (word, word.title(), word.upper()):
        for spelling in (spelled, f" {spelled}"):
            ids = tokenizer.encode(before + spelling)
            if ids[: len(base)] == base and len(ids) > len(base):
                text = tokenizer.decode(ids[len(base) : len(base) + 1])
                if spelling.startswith(text) and len(text.strip()) >= LETTERS:
                    found.append(ids[len(base)])
    return tuple(found)


def unique(ids: Iterable[int]) -> tuple[int, ...]:
    """Each of them once, in order."""
    return tuple(dict.fromkeys(ids))


def check_space(tokenizer: Tokenizer, model: str) -> None:
    """A tokenizer loaded as the wrong class loses leading spaces: ` Yes` would be read as `Yes`."""
    ids = tokenizer.encode(" Yes")
    text = tokenizer.decode(ids)
    if text != " Yes":
        raise UnfitTokenizer(
            f"{model}: ' Yes' comes back from its tokenizer as {text!r} (ids {list(ids)}): the "
            "tokenizer was loaded as another class; keep config.json beside tokenizer.json"
        )
    if tokenizer.encode("correct") == tokenizer.encode(" correct"):
        raise UnfitTokenizer(
            f"{model}: 'correct' and ' correct' have the same ids {list(ids)}, so a boxed verdict "
            "cannot be told from prose: keep config.json beside tokenizer.json"
        )


def required_id(tokenizer: Tokenizer, token: str, model: str) -> int:
    """The id of a token that the model must have. Raises `UnfitTokenizer`."""
    found = tokenizer.token_id(token)
    if found is None:
        raise UnfitTokenizer(
            f"{model}: its vocabulary has no token {token!r}: use a ThinkPRM checkpoint"
        )
    return found
