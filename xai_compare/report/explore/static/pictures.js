// Every single map: filtered, sorted by any score, painted when it comes into sight.

import { paintMap, RAMPS } from "./colours.js";
import { faceBox, follow, place } from "./cursor.js";
import { labelOf, mapOf, page } from "./data.js";
import { announce, choice, el, mapValue, number, tick } from "./dom.js";
import { get, set } from "./state.js";

const AT_ONCE = 48;
const rows = page.pictures.columns;
const byName = new Map(page.sources.map((source) => [source.name, source]));

/** @param {(string | undefined)[]} values */
const distinct = (values) => [...new Set(values)].filter((value) => value !== undefined && value !== "").map(String);

/**
 * Whether a network answered a picture rightly; null where that cannot be said.
 * @param {number} row
 */
function isRight(row) {
  return rows.label[row] && rows.predicted[row] ? rows.label[row] === rows.predicted[row] : null;
}

/** The rows that pass all filters, sorted, and how many pass but for a score that they lack. */
function chosenRows() {
  const score = page.pictures.scores[Number(get("score", "-1"))];
  const [from, network, explainer, label, answer, right] = [
    "least",
    "network",
    "explainer",
    "label",
    "answer",
    "right",
  ].map((name) => get(name));
  const least = from === "" ? NaN : Number(from);
  const kept = [];
  let unscored = 0;
  for (let row = 0; row < (rows.tile?.length ?? 0); row++) {
    const source = byName.get(rows.source[row]);
    if (network && (source?.kind === "model" ? source.network : rows.source[row]) !== network) continue;
    if (explainer && source?.explainer !== explainer) continue;
    if (label && rows.label[row] !== label) continue;
    if (answer && rows.predicted[row] !== answer) continue;
    if (right && isRight(row) !== (right === "right")) continue;
    const value = score?.values[row] ?? null;
    if (score && value === null) {
      unscored++;
      continue;
    }
    if (score && !Number.isNaN(least) && /** @type {number} */ (value) < least) continue;
    kept.push(row);
  }
  const up = get("order", "down") === "up" ? 1 : -1;
  if (score) kept.sort((a, b) => up * (Number(score.values[a]) - Number(score.values[b])));
  else if (get("score") === "p") kept.sort((a, b) => up * ((rows.probability[a] ?? 0) - (rows.probability[b] ?? 0)));
  return { kept, unscored };
}

