// Marked rows of a list that outlive its pages and its updates: [data-marks] names the list, kept for this tab alone.
import { show } from "./sheet.js";

const key = (name) => `marks:${name}`;
const kept = (name) => new Set(JSON.parse(sessionStorage.getItem(key(name)) ?? "[]"));
const keep = (name, marks) => sessionStorage.setItem(key(name), JSON.stringify([...marks]));

function paint(form) {
  const marks = kept(form.dataset.marks);
  const boxes = [...form.querySelectorAll("input[data-row]")];
  boxes.forEach((box) => { box.checked = marks.has(box.value); });
  const here = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("input[data-rows]");
  if (all) {
    all.checked = boxes.length > 0 && here === boxes.length;
    all.indeterminate = here > 0 && here < boxes.length;
  }
  form.querySelectorAll("[data-marked]").forEach((part) => { part.textContent = marks.size; });
  form.querySelectorAll("[data-needs-marked]").forEach((part) => { part.disabled = marks.size === 0; });
  form.querySelector(".bulk-quiet")?.classList.toggle("has-marks", marks.size > 0);
}

const paintAll = () => document.querySelectorAll("form[data-marks]").forEach(paint);

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-marks]");
  if (!form || !event.target.matches("input[data-row], input[data-rows]")) return;
  const marks = kept(form.dataset.marks);
  const touched = event.target.matches("[data-rows]") ? form.querySelectorAll("input[data-row]") : [event.target];
  touched.forEach((box) => { event.target.checked ? marks.add(box.value) : marks.delete(box.value); });
  keep(form.dataset.marks, [...marks].slice(-Number(form.dataset.most)));
  paint(form);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-unmark]");
  if (!button) return;
  const form = button.closest("form[data-marks]");
  keep(form.dataset.marks, []);
  paint(form);
});

// The question about the marked rows, those of other pages too, opens over the list.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.unmarks) keep(form.dataset.unmarks, []);
  if (!form.matches("form[data-marks]")) return;
  event.preventDefault();
  const data = new FormData(form);
  const name = form.querySelector("input[data-row]")?.name;
  data.delete(name);
  kept(form.dataset.marks).forEach((value) => data.append(name, value));
  const url = event.submitter?.getAttribute("formaction") ?? form.action;
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(data), headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) { window.location.assign(answer.redirected ? answer.url : window.location.href); return; }
  show(await answer.text());
}, true);

// What somebody marked while this script was still on its way is marked.
document.querySelectorAll("form[data-marks]").forEach((form) => {
  const early = [...form.querySelectorAll("input[data-row]:checked")].map((box) => box.value);
  if (early.length > 0) keep(form.dataset.marks, [...new Set([...kept(form.dataset.marks), ...early])].slice(-Number(form.dataset.most)));
});
document.addEventListener("htmx:after:swap", paintAll);
paintAll();
