// Opens what a link or form marked [data-sheet] leads to as a dialog over the page. Without this script it is a page.
const sheet = document.getElementById("sheet");

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-sheet]");
  if (!link || !sheet || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link.href, {}, link.href);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-sheet]") || !sheet) return;
  event.preventDefault();
  const url = event.submitter?.getAttribute("formaction") ?? form.action;
  open(url, { method: "POST", body: new URLSearchParams(new FormData(form, event.submitter)) }, window.location.href);
});

async function open(url, asked, otherwise) {
  const answer = await fetch(url, { ...asked, headers: { "HX-Request": "true" } });
  if (answer.ok && !answer.redirected) show(await answer.text());
  else window.location.assign(answer.redirected ? answer.url : otherwise);
}

function show(html) {
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
