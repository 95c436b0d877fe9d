"""The tokens that ThinkPRM's verdicts are read from, found in and checked against the tokenizer."""

from __future__ import annotations

from dataclasses import dataclass

from engines.tokenizer import Tokenizer, TokenizerError

BOX = r"\boxed{"
QUESTION = "Is the solution correct?"


class UnfitTokenizer(TokenizerError):
    """This is no ThinkPRM tokenizer. One line: the model, the token, what is wrong."""


@dataclass(frozen=True, slots=True)
class VerdictIds:
    r"""Ids of the verdict tokens; the first of each is the trained form, variants follow.

    `correct` and `incorrect` stand right after the `{` of a `\boxed`; `yes` and `no`, with their
    leading space, right after the closing question. The four sets are disjoint.
    """

    correct: tuple[int, ...]
    incorrect: tuple[int, ...]
    yes: tuple[int, ...]
    no: tuple[int, ...]

    @classmethod
    def of(
        cls, tokenizer: Tokenizer, model: str = "the verifier", *, variants: bool = True
    ) -> VerdictIds:
        """Look the tokens up and check that a verdict is a decision of one token.

        `variants` adds the other spellings (`Correct`, `yes`) that are one token in this
        vocabulary. Raises `UnfitTokenizer`.
        """
        check_space(tokenizer, model)
        found = cls(
            spellings(tokenizer, BOX, ("correct", "Correct"), model),
            spellings(tokenizer, BOX, ("incorrect", "Incorrect"), model),
            spellings(tokenizer, QUESTION, (" Yes", " yes", "Yes", "yes"), model),
            spellings(tokenizer, QUESTION, (" No", " no", "No", "no"), model),
        )
        if variants:
            return found
        return cls(found.correct[:1], found.incorrect[:1], found.yes[:1], found.no[:1])

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
