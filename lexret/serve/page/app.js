// The page: what is looked for stands in the address, so that it can be kept, sent and gone back to.
import { ask, byId, el } from "./dom.js";
import { showAsked } from "./asked.js";
import { clearChips, showChips, showNarrowing, showUnknown } from "./chips.js";
import { completion } from "./complete.js";
import { applyFilters, fillFilters, offerLabels, offerValues } from "./filters.js";
import { jumpTo, overview, places, remember, showHome } from "./home.js";
import { showMap } from "./map.js";
import { asQuery, mark } from "./query.js";
import { showNothing } from "./nothing.js";
import { Beside } from "./beside.js";
import { takePictures } from "./dropped.js";
import { Results } from "./results.js";
import { Selection, copied } from "./selection.js";
import { timeline } from "./timeline.js";
import { Viewer } from "./viewer.js";
import { Wall } from "./wall.js";
import { correctWords, mutedWords, undoWord } from "./writing.js";

const ASKED = ["q", "image", "like", "box", "copies"];
const input = byId("q"), status = byId("status"), words = completion(input);
const names = new Map(); // id -> how to show it
const SETTLE = 200, PATIENCE = 700; // milliseconds
let state = {}, running = new AbortController(), info = null, found = null, results = null, selection = null, viewer = null, pushed = 0, noting = null, isStale = false;
history.scrollRestoration = "manual"; // a page is laid out after it was gone back to

const read = () => {
  const given = new URLSearchParams(location.search);
  return { q: given.get("q") ?? "", image: given.get("image"), like: given.get("like"), box: given.get("box"), copies: given.get("copies") && "true", show: given.get("show") };
};
const searching = ({ q, image, like }) => Boolean(q || image || like);

function go(changes, { replace = false } = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...state, show: null, ...changes })) if (value) query.set(name, value);
  noteScroll();
  const isSame = ASKED.every((name) => (({ ...state, ...changes })[name] || null) === (state[name] || null));
  history[replace ? "replaceState" : "pushState"]({ top: isSame ? scrollY : 0 }, "", query.size ? `?${query}` : "./");
  if (!replace) pushed += 1;
  return render();
}

// How far somebody has scrolled stands in the history: going back leads there, and so does loading anew.
function noteScroll() {
  clearTimeout(noting);
  if (document.body.dataset.ready) history.replaceState({ ...history.state, top: scrollY }, "");
}

async function scrollBack(top) {
  while (results?.more && top > document.documentElement.scrollHeight - innerHeight) if (!await results.next()) break;
  scrollTo({ top, behavior: "instant" });
  wall.draw();
}

function tell(...parts) {
  status.classList.remove("bad");
  status.replaceChildren(...parts);
}

function complain(text, { isOffline = false } = {}) {
  byId("grid").classList.remove("waiting");
  status.classList.add("bad");
  status.classList.toggle("pointed", text.includes("\n")); // its marks stand below letters
  status.textContent = text;
  if (isOffline) status.append(" ", el("button", { type: "button", onclick: () => (info ? anew() : location.reload()) }, "Try again"));
}

const anew = () => (searching(state) ? search() : home());

// After a change: what is found now, where one was.
async function anewHere() {
  const top = scrollY;
  isStale = false;
  await anew();
  await scrollBack(top);
}

async function render(top = 0) {
  const before = state;
  state = read();
  if (!document.body.dataset.shown || ASKED.some((name) => before[name] !== state[name])) {
    document.body.dataset.shown = "yes";
    clearTimeout(noting);
    scrollTo({ top: 0, behavior: "instant" }); // the new result from its beginning
    await anew();
    if (top) await scrollBack(top);
  }
  if (state.show) viewer.open(state, names.get(state.show));
  else if (byId("viewer").open) {
    const { id } = byId("viewer").dataset;
    viewer.close();
    if (isStale) await anewHere();
    const index = results ? results.indexOf(id) : await beside.onWall(id);
    if (index >= 0) wall.focus(index);
  }
}

