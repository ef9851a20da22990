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

// Changes only what differs and keeps all other elements, so that no picture flickers.
function update(part, html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  mergeChildren(part, fresh);
}

function mergeChildren(old, fresh) {
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  const isAlike = before.length === after.length &&
    before.every((child, i) => child.nodeName === after[i].nodeName && child.id === after[i].id);
  if (isAlike) before.forEach((child, i) => merge(child, after[i]));
  else old.replaceChildren(...after);
}

function merge(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (!old.attributes) {
    old.replaceWith(fresh); // a text
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  mergeChildren(old, fresh);
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
