// Runs before the first paint: an automatic theme follows the system, a chosen one is already in the page, and the rail
// is as narrow as it was left. A screen with little room begins with icons.
(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  let rail = null;
  try { rail = localStorage.getItem("lintas-rail"); } catch { /* A browser that keeps nothing has the rail as it comes. */ }
  if (rail === "icons" || (rail === null && window.innerWidth < 1100)) root.dataset.rail = "icons";
  if (root.dataset.theme !== "auto") return;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => { root.dataset.bsTheme = dark.matches ? "dark" : "light"; };
  apply();
  dark.addEventListener("change", apply);
})();