function begin() {
  running.abort();
  running = new AbortController();
  input.value = state.q;
  fillFilters(state);
  clearChips();
  document.title = state.q ? `${state.q} - lexret` : "lexret";
  showAsked(state, names, go);
  byId("home").hidden = searching(state);
  byId("jump").hidden = true;
  results = null;
  wall.clear();
  byId("grid").classList.add("waiting");
  return running.signal;
}

async function home() {
  const signal = begin();
  tell("");
  if (!info.pictures) info = await ask("api/index").catch(() => info); // some may have come since
  if (!info.pictures) {
    byId("grid").classList.remove("waiting");
    return tell("There are no photos here yet. Index some: lexret index FOLDER");
  }
  if (found) showHome(byId("ways"), found, go); // as it was; it is asked for anew below
  const ways = waysIn(signal).catch(() => {}), soon = Promise.race([ways, new Promise((done) => setTimeout(done, PATIENCE))]);
  try {
    const line = await timeline(state.copies, () => { if (!signal.aborted) home(); });
    if (!found) await soon; // so that the photos do not jump as the ways in come
    if (signal.aborted) return;
    byId("grid").classList.remove("waiting");
    jumpTo(line.sections.map((one) => one.title), wall);
    wall.show({ ...line, source: { ...line.source, get: (index) => named(line.source.get(index)) } });
  } catch (error) {
    if (!signal.aborted) complain(error.message, error);
  }
}

async function waysIn(signal) {
  const all = await overview(), kept = found?.commit === all.commit ? found : null;
  if (signal.aborted) return;
  found = kept ?? all;
  if (!kept) showHome(byId("ways"), found, go);
  muted();
  if (!all.located || found.places) return;
  places().then((more) => {
    found = { ...all, ...more };
    if (!signal.aborted) showHome(byId("ways"), found, go);
  }, () => {});
}

async function muted() {
  if (!info.allow_write) return;
  info = await ask("api/index");
  byId("muted").replaceChildren(info.muted.length ? mutedWords(info.muted, home) : "");
}

function named(picture) {
  if (picture instanceof Promise) return picture.then(named);
  if (picture) names.set(picture.id, picture.name);
  return picture;
}

async function search() {
  const signal = begin(), { q, image, like, box, copies } = state;
  tell("Searching\u2026");
  results = new Results(wall, { q, image, like, box, copies }, { signal, onAnswer: showAnswer, onCounted: showCount, onError: showError });
  await results.next();
}

function showAnswer(answer, one) {
  byId("grid").classList.remove("waiting");
  for (const { id, name } of answer.hits) names.set(id, name);
  tell(el("p", {}), ...answer.notes.map((note) => el("p", { class: "note" }, note)));
  one.total = answer.pictures;
  one.hidden = answer.hits.reduce((sum, hit) => sum + hit.num_copies, 0);
  showCount(one);
  if (answer.hits.length) remember(state.q);
  else showNothing(byId("nothing"), state, go);
  showChips(state, answer, go);
  if (answer.hits.length > 2) showNarrowing(state, go);
  if (answer.notes.some((note) => note.startsWith("not in the vocabulary"))) showUnknown(state, go);
}

// Once more when it is known how many are sure.
function showCount(one) {
  status.firstElementChild.textContent = one.told(state);
}

function showError(error, first) {
  if (first) showChips(state, null, go); // what was required or excluded can be taken back
  complain(error.message, error);
  // The nearest words as links say the same, and more shortly.
  if (/not in the vocabulary|No word of/.test(error.message)) showUnknown(state, go).then((shown) => { if (shown) tell(""); });
}

async function send(file) {
  if (!file) return;
  if (!file.type.startsWith("image/") && file.type) return complain("That is no picture. Drop, paste or pick a photo to search by it.");
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return complain("The browser cannot read that file; is it still there?");
  }
  if (info && file.size > info.max_upload_bytes) return complain(`The picture has ${file.size.toLocaleString()} bytes; at most ${info.max_upload_bytes.toLocaleString()} can be sent.`);
  running.abort();
  wall.clear();
  clearChips();
  byId("home").hidden = true;
  tell("Looking at the picture\u2026");
  try {
    const { key } = await ask("api/uploads", {}, { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } });
    state = { ...state, image: null };
    await go({ q: "", image: key, like: null, box: null });
  } catch (error) {
    complain(error.message);
  }
}

