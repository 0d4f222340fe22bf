"""Files that ``lexret eval sparsity`` writes into a folder."""

from __future__ import annotations

from pathlib import Path

from lexret.eval.cost.sparsity import BudgetPoint, SparsityResult
from lexret.eval.cost.sparsity_figure import draw_sparsity
from lexret.eval.provenance import Provenance, markdown_table, write_json, write_text


def write_sparsity(folder: Path, result: SparsityResult, provenance: Provenance) -> None:
    """Write ``sparsity.json``, ``sparsity.md``, ``sparsity.png`` and ``words.tsv``.

    Raises:
        StorageError: if a file cannot be written.
    """
    values = {**result.as_dict(), "provenance": provenance.as_dict()}
    write_json(folder / "sparsity.json", values)
    counted = result.points[-1].report.result
    title = (
        f"{provenance.model}: {counted.num_images:,} pictures, {counted.num_captions:,} captions"
    )
    write_text(folder / "sparsity.md", f"# Sparsity\n\n{title}\n\n{sparsity_table(result)}")
    draw_sparsity(folder / "sparsity.png", result, title=title)
    lines = [f"{word}\t{100 * share:.3f}\n" for word, share in result.use.by_use()]
    write_text(folder / "words.tsv", "word\tpercent of pictures\n" + "".join(lines))


def sparsity_table(result: SparsityResult) -> str:
    """Return the curve as a Markdown table."""
    headings = [
        "budget", "words a picture", "text->image R@1/5/10", "image->text R@1/5/10",
        "postings a query", "search, ms",
    ]  # fmt: skip
    return markdown_table(headings, [_row(point) for point in result.points])


def _row(point: BudgetPoint) -> list[str]:
    result = point.report.result
    recalls = [
        f"{recall.r1:.1f}/{recall.r5:.1f}/{recall.r10:.1f}"
        for recall in (result.text_to_image, result.image_to_text)
    ]
    budget = "all" if point.budget is None else str(point.budget)
    cost = [f"{point.postings:.0f}", f"{point.milliseconds:.3f}"]
    return [budget, f"{result.active_words_image:.1f}", *recalls, *cost]
