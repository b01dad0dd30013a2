// The page: its views, and which of them is shown.

import { readFace } from "./cursor.js";
import { page } from "./data.js";
import { el } from "./dom.js";
import { showGrid } from "./grid.js";
import { showNumbers } from "./numbers.js";
import { showPair } from "./pair.js";
import { showPeople } from "./people.js";
import { showPictures } from "./pictures.js";
import { get, set, whenChanged } from "./state.js";

/**
 * Each with the section of the report that shows the same.
 * @type {Record<string, {title: string, section: string, show: (main: HTMLElement) => Promise<void>}>}
 */
const VIEWS = {
  grid: { title: "Grid", section: "heatmaps", show: showGrid },
  pair: { title: "Two maps", section: "overlay", show: showPair },
  pictures: { title: "Pictures", section: "examples", show: showPictures },
  people: { title: "People", section: "people", show: showPeople },
  numbers: { title: "Numbers", section: "scores", show: showNumbers },
};

const main = el("main", { id: "main", tabindex: -1 });
const tabs = el("nav", { "aria-label": "Views" });

/**
 * By what a control is found again after the view was drawn anew, so that the keyboard stays where it was.
 * @param {Element | null} element
 */
function nameOf(element) {
  if (!element || !main.contains(element)) return "";
  const label = element.closest("label")?.querySelector("span")?.textContent ?? element.getAttribute("aria-label");
  return `${element.tagName} ${label ?? element.textContent} ${element.closest("fieldset")?.querySelector("legend")?.textContent ?? ""}`;
}

function draw() {
  const name = get("view", "grid") in VIEWS ? get("view", "grid") : "grid";
  for (const link of tabs.querySelectorAll("a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const same = main.dataset.view === name,
    focused = same ? nameOf(document.activeElement) : "",
    scrolled = scrollY;
  // What is still being drawn of another view goes into a box that is no longer there.
  const box = el("div");
  main.replaceChildren(box);
  tabs.querySelector(".report")?.setAttribute("href", `${page.report}#${VIEWS[name].section}`);
  main.dataset.view = name;
  delete main.dataset.ready;
  document.title = `${VIEWS[name].title}: ${page.title} · xai-compare`;
  VIEWS[name].show(box).then(() => {
    if (!box.isConnected) return;
    main.dataset.ready = name;
    performance.mark(`ready-${name}`);
  });
  if (!same) return;
  scrollTo({ top: scrolled, behavior: "instant" });
  for (const control of box.querySelectorAll("select, input, button, a, [tabindex]")) {
    if (focused && nameOf(control) === focused) {
      /** @type {HTMLElement} */ (control).focus({ preventScroll: true });
      break;
    }
  }
}

async function start() {
  for (const [name, view] of Object.entries(VIEWS)) {
    tabs.append(
      el(
        "a",
        {
          href: `#view=${name}`,
          "data-view": name,
          click: (/** @type {Event} */ event) => {
            event.preventDefault();
            set({ view: name });
          },
        },
        view.title,
      ),
    );
  }
  // The address belongs to the state; a link into the page would take its place.
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  if (page.report) tabs.append(el("a", { class: "report", href: page.report }, "The report"));
  const about = [page.kind === "run" ? "A run to explore" : "Ready-made heatmaps to explore"];
  if (page.sources.some((one) => one.simulated)) about.push("some of it simulated");
  document
    .getElementById("app")
    ?.append(
      el("header", {}, el("p", { class: "kind" }, about.join(", ")), el("h1", {}, page.title), tabs),
      main,
      el(
        "footer",
        {},
        `Made by xai-compare ${page.version}. This file holds its data and loads nothing from elsewhere.`,
      ),
    );
  await readFace();
  whenChanged(draw);
  draw();
}

start().catch(() => {
  const link = page.report ? el("a", { href: page.report }, "Read the report instead.") : "";
  const text = "The maps could not be unpacked: this browser is too old for the page, or the file is damaged. ";
  document.getElementById("app")?.append(el("p", { class: "fallback", role: "alert" }, text, link));
});
