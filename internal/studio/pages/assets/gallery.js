// Pictures of jobs as tiles, and the dialog about one of them.

import { byId, drawn, el, figure, run } from "./studio.js";

/** Makes the place of a request's pictures, before those of earlier ones. */
export function batch(title) {
  byId("hint").hidden = true;
  const progress = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const state = el("span", { class: "soft small", role: "status" }, "Sent");
  const stop = el("button", { type: "button", class: "plain" }, "Cancel");
  const head = el("div", { class: "state" }, progress, el("div", { class: "head" }, state, stop));
  const tiles = el("ul", { class: "tiles" });
  const section = el("div", { class: "batch" }, el("h3", {}, title), head, tiles);
  byId("results").prepend(section);
  if (section.getBoundingClientRect().top > innerHeight * 0.8) byId("results").scrollIntoView(); // on a phone they are below the form
  return {
    tiles,
    /** Calls f when the request is to be cancelled. */
    cancelled: (f) => stop.addEventListener("click", f),
    /** Shows tiles for pictures that are yet to come. */
    wait(n) {
      tiles.replaceChildren(...Array.from({ length: n }, () => el("li", {}, el("div", { class: "waiting" }))));
    },
    /** Shows how far a job is, and what there is of its pictures. */
    show(job) {
      progress.value = job.total ? job.done / job.total : 0;
      if (job.state === "queued") state.textContent = job.place > 1 ? `Waiting: place ${job.place} in the queue` : "Waiting";
      else state.textContent = job.total ? `Drawing: ${Math.round((100 * job.done) / job.total)} %` : "Drawing";
      job.partial?.forEach((url, i) => {
        const li = tiles.children[i] || tiles.appendChild(el("li"));
        const img = li.querySelector("img");
        if (img) img.src = url;
        else li.replaceChildren(el("div", { class: "tile" }, el("img", { src: url, alt: `Picture ${i + 1}, not finished` })));
      });
    },
    /** Shows what a job has drawn. */
    done(pictures, tile) {
      head.remove();
      tiles.replaceChildren(...pictures.map((p, i) => el("li", {}, tile(p, i))));
    },
    /** Shows why a job has drawn nothing. */
    failed(error) {
      head.remove();
      tiles.replaceWith(el("p", { class: "wrong" }, error.message));
    },
  };
}

/** Makes the tile of a picture. */
export function tile(url, alt, text, opened) {
  return el("button", { type: "button", class: "tile", onclick: opened }, el("img", { src: url, alt }), el("span", { class: "text", "aria-hidden": "true" }, text));
}

let shown = 0;

/** Opens the dialog about a picture: { run, url, title, facts: [[name, value]], file, actions: [[text, f]] }. */
export function open(p) {
  const dialog = byId("picture");
  const own = ++shown;
  byId("picture-title").textContent = p.title;
  byId("picture-image").src = p.url;
  byId("picture-image").alt = p.title;
  byId("picture-facts").replaceChildren(...p.facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
  const act = (f) => () => {
    dialog.close();
    f();
  };
  byId("picture-actions").replaceChildren(
    ...p.actions.map(([text, f]) => el("button", { type: "button", class: "narrow", onclick: act(f) }, text)),
    el("a", { class: "button narrow", href: p.url, download: p.file }, "Download"),
  );
  near(p, () => own === shown);
  if (!dialog.open) dialog.showModal();
}

/** Shows the training pictures that are nearest to a picture. */
async function near(p, current) {
  const state = byId("picture-near-state");
  const list = byId("picture-near");
  list.replaceChildren();
  state.textContent = "Looking for them";
  try {
    const job = await run({ kind: "nearest", run: p.run, pictures: [(await drawn(p.url)).data] });
    if (!current()) return;
    state.textContent = "By the difference of their pixels, from 0 to 255.";
    list.replaceChildren(...job.pictures.map((n, i) =>
      el("li", {}, el("img", { class: "pixels", src: n.url, alt: `Training picture ${i + 1}` }), `${figure(job.values.rmse[i])} apart`)));
  } catch (error) {
    if (current()) state.textContent = error.message;
  }
}

byId("picture-close")?.addEventListener("click", () => byId("picture").close());
byId("picture")?.addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.currentTarget.close(); // beside the dialog
});
