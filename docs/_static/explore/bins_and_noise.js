// This script draws test sets, and shows their ECE beside its noise floor.
"use strict";

(() => {
  const { calibration, test, isRight, confidences, binned, optimum } = window.playground;
  const { percent, percentTicks, add, panel, reliabilityDiagram, atRest } = window.drawing;
  const SIZES = [100, 300, 1000, 3000];
  const HIGHEST_ECE = 0.35;
  const DOT = 7; // the width of a dot, and the distance of two dots of which one is above the other
  const LEVELS = [0, 1, -1, 2, -2];
  const at = (id) => document.getElementById(`bn-${id}`);

  const NETWORKS = {
    perfect: {
      name: "the perfect model",
      confidence: confidences(optimum(calibration)),
      isRight: (k, confidence, random) => random < confidence,
    },
    overconfident: {
      name: "the overconfident network",
      confidence: confidences(1),
      isRight: (k) => isRight(test[k]),
    },
  };
  let random;
  let drawn;

  /** Draw images with replacement, and whether the answer to each of them is right. */
  function drawTestSet(network, size) {
    const { confidence, isRight } = NETWORKS[network];
    const found = { network, size, confidences: new Float64Array(size), right: [] };
    for (let i = 0; i < size; i++) {
      const k = Math.floor(random() * test.length);
      found.confidences[i] = confidence[k];
      found.right.push(isRight(k, confidence[k], random()) ? 1 : 0);
    }
    return found;
  }

  /** Return the ECE to expect if every answer is right with a probability of its confidence. */
  function noiseFloor(confidences, nBins) {
    const members = Array.from({ length: nBins }, () => []);
    for (const p of confidences) members[Math.min(Math.floor(nBins * p), nBins - 1)].push(p);
    const gaps = members.map((inBin) => {
      const expected = inBin.reduce((sum, p) => sum + p, 0);
      return probabilitiesOfCounts(inBin).reduce(
        (sum, probability, count) => sum + probability * Math.abs(count - expected), 0
      );
    });
    return gaps.reduce((sum, gap) => sum + gap, 0) / confidences.length;
  }

  /** Return how probable every number of right answers is. */
  function probabilitiesOfCounts(confidences) {
    const found = new Float64Array(confidences.length + 1);
    found[0] = 1;
    confidences.forEach((p, n) => {
      for (let count = n + 1; count > 0; count--) {
        found[count] += p * (found[count - 1] - found[count]);
      }
      found[0] *= 1 - p;
    });
    return found;
  }

  const diagram = reliabilityDiagram(at("diagram"), { top: 8, bottom: 194 });

  const strip = (() => {
    const svg = at("strip");
    const { x, y } = panel(svg, {
      top: 8, bottom: 194, xLabel: "ECE", yLabel: "images in the test set",
      xTicks: percentTicks(0, 0.1, 0.2, 0.3).map(([ece, text]) => [ece / HIGHEST_ECE, text]),
      yTicks: SIZES.map((size, k) => [(SIZES.length - k - 0.5) / SIZES.length, size]),
    });
    return {
      x: (ece) => x(Math.min(ece / HIGHEST_ECE, 1)),
      y: (size) => y(1 - (SIZES.indexOf(size) + 0.5) / SIZES.length),
      height: (y(0) - y(1)) / SIZES.length,
      floors: add(svg, "g"),
      dots: add(svg, "g"),
    };
  })();

  /** Return a function that says where a dot goes: on the line of its size, if nothing is there. */
  function placing() {
    const taken = [];
    return (size, cx) => {
      const isFree = (level) => !taken.some((dot) =>
        dot.size === size && dot.level === level && Math.abs(dot.cx - cx) < DOT);
      const level = LEVELS.find(isFree) ?? LEVELS[taken.length % LEVELS.length];
      taken.push({ size, level, cx });
      return strip.y(size) - DOT * level;
    };
  }

  function showStrip(nBins, network) {
    const place = placing();
    strip.dots.replaceChildren(...drawn.map(({ ece, size, ...draw }, k) => {
      const cx = strip.x(ece);
      const cy = place(size, cx);
      const latest = k === drawn.length - 1 ? " ex-latest" : "";
      return draw.network === "perfect"
        ? add(strip.dots, "circle", { class: `ex-drawn${latest}`, cx, cy, r: 3.5 })
        : add(strip.dots, "rect", {
          class: `ex-drawn ex-other${latest}`, x: cx - 3, y: cy - 3, width: 6, height: 6,
        });
    }));
    strip.floors.replaceChildren(...SIZES.flatMap((size) => {
      const last = drawn.findLast((draw) => draw.network === network && draw.size === size);
      if (!last) return [];
      const x = strip.x(noiseFloor(last.confidences, nBins));
      const d = `M${x} ${strip.y(size) - 0.45 * strip.height}v${0.9 * strip.height}`;
      return [add(strip.floors, "path", { class: "ex-line ex-floor", d })];
    }));
  }

  /** Show the last test set and all ECEs in this number of bins. */
  function show() {
    const nBins = Number(at("bins").value);
    for (const draw of drawn) draw.ece = binned(draw.confidences, draw.right, nBins).ece;
    const last = drawn.at(-1);
    const floor = noiseFloor(last.confidences, nBins);
    const { bins } = binned(last.confidences, last.right, nBins);
    diagram(bins);
    showStrip(nBins, last.network);
    at("bins-chosen").textContent = nBins;
    at("ece").textContent = percent(last.ece);
    at("floor").textContent = percent(floor);
    tell(last, floor, bins);
  }

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  function spread(values) {
    const middle = mean(values);
    const square = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    return Math.sqrt(square / (values.length - 1));
  }

  /** Say in words what the test sets of this network and this size have shown. */
  function inWords(network, size) {
    const eces = drawn
      .filter((draw) => draw.network === network && draw.size === size)
      .map((draw) => draw.ece);
    if (eces.length < 2) return "";
    return `${eces.length} test sets of ${size} images and ${NETWORKS[network].name}: ` +
      `mean ECE ${percent(mean(eces))}, standard deviation ${percent(spread(eces))}.`;
  }

  const tell = atRest((last, floor, bins) => {
    const above = bins.filter((bin) => bin.correct > bin.confidence).length;
    const filled = bins.filter((bin) => bin.count).length;
    at("diagram-desc").textContent =
      `${last.size} images, ${NETWORKS[last.network].name}, bins: ${bins.length}. In ${above} of ` +
      `${filled} filled bins the accuracy is above the mean confidence. ` +
      `ECE ${percent(last.ece)}, noise floor ${percent(floor)}.`;
    const all = Object.keys(NETWORKS).flatMap((network) =>
      SIZES.map((size) => inWords(network, size)).filter(Boolean)
    );
    at("strip-desc").textContent = all.join(" ") || "There is nothing to compare yet.";
    at("words").textContent =
      `The ECE is ${percent(last.ece)}, and a perfect model would have one of ` +
      `${percent(floor)} on average. ${inWords(last.network, last.size)}`;
  });

  function drawMore(times) {
    for (let k = 0; k < times; k++) {
      drawn.push(drawTestSet(at("network").value, Number(at("size").value)));
    }
    show();
  }

  function startAgain() {
    random = window.randomNumbers(2017);
    drawn = [];
    drawMore(1);
  }

  at("bins").addEventListener("input", show);
  at("draw").addEventListener("click", () => drawMore(1));
  at("draw-20").addEventListener("click", () => drawMore(20));
  at("reset").addEventListener("click", startAgain);
  startAgain();

  window.binsAndNoise = { drawn: () => drawn, noiseFloor };
})();
