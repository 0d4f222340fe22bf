// What changes the index or files: asked for in a dialog, shown before, done by the server where it allows it.
import { ask, byId, el } from "./dom.js";

export const post = (path, body) => ask(path, {}, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export function dialog(title, fields, { button, act, done, note = "" }) {
  const place = byId("form-dialog"), told = el("div", { class: "told", role: "status" });
  const form = el("form", { method: "dialog" }, el("h2", { id: "form-title" }, title), note ? el("p", { class: "faint" }, note) : null, ...fields, told,
    el("div", { class: "actions" }, el("button", { type: "submit", class: "first" }, button), el("button", { type: "button", onclick: () => place.close() }, "Cancel")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    told.replaceChildren(el("p", { class: "faint" }, "\u2026"));
    try {
      const more = await act(form);
      if (more) return told.replaceChildren(more);
      place.close();
      done();
    } catch (error) {
      told.replaceChildren(el("p", { role: "alert" }, error.message));
    }
  });
  place.replaceChildren(form);
  place.showModal();
}

export const field = (label, name, attributes = {}) => el("label", {}, label, el("input", { name, autocomplete: "off", ...attributes }));
const listed = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);
export const photos = (number) => `${number.toLocaleString()} ${number === 1 ? "photo" : "photos"}`;

export function correctMany(ids, done) {
  dialog(`Words of ${photos(ids.length)}`, [field("Add words, with commas between them", "add", { placeholder: "lighthouse, grandma's house" }), field("Take words away", "remove", { placeholder: "rocket" })], {
    button: "Correct", done, note: "Searches go by it at once. The files stay as they are, and it can be undone by taking the word back.",
    act: async (form) => {
      await post("api/correct", { ids, add: listed(form.add.value), remove: listed(form.remove.value) });
    },
  });
}

export function addField(ids, done) {
  dialog(`A field for ${photos(ids.length)}`, [field("Name", "name", { placeholder: "place", required: true }), field("Value (empty takes it away)", "value", { placeholder: "Nice, old town" })], {
    button: "Set", done, note: "Fields can be searched by, such as place:nice* or stars:4..",
    act: async (form) => {
      await post("api/fields", { ids, fields: { [form.name.value.trim()]: form.value.value } });
    },
  });
}

export function tagMany(ids, done) {
  let shown = false;
  dialog(`Write words into ${photos(ids.length)}`, [], {
    button: "Show what would change", done, note: "The words that lexret is sure of become keywords of the files (XMP and IPTC), for other programs. Your own keywords stay.",
    act: async (form) => {
      const answer = await post("api/tag", { ids, write: shown });
      if (shown && !answer.failed.length) return null;
      const rows = [...answer.changes.map((one) => el("li", {}, el("bdi", {}, one.name), ": ", one.added.map((word) => `+${word}`).join(" "), " ", one.removed.map((word) => `\u2212${word}`).join(" "))), ...answer.failed.map((one) => el("li", { class: "bad" }, el("bdi", {}, one.name), ": ", one.error))];
      shown = answer.changes.length > 0 && !shown;
      const submit = form.querySelector("[type=submit]");
      submit.textContent = `Write into ${photos(answer.changes.length)}`;
      submit.hidden = !shown;
      return el("div", {}, el("p", {}, answer.changes.length ? "This would be written:" : "Nothing would change."), el("ul", { class: "preview" }, ...rows));
    },
  });
}

export const undoWord = (photo, word) => post("api/correct", { ids: [photo.id], remove: [word], undo: true });

// The words that are muted, each to be let count again.
export function mutedWords(words, done) {
  return el("p", { class: "line" }, el("span", { class: "faint" }, "Muted"), ...words.map((word) => el("span", { class: "chip" }, el("span", { class: "body" }, word),
    el("button", { type: "button", class: "x", "aria-label": `Let ${word} count again`, title: "Let it count again", onclick: async () => { await post("api/mute", { words: [word], mute: false }); done(); } }, "\u00d7"))));
}

// A line in the viewer to add or take away words of one photo, and to mute words everywhere.
export function correctWords(photo, done) {
  const input = el("input", { name: "word", "aria-label": "A word", placeholder: "a word", autocomplete: "off" }), told = el("p", { role: "status", class: "faint" });
  const button = (text, title, act) => el("button", { type: "button", title, onclick: async () => {
    const word = input.value.trim();
    if (!word) return input.focus();
    try {
      await act(word);
      done();
    } catch (error) {
      told.textContent = error.message;
    }
  } }, text);
  return el("section", { class: "correct" }, el("div", { class: "actions" }, input,
    button("Add", "The photo shows it", (word) => post("api/correct", { ids: [photo.id], add: [word], remove: [] })),
    button("Take away", "The photo does not show it", (word) => post("api/correct", { ids: [photo.id], add: [], remove: [word] })),
    button("Mute", "No photo is found by it any more", (word) => post("api/mute", { words: [word], mute: true }))), told);
}
