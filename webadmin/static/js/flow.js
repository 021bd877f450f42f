// The line of what flows now: samples that the page was told are kept and drawn; without two of them the hours stay.
const [LEAST, MOST, EVERY_S] = [15, 60, 2];
const samples = [];
const [WIDTH, HEIGHT] = [240, 46];
const UNITS = ["bps", "kbps", "Mbps", "Gbps"];

const points = (values, top) => values
  .map((value, at) => [WIDTH - (values.length - 1 - at) * (WIDTH / (Math.max(LEAST, values.length) - 1)), HEIGHT - (HEIGHT - 2) * (value / top)])
  .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);

const rate = (bps) => {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bps)) / 3)));
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 3 });
  return `${number.format(bps / 1000 ** step)} ${UNITS[step]}`;
};

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
  if (note) note.textContent = note.dataset.live.replace("§", (samples.length - 1) * EVERY_S).replace("#", rate(top));
};

document.addEventListener("htmx:after:swap", () => {
  const part = document.querySelector("[data-flow]");
  if (!part) { samples.length = 0; return; }
  const told = part.querySelector("[data-sample]");
  if (!told) return;
  if (!told.dataset.kept) {
    told.dataset.kept = "yes";
    samples.push(told.dataset.sample.split(" ").map(Number));
    if (samples.length > MOST) samples.shift();
  }
  draw(part);
});
