// This script shows the prediction sets that calibkit.ConformalSets gives at a chosen level.
"use strict";

(() => {
  const { percent, percentTicks, add, set, panel, atRest } = window.drawing;
  const { levels, testImages, images, ...packed } = window.conformalSetsData;
  const [thresholds, covered, sizes] = window.decodeColumns(packed);
  const SHOWN_CLASSES = 7;
  const [LOWEST_P, LEFT, RIGHT, TOP, ROW] = [5e-4, 26, 164, 74, 17];
  const at = (id) => document.getElementById(`cs-${id}`);

  const coverages = covered.map((count) => count / testImages);
  const averages = sizes.map((count) => count / testImages);
  const setSize = ({ probabilities }, k) =>
    probabilities.filter((p) => p >= 1 - thresholds[k]).length;

  /** Draw an image with its most probable classes, and return a function that shows its set. */
  function candidates(image, number) {
    const { picture, label, classes, probabilities } = image;
    const x = (p) =>
      LEFT + (RIGHT - LEFT) * (1 - Math.log(Math.max(p, LOWEST_P)) / Math.log(LOWEST_P));
    const [titleId, descId] = [`cs-image-${number}-title`, `cs-image-${number}-desc`];
    const svg = add(at("images"), "svg", {
      viewBox: "0 0 170 215", role: "img", "aria-labelledby": titleId, "aria-describedby": descId,
    });
    add(svg, "title", { id: titleId }, `Image of ${label}, with the set of its candidates`);
    const desc = add(svg, "desc", { id: descId });
    add(svg, "image", { href: picture, width: 64, height: 64, x: LEFT, y: 0, class: "ex-pixels" });
    const size = add(svg, "text", { x: LEFT + 72, y: 28, class: "ex-strong" });
    const missed = add(svg, "text", { x: LEFT + 72, y: 48 });
    const bars = classes.slice(0, SHOWN_CLASSES).map((name, k) => {
      const y = TOP + ROW * k;
      const kind = name === label ? "ex-strong" : "ex-text";
      add(svg, "text", { x: LEFT - 6, y: y + 12, "text-anchor": "end", class: kind }, name);
      return add(svg, "rect", { x: LEFT, y: y + 2, width: x(probabilities[k]) - LEFT, height: 13 });
    });
    const bottom = TOP + ROW * SHOWN_CLASSES;
    const axes = add(svg, "g", { class: "ex-axes" });
    add(axes, "path", { d: `M${LEFT} ${TOP}V${bottom}H${RIGHT}` });
    // The label of 100% would touch that of 10%.
    for (const [p, text] of [[0.001, "0.1%"], [0.01, "1%"], [0.1, "10%"], [1, ""]]) {
      add(axes, "path", { d: `M${x(p)} ${bottom}v4` });
      add(axes, "text", { x: x(p), y: bottom + 18, "text-anchor": "middle" }, text);
    }
    const limit = add(svg, "path", { class: "ex-line ex-dashed" });
    return (k) => {
      const inSet = setSize(image, k);
      bars.forEach((bar, row) => {
        set(bar, { class: row < inSet ? "ex-accuracy" : "ex-outside" });
      });
      const at = x(1 - thresholds[k]);
      set(limit, { d: `M${at} ${TOP - 4}V${bottom}` });
      size.textContent = inSet === 1 ? "1 class" : `${inSet} classes`;
      const holds = classes.slice(0, inSet).includes(label);
      missed.textContent = holds ? "" : "misses it";
      const names = classes.slice(0, Math.min(inSet, SHOWN_CLASSES)).join(", ");
      const more = inSet > SHOWN_CLASSES ? ` and ${inSet - SHOWN_CLASSES} more` : "";
      desc.textContent = inSet
        ? `The set holds ${names}${more}. It ${holds ? "holds" : "misses"} the label.`
        : "The set is empty.";
    };
  }

  /** Draw values from low to high against the level, and return a function that marks one. */
  function curve(svg, { values, low, high, yTicks, yLabel }) {
    const share = (level) => (level - levels[0]) / (1 - levels[0]);
    const { x, y } = panel(svg, {
      top: 6, bottom: 68, xLabel: "coverage asked for", yLabel,
      xTicks: percentTicks(0.5, 0.6, 0.7, 0.8, 0.9, 1).map(([level, text]) => [share(level), text]),
      yTicks: yTicks.map(([value, text]) => [(value - low) / (high - low), text]),
    });
    const place = (k) => [x(share(levels[k])), y((values[k] - low) / (high - low))];
    const points = levels.map((_, k) => place(k).join(" "));
    const line = add(svg, "path", { class: "ex-curve ex-blue", d: `M${points.join("L")}` });
    const hand = add(svg, "circle", { class: "ex-hand ex-blue", r: 5 });
    return { x, y, line, show: (k) => set(hand, { cx: place(k)[0], cy: place(k)[1] }) };
  }

  const coverage = curve(at("coverages"), {
    values: coverages, low: 0.4, high: 1, yTicks: percentTicks(0.4, 0.6, 0.8, 1), yLabel: "covered",
  });
  // On this line, the sets hold the label exactly as often as asked.
  coverage.line.before(add(at("coverages"), "path", {
    class: "ex-line ex-dashed",
    d: `M${coverage.x(0)} ${coverage.y(1 / 6)}L${coverage.x(1)} ${coverage.y(1)}`,
  }));
  const size = curve(at("sizes"), {
    values: averages, low: 0, high: 20, yTicks: [[0, 0], [10, 10], [20, 20]], yLabel: "classes",
  });
  const drawings = [...images.map(candidates), coverage.show, size.show];

  function show() {
    const k = Number(at("level").value);
    for (const draw of drawings) draw(k);
    const asked = percent(levels[k]);
    at("level").setAttribute("aria-valuetext", asked);
    at("asked").textContent = asked;
    at("coverage").textContent = percent(coverages[k]);
    at("size").textContent = averages[k].toFixed(2);
    at("threshold").textContent = thresholds[k].toFixed(3);
    tell(k);
  }

  const tell = atRest((k) => {
    const found = `${percent(coverages[k])} of ${testImages} test images`;
    at("coverages-desc").textContent =
      `Asked for ${percent(levels[k])}, the sets hold the label of ${found}.`;
    at("sizes-desc").textContent =
      `The sets name ${averages[k].toFixed(2)} classes on average. At 50% they name ` +
      `${averages[0].toFixed(2)}, and at 99% they name ${averages.at(-1).toFixed(2)}.`;
    at("words").textContent =
      `Asked for ${percent(levels[k])}, the threshold is ${thresholds[k].toFixed(3)}. The sets ` +
      `hold the label of ${found}, and name ${averages[k].toFixed(2)} classes on average.`;
  });

  at("level").addEventListener("input", show);
  show();
})();
