/* Set the focal point of a picture by click, drag, touch or arrow keys, with live crops. */
(function () {
  "use strict";

  const STEP = 0.01;
  const LEAP = 0.1; // with Shift
  const DIGITS = 1000;
  const CROP_HEIGHT = 72; // px
  const CENTRE = { x: 0.5, y: 0.5 };
  const CENTRE_TEXT = "0.5x0.5";
  const MOVES = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };

  const within = (value) => Math.min(Math.max(Math.round(value * DIGITS) / DIGITS, 0), 1);

  function parse(text) {
    const [x, y] = text.split("x").map(Number);
    return Number.isFinite(x) && Number.isFinite(y) ? { x: within(x), y: within(y) } : CENTRE;
  }

  /* The box that the server cuts: as large as possible, near the point, inside the picture. */
  function coverBox(source, target, point) {
    const ratio = target.width / target.height;
    const width = Math.min(source.width, Math.round(source.height * ratio));
    const height = Math.min(source.height, Math.round(source.width / ratio));
    const left = Math.min(Math.max(source.width * point.x - width / 2, 0), source.width - width);
    const top = Math.min(Math.max(source.height * point.y - height / 2, 0), source.height - height);
    return { left, top, width, height };
  }

  class FocalPoint {
    constructor(root) {
      this.picture = root.querySelector(".ppoi-picture");
      this.stage = root.querySelector(".ppoi-stage");
      this.handle = root.querySelector(".ppoi-point");
      this.chooser = root.querySelector(".ppoi-chooser");
      this.broken = root.querySelector(".ppoi-broken");
      this.input = root.querySelector(".ppoi-input");
      this.file = root.querySelector("input[type=file]");
      this.cropsBox = root.querySelector(".ppoi-crops");
      this.help = root.querySelector(".ppoi-help");
      this.saved = { source: this.picture.getAttribute("src"), text: this.input.value };
      this.point = parse(this.input.value || CENTRE_TEXT);
      this.listen();
      this.show();
      if (this.picture.complete && this.saved.source) {
        this.loaded();
      }
    }

    listen() {
      this.picture.addEventListener("load", () => this.loaded());
      this.picture.addEventListener("error", () => this.failed());
      this.stage.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) {
          return;
        }
        event.preventDefault(); // the browser would drag the image or select text
        this.stage.setPointerCapture(event.pointerId);
        this.handle.focus({ preventScroll: true });
        this.moveToPointer(event);
      });
      this.stage.addEventListener("pointermove", (event) => {
        if (this.stage.hasPointerCapture(event.pointerId)) {
          this.moveToPointer(event);
        }
      });
      this.handle.addEventListener("keydown", (event) => {
        const move = MOVES[event.key];
        if (!move || event.altKey || event.ctrlKey || event.metaKey) {
          return;
        }
        event.preventDefault(); // the page would scroll
        const step = event.shiftKey ? LEAP : STEP;
        this.move(this.point.x + move[0] * step, this.point.y + move[1] * step);
      });
      this.file?.addEventListener("change", () => this.fileChosen()); // a project's may be no file
    }

    moveToPointer(event) {
      const box = this.picture.getBoundingClientRect();
      this.move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }

    move(x, y) {
      this.point = { x: within(x), y: within(y) };
      this.input.value = `${this.point.x}x${this.point.y}`;
      this.input.dispatchEvent(new Event("change", { bubbles: true }));
      this.show();
    }

    show() {
      const percent = { x: Math.round(this.point.x * 100), y: Math.round(this.point.y * 100) };
      this.handle.style.left = `${this.point.x * 100}%`;
      this.handle.style.top = `${this.point.y * 100}%`;
      this.handle.setAttribute("aria-valuenow", percent.x);
      this.handle.setAttribute(
        "aria-valuetext",
        this.handle.dataset.text.replace("{x}", percent.x).replace("{y}", percent.y),
      );
      this.showCrops();
    }

    showCrops() {
      const source = { width: this.picture.naturalWidth, height: this.picture.naturalHeight };
      if (!source.width) {
        return;
      }
      for (const crop of this.cropsBox.querySelectorAll(".ppoi-crop")) {
        const target = { width: +crop.dataset.width, height: +crop.dataset.height };
        const box = coverBox(source, target, this.point);
        const frame = crop.querySelector(".ppoi-frame");
        const image = crop.querySelector("img");
        const scale = CROP_HEIGHT / box.height;
        frame.style.width = `${box.width * scale}px`;
        frame.style.height = `${CROP_HEIGHT}px`;
        image.style.width = `${source.width * scale}px`;
        image.style.height = `${source.height * scale}px`;
        image.style.left = `${-box.left * scale}px`;
        image.style.top = `${-box.top * scale}px`;
      }
    }

    /* A chosen file is another picture, so its focal point starts at the centre. An add form that
       comes back with an error has lost its file: the user chooses it again, and the point stays. */
    fileChosen() {
      if (this.preview) {
        URL.revokeObjectURL(this.preview);
        this.preview = null;
      }
      const [file] = this.file.files;
      if (file) {
        this.preview = URL.createObjectURL(file);
        const text = this.saved.source ? CENTRE_TEXT : this.saved.text || CENTRE_TEXT;
        this.point = parse(text);
        this.input.value = text;
        this.picture.src = this.preview;
      } else if (this.saved.source) {
        this.point = parse(this.saved.text || CENTRE_TEXT);
        this.input.value = this.saved.text;
        this.picture.src = this.saved.source;
      } else {
        this.picture.removeAttribute("src");
        this.hide(true);
      }
      this.show();
    }

    loaded() {
      if (!this.picture.naturalWidth) {
        this.failed();
        return;
      }
      for (const image of this.cropsBox.querySelectorAll("img")) {
        image.src = this.picture.src;
      }
      this.broken.hidden = true;
      this.stage.hidden = false;
      this.hide(false);
      this.show();
    }

    failed() {
      this.hide(true);
      this.chooser.hidden = false;
      this.stage.hidden = true;
      this.broken.hidden = false;
    }

    hide(hidden) {
      this.chooser.hidden = hidden;
      this.cropsBox.hidden = hidden;
      this.help.hidden = hidden;
    }
  }

  const known = new WeakSet();

  function start(where) {
    for (const root of where.querySelectorAll(".versatileimagefield")) {
      // The admin copies the empty form of an inline for each new row. It is not a row itself.
      if (!known.has(root) && !root.closest(".empty-form")) {
        known.add(root);
        new FocalPoint(root);
      }
    }
  }

  document.addEventListener("formset:added", (event) => start(event.target));
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => start(document));
  } else {
    start(document);
  }
})();
