// Makes elements. Texts become text nodes, never markup: words and file names need no escaping.

const SVG = "http://www.w3.org/2000/svg";

export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Asks the API, at an address relative to the page, which may lie below a path; what it answers to a bad request is thrown, with its own words.
export async function ask(path, parameters = {}, options = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  let response;
  try {
    response = await fetch(`${path}?${query}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error("The server does not answer. Is `lexret serve` still running?"), { isOffline: true });
  }
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { start: answer.start, end: answer.end });
  return answer;
}
