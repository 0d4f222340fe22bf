// The time line: all pictures by month, the latest first.
import { ask } from "./dom.js";

const PAGE = 200;
const FORMAT = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "long", timeZone: "UTC" });

export function monthName(month) {
  const date = new Date(`${month}-01T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? month : FORMAT.format(date);
}

// Gives what a wall shows; `stale()` is called when the index has changed meanwhile.
export async function timeline(stale) {
  const line = await ask("api/timeline"), pages = new Map();
  const page = (number) => {
    if (!pages.has(number)) {
      const asked = ask("api/timeline/pictures", { start: number * PAGE, count: PAGE }).then((found) => {
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
  const sections = line.months.map(({ month, pictures, by_file: byFile }) => ({
    title: monthName(month), count: pictures,
    note: `${pictures.toLocaleString()}${byFile === pictures ? " \u00b7 by the date of the files" : ""}`,
  }));
  return { sections, ratios: line.ratios.map((one) => one / 100), source: { get }, months: line.months.map((one) => one.month) };
}
