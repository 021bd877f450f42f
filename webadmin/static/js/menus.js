// Menus are <details>: a click elsewhere or Escape closes them.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// Tabs that switch parts of one page: [data-tab] names the part that it shows.
document.addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tab]");
  if (!tab) return;
  tab.closest("[role=tablist]").querySelectorAll("[data-tab]").forEach((other) => {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    document.getElementById(other.dataset.tab).hidden = !chosen;
  });
});

// A part that only some choices need: [data-shown-by] names the box or list, [data-shown-for] its values.
const follow = () => {
  document.querySelectorAll("[data-shown-by]").forEach((part) => {
    const control = document.getElementById(part.dataset.shownBy);
    if (!control) return;
    const value = control.type === "checkbox" ? String(control.checked) : control.value;
    part.hidden = !part.dataset.shownFor.split(" ").includes(value);
  });
};
document.addEventListener("change", follow);
document.addEventListener("htmx:after:swap", follow);
document.addEventListener("sheet-shown", follow);
follow();

// A filter that changes sends its form at once; the button stays for those without this script.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form && event.target.matches("select")) form.requestSubmit();
});

// What scrolls by itself can be reached by keyboard, where nothing in it can.
const reachable = () => document.querySelectorAll(".table-wrap, .scrolls").forEach((part) => {
  if (part.scrollWidth > part.clientWidth) part.tabIndex = 0; else part.removeAttribute("tabindex");
});
window.addEventListener("resize", reachable);
document.addEventListener("htmx:after:swap", reachable);
document.addEventListener("sheet-shown", reachable);
reachable();

// What is shown stays in sight where its row of tabs, or the rail, is longer than the screen.
document.querySelectorAll(".tabs, .subnav, .rail").forEach((row) => {
  const current = row.querySelector("[aria-current]");
  if (!current) return;
  const [outer, inner] = [row.getBoundingClientRect(), current.getBoundingClientRect()];
  if (inner.right > outer.right) row.scrollLeft += inner.right - outer.right + 24;
  if (inner.bottom > outer.bottom) row.scrollTop += inner.bottom - outer.bottom + 24;
});

// On a phone a filter bar shows its search alone, and a button with how many of the others are in use.
document.querySelectorAll("form.filters").forEach((form) => {
  const parts = [...form.querySelectorAll(":scope > div:not(.grow, .filter-buttons), .filters-row > div")];
  const search = form.querySelector(":scope > .grow");
  if (!search || parts.length < 2) return;
  const used = parts.filter((part) => [...part.querySelectorAll("select, input")].some((field) => field.name !== "sort" && !field.matches("[data-always]") && field.value !== "")).length;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn filters-toggle";
  button.textContent = `${document.body.dataset.filters}${used ? ` (${used})` : ""}`;
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const folded = form.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
  });
  search.after(button);
  form.classList.add("folded");
});
