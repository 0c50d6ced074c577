// The page that draws pictures for prompts.

import { api, byId, clear, drawn, fail, figure, numberIn, picture, run } from "./studio.js";
import { batch, open, tile } from "./gallery.js";

const form = byId("form");
let prime = null; // a picture that all begin with
const chosen = () => byId("generator").selectedOptions[0].dataset;

if (form) {
  byId("generator").addEventListener("change", fit);
  byId("prime").addEventListener("change", async (event) => {
    if (event.target.files[0]) setPrime(await picture(event.target.files[0]));
  });
  byId("prime-remove").addEventListener("click", () => {
    setPrime(null);
    byId("prime").focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });
  byId("prompts").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  fit();
}

/** Shows the settings that the chosen model has. */
function fit() {
  const { model, rank } = chosen();
  for (const field of form.querySelectorAll("[data-models]")) field.hidden = !field.dataset.models.split(" ").includes(model);
  byId("rank-field").hidden = byId("rank-help").hidden = !rank;
}

function setPrime(p) {
  prime = p;
  byId("prime-shown").hidden = byId("rows-field").hidden = !p;
  if (p) byId("prime-image").src = p.url;
  else byId("prime").value = "";
}

/** The request that the form describes. */
function request() {
  const { run, model } = chosen();
  const prompts = byId("prompts").value.split("\n").map((s) => s.trim()).filter(Boolean);
  const r = { kind: "generate", run, model, prompts, n: numberIn("n"), previews: -1 };
  for (const name of ["seed", "temperature", "guidance", "top_k", "top_p", "steps", "rank"]) {
    const value = numberIn(name);
    if (value !== undefined) r[name] = value;
  }
  if (prime) {
    r.prime = prime.data;
    const rows = numberIn("prime_rows");
    if (rows) r.prime_rows = rows;
  }
  return r;
}

async function draw() {
  const alert = byId("problem");
  clear(alert);
  const r = request();
  if (r.prompts.length === 0) {
    fail(alert, { message: "Say what to draw.", field: "prompt" });
    return;
  }
  const place = batch(r.prompts.join(" · "));
  place.wait(Math.min(64, r.n * r.prompts.length));
  let begun = false;
  try {
    const job = await run(r, place.show, (id) => {
      begun = true;
      place.cancelled(() => api("DELETE", `/api/jobs/${id}`).catch(() => {})); // it may have ended
    });
    place.done(job.pictures, (p) => {
      const text = [p.score !== undefined && `CLIP ${figure(p.score)}`, r.prompts.length > 1 && p.prompt].filter(Boolean).join(" · ") || `Picture ${p.index + 1}`;
      return tile(p.url, `${p.prompt}, picture ${p.index + 1}`, text, () => about(r, p));
    });
  } catch (error) {
    place.failed(error);
    if (!begun) fail(alert, error);
  }
}

/** Opens the dialog about a picture. */
function about(r, p) {
  const facts = [["Run", r.run], ["Model", r.model], ["Prompt", p.prompt], ["Seed", p.seed], ["Picture", `${p.index + 1} of ${r.n}`]];
  const names = { temperature: "Temperature", guidance: "Guidance", top_k: "Top-k", top_p: "Top-p", steps: "Steps", rank: "Ranked of" };
  for (const [key, name] of Object.entries(names)) if (r[key] !== undefined) facts.push([name, r[key]]);
  if (r.prime) facts.push(["Begun with", "a picture"]);
  if (p.score !== undefined) facts.push(["CLIP score", figure(p.score)]);
  open({
    run: r.run, url: p.url, title: p.prompt, facts, file: `${r.run}-${p.seed}-${p.index}.png`,
    actions: [["More like it", () => more(p)]],
  });
}

/** Draws pictures that begin as this one does, with new seeds. */
async function more(p) {
  try {
    setPrime(await drawn(p.url));
  } catch (error) {
    fail(byId("problem"), error);
    return;
  }
  byId("prompts").value = p.prompt;
  byId("seed").value = "";
  form.requestSubmit();
}
