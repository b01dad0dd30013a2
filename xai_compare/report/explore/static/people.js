// Where people looked or clicked: heat, points, and their path in the order of time.

import { paint, paintMap, RAMPS } from "./colours.js";
import { arrow, faceBox, follow, place, placeInputs, placeInWords } from "./cursor.js";
import { labelOf, LevelMap, mapOf, meanMap, page } from "./data.js";
import { announce, choice, el, mapValue, oncePerFrame, svg, tick } from "./dom.js";
import { get, set } from "./state.js";

/**
 * @typedef {{participant: number, image: number, x: number, y: number, weight: number, turn: number}} Point one of a
 *   person's points on a picture; `turn` counts from 1
 */

const [HEIGHT, WIDTH] = page.shape;
/** Okabe and Ito's colours, darkened where they would be lost on a light face. */
const COLOURS = ["#0072B2", "#B45309", "#007A5A", "#A8457F", "#1B2430", "#D0450B", "#6B5D00", "#3D6FA8"];
const MOST_PATHS = 12;

/**
 * The points of a group, each with its turn.
 * @param {import("./data.js").People} group
 * @returns {Point[]}
 */
function pointsOf(group) {
  /** @type {Map<string, number>} */
  const turns = new Map();
  return (group.x ?? []).map((x, i) => {
    const [participant, image] = [group.participant?.[i] ?? 0, group.image?.[i] ?? 0];
    const key = `${participant} ${image}`,
      turn = (turns.get(key) ?? 0) + 1;
    turns.set(key, turn);
    return { participant, image, x, y: group.y?.[i] ?? 0, weight: group.weight?.[i] ?? 1, turn };
  });
}

/** @param {HTMLElement} main */
export async function showPeople(main) {
  main.append(el("h2", {}, "People"));
  if (!page.people.length) {
    main.append(
      el(
        "p",
        { class: "notice" },
        page.kind === "run"
          ? "This run has no people: the study's key human adds them."
          : "Ready-made heatmaps come without people's points.",
      ),
    );
    return;
  }
  const group = page.people.find((one) => one.source === get("group")) ?? page.people[0];
  const groups = page.people.map((one) => /** @type {[string, string]} */ ([one.source, labelOf(one.source)]));
  if (group.note || !group.participants || !group.images) {
    main.append(
      choice("People", groups, group.source, (value) => set({ group: value })),
      el("p", { class: "notice" }, group.note ?? "No points."),
    );
    return;
  }
  const points = pointsOf(group),
    names = group.images;
  const image = names.indexOf(get("picture", names[0] ?? ""));
  const who = new Set(get("who") ? get("who").split(",").map(Number) : []);
  const shown = points.filter((one) => (image < 0 || one.image === image) && (!who.size || who.has(one.participant)));
  const last = Math.max(1, ...shown.map((one) => one.turn));
  const layers = { heat: get("heat", "1") === "1", points: get("points", "1") === "1", path: get("path", "0") === "1" };
  const face = faceOf(image < 0 ? "" : names[image]);
  const { box, canvas } = faceBox({ label: "Where people attended", picture: face });
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "points", "aria-hidden": "true" });
  box.append(drawn);
  const slider = el("input", {
    type: "range",
    id: "turn",
    min: 1,
    max: last,
    step: 1,
    value: Math.min(Number(get("turn", String(last))), last),
  });
  const written = el("output", { for: "turn" }),
    readout = el("p", { class: "readout", id: "readout" });
  const source = el("p", { class: "small", id: "heat-source" });
  /** @type {LevelMap | null} */
  let heat = null;
  const tell = () => {
    const value =
      heat && layers.heat ? ` · heat ${mapValue(heat.atPlace(place.x, place.y), heat.greatest - heat.least)}` : "";
    readout.textContent = place.there ? placeInWords() + value : "Point at the face, or use the arrow keys on it.";
  };
  const draw = oncePerFrame(async () => {
    const turn = Number(slider.value),
      some = shown.filter((one) => one.turn <= turn);
    written.textContent =
      turn >= last ? `all points (${some.length})` : `up to point ${turn} of each person (${some.length})`;
    heat = await heatOf(group, image, some, !who.size && turn >= last, source);
    if (layers.heat && heat) paintMap(canvas, heat, get("ramp", "heat"), { over: face !== "" });
    else
      paint(
        canvas,
        2,
        2,
        () => 0,
        "grey",
        () => 0,
      );
    drawPoints(drawn, some, layers, group);
    tell();
  });
  slider.addEventListener("input", () => {
    set({ turn: slider.value }, { quiet: true });
    draw();
    announce(written.textContent ?? "");
  });
  const holder = el(
    "div",
    { class: "person", tabindex: 0, role: "group", "aria-label": "The face; arrow keys move the cursor" },
    box,
  );
  holder.addEventListener("keydown", (event) => {
    if (arrow(event)) announce(placeInWords());
  });
  follow(box, tell);
  main.append(
    el(
      "div",
      { class: "tools" },
      choice("People", groups, group.source, (value) => set({ group: value, picture: "", who: "", turn: "" })),
      choice(
        "Picture",
        [["all", "all pictures together"], ...names.map((name) => /** @type {[string, string]} */ ([name, name]))],
        image < 0 ? "all" : names[image],
        (value) => set({ picture: value, turn: "" }),
      ),
      tick("heat", layers.heat, (on) => set({ heat: on ? "1" : "0" })),
      tick("points", layers.points, (on) => set({ points: on ? "1" : "0" })),
      placeInputs(),
      tick("path in order of time", layers.path, (on) => set({ path: on ? "1" : "0" })),
      choice("Colours", RAMPS, get("ramp", "heat"), (value) => set({ ramp: value })),
    ),
    el(
      "div",
      { class: "beside narrow" },
      el("div", {}, readout, holder),
      el(
        "div",
        {},
        el("h3", {}, "Order of time"),
        el("label", { for: "turn", class: "unseen" }, "Points up to this one of each person"),
        slider,
        el("p", {}, written),
        el("h3", {}, "Participants"),
        participants(group, who),
        source,
        el("p", { class: "small" }, whatIsThere(group, points)),
      ),
    ),
  );
  draw();
}

