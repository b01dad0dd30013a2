// Elements, numbers as text, and what is said aloud. Names from outside are only ever set as text.

/**
 * An element with attributes (functions are listeners) and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/**
 * A choice with a label; `options` are pairs of value and text.
 * @param {string} label
 * @param {Array<[string, string]>} options
 * @param {string} chosen
 * @param {(value: string) => void} changed
 */
export function choice(label, options, chosen, changed) {
  const select = el("select", { change: () => changed(select.value) });
  for (const [value, text] of options) select.append(el("option", { value, selected: value === chosen }, text));
  return el("label", { class: "choice" }, el("span", {}, label), select);
}

/**
 * A tick box with a label.
 * @param {string} label
 * @param {boolean} on
 * @param {(on: boolean) => void} changed
 */
export function tick(label, on, changed) {
  const input = el("input", { type: "checkbox", change: () => changed(input.checked) });
  input.checked = on;
  return el("label", { class: "tick" }, input, el("span", {}, label));
}

/**
 * A number with so many decimals, a dash where there is none.
 * @param {number | null | undefined} value
 * @param {number} [decimals]
 */
export function number(value, decimals = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return value.toFixed(decimals).replace("-", "−");
}

/**
 * A map's value, with the decimals that its 256 levels can tell apart.
 * @param {number} value
 * @param {number} span from the least to the greatest value of the map
 */
export function mapValue(value, span) {
  if (!(span > 0)) return number(value, 3);
  const decimals = Math.max(0, Math.ceil(-Math.log10(span / 255)));
  return decimals > 6 ? value.toExponential(2).replace("-", "−") : number(value, decimals);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let saying;

/**
 * Tell a screen reader, once the cursor has come to rest.
 * @param {string} text
 */
export function announce(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    const live = document.getElementById("live");
    if (live) live.textContent = text;
  }, 250);
}

/**
 * Call at most once a frame, with the last arguments.
 * @template {any[]} A
 * @param {(...values: A) => void} work
 * @returns {(...values: A) => void}
 */
export function oncePerFrame(work) {
  /** @type {A | null} */
  let waiting = null;
  return (...values) => {
    if (waiting === null) {
      requestAnimationFrame(() => {
        const last = /** @type {A} */ (waiting);
        waiting = null;
        work(...last);
      });
    }
    waiting = values;
  };
}
