"""Prompts of the V2L Tokenizer (Zhu et al., "Beyond Text", CVPR 2024, section 3.3).

They are the paper's, word for word; its typographic quotation marks are typed ones. T stands for a
picture's words, which are set beside each other with commas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NUM_WORDS: Final = 21
"""Words of a picture that the paper tells a model by default."""
NUM_SAMPLES: Final = 10
"""Captioned pictures that the paper shows a model before it asks."""
END_OF_CAPTION: Final = (".", "\n")


@dataclass(frozen=True, slots=True)
class Sample:
    """Sample: a picture in words, and a person's text about it.

    Attributes:
        words: T.
        said: a label, a caption or an answer.
        question: what it answers.
    """

    words: str
    said: str
    question: str = ""


def words_told(words: Sequence[str]) -> str:
    """Return T: a picture's words, in their order."""
    return ", ".join(words)


def label_prompt(
    words: str, labels: Sequence[str], samples: Sequence[Sample], *, repetitions: int = 0
) -> str:
    """Return the prompt of N-way K-shot classification.

    Args:
        labels: the N classes; named first ("task induction").
        samples: K for each of them.
        repetitions: how often each sample is said again.
    """
    listed = ", ".join(f'"{label}"' for label in labels)
    shown = [f"Input: {each.words}, output: {each.said}" for each in samples]
    shown = [sample for sample in shown for _ in range(repetitions + 1)]
    first = f"For each of the following input-output pairs, output is one of [{listed}]."
    return _joined(first, shown, f"Input: {words}, output:")


def caption_prompt(words: str, samples: Sequence[Sample]) -> str:
    """Return the prompt of a caption, which ends with the first full stop."""
    shown = [f"Input: {each.words}, output: {_without_stop(each.said)}" for each in samples]
    first = "Generate a caption sentence based on words describing an image."
    return _joined(first, shown, f"Input: {words}, output:")


def answer_prompt(words: str, question: str, samples: Sequence[Sample] = ()) -> str:
    """Return the prompt of a question about a picture, answered by a single word."""
    shown = [
        f"Condition: {each.words}. Question: {each.question}. Answer: {_without_stop(each.said)}"
        for each in samples
    ]
    first = "Answer the question with a single word based on the condition."
    return _joined(first, shown, f"Condition: {words}. Question: {question}. Answer:")


def _joined(first: str, shown: Sequence[str], last: str) -> str:
    return " ".join([first, *(f"{sample}." for sample in shown), last])


def _without_stop(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
