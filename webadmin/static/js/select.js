// Rows with a box: the head's box marks all of the page, a bar says how many are marked and what can be done with them.
// A form with [data-keep] remembers its marks, at most [data-most], while one pages, opens a question or the list renews
// itself, under the name of the list and its filter; they are forgotten when they were used.
import { isTyping } from "./typing.js";

const PREFIX = "lintas-marked:";
const MOST = 2000;
const keyOf = (table) => (table.dataset.keep ? PREFIX + table.dataset.keep : null);
const read = (key) => {
  try { return new Set(JSON.parse(sessionStorage.getItem(key) ?? "[]")); } catch { return new Set(); }
};
const write = (key, ids, most = MOST) => {
  try { if (ids.size) sessionStorage.setItem(key, JSON.stringify([...ids].slice(0, most))); else sessionStorage.removeItem(key); } catch { /* Then marks hold for this page. */ }
};
const boxesOf = (table) => [...table.querySelectorAll("input[data-row]")];
const keptElsewhere = (table) => {
  const key = keyOf(table);
  if (!key) return [];
  const here = new Set(boxesOf(table).map((box) => box.value));
  return [...read(key)].filter((id) => !here.has(id));
};

const update = (table) => {
  const boxes = boxesOf(table);
  const marked = boxes.filter((box) => box.checked);
  const count = marked.length + keptElsewhere(table).length;
  const all = table.querySelector("input[data-rows]");
  if (all) {
    all.checked = boxes.length > 0 && marked.length === boxes.length;
    all.indeterminate = marked.length > 0 && marked.length < boxes.length;
  }
  const field = table.querySelector("[data-all-field]");
  const whole = field?.value === "yes";
  const offer = table.querySelector("[data-mark-all]");
  table.querySelectorAll("[data-marked]").forEach((part) => { part.textContent = whole ? offer.dataset.markAll : count; });
  table.querySelectorAll("[data-marked-word]").forEach((part) => { part.textContent = whole ? part.dataset.all : part.dataset.some; });
  table.querySelectorAll("[data-needs-marked]").forEach((part) => { part.disabled = count === 0; });
  table.querySelectorAll("[data-bulk]").forEach((bar) => bar.classList.toggle("bulk-on", count > 0));
  if (offer) offer.hidden = whole || !(all?.checked);
};
const keep = (table) => {
  const key = keyOf(table);
  if (!key) return;
  const ids = read(key);
  boxesOf(table).forEach((box) => { if (box.checked) ids.add(box.value); else ids.delete(box.value); });
  write(key, ids, Number(table.dataset.most) || MOST);
};
const restore = (table) => {
  const key = keyOf(table);
  if (key) { const ids = read(key); boxesOf(table).forEach((box) => { box.checked = ids.has(box.value); }); }
  update(table);
};
// What somebody marked while this script was still on its way is marked.
const begin = (table) => {
  const early = boxesOf(table).filter((box) => box.checked).map((box) => box.value);
  const key = keyOf(table);
  if (key && early.length) write(key, new Set([...read(key), ...early]), Number(table.dataset.most) || MOST);
  restore(table);
};
const tableOf = (event) => event.target.closest?.("[data-selectable]");

document.addEventListener("change", (event) => {
  const table = tableOf(event);
  if (!table || !event.target.matches("input[data-rows], input[data-row]")) return;
  if (event.target.matches("input[data-rows]")) boxesOf(table).forEach((box) => { box.checked = event.target.checked; });
  const field = table.querySelector("[data-all-field]");
  if (field) field.value = "";
  keep(table);
  update(table);
});
document.addEventListener("click", (event) => {
  const table = tableOf(event);
  if (!table) return;
  if (event.target.closest("[data-mark-all]")) { table.querySelector("[data-all-field]").value = "yes"; update(table); }
  if (event.target.closest("[data-unmark]")) {
    boxesOf(table).forEach((box) => { box.checked = false; });
    const field = table.querySelector("[data-all-field]");
    if (field) field.value = "";
    if (keyOf(table)) write(keyOf(table), new Set());
    update(table);
  }
});
document.addEventListener("formdata", (event) => {
  const table = event.target.closest("[data-selectable]");
  if (table) keptElsewhere(table).forEach((id) => event.formData.append(boxesOf(table)[0]?.name, id));
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-forget-marks]")) {
    try { Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX)).forEach((key) => sessionStorage.removeItem(key)); } catch { /* Nothing was kept. */ }
  }
});
document.querySelectorAll("[data-selectable]").forEach(begin);
window.addEventListener("pageshow", (event) => { if (event.persisted) document.querySelectorAll("[data-selectable]").forEach(restore); });
document.addEventListener("htmx:after:swap", () => document.querySelectorAll("[data-selectable]").forEach(restore));

// Rows by keyboard: j and k go down and up, x marks, Enter opens as on any link.
document.addEventListener("keydown", (event) => {
  if (!["j", "k", "x"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const rows = [...document.querySelectorAll("[data-rows-table] tbody tr")];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement?.closest("tr"));
  if (event.key === "x") { rows[at]?.querySelector("input[data-row]")?.click(); return; }
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
  (next.querySelector("a.plain-link, a") ?? next.querySelector("input"))?.focus();
});
