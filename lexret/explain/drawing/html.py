"""HTML page of an explanation: one self-contained file, without network or scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from PIL import Image

from lexret.explain.contributions import Contribution
from lexret.explain.drawing.clouds import draw_cloud
from lexret.explain.drawing.figures import (
    describe,
    draw_marks,
    fit,
    heat_picture,
    subtitle,
    weight_range,
)
from lexret.explain.drawing.palette import DARK, LIGHT, Theme, region_colour
from lexret.explain.drawing.svg import cloud_svg, data_uri, themed_styles, word_anchor, xml_text
from lexret.explain.explanation import HitExplanation, PictureExplanation
from lexret.files.names import shown_line
from lexret.sparse import WordWeight

NUM_HEAT_MAPS: Final = 24
_MAP_SIZE: Final = 240


def picture_html(photo: Image.Image, explanation: PictureExplanation) -> str:
    """Return the page: photo and cloud, regions, products of a text, heat maps, all words.

    Words of clouds are links to their heat maps. Colours follow the reader's light or dark mode.
    """
    name = shown_line(PurePath(explanation.image).name)
    note = xml_text(subtitle(explanation))
    body = [f"<h1>{xml_text(name)}</h1><p class=faint>{note}</p>"]
    words = [WordWeight(word.word, word.weight) for word in explanation.words]
    shown = draw_marks(fit(photo, 760, 560), explanation)
    body.append(
        f'<div class=pair><img alt="{xml_text(name)}" src="{data_uri(shown)}">'
        f"{_cloud(words, 760, 520, 'what the picture says', explanation.unheld(words))}</div>"
    )
    if explanation.hit is not None:
        body.append(_hit(explanation.hit))
    body += _parts(explanation)
    body.append("<h2>Where its words are</h2>")
    body.append("<p class=faint>Each map runs from the word's lowest weight in a patch to its "
                "highest; the frame is the patch where the word was won.</p>")  # fmt: skip
    body += ["<div class=grid>", *_heat_maps(photo, explanation), "</div>"]
    return page(f"{name}: what it says", "\n".join(body))


def page(title: str, body: str) -> str:
    """Return a whole HTML page around a body."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{xml_text(title)}</title><style>{_styles()}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def contribution_rows(
    words: tuple[Contribution, ...], notes: dict[str, str], *, weights: bool = True
) -> str:
    """Return the rows of a table of products, each with a bar.

    Args:
        notes: word -> what to put in the last column, such as the rank without the word.
        weights: whether to show the factors of each product.
    """
    top = words[0].product if words else 1.0
    rows = []
    for word in words:
        share = 100 * word.product / top
        factors = f"<td>{word.query_weight:.4f} \u00d7 {word.image_weight:.4f}</td>"
        rows.append(
            f"<tr><th>{xml_text(word.word)}</th>"
            f"{factors if weights else ''}"
            f"<td>{word.product:.6f}</td>"
            f'<td class=bar><div style="width:{share:.1f}%"></div></td>'
            f"<td>{xml_text(notes.get(word.word, ''))}</td></tr>"
        )
    return "".join(rows)


def missing_line(missing: tuple[WordWeight, ...]) -> str:
    """Return the line that lists the words of a query that a picture lacks."""
    if not missing:
        return "<p>The picture lacks no word of the query.</p>"
    names = ", ".join(f"{xml_text(word.word)} ({word.weight:.3f})" for word in missing[:40])
    return f"<p>Words of the query that the picture lacks: {names}</p>"


def _hit(hit: HitExplanation) -> str:
    products = tuple(word.contribution for word in hit.matched)
    places = {word.contribution.word: word.place for word in hit.matched}
    notes = {word: f"patch {row},{col}" for word, (row, col) in places.items()}
    best = ", ".join(
        f"{patch.place[0]},{patch.place[1]} ({patch.score:.4f})" for patch in hit.patches
    )
    return (
        f"<h2>\u201c{xml_text(hit.query)}\u201d scores {hit.score:.6f}</h2>"
        "<table><tr><th>word<td>text \u00d7 picture<td>adds<td><td>seen most in</tr>"
        f"{contribution_rows(products, notes)}"
        f"<tr><th>sum<td><td>{hit.score:.6f}<td><td></tr></table>"
        f"{missing_line(hit.missing)}"
        f"<p>Patches that answer it best: {best or 'none'}</p>"
    )


