// The page that starts trainings.

import { api, byId, clear, el, fail, numberIn, Problem } from "./studio.js";

const form = byId("form");
byId("model").addEventListener("change", fit);
byId("run").addEventListener("change", fitRun);
fit();

/** Shows the fields that the chosen model needs. */
function fit() {
  const option = byId("model").selectedOptions[0];
  if (!option) {
    form.querySelector("button").disabled = true;
    return;
  }
  const { needs, sizes } = option.dataset;
  const demo = byId("model").value === "demo";
  byId("new-run").hidden = needs !== "";
  byId("old-run").hidden = needs === "";
  byId("data-field").hidden = byId("steps-field").hidden = demo;
  byId("data").querySelector("[data-own]").hidden = byId("data").querySelector("[data-own]").disabled = needs === "";
  fitData(option.dataset.boxes === "yes");
  if (needs === "" && byId("data").value === "") byId("data").value = [...byId("data").options].find((o) => !o.disabled).value;
  if (needs !== "") byId("data").value = "";
  const before = form.elements.size?.value;
  const all = sizes.split(" ");
  const start = all.includes(before) ? before : all[0];
  byId("sizes").querySelector(".choices").replaceChildren(...all.map((size) =>
    el("label", { class: "check" }, el("input", { type: "radio", name: "size", value: size, checked: size === start }), size)));
  let usable = 0;
  for (const run of byId("run").options) {
    run.disabled = run.hidden = !run.dataset.has.split(" ").includes(needs);
    if (!run.disabled && usable++ === 0) run.selected = true;
  }
  byId("run-help").textContent = usable > 0 || needs === "" ? "" : `It needs a run with a trained ${needs}: train that first.`;
  form.querySelector("button.primary").disabled = needs !== "" && usable === 0;
  fitRun();
}

/** Offers pictures with boxes to detectors, others to the rest. What folders have shows when they are read. */
function fitData(boxes) {
  const data = byId("data");
  for (const option of data.options) {
    if (option.dataset.boxes) option.hidden = option.disabled = (option.dataset.boxes === "yes") !== boxes;
  }
  if (data.selectedOptions[0]?.disabled) data.value = "";
  byId("boxes-help").hidden = !boxes;
}

function fitRun() {
  if (byId("old-run").hidden) byId("run").removeAttribute("name"), (byId("run-name").name = "run");
  else byId("run-name").removeAttribute("name"), (byId("run").name = "run");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const alert = byId("problem");
  clear(alert);
  const model = byId("model").value;
  const r = {
    model, size: form.elements.size.value, seed: numberIn("seed") ?? 1, run: byId("old-run").hidden ? byId("run-name").value : byId("run").value,
    data: model === "demo" ? "" : byId("data").value, steps: numberIn("steps") ?? 0,
  };
  const button = form.querySelector("button.primary");
  button.disabled = true;
  try {
    const training = await api("POST", "/api/trainings", r);
    location.assign(`/train/${training.id}`);
  } catch (error) {
    button.disabled = false;
    fail(alert, error);
  }
});

// Upload of an archive.

byId("archive").addEventListener("change", () => {
  const file = byId("archive").files[0];
  if (file && byId("archive-name").value === "") {
    byId("archive-name").value = file.name.toLowerCase().replace(/\.zip$/, "").replace(/[^a-z0-9_-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 64);
  }
});

byId("upload-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const alert = byId("upload-problem"), state = byId("upload-state"), progress = byId("upload-progress");
  const button = byId("upload-form").querySelector("button");
  clear(alert);
  state.textContent = "Uploading";
  progress.hidden = false;
  button.disabled = true;
  try {
    const answer = await send(byId("archive").files[0], byId("archive-name").value, (share) => {
      progress.value = share;
      if (share === 1) state.textContent = "Unpacking";
    });
    const left = answer.left_out ? `, ${answer.left_out} left out that are no pictures` : "";
    state.textContent = `${answer.data}: ${answer.files} files${left}. It is chosen in the form.`;
    byId("data").append(el("option", { selected: true }, answer.data));
    byId("data").value = answer.data;
    byId("upload-form").reset();
  } catch (error) {
    state.textContent = "";
    fail(alert, error);
  }
  progress.hidden = true;
  button.disabled = false;
});

/** Uploads a file; fetch can't tell how far it is. */
function send(file, name, progressed) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/uploads?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("Content-Type", "application/zip");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progressed(event.loaded / event.total));
    request.addEventListener("load", () => (request.status === 201 ? resolve(request.response) : reject(new Problem(request.response || {}))));
    request.addEventListener("error", () => reject(new Problem({})));
    request.send(file);
  });
}
