// Rows with a box: the head's box marks all, and the bar says how many are marked.
const update = (table) => {
  const boxes = [...table.querySelectorAll("input[data-row]")];
  const marked = boxes.filter((box) => box.checked);
  const all = table.querySelector("input[data-rows]");
  if (all) {
    all.checked = boxes.length > 0 && marked.length === boxes.length;
    all.indeterminate = marked.length > 0 && marked.length < boxes.length;
  }
  table.querySelectorAll("[data-marked]").forEach((part) => { part.textContent = marked.length; });
  table.querySelectorAll("[data-needs-marked]").forEach((part) => { part.disabled = marked.length === 0; });
};

document.addEventListener("change", (event) => {
  const table = event.target.closest("[data-selectable]");
  if (!table) return;
  if (event.target.matches("input[data-rows]")) {
    table.querySelectorAll("input[data-row]").forEach((box) => { box.checked = event.target.checked; });
  }
  update(table);
});
document.querySelectorAll("[data-selectable]").forEach(update);
document.addEventListener("htmx:after:swap", () => document.querySelectorAll("[data-selectable]").forEach(update));
