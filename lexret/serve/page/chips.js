// Chips: what was understood of the query, each to be taken away, and words that narrow the result.
import { ask, byId, el } from "./dom.js";
import { asQuery, drop, filters, mark, operators, swap, without } from "./query.js";

const SHOWN = 5, LATER = 300; // milliseconds: the photos go first
let turn = 0;

export function clearChips() {
  turn += 1;
  for (const id of ["chips", "narrow", "unknown", "nothing"]) byId(id).replaceChildren();
}

export function showChips(state, answer, go) {
  clearChips();
  const marked = operators(state.q), words = answer?.query_words ?? [];
  const said = words.filter((one) => one.typed), picture = Boolean(state.image || state.like);
  const meant = picture && said.length ? [] : words.filter((one) => !one.typed).slice(0, SHOWN);
  const chips = said.map((one) => wordChip(one.word, marked.get(one.word), state.q, go));
  for (const [word, { sign, weight }] of marked) {
    if (said.some((one) => one.word === word) || (weight !== null && Number(weight) === 0 && sign !== "-")) continue;
    if (sign === "-" || !answer) chips.push(wordChip(word, { sign, weight }, state.q, go));
  }
  for (const one of filters(state.q)) chips.push(chip(`${one.name}: ${one.value}`, { kind: "filter", remove: `Remove the filter ${one.name}`, onRemove: () => go({ q: without(state.q, one.text) }) }));
  const added = meant.map((one) => chip(one.word, { kind: "meant", remove: `Search without ${one.word}`, onRemove: () => go({ q: picture ? mark(state.q, one.word, "-", null) : drop(state.q, one.word) }) }));
  for (const [word, { weight }] of marked) if (weight !== null && Number(weight) === 0) added.push(chip(word, { kind: "out", remove: `Let ${word} count again`, onRemove: () => go({ q: mark(state.q, word, "", null) }) }));
  byId("chips").replaceChildren(
    ...(chips.length ? [el("span", { class: "faint" }, "Looking for"), ...chips] : []),
    ...(added.length ? [el("span", { class: "faint" }, picture && !said.length ? "The picture says" : "by meaning also"), ...added] : []));
}

function chip(text, { kind = "", title = "", remove, onRemove, onClick = null, word = null }) {
  const body = onClick ? el("button", { type: "button", class: "body", title, onclick: onClick, "aria-haspopup": "dialog" }, text) : el("span", { class: "body", title }, text);
  return el("span", { class: `chip ${kind}`, "data-word": word }, body,
    el("button", { type: "button", class: "x", "aria-label": remove, title: remove, onclick: onRemove }, "\u00d7"));
}

function wordChip(word, operator, q, go) {
  const { sign = "", weight = null } = operator ?? {};
  const told = sign === "-" ? `without ${word}` : sign === "+" ? `must show ${word}` : weight ? `${word} \u00d7${weight}` : word;
  return chip(told, {
    word, kind: sign === "-" ? "not" : "", title: "Require, exclude or weigh it", remove: `Remove ${word}`,
    onRemove: () => go({ q: drop(q, word) }),
    onClick: (event) => menu(event.currentTarget, word, { sign, weight }, q, go),
  });
}

function menu(anchor, word, { sign, weight }, q, go) {
  const place = byId("menu");
  const choice = (text, on, change) => el("button", { type: "button", "aria-pressed": String(on), onclick: () => { place.hidePopover(); go({ q: change() }); } }, text);
  place.setAttribute("aria-label", `How ${word} counts`);
  place.replaceChildren(
    choice("Must show it", sign === "+", () => mark(q, word, sign === "+" ? "" : "+", null)),
    choice("Must not show it", sign === "-", () => mark(q, word, sign === "-" ? "" : "-", null)),
    choice("Counts double", weight === "2", () => mark(q, word, sign === "-" ? "" : sign, weight === "2" ? null : "2")),
    choice("Search this alone", false, () => asQuery(word)));
  const { left, bottom } = anchor.getBoundingClientRect();
  place.style.left = `${Math.max(8, Math.min(left, innerWidth - 210))}px`;
  place.style.top = `${bottom + 4}px`;
  place.showPopover();
  place.querySelector("button").focus();
}

// Words that many hits hold and others do not; they come after the hits.
export async function showNarrowing(state, go) {
  const mine = turn, { q, image, like, box } = state;
  await new Promise((done) => setTimeout(done, LATER));
  if (mine !== turn) return;
  try {
    const { words } = await ask("api/narrow", { q, image, like, box, k: 8 });
    if (mine !== turn || !words.length) return;
    byId("narrow").replaceChildren(el("span", { class: "faint" }, "Narrow by"), ...words.map((one) =>
      el("button", { type: "button", class: "chip add", title: `${one.hits} of the first hits show it`, onclick: () => go({ q: mark(q, one.word, "+", null) }) }, `+ ${one.word}`)));
  } catch {
    // The search itself says what is wrong.
  }
}

const linkTo = (q, text, go) => el("a", { href: `./?${new URLSearchParams({ q })}`, onclick: (event) => { event.preventDefault(); go({ q }); } }, text);

// The nearest words for those that the vocabulary lacks; tells whether there are any.
export async function showUnknown(state, go) {
  const mine = turn;
  if (!state.q) return false;
  try {
    const { words } = await ask("api/unknown", { q: state.q.slice(0, 2000) });
    const near = words.filter((one) => one.nearest.length);
    if (mine !== turn || !near.length) return false;
    const meant = near.reduce((text, one) => swap(text, one.word, one.nearest[0]), state.q), whole = near.length > 1 ? el("p", {}, "Did you mean ", linkTo(meant, meant, go), "?") : "";
    byId("unknown").replaceChildren(whole, ...near.map((one) => el("p", {}, `\u201c${one.word}\u201d is no word that lexret knows. Try `,
      ...one.nearest.flatMap((other, i) => [i ? ", " : "", linkTo(swap(state.q, one.word, other), other, go)]), ".")));
    return true;
  } catch {
    return false; // as above
  }
}