def _parts(explanation: PictureExplanation) -> Iterator[str]:
    spoken = [region for region in explanation.regions if region.words]
    if not spoken:
        return
    yield '<h2>What its parts say</h2><div class="grid parts">'
    for region in spoken:
        colour = region_colour(region.number)
        words = list(region.words[:24])
        cloud = _cloud(words, 520, 300, describe(region), explanation.unheld(words))
        yield (
            f'<figure style="border-color:{colour}"><figcaption><b style="background:{colour}">'
            f"{region.number}</b> {xml_text(describe(region))}</figcaption>{cloud}</figure>"
        )
    yield "</div>"


def _cloud(
    words: list[WordWeight], width: int, height: int, title: str, unheld: frozenset[str]
) -> str:
    cloud = draw_cloud(words, width=width, height=height, all_words=False, unheld=unheld)
    return cloud_svg(cloud, link=lambda word: f"#{word_anchor(word)}", title=title)


def _heat_maps(photo: Image.Image, explanation: PictureExplanation) -> Iterator[str]:
    size = fit(photo, _MAP_SIZE, _MAP_SIZE).size
    maps = {word.word: (word.weight, word.heat, word.place) for word in explanation.words}
    hit = explanation.hit
    for shared in hit.matched if hit else ():
        weight = shared.contribution.image_weight
        maps.setdefault(shared.contribution.word, (weight, shared.heat, shared.place))
    matched = {shared.contribution.word for shared in hit.matched} if hit else set()
    ordered = sorted(maps.items(), key=lambda item: (item[0] not in matched, -item[1][0], item[0]))
    for number, (word, (weight, heat, place)) in enumerate(ordered):
        anchor = f'id="{word_anchor(word)}"'
        caption = f"<b>{xml_text(word)}</b> {weight:.4f}"
        if number < NUM_HEAT_MAPS:
            picture = heat_picture(photo, explanation.grid, heat, place, size)
            yield (
                f"<figure {anchor}><figcaption>{caption} <i>{weight_range(heat)}</i>"
                f'</figcaption><img alt="where {xml_text(word)} is" src="{data_uri(picture)}">'
                "</figure>"
            )
        else:
            yield f"<figure {anchor}><figcaption>{caption}, patch {place[0]},{place[1]}</figure>"


def _styles() -> str:
    def colours(theme: Theme) -> str:
        return f":root{{--ground:{theme.ground};--ink:{theme.ink};--faint:{theme.faint};" \
               f"--bar:{theme.words[0]}}}"  # fmt: skip

    return (
        f"{colours(LIGHT)}@media (prefers-color-scheme:dark){{{colours(DARK)}}}{themed_styles()}"
        "body{font:16px/1.5 'DejaVu Sans',Verdana,'Segoe UI',Arial,sans-serif;margin:2rem auto;"
        "max-width:1560px;padding:0 1rem;background:var(--ground);color:var(--ink)}"
        "h1{margin:0}h2{margin:2rem 0 .5rem}.faint,i{color:var(--faint);font-style:normal}"
        "img,svg{max-width:100%;height:auto}svg a:hover text{text-decoration:underline}"
        ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr));"
        "gap:24px;align-items:center}.pair>*{width:100%}"
        ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:16px}"
        ".parts{grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}"
        ".parts svg{width:100%}"
        "figure{margin:0;padding:8px;border:1px solid var(--faint);overflow-wrap:anywhere}"
        "figure:target{outline:3px solid var(--bar)}"
        "figcaption b[style]{color:#fff;padding:0 .5em}"
        "table{border-collapse:collapse;width:100%}td,th{padding:.15rem .4rem;text-align:right;"
        "white-space:nowrap}"
        "th{text-align:left}.bar{width:45%}.bar div{height:1.1em;background:var(--bar)}"
    )
