// Why a picture was found: bars of products, a heat map for each word, clouds of its parts.
import { ask, el, svg } from "./dom.js";

// Returns what stands beside the photo; `show(word)` paints where a word is.
export function explanation(found, { show, search }) {
  const buttons = [];
  const chosen = (word, button) => {
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    show(word);
  };
  const why = reasons(found, buttons, chosen);
  const clouds = el("details", {}, el("summary", {}, "What the picture and its parts say"), cloud(found.cloud, search), ...parts(found, search));
  return { elements: [...why, clouds] };
}

// What is to be said of the place of a word.
export function placeOf(found, word) {
  const seen = found.words.find((one) => one.word === word);
  const told = found.from_keywords.includes(word) ? " It is one of the photo\u2019s keywords." : "";
  if (seen?.heat) return `Where \u201c${word}\u201d is seen: bright is more.${told}`;
  return told ? `No patch shows \u201c${word}\u201d.${told}` : `\u201c${word}\u201d was added by hand; no patch shows it.`;
}

const heard = (text) => el("span", { class: "heard" }, text); // by who does not see the head of the table

function reasons(found, buttons, show) {
  if (found.score === null) return [];
  const top = found.matched[0]?.product ?? 1;
  const rows = found.matched.slice(0, 14).map((one) => {
    const button = el("button", { type: "button", class: "bar", "data-word": one.word, "aria-pressed": "false", title: `${one.query_weight.toFixed(4)} \u00d7 ${one.image_weight.toFixed(4)}` },
      el("b", {}, one.word, found.from_keywords.includes(one.word) ? el("small", { class: "faint" }, " keyword") : ""), svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: Math.max(0.6, 100 * one.product / top), height: 10 })),
      el("i", {}, heard(" adds "), one.product.toFixed(3)), el("i", {}, one.rank_without ? heard("; rank without it: ") : "", one.rank_without));
    button.addEventListener("click", () => show(one.word, button));
    buttons.push(button);
    return button;
  });
  const rest = found.matched.slice(14).reduce((sum, one) => sum + one.product, 0);
  const missing = found.missing.slice(0, 12).map((one) => one.word).join(", ");
  const heading = el("h3", { title: `Score ${found.score.toFixed(5)}` }, "Why it was found");
  if (!found.matched.length && !missing) return [heading, el("p", {}, "The query asks for no word; the photo fits the rest of it.")];
  return [heading,
    found.matched.length ? el("div", { class: "bars" }, el("div", { class: "bar faint", "aria-hidden": "true" }, el("span"), el("span"), el("i", {}, "adds"), el("i", { title: "The rank that the photo would have without the word" }, "rank without")), ...rows) : null,
    rest ? el("p", { class: "faint" }, `${found.matched.length - 14} more words add ${rest.toFixed(5)}.`) : null,
    found.matched.length ? null : el("p", {}, "No word of the query is in this picture."),
    el("p", { class: "faint" }, missing ? `Missing in the picture: ${missing}${found.missing.length > 12 ? ", \u2026" : ""}` : "The picture lacks no word of the query.")].filter(Boolean);
}

function parts(found, search) {
  const spoken = found.regions.filter((one) => one.words.length);
  if (!spoken.length) return [];
  return [el("h3", {}, "What its parts say"), el("div", { class: "parts" }, ...spoken.map((one) => el("figure", {},
    el("figcaption", { class: "faint" }, `${one.name}, ${one.patches.length} of ${found.rows * found.cols} patches`), cutOut(found, one.patches), cloud(one.cloud, search))))];
}

// A small copy of the photo, pale outside of a part.
function cutOut(found, patches) {
  const width = 200, height = Math.max(1, Math.round(width * found.height / found.width));
  const canvas = el("canvas", { width, height, role: "img", "aria-label": "where it is" });
  const image = new Image();
  image.onload = () => {
    const pen = canvas.getContext("2d");
    pen.globalAlpha = 0.18;
    pen.drawImage(image, 0, 0, width, height);
    pen.globalAlpha = 1;
    pen.beginPath();
    for (const [row, col] of patches) pen.rect(col * width / found.cols, row * height / found.rows, width / found.cols + 0.5, height / found.rows + 0.5);
    pen.clip();
    pen.drawImage(image, 0, 0, width, height);
  };
  image.src = `picture?${new URLSearchParams({ id: found.id, side: 320 })}`;
  return canvas;
}

// What a part of a picture says: a patch, or a box that can be searched by.
export async function ofPart(found, part, place, { search, like, box }) {
  place.replaceChildren(el("p", { class: "faint" }, "Looking\u2026"));
  try {
    const region = await ask("api/region", { id: found.id, ...part });
    const button = box ? el("button", { type: "button", class: "first", onclick: () => like(found.id, box) }, "Search by this part") : null;
    place.replaceChildren(el("figure", {}, el("figcaption", {}, box ? "What the box says" : "What this patch says"), cloud(region.cloud, search)), button ?? "");
  } catch (error) {
    place.replaceChildren(el("p", { role: "alert" }, error.message));
  }
}

function cloud(layout, onWord) {
  const texts = layout.words.map((one) => svg("a", { href: `./?${new URLSearchParams({ q: /\s/.test(one.word) ? `"${one.word}"` : one.word })}`,
    onclick: (event) => { if (!event.ctrlKey && !event.metaKey) { event.preventDefault(); onWord(one.word); } } },
    svg("text", { x: one.x, y: one.y, "font-size": one.size, class: one.held ? `c${one.colour}` : "unheld", textLength: one.length, lengthAdjust: "spacingAndGlyphs" }, one.word,
      svg("title", {}, `${one.word} ${one.weight.toFixed(3)}`))));
  return svg("svg", { class: "cloud", viewBox: `0 0 ${layout.width} ${layout.height}`, role: "img", "aria-label": "word cloud" }, ...texts);
}

// Paints weights of patches over the photo: clear where they are lowest, bright where they are highest.
export function paint(canvas, found, heat, patch) {
  const scale = 64;
  canvas.width = found.cols * scale;
  canvas.height = Math.max(1, Math.round(canvas.width * found.height / found.width));
  const pen = canvas.getContext("2d");
  if (!heat) return;
  const small = new OffscreenCanvas(found.cols, found.rows), dots = small.getContext("2d"), pixels = dots.createImageData(found.cols, found.rows);
  const values = heat.flat(), low = Math.min(...values), span = Math.max(...values) - low;
  values.forEach((value, i) => pixels.data.set(colour(span > 0 ? (value - low) / span : 1), 4 * i));
  dots.putImageData(pixels, 0, 0);
  pen.fillStyle = "rgb(16 20 24 / .38)";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  const [w, h] = [canvas.width / found.cols, canvas.height / found.rows];
  for (const [line, style] of [[7, "#101418"], [3, "#ffffff"]]) {
    pen.lineWidth = line;
    pen.strokeStyle = style;
    pen.strokeRect(patch[1] * w, patch[0] * h, w, h);
  }
}

// From dark red over orange to pale yellow, ever less clear.
function colour(share) {
  const stops = [[90, 20, 110], [190, 50, 70], [240, 120, 20], [252, 235, 130]], place = share * 3, i = Math.min(2, Math.floor(place)), part = place - i;
  return [...[0, 1, 2].map((c) => stops[i][c] + part * (stops[i + 1][c] - stops[i][c])), 215 * share ** 0.8];
}
