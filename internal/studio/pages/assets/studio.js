// What the scripts of all pages share: requests to the API, jobs, problems, pictures from files.

/** An error that the server has explained (RFC 9457). */
export class Problem extends Error {
  constructor(details) {
    super(details.detail || details.title || "The server can't be reached.");
    this.field = details.field;
  }
}

/** Sends a request and returns the answer's JSON. */
export async function api(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem({});
  }
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(value);
  return value;
}

export const byId = (id) => document.getElementById(id);

/** Makes an element: its attributes, then its children. Attributes that are null are left out. */
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  set(e, attributes);
  e.append(...children);
  return e;
}

function set(e, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else e.setAttribute(key, value === true ? "" : value);
  }
}

/** Shows what is wrong in the alert of a form, and marks the field that is. */
export function fail(alert, error) {
  alert.textContent = error.message;
  const form = alert.closest("form");
  const name = error.field?.replace(/\[.*/, "");
  const field = form && name && (form.elements[name] || form.elements[name + "s"]);
  if (!field || !field.setAttribute) return;
  field.setAttribute("aria-invalid", "true");
  const closed = field.closest("details");
  if (closed) closed.open = true;
  field.focus();
}

/** Removes what fail has shown. */
export function clear(alert) {
  alert.textContent = "";
  for (const field of alert.closest("form")?.elements || []) field.removeAttribute("aria-invalid");
}

/** Starts a job. changed is called with each state of it; the promise ends with the last. started gets its id. */
export async function run(request, changed = () => {}, started = () => {}) {
  const job = await api("POST", "/api/jobs", request);
  started(job.id);
  return new Promise((resolve, reject) => {
    const events = new EventSource(`/api/jobs/${job.id}/events`);
    events.addEventListener("state", (event) => {
      const state = JSON.parse(event.data);
      if (state.state === "done") {
        events.close();
        resolve(state);
      } else if (state.state === "failed" || state.state === "cancelled") {
        events.close();
        reject(new Problem(state.error || {}));
      } else changed(state);
    });
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) reject(new Problem({}));
    });
  });
}

/** Reads a blob as base64. */
export function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",")[1]));
    reader.addEventListener("error", () => reject(new Error("The file can't be read.")));
    reader.readAsDataURL(blob);
  });
}

// A photo is made smaller before it is sent: models read small pictures.
const largest = 768;

/** Reads a picture from a file: base64 for the API, and an address to show it. Its longer side has at most that many pixels. */
export async function picture(file, most = largest) {
  let blob = file;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = most / Math.max(bitmap.width, bitmap.height);
    if (scale < 1 || !/^image\/(png|jpeg)$/.test(file.type)) {
      const canvas = el("canvas");
      canvas.width = Math.round(bitmap.width * Math.min(1, scale));
      canvas.height = Math.round(bitmap.height * Math.min(1, scale));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    }
  } catch {
    // A kind that the browser doesn't know: the server may.
  }
  return { data: await base64(blob), url: URL.createObjectURL(blob) };
}

/** Fetches a picture that the server has drawn, as picture does. */
export async function drawn(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Problem({ detail: "The server no longer has this picture; draw it again." });
  const blob = await answer.blob();
  return { data: await base64(blob), url: URL.createObjectURL(blob) };
}

/** The number in a field, or undefined if it is empty. */
export const numberIn = (id) => {
  const field = byId(id);
  return !field || field.value === "" || field.closest("[hidden]") ? undefined : Number(field.value);
};

/** Formats a number for people. */
export function figure(v) {
  if (v === null || v === undefined || Number.isNaN(v)) return "–";
  if (v !== 0 && (Math.abs(v) >= 1e6 || Math.abs(v) < 1e-4)) return v.toExponential(2);
  return String(Number(v.toPrecision(4)));
}

/** Formats seconds. */
export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
