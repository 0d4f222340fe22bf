// A wall of pictures in justified rows, of which only those near the screen are in the page.
import { el } from "./dom.js";
import { justified, shown } from "./justified.js";

const GAP = 6, HEAD = 46, AHEAD = 700, STILL = 90, LONG = 500, AGAIN = 2000, BAR = 100, FEW = 2, CALM = 1000; // pixels, and milliseconds

// The side to ask for, so that a picture is as sharp as the screen, nearly: a quarter is not seen.
const sideOf = (rowHeight, ratio) => (rowHeight * Math.max(1, ratio) * Math.min(2, devicePixelRatio) > 400 ? 640 : 320);
const wantedHeight = (width) => (width < 500 ? 120 : width < 900 ? 165 : 205);

export const pictureAddress = (id, side) => `picture?${new URLSearchParams({ id, side })}`;

// `source.get(index)` gives a picture {id, name} or a promise of it; `caption(picture)` what stands below it.
export class Wall {
  constructor(place, { onOpen, onPick, onNear = () => {}, onSection = () => {} }) {
    Object.assign(this, { place, onOpen, onPick, onNear, onSection, blocks: [], drawn: new Map(), picked: new Set(), current: 0, count: 0, source: null });
    Object.assign(this, { last: 0, coming: new Set(), calm: 0 });
    addEventListener("scroll", () => { this.calm = 0; this.soon(); }, { passive: true });
    new ResizeObserver(() => { if (Math.round(place.clientWidth) !== this.width) this.layout(); }).observe(place);
  }

  // sections: [{title, note, count}]; ratios: width over height of each picture, in their order.
  show({ sections, ratios, source, caption = null, keep = false }) {
    if (!keep) this.clear();
    if (!keep) this.calm = performance.now() + CALM; // one may search on at once
    Object.assign(this, { sections, ratios, source, caption, count: ratios.length });
    this.layout(keep);
  }

  clear() {
    for (const one of this.drawn.values()) this.remove(one);
    this.drawn.clear();
    Object.assign(this, { blocks: [], sections: [], ratios: [], count: 0, current: 0 });
    this.place.replaceChildren();
    this.place.style.height = "0";
  }

  // keep: rows that stay as they are stay in the page.
  layout(keep = false) {
    const before = this.blocks, width = (this.width = Math.round(this.place.clientWidth));
    if (!width || !this.sections) return;
    const anchor = this.blocks.length && this.top() > 0 ? this.at(this.top()) : null;
    const wanted = wantedHeight(width), below = this.caption ? 26 : 0;
    this.blocks = [];
    let top = 0, start = 0;
    for (const [number, section] of this.sections.entries()) {
      if (section.title) {
        this.blocks.push({ top, height: HEAD, section, number, start });
        top += HEAD;
      }
      for (const row of justified(this.ratios, start, start + section.count, width, wanted, GAP)) {
        this.blocks.push({ ...row, top, number, rowHeight: row.height, height: row.height + GAP + below });
        top += row.height + GAP + below;
      }
      start += section.count;
    }
    this.place.style.height = `${Math.ceil(top)}px`;
    for (const [number, element] of this.drawn) {
      const old = before[number], now = this.blocks[number];
      if (keep && now && !now.section && ["start", "end", "top", "height"].every((name) => old[name] === now[name])) continue;
      this.remove(element);
      this.drawn.delete(number);
    }
    if (anchor !== null && !keep) this.scrollTo(this.blocks[this.blockOf(anchor)], 0);
    this.draw();
  }

  // The side that most pictures will be asked for in.
  usualSide() { return sideOf(wantedHeight(this.width || this.place.clientWidth), 1.5); }

  top() { return -this.place.getBoundingClientRect().top; }

