"""What `lexret index` and `lexret encode` tell of a run, as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.cli.common import near_path, path_text, plural, printable

if TYPE_CHECKING:
    from lexret.engine.segments.manifest import BackendEntry
    from lexret.library.updating.index_report import IndexReport
    from lexret.library.updating.reader import SkippedPicture

MAX_SKIPPED_SHOWN: Final = 20
_MOST_SHOWN: Final = 8


def report_as_json(report: IndexReport, place: Path) -> dict[str, object]:
    """Return what a run did as JSON has it."""
    return {
        "index": path_text(near_path(place.resolve())),
        "model": report.model_id,
        **({} if report.backend is None else {"backend": _told_backend(report.backend)}),
        "runtimes": list(report.runtimes),
        **({} if report.shard is None else {"shard": str(report.shard)}),
        "pictures": report.num_pictures,
        "added": report.num_added,
        "updated": report.num_updated,
        "unchanged": report.num_unchanged,
        "renamed": report.num_renamed,
        "removed": report.num_removed,
        "encoded": report.num_encoded,
        "with_words_of_keywords": report.num_with_words,
        "absent_folders": [path_text(folder) for folder in report.absent],
        "not_looked_at": dict(report.not_looked_at.endings.most_common()),
        "excluded": dict(report.not_looked_at.excluded.most_common()),
        "skipped": skipped_as_json(report.skipped),
        "seconds": round(report.seconds, 3),
    }


def _told_backend(backend: BackendEntry) -> dict[str, str]:
    return {"name": backend.name, "uri": path_text(backend.values["uri"]),
            "collection": backend.values["collection"]}  # fmt: skip


def report_as_text(report: IndexReport, place: Path) -> str:
    """Return what a run did, in lines."""
    from lexret.interop.backends import told_place

    counts = {
        "added": report.num_added,
        "updated": report.num_updated,
        "renamed": report.num_renamed,
        "removed": report.num_removed,
        "unchanged": report.num_unchanged,
        "skipped": len(report.skipped),
    }
    done = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no change"
    speed = f", {report.num_encoded / report.seconds:.1f} a second" if report.num_encoded else ""
    where = near_path(place.resolve())
    made = report.model_id if report.shard is None else f"{report.model_id}, shard {report.shard}"
    lines = [
        f"{plural(report.num_pictures, 'picture')} in {printable(where)} ({made})",
        f"{done}; {plural(report.num_encoded, 'picture')} encoded in {report.seconds:.1f} s{speed}",
    ]
    if report.num_with_words is not None:
        lines.append(
            f"Keywords count as words; pictures that hold such words: {report.num_with_words:,}"
        )
    if report.backend is not None:
        lines.append(f"Its vectors are in {printable(told_place(report.backend))}")
    for folder in report.absent:
        lines.append(f"Not there: {printable(str(folder))}; what the index holds of it stays")
    families = dict.fromkeys(runtime.partition(" ")[0] for runtime in report.runtimes)
    if len(families) > 1:
        lines.append(
            f"Its vectors were computed by {' and '.join(report.runtimes)}, which agree up to "
            "rounding"
        )
    lines += _left_aside(report)
    lines += skipped_lines(report.skipped, report.reasons())
    return "\n".join(lines)


def skipped_as_json(skipped: Sequence[SkippedPicture]) -> list[dict[str, str]]:
    """Return which files were skipped and why, as JSON has it."""
    return [
        {"path": path_text(file.path), "reason": file.reason, "message": file.message}
        for file in skipped
    ]


def skipped_lines(
    skipped: Sequence[SkippedPicture], reasons: Sequence[tuple[str, int]]
) -> list[str]:
    """Say which files were skipped, the first of them by name, and why."""
    if not skipped:
        return []
    counts = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
    lines = [f"Skipped {plural(len(skipped), 'file')}: {counts}"]
    lines += [f"  {printable(file.path)}: {file.reason}" for file in skipped[:MAX_SKIPPED_SHOWN]]
    if len(skipped) > MAX_SKIPPED_SHOWN:
        lines.append(f"  ... and {len(skipped) - MAX_SKIPPED_SHOWN:,} more (see --json)")
    return lines


def _left_aside(report: IndexReport) -> list[str]:
    """Say what was found in the folders and not looked at."""
    lines = []
    for heading, counts in (
        ("Not looked at", report.not_looked_at.endings),
        ("Left out by patterns", report.not_looked_at.excluded),
    ):
        shown = [f"{count:,} {printable(name)}" for name, count in counts.most_common(_MOST_SHOWN)]
        more = counts.total() - sum(count for _, count in counts.most_common(_MOST_SHOWN))
        if shown:
            lines.append(
                f"{heading}: {', '.join([*shown, *([f'{more:,} others'] if more else [])])}"
            )
    return lines
