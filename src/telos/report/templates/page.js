"use strict";
(() => {
  const films = JSON.parse(document.getElementById("films").textContent);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const layers = { path: true, imagined: true, route: true, goal: true, zones: true };
  const SPEEDS = [1, 2, 4, 0.5];
  const STEPS_PER_SECOND = 14;
  const HOLD_SECONDS = 1.4;
  const REEL_FRAMES = 128;
  let speed = SPEEDS[0];

  const picture = (base64, ready) => {
    const image = new Image();
    image.onload = ready;
    image.src = "data:image/png;base64," + base64;
    return image;
  };

  /* One episode: frames from reels, everything else drawn as vectors in thousandths. */
  class Film {
    constructor(figure, data) {
      this.data = data;
      this.figure = figure;
      this.canvas = figure.querySelector("canvas");
      this.context = this.canvas.getContext("2d");
      this.slider = figure.querySelector("input");
      this.output = figure.querySelector("output");
      this.button = figure.querySelector(".play");
      this.last = data.steps;
      this.time = still ? this.last : 0;
      this.playing = !still;
      this.visible = false;
      this.images = null;
      this.views = (data.others || []).map((view, i) => ({
        ...view, images: [], canvas: figure.querySelectorAll(".view canvas")[i],
      }));
      this.listen();
      this.paintStrip();
    }

    listen() {
      this.slider.addEventListener("input", () => {
        this.play(false);
        this.seek(Number(this.slider.value));
      });
      this.button.addEventListener("click", () => this.play(!this.playing));
      this.canvas.addEventListener("click", () => this.play(!this.playing));
      this.figure.querySelector(".grow").addEventListener("click", () => {
        const wide = this.figure.classList.toggle("wide");
        this.figure.querySelector(".grow").setAttribute("aria-label", wide ? "Shrink" : "Enlarge");
      });
      new ResizeObserver(() => this.resize()).observe(this.canvas);
      new IntersectionObserver((entries) => {
        this.visible = entries[entries.length - 1].isIntersecting;
        if (this.visible) this.load();
      }, { rootMargin: "200px" }).observe(this.figure);
      this.play(this.playing);
    }

    load() {
      if (this.images) return;
      const redraw = () => this.draw();
      this.images = this.data.reels.map((reel) => picture(reel, redraw));
      this.views.forEach((view) => { view.images = view.reels.map((reel) => picture(reel, redraw)); });
      this.ghost = this.data.ghost ? picture(this.data.ghost, redraw) : null;
    }

    resize() {
      const ratio = Math.min(window.devicePixelRatio || 1, 3);
      this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
      this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
      this.draw();
    }

    play(on) {
      this.playing = on;
      if (on && this.time >= this.last) this.time = 0;
      this.figure.classList.toggle("paused", !on);
      this.button.setAttribute("aria-label", on ? "Pause" : "Play");
    }

    seek(step) {
      this.time = step;
      this.draw();
    }

    tick(seconds) {
      if (!this.playing || !this.visible) return;
      const before = this.step();
      this.time += seconds * STEPS_PER_SECOND * speed;
      if (this.time > this.last + HOLD_SECONDS * STEPS_PER_SECOND * speed) this.time = 0;
      if (this.step() !== before) this.draw();
    }

    step() {
      return Math.min(Math.floor(this.time), this.last);
    }

    decision() {
      let found = -1;
      const steps = this.data.decisions;
      while (found + 1 < steps.length && steps[found + 1] <= this.step()) found += 1;
      return found;
    }

    /* What each plan was worth, along the time line: thin where all is well. */
    paintStrip() {
      const { status, decisions } = this.data;
      if (!status.length || !this.last) return;
      const tones = { certified: "var(--good)", backup: "var(--mixed)", infeasible: "var(--bad)" };
      const stops = status.map((name, i) => {
        const from = (100 * decisions[i]) / this.last;
        const to = i + 1 < decisions.length ? (100 * decisions[i + 1]) / this.last : 100;
        return `${tones[name] || "var(--hair)"} ${from}% ${to}%`;
      });
      this.figure.querySelector(".strip").style.background = `linear-gradient(90deg, ${stops.join(",")})`;
    }

    draw() {
      const { context: c, canvas } = this;
      const step = this.step();
      this.slider.value = step;
      this.output.textContent = step;
      c.setTransform(1, 0, 0, 1, 0, 0);
      this.pen = canvas.clientWidth > 350 ? 0.6 : 1;
      c.clearRect(0, 0, canvas.width, canvas.height);
      c.imageSmoothingEnabled = false;
      this.drawFrame(step);
      c.setTransform(canvas.width / 1000, 0, 0, canvas.height / 1000, 0, 0);
      c.lineJoin = c.lineCap = "round";
      if (layers.zones) this.data.zones.forEach((zone) => this.drawZone(zone));
      if (layers.goal) this.drawGoal();
      if (layers.route) this.drawRoute();
      if (layers.imagined) this.drawImagined();
      if (layers.path) this.drawPath(step);
      this.views.forEach((view) => this.drawView(view, step));
    }

    /* Another camera at the same step, pixel by pixel: the page enlarges it. */
    drawView(view, step) {
      const [width, height] = view.size;
      const frame = Math.floor(step / this.data.stride);
      const image = view.images[Math.floor(frame / REEL_FRAMES)];
      if (!image || !image.complete || !image.naturalWidth) return;
      if (view.canvas.width !== width || view.canvas.height !== height) {
        [view.canvas.width, view.canvas.height] = view.size;
      }
      const top = (frame % REEL_FRAMES) * height;
      view.canvas.getContext("2d").drawImage(image, 0, top, width, height, 0, 0, width, height);
    }

    drawFrame(step) {
      const [width, height] = this.data.size;
      const frame = Math.floor(step / this.data.stride);
      const image = this.images && this.images[Math.floor(frame / REEL_FRAMES)];
      if (!image || !image.complete || !image.naturalWidth) return;
      const top = (frame % REEL_FRAMES) * height;
      this.context.drawImage(image, 0, top, width, height, 0, 0, this.canvas.width, this.canvas.height);
      if (layers.goal && this.ghost && this.ghost.complete) {
        this.context.globalAlpha = 0.35;
        this.context.drawImage(this.ghost, 0, 0, this.canvas.width, this.canvas.height);
        this.context.globalAlpha = 1;
      }
    }

    outline(zone, grow) {
      const c = this.context;
      const [bx, by] = grow ? zone.buffer : [0, 0];
      c.beginPath();
      if (zone.kind === "disc") {
        c.ellipse(zone.at[0], zone.at[1], zone.radius[0] + bx, zone.radius[1] + by, 0, 0, 7);
      } else {
        const [[x0, y0], [x1, y1]] = zone.corners;
        c.rect(x0 - bx, y0 - by, x1 - x0 + 2 * bx, y1 - y0 + 2 * by);
      }
    }

    drawZone(zone) {
      const c = this.context;
      c.save();
      this.outline(zone, false);
      c.fillStyle = "rgb(213 94 0 / .16)";
      c.fill();
      c.save();
      c.clip();
      c.strokeStyle = "rgb(213 94 0 / .5)";
      c.lineWidth = 5 * this.pen;
      c.beginPath();
      for (let x = -1000; x < 1000; x += 34) { c.moveTo(x, 1000); c.lineTo(x + 1000, 0); }
      c.stroke();
      c.restore();
      c.strokeStyle = colour("--zone");
      c.lineWidth = 7 * this.pen;
      this.outline(zone, false);
      c.stroke();
      if (zone.buffer[0] > 0) {
        c.lineWidth = 4 * this.pen;
        c.setLineDash([14, 14]);
        this.outline(zone, true);
        c.stroke();
      }
      c.restore();
    }

    drawGoal() {
      if (!this.data.goal) return;
      const c = this.context;
      const [x, y] = this.data.goal;
      for (const [style, width] of [["#fff", 22], [colour("--goal"), 12]]) {
        c.strokeStyle = style;
        c.lineWidth = width * this.pen;
        c.beginPath();
        c.arc(x, y, 40, 0, 7);
        c.stroke();
      }
    }

    /* A line with a halo, so that it is seen on any ground. */
    line(points, name, width, halo, haloWidth) {
      const c = this.context;
      c.beginPath();
      points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
      for (const [style, wide] of [[halo, haloWidth], [colour(name), width]]) {
        c.strokeStyle = style;
        c.lineWidth = wide * this.pen;
        c.stroke();
      }
    }

    pairs(flat) {
      const points = [];
      for (let i = 0; i < flat.length; i += 2) points.push([flat[i], flat[i + 1]]);
      return points;
    }

    drawRoute() {
      const points = this.pairs(this.data.routes[this.data.route_of[this.decision()]] || []);
      const c = this.context;
      c.save();
      c.setLineDash([3, 15]);
      this.line(points, "--route", 8, "rgb(255 255 255 / .8)", 13);
      c.restore();
    }

    drawImagined() {
      const futures = this.data.imagined[this.decision()] || [];
      const c = this.context;
      for (const flat of futures) {
        const points = this.pairs(flat);
        this.line(points, "--imagined", 8, "rgb(255 255 255 / .55)", 14);
        const [x, y] = points[points.length - 1] || [0, 0];
        c.fillStyle = colour("--imagined");
        c.beginPath();
        c.arc(x, y, 10, 0, 7);
        c.fill();
      }
    }

    drawPath(step) {
      this.line(this.data.path.slice(0, step + 1), "--path", 10, "rgb(255 255 255 / .7)", 17);
    }
  }

  const players = [...document.querySelectorAll("[data-film]")].map(
    (figure) => new Film(figure, films[figure.dataset.film]),
  );

  let before = performance.now();
  const loop = (now) => {
    const seconds = Math.min((now - before) / 1000, 0.25);
    before = now;
    players.forEach((player) => player.tick(seconds));
    requestAnimationFrame(loop);
  };
  if (players.length) requestAnimationFrame(loop);

  const every = (selector, act) => document.querySelectorAll(selector).forEach(act);

  every("[data-all]", (button) => {
    const show = () => { button.textContent = players.some((p) => p.playing) ? "Pause all" : "Play all"; };
    button.addEventListener("click", () => {
      const on = !players.some((p) => p.playing);
      players.forEach((p) => p.play(on));
      show();
    });
    show();
  });

  every("[data-speed]", (button) => {
    button.addEventListener("click", () => {
      speed = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
      every("[data-speed]", (other) => { other.textContent = `${speed}\u00d7`; });
    });
  });

  every("[data-layer]", (button) => {
    button.addEventListener("click", () => {
      const name = button.dataset.layer;
      layers[name] = !layers[name];
      every(`[data-layer="${name}"]`, (other) => other.setAttribute("aria-pressed", String(layers[name])));
      players.forEach((player) => player.draw());
    });
  });

  every("[data-copy]", (button) => {
    const source = button.parentElement.querySelector("pre");
    const select = () => {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      return document.execCommand("copy");
    };
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
      } catch {
        select();
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  });

  /* Values under the pointer: the nearest point of every curve along x. */
  const tip = document.getElementById("tip");
  const nearest = (points, x) =>
    points.reduce((best, p) => (Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best), points[0]);

  every("svg[data-hover]", (svg) => {
    const curves = JSON.parse(svg.dataset.hover).filter((curve) => curve.points.length);
    const cross = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cross.setAttribute("class", "cross");
    cross.setAttribute("y1", 12);
    cross.setAttribute("y2", svg.viewBox.baseVal.height - 38);
    const hide = () => { tip.hidden = true; cross.remove(); };
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointermove", (event) => {
      if (!curves.length) return;
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const found = curves.map((curve) => [curve.name, nearest(curve.points, x)]);
      const at = found[0][1];
      cross.setAttribute("x1", at[0]);
      cross.setAttribute("x2", at[0]);
      svg.append(cross);
      tip.textContent = `${at[2]}\n` + found.map(([name, p]) => `${name}  ${p[3]}`).join("\n");
      tip.hidden = false;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      tip.style.left = `${left}px`;
      tip.style.top = `${event.clientY - tip.offsetHeight - 10}px`;
    });
  });
})();
