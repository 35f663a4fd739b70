// This script weights images as if events were more or less frequent, and corrects P(y = 1).
"use strict";

(() => {
  const { percent, percentTicks, fifths, add, set, panel, atRest } = window.drawing;
  const [logits, isEvent] = window.decodeColumns(window.shiftingPriorData);
  const N_BINS = 10;
  const N_STEPS = 20;
  const at = (id) => document.getElementById(`sp-${id}`);
  const logOdds = (p) => Math.log(p / (1 - p));
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const shareOfEvents = mean(isEvent);
  // The logits are calibrated for their own mean P(y = 1).
  const source = mean(logits.map(sigmoid));

  /** Return what an image with an event and another image count if the events have this share. */
  function weights(prior) {
    return [(1 - prior) / (1 - shareOfEvents), prior / shareOfEvents];
  }

  /** Return by how much Bayes' rule moves all logits if it assumes this prior. */
  const shift = (assumed) => logOdds(assumed) - logOdds(source);

  /** Return the scores where the prior is this one, and P(y = 1) is corrected for the assumed. */
  function measure(prior, assumed) {
    const counts = weights(prior);
    const moved = shift(assumed);
    const bins = Array.from({ length: N_BINS }, () => ({ count: 0, events: 0, claimed: 0 }));
    let nll = 0;
    logits.forEach((logit, i) => {
      const z = logit + moved;
      const p = sigmoid(z);
      const count = counts[isEvent[i]];
      const bin = bins[Math.min(Math.floor(N_BINS * p), N_BINS - 1)];
      bin.count += count;
      bin.events += count * isEvent[i];
      bin.claimed += count * p;
      nll += count * Math.log1p(Math.exp(isEvent[i] ? -z : z));
    });
    const gaps = bins.map((bin) => Math.abs(bin.events - bin.claimed));
    return {
      ece: gaps.reduce((sum, gap) => sum + gap) / logits.length, nll: nll / logits.length, bins,
    };
  }

  /** Estimate the prior by EM, which needs no labels, and return the estimates of all steps. */
  function estimates(prior) {
    const counts = weights(prior);
    const found = [source];
    let change;
    do {
      const moved = shift(found.at(-1));
      const p = logits.map((logit, i) => counts[isEvent[i]] * sigmoid(logit + moved));
      found.push(mean(p));
      change = Math.abs(found.at(-1) - found.at(-2));
    } while (change > 1e-7);
    return found;
  }

  const diagram = (() => {
    const svg = at("diagram");
    const { x, y } = panel(svg, {
      top: 8, bottom: 222, xTicks: fifths, yTicks: fifths,
      xLabel: "mean P(y = 1)", yLabel: "share of events",
    });
    add(svg, "path", { class: "ex-line ex-dashed", d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}` });
    const curve = add(svg, "path", { class: "ex-curve ex-blue" });
    const dots = add(svg, "g");
    const hundredths = Array.from({ length: 101 }, (_, k) => k / 100);
    return ({ bins }, prior, assumed) => {
      const points = hundredths.map((p) => {
        const happens = sigmoid(logOdds(p) + logOdds(prior) - logOdds(assumed));
        return `${x(p).toFixed(2)} ${y(happens).toFixed(2)}`;
      });
      set(curve, { d: `M${points.join("L")}` });
      dots.replaceChildren(...bins.filter((bin) => bin.count).map(({ count, events, claimed }) =>
        add(dots, "circle", {
          class: "ex-right", cx: x(claimed / count), cy: y(events / count),
          r: 2.5 + 12 * Math.sqrt(count / logits.length),
        })
      ));
    };
  })();

  const steps = (() => {
    const svg = at("steps");
    const { x, y } = panel(svg, {
      top: 8, bottom: 108, xTicks: [0, 5, 10, 15, 20].map((step) => [step / N_STEPS, step]),
      yTicks: percentTicks(0, 0.2, 0.4, 0.6, 0.8).map(([share, text]) => [share / 0.85, text]),
      xLabel: "step of EM", yLabel: "estimate",
    });
    const inUse = add(svg, "path", { class: "ex-line ex-dashed" });
    const dots = Array.from({ length: N_STEPS + 1 }, (_, step) =>
      add(svg, "circle", { class: "ex-confidence", r: 4, cx: x(step / N_STEPS) })
    );
    return (path, prior) => {
      set(inUse, { d: `M${x(0)} ${y(prior / 0.85)}H${x(1)}` });
      dots.forEach((dot, step) => set(dot, { cy: y((path[step] ?? path.at(-1)) / 0.85) }));
    };
  })();

  const rows = [...document.querySelectorAll(".ex-choices tbody tr")];

  function show() {
    const prior = at("prior").value / 100;
    const path = estimates(prior);
    const assumed = { none: source, known: prior, estimated: path.at(-1) };
    const scores = Object.fromEntries(
      Object.entries(assumed).map(([way, target]) => [way, measure(prior, target)])
    );
    const { value: way } = document.querySelector("[name=sp-way]:checked");
    diagram(scores[way], prior, assumed[way]);
    steps(path, prior);
    for (const row of rows) {
      const { value } = row.querySelector("input");
      const { ece, nll } = scores[value];
      const cells = [percent(assumed[value]), percent(ece), nll.toFixed(3)];
      cells.forEach((text, k) => (row.cells[k + 1].textContent = text));
    }
    at("chosen").textContent = percent(prior);
    at("prior").setAttribute("aria-valuetext", percent(prior));
    tell(prior, assumed[way], scores[way], path.at(-1));
  }

  const tell = atRest((prior, assumed, { ece, nll, bins }, estimate) => {
    const filled = bins.filter((bin) => bin.count);
    const above = filled.filter((bin) => bin.events > bin.claimed).length;
    const claimed = filled.reduce((sum, bin) => sum + bin.claimed, 0) / logits.length;
    at("words").textContent =
      `Events have a share of ${percent(prior)}, and P(y = 1) is ${percent(claimed)} on average. ` +
      `ECE ${percent(ece)}, NLL ${nll.toFixed(3)}.`;
    at("diagram-desc").textContent =
      `P(y = 1) assumes a prior of ${percent(assumed)}, and the prior in use is ` +
      `${percent(prior)}. In ${above} of ${filled.length} filled bins the share of events is ` +
      `above the mean P(y = 1). ECE ${percent(ece)}.`;
    at("steps-desc").textContent =
      `EM begins at ${percent(source)} and ends at ${percent(estimate)}. The prior in use is ` +
      `${percent(prior)}.`;
  });

  at("mark").textContent = percent(source);
  at("mark").style.setProperty("--share", (100 * source - 1) / 79);
  at("prior").addEventListener("input", show);
  for (const row of rows) row.addEventListener("change", show);
  show();

  window.shiftingPrior = { source, measure, estimates };
})();
