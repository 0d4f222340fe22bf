// Photos that were selected: their paths and lists and, where the server allows it, what is written.
import { ask, el } from "./dom.js";
import { labelMany } from "./labels.js";
import { addField, correctMany, tagMany } from "./writing.js";

export async function copied(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser does not let copy";
  }
  setTimeout(() => { button.textContent = before; }, 1600);
}

export class Selection {
  constructor(place, wall, { info, names, done }) {
    Object.assign(this, { place, wall, info, names, done });
  }

  show(picked) {
    this.place.hidden = picked.size === 0;
    document.body.classList.toggle("selecting", picked.size > 0);
    if (!picked.size) return;
    const ids = [...picked], button = (text, act) => el("button", { type: "button", onclick: act }, text);
    const after = () => { this.wall.unpick(); this.done(); };
    const writing = this.info?.allow_write ? [
      button("Words\u2026", () => correctMany(ids, after)), button("Field\u2026", () => addField(ids, after)), button("Label\u2026", () => labelMany(ids, after)), button("Tag files\u2026", () => tagMany(ids, after)),
    ] : [];
    this.place.replaceChildren(
      el("button", { type: "button", class: "x", "aria-label": "Clear the selection", title: "Clear the selection (Esc)", onclick: () => this.wall.unpick() }, "\u00d7"),
      el("b", { role: "status" }, `${ids.length.toLocaleString()} selected`),
      button("Copy paths", async (event) => { const { currentTarget } = event; copied((await this.paths(ids)).join("\n"), currentTarget); }),
      button("Export list", () => this.save(ids)), ...writing);
  }

  paths(ids) {
    const root = this.info?.root;
    return ids.map((id) => (root && !id.startsWith("/") && !id.startsWith("bytes:") ? `${root}/${id}` : id));
  }

  save(ids) {
    const list = `${this.paths(ids).join("\n")}\n`, address = URL.createObjectURL(new Blob([list], { type: "text/plain" }));
    const link = el("a", { href: address, download: "photos.txt" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }
}
