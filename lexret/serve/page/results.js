// The hits of a search: the sure ones first, then a line, then the others, more while somebody scrolls.
import { ask, el } from "./dom.js";

const FIRST = 36, PAGE = 60, FEW = 0.1; // the first come sooner

export class Results {
  constructor(wall, asked, { onAnswer, onCounted, onError, signal }) {
    Object.assign(this, { wall, asked, onAnswer, onCounted, onError, signal, sure: [], unsure: [], start: 0, more: true, lined: false, coming: null, judged: false });
  }

  // Adds the next hits; who asks while they come waits for them. Tells whether there were any.
  next() {
    if (!this.more || this.signal.aborted) return Promise.resolve(false);
    this.coming ??= this.page().finally(() => { this.coming = null; });
    return this.coming;
  }

  async page() {
    const first = this.start === 0;
    try {
      const answer = await ask("api/search", { ...this.asked, k: first ? FIRST : PAGE, words: 3, start: this.start || null, ahead: first ? this.wall.usualSide() : null }, { signal: this.signal });
      const wasLined = this.lined;
      this.take(answer);
      if (first) this.onAnswer(answer, this);
      else if (this.lined && !wasLined) this.onCounted(this);
      this.lay(first);
    } catch (error) {
      if (error.name === "AbortError") return false;
      this.more = false;
      this.onError(error, first);
      return false;
    }
    if (!this.lined && this.more && this.unsure.length) setTimeout(() => this.next());
    return true;
  }

  take(answer) {
    const { hits, more } = answer;
    this.start += hits.length;
    this.more = more && hits.length > 0 && this.start < 10000;
    this.judged ||= hits.some((hit) => hit.sure !== null);
    const sure = hits.filter((hit) => hit.sure !== false);
    if (this.lined) this.unsure.push(...hits);
    else {
      this.sure.push(...sure);
      this.unsure.push(...hits.filter((hit) => hit.sure === false));
      // Unsure ones wait until the sure ones have come to their end.
      this.lined = !this.more || sure.length < FEW * hits.length;
    }
  }

  lay(first) {
    const shown = this.lined ? [...this.sure, ...this.unsure] : this.sure;
    const sections = [{ title: "", count: this.sure.length }];
    if (this.lined && this.unsure.length) sections.push({ title: this.sure.length ? "Less sure from here" : "", count: this.unsure.length });
    this.wall.show({
      sections, ratios: shown.map(({ width, height }) => (width && height ? width / height : 1)),
      source: { get: (index) => shown[index] }, caption: shown.some((hit) => hit.words.length) ? caption : null, keep: !first,
    });
  }

  // How much was found, in words; `start` hits came so far.
  told({ image, like }) {
    const count = (number, noun, nouns) => `${number.toLocaleString()} ${number === 1 ? noun : nouns}`, sure = this.sure.length;
    const photos = count(this.total, "photo", "photos"), copies = this.hidden ? ` and ${count(this.hidden, "copy", "copies")}` : "";
    if (!this.start) return `No photo among ${this.total.toLocaleString()} fits.`;
    if (!this.judged) return image || like ? `${photos}, the best matches first` : `${this.more ? "More than " : ""}${this.start.toLocaleString()}${copies} of ${photos}`;
    if (!sure) return `No sure match among ${photos}; ${this.start === 1 ? "this is the best guess" : "these are the best guesses"}`;
    return sure === this.start && !this.more ? `${count(sure, "sure match", "sure matches")} among ${photos}` : `${sure.toLocaleString()}${this.lined ? "" : " or more"} sure, then the best guesses among ${photos}`;
  }

  indexOf(id) { return (this.lined ? [...this.sure, ...this.unsure] : this.sure).findIndex((hit) => hit.id === id); }
}

// Two or three words; their numbers show where the pointer rests.
function caption(hit) {
  const words = hit.words.slice(0, 3);
  const told = words.map((one) => `${one.word} ${one.product.toFixed(3)}`).join("\n");
  const copies = hit.num_copies ? el("span", { class: "copies", title: namesOf(hit) }, hit.num_copies === 1 ? " +1 copy" : ` +${hit.num_copies.toLocaleString()} copies`) : "";
  return el("div", { class: "why", title: words.length ? `${told}\nscore ${hit.score.toFixed(4)}` : "" }, words.map((one) => one.word).join(" \u00b7 "), copies);
}

function namesOf({ copies, num_copies: number }) {
  const more = number > copies.length ? `\n\u2026 and ${(number - copies.length).toLocaleString()} more` : "";
  return copies.map((one) => one.name).join("\n") + more;
}
