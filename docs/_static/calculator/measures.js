// The table of the measures: numbers as text, and what the rows mean.
(self.calculatorParts ??= {}).measures = function () {
  "use strict";

  const { cardTexts } = self;
  const ROWS = [
    ["accuracy", "accuracy", "percent", 1],
    ["NLL", "nll", "plain", 3],
    ["Brier score", "brier", "plain", 3],
    ["ECE", "ece", "percent", 1],
    ["ECE if calibrated", "noiseFloor", "percent", 1],
    ["p-value", "pValue", "p", 3],
    ["top-label ECE", "topLabelEce", "percent", 1],
    ["classwise ECE", "classwiseEce", "percent", 2],
    ["if calibrated", "classwiseNoiseFloor", "percent", 2],
    ["its p-value", "classwisePValue", "p", 3],
  ];

  const WHEN = ["before", "after", "change"];
  const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  const N_RESAMPLES = 1000;
  // Rows that the glossary explains under their own names.
  const IN_GLOSSARY = ["NLL", "Brier score", "ECE", "p-value", "classwise ECE"];

  const format = (value, kind, digits) =>
    kind === "percent" ? `${fixed(100 * value, digits)}%` : fixed(value, digits);

  /** Return a number as text with its sign. If it would be shown as 0, more decimals follow. */
  function withSign(value, kind, digits) {
    const texts = [0, 1, 2].map((more) => format(value, kind, digits + more));
    const text = texts.find((one) => Number.parseFloat(one) !== 0);
    if (text === undefined) return format(0, kind, digits);
    return value > 0 ? `+${text}` : text;
  }

  /** Return a number with so many decimals. As in Python, half of a unit leads to an even digit. */
  function fixed(value, digits) {
    const up = value.toFixed(digits);
    const isHalf = /^50*$/.test(value.toFixed(20).split(".")[1].slice(digits));
    const isOdd = Number(up.at(-1)) % 2 === 1;
    return isHalf && isOdd ? (Number(up) - Math.sign(value) * 10 ** -digits).toFixed(digits) : up;
  }

  const percent = (share) => format(share, "percent", 1);
  const short = (value) => String(Number(value.toPrecision(4)));

  /** Return a p-value as text. The smallest one that the draws can show is only a bound. */
  const pText = (p, equals = "") => `${isBound(p) ? "≤ " : equals}${p.toFixed(3)}`;

  const isBound = (p) => p * (N_RESAMPLES + 1) < 1.5;

  function withRange(numbers, kind, digits, signed) {
    if (kind === "p") return [pText(numbers), ""];
    const all = [numbers.value, numbers.low, numbers.high];
    const shown = signed ? withSign : format;
    const [value, low, high] = all.map((number) => shown(number, kind, digits));
    if (signed && all.every((one) => one === 0)) return ["none", ""];
    const smallest = 10 ** -(digits + (kind === "percent" ? 2 : 0));
    // Where all would be shown as 0, signs would only puzzle.
    const isTiny = signed && all.every((one) => Math.abs(one) < smallest / 2);
    if (isTiny) return [`below ${format(smallest, kind, digits)}`, ""];
    return [value, `(${low} to ${high})`];
  }

  /** Return the rows of the table: the name, and a value with its range for each of WHEN. */
  function tableOf(report) {
    const { before, after, change } = report;
    const measured = ROWS.filter(([, field]) => before[field] !== undefined);
    const rows = measured.map(([name, field, kind, digits]) => [
      report.C === 2 && field === "accuracy" ? cardTexts.accuracyOfEvent : name,
      withRange(before[field], kind, digits),
      withRange(after[field], kind, digits),
      change[field] === undefined ? ["", ""] : withRange(change[field], kind, digits, true),
    ]);
    return report.C === 2 ? [...sharesInRows(report), ...rows] : rows;
  }

  /** Return the rows of the mean probability of an event and of its frequency. */
  function sharesInRows(report) {
    const [before, after] = [report.before, report.after].map(({ bins }) => sharesOf(bins));
    const { confidence, share } = wordsOf(report);
    const row = (name, field) => [
      name, [percent(before[field]), ""], [percent(after[field]), ""], ["", ""],
    ];
    return [row(`mean ${confidence}`, "mean"), row(share, "rate")];
  }

  /** Return the mean probability of an event and its frequency. */
  function sharesOf(bins) {
    const total = (of) => bins.reduce((sum, bin) => sum + of(bin), 0);
    const n = total(({ count }) => count);
    return {
      mean: total(({ confidence }) => confidence) / n,
      rate: total(({ correct }) => correct) / n,
    };
  }

  /** Return the words for what two classes are judged by: the chosen name of the positive one. */
  const named = ({ event }, text) =>
    event === null
      ? text
      : text.replaceAll("P(y = 1)", () => `P(${event})`).replaceAll("y = 1", () => event);

  const wordsOf = (report) =>
    report.C === 2
      ? { confidence: named(report, "P(y = 1)"), share: named(report, "frequency of y = 1") }
      : { confidence: "confidence", share: "accuracy" };

  function captionOf({ n, C, nBins, event }) {
    const judged = C === 2 ? named({ event }, " of P(y = 1)") : "";
    return `n = ${n}, ${C} classes, ECE${judged} in ${nBins} bins; in brackets 95% intervals`;
  }

  const meanings = (report) => {
    const leftOut = report.event === null ? "" : cardTexts.ofAnotherModel;
    return Object.entries(report.C > 2 ? cardTexts.meanings : cardTexts.meaningsOfTwoClasses).map(
      ([name, text]) => [name, named(report, text.replace(leftOut, ""))]
    );
  };

  const escape = (text) =>
    text.replace(/[&<>"]/g, (sign) => ESCAPES[sign]);
  // A formula such as P(y = 1), within which no line is to end.
  const FORMULA = /\S+ [=≤] \S+/g;

  const htmlOf = (text) => escape(text).replace(FORMULA, '<span class="cc-whole">$&</span>');

  const escaped = (words) =>
    Object.fromEntries(Object.entries(words).map(([name, text]) => [name, escape(text)]));

  // A telephone shows the cells of a row one below the other, and the roles keep them a table.
  function htmlTable(report) {
    const head = WHEN.map((text) => `<th scope="col" role="columnheader">${text}</th>`);
    return (
      `<table role="table"><caption>${htmlOf(captionOf(report))}</caption>` +
      `<thead role="rowgroup"><tr role="row"><td role="cell"></td>${head.join("")}</tr></thead>` +
      `<tbody role="rowgroup">${tableOf(report).map(htmlRow).join("")}</tbody></table>`
    );
  }

  function htmlRow([name, ...values]) {
    const cells = values.map(([value, range], k) => {
      const inside = `${value && `<span>${value}</span>`} <span class="cc-range">${range}</span>`;
      return `<td role="cell" data-when="${WHEN[k]}">${inside}</td>`;
    });
    const header = `<th scope="row" role="rowheader">${htmlOf(name)}</th>`;
    return `<tr role="row">${header}${cells.join("")}</tr>`;
  }

  /** Return what the rows of the table mean, with links to the glossary at this address. */
  function htmlMeanings(report, glossary) {
    const items = meanings(report).map(([name, text]) => {
      const address = escape(`${glossary}#term-${name.replace(" ", "-")}`);
      const link = `<a href="${address}" target="_blank">${name}</a>`;
      const shown = IN_GLOSSARY.includes(name) ? link : name;
      return `<li><strong>${shown}</strong>: ${htmlOf(text)}.</li>`;
    });
    return `<ul>${items.join("")}</ul><p>${cardTexts.endsAtValue}</p>`;
  }

  self.measures = {
    WHEN, N_RESAMPLES, format, percent, short, pText, isBound, tableOf, sharesOf, named, wordsOf,
    captionOf, meanings, escape, FORMULA, htmlOf, escaped, htmlTable, htmlMeanings,
  };
};
