// The page: what is looked for stands in the address, so that it can be kept, sent and gone back to.
import { ask, byId, el } from "./dom.js";
import { drawable } from "./box.js";
import { completion } from "./complete.js";
import { explain } from "./explain.js";
import { getFilter, mark, operators, setFilter } from "./query.js";

const STEP = 30;
const WEIGHTS = [null, "2", "0.5"];
const input = byId("q"), grid = byId("grid"), status = byId("status");
const words = completion(input);
const names = new Map(); // id -> how to show it
let state = {}, running = null, info = null, focusAfter = null;

const read = () => {
  const given = new URLSearchParams(location.search);
  const k = Number(given.get("k")) || STEP;
  return { q: given.get("q") ?? "", image: given.get("image"), like: given.get("like"), box: given.get("box"),
           copies: given.get("copies") && "true", show: given.get("show"), k: Math.max(1, Math.min(500, Math.round(k))) };
};

function go(changes, { replace = false } = {}) {
  const next = { ...state, k: STEP, show: null, ...changes };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(next)) {
    if (value && !(name === "k" && value === STEP)) query.set(name, value);
  }
  history[replace ? "replaceState" : "pushState"](null, "", query.size ? `?${query}` : "./");
  return render();
}

function tell(text, bad = false) {
  status.textContent = text;
  status.classList.toggle("bad", bad);
}

async function render() {
  const before = state;
  state = read();
  const same = ["q", "image", "like", "box", "copies", "k"].every((name) => before[name] === state[name]);
  if (!same || !grid.childElementCount) await search();
  if (state.show) explain(byId("explain"), { ...state, name: names.get(state.show) }, actions);
  else if (byId("explain").open) byId("explain").close();
}

async function search() {
  running?.abort();
  const mine = (running = new AbortController());
  input.value = state.q;
  byId("copies").checked = Boolean(state.copies);
  for (const one of document.querySelectorAll("[data-filter]")) one.value = filterValue(one.dataset.filter);
  document.title = state.q ? `${state.q} - lexret` : "lexret";
  showAsked();
  if (!state.q && !state.image && !state.like) {
    grid.replaceChildren();
    byId("chips").replaceChildren();
    byId("next").hidden = true;
    return tell(info ? `${info.pictures.toLocaleString()} pictures. Say what to look for.` : "");
  }
  tell("Searching\u2026");
  const { q, image, like, box, copies, k } = state;
  try {
    const answer = await ask("api/search", { q, image, like, box, copies, k }, { signal: mine.signal });
    showHits(answer);
  } catch (error) {
    if (error.name === "AbortError") return;
    grid.replaceChildren();
    showChips([]); // what was required or excluded can be taken back
    byId("next").hidden = true;
    tell(error.message, true);
  }
}

function showHits(answer) {
  const { hits, pictures, notes, seconds } = answer;
  for (const { id, name } of hits) names.set(id, name);
  const sure = hits.findLastIndex((hit) => hit.sure) + 1, judged = hits.some((hit) => hit.sure !== null);
  grid.replaceChildren(...hits.map((hit) => el("li", {}, card(hit))));
  if (sure && sure < hits.length) grid.insertBefore(el("li", { class: "less" }, "Less sure from here"), grid.children[sure]);
  const hidden = hits.reduce((sum, hit) => sum + hit.num_copies, 0);
  const found = hits.length ? `${hits.length.toLocaleString()}${hits.length === state.k ? " or more" : ""}${copiesTold(hidden)} of ${pictures.toLocaleString()} pictures` : `No picture among ${pictures.toLocaleString()} fits`;
  const guesses = hits.length && judged && !sure ? ["None of these is a sure match; they are the best guesses."] : [];
  tell([...guesses, `${found}, in ${(1000 * seconds).toFixed(0)} ms.`, ...notes].join("  "));
  byId("next").hidden = hits.length < state.k || state.k >= 500;
  showChips(hits);
  if (focusAfter !== null) grid.querySelectorAll(".hit")[focusAfter]?.focus();
  focusAfter = null;
}

