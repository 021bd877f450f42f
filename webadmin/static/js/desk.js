// The cash desk: Enter opens the first one found, a chosen invoice fills the amount, what is handed over gives the change,
// and a clock runs from the payment until the customer is back online.
document.addEventListener("keydown", (event) => {
  const search = event.target.closest("[data-desk]");
  const hits = [...document.querySelectorAll("#desk-found .desk-hit")];
  if (search && event.key === "Enter" && hits.length > 0 && event.target.matches("input")) {
    event.preventDefault();
    hits[0].click();
  }
  const at = hits.indexOf(document.activeElement);
  if ((search || at >= 0) && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    (hits[at + (event.key === "ArrowDown" ? 1 : -1)] ?? document.querySelector("[data-desk] input")).focus();
  }
});

// What was typed before the page had loaded was heard by nobody: it is asked once more when it has.
addEventListener("load", () => setTimeout(() => {
  const field = document.querySelector("[data-desk] input");
  if (!field || field.value === field.defaultValue || document.querySelector("#desk-found .desk-hit")) return;
  window.htmx.ajax("GET", `${field.form.action}?q=${encodeURIComponent(field.value)}`, { target: "#desk-found" });
}, 500));

const till = document.querySelector("form[data-till]");
if (till) {
  const [amount, handed, back] = [till.querySelector("#amount"), till.querySelector("#handed"), till.querySelector(".desk-back")];
  const digits = (field) => Number(field.value.replace(/[^\d,]/g, "").replace(",", ".")) || 0;
  const tell = () => {
    const rest = digits(handed) - digits(amount);
    const shown = new Intl.NumberFormat(document.documentElement.lang).format(Math.abs(rest));
    back.textContent = handed.value ? `${rest < 0 ? back.dataset.short : back.dataset.words}: ${back.dataset.sign} ${shown}` : "";
    back.classList.toggle("text-red-state", rest < 0);
  };
  till.querySelector("[data-needs-script]").hidden = false;
  till.addEventListener("input", tell);
  till.addEventListener("change", (event) => {
    if (!event.target.matches("input[name=invoice_id]")) return;
    amount.value = event.target.dataset.amount ?? "";
    amount.focus();
    amount.select();
    tell();
  });
  till.querySelector("[data-select]")?.select();
}

setInterval(() => {
  document.querySelectorAll("[data-clock]").forEach((clock) => {
    clock.dataset.shownAt ??= String(performance.now());
    const elapsed = Number(clock.dataset.elapsed) + performance.now() - Number(clock.dataset.shownAt);
    clock.textContent = `${new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(elapsed / 1000)} s`;
  });
}, 100);
