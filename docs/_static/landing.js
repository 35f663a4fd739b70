// This script lets the diagram of the landing page glide from T = 1 to the optimum and back.
"use strict";

(() => {
  const HEIGHT = 225; // of the plot, as in landing_figure.py
  const [REST, GLIDE] = [1.5, 3.5]; // seconds
  const figure = document.querySelector(".landing-figure");
  const { frames } = JSON.parse(figure.querySelector("script").textContent);
  const after = figure.querySelector(".landing-after");
  const svg = after.querySelector("svg");
  const button = after.querySelector("button");
  const caption = after.querySelector(".landing-now");
  const all = (selector) => [...svg.querySelectorAll(selector)];
  const [bars, gaps, dots] = [all("rect"), all(".landing-gap"), all("circle")];
  const width = dots[0].getAttribute("cx") / frames.at(-1).confidence[0];
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const atRest = svg.getAttribute("aria-label");
  let elapsed = 0;
  let paused = false;
  let frame;
  let last;

  /** Show the diagram at this share of the way to the optimum, between two frames if need be. */
  function show(share) {
    const place = share * (frames.length - 1);
    const [from, to] = [frames[Math.floor(place)], frames[Math.ceil(place)]];
    const between = (name, k) => from[name][k] + (place % 1) * (to[name][k] - from[name][k]);
    const y = (thousandths) => HEIGHT * (1 - thousandths / 1000);
    bars.forEach((bar, k) => {
      const [top, dot] = [y(between("accuracy", k)), y(between("confidence", k))];
      const x = width * between("confidence", k);
      bar.setAttribute("y", top);
      bar.setAttribute("height", HEIGHT - top);
      gaps[k].setAttribute("d", `M${x} ${top}V${dot}`);
      dots[k].setAttribute("cx", x);
      dots[k].setAttribute("cy", dot);
    });
    const { t, ece } = frames[Math.round(place)];
    caption.textContent = `T = ${(t / 1000).toFixed(2)}, ECE ${(ece / 10).toFixed(1)}%`;
  }

  /** Return the share of the way: rest, glide there, rest, glide back. */
  function shareAt(seconds) {
    const within = seconds % (2 * (REST + GLIDE));
    const limit = (value) => Math.min(Math.max(value, 0), 1);
    const way = limit((within - REST) / GLIDE) - limit((within - 2 * REST - GLIDE) / GLIDE);
    return way * way * (3 - 2 * way);
  }

  function step(now) {
    if (paused || still.matches) return;
    elapsed += (now - last) / 1000;
    last = now;
    show(shareAt(elapsed));
    frame = requestAnimationFrame(step);
  }

  /** Move, or stand still at the optimum if the reader prefers that. */
  function begin() {
    cancelAnimationFrame(frame);
    if (still.matches) {
      svg.setAttribute("aria-label", atRest);
      show(1);
      return;
    }
    const [first, optimum] = [frames[0].t, frames.at(-1).t].map((t) => t / 1000);
    svg.setAttribute(
      "aria-label",
      `Reliability diagram that moves from T = ${first.toFixed(2)}, where every bar ends below ` +
      `its dot, to T = ${optimum.toFixed(2)}, where the bars end close to their dots, and back.`
    );
    last = performance.now();
    frame = requestAnimationFrame(step);
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Play" : "Pause";
    if (!paused) begin();
  });
  still.addEventListener("change", begin);
  addEventListener("beforeprint", () => show(1)); // paper shows before and after
  begin();
})();