/** @param {HTMLElement} main */
export async function showPictures(main) {
  const { total, imagesTotal, images, undefined: left, note, faces, scores } = page.pictures;
  main.append(el("h2", {}, "Single pictures"));
  if (!rows.tile?.length) {
    main.append(el("p", { class: "notice" }, note || "This file holds no maps of single pictures."));
    return;
  }
  if (rows.tile.length + left < total) {
    const text = `A sample, for this file is to stay below 25 MB: ${images.length} of ${imagesTotal} pictures, ${rows.tile.length} of ${total} maps, as many of each expression as of any other.`;
    main.append(el("p", { class: "notice", id: "sample" }, text));
  }
  const hidden = faces.filter((face) => !face).length;
  if (hidden)
    main.append(
      el(
        "p",
        { class: "small" },
        `${hidden === 1 ? "1 picture is" : `${hidden} pictures are`} not shown below the maps: photographs are in the file only with show_pictures in the study, or --with-pictures.`,
      ),
    );
  if (left) main.append(el("p", { class: "small" }, `${left} undefined maps are left out.`));
  const networks = distinct(
    rows.source.map((name) => (byName.get(name)?.kind === "model" ? byName.get(name)?.network : name)),
  );
  const named = (/** @type {string[]} */ values, /** @type {string} */ all) =>
    /** @type {[string, string][]} */ ([["", all], ...values.map((value) => [value, labelOf(value)])]);
  const filter = (/** @type {string} */ name, /** @type {string} */ title, /** @type {string[]} */ values) =>
    values.length ? choice(title, named(values, "any"), get(name), (value) => set({ [name]: value })) : null;
  const sorts = /** @type {[string, string][]} */ ([
    ["", "as in the run"],
    ["p", "the network's probability"],
    ...scores.map((one, i) => [String(i), `${one.metric} with ${labelOf(one.b)}`]),
  ]);
  const least = el("input", {
    type: "number",
    step: "any",
    value: get("least"),
    change: () => set({ least: least.value }),
  });
  const { kept, unscored } = chosenRows();
  const without = unscored ? `; ${unscored} more pass the filters but have no such score` : "";
  main.append(
    el(
      "div",
      { class: "tools" },
      filter("network", "Whose map", networks),
      filter("explainer", "Explainer", distinct(rows.source.map((name) => byName.get(name)?.explainer))),
      filter("label", "Label", distinct(rows.label)),
      filter("answer", "Answer", distinct(rows.predicted)),
      choice(
        "Right or wrong",
        [
          ["", "either"],
          ["right", "right"],
          ["wrong", "wrong"],
        ],
        get("right"),
        (value) => set({ right: value }),
      ),
      choice("Sorted by", sorts, get("score"), (value) => set({ score: value })),
      choice(
        "Order",
        [
          ["down", "highest first"],
          ["up", "lowest first"],
        ],
        get("order", "down"),
        (value) => set({ order: value }),
      ),
      get("score") !== "" && get("score") !== "p"
        ? el("label", { class: "choice" }, el("span", {}, "At least"), least)
        : null,
      choice("Colours", RAMPS, get("ramp", "heat"), (value) => set({ ramp: value })),
      tick("the face below", get("under", "1") === "1", (on) => set({ under: on ? "1" : "0" })),
      el(
        "button",
        {
          type: "button",
          click: () => set({ network: "", explainer: "", label: "", answer: "", right: "", score: "", least: "" }),
        },
        "Clear",
      ),
    ),
    el("p", { id: "count", class: "finding" }, `${kept.length} of ${rows.tile.length} maps${without}`),
  );
  announce(`${kept.length} of ${rows.tile.length} maps${without}`);
  const list = el("ul", { class: "cards" });
  const more = el("button", { type: "button" });
  let shown = 0;
  const grow = () => {
    const next = kept.slice(shown, shown + AT_ONCE);
    list.append(...next.map((row) => card(row, scores[Number(get("score", "-1"))])));
    shown += next.length;
    more.textContent = `Show ${Math.min(AT_ONCE, kept.length - shown)} more`;
    more.hidden = shown >= kept.length;
  };
  more.addEventListener("click", grow);
  grow();
  main.append(list, more);
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      entry.target.dispatchEvent(new Event("seen"));
    }
  },
  { rootMargin: "300px" },
);

/**
 * @param {number} row
 * @param {import("./data.js").ImageScores | undefined} score
 */
function card(row, score) {
  const { images, faces } = page.pictures,
    image = rows.image[row];
  const face = get("under", "1") === "1" ? faces[image] : "";
  const right = isRight(row);
  const name = `${labelOf(rows.source[row])}, ${images[image]}`;
  const { box, canvas } = faceBox({ label: name, picture: face, lines: false });
  const value = el("span", { class: "value" });
  box.addEventListener("seen", async () => {
    const map = await mapOf(rows.tile[row]);
    paintMap(canvas, map, get("ramp", "heat"), { over: face !== "" });
    const tell = () => (value.textContent = mapValue(map.atPlace(place.x, place.y), map.greatest - map.least));
    follow(box, tell);
    if (place.there) tell();
  });
  seen.observe(box);
  // The map of people on the same picture is what one looks at next.
  const people = rows.source.findIndex(
    (other, at) => byName.get(other)?.kind === "human" && rows.image[at] === image && at !== row,
  );
  const open = { view: "pair", a: `p:${row}`, b: people >= 0 ? `p:${people}` : `p:${row}`, mode: "side" };
  const p = rows.probability[row];
  const said = rows.predicted[row] ? `answered ${rows.predicted[row]}${p === null ? "" : ` (${number(p, 2)})`}` : "";
  const label = rows.label[row] ? `labelled ${rows.label[row]}` : "";
  return el(
    "li",
    {},
    box,
    el(
      "a",
      {
        href: `#${new URLSearchParams(open)}`,
        click: (/** @type {Event} */ event) => {
          event.preventDefault();
          set(open);
        },
      },
      images[image],
    ),
    el("div", {}, labelOf(rows.source[row]), rows.fold[row] ? `, training ${rows.fold[row]}` : ""),
    el(
      "div",
      {},
      [label, said].filter(Boolean).join(", "),
      right === false ? el("b", { class: "wrong" }, " ✗ wrong") : null,
    ),
    score ? el("div", {}, `${score.metric} `, el("b", { class: "scored" }, number(score.values[row], 3))) : null,
    el("div", { class: "foot" }, value),
  );
}
