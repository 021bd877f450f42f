// Opens a link marked [data-sheet] as a dialog over the page. Without this script the link is an ordinary page.
const sheet = document.getElementById("sheet");

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-sheet]");
  if (!link || !sheet || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) { window.location.href = link.href; return; }
  show(await answer.text());
});

export function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  sheet.replaceChildren(...page.body.childNodes);
  window.htmx.process(sheet);
  document.dispatchEvent(new Event("sheet-shown"));
  sheet.showModal();
  (sheet.querySelector("[autofocus], input:not([type=hidden]), select, textarea") ?? sheet.querySelector("button"))?.focus();
}

sheet?.addEventListener("click", (event) => {
  const outside = event.target === sheet;
  if (!outside && !event.target.closest("[data-close]")) return;
  event.preventDefault();
  sheet.close();
});

// A second click on a slow line must not send the order twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => { delete form.dataset.sent; }, 8000);

  const pressed = event.submitter ?? form.querySelector("button[type=submit]");
  pressed?.setAttribute("aria-busy", "true");
  setTimeout(() => pressed?.removeAttribute("aria-busy"), 8000);
});