function card(hit) {
  const why = el("div", { class: "why" });
  hit.words.slice(0, 4).forEach((one, i) => why.append(i ? " \u00b7 " : "", el("b", {}, one.word), ` ${one.product.toFixed(3)}`));
  return el("button", { type: "button", class: "hit", "data-id": hit.id, onclick: () => go({ show: hit.id, k: state.k }) },
    el("img", { src: `picture?${new URLSearchParams({ id: hit.id, side: 320 })}`, alt: "", loading: "lazy", decoding: "async" }),
    el("div", {}, el("div", { class: "name" }, `${hit.rank}. `, el("bdi", {}, hit.name), copies(hit)), why, el("div", { class: "why" }, `score ${hit.score.toFixed(4)}`)));
}

const copiesTold = (number) => (number ? ` and ${number === 1 ? "1 copy" : `${number.toLocaleString()} copies`}` : "");

// Other files of the same bytes; their names show where the pointer rests.
function copies({ num_copies: number, copies: named }) {
  if (!number) return "";
  const more = number > named.length ? `\n\u2026 and ${(number - named.length).toLocaleString()} more` : "";
  return el("span", { class: "copies", title: named.map((one) => one.name).join("\n") + more },
    copiesTold(number));
}

function showChips(hits) {
  const marked = operators(state.q), weights = new Map();
  for (const hit of hits) for (const one of hit.words) weights.set(one.word, (weights.get(one.word) ?? 0) + one.product);
  const strongest = [...weights].sort((a, b) => b[1] - a[1]).map(([word]) => word).filter((word) => !marked.has(word));
  const shown = [...[...marked.keys()].slice(0, 12), ...strongest.slice(0, 10)];
  byId("chips").replaceChildren(...shown.map((word) => chip(word, marked.get(word))));
}

function chip(word, operator = { sign: "", weight: null }) {
  const { sign, weight } = operator;
  const button = (text, title, pressed, change) => el("button",
    { type: "button", title, "aria-label": title, "aria-pressed": String(pressed), onclick: () => go({ q: change() }) }, text);
  const next = WEIGHTS[(WEIGHTS.indexOf(weight) + 1) % WEIGHTS.length];
  return el("span", { class: "chip", "data-word": word }, el("span", {}, word),
    button("+", `require ${word}`, sign === "+", () => mark(state.q, word, sign === "+" ? "" : "+", null)),
    button("\u2212", `exclude ${word}`, sign === "-", () => mark(state.q, word, sign === "-" ? "" : "-", null)),
    button(weight ? `\u00d7${weight}` : "\u00d7", `weigh ${word}: ${next ? `times ${next}` : "as it is"}`, Boolean(weight),
      () => mark(state.q, word, sign === "-" ? "" : sign, next)));
}

// What is looked for beside words: a picture, or a part of one.
async function showAsked() {
  const asked = byId("asked"), { image, like, box } = state;
  asked.hidden = !image && !like;
  if (asked.hidden) return;
  const name = image ? "the picture that was sent" : names.get(like) ?? like;
  const source = image ? `upload?${new URLSearchParams({ key: image, side: 320 })}` : `picture?${new URLSearchParams({ id: like, side: 320 })}`;
  const picture = el("img", { src: source, alt: name, draggable: "false" });
  const remove = el("button", { type: "button", onclick: () => go({ image: null, like: null, box: null }) }, "Remove");
  const whole = box ? el("button", { type: "button", onclick: () => go({ box: null }) }, "Whole picture") : null;
  const note = el("p", {}, box ? "A part of " : "More like ", el("bdi", {}, name), box ? "." : ". Draw a box to search by a part of it.");
  asked.replaceChildren(picture, note, whole ?? "", remove);
  try {
    const size = await ask(image ? "api/uploads" : "api/size", image ? { key: image } : { id: like });
    if (state.image !== image || state.like !== like) return;
    if (like && names.get(like) !== size.name) {
      names.set(like, size.name);
      return showAsked();
    }
    asked.replaceChildren(drawable(picture, size, box, (drawn) => { if (drawn) go({ box: drawn }); }), note, whole ?? "", remove);
  } catch {
    // The search tells what is wrong with the picture.
  }
}

