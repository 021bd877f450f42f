// What happens after a click: a line while the next page comes, messages that pass by themselves, and a word when the
// server cannot be reached. Nothing here is needed to work with the panel.
const root = document.documentElement;
const PASSING_MS = 8000;
const LINE_MS = 9000;

const loading = () => {
  root.dataset.loading = "";
  setTimeout(() => { delete root.dataset.loading; }, LINE_MS);
};
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const aside = event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (!link || aside || link.target || link.origin !== location.origin || link.matches("[download], [data-sheet]")) return;
  if (link.pathname === location.pathname && link.hash) return;
  loading();
});
document.addEventListener("submit", (event) => { if (!event.defaultPrevented) loading(); });
window.addEventListener("pageshow", (event) => {
  // A page out of the browser's memory must not come back busy.
  delete root.dataset.loading;
  if (!event.persisted) return;
  document.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
  document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
});

const toasts = document.getElementById("toasts");
const dismiss = (line) => {
  line.classList.add("leaving");
  setTimeout(() => line.remove(), 260);
};
const passes = (line) => {
  let left = setTimeout(() => dismiss(line), PASSING_MS);
  const stay = () => clearTimeout(left);
  const go = () => { stay(); left = setTimeout(() => dismiss(line), PASSING_MS / 2); };
  line.addEventListener("pointerenter", stay);
  line.addEventListener("focusin", stay);
  line.addEventListener("pointerleave", go);
  line.addEventListener("focusout", go);
};
toasts?.querySelectorAll("[data-passing]").forEach(passes);
toasts?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dismiss]");
  if (button) dismiss(button.closest(".toast-line"));
});

const offline = document.getElementById("offline");
const away = (isAway) => { if (offline) offline.hidden = !isAway; };
window.addEventListener("offline", () => away(true));
window.addEventListener("online", () => away(false));
document.addEventListener("htmx:error", () => away(true));
document.addEventListener("htmx:after:request", () => away(!navigator.onLine));
