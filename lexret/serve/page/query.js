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
