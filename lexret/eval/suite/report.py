"""A suite's results as Markdown, from its JSON alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lexret.eval.provenance import markdown_table

Values = Mapping[str, Any]


def markdown(values: Values) -> str:
    """Return the whole report of ``results.json``."""
    results, provenance = values["results"], values["provenance"]
    text = [f"# {provenance['model']}\n"]
    for kind, (title, table) in SECTIONS.items():
        for name, found in results.get(kind, {}).items():
            text.append(f"\n## {title}: {name}\n\n{table(found)}")
    text.append(f"\n## Where this comes from\n\n{_provenance(provenance)}")
    return "".join(text)


def retrieval_table(found: Values) -> str:
    """Recall of the model at its budgets, then of the baselines."""
    headings = ["", "text->image R@1/5/10", "mAP", "median", "image->text R@1/5/10", "mAP",
                "median", "model - this, t->i R@1"]  # fmt: skip
    rows = []
    for words, one in found["model"].items():
        mean = one["active_words"]["image"]
        label = f"model, {'uncut' if words == 'all' else words + ' words'} ({mean:.0f} active)"
        rows.append([label, *_recall_cells(one), ""])
    for name, one in found["baselines"].items():
        if "missing" in one:
            rows.append([name, "not measured: " + one["missing"].partition(":")[0], *[""] * 6])
            continue
        difference = one["model_minus_this"]["text_to_image"]["R@1"]
        shown = f"{difference['difference']:+.1f} (p = {difference['p_value']:.4f})"
        rows.append([name, *_recall_cells(one), shown])
    example = found["model"]["all"]
    low, high = example["intervals"]["text_to_image"]["R@1"]
    note = (
        f"{example['num_images']:,} pictures, {example['num_captions']:,} captions; 95% interval "
        f"of the uncut model's text->image R@1: {low:.1f} to {high:.1f}.\n"
    )
    return markdown_table(headings, rows) + "\n" + note


def recall_summary(parts: Values) -> str:
    """Recall of the uncut model and of the ridge baseline on every set of a suite."""
    headings = ["", "words a picture", "text->image R@1/5/10", "image->text R@1/5/10"]
    rows = []
    for name, found in parts.items():
        model, ridge = found["model"]["all"], found["baselines"].get("ridge", {})
        words = f"{model['active_words']['image']:.0f}"
        rows.append([f"model, {name}", words, *_recall_cells(model)[::3]])
        if "text_to_image" in ridge:
            rows.append([f"ridge baseline, {name}", "", *_recall_cells(ridge)[::3]])
    return markdown_table(headings, rows)


def _recall_cells(one: Values) -> list[str]:
    cells = []
    for direction in ("text_to_image", "image_to_text"):
        figures = one[direction]
        cells.append("/".join(f"{figures[f'R@{k}']:.1f}" for k in (1, 5, 10)))
        cells += [f"{figures['mAP']:.1f}", f"{figures['median_rank']:g}"]
    return cells


def patchdis_table(found: Values) -> str:
    """The model's mIoU beside the baselines'."""
    low, high = found["interval"]
    baselines = found["baselines"]
    rows = [["model", f"{found['miou']:.2f} ({low:.1f} to {high:.1f})"]]
    rows += [
        [name.replace("_", " "), "-" if one is None else f"{one:.2f}"]
        for name, one in baselines.items()
    ]
    counts = found["num_classes"]
    classes = sorted(found["classes"].items(), key=lambda item: (-item[1], item[0]))
    found_right = ", ".join(f"{name} {iou:.1f}" for name, iou in classes if iou > 0)
    never = ", ".join(name for name, iou in classes if iou == 0)
    return markdown_table(["", "mIoU"], rows) + (
        f"\n{found['num_images']:,} pictures, {counts['present']} of {counts['asked']} classes "
        f"present, pixel accuracy {found['pixel_accuracy']:.1f}%.\n\n"
        f"IoU by class: {found_right or 'none'}. Never right: {never or 'none'}.\n"
    )


def sparsity_table(found: Values) -> str:
    """The curve, and the words used most."""
    headings = ["budget", "active", "text->image R@1/5/10", "image->text R@1/5/10",
                "postings a query", "search, ms"]  # fmt: skip
    rows = []
    for point in found["curve"]:
        cells = _recall_cells(point)
        rows.append(
            [
                "all" if point["words"] is None else str(point["words"]),
                f"{point['active_words']['image']:.0f}",
                cells[0],
                cells[3],
                f"{point['postings_per_query']:.0f}",
                f"{point['search_ms']:.2f}",
            ]
        )
    words = found["words"]
    most = ", ".join(f"{word} {share:.0f}%" for word, share in words["most_used"].items())
    return markdown_table(headings, rows) + (
        f"\nMost used: {most}. Active in more than 20% of pictures: "
        f"{words['in_more_than_20_percent']} words; never used: {words['never_used']:,} of "
        f"{words['vocabulary']:,}.\n"
    )


def control_table(found: Values) -> str:
    """Exclusion, then requirement."""
    text = ""
    for kind, title in (("exclusion", "X without Y"), ("required", "X with Y")):
        rows = [
            [
                name,
                f"{one['Y']:.1f}",
                f"{one['X']:.1f}",
                f"{one['right']:.1f}",
                f"{one['hits']:.1f}",
            ]
            for name, one in found[kind].items()
        ]
        headings = [title, "% of top 10 with Y", "with X", "as asked", "hits"]
        text += markdown_table(headings, rows) + "\n"
    return text + f"{found['num_queries']} queries over {found['num_images']:,} pictures.\n"


def no_match_table(found: Values) -> str:
    """Both error rates, calibrated and by a flat cut-off."""
    rows = [["every hit counts", "", *_error_cells(found["everything_counts"])]]
    for rate, errors in found["calibrated"].items():
        rows.append(["calibrated", rate, *_error_cells(errors)])
        rows.append(["flat cut-off", rate, *_error_cells(found["flat_cut_off"][rate])])
    counts = found["num_searches"]
    headings = ["", "allowed", "false matches", "missed", "found and right"]
    return markdown_table(headings, rows) + (
        f"\n{counts['absent']} searches for absent and {counts['present']} for present things, "
        f"{found['num_images']:,} pictures.\n"
    )


def held_words_table(found: Values) -> str:
    """How well held words tell what pictures show, beside every weight."""
    rows = []
    for name, values in (("every weight", found["every_weight"]), ("at its level", found["held"])):
        if values is not None:
            rows.append(
                [
                    name,
                    f"{values['recall']:.1f}%",
                    f"{values['precision']:.1f}%",
                    f"{values['held_a_picture']:.1f}",
                    f"{len(values['too_often'])}",
                ]
            )
    counted = found["held"] or found["every_weight"]
    headings = ["held", "recall", "precision", "words a picture", "held too often"]
    return markdown_table(headings, rows) + (
        f"\nMeans over the {len(counted['things'])} things that are outlined most often, "
        f"{counted['num_images']:,} pictures.\n"
    )


def _error_cells(errors: Values) -> list[str]:
    return [f"{errors[name]:.1f}%" for name in ("false_matches", "missed", "right")]


def faithfulness_table(found: Values) -> str:
    """Areas under the curves."""
    rows = []
    for kind in ("deletion", "insertion"):
        one = found[kind]
        low, high = one["difference_interval"]
        rows.append(
            [kind, f"{one['named']:.3f}", f"{one['random']:.3f}", f"{low:+.3f} to {high:+.3f}"]
        )
    headings = ["area under the curve", "named patches", "random", "difference, 95%"]
    return markdown_table(headings, rows) + (
        f"\n{found['num_words']} words of {found['num_images']} pictures; a smaller deletion and "
        "a larger insertion area are better.\n"
    )


def speed_table(found: Values) -> str:
    """Stages, pipeline and texts."""
    rows = [
        [name, f"{one['images_per_s']:.1f}", f"{one['ms']:.2f}", f"{one['percent_of_time']:.1f}%"]
        for name, one in found["stages"].items()
    ]
    rows.append(["file to vector", f"{found['pipeline_images_per_s']:.1f}", "", ""])
    half = ""
    if "pipeline_bfloat16_images_per_s" in found:  # which older results lack
        speed = found["pipeline_bfloat16_images_per_s"]
        rows.append(["file to vector, bfloat16", f"{speed:.1f}", "", ""])
        half = f" ({found['percent_of_bare_backbone_bfloat16']:.0f}% in bfloat16)"
    texts = "; ".join(f"{name} {speed:.0f}" for name, speed in found["texts_per_s"].items())
    return markdown_table(["stage", "pictures/s", "ms each", "of the time"], rows) + (
        f"\n{found['percent_of_bare_backbone']:.0f}% of the bare backbone's speed{half}, "
        f"{found['threads']} threads. Backbone in bfloat16: "
        f"{found['backbone_bfloat16']['images_per_s']:.1f} pictures/s (vectors' mean cosine with "
        f"float32 {found['backbone_bfloat16']['mean_cosine_with_float32']:.4f}). "
        f"Texts a second: {texts}.\n"
    )


# What a suite may measure -> its title, and its table.
SECTIONS: Final[Mapping[str, tuple[str, Callable[[Values], str]]]] = {
    "retrieval": ("Retrieval", retrieval_table),
    "patchdis": ("PatchDis", patchdis_table),
    "sparsity": ("Sparsity", sparsity_table),
    "exclusion": ("Control", control_table),
    "held_words": ("Held words", held_words_table),
    "no_match": ("Nothing found", no_match_table),
    "faithfulness": ("Faithfulness of explanations", faithfulness_table),
    "speed": ("Speed", speed_table),
}


def _provenance(values: Values) -> str:
    machine = ", ".join(f"{name} {one}" for name, one in values["machine"].items())
    data = ", ".join(f"{name} {digest[:12]}" for name, digest in values["data"].items())
    lines = {
        "command": f"`{values['command']}`",
        "code": f"lexret {values['lexret']}, commit {values['commit'] or 'unknown'}",
        "model": values["model"],
        "data": data,
        "seed": values["seed"],
        "machine": machine,
        "date": values["date"],
    }
    return "".join(f"- {name}: {one}\n" for name, one in lines.items())
