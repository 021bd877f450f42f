// Copies the text of the element that a [data-copy] button names, or the attribute's own text.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const source = button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom) : null;
  await write(source ? source.textContent.trim() : button.dataset.copy);
  button.classList.add("copied");
  const label = button.querySelector("[data-copied]");
  const before = label?.textContent;
  if (label) label.textContent = label.dataset.copied;
  setTimeout(() => {
    button.classList.remove("copied");
    if (label) label.textContent = before;
  }, 1600);
});

async function write(text) {
  // The clipboard interface exists on https and localhost only; a panel on a plain address still has to copy.
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
