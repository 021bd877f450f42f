// The rail: wide with the current group open, or icons whose pages stand beside them while they are looked at.
const root = document.documentElement;
const rail = document.getElementById("rail");
const fold = document.getElementById("rail-fold");
const isNarrow = () => root.dataset.rail === "icons" && window.innerWidth >= 768;
const closeAll = () => rail.querySelectorAll("details[open]").forEach((group) => { group.open = false; });
const openCurrent = () => { const here = rail.querySelector(".rail-here"); if (here) here.open = true; };

const label = () => {
  const text = isNarrow() ? fold.dataset.wide : fold.dataset.narrow;
  fold.title = text;
  fold.setAttribute("aria-label", text);
  fold.querySelector(".rail-text").textContent = text;
  fold.setAttribute("aria-pressed", String(isNarrow()));
  const use = fold.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/(collapse|expand)$/, isNarrow() ? "expand" : "collapse"));
};

if (rail && fold) {
  if (isNarrow()) closeAll();
  label();
  fold.addEventListener("click", () => {
    if (isNarrow()) delete root.dataset.rail; else root.dataset.rail = "icons";
    try { localStorage.setItem("lintas-rail", isNarrow() ? "icons" : "wide"); } catch { /* Then it holds until the next page. */ }
    if (isNarrow()) closeAll(); else openCurrent();
    label();
  });
  document.addEventListener("click", (event) => { if (isNarrow() && !event.target.closest(".rail-group")) closeAll(); });
  rail.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isNarrow()) return;
    const open = rail.querySelector("details[open]");
    closeAll();
    open?.querySelector("summary").focus();
  });
}
root.dataset.ready = "";