  // The first block that ends below a height.
  find(height) {
    let low = 0, high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.blocks[middle].top + this.blocks[middle].height <= height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  at(height) { return this.blocks[Math.min(this.blocks.length - 1, this.find(height))]?.start ?? 0; }

  blockOf(index) {
    let low = 0, high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1, block = this.blocks[middle];
      if ((block.end ?? block.start) <= index) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, this.blocks.length - 1);
  }

  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = null; this.draw(); });
  }

  draw() {
    if (!this.blocks.length) return;
    const top = this.top(), moved = Math.abs(top - this.last);
    this.last = top;
    const first = this.find(top - AHEAD), end = top + innerHeight + AHEAD, wanted = new Set();
    for (let number = first; number < this.blocks.length && this.blocks[number].top < end; number += 1) wanted.add(number);
    for (const [number, element] of this.drawn) {
      if (wanted.has(number) || element.contains(document.activeElement)) continue;
      this.remove(element);
      this.drawn.delete(number);
    }
    for (const number of wanted) if (!this.drawn.has(number)) this.drawBlock(number);
    // While somebody scrolls fast, pictures that pass by are not asked for.
    clearTimeout(this.loading);
    if (moved < innerHeight) this.load();
    else this.loading = setTimeout(() => this.load(), STILL);
    if (end > this.place.offsetHeight - innerHeight) this.onNear();
    this.onSection(this.blocks[Math.min(this.blocks.length - 1, this.find(top + BAR))].number);
  }

  // Pictures on the screen go first; of those beyond it few are asked for at a time, so that whoever
  // searches or scrolls meanwhile does not wait for them.
  load() {
    const top = this.top(), end = top + innerHeight, beyond = [];
    for (const [number, element] of this.drawn) {
      const block = this.blocks[number], isSeen = block.top < end && block.top + block.height > top;
      for (const image of element.querySelectorAll("img[data-src]")) isSeen ? this.fetch(image) : beyond.push(image);
    }
    const wait = this.calm - performance.now();
    clearTimeout(this.later);
    if (wait > 0) this.later = setTimeout(() => this.load(), wait);
    else for (const image of beyond) if (this.coming.size < FEW) this.fetch(image);
  }

  fetch(image) {
    const arrived = () => { if (this.coming.delete(image) && this.coming.size < FEW) this.load(); };
    this.coming.add(image);
    for (const name of ["load", "error"]) image.addEventListener(name, arrived, { once: true });
    image.src = image.dataset.src;
    image.removeAttribute("data-src");
  }

  // Takes a row out; pictures that have not come are not waited for any more.
  remove(element) {
    for (const image of element.querySelectorAll("img")) {
      this.coming.delete(image);
      if (!image.complete) image.removeAttribute("src");
    }
    element.remove();
  }

  drawBlock(number) {
    const block = this.blocks[number];
    const element = block.section ? this.head(block) : this.row(block);
    element.style.transform = `translateY(${block.top}px)`;
    element.style.height = `${block.height}px`;
    const after = [...this.drawn.keys()].filter((other) => other > number);
    const next = after.length ? this.drawn.get(Math.min(...after)) : null;
    this.place.insertBefore(element, next); // in the order of the pictures, for the tab key
    this.drawn.set(number, element);
  }

  head({ section }) {
    return el("div", { class: "head" }, el("h2", {}, section.title),
      section.isSelectable ? el("button", { type: "button", class: "all", "aria-label": `Select all of ${section.title}`, title: "Select all of them", onclick: () => this.pickSection(section) }, "\u2713") : null,
      section.note ? el("span", { class: "faint" }, section.note) : null);
  }

  row({ start, end, rowHeight }) {
    const row = el("div", { class: "row", role: "list" });
    for (let index = start; index < end; index += 1) {
      const tile = el("div", { class: "tile", role: "listitem" });
      tile.style.width = `${rowHeight * shown(this.ratios[index])}px`;
      const picture = this.source.get(index);
      if (picture instanceof Promise) picture.then((found) => { if (found && tile.isConnected) { this.fill(tile, index, found, rowHeight); this.load(); } }, () => {});
      else if (picture) this.fill(tile, index, picture, rowHeight);
      row.append(tile);
    }
    return row;
  }

  fill(tile, index, picture, rowHeight) {
    const side = sideOf(rowHeight, shown(this.ratios[index]));
    const image = el("img", { alt: picture.name, "data-src": pictureAddress(picture.id, side), decoding: "async", draggable: "false" });
    this.lasting(image, tile, picture);
    image.style.height = `${rowHeight}px`;
    const open = el("button", { type: "button", class: "hit", "data-id": picture.id, "data-index": index, title: picture.name, onclick: (event) => this.clicked(event, index, picture) }, image);
    this.held(open, () => this.pick(index, picture, {}));
    const pick = el("input", { type: "checkbox", class: "pick", "aria-label": `Select ${picture.name}`, onclick: (event) => this.pick(index, picture, event) });
    pick.checked = this.picked.has(picture.id);
    tile.classList.toggle("picked", pick.checked);
    tile.replaceChildren(open, pick, this.caption ? this.caption(picture) : picture.num_copies ? el("span", { class: "badge", title: `It is there ${picture.num_copies + 1} times` }, `+${picture.num_copies.toLocaleString()}`) : "");
  }

  // A server that is busy is asked once more; then it is said that there is nothing to show.
  lasting(image, tile, picture) {
    const gone = () => {
      const told = el("span", { class: "lost" }, picture.name, el("small", {}, "cannot be shown"));
      told.style.height = image.style.height;
      image.replaceWith(told);
      tile.classList.add("broken");
    };
    image.addEventListener("error", () => {
      image.addEventListener("error", gone, { once: true });
      setTimeout(() => { image.src = pictureAddress(picture.id, 320); }, AGAIN);
    }, { once: true });
  }

  // A long touch selects, as there is no pointer to show the box.
  held(button, act) {
    let timer = null, done = false;
    button.addEventListener("pointerdown", (event) => {
      done = false;
      if (event.pointerType === "touch") timer = setTimeout(() => { done = true; act(); }, LONG);
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(name, () => clearTimeout(timer));
    button.addEventListener("contextmenu", (event) => { if (done) event.preventDefault(); });
    button.addEventListener("click", (event) => { if (done) { done = false; event.stopImmediatePropagation(); } }, { capture: true });
  }

  clicked(event, index, picture) {
    const isPointed = Boolean(event.pointerType); // the Enter key opens a photo in any case
    if (event.ctrlKey || event.metaKey || event.shiftKey || (isPointed && this.picked.size)) return this.pick(index, picture, event);
    this.current = index;
    this.onOpen(index, picture);
  }

  // A click with the shift key takes all from the last one that was picked.
  async pick(index, picture, event) {
    const on = !this.picked.has(picture.id);
    const [from, to] = event.shiftKey && this.lastPick !== undefined ? [Math.min(index, this.lastPick), Math.max(index, this.lastPick)] : [index, index];
    this.lastPick = index;
    for (let place = from; place <= to; place += 1) {
      const one = await this.source.get(place);
      if (one) this.picked[on ? "add" : "delete"](one.id);
    }
    this.marked();
    this.onPick(this.picked);
  }

  // Selects all of a section, or none of it where all are selected.
  async pickSection(section) {
    const start = this.sections.slice(0, this.sections.indexOf(section)).reduce((sum, one) => sum + one.count, 0);
    const places = Array.from({ length: section.count }, (_, place) => start + place);
    const ids = (await Promise.all(places.map((place) => this.source.get(place)))).filter(Boolean).map((one) => one.id);
    const on = !ids.every((id) => this.picked.has(id));
    for (const id of ids) this.picked[on ? "add" : "delete"](id);
    this.marked();
    this.onPick(this.picked);
  }

  unpick() {
    this.picked.clear();
    this.marked();
    this.onPick(this.picked);
  }

  marked() {
    for (const tile of this.place.querySelectorAll(".tile")) {
      const on = this.picked.has(tile.firstElementChild?.dataset.id), box = tile.querySelector(".pick");
      tile.classList.toggle("picked", on);
      if (box) box.checked = on;
    }
    this.place.classList.toggle("picking", this.picked.size > 0);
  }

  scrollTo(block, room = 90) {
    const above = this.place.getBoundingClientRect().top + scrollY;
    scrollTo({ top: Math.max(0, above + block.top - room), behavior: "instant" });
  }

  toSection(number) {
    const block = this.blocks.find((one) => one.section === this.sections[number]);
    if (block) this.scrollTo(block);
    this.draw();
  }

  // Shows a picture and gives it the focus.
  focus(index, { scroll = true } = {}) {
    if (index < 0 || index >= this.count) return false;
    const number = this.blockOf(index), block = this.blocks[number], top = this.top();
    if (scroll && (block.top < top + 70 || block.top + block.height > top + innerHeight - 60)) this.scrollTo(block, innerHeight / 3);
    this.draw();
    this.current = index;
    const tile = this.drawn.get(number)?.children[index - block.start];
    const target = tile?.querySelector(".hit");
    target?.focus({ preventScroll: true });
    return Boolean(target);
  }

  // Moves the focus by an arrow key.
  move(key) {
    const here = Number(document.activeElement?.dataset?.index ?? -1);
    if (here < 0) return false;
    if (key === "ArrowRight" || key === "ArrowLeft") return this.focus(here + (key === "ArrowRight" ? 1 : -1));
    const number = this.blockOf(here), step = key === "ArrowDown" ? 1 : -1;
    let other = number + step;
    while (this.blocks[other]?.section) other += step;
    const block = this.blocks[other];
    if (!block) return false;
    const middle = document.activeElement.getBoundingClientRect();
    let x = 0, best = block.start, least = Infinity;
    for (let index = block.start; index < block.end; index += 1) {
      const width = block.rowHeight * shown(this.ratios[index]);
      const off = Math.abs(x + width / 2 + this.place.getBoundingClientRect().left - (middle.left + middle.width / 2));
      if (off < least) [least, best] = [off, index];
      x += width + GAP;
    }
    return this.focus(best);
  }
}
