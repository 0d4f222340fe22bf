"""``lexret eval``: the group of measurements."""

from __future__ import annotations

from typing import Final

from lexret.cli.main import LazyCommand, LazyGroup

COMMANDS: Final = {
    "retrieval": LazyCommand(
        "lexret.cli.eval.retrieval", "Recall of text -> picture and picture -> text search."
    ),
    "runs": LazyCommand("lexret.cli.eval.runs", "Measure and compare TREC runs of any system."),
    "patchdis": LazyCommand("lexret.cli.eval.patchdis", "Whether patches mean what they say."),
    "sparsity": LazyCommand("lexret.cli.eval.sparsity", "Recall and cost against word budgets."),
    "exclusion": LazyCommand("lexret.cli.eval.exclusion", "Whether X without Y leaves Y out."),
    "held-words": LazyCommand(
        "lexret.cli.eval.held_words", "Whether the words that pictures hold are true of them."
    ),
    "few-shot": LazyCommand(
        "lexret.cli.eval.few_shot", "How well classes are told from a few examples."
    ),
    "mixed": LazyCommand("lexret.cli.eval.mixed", "How well a photo and a word together find."),
    "rebuild": LazyCommand("lexret.cli.eval.rebuild", "How much of a picture its tokens hold."),
    "no-match": LazyCommand("lexret.cli.eval.no_match", "Whether nothing is found for nothing."),
    "faithfulness": LazyCommand(
        "lexret.cli.eval.faithfulness", "Whether patches that a word names carry it."
    ),
    "speed": LazyCommand("lexret.cli.eval.speed", "Where the time of encoding goes."),
    "all": LazyCommand("lexret.cli.eval.suite", "A whole suite by one command."),
}

_HELP = """Measure a model: on pictures with captions, and on masks.

\b
Example:
  lexret eval retrieval captions.jsonl
  lexret eval retrieval captions.jsonl --words 64 --json
  lexret eval patchdis coco-masks
"""

command = LazyGroup(name="eval", lazy_commands=COMMANDS, help=_HELP)
