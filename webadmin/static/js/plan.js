// A plan's form: a slider under each speed, and points of the fair-use graph that can be dragged. Both write into the
// boxes, which stay what counts.
const STOPS_M = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000];
const nearest = (stops, value) => stops.reduce((best, stop, at) => (Math.abs(stop - value) < Math.abs(stops[best] - value) ? at : best), 0);
const megabits = (text) => {
  const found = /^\s*([\d.,]+)\s*([kmg]?)/i.exec(text);
  return found ? Number(found[1].replace(",", ".")) * { k: 0.001, g: 1000 }[found[2].toLowerCase()] || Number(found[1].replace(",", ".")) : 0;
};
const write = (box, value) => {
  box.value = value;
  box.dispatchEvent(new Event("input", { bubbles: true }));
};

document.querySelectorAll("input[data-slider]").forEach((box) => {
  const slider = Object.assign(document.createElement("input"), { type: "range", className: "form-range", min: 0, max: STOPS_M.length - 1, tabIndex: -1 });
  slider.setAttribute("aria-hidden", "true");
  const follow = () => { slider.value = nearest(STOPS_M, megabits(box.value)); };
  slider.addEventListener("input", (event) => { event.stopPropagation(); write(box, `${STOPS_M[slider.value]}M`); });
  box.addEventListener("input", follow);
  follow();
  slider.disabled = box.matches(":disabled");
  box.after(slider);
});

const round = (value) => {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1) * (value >= 10 ? 5 : 1);
  return Math.max(step, Math.round(value / step) * step);
};
const box = (row, name) => document.getElementById(`fup_rules-${row}-${name}`);

document.addEventListener("pointerdown", (event) => {
  const knob = event.target.closest?.(".fup-knob");
  const graph = knob?.closest("[data-steps]");
  if (!graph || box(knob.dataset.row, "threshold_bytes")?.matches(":disabled")) return;
  event.preventDefault();
  const place = new DOMPoint();
  const move = (moved) => {
    const at = Object.assign(place, { x: moved.clientX, y: moved.clientY }).matrixTransform(graph.getScreenCTM().inverse());
    knob.setAttribute("cx", Math.min(316, Math.max(4, at.x)));
    knob.setAttribute("cy", Math.min(92, Math.max(12, at.y)));
  };
  const drop = () => {
    document.removeEventListener("pointermove", move);
    const gigabytes = (knob.getAttribute("cx") / 320) * graph.dataset.topBytes / 1e9;
    const share = Math.max(0.01, (92 - knob.getAttribute("cy")) / 80);
    put(knob.dataset.row, round(gigabytes), share, graph.dataset.topKbps / 1000);
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", drop, { once: true });
});

// A tier that is written in percent stays so; one with speeds keeps how they stand to each other.
function put(row, gigabytes, share, fullM) {
  const [down, up, percent] = ["reduced_download_kbps", "reduced_upload_kbps", "reduction_percent"].map((name) => box(row, name));
  if (percent.value && !down.value) percent.value = Math.min(99, Math.max(1, Math.round(100 - share * 100)));
  else {
    const [was, wasUp] = [megabits(down.value), megabits(up.value)];
    const now = share * fullM >= 1 ? `${round(share * fullM)}M` : `${Math.round(share * fullM * 1000)}k`;
    down.value = now;
    up.value = was && wasUp ? `${Math.max(1, Math.round((megabits(now) * wasUp * 1000) / was))}k` : now;
  }
  write(box(row, "threshold_bytes"), gigabytes);
}

document.addEventListener("htmx:after:swap", showHints);
function showHints() { document.querySelectorAll("#preview [data-needs-script]").forEach((hint) => { hint.hidden = false; }); }
showHints();
