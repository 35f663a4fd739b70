// This script compares what a threshold on the confidence promises to cost with what it costs.
"use strict";

(() => {
  const { calibration, test, isRight, confidences, optimum } = window.playground;
  const { percent, add, set, panel, row, atRest } = window.drawing;
  const THRESHOLDS = Array.from({ length: 201 }, (_, k) => k / 200);
  const HIGHEST_COST = 1.6;
  const at = (id) => document.getElementById(`ct-${id}`);

  /** Return a function that gives the mean costs of an image, where a human costs 1. */
  function costs(confidence) {
    const order = Array.from(confidence.keys()).sort((a, b) => confidence[b] - confidence[a]);
    const sorted = order.map((k) => confidence[k]);
    // These are sums over the most confident images, as many as the index says.
    const wrong = [0];
    const doubt = [0];
    order.forEach((k, n) => {
      wrong.push(wrong[n] + (isRight(test[k]) ? 0 : 1));
      doubt.push(doubt[n] + 1 - confidence[k]);
    });
    return (threshold, cost) => {
      const found = sorted.findIndex((value) => value < threshold);
      const answered = found < 0 ? sorted.length : found;
      const handedOver = sorted.length - answered;
      const mean = (sum) => (cost * sum[answered] + handedOver) / sorted.length;
      return {
        handedOver: handedOver / sorted.length, promised: mean(doubt), realised: mean(wrong),
      };
    };
  }

  function chart(svg, name) {
    const { x, y } = panel(svg, {
      top: 8, bottom: 174, xLabel: "threshold on the confidence", yLabel: "mean cost of an image",
      xTicks: [0, 0.2, 0.4, 0.6, 0.8, 1].map((threshold) => [threshold, threshold]),
      yTicks: [0, 0.5, 1, 1.5].map((cost) => [cost / HIGHEST_COST, cost]),
    });
    const height = (cost) => y(Math.min(cost / HIGHEST_COST, 1));
    const corner = { x: x(0.02), y: y(0.06), class: "ex-strong" };
    add(svg, "text", corner, `${name} scaling`);
    const promise = add(svg, "path", { class: "ex-curve ex-vermilion ex-dashed" });
    const truth = add(svg, "path", { class: "ex-curve ex-blue" });
    const threshold = add(svg, "path", { class: "ex-line ex-dashed" });
    const lowest = add(svg, "circle", { class: "ex-ring", r: 7 });
    const hand = add(svg, "circle", { class: "ex-hand ex-blue", r: 5 });
    return ({ curve, best, here, chosen }) => {
      const line = (kind) => {
        const points = THRESHOLDS.map((t, k) => [t, curve[k][kind]])
          .filter(([, cost]) => cost <= HIGHEST_COST)
          .map(([t, cost]) => `${x(t).toFixed(2)} ${height(cost).toFixed(2)}`);
        return `M${points.join("L")}`;
      };
      set(promise, { d: line("promised") });
      set(truth, { d: line("realised") });
      set(threshold, { d: `M${x(chosen)} ${y(0)}V${y(1)}` });
      set(lowest, { cx: x(THRESHOLDS[best]), cy: height(curve[best].realised) });
      set(hand, { cx: x(chosen), cy: height(here.realised) });
    };
  }

  const networks = [
    { name: "before", costs: costs(confidences(1)), draw: chart(at("before"), "before") },
    {
      name: "after",
      costs: costs(confidences(optimum(calibration))),
      draw: chart(at("after"), "after"),
    },
  ];

  function show() {
    const cost = Number(at("cost").value);
    const chosen = 1 - 1 / cost;
    const found = networks.map(({ name, costs, draw }) => {
      const curve = THRESHOLDS.map((threshold) => costs(threshold, cost));
      const realised = curve.map((costs) => costs.realised);
      const best = realised.indexOf(Math.min(...realised));
      const here = costs(chosen, cost);
      draw({ curve, best, here, chosen });
      return { name, here, lowest: realised[best], bestThreshold: THRESHOLDS[best] };
    });
    at("chosen").textContent = cost.toFixed(1);
    at("threshold").textContent = chosen.toFixed(3);
    at("costs").replaceChildren(...found.map(({ name, here, lowest, bestThreshold }) => row(
      `${name} scaling`, percent(here.handedOver), here.promised.toFixed(3),
      here.realised.toFixed(3), `${lowest.toFixed(3)} at ${bestThreshold.toFixed(3)}`,
    )));
    tell(cost, chosen, found);
  }

  const tell = atRest((cost, chosen, found) => {
    const sentences = found.map(({ name, here, lowest, bestThreshold }) => {
      const sentence = `${percent(here.handedOver)} of the images are handed over, and an image ` +
        `costs ${here.realised.toFixed(3)} instead of the promised ${here.promised.toFixed(3)}.`;
      at(`${name}-desc`).textContent =
        `At the threshold of ${chosen.toFixed(3)}, ${sentence} The lowest realised cost is ` +
        `${lowest.toFixed(3)}, at a threshold of ${bestThreshold.toFixed(3)}.`;
      return `${name === "before" ? "Before" : "After"} scaling, ${sentence}`;
    });
    at("words").textContent =
      `A wrong answer costs ${cost.toFixed(1)} times as much as a human, so the threshold is ` +
      `${chosen.toFixed(3)}. ${sentences.join(" ")}`;
  });

  at("cost").addEventListener("input", show);
  show();
})();
