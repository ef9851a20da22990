// What the live parts of the admin have in common: fetch a piece of HTML, and show what differs.
"use strict";

window.renditionsLive = (() => {
  // The server has answered, and did not want to.
  class Refused extends Error {
    constructor(response) {
      super(response.statusText);
      this.status = response.status;
    }
  }

  async function fetchPart(address, options) {
    const headers = { "X-Requested-With": "XMLHttpRequest" };
    const response = await fetch(address, { headers, ...options });
    // A redirect leads to the login: the session has ended.
    if (!response.ok || response.redirected) throw new Refused(response);
    return response.text();
  }

  // Shows `html` in `part`.
  function show(part, html) {
    const fresh = part.cloneNode();
    fresh.innerHTML = html;
    merge(part, fresh);
  }

  // Changes only what differs, so that a screen reader hears the new state and nothing else, and
  // what has the focus keeps it.
  function merge(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.data = fresh.data;
      return;
    }
    [...fresh.attributes].forEach(({ name, value }) => old.setAttribute(name, value));
    [...old.attributes].forEach(({ name }) => fresh.hasAttribute(name) || old.removeAttribute(name));
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    after.forEach((node, i) => {
      if (!before[i]) old.append(node);
      // With another id it is about another thing: a button must not change what it does.
      else if (before[i].nodeName !== node.nodeName || before[i].id !== node.id) before[i].replaceWith(node);
      else merge(before[i], node);
    });
    before.slice(after.length).forEach((node) => node.remove());
  }

  return { Refused, fetchPart, show };
})();
