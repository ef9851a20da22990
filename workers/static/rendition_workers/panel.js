// Keeps the panel of the renditions up to date, and tries again without leaving the page.
"use strict";

(() => {
  const FASTEST_MS = 600;
  const SLOWEST_MS = 15000;

  const { Refused, fetchPart, show } = window.renditionsLive;

  function start(section) {
    const panel = section.querySelector("[data-panel]");
    const trouble = section.querySelector(".rendition-trouble");
    const form = document.getElementById("renditions-retry");
    let timer = 0;
    let asked = 0; // number of requests so far

    // Shows the answer, unless a later request has been sent since.
    async function refresh(options) {
      const number = ++asked;
      const html = await fetchPart(section.dataset.address, options);
      if (number === asked) update(html);
    }

    function update(html) {
      const focused = panel.contains(document.activeElement) && document.activeElement;
      const field = focused && focused.closest(".rendition-field");
      show(panel, html);
      // The button that had the focus is gone.
      if (focused && !focused.isConnected) field?.querySelector("[role=status]")?.focus();
    }

    function poll(delay) {
      window.clearTimeout(timer);
      if (!panel.querySelector("[data-pending]")) return;
      timer = window.setTimeout(async () => {
        let next = Math.min(delay * 1.2, SLOWEST_MS);
        try {
          if (!document.hidden) await refresh();
        } catch (error) {
          if (error instanceof Refused) return;
          next = SLOWEST_MS; // the server cannot be reached: ask again later
        }
        poll(next);
      }, delay);
    }

    async function retry(button) {
      // A button that is disabled loses the focus.
      if (button.ariaDisabled === "true") return;
      button.ariaDisabled = "true";
      trouble.hidden = true;
      const body = new FormData(form);
      body.set(button.name, button.value);
      try {
        await refresh({ method: "POST", body });
      } catch {
        trouble.hidden = false;
      }
      button.ariaDisabled = null;
      poll(FASTEST_MS);
    }

    form?.addEventListener("submit", (event) => {
      if (!event.submitter?.name) return;
      event.preventDefault();
      retry(event.submitter);
    });
    document.addEventListener("visibilitychange", () => document.hidden || poll(FASTEST_MS));
    poll(FASTEST_MS);
  }

  function startAll() {
    document.querySelectorAll(".renditions-panel").forEach(start);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
