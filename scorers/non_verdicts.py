r"""Boxed words that judge no step: talk of the format, and verdicts on the solution as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from scorers.boxes import Box
from scorers.step_labels import LISTED, MENTION, label_of

NEAR = 160
"""So many characters before a box are looked at; a sentence that introduces it is shorter."""
SENTENCE = re.compile(r"(?<=[.!?])[\s*]+|\n")
"""Where a sentence ends."""

CHOICE = re.compile(
    r"^[^\w\n]{0,8}[/|][^\w\n]{0,8}$|^\W{0,8}(?:if|when)\b"
    r"|\b(?:or|otherwise|else|vs|versus)\W{1,4}(?:\w{1,12} ){0,2}\W{0,4}$",
    re.IGNORECASE,
)
"""Between two boxes: not two verdicts, but the choice of one."""
OTHERWISE = re.compile(r"[^\w\n]{0,4}(?:otherwise|else|if|when)\b", re.IGNORECASE)
BETWEEN = 60
"""The most characters between the two boxes of a choice."""

DUTY = (
    r"\b(?:must|should|ha(?:ve|s) to|needs? to|supposed to|asked to|required to|told to|let me)\b"
)
WRITE = (
    r"\b(?:end|write|put|mark|label|answer|respond|state|use|give|output|conclude|box|report|say|"
    r"indicate|classify|judge)\b"
)
EVERY = r"\b(?:each|every)\b"
INSTRUCTION = re.compile(
    rf"{DUTY}.{{0,40}}{WRITE}.{{0,60}}{EVERY}|{EVERY}.{{0,60}}{DUTY}.{{0,40}}{WRITE}"
    rf"|{EVERY}.{{0,60}}, ?{WRITE}|\bformat\b.{{0,20}}$",
    re.IGNORECASE,
)
"""`I have to end each step with` before a box."""
OBJECT = re.compile(
    rf"(?:{WRITE}|\b(?:with|as|by|using|in|either|the step is|format|box)\b|:)[\s\"'`$(:]{{0,8}}$",
    re.IGNORECASE,
)
"""The box is what is to be written; in `they should use every term, so this is` it judges."""
THIS_STEP = re.compile(r"\b(?:this|that|current) step\b", re.IGNORECASE)
DUTY_TO_WRITE = re.compile(rf"{DUTY}.{{0,40}}{WRITE}", re.IGNORECASE)
FOR_EVERY = re.compile(rf"[^\w\n]{{0,4}}(?:\w{{1,12}} ){{0,3}}{EVERY}", re.IGNORECASE)
QUESTION = re.compile(r"[ \t*$\"'”’]{0,4}\?")
"""Behind a box: "Is it `\\boxed{incorrect}`? No" asks, and judges nothing yet."""
ASKS = (
    r"^(?:.{0,40}[:,])?\W{0,8}(?:(?:so|but|and|then|now|hmm|wait|well),? ){0,2}"
    r"(?:is|was|are|should|would|could|can|does|shall|must)\b"
)
DOUBT = re.compile(rf"\b(?:either|whether|format)\b|{EVERY}|{ASKS}", re.IGNORECASE)
"""In a sentence that may yet turn out to be talk."""

JUDGEMENT = r"(?:verification|verdict|judge?ment|assessment|evaluation|conclusion|decision|grade)"
WORK = r"(?:solution|proof|reasoning|argument|derivation|response|approach|answer)"
WHOLE = (
    rf"(?:(?:final|overall|concluding|whole) {JUDGEMENT}"
    rf"|(?:whole|entire|complete|full|overall|proposed|given|provided|student's) {WORK}"
    rf"|{WORK} as a whole|(?:the|this|their|its) (?:solution|proof|reasoning)"
    r"|all (?:(?:of )?the )?(?:\w{1,12} )?steps|overall(?:\W{1,4}(?:it|this|everything))?)"
)
MARKS = r"[\s:=*_$#\"'(\[\\-]{0,12}$"
SUMMARY = re.compile(
    rf"\b{WHOLE}(?:,? (?:is|are|was|seems?|appears?|as|has|contains|an?|no|thus|therefore|hence|"
    rf"to be|errors?|mistakes?)){{0,4}}{MARKS}"
    rf"|\b(?:final|overall) (?:answer|result|output|check|review|analysis|summary){MARKS}"
    rf"|\b(?:conclusion|summary)\*{{0,2}} ?:{MARKS}"
    r"|\b(?:all in all|altogether|in (?:conclusion|summary|short)|to (?:conclude|sum up))\b",
    re.IGNORECASE,
)
"""What introduces a verdict on the whole."""
ONE_STEP = re.compile(r"\b(?:this|the|that|current) (?:\w{1,12} )?step\b", re.IGNORECASE)
HEADING_LINE = re.compile(r"(?:^[ \t]{0,4}#|[:*_][ \t]{0,4}$)")


def non_verdicts(text: str, boxes: Sequence[Box]) -> set[Box]:
    """Those of the boxes that judge no step."""
    found = {pair for both in pairwise(boxes) if is_choice(text, *both) for pair in both}
    found |= {box for box in boxes if is_instruction(text, box) or is_question(text, box)}
    return found | summaries(text, boxes)


def summaries(text: str, boxes: Sequence[Box]) -> set[Box]:
    """The verdicts on the solution as a whole.

    A whole has one verdict: where the critiques of several steps each end in "Conclusion:", these
    are on the steps.
    """
    found: set[Box] = set()
    named: dict[Box, int] = {}
    for before, box in zip([None, *boxes], boxes, strict=False):
        if is_summary(text, box):
            found.add(box)
            label = label_of(text[before.end if before else 0 : box.start])
            if label and label.clear:
                named[box] = label.number
    return found - set(named) if len(set(named.values())) > 1 else found


def is_choice(text: str, one: Box, other: Box) -> bool:
    r"""Whether two boxes name what may be written: `\boxed{correct} or \boxed{incorrect}`."""
    between = text[one.word_end : other.start]
    if one.incorrect == other.incorrect or len(between) > BETWEEN:
        return False
    if "\n" in between or re.search(r"[.!?]\s", between) or MENTION.search(between):
        return False
    return bool(CHOICE.search(between) or OTHERWISE.match(text, other.end))


def is_instruction(text: str, box: Box) -> bool:
    """Whether a sentence says what has to be written in general."""
    lead = sentence_before(text, box)
    if MENTION.search(lead) or THIS_STEP.search(lead) or not OBJECT.search(lead):
        return False
    told = bool(DUTY_TO_WRITE.search(lead)) and bool(FOR_EVERY.match(text, box.end))
    return told or bool(INSTRUCTION.search(lead))


def is_question(text: str, box: Box) -> bool:
    """Whether the sentence of a box ends in a question mark right behind it."""
    return bool(QUESTION.match(text, box.end))


def is_summary(text: str, box: Box) -> bool:
    """Whether what introduces a box speaks of the solution, and of no step."""
    lead = sentence_before(text, box)
    if not re.search(r"\w", lead):
        lead = heading_before(text, box)
    if MENTION.search(lead) or ONE_STEP.search(lead) or LISTED.match(lead):
        return False
    return bool(SUMMARY.search(lead))


def is_doubtful(text: str, box: Box) -> bool:
    """Whether what follows may show that a box is talk."""
    return bool(DOUBT.search(sentence_before(text, box)))


def sentence_before(text: str, box: Box) -> str:
    """The part of a box's sentence that stands before it, on its line."""
    return SENTENCE.split(text[max(0, box.start - NEAR) : box.start])[-1]


def heading_before(text: str, box: Box) -> str:
    """The last line with words before a box, where it is a heading: `**Final Verdict**`."""
    above = text[max(0, box.start - NEAR) : box.start].splitlines()
    worded = [line for line in above if re.search(r"\w", line)]
    return worded[-1] if worded and HEADING_LINE.search(worded[-1]) else ""
