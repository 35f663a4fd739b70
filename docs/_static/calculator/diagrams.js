// The reliability diagrams as pictures, and what they show in words.
(self.calculatorParts ??= {}).diagrams = function () {
  "use strict";

  const { sentences } = self;
  const { percent, wordsOf, escape, escaped } = self.measures;
  const NAMES = ["before scaling", "after scaling"];
  const [BLUE, ORANGE] = ['fill="#0072b2"', 'fill="#d55e00" stroke="#fff"'];
  const GREY = 'fill="#888" fill-opacity=".45" stroke="#666"';
  const DASHED = 'stroke="currentColor" stroke-dasharray="5 4"';
  // Where the axes of a diagram are, in its own units.
  const [LEFT, RIGHT, TOP, BOTTOM] = [52, 380, 30, 300];
  const MOST_TICKS = 6;
  // A text of more letters beside an axis would reach its numbers.
  const LONGEST = 32;
  const WHOLE = { low: 0, high: 1, step: 0.2 };
  // Below this share of the largest value, the smallest one is near 0.
  const NEAR_0 = 0.5;

  const sidesOf = ({ before, after }) => [before, after];
  const shownIn = (side) => side.groups ?? side.bins;
  const haveGroups = (report) => report.before.groups !== undefined;

  /** Say what a diagram shows. */
  function legend(report) {
    const words = wordsOf(report);
    if (!haveGroups(report)) return sentences.DIAGRAM(words);
    const { low } = axisOf(report);
    const { confidence, share } = words;
    return (
      "One bin holds nearly all samples. So the diagrams show groups of about equal size, from " +
      `the lowest ${confidence} to the highest: a bar shows the ${share} in a group, and a dot ` +
      `the mean ${confidence}. If the model is calibrated, the bars end within the grey bands in ` +
      "about 95% of the groups. The vertical axis " +
      (low > 0
        ? "does not begin at 0, so compare where the bars end, not how long they are."
        : "ends near the largest of these values, not at 100%.")
    );
  }

  function alternative(name, side, report) {
    const filled = shownIn(side).filter(({ count }) => count > 0);
    const n_below = filled.filter((bin) => bin.correct < bin.confidence).length;
    const n_above = filled.filter((bin) => bin.correct > bin.confidence).length;
    const words = { name, ece: percent(side.ece.value), n_below, n_above, n_filled: filled.length };
    return sentences.DIAGRAM_IN_WORDS({ ...wordsOf(report), ...words });
  }

  const alternatives = (report) =>
    sidesOf(report).map((side, k) => alternative(NAMES[k], side, report));

  /** Return the vertical axis of both diagrams. That of groups holds no more than they need. */
  function axisOf(report) {
    if (!haveGroups(report)) return WHOLE;
    const values = sidesOf(report).flatMap(({ groups }) =>
      groups.flatMap(({ count, confidence, correct, band }) => {
        return [confidence / count, correct / count, ...band];
      })
    );
    const most = Math.max(...values);
    const least = Math.min(...values) < NEAR_0 * most ? 0 : Math.min(...values);
    const exact = Math.max((most - least) / MOST_TICKS, 1e-6);
    const unit = 10 ** Math.floor(Math.log10(exact));
    const step = [1, 2, 5, 10].map((factor) => factor * unit).find((one) => one >= exact);
    const low = Math.floor(least / step) * step;
    return { low, high: Math.min(Math.ceil(most / step) * step, 1), step };
  }

  const diagrams = (report) =>
    sidesOf(report).map((side, k) => diagram(NAMES[k], side, report, axisOf(report)));

  /** Return a reliability diagram as SVG, which takes its text colour from where it stands. */
  function diagram(name, side, report, axis) {
    const [confidence, share] = ["confidence", "share"].map((which) =>
      escape(shortened(wordsOf(report)[which]))
    );
    const bins = shownIn(side);
    const y = (value) => BOTTOM - ((BOTTOM - TOP) * (value - axis.low)) / (axis.high - axis.low);
    const middle = (TOP + BOTTOM) / 2;
    const title = `${name[0].toUpperCase()}${name.slice(1)}, ECE ${percent(side.ece.value)}`;
    const below = side.groups ? `groups of samples, by ${confidence}` : confidence;
    return [
      '<svg viewBox="0 0 400 345" role="img" xmlns="http://www.w3.org/2000/svg"',
      ' font-family="system-ui, sans-serif" font-size="13" fill="currentColor">',
      `<title>${escape(alternative(name, side, report))}</title>`,
      textAt(LEFT, 18, title, 'font-weight="bold"'),
      `<path d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}" fill="none" stroke="currentColor"/>`,
      ...ticksBeside(axis, y),
      ...(side.groups ? numbersBelow(bins) : sharesBelow()),
      ...bins.map((bin, k) => (bin.count ? barOf(bin, k, bins, side, y) : "")),
      side.groups ? "" : `<path d="M${LEFT} ${BOTTOM}L${RIGHT} ${TOP}" ${DASHED}/>`,
      textAt((LEFT + RIGHT) / 2, BOTTOM + 36, below, 'text-anchor="middle"'),
      `<text transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${share}</text>`,
      "</svg>",
    ].join("");
  }

  /** Return a text that fits beside an axis. The key has all of it. */
  const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

  const places = (share) => LEFT + (RIGHT - LEFT) * share;
  const textAt = (x, y, text, style) => `<text x="${x}" y="${y}" ${style}>${text}</text>`;

  function rectangle(left, right, top, bottom, style) {
    const [width, height] = [right - left, bottom - top].map((size) => size.toFixed(1));
    const corner = `x="${left.toFixed(1)}" y="${top.toFixed(1)}"`;
    return `<rect ${corner} width="${width}" height="${height}" ${style}/>`;
  }

  /** Return a bar, its band and its dot. A group has its dot in the middle. */
  function barOf({ count, correct, confidence, band }, k, bins, { groups }, y) {
    const [left, right] = [0.05, 0.95].map((part) => places((k + part) / bins.length));
    const [low, high] = band;
    const at = groups ? (left + right) / 2 : places(confidence / count);
    const centre = `cx="${at.toFixed(1)}" cy="${y(confidence / count).toFixed(1)}"`;
    return [
      rectangle(left, right, y(correct / count), BOTTOM, BLUE),
      rectangle(left, right, y(high), y(low), GREY),
      `<circle ${centre} r="4" ${ORANGE}/>`,
    ].join("");
  }

  /** Return the numbers beside the vertical axis. */
  function ticksBeside({ low, high, step }, y) {
    const digits = Math.max(0, -Math.floor(Math.log10(100 * step) + 1e-9));
    const n = Math.floor((high - low) / step + 1e-6);
    return Array.from({ length: n + 1 }, (_, k) => {
      const value = low + k * step;
      const text = `${(100 * value).toFixed(digits)}%`;
      return textAt(LEFT - 6, (y(value) + 4).toFixed(1), text, 'text-anchor="end"');
    });
  }

  const sharesBelow = () =>
    [0, 20, 40, 60, 80, 100].map((share) =>
      textAt(places(share / 100).toFixed(1), BOTTOM + 16, `${share}%`, 'text-anchor="middle"')
    );

  const numbersBelow = (bins) =>
    bins.map((_, k) => {
      const x = places((k + 0.5) / bins.length).toFixed(1);
      return textAt(x, BOTTOM + 16, k + 1, 'text-anchor="middle"');
    });

  /** Return the meanings of the marks in the diagrams, as a list in HTML. */
  function key(report) {
    const { confidence, share } = escaped(wordsOf(report));
    const band = rectangle(6, 22, 12, 20, BLUE) + rectangle(6, 22, 5, 18, GREY);
    const marks = [
      [rectangle(6, 22, 4, 20, BLUE), `blue bar: ${share}`],
      [`<circle cx="14" cy="12" r="5" ${ORANGE}/>`, `orange dot: mean ${confidence}`],
      [band, "grey band, over the bar or above it: where the bars of a calibrated model end"],
    ];
    if (!haveGroups(report)) {
      const line = `<path d="M2 20L26 4" ${DASHED}/>`;
      marks.push([line, `dashed line: ${share} equal to ${confidence}`]);
    }
    const items = marks.map(([mark, text]) => {
      const size = 'viewBox="0 0 28 24" width="28" height="24"';
      return `<li><svg ${size} aria-hidden="true">${mark}</svg> <span>${text}</span></li>`;
    });
    return `<ul class="cc-key">${items.join("")}</ul>`;
  }

  self.diagrams = { legend, alternatives, diagrams, key };
};
