// Line charts in SVG, which scale with their place.

import { el, figure } from "./studio.js";

const space = "http://www.w3.org/2000/svg";
const margin = { left: 58, right: 18, top: 16, bottom: 34 };

function shape(name, attributes, text) {
  const e = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
}

/**
 * Makes a chart of a figure with a .plot and a .legend. The function that it returns shows series:
 * { name, colour, points: [[x, y]], dashed, faint }. faint ones are not in the legend.
 */
export function chart(place, title) {
  const plot = place.querySelector(".plot");
  const legend = place.querySelector(".legend");
  let all = [];
  let scale = null;
  const svg = shape("svg", { role: "img", "aria-label": title });
  const readout = el("div", { class: "readout", hidden: true, "aria-hidden": "true" });
  plot.replaceChildren(svg, readout);
  new ResizeObserver(draw).observe(plot);
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerleave", () => {
    readout.hidden = true;
    svg.querySelector(".cursor")?.remove();
  });

  function draw() {
    const width = plot.clientWidth, height = plot.clientHeight;
    const shown = all.filter((s) => s.points.length > 0);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
    scale = null;
    if (shown.length === 0 || width === 0) return;
    const xs = shown.flatMap((s) => s.points.map((p) => p[0]));
    const ys = shown.filter((s) => !s.faint || shown.length === 1).flatMap((s) => s.points.map((p) => p[1]));
    const range = (v) => v.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
    const [x0, x1] = range(xs);
    let [y0, y1] = range(ys);
    const log = y0 > 0 && y1 / y0 > 8;
    if (y0 === y1) [y0, y1] = [y0 - Math.abs(y0 || 1) * 0.1, y1 + Math.abs(y1 || 1) * 0.1];
    const t = log ? Math.log10 : (v) => v;
    const pad = (t(y1) - t(y0)) * 0.05;
    const x = (v) => margin.left + ((v - x0) / (x1 - x0 || 1)) * (width - margin.left - margin.right);
    const y = (v) => height - margin.bottom - ((t(v) - t(y0) + pad) / (t(y1) - t(y0) + 2 * pad)) * (height - margin.top - margin.bottom);
    scale = { x, y, x0, x1, width, height };
    for (const v of log ? powers(y0, y1) : ticks(y0, y1, Math.max(2, Math.floor(height / 60)))) {
      svg.append(
        shape("line", { class: "rule", x1: margin.left, x2: width - margin.right, y1: y(v), y2: y(v) }),
        shape("text", { x: margin.left - 10, y: y(v) + 4, "text-anchor": "end" }, figure(v)),
      );
    }
    for (const v of ticks(x0, x1, Math.max(2, Math.floor(width / 130)))) {
      svg.append(shape("text", { x: x(v), y: height - 12, "text-anchor": "middle" }, figure(v)));
    }
    for (const s of [...shown].sort((a, b) => Boolean(b.faint) - Boolean(a.faint))) {
      const path = s.points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(log ? Math.max(b, 1e-30) : b).toFixed(1)}`).join("") + (s.points.length === 1 ? "h0.1" : ""); // a point is a dot
      svg.append(shape("path", { class: `series s${s.colour}${s.dashed ? " dashed" : ""}${s.faint ? " faint" : ""}`, d: path }));
    }
    const say = shown.filter((s) => !s.faint).map((s) => `${s.name}: ${figure(s.points[0][1])} at step ${s.points[0][0]}, ${figure(s.points.at(-1)[1])} at step ${s.points.at(-1)[0]}`);
    svg.setAttribute("aria-label", `${title}. ${say.join("; ")}`);
    legend.replaceChildren(...shown.filter((s) => !s.faint).map((s) => {
      const sign = shape("svg", { "aria-hidden": "true", viewBox: "0 0 26 10" });
      sign.append(shape("line", { class: `series s${s.colour}${s.dashed ? " dashed" : ""}`, x1: 1, x2: 25, y1: 5, y2: 5 }));
      return el("li", {}, sign, s.name);
    }));
  }

  function point(event) {
    if (!scale) return;
    const box = plot.getBoundingClientRect();
    const at = event.clientX - box.left;
    const lines = [];
    let step = null;
    for (const s of all.filter((s) => !s.faint && s.points.length > 0)) {
      let best = s.points[0];
      for (const p of s.points) if (Math.abs(scale.x(p[0]) - at) < Math.abs(scale.x(best[0]) - at)) best = p;
      step ??= best[0];
      lines.push(`${s.name}: ${figure(best[1])}`);
    }
    svg.querySelector(".cursor")?.remove();
    const x = scale.x(step);
    svg.append(shape("line", { class: "cursor", x1: x, x2: x, y1: margin.top, y2: scale.height - margin.bottom }));
    readout.textContent = [`step ${step}`, ...lines].join("\n");
    readout.hidden = false;
  }

  return (series) => {
    all = series;
    draw();
  };
}

/** Round numbers between two. */
function ticks(a, b, n) {
  const raw = (b - a || 1) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const all = [];
  for (let v = Math.ceil(a / step) * step; v <= b + step * 1e-9; v += step) all.push(Number(v.toPrecision(12)));
  return all;
}

/** Powers of ten between two numbers, with 2 and 5 times them if they are few. */
function powers(a, b) {
  const few = Math.log10(b / a) < 2.5;
  const all = [];
  for (let e = Math.floor(Math.log10(a)); e <= Math.log10(b); e++) {
    for (const m of few ? [1, 2, 5] : [1]) {
      const v = m * 10 ** e;
      if (v >= a && v <= b) all.push(Number(v.toPrecision(6)));
    }
  }
  return all;
}

/** The series of a log: the smoothed training loss above the raw one, and the held-out loss. */
export function losses(lines, name, colour, heldOut = colour) {
  const of = (key) => lines.filter((l) => Number.isFinite(l[key])).map((l) => [l.step, l[key]]);
  const raw = of("loss");
  const prefix = name ? `${name}, ` : "";
  return [
    { name: "raw", colour, points: raw, faint: true },
    { name: `${prefix}training`, colour, points: smooth(raw) },
    { name: `${prefix}held out`, colour: heldOut, points: of("held_out.loss"), dashed: colour === heldOut },
  ];
}

/** A running mean over about a thirtieth of the points. */
function smooth(points) {
  const half = Math.floor(points.length / 60);
  let sum = 0, n = 0, lo = 0, hi = 0;
  return points.map(([x], i) => {
    for (; hi <= Math.min(points.length - 1, i + half); hi++, n++) sum += points[hi][1];
    for (; lo < i - half; lo++, n--) sum -= points[lo][1];
    return [x, sum / n];
  });
}
