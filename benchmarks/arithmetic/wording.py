"""English for arithmetic chains: a story with one sentence per operation, or one formula."""

import random
from collections.abc import Sequence

Stated = tuple[str, int]
"""An operation as the text states it: its symbol and its operand."""

NAMES = {
    "Mia": "She", "Nora": "She", "Ella": "She", "Ruth": "She", "Zoe": "She",
    "Tom": "He", "Ben": "He", "Omar": "He", "Leo": "He", "Hugo": "He",
}  # fmt: skip
THINGS = ("apples", "coins", "cards", "books", "stamps", "shells", "beads", "pens", "marbles")

OPENINGS = ("{name} has {b} {things}.", "{name} starts with {b} {things}.")
ENDINGS = (
    "How many {things} does {name} have now?",
    "How many {things} are left in the end?",
)
SENTENCES = {
    "+": (
        "{who} buys {b} more.",
        "{who} finds {b} {things}.",
        "{who} gets {b} from a friend.",
        "Then {b} more {things} are added.",
    ),
    "-": (
        "{who} gives away {b}.",
        "{who} loses {b} {things}.",
        "{who} sells {b} of them.",
        "Then {b} of the {things} are taken away.",
    ),
    "*": (
        "The number grows to {b} times as many.",
        "{who} trades them for {b} times as many {things}.",
        "Then the {things} are multiplied by {b}.",
    ),
    "/": (
        "{who} makes {b} equal groups and keeps one group.",
        "{who} shares them equally among {b} people and keeps one share.",
        "Then the {things} are divided by {b}.",
    ),
}
FORMULAS = ("What is {formula}?", "Work out {formula}.", "Find the value of {formula}.")


def word_story(rng: random.Random, start: int, operations: Sequence[Stated]) -> str:
    """Returns a story that states the start value and then one operation per sentence."""
    name = rng.choice(list(NAMES))
    words = {"name": name, "who": NAMES[name], "things": rng.choice(THINGS)}
    sentences = [rng.choice(OPENINGS).format(b=start, **words)]
    for symbol, operand in operations:
        sentences.append(rng.choice(SENTENCES[symbol]).format(b=operand, **words))
    return " ".join([*sentences, rng.choice(ENDINGS).format(**words)])


def word_expression(rng: random.Random, start: int, operations: Sequence[Stated]) -> str:
    """Returns a request to evaluate the chain as a formula, parenthesised only where needed."""
    formula, loose = str(start), False
    for symbol, operand in operations:
        tight = symbol in "*/"
        formula = f"({formula})" if tight and loose else formula
        formula, loose = f"{formula} {symbol} {operand}", not tight
    return rng.choice(FORMULAS).format(formula=formula)
