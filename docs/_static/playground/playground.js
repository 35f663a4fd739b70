// This script draws on the page what numbers.js computes.
"use strict";

(() => {
  const { lowest, highest, nBins, calibration, test, measure, optimum, draw, restart } =
    window.playground;
  const { percent, percentTicks, fifths, add, set, panel, reliabilityDiagram, row, atRest } =
    window.drawing;
  const SIZES = [50, 100, 300, 1000];
  const best = optimum(calibration);
  const at = (id) => document.getElementById(`pg-${id}`);

  function histogram() {
    const svg = at("histogram");
    const yTicks = percentTicks(0, 0.1, 0.2, 0.4);
    const { x, y, yMarks } = panel(svg, {
      top: 10, bottom: 110, xTicks: fifths, yTicks, yLabel: "images",
    });
    const bars = Array.from({ length: nBins }, () => ({
      right: add(svg, "rect", { class: "ex-right" }),
      wrong: add(svg, "rect", { class: "ex-wrong" }),
    }));
    const accuracy = add(svg, "path", { class: "ex-line" });
    const confidence = add(svg, "path", { class: "ex-line ex-dashed" });
    return ({ bins, ...means }) => {
      const highestBar = Math.max(...bins.map((bin) => bin.count / test.length), 0.15);
      const height = (count) => count / test.length / highestBar;
      bins.forEach(({ count, correct }, k) => {
        const place = { x: x((k + 0.04) / bins.length), width: x(0.92 / bins.length) - x(0) };
        const rightTop = y(height(correct));
        const top = y(height(count));
        set(bars[k].right, { ...place, y: rightTop, height: y(0) - rightTop });
        set(bars[k].wrong, { ...place, y: top, height: rightTop - top });
      });
      yMarks.forEach((mark, k) => {
        const share = yTicks[k][0] / highestBar;
        set(mark, { transform: `translate(0 ${y(share)})`, opacity: share > 1 ? "0" : "1" });
      });
      set(accuracy, { d: `M${x(means.accuracy)} ${y(0)}V${y(1)}` });
      set(confidence, { d: `M${x(means.confidence)} ${y(0)}V${y(1)}` });
    };
  }

  /** Return the place of T between two temperatures, on a log scale. */
  const between = (low, high) => (T) => Math.log(T / low) / Math.log(high / low);

  function curves() {
    const svg = at("curves");
    const share = between(lowest, highest);
    const xTicks = [0.5, 0.7, 1, 1.4, 2, 3, 4].map((T) => [share(T), T]);
    const steps = Array.from({ length: 91 }, (_, k) => k / 90);
    const temperatures = steps.map((step) => lowest * (highest / lowest) ** step);
    const rows = [
      {
        score: "nll", colour: "ex-blue", low: 1.3, high: 2.6, ticks: [1.4, 1.8, 2.2, 2.6],
        yLabel: "NLL",
      },
      {
        score: "ece", colour: "ex-vermilion", low: 0, high: 0.45, ticks: [0, 0.2, 0.4],
        yLabel: "ECE",
      },
    ];
    const lines = rows.map(({ score, colour, low, high, ticks, yLabel }, k) => {
      const { x, y } = panel(svg, {
        top: 10 + 165 * k, bottom: 150 + 165 * k, xTicks, yLabel,
        yTicks: ticks.map((tick) => [
          (tick - low) / (high - low),
          score === "nll" ? tick.toFixed(1) : `${100 * tick}%`,
        ]),
        xLabel: k ? "temperature T (log scale)" : "",
      });
      const place = (T, scores) => [x(share(T)), y((scores[score] - low) / (high - low))];
      add(svg, "path", { class: "ex-line ex-dashed", d: `M${x(share(best))} ${y(0)}V${y(1)}` });
      const curve = add(svg, "path", { class: `ex-curve ${colour}` });
      if (k === 0) {
        const beside = { x: x(share(best)) + 6, y: 20, class: "ex-text" };
        add(svg, "text", beside, `optimum ${best.toFixed(3)}`);
      }
      const hand = add(svg, "circle", { class: `ex-hand ${colour}`, r: 6 });
      return { place, points: [], curve, hand };
    });
    /** Lengthen the curves by one point at a time, so that the page answers meanwhile. */
    function lengthen([T, ...later]) {
      const scores = measure(T);
      for (const { place, points, curve } of lines) {
        points.push(place(T, scores).join(" "));
        set(curve, { d: `M${points.join("L")}` });
      }
      if (later.length) setTimeout(lengthen, 0, later);
    }
    setTimeout(lengthen, 0, temperatures);
    return (scores, T) => {
      for (const { place, hand } of lines) {
        const [cx, cy] = place(T, scores);
        set(hand, { cx, cy });
      }
    };
  }

  const diagram = reliabilityDiagram(at("diagram"), { top: 10, bottom: 260 });
  const drawings = [histogram(), ({ bins }) => diagram(bins), curves()];
  const hand = at("temperature");
  let temperature;
  let frame = 0;

  function show(T) {
    temperature = T;
    const scores = measure(T);
    for (const drawing of drawings) drawing(scores, T);
    hand.value = Math.log2(T);
    hand.setAttribute("aria-valuetext", T.toFixed(3));
    at("t").textContent = T.toFixed(3);
    at("nll").textContent = scores.nll.toFixed(3);
    at("ece").textContent = percent(scores.ece);
    at("accuracy").textContent = percent(scores.accuracy);
    at("confidence").textContent = percent(scores.confidence);
    tellAtRest(scores);
  }

  const tellAtRest = atRest(tell);

  /** Say the same in words and in a table when the slider has come to rest. */
  function tell({ nll, ece, accuracy, confidence, bins }) {
    const gap = confidence - accuracy;
    const wrong = gap > 0 ? "overconfident" : "underconfident";
    const verdict = Math.abs(gap) < 0.02 ? "right about as often as it claims" : wrong;
    at("words").textContent =
      `At T = ${temperature.toFixed(3)} the model is ${verdict}: mean confidence ` +
      `${percent(confidence)}, accuracy ${percent(accuracy)}. ECE ${percent(ece)}, ` +
      `NLL ${nll.toFixed(3)}.`;
    const above = bins.filter((bin) => bin.correct > bin.confidence).length;
    const filled = bins.filter((bin) => bin.count).length;
    at("diagram-desc").textContent =
      `In ${above} of ${filled} bins the accuracy is above the mean confidence. ` +
      `ECE ${percent(ece)}.`;
    at("histogram-desc").textContent =
      `Mean confidence ${percent(confidence)}, accuracy ${percent(accuracy)}. ` +
      `The fullest bin holds ${percent(Math.max(...bins.map((bin) => bin.count)) / test.length)}.`;
    at("curves-desc").textContent =
      `Here the NLL is ${nll.toFixed(3)} and the ECE ${percent(ece)}. The NLL of the calibration ` +
      `set is lowest at T = ${best.toFixed(3)}.`;
    at("bins").replaceChildren(...bins.map((bin, k) => row(
      `${percent(k / bins.length)} to ${percent((k + 1) / bins.length)}`,
      bin.count,
      bin.count ? percent(bin.correct / bin.count) : "none",
      bin.count ? percent(bin.confidence / bin.count) : "none",
    )));
  }

  /** Show this temperature, but draw at most once in each frame. */
  function follow(T) {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => show(T));
  }

  function glide(goal) {
    cancelAnimationFrame(frame);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return show(goal);
    const [from, began] = [temperature, performance.now()];
    function step(now) {
      const done = Math.min((now - began) / 800, 1);
      const eased = done * done * (3 - 2 * done);
      show(from * (goal / from) ** eased);
      if (done < 1) frame = requestAnimationFrame(step);
    }
    frame = requestAnimationFrame(step);
  }

  hand.addEventListener("input", () => follow(2 ** hand.value));
  at("unscaled").addEventListener("click", () => glide(1));
  at("best").addEventListener("click", () => glide(best));
  at("best").textContent = `Optimum, T = ${best.toFixed(3)}`;
  at("mark").style.setProperty("--share", between(lowest, highest)(best));
  show(1);

  // From here on: the lower part of the page, which draws calibration sets.

  const strip = (() => {
    const svg = at("strip");
    const share = between(1, 2.4);
    const ticks = [1, 1.2, 1.4, 1.6, 1.8, 2, 2.4];
    const { x, y } = panel(svg, {
      top: 10, bottom: 190, xTicks: ticks.map((T) => [share(T), T]),
      yTicks: SIZES.map((size, k) => [(SIZES.length - k - 0.5) / SIZES.length, size]),
      xLabel: "temperature of the set (log scale)", yLabel: "images in the set",
    });
    add(svg, "path", { class: "ex-line ex-dashed", d: `M${x(share(best))} ${y(0)}V${y(1)}` });
    return { dots: add(svg, "g"), x: (T) => x(Math.min(Math.max(share(T), 0), 1)), y };
  })();
  const drawn = new Map(SIZES.map((size) => [size, []]));

  function drawSets(times) {
    const size = Number(at("size").value);
    const temperatures = drawn.get(size);
    strip.dots.querySelectorAll(".ex-new").forEach((dot) => dot.classList.remove("ex-new"));
    for (let k = 0; k < times; k++) {
      const T = optimum(draw(size));
      // The golden ratio spreads the dots evenly over the height of their row.
      const height = 0.15 + 0.7 * ((temperatures.length * 0.618) % 1);
      const y = strip.y(1 - (SIZES.indexOf(size) + height) / SIZES.length);
      add(strip.dots, "circle", { class: "ex-drawn ex-new", cx: strip.x(T), cy: y, r: 3.5 });
      temperatures.push(T);
    }
    tellSets();
    const last = `${size} images gave T = ${temperatures.at(-1).toFixed(3)}.`;
    at("set-words").textContent = temperatures.length > 1 ? `${last} ${inWords(size)}` : last;
  }

  function mean(values) {
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  }

  function deviation(values) {
    const middle = mean(values);
    const square = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    return values.length > 1 ? Math.sqrt(square / (values.length - 1)).toFixed(3) : "";
  }

  function inWords(size) {
    const values = drawn.get(size);
    return `${values.length} sets of ${size}: mean ${mean(values).toFixed(3)}, ` +
      `standard deviation ${deviation(values)}.`;
  }

  function tellSets() {
    at("sets").replaceChildren(...SIZES.map((size) => {
      const values = drawn.get(size);
      const middle = values.length ? mean(values).toFixed(3) : "";
      return row(size, values.length, middle, deviation(values));
    }));
    const several = SIZES.filter((size) => drawn.get(size).length > 1);
    at("strip-desc").textContent =
      several.map(inWords).join(" ") || "There is nothing to compare yet.";
  }

  function startAgain() {
    restart();
    for (const temperatures of drawn.values()) temperatures.length = 0;
    strip.dots.replaceChildren();
    at("set-words").textContent = "You have not drawn a set yet.";
    tellSets();
  }

  at("draw").addEventListener("click", () => drawSets(1));
  at("draw-20").addEventListener("click", () => drawSets(20));
  at("reset").addEventListener("click", startAgain);
  startAgain();
})();
