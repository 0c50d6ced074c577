// The first page: it starts the demo, and compares runs.

import { api, byId, fail } from "./studio.js";

for (const button of document.querySelectorAll("[data-demo]")) {
  button.addEventListener("click", async () => {
    const buttons = document.querySelectorAll("[data-demo]");
    for (const b of buttons) b.disabled = true;
    try {
      const training = await api("POST", "/api/trainings", { model: "demo", run: "demo", size: button.dataset.demo, seed: 1 });
      location.assign(`/train/${training.id}`);
    } catch (error) {
      for (const b of buttons) b.disabled = false;
      fail(byId("problem"), error);
    }
  });
}

const form = byId("compare");
const go = byId("go-compare");
if (form && go) {
  const count = () => {
    const n = form.querySelectorAll("input:checked").length;
    go.disabled = n < 2;
    go.textContent = n < 2 ? "Choose two runs to compare" : `Compare ${n} runs`;
  };
  form.addEventListener("change", count);
  count();
}
