// Edits the text of a query: chips and filters change it, and it alone says what is looked for.

const PART = /([+-]?)(?:"([^"]*)"|([^\s()"^>?:]+))((?:\^[\d.]+|>[\d.]+|\?)*)(?=\s|$)/g;

const quoted = (word) => (/\s/.test(word) ? `"${word}"` : word);
const tidy = (text) => text.replace(/\s+/g, " ").trim();

// The words with an operator of their own: word -> {sign, marks}.
export function operators(text) {
  const found = new Map();
  for (const [, sign, phrase, word, marks] of text.matchAll(PART)) {
    if (sign || marks) found.set((phrase ?? word).toLowerCase(), { sign, weight: /\^([\d.]+)/.exec(marks)?.[1] ?? null });
  }
  return found;
}

// Gives a word a sign ("+", "-" or "") and a weight; a word without either stays if it was there.
export function mark(text, word, sign, weight) {
  let there = false;
  const changed = text.replace(PART, (whole, oldSign, phrase, plain, marks) => {
    if ((phrase ?? plain).toLowerCase() !== word.toLowerCase()) return whole;
    if (there) return "";
    there = true;
    const wasSaid = oldSign !== "-" && !(oldSign === "+" && phrase !== undefined);
    if (!sign && !weight) return oldSign || marks ? (wasSaid ? quoted(word) : "") : whole;
    return `${sign}${quoted(word)}${weight && sign !== "-" ? `^${weight}` : ""}`;
  });
  if (there) return tidy(changed);
  return tidy(`${text} ${sign}${quoted(word)}${weight ? `^${weight}` : ""}`);
}

const FILTER = (name) => new RegExp(`(^|\\s)${name}:(?:"[^"]*"|\\S+)`, "g");

export function setFilter(text, name, value) {
  const without = tidy(text.replace(FILTER(name), " "));
  if (!value) return without;
  const clean = value.replaceAll('"', "");
  return tidy(`${without} ${name}:${/\s/.test(clean) ? `"${clean}"` : clean}`);
}

export function getFilter(text, name) {
  const found = new RegExp(`(?:^|\\s)${name}:(?:"([^"]*)"|(\\S+))`).exec(text);
  return found ? (found[1] ?? found[2]) : "";
}

const SMALL = "a|an|the|of|on|in|at|and|with|or|to|by|for";

// Takes a word that was typed out of a text; a text without it stays, with the word weighed as nothing.
export function drop(text, word) {
  const filters = [];
  const plain = text.replace(/(^|\s)[+-]?[a-z_]+:(?:"[^"]*"|\S+)/gi, (whole) => { filters.push(whole.trim()); return " "; });
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\s+");
  const found = new RegExp(`(^|[\\s(])[+-]?"?${escaped}"?(?:\\^[\\d.]+|>[\\d.]+|\\?)*[,.;!?]?(?=[\\s)]|$)`, "gi");
  if (!found.test(plain)) return tidy(`${text} ${quoted(word)}^0`);
  found.lastIndex = 0;
  const left = tidy(plain.replace(found, "$1"))
    .replace(new RegExp(`^(?:(?:${SMALL})\\s+)+(?=(?:${SMALL})\\s)`, "i"), "")
    .replace(new RegExp(`(?:^|\\s)(?:${SMALL})$`, "i"), "")
    .replace(new RegExp(`(?:\\s(?:${SMALL}))+$`, "i"), "")
    .replace(/\(\s*\)/g, "");
  return tidy([left, ...filters].join(" "));
}

// Puts another word in place of one.
export function swap(text, word, other) {
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return tidy(text.replace(new RegExp(`(^|[^\\p{L}\\p{N}])${escaped}(?=$|[^\\p{L}\\p{N}])`, "giu"), `$1${quoted(other)}`));
}

// The filters of a text: [{name, value, text}].
export function filters(text) {
  return [...text.matchAll(/(?:^|\s)([+-]?)([a-z_]+):(?:"([^"]*)"|(\S+))/gi)]
    .map(([whole, sign, name, long, short]) => ({ name: sign === "-" ? `not ${name}` : name, value: long ?? short, text: whole.trim() }));
}

export const without = (text, part) => tidy(text.replace(part, " "));
export const asQuery = quoted;
