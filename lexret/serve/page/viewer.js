// The viewer: one photo, large, with what is known of it; more of it when it is ready.
import { ask, byId, el } from "./dom.js";
import { drawable } from "./box.js";
import { details } from "./details.js";
import { explanation, ofPart, paint, placeOf } from "./explain.js";
import { Zoom } from "./zoom.js";
import { pictureAddress } from "./wall.js";

const STAY = 350; // milliseconds on a photo before the model looks at it
const SIDE = 1600; // pixels of what is shown at first
const SHOWN = /\.(jpe?g|png|webp|gif|avif)$/i; // what every browser shows
const CHOOSE = "Choose a word to see where it is.";

export class Viewer {
  // `around(id, step)` gives the photo that comes before or after one, or nothing.
  constructor(dialog, { around, actions, info }) {
    Object.assign(this, { dialog, around, actions, info, turn: 0, state: {} });
    this.photo = el("div", { class: "photo" });
    this.stage = el("div", { class: "stage" }, this.photo, this.arrow("previous", "\u2039", -1), this.arrow("next", "\u203a", 1));
    this.side = el("aside", { class: "side", "aria-label": "About this photo" });
    this.title = el("h2", { id: "viewer-title" });
    const button = (text, label, act, attributes = {}) => el("button", { type: "button", title: label, "aria-label": label, onclick: act, ...attributes }, text);
    this.drawing = button("\u25a2", "Draw a box to search by a part (B)", () => this.draw(!this.photo.querySelector(".draw")), { "aria-pressed": "false" });
    this.beside = button("i", "About this photo (I)", () => this.toggleSide(), { "aria-pressed": "true" });
    const bar = el("header", { class: "bar-top" }, button("\u2190", "Close (Esc)", () => this.actions.close(), { class: "close", autofocus: true }), this.title,
      el("div", { class: "tools" }, button("\u2212", "Smaller (\u2212)", () => this.zoom.by(1 / 1.5)), button("+", "Larger (+)", () => this.zoom.by(1.5)), this.drawing, this.beside));
    dialog.replaceChildren(bar, this.stage, this.side);
    this.zoom = new Zoom(this.stage, this.photo, { swiped: (step) => this.step(step), drawing: () => Boolean(this.photo.querySelector(".draw")), closer: () => this.sharpen() });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.actions.close(); });
    dialog.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fit()).observe(this.stage);
  }

  arrow(name, text, step) {
    return el("button", { type: "button", class: `arrow ${name}`, "aria-label": `${name[0].toUpperCase()}${name.slice(1)} photo`, onclick: () => this.step(step) }, text);
  }

  async step(step) {
    const mine = this.turn, other = await this.around(this.state.show, step);
    if (other && mine === this.turn) this.actions.show(other.id, { replace: true });
  }

  key(event) {
    if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), "+": () => this.zoom.by(1.5), "=": () => this.zoom.by(1.5), "-": () => this.zoom.by(1 / 1.5),
      0: () => this.zoom.reset(), i: () => this.toggleSide(), b: () => this.draw(!this.photo.querySelector(".draw")) }[event.key];
    if (!act) return;
    act();
    event.preventDefault();
  }

  toggleSide() {
    const on = this.dialog.classList.toggle("alone");
    this.beside.setAttribute("aria-pressed", String(!on));
  }

  open(state, name) {
    const asked = JSON.stringify([state.show, state.q, state.image, state.like, state.box, state.copies]);
    if (this.dialog.open && this.dialog.dataset.asked === asked) return;
    this.turn += 1;
    Object.assign(this.dialog.dataset, { asked, id: state.show, ready: "no", explained: "no" });
    this.state = state;
    this.size = null;
    this.zoom.reset();
    this.drawing.setAttribute("aria-pressed", "false");
    this.title.replaceChildren(el("bdi", {}, name ?? state.show));
    const small = el("img", { class: "small", src: pictureAddress(state.show, 320), alt: "", draggable: "false" });
    const large = el("img", { class: "large", src: pictureAddress(state.show, SIDE), alt: name ?? state.show, draggable: "false" });
    large.addEventListener("load", () => large.classList.add("ready"), { once: true });
    large.addEventListener("error", () => this.broken(), { once: true });
    small.addEventListener("load", () => { this.size ??= { width: small.naturalWidth, height: small.naturalHeight }; this.fit(); }, { once: true });
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.photo.replaceChildren(small, large, this.canvas);
    this.side.replaceChildren(el("p", { class: "faint" }, "\u2026"));
    this.side.classList.remove("fileless");
    if (!this.dialog.open) this.dialog.showModal();
    this.fit();
    this.fill(state, this.turn);
    for (const step of [1, -1]) this.prepare(state.show, step, this.turn);
  }

  // The neighbours are fetched ahead, so that they are there at once.
  async prepare(id, step, mine) {
    const other = await this.around(id, step);
    if (mine !== this.turn) return;
    this.stage.querySelector(step > 0 ? ".next" : ".previous").hidden = !other;
    if (other) setTimeout(() => { if (mine === this.turn) new Image().src = pictureAddress(other.id, SIDE); }, STAY);
  }

  // A closer look takes the file itself, where that is given and has more to show.
  sharpen() {
    const { found, turn: mine } = this;
    if (!found || !this.info?.originals || Math.max(found.width, found.height) <= SIDE || !SHOWN.test(found.name) || this.photo.querySelector(".whole")) return;
    const whole = el("img", { class: "large whole", src: `original?${new URLSearchParams({ id: found.id })}`, alt: "", draggable: "false" });
    whole.addEventListener("load", () => { if (mine === this.turn) whole.classList.add("ready"); }, { once: true });
    this.canvas.before(whole);
  }

  broken() {
    for (const image of this.photo.querySelectorAll("img")) image.hidden = true;
    this.side.classList.add("fileless"); // nothing to open, to download, or to look at
    this.photo.append(el("p", { role: "alert", class: "gone" }, "The photo cannot be shown: its file is gone, or cannot be read."));
  }

  async fill(state, mine) {
    try {
      const found = await ask("api/details", { id: state.show });
      if (mine !== this.turn) return;
      if (found.width && found.height) this.size = found;
      this.found = found;
      this.title.replaceChildren(el("bdi", {}, found.name));
      this.fit();
      this.why = el("div", { class: "why-found" });
      this.asked = el("div", { class: "parts heard" });
      this.side.replaceChildren(...details(found, this.info, { ...this.actions, word: (word) => this.show(word) }), this.asked, this.why);
    } catch (error) {
      if (mine === this.turn) this.side.replaceChildren(el("p", { role: "alert" }, error.message));
    }
    if (mine !== this.turn) return;
    this.dialog.dataset.ready = "yes";
    setTimeout(() => { if (mine === this.turn && this.dialog.open && this.found) this.look(state, mine); }, STAY);
  }

  // After a change: what is known is asked for anew; the photo, and where one writes, stay.
  async refresh() {
    this.turn += 1;
    this.explained = null;
    this.canvas.dataset.word = "";
    this.canvas.width = 1; // which empties it
    Object.assign(this.dialog.dataset, { ready: "no", explained: "no" });
    await this.fill(this.state, this.turn);
    this.side.querySelector(".correct input")?.focus();
  }

  // The model looks at the photo: heat maps, parts, and why it was found.
  async look(state, mine) {
    const { show: id, q, image, like, box, copies } = state;
    this.note = this.side.querySelector(".where");
    this.note.textContent = "Looking at where the words are\u2026";
    try {
      const found = await ask("api/explain", { id, q, image, like, box, copies });
      if (mine !== this.turn) return;
      this.explained = found;
      const { elements } = explanation(found, { show: (word) => this.show(word), search: this.actions.search });
      this.note.textContent = CHOOSE;
      this.why.replaceChildren(...elements);
      this.side.classList.add("seen");
    } catch (error) {
      if (mine !== this.turn) return;
      this.note.textContent = "";
      this.why.replaceChildren(el("p", { role: "alert" }, error.message));
    }
    if (mine === this.turn) this.dialog.dataset.explained = "yes";
  }

  show(word) {
    const found = this.explained;
    if (!found || found.id !== this.state.show) return this.actions.search(word);
    const seen = found.words.find((one) => one.word === word);
    const again = this.canvas.dataset.word === word;
    this.canvas.dataset.word = again ? "" : word;
    paint(this.canvas, found, again ? null : seen?.heat, seen?.patch);
    this.note.textContent = again ? CHOOSE : placeOf(found, word);
    for (const one of this.side.querySelectorAll(".held [data-word]")) one.setAttribute("aria-pressed", String(!again && one.dataset.word === word));
  }

  draw(on) {
    this.photo.querySelector(".draw")?.remove();
    this.drawing.setAttribute("aria-pressed", String(on));
    if (!on || !this.found || !this.size) return;
    const sheet = el("div", { class: "sheet" });
    const size = this.explained ?? this.size;
    this.photo.append(drawable(sheet, size, null, (drawn, place) => {
      if (drawn) return ofPart(this.found, { box: drawn }, this.asked, { ...this.actions, box: drawn });
      const { rows, cols } = this.explained ?? {};
      if (rows) ofPart(this.found, { patch: `${Math.min(rows - 1, Math.floor(place[1] * rows))},${Math.min(cols - 1, Math.floor(place[0] * cols))}` }, this.asked, this.actions);
    }));
    this.asked.replaceChildren(el("p", { class: "faint" }, "Draw a box over the photo to search by that part, or click a place to hear what it says."));
  }

  // The photo as large as the stage lets it, in its own proportions.
  fit() {
    if (!this.size || !this.stage.clientWidth) return;
    const { clientWidth: width, clientHeight: height } = this.stage;
    const scale = Math.min(width / this.size.width, height / this.size.height, 4);
    this.photo.style.width = `${Math.round(this.size.width * scale)}px`;
    this.photo.style.height = `${Math.round(this.size.height * scale)}px`;
  }

  close() {
    this.turn += 1;
    this.explained = this.found = null;
    if (this.dialog.open) this.dialog.close();
  }
}
