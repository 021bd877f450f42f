// The search box: `/` or Ctrl-K goes there; while one types, arrows walk through what was found, Enter opens it and
// Escape closes it. The cursor stays in the box, so one can go on typing at any moment.
import { isTyping } from "./typing.js";

const box = document.querySelector("[data-search]");
const found = document.getElementById("search-found");
const count = document.getElementById("search-count");

const hits = () => [...found.querySelectorAll("a.found")];
const chosen = () => found.querySelector('a.found[aria-selected="true"]');

const close = () => {
  found.replaceChildren();
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
};
const choose = (hit) => {
  chosen()?.setAttribute("aria-selected", "false");
  box.removeAttribute("aria-activedescendant");
  if (!hit) return;
  hit.setAttribute("aria-selected", "true");
  box.setAttribute("aria-activedescendant", hit.id);
  hit.scrollIntoView({ block: "nearest" });
};
const shown = () => {
  const all = hits();
  all.forEach((hit, place) => { hit.id = `found-${place}`; });
  box.setAttribute("aria-expanded", String(found.childElementCount > 0));
  if (box.value.trim().length > 1) {
    count.textContent = all.length === 0 ? count.dataset.none : all.length === 1 ? count.dataset.one : count.dataset.many.replace("#", all.length);
    choose(all[0]);
  }
};
const step = (forward) => {
  const all = hits();
  if (all.length === 0) return;
  const at = all.indexOf(chosen());
  choose(all[(at + (forward ? 1 : at < 0 ? 0 : -1) + all.length) % all.length]);
};

if (box && found) {
  document.addEventListener("keydown", (event) => {
    const palette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    const slash = event.key === "/" && !isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((!palette && !slash) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); step(event.key === "ArrowDown"); }
    if (event.key === "Escape" && found.childElementCount > 0) { event.preventDefault(); close(); }
    if (event.key === "Enter" && chosen()) { event.preventDefault(); chosen().click(); }
    if (event.key === "Tab") close();
  });
  // What is listed belongs to what was typed before: Enter must not open it.
  box.addEventListener("input", () => choose(null));
  found.addEventListener("pointermove", (event) => { const hit = event.target.closest("a.found"); if (hit && hit !== chosen()) choose(hit); });
  found.addEventListener("click", (event) => { if (event.target.closest("a.found[data-sheet]")) setTimeout(close); });
  document.addEventListener("htmx:after:swap", () => { if (document.activeElement === box) shown(); else if (found.childElementCount) close(); });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) close(); });
}
