// A plain map: where photos were taken, as dots on a grid of degrees; a drawn frame becomes a filter.
import { el, svg } from "./dom.js";
import { drawable } from "./box.js";
import { setFilter } from "./query.js";

const LEAST = 0.04, HIGH = 260, WIDEST = 1000;
const MARGIN = { left: 52, right: 16, top: 16, bottom: 30 }; // pixels: the numbers of the axes stand there, and no dot

export function showMap(place, places, state, go) {
  if (!places.length) return;
  const width = Math.min(WIDEST, Math.max(260, place.parentElement.clientWidth)), bounds = around(places, width);
  const x = (longitude) => (longitude - bounds.west) / (bounds.east - bounds.west), y = (latitude) => (bounds.north - latitude) / (bounds.north - bounds.south);
  const most = Math.max(...places.map((one) => one.pictures));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HIGH}`, width, height: HIGH, role: "img", "aria-label": `Where ${places.length} groups of photos were taken` },
    ...lines(bounds, x, y, width),
    ...places.map((one) => svg("circle", { cx: x(one.longitude) * width, cy: y(one.latitude) * HIGH, r: 3 + 7 * Math.sqrt(one.pictures / most) }, svg("title", {}, `${one.name ? `${one.name}: ` : ""}${one.pictures.toLocaleString()} ${one.pictures === 1 ? "photo" : "photos"} at ${one.latitude}, ${one.longitude}`))),
    ...labels(places, x, y, width));
  const size = { width: 100000, height: 100000 };
  const area = drawable(picture, size, null, (box) => {
    if (!box) return;
    const [left, top, wide, high] = box.split(",").map((one) => Number(one) / 100000);
    const longitude = (share) => (bounds.west + share * (bounds.east - bounds.west)).toFixed(4), latitude = (share) => (bounds.north - share * (bounds.north - bounds.south)).toFixed(4);
    go({ q: setFilter(setFilter(state.q, "latitude", `${latitude(top + high)}..${latitude(top)}`), "longitude", `${longitude(left)}..${longitude(left + wide)}`) });
  });
  place.hidden = false;
  place.replaceChildren(el("p", { class: "faint" }, "Where photos were taken: draw a frame to search there."), area);
}

// The names of the places of most photos, where there is room for them.
function labels(places, x, y, width) {
  const found = [], told = new Set();
  const taken = places.map((one) => ({ left: x(one.longitude) * width - 11, right: x(one.longitude) * width + 11, base: y(one.latitude) * HIGH + 4, apart: 17.5 }));
  for (const one of [...places].sort((a, b) => b.pictures - a.pictures)) {
    const name = one.name?.split(",")[0];
    if (!name || told.has(one.name)) continue;
    const at = x(one.longitude) * width, top = y(one.latitude) * HIGH + 4, long = 7.2 * name.length;
    const place = [[at + 11, top], [at - 11 - long, top], [at - long / 2, top - 18], [at - long / 2, top + 19]].find(([left, base]) =>
      left > 2 && left + long < width - 2 && base > 12 && base < HIGH - 16 && !taken.some((box) => left < box.right && box.left < left + long && Math.abs(base - box.base) < box.apart));
    if (!place) continue;
    taken.push({ left: place[0], right: place[0] + long, base: place[1], apart: 14 });
    told.add(one.name);
    found.push(svg("text", { x: place[0], y: place[1], class: "named" }, name));
  }
  return found;
}

// What the map shows: so much that the outermost photos lie within its margins.
function around(places, width) {
  const latitudes = places.map((one) => one.latitude), longitudes = places.map((one) => one.longitude);
  const [west, wide] = spread(longitudes), [south, high] = spread(latitudes);
  const across = wide / (width - MARGIN.left - MARGIN.right), along = high / (HIGH - MARGIN.top - MARGIN.bottom);
  return { west: west - MARGIN.left * across, east: west + wide + MARGIN.right * across, south: south - MARGIN.bottom * along, north: south + high + MARGIN.top * along };
}

// Where numbers begin, and how far they go: a single place lies in the middle.
function spread(numbers) {
  const low = Math.min(...numbers), high = Math.max(...numbers), missing = Math.max(0, LEAST - (high - low));
  return [low - missing / 2, high - low + missing];
}

function lines({ south, north, west, east }, x, y, width) {
  const step = (span) => [45, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].find((one) => span / one >= 3) ?? 0.01;
  const found = [], every = (from, to, by, draw) => { for (let at = Math.ceil(from / by) * by; at < to; at += by) draw(Number(at.toFixed(4))); }, within = (at, most) => Math.max(-most, Math.min(most, at));
  every(within(west, 180), within(east, 180.01), step(east - west), (at) => found.push(svg("line", { x1: x(at) * width, x2: x(at) * width, y1: 0, y2: HIGH }), x(at) * width < width - 34 ? svg("text", { x: x(at) * width + 3, y: HIGH - 4 }, `${at}\u00b0`) : ""));
  every(within(south, 90), within(north, 90.01), step(north - south), (at) => found.push(svg("line", { x1: 0, x2: width, y1: y(at) * HIGH, y2: y(at) * HIGH }), svg("text", { x: 3, y: y(at) * HIGH + (y(at) * HIGH < 14 ? 12 : -3) }, `${at}\u00b0`)));
  return found;
}
