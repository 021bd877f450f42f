// A form marked [data-stream] is sent in the background, and its answer shown line by line as it comes: each line is a
// part of the page that takes the place of the part with its id. [data-stream-now] sends it as soon as it is there.
const LONGEST_MS = 15000;

const place = (line) => {
  const part = new DOMParser().parseFromString(line, "text/html").body.firstElementChild;
  const old = part && document.getElementById(part.id);
  if (old) old.replaceWith(part);
};

async function read(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : lines.pop();
    lines.filter((line) => line.trim() !== "").forEach(place);
    if (done) return;
  }
}

async function send(form) {
  const broken = form.querySelector("[data-stream-broken]");
  if (broken) broken.hidden = true;
  form.dataset.streaming = "yes";
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(LONGEST_MS),
    });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    await read(answer);
  } catch {
    if (broken) broken.hidden = false;
  } finally {
    delete form.dataset.streaming;
    form.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-stream]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!form.dataset.streaming) send(form);
}, { capture: true });

const begin = () => document.querySelectorAll("form[data-stream-now]").forEach((form) => {
  delete form.dataset.streamNow;
  send(form);
});
document.addEventListener("sheet-shown", begin);
begin();
