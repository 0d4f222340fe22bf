// Why a picture was found: bars of products, a heat map for each word, clouds of its parts.
import { ask, el, svg } from "./dom.js";
import { drawable } from "./box.js";

let turn = 0;

export async function explain(dialog, state, actions) {
  const { show: id, name = id, q, image, like, box, copies } = state, mine = ++turn;
  if (dialog.open && dialog.dataset.id === id && dialog.dataset.query === JSON.stringify([q, image, like, box, copies])) return;
  Object.assign(dialog.dataset, { id, query: JSON.stringify([q, image, like, box, copies]), ready: "no" });
  dialog.replaceChildren(heading(name, actions), el("p", { class: "faint" }, "Looking at the picture\u2026"));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await ask("api/explain", { id, q, image, like, box, copies });
    if (mine === turn) dialog.replaceChildren(...content(found, actions));
  } catch (error) {
    if (mine === turn) dialog.replaceChildren(heading(name, actions), el("p", { role: "alert" }, error.message));
  }
  if (mine === turn) dialog.dataset.ready = "yes";
}

function heading(name, actions) {
  return el("header", {}, el("h2", { id: "explain-title" }, el("bdi", {}, name)), el("button", { type: "button", autofocus: true, onclick: actions.close }, "Close"));
}

function content(found, actions) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const photo = el("img", { src: `picture?${new URLSearchParams({ id: found.id, side: 640 })}`, alt: found.name, draggable: "false" });
  const note = el("p", { class: "faint" }, "Choose a word to see where it is. Draw a box to search by that part; click to ask a patch.");
  const asked = el("div", { class: "parts" });
  const area = drawable(photo, found, null, (drawn, place) => {
    if (drawn) ofPart(found, { box: drawn }, asked, actions, drawn);
    else {
      const row = Math.min(found.rows - 1, Math.floor(place[1] * found.rows)), col = Math.min(found.cols - 1, Math.floor(place[0] * found.cols));
      ofPart(found, { patch: `${row},${col}` }, asked, actions, null);
    }
  });
  area.append(canvas);
  area.classList.add("photo");
  const chosen = el("div", { class: "actions" });
  const seen = new Map(found.words.map((one) => [one.word, one]));
  const buttons = [];
  const show = (word, button) => {
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    paint(canvas, found, seen.get(word)?.heat, seen.get(word)?.patch);
    const told = found.from_keywords.includes(word) ? " It is one of the photo\u2019s keywords." : "";
    note.textContent = (seen.get(word)?.heat ? `"${word}": weight ${seen.get(word).weight.toFixed(3)}, seen most in the framed patch (row ${seen.get(word).patch[0]}, column ${seen.get(word).patch[1]}).` : told ? `No patch shows "${word}".` : `"${word}" was added by hand; no patch shows it.`) + told;
    chosen.replaceChildren(...wordActions(word, actions));
  };
  const left = el("div", {}, area, note, chosen,
    el("div", { class: "actions" }, el("button", { type: "button", onclick: () => actions.like(found.id) }, "More like this")), asked);
  const whole = [el("h3", {}, "What the picture says"), cloud(found.cloud, (word) => show(word, null))];
  const why = reasons(found, buttons, show);
  if (why.length) left.append(...whole);
  const right = el("div", {}, ...(why.length ? why : whole), ...parts(found, show));
  const first = found.matched[0]?.word ?? found.words[0]?.word;
  if (first) photo.addEventListener("load", () => show(first, buttons[0] ?? null), { once: true });
  return [heading(found.name, actions), el("div", { class: "columns" }, left, right), fields(found)];
}

function wordActions(word, actions) {
  const button = (text, act) => el("button", { type: "button", onclick: act }, text);
  return [button(`Search ${word}`, () => actions.search(word)), button("Require", () => actions.mark(word, "+", null)),
          button("Exclude", () => actions.mark(word, "-", null)), button("Weigh double", () => actions.mark(word, "", "2"))];
}

function reasons(found, buttons, show) {
  if (found.score === null) return [];
  const top = found.matched[0]?.product ?? 1;
  const rows = found.matched.slice(0, 14).map((one) => {
    const button = el("button", { type: "button", class: "bar", "aria-pressed": "false", title: `${one.query_weight.toFixed(4)} \u00d7 ${one.image_weight.toFixed(4)}` },
      el("b", {}, one.word, found.from_keywords.includes(one.word) ? el("small", { class: "faint" }, " keyword") : ""), svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: Math.max(0.6, 100 * one.product / top), height: 10 })),
      el("i", {}, one.product.toFixed(5)), el("i", {}, one.rank_without));
    button.addEventListener("click", () => show(one.word, button));
    buttons.push(button);
    return button;
  });
  const rest = found.matched.slice(14).reduce((sum, one) => sum + one.product, 0);
  const missing = found.missing.slice(0, 12).map((one) => one.word).join(", ");
  return [el("h3", {}, `Score ${found.score.toFixed(5)}: what each word adds`),
    el("div", { class: "bars" }, el("div", { class: "bar faint", "aria-hidden": "true" }, el("span"), el("span"), el("i", {}, "adds"), el("i", {}, "rank w/o")), ...rows),
    rest ? el("p", { class: "faint" }, `${found.matched.length - 14} more words add ${rest.toFixed(5)}.`) : null,
    found.matched.length ? null : el("p", {}, "No word of the query is in this picture."),
    el("p", { class: "faint" }, missing ? `Missing in the picture: ${missing}${found.missing.length > 12 ? ", \u2026" : ""}` : "The picture lacks no word of the query.")].filter(Boolean);
}

function parts(found, show) {
  const spoken = found.regions.filter((one) => one.words.length);
  if (!spoken.length) return [];
  return [el("h3", {}, "What its parts say"), el("div", { class: "parts" }, ...spoken.map((one) => el("figure", {},
    el("figcaption", { class: "faint" }, `${one.name}, ${one.patches.length} of ${found.rows * found.cols} patches`), cutOut(found, one.patches), cloud(one.cloud, (word) => show(word, null)))))];
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

async function ofPart(found, part, place, actions, box) {
  place.replaceChildren(el("p", { class: "faint" }, "Looking\u2026"));
  try {
    const region = await ask("api/region", { id: found.id, ...part });
    const search = box ? el("button", { type: "button", onclick: () => actions.like(found.id, box) }, "Search by this part") : null;
    place.replaceChildren(el("figure", {}, el("figcaption", {}, region.name, " ", search ?? ""), cloud(region.cloud, actions.search)));
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
function paint(canvas, found, heat, patch) {
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

function fields(found) {
  const shown = Object.entries(found.fields).filter(([name]) => !["path", "sha256", "mtime_ns", "exif"].includes(name));
  return el("p", { class: "faint" }, shown.map(([name, value]) => `${name}: ${value}`).join("   "));
}
