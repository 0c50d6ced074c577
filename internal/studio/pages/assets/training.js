// The page of a training: losses, rate, time left and samples while it runs.

import { api, byId, duration, el, fail, figure } from "./studio.js";
import { chart, losses } from "./chart.js";

const id = byId("training").dataset.id;
const models = new Map(); // by run and name
const sheets = [];
let events = null;

byId("stop").addEventListener("click", () => act("stop"));
byId("resume").addEventListener("click", () => act("resume"));
byId("sample-at").addEventListener("input", () => showSheet(Number(byId("sample-at").value)));
watch();

function watch() {
  events?.close();
  events = new EventSource(`/api/trainings/${id}/events`);
  events.addEventListener("change", (event) => {
    const change = JSON.parse(event.data);
    if (change.status) showStatus(change.status);
    for (const m of change.models || []) showModel(m);
    if (change.samples) addSheets(change.samples);
  });
  events.addEventListener("end", () => events.close());
}

async function act(what) {
  const alert = byId("problem");
  alert.textContent = "";
  try {
    showStatus(await api("POST", `/api/trainings/${id}/${what}`));
    if (what === "resume") watch();
    else byId("message").textContent = "It saves its state and stops.";
  } catch (error) {
    fail(alert, error);
  }
}

function showStatus(s) {
  const running = s.state === "running";
  byId("state").textContent = s.state;
  byId("state").className = `chip${running ? " on" : s.state === "failed" ? " bad" : ""}`;
  byId("message").textContent = s.message;
  byId("stop").hidden = !running;
  byId("resume").hidden = running || s.state === "done" || s.options.model === "demo";
  byId("hint").hidden = !running || models.size > 0;
  if (!running) for (const m of models.values()) m.left.textContent = "–";
}

/** Makes the section of a model. */
function section(m) {
  const stat = (name) => {
    const dd = el("dd", {}, "–");
    list.append(el("div", {}, el("dt", {}, name), dd));
    return dd;
  };
  const list = el("dl", { class: "stats" });
  const own = { lines: [], stat, step: stat("Step"), loss: stat("Loss"), heldOut: stat("Held-out loss"), rate: stat("Pictures a second"), left: stat("Time left") };
  own.progress = el("progress", { max: 1, value: 0, "aria-label": `Steps of the ${m.title}` });
  const place = el("figure", { class: "chart" }, el("div", { class: "plot" }), el("ul", { class: "legend" }));
  byId("models").append(el("section", { class: "stack", "aria-label": m.title }, el("h2", {}, m.title), own.progress, list, place));
  own.draw = chart(place, `Loss of the ${m.title}`);
  return own;
}

function showModel(m) {
  const key = `${m.run}/${m.model}`;
  if (!models.has(key)) models.set(key, section(m));
  byId("hint").hidden = true;
  byId("to-run").hidden = false;
  const own = models.get(key);
  if (m.lines.length > 0) own.lines = own.lines.filter((l) => l.step < m.lines[0].step).concat(m.lines); // a resumed training repeats steps
  own.step.textContent = m.steps ? `${m.step} of ${m.steps}` : m.step;
  own.progress.value = m.steps ? m.step / m.steps : 0;
  const last = (name) => own.lines.findLast((l) => Number.isFinite(l[name]))?.[name];
  own.loss.textContent = figure(last("loss"));
  own.heldOut.textContent = figure(last("held_out.loss"));
  const map = last("held_out.map50");
  if (map !== undefined) {
    own.map ??= own.stat("Mean average precision");
    own.map.textContent = `${figure(100 * map)} %`;
  }
  own.rate.textContent = m.rate ? figure(m.rate) : "–";
  own.left.textContent = m.seconds_left ? duration(m.seconds_left) : "–";
  own.draw(losses(own.lines, "", 0, 1));
}

function addSheets(more) {
  const latest = sheets.length === 0 || Number(byId("sample-at").value) === sheets.length - 1;
  sheets.push(...more);
  byId("samples-section").hidden = false;
  byId("sample-at").max = sheets.length - 1;
  if (latest) showSheet(sheets.length - 1);
}

function showSheet(i) {
  const [model, step] = sheets[i].name.replace(/\.png$/, "").split("-step-");
  byId("sample-at").value = i;
  byId("sample").src = sheets[i].url;
  byId("sample").alt = `Samples of the ${model} at step ${Number(step)}`;
  byId("sample-shown").value = `${model}, step ${Number(step)}`;
}
