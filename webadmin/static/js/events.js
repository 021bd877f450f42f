// A part of a page with [data-events] is told by the server what changed, over one open answer: a message without a name
// is its own new content, one with a name is that of the element with this id. Hidden pages listen to nothing.
const RETRY_MS = 15000;
const open = new Map();

const swap = (target, text, how) => window.htmx.swap({ sourceElement: target, target, text, swap: how, transition: false });

function listen(part) {
  const source = new EventSource(part.dataset.events);
  open.set(part, source);
  source.onmessage = (event) => { if (part.isConnected) swap(part, event.data, "innerMorph"); else close(part); };
  for (const name of (part.dataset.eventNames ?? "").split(" ").filter(Boolean)) {
    source.addEventListener(name, (event) => {
      const target = document.getElementById(name);
      if (target) swap(target, event.data, "innerHTML");
    });
  }
  // The browser comes back by itself but after a refusal. Why it was refused is told to a part that asks for itself, as
  // that nobody is signed in any more; else this asks once more, later.
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return;
    open.delete(part);
    window.htmx.trigger(part, "events-refused");
    setTimeout(begin, RETRY_MS);
  };
}

function close(part) {
  open.get(part)?.close();
  open.delete(part);
}

function begin() {
  [...open.keys()].filter((part) => document.hidden || !part.isConnected).forEach(close);
  if (document.hidden) return;
  document.querySelectorAll("[data-events]").forEach((part) => { if (!open.has(part)) listen(part); });
}

document.addEventListener("visibilitychange", begin);
document.addEventListener("htmx:after:swap", begin);
// A page in the browser's memory must not keep a thread of the server.
window.addEventListener("pagehide", () => [...open.keys()].forEach(close));
window.addEventListener("pageshow", (event) => { if (event.persisted) begin(); });
begin();
