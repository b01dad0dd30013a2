// The page: its views, and which of them is shown.

import { readFace } from "./cursor.js";
import { page } from "./data.js";
import { el } from "./dom.js";
import { showGrid } from "./grid.js";
import { get, set, whenChanged } from "./state.js";

/** @type {Record<string, {title: string, show: (main: HTMLElement) => Promise<void>}>} */
const VIEWS = {
  grid: { title: "Grid", show: showGrid },
};

const main = el("main", { id: "main", tabindex: -1 });
const tabs = el("nav", { "aria-label": "Views" });

function draw() {
  const name = get("view", "grid") in VIEWS ? get("view", "grid") : "grid";
  for (const link of tabs.querySelectorAll("a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren();
  main.dataset.view = name;
  document.title = `${VIEWS[name].title}: ${page.title} · xai-compare`;
  VIEWS[name].show(main).then(() => (main.dataset.ready = name));
}

async function start() {
  for (const [name, view] of Object.entries(VIEWS)) {
    tabs.append(el("a", { href: `#view=${name}`, "data-view": name, click: (/** @type {Event} */ event) => {
      event.preventDefault();
      set({ view: name });
    } }, view.title));
  }
  const about = [page.kind === "run" ? "A run to explore" : "Ready-made heatmaps to explore"];
  if (page.sources.some((one) => one.simulated)) about.push("some of it simulated");
  document.getElementById("app")?.append(
    el("header", {},
      el("p", { class: "kind" }, about.join(", ")),
      el("h1", {}, page.title),
      page.report ? el("p", { class: "report" }, el("a", { href: page.report }, "The report")) : null,
      tabs,
    ),
    main,
    el("footer", {}, `Made by xai-compare ${page.version}. This file holds its data and loads nothing from elsewhere.`),
  );
  await readFace();
  whenChanged(draw);
  draw();
}

start();
