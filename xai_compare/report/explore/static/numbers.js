// The tables, sorted and filtered, and every score as a dot with its interval, floor and ceiling.

import { dots } from "./dots.js";
import { cell, page, tableOf } from "./data.js";
import { announce, choice, el, number } from "./dom.js";
import { get, set } from "./state.js";

const AT_ONCE = 200;

/** @param {HTMLElement} main */
export async function showNumbers(main) {
  main.append(el("h2", {}, "Numbers"));
  if (!page.tables.length) {
    main.append(el("p", { class: "notice" }, "This file holds no tables."));
    return;
  }
  if (tableOf("scores")) dots(main);
  const table = tableOf(get("table", page.tables[0].name)) ?? page.tables[0];
  const names = page.tables.map(
    (one) => /** @type {[string, string]} */ ([one.name, `${one.title} (${one.of.toLocaleString("en")} rows)`]),
  );
  const filter = el("input", { type: "search", value: get("find"), placeholder: "words, or value>0.5" });
  const count = el("p", { class: "small", id: "rows" });
  const body = el("tbody"),
    more = el("button", { type: "button" });
  /** @type {number[]} */
  let rows = [];
  let shown = 0;
  const grow = () => {
    for (const row of rows.slice(shown, shown + AT_ONCE)) body.append(tableRow(table, row));
    shown = Math.min(shown + AT_ONCE, rows.length);
    more.textContent = `Show ${Math.min(AT_ONCE, rows.length - shown)} more rows`;
    more.hidden = shown >= rows.length;
  };
  const refill = () => {
    rows = sorted(table, filtered(table, filter.value), get("by"), get("way", "up"));
    shown = 0;
    body.replaceChildren();
    const part =
      table.rows < table.of
        ? `, the first ${table.rows.toLocaleString("en")} of ${table.of.toLocaleString("en")}; all stand in tables/${table.name}.csv`
        : "";
    count.textContent = `${rows.length.toLocaleString("en")} of ${table.rows.toLocaleString("en")} rows${part}`;
    announce(count.textContent);
    grow();
  };
  filter.addEventListener("input", () => {
    set({ find: filter.value }, { quiet: true });
    refill();
  });
  more.addEventListener("click", grow);
  main.append(
    el("h3", { id: "tables" }, "Tables"),
    el(
      "div",
      { class: "tools" },
      choice("Table", names, table.name, (value) => set({ table: value, by: "", find: "" })),
      el("label", { class: "choice wide" }, el("span", {}, "Rows that hold"), filter),
    ),
    count,
    el(
      "div",
      { class: "scroll tall", tabindex: 0, role: "region", "aria-label": table.title },
      el("table", { class: "numbers" }, el("thead", {}, el("tr", {}, ...heads(table))), body),
    ),
    more,
    el(
      "p",
      { class: "small" },
      "Every word must stand in the row; NAME>NUMBER and NAME<NUMBER limit a column. Numbers are shown to four decimals.",
    ),
  );
  refill();
}

/** @param {import("./data.js").Table} table */
function heads(table) {
  const by = get("by"),
    way = get("way", "up");
  return table.columns.map((column) => {
    const on = by === column.name;
    const turn = () => set({ by: column.name, way: on && way === "up" ? "down" : "up" });
    const arrow = on ? (way === "up" ? " ▲" : " ▼") : "";
    return el(
      "th",
      {
        scope: "col",
        "aria-sort": on ? (way === "up" ? "ascending" : "descending") : "none",
        class: column.numbers ? "n" : "",
      },
      el(
        "button",
        { type: "button", class: "head", click: turn, "aria-label": `sort by ${column.name}` },
        column.name + arrow,
      ),
    );
  });
}

/**
 * @param {import("./data.js").Table} table
 * @param {number} row
 */
function tableRow(table, row) {
  return el(
    "tr",
    {},
    ...table.columns.map((column) => {
      const value = cell(column, row);
      if (typeof value !== "string")
        return el("td", { class: "n" }, value !== null && Number.isInteger(value) ? String(value) : number(value));
      return el("td", { class: value.length > 30 ? "long" : "" }, value);
    }),
  );
}

/**
 * The rows that pass a filter of words and comparisons.
 * @param {import("./data.js").Table} table
 * @param {string} text
 */
function filtered(table, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const tests = words.map((word) => {
    const parts = /^(\w+)([<>])(-?[\d.]+)$/.exec(word),
      column = parts && table.columns.find((one) => one.name === parts[1]);
    if (parts && column?.numbers) {
      const limit = Number(parts[3]),
        numbers = column.numbers;
      return (/** @type {number} */ row) =>
        numbers[row] !== null && (parts[2] === ">" ? Number(numbers[row]) > limit : Number(numbers[row]) < limit);
    }
    // A word is looked up once in each column's vocabulary, not once in each row.
    const hits = table.columns
      .filter((one) => one.words)
      .map((one) => ({ at: one.at ?? [], has: (one.words ?? []).map((name) => name.toLowerCase().includes(word)) }));
    return (/** @type {number} */ row) => hits.some((hit) => hit.has[hit.at[row]]);
  });
  const rows = [];
  for (let row = 0; row < table.rows; row++) if (tests.every((test) => test(row))) rows.push(row);
  return rows;
}

/**
 * @param {import("./data.js").Table} table
 * @param {number[]} rows
 * @param {string} by
 * @param {string} way
 */
function sorted(table, rows, by, way) {
  const column = table.columns.find((one) => one.name === by);
  if (!column) return rows;
  const up = way === "up" ? 1 : -1;
  return rows.sort((a, b) => {
    const [one, two] = [cell(column, a), cell(column, b)];
    // What is undefined stands last, whichever way.
    if (one === null || two === null) return Number(one === null) - Number(two === null);
    return typeof one === "number"
      ? up * (one - Number(two))
      : up * String(one).localeCompare(String(two), "en", { numeric: true });
  });
}
