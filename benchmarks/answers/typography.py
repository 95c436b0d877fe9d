r"""An answer without its typography: two texts with the same normal form mean the same.

Unicode signs become LaTeX or ASCII, delimiters, styles and invisible characters go. Letter case and
the words in `\text{…}` stay: they mean something.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
SPACES = re.compile("[\t\r\n\u00a0\u2000-\u200a\u202f\u205f\u3000]")
WIDE = re.compile("[\uff01-\uff5e\uffe0-\uffe6\U0001d400-\U0001d7ff]")
VULGAR = re.compile("[\u00bc-\u00be\u2150-\u215e]")
SUPERSCRIPTS = re.compile("[\u00b2\u00b3\u00b9\u2070\u2074-\u207b]+")
SUBSCRIPTS = re.compile("[\u2080-\u208b]+")

SIGNS = {
    "−": "-",
    "–": "-",
    "‐": "-",
    "‑": "-",
    "⁄": "/",
    "∕": "/",
    "÷": "/",
    "×": r"\times ",
    "·": r"\cdot ",
    "⋅": r"\cdot ",
    "∙": r"\cdot ",
    "±": r"\pm ",
    "∞": r"\infty ",
    "π": r"\pi ",
    "θ": r"\theta ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "∈": r"\in ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∅": r"\emptyset ",
    "→": r"\to ",
    "…": r"\ldots ",
    "°": r"^\circ ",
    "º": r"^\circ ",
    "˚": r"^\circ ",
    "′": "'",
    "’": "'",
}
GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "ζ": "zeta",
    "η": "eta",
    "ι": "iota",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "µ": "mu",
    "ν": "nu",
    "ξ": "xi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "φ": "phi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
    "Γ": "Gamma",
    "Δ": "Delta",
    "Θ": "Theta",
    "Λ": "Lambda",
    "Π": "Pi",
    "Σ": "Sigma",
    "Φ": "Phi",
    "Ψ": "Psi",
    "Ω": "Omega",
    "\u2126": "Omega",
}
SIGNS |= {sign: rf"\{name} " for sign, name in GREEK.items()}
SIGN = re.compile("|".join(map(re.escape, SIGNS)))
ROOT_SIGN = re.compile(r"√ ?(?:\((?P<group>[^()]*)\)|(?P<item>[0-9]+(?:\.[0-9]+)?|[A-Za-z]))")
ROOT_WORD = re.compile(r"(?<![\\A-Za-z])sqrt ?\((?P<group>[^()]*)\)")

DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"))
STYLE = r"(?:mathbf|boldsymbol|bm|mathsf|mathtt|mathit|mathnormal|displaystyle|textstyle|bf|it|rm)"
LETTER = r"\\(?:mathrm|text|textrm|mathbf|boldsymbol|bm|mathsf|mathit)\{[ ~]*([A-Za-z])[ ~]*\}"
FUNCTIONS = "sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|ln|log|exp|gcd|lcm|max|min"
WRITTEN = "sin|cos|tan|arcsin|arccos|arctan|ln|log|exp"
"""What is also written without a backslash, before its argument."""
REWRITES = (
    (re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|limits)(?![A-Za-z])"), ""),
    (re.compile(r"\\!|(?<=[0-9])\\[,:;](?=[0-9])"), ""),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\([%$#&])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\(?:varnothing|O)(?![A-Za-z])"), r"\\emptyset"),
    (re.compile(r"\\(?:leqslant|leq)(?![A-Za-z])"), r"\\le"),
    (re.compile(r"\\(?:geqslant|geq)(?![A-Za-z])"), r"\\ge"),
    (re.compile(r"\\neq(?![A-Za-z])"), r"\\ne"),
    (re.compile(r"\\(?:rightarrow|longrightarrow)(?![A-Za-z])"), r"\\to"),
    (re.compile(r"\\(?:dots|cdots|dotsc)(?![A-Za-z])"), r"\\ldots"),
    (re.compile(r"(?<=[0-9])\^ ?(?:o|\{ ?o ?\})(?![A-Za-z])"), r"^\\circ "),
    (re.compile(r"\^ ?(?:\{ ?\\circ ?\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])"), r"^\\circ "),
    (re.compile(rf"\\(?:operatorname|mathrm|text|textrm)\*?\{{ ?({FUNCTIONS}) ?\}}"), r"\\\1 "),
    (re.compile(rf"(?<![\\A-Za-z])({WRITTEN})(?= ?[(0-9_^\\])"), r"\\\1 "),
    (re.compile(r"(?<![\\A-Za-z])pi(?![A-Za-z])"), r"\\pi "),
    (re.compile("<="), r"\\le "),
    (re.compile(">="), r"\\ge "),
    (re.compile(r"(?<=[0-9A-Za-z)}])\*\*(?=[0-9({-])"), "^"),
    (re.compile(r"(?<=[0-9]) ?[xX] ?(?=10\^)"), r"\\times "),
    (re.compile(r"(?<=[)\]]) ?U ?(?=[(\[])"), r"\\cup "),
    (re.compile(r"\\lg(?![A-Za-z])"), r"\\log_{10}"),
    (re.compile(LETTER), r" \1 "),
    (re.compile(rf"\\{STYLE}(?![A-Za-z]) ?"), ""),
    (re.compile(r"(?:(?<!\\)\\[,;: ]|\\q?quad(?![A-Za-z])|~|\s)+"), " "),
)
"""In this order."""
TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|textsf|texttt|mathrm|mbox|emph)\{([^{}]*)\}")
BOXED = re.compile(r"\\(?:boxed|fbox)\{(.*)\}")
SPACE = re.compile(r"(?<!\\)\\ ")
STOP = re.compile(r"(?<!\\)\s*[.,;]+$")
"""What ends a sentence is no part of the answer."""
NO_DIGITS = re.compile(r"(?<![0-9]) +| +(?![0-9])")
TIGHT = re.compile(r" ?([^\w\\ (,;:.'\"\-)}\]]) ?| ([)}\]])")
"""A sign that stands the same with a space beside it: of the others it may mean more."""


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    r"""The answer without its typography.

    `\dfrac12` is `\frac12`, `２` is `2`, `½` is `\frac{1}{2}`, `**5**.` and `\boxed{5}` are `5`.
    What stands in `\text{…}` stays there, unless it is the whole answer. Linear in the length.
    """
    text = SPACE.sub(" ", _plain_signs(text)).strip()
    for _ in range(3):  # wrappers in wrappers
        bare = _unwrapped(text)
        if bare == text:
            break
        text = bare
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    text = TIGHT.sub(r"\1\2", " ".join(text.split()))
    for _ in range(3):
        bare = _unwrapped(text)
        if bare == text:
            break
        text = bare
    return text


@lru_cache(maxsize=8192)
def squeezed(text: str) -> str:
    """The normal form without spaces: what two texts share that say the same signs."""
    return tight(words_of(normalise(text)))


def tight(text: str) -> str:
    """The text without spaces, but for those between digits: `4 2` is not `42`."""
    return NO_DIGITS.sub("", text)


def words_of(text: str) -> str:
    r"""The text with what stands in `\text{…}` as plain words."""
    while (bare := TEXT.sub(r" \1 ", text)) != text:
        text = bare
    return " ".join(text.split())


def _plain_signs(text: str) -> str:
    if text.isascii():
        return text
    text = SPACES.sub(" ", INVISIBLE.sub("", text))
    text = VULGAR.sub(_vulgar, SUPERSCRIPTS.sub(_raised, SUBSCRIPTS.sub(_lowered, text)))
    text = WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), text)
    text = SIGN.sub(lambda sign: SIGNS[sign[0]], text)
    return ROOT_SIGN.sub(_root, text).replace("√", r"\sqrt")


def _unwrapped(text: str) -> str:
    """The text without a pair of delimiters around all of it."""
    text = ROOT_WORD.sub(_root, STOP.sub("", text.strip()))
    for opening, closing in DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        whole = len(text) > len(opening) + len(closing) and text == opening + inner + closing
        if whole and closing not in inner.replace(r"\$", ""):
            return inner.strip()
    boxed = BOXED.fullmatch(text)
    if boxed and _balanced(boxed[1]):
        return boxed[1].strip()
    if text.startswith("{") and text.endswith("}") and _balanced(text[1:-1]):
        return text[1:-1].strip()
    if whole_text := TEXT.fullmatch(text):
        return whole_text[1].strip()
    return text


def _balanced(text: str) -> bool:
    """Whether braces open and close within the text."""
    depth = 0
    for character in text.replace(r"\{", "").replace(r"\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0


def _vulgar(sign: re.Match[str]) -> str:
    over, _, under = unicodedata.normalize("NFKC", sign[0]).partition("⁄")
    return rf"\frac{{{over}}}{{{under}}}" if under else sign[0]


def _raised(signs: re.Match[str]) -> str:
    return f"^{{{unicodedata.normalize('NFKC', signs[0]).replace('−', '-')}}}"


def _lowered(signs: re.Match[str]) -> str:
    return f"_{{{unicodedata.normalize('NFKC', signs[0]).replace('−', '-')}}}"


def _root(sign: re.Match[str]) -> str:
    groups = sign.groupdict()
    return rf"\sqrt{{{groups.get('group') or groups.get('item')}}}"