async function offerAll() {
  found ??= await overview();
  offerValues(found);
  await offerLabels();
  fillFilters(state); // as it is by now
  if (!found.located) return;
  if (!found.places) found = { ...found, ...await places() };
  offerValues(found);
  showMap(byId("map"), found.places, state, go);
}

function again() {
  isStale = true;
  viewer.refresh();
}

const actions = {
  close: () => (pushed > 0 && !document.body.dataset.direct ? history.back() : go({ show: null }, { replace: true })),
  show: (id, options) => go({ show: id }, options),
  query: (q) => go({ q, image: null, like: null, box: null }),
  search: (word) => go({ q: asQuery(word), image: null, like: null, box: null }),
  mark: (word, sign, weight) => go({ q: mark(state.q, word, sign, weight) }),
  like: (id, box) => go({ like: id, image: null, box: box ?? null, q: "" }),
  copy: copied,
  correct: (photo) => correctWords(photo, again),
  undo: (photo, word) => undoWord(photo, word).then(again, (error) => complain(error.message)),
  async reveal(id, button) {
    try {
      await ask("api/reveal", { id }, { method: "POST" });
    } catch (error) {
      button.after(el("p", { role: "alert" }, error.message));
    }
  },
};

const wall = new Wall(byId("grid"), {
  onOpen: (index, picture) => { document.body.dataset.direct = ""; go({ show: picture.id }); },
  onPick: (picked) => selection?.show(picked),
  onNear: () => results?.next(),
  onSection: (number) => { byId("jump-to").value = number; },
});

const beside = new Beside(wall, { results: () => results, names });

byId("form").addEventListener("submit", (event) => { event.preventDefault(); words.close(); go({ q: input.value.trim() }); });
byId("home-link").addEventListener("click", (event) => { if (!event.ctrlKey && !event.metaKey) { event.preventDefault(); go({ q: "", image: null, like: null, box: null, copies: null }); } });
takePictures(send);
byId("apply").addEventListener("click", () => go({ q: applyFilters(input.value) }));
byId("filters").addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.id !== "apply") { event.preventDefault(); go({ q: applyFilters(input.value) }); } });
byId("more").addEventListener("click", async () => {
  const filters = byId("filters");
  filters.hidden = !filters.hidden;
  byId("more").setAttribute("aria-expanded", String(!filters.hidden));
  if (!filters.hidden) offerAll().catch((error) => complain(error.message, error));
});
byId("copies").addEventListener("change", (event) => go({ copies: event.target.checked ? "true" : null }));
addEventListener("popstate", (event) => { pushed = Math.max(0, pushed - 1); render(event.state?.top ?? 0); });
addEventListener("scroll", () => { clearTimeout(noting); noting = setTimeout(noteScroll, SETTLE); }, { passive: true });
addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input:not([type=checkbox]), select"), open = document.querySelector("dialog[open]");
  if (open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !typing) { event.preventDefault(); input.focus(); input.select(); }
  else if (event.key === "ArrowDown" && event.target === input) { if (wall.focus(0)) event.preventDefault(); }
  else if (event.key === "Escape" && wall.picked.size) wall.unpick();
  else if (event.key.startsWith("Arrow") && !typing && wall.move(event.key)) event.preventDefault();
  else if (event.key === "ArrowUp" && document.activeElement?.classList.contains("hit")) { event.preventDefault(); input.focus(); }
});

try {
  info = await ask("api/index");
} catch (error) {
  complain(error.message, error);
}
viewer = new Viewer(byId("viewer"), { around: (id, step) => beside.of(id, step), actions, info });
selection = new Selection(byId("selected"), wall, { info, names, done: anewHere });
if (read().show) document.body.dataset.direct = "yes";
if (info) await render(history.state?.top ?? 0);
document.body.dataset.ready = "yes";
