"""What a dataclass says of its keys: the sentence under each field, its attribute docstring.

Python does not keep it, so it is read in the source, that of one's own parts too. Where there is
none at hand, nothing is said.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent

END = re.compile(r"(?<=[.!?])(?<!\bal\.) (?=[A-Z`(])")


def summary(text: str | None) -> str:
    """The first sentence of a docstring, without its full stop; empty where there is none."""
    paragraph = " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())
    return END.split(paragraph)[0].rstrip(".")


def paragraphs(text: str | None) -> list[str]:
    """Those of a docstring, each on one line."""
    return [" ".join(each.split()) for each in inspect.cleandoc(text or "").split("\n\n") if each]


def sentences(kind: type) -> Mapping[str, str]:
    """What stands under each field of a dataclass, or of one that it derives from, on one line."""
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        said |= _own(base)
    return said


@cache
def _own(kind: type) -> Mapping[str, str]:
    try:
        (found,) = ast.parse(dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # built in, or made at run time
        return {}
    assert isinstance(found, ast.ClassDef)
    return {
        field.target.id: " ".join(under.value.value.split())
        for field, under in pairwise(found.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(under, ast.Expr)
        and isinstance(under.value, ast.Constant)
        and isinstance(under.value.value, str)
    }
