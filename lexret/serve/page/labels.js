// Classes learnt from selected photos: what else would get one is shown and corrected before it is kept.
import { ask, byId, el } from "./dom.js";
import { pictureAddress } from "./wall.js";
import { dialog, field, photos, post } from "./writing.js";

const NOT_BLANK = ".*\\S.*";
const SHOWN = 24; // photos that would get the class, the surest of them first

export async function labelMany(ids, done) {
  const wrong = new Set(), known = (await ask("api/labels")).labels;
  let asked = null; // what the photos below were asked with
  let offered = []; // the photos below, to be ticked again as well

  const wanted = (form) => {
    const name = form.name.value.trim(), className = form.class.value.trim();
    const before = known.find((label) => label.name === name);
    const field = before?.field ?? (known.some((label) => label.field === "label") ? name : "label");
    return { name, field, classes: { [className]: { ids } }, none: { ids: [...wrong] }, add: Boolean(before) };
  };
  const anew = (form) => { // what is shown is no longer what would be kept
    asked = null;
    form.querySelector("[type=submit]").textContent = "Show what else would get it";
  };

  dialog(`Label ${photos(ids.length)}`, [
    field("Label: a question, such as kind or person", "name", { value: known[0]?.name ?? "", placeholder: "kind", required: true, pattern: NOT_BLANK, list: "label-names" }),
    field("Class: its answer for these photos", "class", { placeholder: "receipt", required: true, pattern: NOT_BLANK, list: "class-names" }),
    el("datalist", { id: "label-names" }, ...known.map((label) => el("option", { value: label.name }))),
    el("datalist", { id: "class-names" }, ...[...new Set(known.flatMap((label) => label.classes))].map((name) => el("option", { value: name }))),
  ], {
    button: "Show what else would get it", done, note: "lexret learns the class from the words of these photos, and no file is changed.",
    act: async (form) => {
      const now = wanted(form), question = JSON.stringify(now);
      if (question === asked) {
        await post("api/labels/train", now);
        await post("api/labels/apply", { name: now.name });
        return null;
      }
      let would;
      const judge = (id, right) => {
        if (right) wrong.delete(id);
        else wrong.add(id);
        anew(form);
      };
      try {
        ({ would } = await post("api/labels/train", { ...now, dry_run: true, show: SHOWN + ids.length + wrong.size }));
      } catch (error) { // what was ticked may be the reason
        return el("div", {}, el("p", { role: "alert" }, error.message), list(offered, wrong, judge));
      }
      const [className] = Object.keys(now.classes), given = new Set(ids);
      const others = would.pictures.filter((one) => one.class === className && !given.has(one.id)).slice(0, SHOWN);
      const number = would.counts[className] ?? 0, more = number - ids.length;
      asked = question;
      form.querySelector("[type=submit]").textContent = `Keep, for ${photos(number)}`;
      offered = [...others, ...offered.filter((one) => wrong.has(one.id))];
      return el("div", {}, told(others, more, `${would.field}:${className}`), list(offered, wrong, judge));
    },
  });
  byId("form-dialog").querySelector("form").addEventListener("input", ({ currentTarget, target }) => { if (target.matches("[name]")) anew(currentTarget); });
}

function told(others, more, query) {
  const kept = (whose) => el("span", { class: "faint" }, `Once it is kept, ${query} finds ${whose}.`);
  if (!others.length) return el("p", {}, "No other photo would get it: lexret is not sure enough of any. ", kept("these"));
  const number = more > others.length ? `${photos(more)} more would get it; these are the surest.` : `${photos(more)} more would get it.`;
  return el("p", {}, number, " Take the tick off what is wrong. ", kept("them"));
}

// The photos that would get the class, and without a tick those that were taken for wrong.
function list(offered, wrong, onJudged) {
  return el("ul", { class: "guess" }, ...offered.map((one) => el("li", {}, el("label", { title: `${one.name}: ${one.words.map((each) => each.word).join(", ")}` },
    el("input", { type: "checkbox", checked: !wrong.has(one.id), value: one.id, onchange: (event) => onJudged(one.id, event.target.checked) }), el("img", { src: pictureAddress(one.id, 160), alt: one.name, loading: "lazy" })))));
}
