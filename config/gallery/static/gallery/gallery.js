// Polls the changing part of the page until nothing in it is pending.
"use strict";

const FASTEST_MS = 600;
const SLOWEST_MS = 5000;

async function fetchPart() {
  const address = new URL(window.location.href);
  address.searchParams.set("part", "1");
  const response = await fetch(address);
  if (!response.ok) throw new Error(response.statusText);
  return response.text();
}

// Replaces the children that have changed and keeps the others, so that no picture flickers.
function update(part, html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  merge(part, fresh);
}

function merge(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const [before, after] = [[...old.children], [...fresh.children]];
  const isList = after.length > 0 && before.length === after.length &&
    before.every((child, i) => child.tagName === after[i].tagName && child.id === after[i].id);
  if (!isList) {
    old.replaceChildren(...fresh.childNodes);
    return;
  }
  before.forEach((child, i) => {
    if (child.isEqualNode(after[i])) return;
    if (child.tagName === "UL") merge(child, after[i]);
    else child.replaceWith(after[i]);
  });
}

function watch(part) {
  let delay = FASTEST_MS;
  const poll = async () => {
    if (!part.querySelector("[data-pending]")) return;
    if (!document.hidden) {
      try {
        update(part, await fetchPart());
        delay = Math.min(delay * 1.2, SLOWEST_MS);
      } catch {
        delay = SLOWEST_MS; // the server cannot be reached: try again later
      }
    }
    window.setTimeout(poll, delay);
  };
  window.setTimeout(poll, delay);
}

document.querySelectorAll("[data-part]").forEach(watch);

// Suggests a title from the name of the file, unless the visitor has typed one.
const picker = document.querySelector("#id_image");
picker?.addEventListener("change", () => {
  const title = document.querySelector("#id_title");
  const name = picker.files[0]?.name ?? "";
  if (!title.value) title.value = name.replace(/\.[^.]+$/, "").replaceAll(/[-_]+/g, " ");
});

document.querySelector("form.upload")?.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  button.disabled = true;
  button.textContent = button.dataset.busy;
});
