// The search box: `/` or Ctrl-K goes there, arrows walk through what was found, Escape closes it.
const box = document.querySelector("[data-search]");
const found = document.getElementById("search-found");

const close = () => { if (found) found.replaceChildren(); };
const isTyping = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
const hits = () => [...found.querySelectorAll("a.found")];

const step = (event) => {
  const all = hits();
  if (all.length === 0) return;
  event.preventDefault();
  const at = all.indexOf(document.activeElement);
  const next = event.key === "ArrowDown" ? at + 1 : at - 1;
  (all[next] ?? (next < 0 ? box : all[0])).focus();
};

if (box && found) {
  document.addEventListener("keydown", (event) => {
    const palette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    const slash = event.key === "/" && !isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!palette && !slash) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  box.closest(".search").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event);
    if (event.key === "Escape") { close(); box.focus(); }
    if (event.key === "Enter" && event.target === box && hits().length > 0) { event.preventDefault(); hits()[0].click(); }
  });
  box.addEventListener("input", () => { if (box.value.trim() === "") close(); });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) close(); });
}
