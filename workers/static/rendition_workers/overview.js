// Keeps the page of the operator up to date, and asks before a run is cancelled.
"use strict";

(() => {
  const { Refused, fetchPart, show } = window.renditionsLive;
  const FAST_MS = 5000;
  const SLOW_MS = 15000;

  function keepCurrent(page) {
    const part = page.querySelector("[data-part]");
    const [silent, refused] = page.querySelectorAll(".rendition-trouble");
    let timer = 0;

    async function refresh() {
      let next = FAST_MS;
      try {
        show(part, await fetchPart(page.dataset.address));
        silent.hidden = refused.hidden = true;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) {
          silent.hidden = true;
          refused.hidden = false;
          return;
        }
        silent.hidden = false;
        next = SLOW_MS;
      }
      wait(next);
    }

    // A tab that is hidden asks nothing.
    function wait(delay) {
      window.clearTimeout(timer);
      timer = document.hidden ? 0 : window.setTimeout(refresh, delay);
    }

    document.addEventListener("visibilitychange", () => wait(0));
    wait(FAST_MS);
  }

  function startAll() {
    document.querySelectorAll(".renditions-overview").forEach(keepCurrent);
    document.addEventListener("click", (event) => {
      const question = event.target.closest("[data-confirm]")?.dataset.confirm;
      if (question && !window.confirm(question)) event.preventDefault();
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