/**
 * A face to draw on: the picture's where it may be shown, else the mean face.
 * @param {string} image
 */
function faceOf(image) {
  const known = page.pictures.images.indexOf(image);
  return (known >= 0 ? page.pictures.faces[known] : "") || page.meanFace;
}

/**
 * Tick boxes of all participants; none ticked stands for everybody.
 * @param {import("./data.js").People} group
 * @param {Set<number>} who
 */
function participants(group, who) {
  const put = (/** @type {Set<number>} */ now) => set({ who: [...now].sort((a, b) => a - b).join(","), turn: "" });
  const boxes = (group.participants ?? []).map((name, i) =>
    tick(name, who.has(i), (on) => {
      const now = new Set(who);
      if (on) now.add(i);
      else now.delete(i);
      put(now);
    }),
  );
  return el(
    "div",
    {},
    el(
      "div",
      { class: "tools" },
      el(
        "button",
        { type: "button", "aria-pressed": String(!who.size), click: () => put(new Set()) },
        `Everybody (${boxes.length})`,
      ),
    ),
    el("div", { class: "persons", role: "group", "aria-label": "Participants" }, ...boxes),
  );
}

/**
 * The heat: the map that the run stored where everybody and everything is shown, else Gaussians of the points shown.
 * @param {import("./data.js").People} group
 * @param {number} image
 * @param {Point[]} some
 * @param {boolean} everything
 * @param {HTMLElement} source gains a sentence that says which
 */
async function heatOf(group, image, some, everything, source) {
  const { columns, images } = page.pictures;
  if (everything) {
    const row =
      image < 0
        ? -1
        : (columns.tile ?? []).findIndex(
            (_, i) => columns.source[i] === group.source && images[columns.image[i]] === group.images?.[image],
          );
    const tile = image < 0 ? meanMap(group.source, "all")?.tile : row >= 0 ? columns.tile[row] : undefined;
    if (tile !== undefined) {
      source.textContent = "The heat is the map that the run stored.";
      return mapOf(tile);
    }
  }
  source.textContent =
    "The heat is made here of the points shown, as Gaussians on the standard face; the run makes its maps on the pictures themselves.";
  return gaussians(group, some);
}

