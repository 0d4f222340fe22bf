// The start: the library's words, examples, recent searches, and the time line below.
import { ask, byId, el } from "./dom.js";
import { asQuery } from "./query.js";

const KEY = "lexret.recent", KEPT = 8;

const recent = () => {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
};

export function remember(q) {
  const text = q.trim();
  if (!text || text.length > 200) return;
  try {
    localStorage.setItem(KEY, JSON.stringify([text, ...recent().filter((one) => one !== text)].slice(0, KEPT)));
  } catch {
    // The browser keeps nothing; so nothing is offered.
  }
}

const few = () => (innerWidth < 600 ? 16 : innerWidth < 1000 ? 28 : 40);

export function link(q, text, go, attributes = {}) {
  return el("a", { href: `./?${new URLSearchParams({ q })}`, ...attributes,
    onclick: (event) => { if (!event.ctrlKey && !event.metaKey) { event.preventDefault(); go({ q }); } } }, text);
}

function line(title, links, more = null) {
  return links.length ? el("p", { class: "line" }, el("span", { class: "faint" }, title), ...links, more) : null;
}

export function showHome(place, overview, go, all = false) {
  const searches = recent();
  const more = overview.words.length > few() && overview.words[0].pictures > 2 ? el("button", { type: "button", class: "plain", onclick: () => showHome(place, overview, go, !all) }, all ? "Fewer words" : "More words") : "";
  const forget = el("button", { type: "button", class: "plain", onclick: () => { localStorage.removeItem(KEY); showHome(place, overview, go); } }, "Forget these");
  place.replaceChildren(
    cloud(overview.words, go, all, more) ?? "",
    line("Try", overview.examples.map((one) => link(one, one, go, { class: "pill" }))) ?? "",
    placesLine(overview, go) ?? "",
    line("Recent", searches.map((one) => link(one, one, go, { class: "pill" })), forget) ?? "");
}

// Words as large as they are common, in the order of the alphabet.
function cloud(every, go, all, more) {
  const words = all ? every : every.slice(0, few());
  if (words.length < 3) return null;
  const most = Math.max(...words.map((one) => one.pictures));
  if (most < 3) return null; // in a handful of photos, no word is stronger than another
  const least = Math.min(...words.map((one) => one.pictures));
  const span = Math.sqrt(most) - Math.sqrt(least) || 1;
  const shown = [...words].sort((a, b) => a.word.localeCompare(b.word)).map((one) => {
    const share = (Math.sqrt(one.pictures) - Math.sqrt(least)) / span;
    const item = el("li", {}, link(asQuery(one.word), one.word, go, { class: `c${hash(one.word) % 8}`, title: `${one.pictures.toLocaleString()} pictures` }),
      el("span", { class: "count" }, one.pictures.toLocaleString()));
    item.firstChild.style.fontSize = `${(0.85 + 0.95 * share).toFixed(2)}rem`;
    item.firstChild.style.fontWeight = share > 0.45 ? "600" : "400";
    return item;
  });
  return el("ul", { class: "words", "aria-label": "Words of this library" }, ...shown, more ? el("li", {}, more) : null);
}

function hash(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum;
}

// While the names of places are asked for, their line is kept free: nothing below it jumps.
function placesLine(overview, go) {
  if (overview.located && !overview.places) return el("p", { class: "line", "aria-hidden": "true" }, el("span", { class: "pill vague" }, "\u2026"));
  return line("Places", townLinks(overview, go));
}

// The towns of most photos; a single one that holds them all says nothing.
function townLinks({ towns = [], countries = [], pictures }, go) {
  const several = countries.length > 3 ? countries : towns;
  const shown = several.filter((one) => one.pictures < pictures).slice(0, innerWidth < 600 ? 4 : 8);
  return shown.map((one) => link(`place:${asQuery(one.word)}`, one.word.split(",")[0], go, { class: "pill", title: `${one.word}: ${one.pictures.toLocaleString()} pictures` }));
}

// Tells the month that is on the screen, wherever that is, and leads to another.
export function jumpTo(names, wall) {
  const jump = byId("jump-to");
  byId("jump").hidden = names.length < 3;
  jump.replaceChildren(...names.map((name, i) => el("option", { value: i }, name)));
  jump.onchange = () => wall.toSection(Number(jump.value));
}

export const overview = () => ask("api/overview"), places = () => ask("api/places");
