// The page that samples a flow: pictures of a class, sliders along latent directions, walks, densities.

import { api, byId, clear, drawn, el, fail, figure, numberIn, picture, run } from "./studio.js";
import { batch, open, tile } from "./gallery.js";

const form = byId("form");
const chosen = () => byId("generator").selectedOptions[0].dataset;

if (form) {
  byId("generator").addEventListener("change", fit);
  byId("temperature").addEventListener("input", () => (byId("temperature-shown").value = byId("temperature").value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const r = { kind: "sample", run: chosen().run, class: byId("class").value, n: numberIn("n"), temperature: numberIn("temperature") };
    const seed = numberIn("seed");
    if (seed !== undefined) r.seed = seed;
    sample(r, `${r.class}, temperature ${r.temperature}`);
  });
  fit();
}

/** Shows the classes of the chosen run. */
function fit() {
  const classes = JSON.parse(chosen().classes) || [];
  for (const id of ["class", "from-class", "to-class"]) byId(id).replaceChildren(...classes.map((name) => el("option", {}, name)));
  byId("to-class").selectedIndex = classes.length - 1;
}

/** Draws pictures and shows them with their densities. */
async function sample(r, title) {
  const alert = byId("problem");
  clear(alert);
  r.latents = true;
  const place = batch(title);
  place.wait(r.n);
  let begun = false;
  try {
    const job = await run(r, place.show, (id) => {
      begun = true;
      place.cancelled(() => api("DELETE", `/api/jobs/${id}`).catch(() => {})); // it may have ended
    });
    const all = job.pictures.map((p) => p.log_density);
    const low = Math.min(...all), high = Math.max(...all);
    place.done(job.pictures, (p, i) => {
      const t = tile(p.url, `${p.class}, log-density ${figure(p.log_density)}`, `ln p ${figure(p.log_density)}`, () => about(r, p, i));
      if (high > low) t.append(meter((p.log_density - low) / (high - low)));
      return t;
    });
  } catch (error) {
    place.failed(error);
    if (!begun) fail(alert, error);
  }
}

/** A bar for a density, among those of its batch. */
const meter = (share) => el("progress", { max: 1, value: share, "aria-hidden": "true" });

function about(r, p, i) {
  open({
    run: r.run, url: p.url, title: `${p.class}, picture ${i + 1}`, file: `${r.run}-${p.class}-${p.seed}-${i}.png`,
    facts: [["Run", r.run], ["Class", p.class], ["Seed", p.seed], ["Temperature", r.temperature ?? "–"], ["Log-density", `${figure(p.log_density)} nats`]],
    actions: [
      ["More like it", () => sample({ kind: "walk", run: r.run, class: p.class, latent: p.latent, spread: 0.7, n: numberIn("n") }, `Like picture ${i + 1} of ${p.class}`)],
      ["Move it", () => begin({ latent: p.latent, class: p.class, run: r.run }, true)],
      ["Walk from it", () => setEnd("from", p)],
      ["Walk to it", () => setEnd("to", p)],
    ],
  });
}

// Directions: one request at a time; while it runs, the latest position of the sliders waits.

const directions = 6;
let start = null; // where the sliders begin: { run, class, latent | from | seed }
let busy = false;
let again = false;
const sliders = [];

if (form) {
  for (let k = 0; k < directions; k++) {
    const input = el("input", { type: "range", id: `direction-${k}`, min: -3, max: 3, step: 0.1, value: 0, oninput: move });
    const output = el("output", { for: input.id }, "0");
    const label = el("label", { for: input.id }, `Direction ${k + 1}`);
    byId("sliders").append(el("div", { class: "slider" }, el("div", { class: "names" }, label, output), input));
    sliders.push({ input, output, label });
  }
  byId("centre").addEventListener("click", () => {
    centre();
    move();
  });
  byId("draw-start").addEventListener("click", () => {
    begin({ run: chosen().run, class: byId("class").value, seed: Math.floor(Math.random() * 2 ** 32) });
  });
  byId("start-photo").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (file) begin({ run: chosen().run, class: byId("class").value, from: (await picture(file)).data });
  });
}

function centre() {
  for (const s of sliders) {
    s.input.value = 0;
    s.output.value = "0";
  }
}

/** Begins to move another picture. */
function begin(where, scroll) {
  start = where;
  centre();
  move();
  if (scroll) {
    byId("directions").scrollIntoView();
    sliders[0].input.focus({ preventScroll: true });
  }
}