/**
 * @param {import("./data.js").People} group
 * @param {Point[]} some
 */
function gaussians(group, some) {
  const width = Math.ceil(WIDTH / 2),
    height = Math.ceil(HEIGHT / 2),
    sums = new Float64Array(width * height);
  for (const one of some) {
    const sigma = (group.sigma?.[one.image] ?? 10) / 2,
      reach = Math.ceil(4 * sigma),
      [cx, cy] = [one.x / 2, one.y / 2];
    const across = new Float64Array(width);
    for (let x = Math.max(0, Math.floor(cx - reach)); x < Math.min(width, cx + reach + 1); x++)
      across[x] = Math.exp((-0.5 * (x - cx) ** 2) / sigma ** 2);
    for (let y = Math.max(0, Math.floor(cy - reach)); y < Math.min(height, cy + reach + 1); y++) {
      const down = one.weight * Math.exp((-0.5 * (y - cy) ** 2) / sigma ** 2);
      for (let x = Math.max(0, Math.floor(cx - reach)); x < Math.min(width, cx + reach + 1); x++)
        sums[y * width + x] += down * across[x];
    }
  }
  const most = sums.reduce((a, b) => Math.max(a, b), 0) || 1;
  return new LevelMap(
    width,
    height,
    Uint8Array.from(sums, (value) => Math.round((255 * value) / most)),
    null,
    0,
    most,
    null,
  );
}

/**
 * @param {SVGElement} into
 * @param {Point[]} some
 * @param {{points: boolean, path: boolean}} layers
 * @param {import("./data.js").People} group
 */
function drawPoints(into, some, layers, group) {
  const persons = [...new Set(some.map((one) => one.participant))];
  const single = new Set(some.map((one) => one.image)).size <= 1;
  const heaviest = Math.max(...some.map((one) => one.weight), 1e-9),
    weighed = some.some((one) => one.weight !== heaviest);
  const made = [],
    turns = [];
  const paths = layers.path && single && persons.length <= MOST_PATHS;
  if (layers.path && !paths) {
    into.replaceChildren(
      svg(
        "text",
        { x: 8, y: HEIGHT - 8, class: "say" },
        single ? `paths of at most ${MOST_PATHS} people` : "paths of one picture",
      ),
    );
    if (!layers.points) return;
    made.push(...into.childNodes);
  }
  for (const person of persons) {
    const own = some.filter((one) => one.participant === person),
      colour = persons.length > COLOURS.length ? COLOURS[0] : COLOURS[persons.indexOf(person)];
    if (paths)
      made.push(
        svg("polyline", { points: own.map((one) => `${one.x + 0.5},${one.y + 0.5}`).join(" "), stroke: colour }),
      );
    for (const one of own) {
      const radius = weighed ? 2 + 5 * Math.sqrt(one.weight / heaviest) : 2.6;
      if (layers.points || paths)
        made.push(
          svg(
            "circle",
            { cx: one.x + 0.5, cy: one.y + 0.5, r: radius, fill: colour },
            svg("title", {}, `${group.participants?.[person]}, point ${one.turn}`),
          ),
        );
      // Turns are written last, so that no circle hides one.
      if (paths) turns.push(svg("text", { x: one.x + 5, y: one.y - 3 }, String(one.turn)));
    }
  }
  into.replaceChildren(...made, ...turns);
}

/**
 * What the run's data say of these people, and what they do not.
 * @param {import("./data.js").People} group
 * @param {Point[]} points
 */
function whatIsThere(group, points) {
  const some = points.length < (group.of ?? 0) ? ` ${points.length} of ${group.of} points are in this file.` : "";
  const weighed =
    new Set(group.weight ?? []).size > 1
      ? "Larger circles weigh more (a fixation's duration, where the study weighs by it)."
      : "All points weigh alike.";
  const time = group.time
    ? ""
    : " The run keeps the order of the points, not their times, so the slider counts points.";
  return `Points that miss the face are not kept. ${weighed}${time}${some}`;
}
