// The line of what flows now: samples that the page was told are kept and drawn; without two of them the hours stay.
const MOST = 40;
const samples = [];
const [WIDTH, HEIGHT] = [240, 46];

const points = (values, top) => values
  .map((value, at) => [WIDTH - (values.length - 1 - at) * (WIDTH / (MOST - 1)), HEIGHT - (HEIGHT - 2) * (value / top)])
  .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);

const draw = (part) => {
  const svg = part.querySelector("[data-spark]");
  if (!svg || samples.length < 2) return;
  const top = Math.max(1, ...samples.flat());
  const down = points(samples.map((pair) => pair[0]), top);
  const up = points(samples.map((pair) => pair[1]), top);
  const [first, last] = [down[0].split(",")[0], down.at(-1).split(",")[0]];
  svg.querySelector("[data-spark-down]").setAttribute("d", `M${first},${HEIGHT} L${down.join(" L")} L${last},${HEIGHT} Z`);
  svg.querySelector("[data-spark-up]").setAttribute("d", `M${up.join(" L")}`);
  svg.querySelector("[data-spark-hours]").toggleAttribute("hidden", true);
  const note = part.querySelector("[data-spark-note]");
  if (note) note.textContent = note.dataset.live;
};

document.addEventListener("htmx:after:swap", () => {
  const part = document.querySelector("[data-flow]");
  const told = part?.querySelector("[data-sample]");
  if (!part) { samples.length = 0; return; }
  if (told && !told.dataset.kept) {
    told.dataset.kept = "yes";
    samples.push(told.dataset.sample.split(" ").map(Number));
    if (samples.length > MOST) samples.shift();
  }
  draw(part);
});
