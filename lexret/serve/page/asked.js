// What is looked for beside words: a picture, or a part of one; it is always said what counts.
import { ask, byId, el } from "./dom.js";
import { drawable } from "./box.js";

export async function showAsked(state, names, go) {
  const place = byId("asked"), { q, image, like, box } = state;
  place.hidden = !image && !like;
  if (place.hidden) return;
  const name = image ? "the picture that was sent" : names.get(like) ?? like;
  const source = image ? `upload?${new URLSearchParams({ key: image, side: 320 })}` : `picture?${new URLSearchParams({ id: like, side: 320 })}`;
  const picture = el("img", { src: source, alt: name, draggable: "false" });
  const button = (text, change) => el("button", { type: "button", onclick: () => go(change) }, text);
  const told = el("div", { class: "told" },
    el("p", {}, "Searching by ", box ? "a part of " : "", el("bdi", {}, name), q ? el("span", {}, " and the words ", el("b", {}, q)) : "", "."),
    el("p", { class: "faint" }, "Draw a box on it to search by a part."),
    el("div", { class: "actions" }, q ? button("The picture alone", { q: "" }) : "", q ? button("The words alone", { image: null, like: null, box: null }) : "",
      box ? button("The whole picture", { box: null }) : "", button(q ? "Neither" : "Remove the picture", { q: "", image: null, like: null, box: null })));
  place.replaceChildren(picture, told);
  try {
    const size = await ask(image ? "api/uploads" : "api/size", image ? { key: image } : { id: like });
    if (place.firstChild !== picture) return;
    if (like && names.get(like) !== size.name) {
      names.set(like, size.name);
      return showAsked(state, names, go);
    }
    place.replaceChildren(drawable(picture, size, box, (drawn) => { if (drawn) go({ box: drawn }); }), told);
  } catch {
    // The search tells what is wrong with the picture.
  }
}
