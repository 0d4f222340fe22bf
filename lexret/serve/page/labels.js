// Classes learnt from selected photos: what else would get one is shown and corrected before it is kept.
import { ask, byId, el } from "./dom.js";
import { pictureAddress } from "./wall.js";
import { dialog, field, photos, post } from "./writing.js";

const NOT_BLANK = ".*\\S.*";
const SHOWN = 24; // photos that would get the class, the surest of them first
const NEAR = 12; // photos that nearly would, where few would

export async function labelMany(ids, done) {
  const known = (await ask("api/labels")).labels;
  let asked = null; // what the photos below were asked with
  let judged = new Judged(ids);

  const wanted = (form) => {
    const name = form.name.value.trim(), className = form.class.value.trim();
    const before = known.find((label) => label.name === name);
    const field = before?.field ?? (known.some((label) => label.field === "label") ? name : "label");
    const classes = { [className]: { ids: [...judged.given] } };
    return { name, field, classes, none: { ids: [...judged.wrong] }, add: Boolean(before), at_least: judged.atLeast, use_names: judged.useNames };
  };
  const anew = (form) => { // what is shown is no longer what would be kept
    asked = null;
    form.querySelector("[type=submit]").textContent = "Show which others would get it";
  };

  dialog(`Label ${photos(ids.length)}`, [
    field("Label: a question, such as kind or person", "name", { value: known[0]?.name ?? "", placeholder: "kind", required: true, pattern: NOT_BLANK, list: "label-names" }),
    field("Class: its answer for these photos", "class", { placeholder: "receipt", required: true, pattern: NOT_BLANK, list: "class-names" }),
    el("datalist", { id: "label-names" }, ...known.map((label) => el("option", { value: label.name }))),
    el("datalist", { id: "class-names" }, ...[...new Set(known.flatMap((label) => label.classes))].map((name) => el("option", { value: name }))),
  ], {
    button: "Show which others would get it", done, note: "lexret learns the class from the words of these photos, and no file is changed.",
    act: async (form) => {
      const now = wanted(form), question = JSON.stringify(now);
      if (question === asked) {
        await post("api/labels/train", now);
        await post("api/labels/apply", { name: now.name });
        return null;
      }
      const change = () => anew(form);
      let answer;
      try {
        answer = await post("api/labels/train", { ...now, dry_run: true, show: SHOWN + judged.given.size + judged.wrong.size });
      } catch (error) { // what was ticked may be the reason
        return el("div", {}, el("p", { role: "alert" }, error.message), judged.others(change), judged.nearest(change));
      }
      const [className] = Object.keys(now.classes), { would } = answer;
      judged.see(would, className);
      asked = question;
      form.querySelector("[type=submit]").textContent = `Keep for ${photos(would.counts[className] ?? 0)}`;
      return el("div", {}, nameTold(answer, className, judged, change), othersTold(judged, would, className), judged.others(change),
        ...nearTold(judged, would, className, known.some((label) => label.name === now.name && label.classes.some((each) => each !== className)), form), judged.nearest(change));
    },
  });
  byId("form-dialog").querySelector("form").addEventListener("input", ({ currentTarget, target }) => {
    if (!target.matches("[name]")) return;
    judged = new Judged(ids); // of another class, what was ticked says nothing
    anew(currentTarget);
  });
}

// What a person says of the photos that are shown: which are no examples, which are further ones.
class Judged {
  constructor(ids) {
    this.ids = ids;
    this.wrong = new Set(); // would get the class, and should not
    this.right = new Set(); // would not, and should
    this.atLeast = null; // how sure the class must be, where that is not as before
    this.useNames = null;
    this.would = []; // the photos that are shown, to be ticked again as well
    this.near = [];
  }

  get given() {
    return new Set([...this.ids, ...this.right]);
  }

  see(would, className) {
    const shown = (one) => one.class === className && !this.given.has(one.id), few = would.few.some((one) => one.class === className);
    this.would = [...would.pictures.filter(shown).slice(0, SHOWN), ...this.would.filter((one) => this.wrong.has(one.id))];
    this.near = [...this.near.filter((one) => this.right.has(one.id)), ...(few ? would.near.filter(shown).slice(0, NEAR) : [])];
  }

  others(change) {
    return list("guess", this.would, (one) => !this.wrong.has(one.id), (one, right) => { this.wrong[right ? "delete" : "add"](one.id); change(); });
  }

  nearest(change) {
    return list("guess near", this.near, (one) => this.right.has(one.id), (one, right) => { this.right[right ? "add" : "delete"](one.id); change(); });
  }
}

// Whether the name of the class counts as well, and a switch for it where lexret knows the word.
function nameTold(answer, className, judged, change) {
  const use = answer.classes.find((one) => one.name === className)?.name_use;
  if (use === "does not fit") return el("p", { class: "faint" }, `The name \u201c${className}\u201d does not count, as these photos do not fit it.`);
  if (use === "unknown") return null;
  return el("label", { class: "check" }, el("input", { type: "checkbox", checked: use !== "left out", onchange: (event) => { judged.useNames = event.target.checked; change(); } }),
    ` The name \u201c${className}\u201d counts, too${use === "hardly fits" ? ", although these photos hardly fit it" : ""}`);
}

function othersTold(judged, would, className) {
  const value = /^[\p{L}\p{N}_-]+$/u.test(className) ? className : `"${className}"`;
  const kept = (whose) => el("span", { class: "faint" }, `Once you keep it, ${would.field}:${value} finds ${whose}.`);
  const more = (would.counts[className] ?? 0) - judged.given.size, shown = judged.would.filter((one) => !judged.wrong.has(one.id)).length;
  if (!shown) return el("p", {}, "No other photo would get this class: lexret is not sure enough of any. ", kept("these"));
  const number = `${more.toLocaleString()} more ${more === 1 ? "photo" : "photos"} would get this class${more > shown ? "; these are the surest" : ""}.`;
  return el("p", {}, number, " Untick the wrong ones. ", kept("them"));
}

// What is said of the photos that nearly would get the class, and how many a lower level would give it to.
function nearTold(judged, would, className, hasOthers, form) {
  const few = would.few.find((one) => one.class === className);
  if (!judged.near.length) return [];
  const told = [el("p", {}, el("strong", {}, "Less sure, not included"), ": the nearest first, each with how sure it is. Tick the right ones, and lexret learns from them.")];
  if (few?.lower.length) {
    told.push(el("p", { class: "actions" }, "Or include all that are", ...few.lower.map(({ at_least: level, pictures }) =>
      el("button", { type: "button", onclick: () => { judged.atLeast = level; form.requestSubmit(); } }, `${level} sure: ${photos(pictures)}`)),
      el("span", { class: "faint" }, `instead of ${few.asked.at_least}${hasOthers ? ", and so of every class of the label" : ""}`)));
  }
  return told;
}

// Photos, each with a tick.
function list(name, shown, isTicked, onTicked) {
  if (!shown.length) return null;
  return el("ul", { class: name }, ...shown.map((one) => el("li", {}, el("label", { title: `${one.name}: ${one.words.map((each) => each.word).join(", ")}` },
    el("input", { type: "checkbox", checked: isTicked(one), value: one.id, onchange: (event) => onTicked(one, event.target.checked) }),
    el("img", { src: pictureAddress(one.id, 160), alt: one.name, loading: "lazy" }), el("span", { class: "sure" }, one.sure === 1 ? "example" : one.sure < 0.01 ? "< 0.01" : one.sure.toFixed(2))))));
}
