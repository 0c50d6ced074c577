// The page that finds objects in a photo.

import { byId, clear, el, fail, picture, run } from "./studio.js";

const form = byId("form");
const lowest = 0.05; // score that is asked for; the slider hides what is below its own
let photo = null; // { data, url }
let found = null; // what the detector has found in it
let asked = 0;

if (form) {
  byId("photo").addEventListener("change", (event) => take(event.target.files[0]));
  byId("detector").addEventListener("change", detect);
  byId("score").addEventListener("input", show);
  byId("copy").addEventListener("click", copy);
  const drop = byId("drop");
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault(); // otherwise the browser opens the file
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
}

/** Takes a photo in its own size: boxes are in its pixels. */
async function take(file) {
  if (!file) return;
  clear(byId("problem"));
  try {
    photo = await picture(file, Infinity);
  } catch (error) {
    fail(byId("problem"), error);
    return;
  }
  detect();
}

async function detect() {
  if (!photo) return;
  const own = ++asked;
  const alert = byId("problem");
  clear(alert);
  byId("state").textContent = "Looking for objects";
  try {
    const job = await run({ kind: "detect", run: byId("detector").value, pictures: [photo.data], min_score: lowest });
    if (own !== asked) return; // another photo or detector was chosen meanwhile
    found = job.values;
    byId("image").src = photo.url;
    byId("hint").hidden = true;
    byId("result").hidden = false;
    show();
  } catch (error) {
    if (own !== asked) return;
    found = null;
    byId("state").textContent = "";
    byId("hint").hidden = false;
    byId("result").hidden = true;
    fail(alert, error);
  }
}

/** Shows the objects whose score is at least that of the slider. */
function show() {
  const least = Number(byId("score").value);
  byId("score-shown").value = least;
  if (!found) return;
  const [image] = found.images;
  const objects = found.detections.filter((o) => o.score >= least);
  const text = (o) => `${o.category} ${o.score.toFixed(2)}`;
  byId("boxes").replaceChildren(...objects.toReversed().map((o) => { // the best one above the others
    const [x, y, width, height] = o.bbox;
    const colour = found.categories.findIndex((c) => c.id === o.category_id) % 6;
    const box = el("div", { class: `box f${colour}` }, el("span", {}, text(o)));
    Object.assign(box.style, {
      left: `${(100 * x) / image.width}%`, top: `${(100 * y) / image.height}%`,
      width: `${(100 * width) / image.width}%`, height: `${(100 * height) / image.height}%`,
    });
    return box;
  }));
  byId("objects").replaceChildren(...objects.map((o) =>
    el("tr", {}, el("th", { scope: "row" }, o.category), el("td", { class: "number" }, o.score.toFixed(3)), el("td", { class: "number" }, o.bbox.map(Math.round).join(", ")))));
  byId("state").textContent = objects.length === 1 ? "1 object" : `${objects.length} objects`;
  byId("copied").textContent = "";
  const lines = (list) => (list.length === 0 ? "[]" : `[\n${list.map((v) => `  ${JSON.stringify(v)}`).join(",\n")}\n ]`);
  byId("json").textContent = `{\n "images": ${lines(found.images)},\n "categories": ${lines(found.categories)},\n "detections": ${lines(objects)}\n}`;
}

async function copy() {
  const json = byId("json");
  try {
    await navigator.clipboard.writeText(json.textContent);
    byId("copied").textContent = "Copied";
  } catch { // there is no clipboard over plain HTTP from another machine
    getSelection().selectAllChildren(json);
    byId("copied").textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with the keyboard";
  }
}
