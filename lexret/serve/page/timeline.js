// The time line: all pictures by month, the latest first.
import { ask } from "./dom.js";

const PAGE = 200, FEW = 8;
const SHORT = new Intl.DateTimeFormat(undefined, { month: "long", timeZone: "UTC" });
const FORMAT = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "long", timeZone: "UTC" });

function monthName(month, year = true) {
  const date = new Date(`${month}-01T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? month : (year ? FORMAT : SHORT).format(date);
}

// Gives what a wall shows; `stale()` is called when the index has changed meanwhile.
export async function timeline(copies, stale) {
  const line = await ask("api/timeline", { copies }), pages = new Map();
  const page = (number) => {
    if (!pages.has(number)) {
      const asked = ask("api/timeline/pictures", { start: number * PAGE, count: PAGE, copies }).then((found) => {
        if (found.commit !== line.commit) stale();
        pages.set(number, found.pictures);
        return found.pictures;
      }, (error) => { pages.delete(number); throw error; });
      pages.set(number, asked);
    }
    return pages.get(number);
  };
  const get = (index) => {
    const found = page(Math.floor(index / PAGE)), within = index % PAGE;
    return found instanceof Promise ? found.then((pictures) => pictures[within]) : found[within];
  };
  const sections = together(line.months).map(({ first, last, pictures, byFile }) => ({
    title: first === last ? monthName(last) : `${monthName(first, false)} to ${monthName(last)}`, count: pictures,
    note: `${pictures.toLocaleString()}${byFile === pictures ? " \u00b7 by the date of the files" : ""}`, isSelectable: true,
  }));
  const placeOf = (id) => ask("api/timeline/place", { id, copies }).then(({ place }) => place, () => null); // what is wrong, the viewer says
  return { sections, ratios: line.ratios.map((one) => one / 100), source: { get, placeOf } };
}

// Months of a year that hold few photos stand together; the latest come first.
function together(months) {
  const found = [];
  for (const { month, pictures, by_file: byFile } of months) {
    const before = found.at(-1);
    if (before && before.last.slice(0, -3) === month.slice(0, -3) && before.pictures + pictures <= FEW) {
      Object.assign(before, { first: month, pictures: before.pictures + pictures, byFile: before.byFile + byFile });
    } else found.push({ first: month, last: month, pictures, byFile });
  }
  return found;
}