async function move() {
  for (const s of sliders) s.output.value = s.input.value;
  if (!start) {
    start = { run: chosen().run, class: byId("class").value, seed: Math.floor(Math.random() * 2 ** 32) };
  }
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  const alert = byId("sliders-problem");
  try {
    const job = await run({ kind: "walk", ...start, sliders: sliders.map((s) => Number(s.input.value)) });
    alert.textContent = "";
    const [p] = job.pictures;
    byId("moved").src = p.url;
    byId("moved").hidden = false;
    byId("moved-hint").hidden = true;
    byId("moved-density").textContent = `Log-density as ${p.class}: ${figure(p.log_density)} nats`;
    sliders.forEach((s, k) => {
      const share = job.values.share[k];
      s.input.disabled = share === undefined;
      s.label.textContent = share === undefined ? `Direction ${k + 1}: none` : `Direction ${k + 1}, ${Math.round(100 * share)} % of the variance`;
    });
  } catch (error) {
    alert.textContent = error.message;
  }
  busy = false;
  if (again) {
    again = false;
    move();
  }
}

// Walk.

const ends = { from: null, to: null };
let frames = [];
let timer = null;

if (form) {
  for (const end of ["from", "to"]) {
    byId(`${end}-photo`).addEventListener("change", async (event) => {
      const file = event.target.files[0];
      if (file) showEnd(end, await picture(file));
    });
  }
  byId("walk-form").addEventListener("submit", (event) => {
    event.preventDefault();
    walk();
  });
  byId("position").addEventListener("input", () => {
    stop();
    show(Number(byId("position").value));
  });
  byId("play").addEventListener("click", () => (timer ? stop() : play()));
}

function showEnd(end, p) {
  ends[end] = p;
  byId(`${end}-image`).src = p.url;
  byId(`${end}-image`).hidden = false;
  byId(`${end}-hint`).hidden = true;
}

async function setEnd(end, p) {
  try {
    showEnd(end, await drawn(p.url));
    byId(`${end}-class`).value = p.class;
  } catch (error) {
    fail(byId("walk-problem"), error);
  }
  byId("walk").scrollIntoView();
  byId("walk-form").querySelector("button").focus({ preventScroll: true });
}

async function walk() {
  const alert = byId("walk-problem");
  const state = byId("walk-state");
  clear(alert);
  stop();
  const r = { kind: "interpolate", run: chosen().run, frames: numberIn("frames") };
  for (const end of ["from", "to"]) {
    r[`${end}_class`] = byId(`${end}-class`).value;
    if (ends[end]) r[end] = ends[end].data;
    else r[`${end}_seed`] = Math.floor(Math.random() * 2 ** 32);
  }
  state.textContent = "Drawing the walk";
  try {
    const job = await run(r);
    frames = job.pictures.map((p) => {
      const image = new Image(); // loads it before it is shown
      image.src = p.url;
      return p.url;
    });
    state.textContent = "";
    byId("walk-download").href = job.animation;
    byId("frame-hint").hidden = true;
    byId("frame").hidden = byId("player").hidden = false;
    byId("position").max = frames.length - 1;
    show(0);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
  } catch (error) {
    state.textContent = "";
    fail(alert, error);
  }
}

function show(i) {
  byId("position").value = i;
  byId("position-shown").value = `${i + 1} of ${frames.length}`;
  byId("frame").src = frames[i];
  byId("frame").alt = `Picture ${i + 1} of the walk`;
  byId("frame-download").href = frames[i];
  byId("frame-download").download = `walk-${i + 1}.png`;
}

/** Plays the walk there and back. */
function play() {
  let at = Number(byId("position").value);
  let step = 1;
  byId("play").textContent = "Pause";
  byId("play").setAttribute("aria-pressed", "true");
  timer = setInterval(() => {
    if (at + step >= frames.length || at + step < 0) step = -step;
    at += step;
    show(at);
  }, 80);
}

function stop() {
  clearInterval(timer);
  timer = null;
  byId("play").textContent = "Play";
  byId("play").setAttribute("aria-pressed", "false");
}

// Density of a photo.

byId("density-photo")?.addEventListener("change", async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  const alert = byId("density-problem");
  const place = byId("density-shown");
  alert.textContent = "";
  place.textContent = "Computing";
  try {
    const p = await picture(file);
    const job = await run({ kind: "density", run: chosen().run, pictures: [p.data] });
    const { classes, log_density: [values] } = job.values;
    const best = Math.max(...values);
    const facts = el("dl", { class: "facts" });
    classes.forEach((name, i) => {
      const more = values[i] === best ? ", the highest" : "";
      facts.append(el("dt", {}, name), el("dd", { class: "number" }, `${figure(values[i])} nats${more}`));
    });
    place.replaceChildren(facts);
  } catch (error) {
    place.textContent = "";
    alert.textContent = error.message;
  }
});
