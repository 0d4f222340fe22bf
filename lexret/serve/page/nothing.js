// Where nothing fits: what would be found without a condition, the nearest words, and ways to go on.
import { ask, el } from "./dom.js";
import { link, overview } from "./home.js";
import { showUnknown } from "./chips.js";

export async function showNothing(place, state, go) {
  const { q, image, like, box } = state, still = () => place.isConnected && location.search === here, here = location.search;
  place.replaceChildren();
  showUnknown(state, go);
  try {
    const { queries } = await ask("api/relax", { q, image, like, box });
    if (!still()) return;
    if (queries.length) place.append(el("p", { class: "faint" }, queries[0].left_out.length > 1 ? "Without any of the conditions:" : "Without one of the conditions:"), el("ul", { class: "ways" }, ...queries.map((one) => way(one, state, go))));
    const { examples } = await overview();
    if (still() && examples.length) place.append(el("p", { class: "line" }, el("span", { class: "faint" }, "Or try"), ...examples.map((one) => link(one, one, go, { class: "pill" }))));
  } catch {
    // The search itself has said what is wrong.
  }
}

function way({ query, left_out: out, hits, more }, state, go) {
  const number = `${more ? "more than " : ""}${hits.toLocaleString()} ${hits === 1 && !more ? "photo" : "photos"}`;
  return el("li", {}, link(query, out.length > 1 ? query : `without ${out[0]}`, (asked) => go({ ...state, show: null, ...asked }), { class: "pill" }), el("span", { class: "faint" }, ` ${number}`));
}
