// What is looked at, kept in the address, so that it can be sent and the browser's Back works.

/** @type {Record<string, string>} */
let current = {};
/** @type {(() => void)[]} */
const listeners = [];
let written = "";

/** Read the address. */
function read() {
  current = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  written = location.hash;
}

/**
 * A value of the state.
 * @param {string} name
 * @param {string} [otherwise]
 */
export function get(name, otherwise = "") {
  return current[name] ?? otherwise;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let writing;

/**
 * Change values; an empty one is forgotten.
 * @param {Record<string, string | number>} values
 * @param {{quiet?: boolean}} [how] quiet: nobody is told, and no step of Back is made
 */
export function set(values, how = {}) {
  for (const [name, value] of Object.entries(values)) {
    if (value === "") delete current[name];
    else current[name] = String(value);
  }
  clearTimeout(writing);
  if (how.quiet) {
    // Browsers refuse an address that changes with every step of a slider.
    writing = setTimeout(() => {
      written = `#${new URLSearchParams(current)}`;
      location.replace(written);
    }, 300);
  } else {
    written = `#${new URLSearchParams(current)}`;
    location.hash = written;
    listeners.forEach((listener) => listener());
  }
}

/** @param {() => void} listener */
export function whenChanged(listener) {
  listeners.push(listener);
}

addEventListener("hashchange", () => {
  if (location.hash === written) return;
  read();
  listeners.forEach((listener) => listener());
});
read();
