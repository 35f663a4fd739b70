// This script holds what the drawings of the playground and of the explorables share.
"use strict";

(() => {
  // All drawings with axes are 400 units wide.
  const [LEFT, RIGHT] = [58, 388];

  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const percentTicks = (...shares) => shares.map((share) => [share, `${Math.round(100 * share)}%`]);
  const fifths = percentTicks(0, 0.2, 0.4, 0.6, 0.8, 1);

  function add(parent, tag, attributes = {}, text = "") {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    set(element, attributes);
    element.textContent = text;
    return parent.appendChild(element);
  }

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, typeof value === "number" ? value.toFixed(2) : value);
    }
  }

  /** Draw the axes of a part of a drawing, and return where the values from 0 to 1 are. */
  function panel(svg, { top, bottom, xTicks, yTicks, xLabel, yLabel }) {
    const x = (share) => LEFT + (RIGHT - LEFT) * share;
    const y = (share) => bottom - (bottom - top) * share;
    const axes = add(svg, "g", { class: "ex-axes" });
    add(axes, "path", { d: `M${LEFT} ${top}V${bottom}H${RIGHT}` });
    for (const [share, text] of xTicks) {
      add(axes, "path", { d: `M${x(share)} ${bottom}v4` });
      if (xLabel) add(axes, "text", { x: x(share), y: bottom + 18, "text-anchor": "middle" }, text);
    }
    const yMarks = yTicks.map(([share, text]) => {
      const mark = add(axes, "g", { transform: `translate(0 ${y(share)})` });
      add(mark, "path", { class: "ex-grid", d: `M${LEFT} 0H${RIGHT}` });
      add(mark, "text", { x: LEFT - 6, y: 4, "text-anchor": "end" }, text);
      return mark;
    });
    const middle = (top + bottom) / 2;
    const turned = { transform: `translate(10 ${middle}) rotate(-90)`, "text-anchor": "middle" };
    add(axes, "text", turned, yLabel);
    const below = { x: (LEFT + RIGHT) / 2, y: bottom + 36, "text-anchor": "middle" };
    if (xLabel) add(axes, "text", below, xLabel);
    return { x, y, yMarks };
  }

  /** Draw the axes of a reliability diagram, and return a function that shows bins in it. */
  function reliabilityDiagram(svg, { top, bottom }) {
    const { x, y } = panel(svg, {
      top, bottom, xTicks: fifths, yTicks: fifths,
      xLabel: "confidence of the answer", yLabel: "accuracy",
    });
    const bars = add(svg, "g");
    add(svg, "path", { class: "ex-line ex-dashed", d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}` });
    const dots = add(svg, "g");
    return (bins) => {
      bars.replaceChildren();
      dots.replaceChildren();
      bins.forEach(({ count, correct, confidence }, k) => {
        const accuracy = y(correct / (count || 1));
        const mean = confidence / (count || 1);
        const display = count ? "inline" : "none";
        add(bars, "rect", {
          class: "ex-accuracy", display, x: x((k + 0.04) / bins.length),
          width: x(0.92 / bins.length) - x(0), y: accuracy, height: y(0) - accuracy,
        });
        add(dots, "path", { class: "ex-gap", display, d: `M${x(mean)} ${accuracy}V${y(mean)}` });
        add(dots, "circle", { class: "ex-confidence", display, r: 4, cx: x(mean), cy: y(mean) });
      });
    };
  }

  /** Return the row of a table with these cells, of which the first is its heading. */
  function row(heading, ...cells) {
    const line = document.createElement("tr");
    const head = line.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = heading;
    for (const cell of cells) line.appendChild(document.createElement("td")).textContent = cell;
    return line;
  }

  /** Return a function that says something in words when the reader has come to rest. */
  function atRest(tell) {
    let waiting = 0;
    return (...what) => {
      clearTimeout(waiting);
      waiting = setTimeout(tell, 500, ...what);
    };
  }

  window.drawing = {
    percent, percentTicks, fifths, add, set, panel, reliabilityDiagram, row, atRest,
  };
})();
