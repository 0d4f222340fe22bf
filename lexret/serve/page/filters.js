// The fields of the filters: they write into the text of the query, and show what stands there.
import { ask, byId, el } from "./dom.js";
import { getFilter, setFilter } from "./query.js";

export function fillFilters(state) {
  byId("copies").checked = Boolean(state.copies);
  for (const one of document.querySelectorAll("[data-filter]")) one.value = valueOf(one.dataset.filter, state.q);
}

function valueOf(name, q) {
  const date = getFilter(q, "date").split("..");
  if (name === "from") return date[0] ?? "";
  if (name === "to") return date[1] ?? "";
  return getFilter(q, name).replace(name === "width" ? ".." : "", "");
}

// Returns a text with the filters that are filled in.
export function applyFilters(text) {
  const value = Object.fromEntries([...document.querySelectorAll("[data-filter]")].map((one) => [one.dataset.filter, one.value.trim()]));
  const date = value.from || value.to ? `${value.from}..${value.to}` : "";
  let q = text;
  const isOffered = (one) => one.value || [...one.options].some((option) => option.value === getFilter(text, one.dataset.filter)); // else typed, and left
  const ofLabels = [...document.querySelectorAll("#labels [data-filter]")].filter(isOffered).map((one) => [one.dataset.filter, one.value]);
  for (const [name, told] of [["path", value.path], ["camera", value.camera], ["place", value.place], ["width", value.width && `${value.width}..`], ["date", date], ...ofLabels]) q = setFilter(q, name, told);
  return q;
}

// A choice of classes for each label that was applied: its field stands in the index then.
export async function offerLabels() {
  const [{ labels }, { fields }] = await Promise.all([ask("api/labels"), ask("api/index")]);
  byId("labels").replaceChildren(...labels.filter((label) => label.field in fields).map((label) => el("label", {}, `${label.name} `,
    el("select", { "data-filter": label.field }, el("option", { value: "" }, "any"), ...label.classes.map((name) => el("option", { value: name }, name))))));
}

// The values that there are, in the fields of the filters.
export function offerValues({ cameras, towns = [], countries = [], located, nameless }) {
  offer("camera", byId("cameras"), cameras, "no photo here tells it");
  offer("place", byId("places"), [...towns, ...countries], nameless ? "names are not installed" : located ? "no town is near" : "no photo here tells it");
  document.querySelector("[data-filter=place]").title = nameless ?? "";
}

function offer(name, list, values, nothing) {
  const field = document.querySelector(`[data-filter=${name}]`);
  list.replaceChildren(...values.map((one) => el("option", { value: one.word }, `${one.pictures.toLocaleString()} ${one.pictures === 1 ? "picture" : "pictures"}`)));
  field.disabled = !values.length;
  field.placeholder = values.length ? values[0].word : nothing;
}
