// What is known of a photo: its words, when and with what it was taken, fields, keywords, copies.
import { el } from "./dom.js";

const SHOWN = 14;
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short", timeZone: "UTC" });
const FROM = { exif: "", exif_changed: "last change, by EXIF", xmp: "by XMP", iptc: "by IPTC", file: "last change of the file" };

export function details(found, info, actions) {
  const sections = [words(found, actions), buttons(found, info, actions), facts(found, info, actions), remembered(found)];
  if (info?.allow_write) sections.splice(1, 0, actions.correct(found));
  return sections;
}

function words(found, actions) {
  const held = found.words.filter((one) => one.held).slice(0, SHOWN), rest = found.words.filter((one) => !one.held).slice(0, 10);
  const pill = (one, kind) => el("li", {}, el("button", { type: "button", class: `pill ${kind}`, "data-word": one.word, "aria-pressed": "false", title: `${found.from_keywords.includes(one.word) ? "keyword, " : ""}weight ${one.weight.toFixed(3)}`, onclick: () => actions.word(one.word) }, one.word));
  return el("section", {}, el("h3", {}, "What it shows"), el("p", { class: "faint where", role: "status" }),
    held.length ? el("ul", { class: "held" }, ...held.map((one) => pill(one, found.from_keywords.includes(one.word) || found.added.includes(one.word) ? "vouched" : ""))) : el("p", { class: "faint" }, "Nothing that lexret is sure of."),
    rest.length ? el("details", { class: "perhaps" }, el("summary", {}, "Perhaps also"), el("ul", { class: "held" }, ...rest.map((one) => pill(one, "unheld")))) : null);
}

function buttons(found, info, actions) {
  const button = (text, act, attributes = {}) => el("button", { type: "button", onclick: act, ...attributes }, text);
  const original = `original?${new URLSearchParams({ id: found.id })}`;
  const name = found.name.split("/").pop();
  return el("section", { class: "actions" },
    button("More like this", () => actions.like(found.id), { class: "first" }),
    info?.originals ? el("a", { class: "button file", href: original, target: "_blank", rel: "noopener" }, "Original") : null,
    el("a", { class: "button file", href: info?.originals ? `${original}&download=true` : `picture?${new URLSearchParams({ id: found.id, side: 1600 })}`, download: info?.originals ? name : `${name.replace(/\.[^.]*$/, "")}.jpg` }, "Download"),
    button(found.path ? "Copy path" : "Copy name", (event) => actions.copy(found.path ?? found.id, event.currentTarget)),
    info?.can_show_in_folder ? button("Show in folder", (event) => actions.reveal(found.id, event.currentTarget)) : null);
}

// Rebuilt from the words that the index stores, and from the file's cells; made when it is asked for.
function remembered(found) {
  const place = el("div", {}), section = el("details", { class: "remembered" }, el("summary", {}, "What the index remembers"), place);
  section.addEventListener("toggle", () => {
    const image = el("img", { src: `remembered?${new URLSearchParams({ id: found.id })}`, alt: "The photo at 64 by 64 pixels; rebuilt from 5, 21 and all of its words, from 64 cells, and from both" });
    const note = el("p", { class: "faint" }, "\u2026");
    image.addEventListener("load", () => { note.textContent = "The index stores only the words; the cells are made from the file."; }, { once: true });
    image.addEventListener("error", () => { image.remove(); note.textContent = "It cannot be drawn: that takes the model mini."; }, { once: true });
    place.replaceChildren(image, note);
  }, { once: true });
  return section;
}

function facts(found, info, actions) {
  const rows = [], add = (name, ...value) => rows.push(el("div", {}, el("dt", {}, name), el("dd", {}, ...value)));
  const query = (text, q) => el("a", { href: `./?${new URLSearchParams({ q })}`, onclick: (event) => { if (!event.ctrlKey && !event.metaKey) { event.preventDefault(); actions.query(q); } } }, text);
  if (found.date) add("Date", query(DATE.format(new Date(`${found.date}Z`)), `date:${found.date.slice(0, 10)}`), FROM[found.date_from] ? el("span", { class: "faint" }, ` ${FROM[found.date_from]}`) : "");
  const { camera, lens, iso, exposure_s: exposure, f_number: aperture, focal_mm: focal, latitude, longitude } = found.camera;
  if (camera) add("Camera", query(camera, `camera:"${String(camera).replaceAll('"', "")}"`), lens ? el("span", { class: "faint" }, ` ${lens}`) : "");
  const shot = [aperture && `f/${round(aperture)}`, exposure && (exposure >= 1 ? `${round(exposure)} s` : `1/${Math.round(1 / exposure)} s`), iso && `ISO ${iso}`, focal && `${round(focal)} mm`].filter(Boolean);
  if (shot.length) add("Taken with", shot.join(" \u00b7 "));
  if (latitude !== undefined && longitude !== undefined) add("Place", ...town(found.place, query), query(`${Math.abs(latitude).toFixed(4)}\u00b0 ${latitude < 0 ? "S" : "N"}, ${Math.abs(longitude).toFixed(4)}\u00b0 ${longitude < 0 ? "W" : "E"}`, near(latitude, longitude)));
  if (found.width) add("Size", `${found.width.toLocaleString()} \u00d7 ${found.height.toLocaleString()}${found.bytes ? ` \u00b7 ${bytes(found.bytes)}` : ""}`);
  if (found.keywords.length) add("Keywords", ...found.keywords.flatMap((one, i) => [i ? ", " : "", query(one, `keyword:"${one.replaceAll('"', "")}"`)]));
  for (const [name, value] of Object.entries(found.fields)) add(name, String(value));
  for (const [name, words] of [["Added by hand", found.added], ["Taken away", found.removed]]) {
    if (words.length) add(name, ...words.map((word) => el("span", { class: "chip" }, el("span", { class: "body" }, word),
      info?.allow_write ? el("button", { type: "button", class: "x", "aria-label": `Leave ${word} to lexret again`, title: "Leave it to lexret again", onclick: () => actions.undo(found, word) }, "\u00d7") : el("span", { class: "body" }))), " ");
  }
  if (found.num_copies) add("Copies", el("ul", { class: "plain-list" }, ...found.copies.slice(0, 10).map((one) => el("li", {}, el("bdi", {}, one.name))), found.num_copies > 10 ? el("li", {}, `and ${(found.num_copies - 10).toLocaleString()} more`) : null));
  add("File", el("bdi", { title: found.path ?? "" }, found.name));
  return el("section", {}, el("h3", {}, "Details"), el("dl", {}, ...rows));
}

// The town, and how far it is where that is far.
function town(place, query) {
  if (!place) return [];
  const far = place.distance_km >= 10 ? el("span", { class: "faint" }, `${Math.round(place.distance_km)} km from `) : "";
  return [far, query([place.name, place.region, place.country].filter(Boolean).join(", "), `place:"${place.query.replaceAll('"', "")}"`), el("br")];
}

export function near(latitude, longitude, span = 0.05) {
  const range = (value) => `${(value - span).toFixed(3)}..${(value + span).toFixed(3)}`;
  return `latitude:${range(latitude)} longitude:${range(longitude)}`;
}

const round = (number) => Number(number.toFixed(1)).toLocaleString();

function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB"];
  let value = number, place = 0;
  while (value >= 1000 && place < 3) { value /= 1000; place += 1; }
  return `${place ? value.toFixed(1) : value} ${units[place]}`;
}
