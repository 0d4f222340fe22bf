// Completes the word before the cursor from the vocabulary.
import { ask, byId, el } from "./dom.js";

const WORD = /(?:^|[\s(+"-])([^\s()+"^>?:-][^\s()"^>?:]*)$/;

export function completion(input) {
  const list = byId("words");
  let words = [], counts = new Map(), chosen = -1, turn = 0;

  const close = () => {
    turn += 1;
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const prefix = () => WORD.exec(input.value.slice(0, input.selectionStart))?.[1] ?? "";
  const take = (word) => {
    const end = input.selectionStart, start = end - prefix().length;
    const before = input.value.slice(0, start);
    const said = /\s/.test(word) && !before.endsWith('"') ? `"${word}"` : word;
    input.value = `${before}${said} ${input.value.slice(end).trimStart()}`;
    const place = before.length + said.length + 1;
    input.setSelectionRange(place, place);
    close();
  };
  const choose = (place) => {
    chosen = (place + words.length) % words.length;
    [...list.children].forEach((one, i) => one.setAttribute("aria-selected", String(i === chosen)));
    input.setAttribute("aria-activedescendant", `word-${chosen}`);
  };
  const suggest = async () => {
    const asked = prefix(), mine = ++turn;
    if (asked.length < 2) return close();
    try {
      const found = await ask("api/complete", { prefix: asked.slice(0, 100), k: 9 });
      counts = new Map(found.words.map((word, i) => [word, found.pictures?.[i] ?? 0]));
      words = found.words.filter((one) => one !== asked).slice(0, 8);
    } catch {
      return close(); // the search itself will say what is wrong
    }
    if (mine !== turn || document.activeElement !== input) return;
    list.replaceChildren(...words.map((word, i) => el("li", {
      id: `word-${i}`, role: "option", "aria-selected": "false",
      onmousedown: (event) => { event.preventDefault(); take(word); input.focus(); },
    }, el("span", {}, word), el("span", { class: "count" }, counts.get(word) ? counts.get(word).toLocaleString() : ""))));
    list.hidden = !words.length;
    chosen = -1;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };

  input.addEventListener("input", suggest);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen < 0 ? words.length - 1 : chosen - 1);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) take(words[chosen]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { close };
}