async function send(file) {
  if (!file) return;
  if (info && file.size > info.max_upload_bytes) {
    return tell(`The picture has ${file.size.toLocaleString()} bytes; at most ${info.max_upload_bytes.toLocaleString()} can be sent.`, true);
  }
  tell("Looking at the picture\u2026");
  try {
    const { key } = await ask("api/uploads", {}, { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } });
    await go({ image: key, like: null, box: null });
  } catch (error) {
    tell(error.message, true);
  }
}

function filterValue(name) {
  const date = getFilter(state.q, "date").split("..");
  if (name === "from") return date[0] ?? "";
  if (name === "to") return date[1] ?? "";
  return getFilter(state.q, name).replace(name === "width" ? ".." : "", "");
}

function applyFilters() {
  const value = Object.fromEntries([...document.querySelectorAll("[data-filter]")].map((one) => [one.dataset.filter, one.value.trim()]));
  const date = value.from || value.to ? `${value.from}..${value.to}` : "";
  let q = input.value;
  for (const [name, text] of [["path", value.path], ["camera", value.camera], ["width", value.width && `${value.width}..`], ["date", date]]) q = setFilter(q, name, text);
  go({ q });
}

const actions = {
  close: () => go({ show: null, k: state.k }),
  mark: (word, sign, weight) => go({ q: mark(state.q, word, sign, weight) }),
  search: (word) => go({ q: /\s/.test(word) ? `"${word}"` : word, image: null, like: null, box: null }),
  like: (id, box) => go({ like: id, image: null, box: box ?? null, q: "" }),
};

function move(key) {
  const cards = [...grid.querySelectorAll(".hit")], here = cards.indexOf(document.activeElement);
  if (!cards.length) return false;
  const across = Math.max(1, cards.filter((one) => one.offsetTop === cards[0].offsetTop).length);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[key];
  if (here < 0) return false;
  const next = cards[here + step];
  if (next) next.focus();
  else if (key === "ArrowUp") input.focus();
  return true;
}

byId("form").addEventListener("submit", (event) => { event.preventDefault(); words.close(); go({ q: input.value.trim() }); });
byId("next").addEventListener("click", () => { focusAfter = state.k; go({ k: Math.min(500, state.k + STEP) }, { replace: true }); });
byId("pick").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", (event) => { send(event.target.files[0]); event.target.value = ""; });
byId("apply").addEventListener("click", applyFilters);
byId("filters").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); applyFilters(); } });
byId("more").addEventListener("click", () => {
  const filters = byId("filters");
  filters.hidden = !filters.hidden;
  byId("more").setAttribute("aria-expanded", String(!filters.hidden));
});
byId("copies").addEventListener("change", (event) => go({ copies: event.target.checked ? "true" : null }));
byId("explain").addEventListener("cancel", (event) => { event.preventDefault(); actions.close(); });
byId("explain").addEventListener("close", () => {
  const shown = byId("explain").dataset.id;
  [...grid.querySelectorAll(".hit")].find((one) => one.dataset.id === shown)?.focus();
});
addEventListener("popstate", render);
addEventListener("paste", (event) => send([...event.clipboardData.files].find((one) => one.type.startsWith("image/"))));
addEventListener("dragover", (event) => { event.preventDefault(); byId("drop").hidden = ![...event.dataTransfer.types].includes("Files"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("drop").hidden = true; });
addEventListener("drop", (event) => { event.preventDefault(); byId("drop").hidden = true; send(event.dataTransfer.files[0]); });
addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input");
  if (event.key === "/" && !typing && !byId("explain").open) { event.preventDefault(); input.focus(); input.select(); }
  else if (event.key === "ArrowDown" && event.target === input) { grid.querySelector(".hit")?.focus(); event.preventDefault(); }
  else if (event.key.startsWith("Arrow") && !typing && !byId("explain").open && move(event.key)) event.preventDefault();
});

try {
  info = await ask("api/index");
} catch (error) {
  tell(error.message, true);
}
if (info || state.q) await render();
if (!state.show && !state.q) input.focus();
document.body.dataset.ready = "yes";
