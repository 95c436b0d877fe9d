"""The world of the doubles: questions that are sums, the steps that are right, their lengths.

The question alone says which value and which answer are right (`right_value`, `right_answer`), so
any list of questions is a dataset for a scripted policy, and a scripted scorer can tell a wrong
step from a right one (`is_right_step`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from random import Random

from search.core import Step
from search.seeds import call_seed

FILLER = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "kite")
NUMBER = re.compile(r"[0-9]{1,15}")
BOXED = re.compile(r"\\boxed\{([0-9]+)\}")
VALUE = re.compile(r"the value so far is ([0-9]+)")


def right_answer(question: str) -> str:
    """The sum of the whole numbers in the question; without any, a number hashed from its text.

    `What is 3 + 4 + 15?` has the right answer `22`.
    """
    numbers = [int(number) for number in NUMBER.findall(question)]
    return str(sum(numbers) if numbers else call_seed(0, "answer", question) % 1000)


def right_value(question: str, index: int) -> int:
    """The value, from 100 to 999, that step `index` (from 0) must state."""
    return 100 + call_seed(0, "value", question, index) % 900


def is_right_step(question: str, steps: Sequence[Step], index: int) -> bool:
    """Whether step `index` (from 0) is right: it states no value or answer but the right one.

    A scripted solution with a wrong step does not end in the right answer.
    """
    text = steps[index].text
    if answer := BOXED.search(text):
        return answer[1] == right_answer(question)
    value = VALUE.search(text)
    return value is None or int(value[1]) == right_value(question, index)


def lognormal(mean: float, cv: float, rng: Random) -> float:
    """A lognormal number with this mean and coefficient of variation (0: the mean itself)."""
    variance = math.log1p(cv * cv)
    return rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))
