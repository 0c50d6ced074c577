// Charts of the losses of runs, on the pages that compare them and on model cards.

import { api } from "./studio.js";
import { chart, losses } from "./chart.js";

for (const place of document.querySelectorAll(".chart[data-series]")) show(place);

async function show(place) {
  const wanted = JSON.parse(place.dataset.series);
  const draw = chart(place, place.dataset.title);
  const logs = await Promise.all(wanted.map(async ({ run, model }) => {
    try {
      return (await api("GET", `/api/runs/${encodeURIComponent(run)}/metrics?model=${model}`)).lines;
    } catch {
      return []; // a model without a log
    }
  }));
  const series = logs.flatMap((lines, i) =>
    wanted.length === 1 ? losses(lines, "", 0, 1) : losses(lines, wanted[i].run, i).filter((s) => !s.faint));
  if (series.every((s) => s.points.length === 0)) place.hidden = true;
  draw(series);
}
