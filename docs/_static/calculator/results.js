// This script writes the results: table, diagrams, model card and Python.
(self.calculatorParts ??= {}).results = function () {
  "use strict";

  const { sentences, cardTexts } = self;
  const LEVEL = 0.05;
  // As in calibkit's _command_line/verdicts.py.
  const [WEAK, CLEAR] = [0.1, 1.96];
  const LONGEST_NAME = 60;
  const ROWS = [
    ["accuracy", "accuracy", "percent", 1],
    ["NLL", "nll", "plain", 3],
    ["Brier score", "brier", "plain", 3],
    ["ECE", "ece", "percent", 1],
    ["ECE if calibrated", "noiseFloor", "percent", 1],
    ["p-value", "pValue", "p", 3],
    ["top-label ECE", "topLabelEce", "percent", 1],
    ["classwise ECE", "classwiseEce", "percent", 2],
    ["its noise floor", "classwiseNoiseFloor", "percent", 2],
    ["its p-value", "classwisePValue", "p", 3],
  ];
  const WHEN = ["before", "after", "change"];
  const NAMES = ["before scaling", "after scaling"];
  // What makes a temperature doubtful, as in calibkit's reports/_doubts.py.
  const [LARGEST, SMALLEST, WIDEST, LEAST_GAIN, LEAST_SAMPLES] = [10, 0.1, 10, 0.1, 100];
  const MANY_ZEROS = 0.01;
  const N_RESAMPLES = 1000;
  const [BAR, DOT, BAND] = ["#0072b2", "#d55e00", 'fill="#888" fill-opacity=".45" stroke="#666"'];

  const format = (value, kind, digits, signed = false) => {
    const text = kind === "percent" ? `${(100 * value).toFixed(digits)}%` : value.toFixed(digits);
    return signed && value >= 0 ? `+${text}` : text;
  };
  const percent = (share) => format(share, "percent", 1);

  /** Return a p-value as text. The smallest one that the draws can show is only a bound. */
  function pText(p, equals = "") {
    const isBound = p * (N_RESAMPLES + 1) < 1.5;
    return `${isBound ? "≤ " : equals}${p.toFixed(3)}`;
  }

  function withRange(numbers, kind, digits, signed) {
    if (kind === "p") return [pText(numbers), ""];
    const [value, low, high] = [numbers.value, numbers.low, numbers.high].map((number) =>
      format(number, kind, digits, signed)
    );
    const isFixed = signed && [numbers.value, numbers.low, numbers.high].every((one) => one === 0);
    return isFixed ? ["none", ""] : [value, `(${low} to ${high})`];
  }

  /** Return the rows of the table: the name, and value and range before, after and of the change. */
  function tableOf(report) {
    const { before, after, change } = report;
    const measured = ROWS.filter(([, field]) => before[field] !== undefined);
    const rows = measured.map(([name, field, kind, digits]) => [
      name,
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

  /** Return the words for what two classes are judged by: the chosen name of the positive one. */
  const named = ({ event }, text) =>
    event === null
      ? text
      : text.replaceAll("P(y = 1)", () => `P(${event})`).replaceAll("y = 1", () => event);

  function captionOf({ n, C, nBins, event }) {
    const judged = C === 2 ? named({ event }, " of P(y = 1)") : "";
    return `n = ${n}, ${C} classes, ECE${judged} in ${nBins} bins; in brackets 95% intervals`;
  }

  /** Return the p-values that speak against a calibrated model, with the names of the errors. */
  function findingsOf({ ece, pValue, classwiseEce, classwisePValue }) {
    const tests = [
      ["ECE", ece.value, pValue],
      ["classwise ECE", classwiseEce?.value, classwisePValue],
    ].filter(([, , p]) => p !== undefined);
    // If there are two tests, each may reject half as often.
    const limit = LEVEL / tests.length;
    return { limit, errors: tests.filter(([, , p]) => p < limit) };
  }

  const isCalibrated = (values) => findingsOf(values).errors.length === 0;

  /** Say that the values show no error, and how large an error could still hide. */
  function notFound(when, n, ...values) {
    // Labels that fit unusually well may make the interval end below what chance can hide.
    const ends = [
      ...values.map(({ noiseFloor }) => [noiseFloor.high, "ECE if calibrated"]),
      ...values.map(({ ece }) => [ece.high, "ECE"]),
    ];
    const [high, row] = ends.reduce((most, end) => (end[0] > most[0] ? end : most));
    return sentences.CALIBRATED({ when, n, high: percent(high), row });
  }

  /** Say which errors are more than chance, and how the model errs. */
  function errorFound(when, values, found) {
    const { limit, errors } = findingsOf(values);
    const { how, isShift } = howItErrs(values, errors[0][0] === "ECE", found);
    const isWeak = Math.min(...errors.map(([, , p]) => p)) > WEAK * limit;
    const listed = errors.map(([name, value, p]) => {
      return `its ${name} of ${percent(value)} (p ${pText(p, "= ")})`;
    });
    const verb = errors.length > 1 ? "are" : "is";
    const words = { when, how, errors: listed.join(" and "), verb, limit };
    const said = sentences[isWeak ? "SOME_EVIDENCE" : "NOT_CALIBRATED"](words);
    if (when === "Before scaling") return said;
    if (isShift) return `${said} ${sentences.SHIFT_REMAINS({})}`;
    const ofOthers = found.isSplit ? "" : ` ${sentences.OTHER_DATA({})}`;
    return `${said} ${sentences.CHOOSE({})}${ofOthers}`;
  }

  /** Say how the model errs, and whether it gives an event too high or too low a probability. */
  function howItErrs({ bins }, isClear, found) {
    const isOfEvent = found.report.C === 2 && isClear;
    const way = isOfEvent ? directionOfEvent(bins) : directionOfConfidence(bins);
    if (way.endsWith("ESTIMATES")) {
      const { mean, rate } = sharesOf(bins);
      const shares = { mean: percent(mean), rate: percent(rate) };
      return { how: sentences[way]({ ...wordsOf(found.report), ...shares }), isShift: true };
    }
    const isKnown = isClear && !mayBe1(found);
    return { how: sentences[isKnown ? way : "MISCALIBRATED"]({}), isShift: false };
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

  /** Say how the verdicts follow from the p-values. */
  function explanations(found) {
    if (whyNoVerdict(found)) return [];
    const { before, after } = found.report;
    return [testsOf("Before scaling", before), testsOf("After scaling", after)];
  }

  function testsOf(when, { ece, pValue, classwiseEce, classwisePValue }) {
    const p = `p ${pText(pValue, "= ")}`;
    const words = { when, ece: percent(ece.value), share: percent(pValue), p };
    if (classwisePValue === undefined) {
      return sentences.ONE_TEST({ ...words, level: format(LEVEL, "percent", 0) });
    }
    return sentences.TWO_TESTS({
      ...words,
      classwise_ece: percent(classwiseEce.value),
      classwise_share: percent(classwisePValue),
      classwise_p: `p ${pText(classwisePValue, "= ")}`,
      level: percent(LEVEL / 2),
    });
  }

  const gapsOf = (bins) =>
    bins.map(({ count, confidence, correct }) => ({
      gap: confidence - correct,
      // Labels that are drawn from the probabilities would have this variance.
      variance: confidence * (1 - confidence / Math.max(count, 1)),
      isLow: confidence < count / 2,
    }));
  const sumOf = (gaps) => gaps.reduce((sum, { gap }) => sum + gap, 0);
  const sizeOf = (gaps) => gaps.reduce((sum, { gap }) => sum + Math.abs(gap), 0);

  /** Say whether the model is too sure or not sure enough, if that is most of its error. */
  function directionOfConfidence(bins) {
    const gaps = gapsOf(bins);
    const sum = sumOf(gaps);
    if (Math.abs(sum) < sizeOf(gaps) / 2) return "MISCALIBRATED";
    return sum > 0 ? "OVERCONFIDENT" : "UNDERCONFIDENT";
  }

  /**
   * Say how P(y = 1) errs, if that is most of its error. An overconfident model errs outwards on
   * both sides of one half. If it errs to one side only, it over- or underestimates the event.
   */
  function directionOfEvent(bins) {
    const gaps = gapsOf(bins);
    const error = sizeOf(gaps);
    const low = clearSum(gaps.filter(({ isLow }) => isLow));
    const high = clearSum(gaps.filter(({ isLow }) => !isLow));
    if (low * high < 0 && Math.abs(high - low) >= error / 2) {
      return high > 0 ? "OVERCONFIDENT" : "UNDERCONFIDENT";
    }
    const shift = clearSum(gaps);
    if (shift === 0 || Math.abs(shift) < error / 2) return "MISCALIBRATED";
    return shift > 0 ? "OVERESTIMATES" : "UNDERESTIMATES";
  }

  /** Return the sum of the gaps, or 0 where chance alone may produce it. */
  function clearSum(gaps) {
    const variance = gaps.reduce((sum, gap) => sum + gap.variance, 0);
    const total = sumOf(gaps);
    return Math.abs(total) > CLEAR * Math.sqrt(variance) ? total : 0;
  }

  const short = (value) => String(Number(value.toPrecision(4)));

  /** Return which sentence says what is strange about the temperature, or null. */
  function doubtOf({ fit, report }) {
    const { temperature, interval: [low, high] } = fit;
    const accuracy = report.before.accuracy.value;
    const isWide = high > WIDEST * low;
    const isChance = accuracy - report.majority < LEAST_GAIN * (1 - report.majority);
    // If a usual T may be 1, the labels may fit the logits: few samples make all this uncertain.
    const fitsNot = temperature > LARGEST || (isWide && !(low <= 1 && 1 <= high));
    if (isChance && fitsNot) return "UNRELATED";
    if (temperature > LARGEST) return "LARGE_TEMPERATURE";
    if (isWide) return "UNCERTAIN_TEMPERATURE";
    return temperature < SMALLEST ? "SMALL_TEMPERATURE" : null;
  }

  /** Say what makes the results doubtful: a strange temperature, or very few samples. */
  function warnings(found) {
    const { fit, report } = found;
    const { temperature, interval } = fit;
    const [t, low, high] = [temperature, ...interval].map(short);
    const accuracy = percent(report.before.accuracy.value);
    const words = { temperature: t, low, high, accuracy, majority: percent(report.majority) };
    const name = doubtOf(found);
    const n = Math.min(fit.n, report.n);
    const isRounded = found.nZero > 0 && found.nZero >= MANY_ZEROS * found.n;
    const zeros = { n_zero: found.nZero, n: found.n, floor: "1e-12" };
    return [
      ...(found.nShared ? [sharedSamples(found)] : []),
      ...(isRounded ? [sentences.ZEROS(zeros)] : []),
      ...(name ? [sentences[name](words)] : []),
      ...exchanged(report),
      ...(n < LEAST_SAMPLES ? [sentences.FEW_SAMPLES({ n, least: LEAST_SAMPLES })] : []),
    ];
  }

  /** Return what speaks for exchanged classes, in sentences. */
  const exchanged = (report) =>
    report.exchanged.map(([a, b]) =>
      report.C === 2 ? sentences.WRONG_WAY_ROUND({}) : sentences.EXCHANGED({ a, b })
    );

  /** Return why the samples allow no verdict, as a sentence, or null. */
  function whyNoVerdict(found) {
    if (doubtOf(found) === "UNRELATED") return sentences.NO_VERDICT({});
    const isExchanged = exchanged(found.report).length > 0;
    return isExchanged ? sentences.NO_VERDICT_WHEN_EXCHANGED({}) : null;
  }

  /** Say whether the samples of the fit leave open in which direction the model errs. */
  function mayBe1(found) {
    const [low, high] = found.fit.interval;
    return low <= 1 && 1 <= high && !whyNoVerdict(found);
  }

  const needNotScale = (found) => (mayBe1(found) ? sentences.NEED_NOT_SCALE({}) : "");

  /** Say which samples the temperature was fitted to, and which it was tested on. */
  function used({ from, n, isSplit, fit, report }) {
    const shown = `The verdicts, the table and the diagrams show these ${report.n} samples alone.`;
    if (!isSplit) return [`Fitted to ${from[0]}.`, `Tested on ${from[1]}. ${shown}`];
    return [
      `Read ${from[0]}.`,
      `Of these ${n} samples, ${fit.n} were used to find T: the first, the third, the fifth and ` +
        `so on. The other ${report.n} are the test set. ${shown}`,
    ];
  }

  function verdicts(found) {
    const why = whyNoVerdict(found);
    if (why) return [why];
    const { before, after, n } = found.report;
    const parts = [["Before scaling", before], ["After scaling", after]];
    if (parts.every(([, values]) => isCalibrated(values))) {
      return [notFound("Before and after scaling", n, before, after)];
    }
    const said = parts.map(([when, values]) =>
      isCalibrated(values) ? notFound(when, n, values) : errorFound(when, values, found)
    );
    return mayBe1(found) ? [sentences.NO_DIRECTION({}), ...said] : said;
  }

  const wordsOf = (report) =>
    report.C === 2
      ? { confidence: named(report, "P(y = 1)"), share: named(report, "frequency of y = 1") }
      : { confidence: "confidence", share: "accuracy" };

  function alternative(name, bins, report, ece) {
    const filled = bins.filter(({ count }) => count > 0);
    const n_below = filled.filter((bin) => bin.correct < bin.confidence).length;
    const n_above = filled.filter((bin) => bin.correct > bin.confidence).length;
    const words = { name, ece: percent(ece), n_below, n_above, n_filled: filled.length };
    return sentences.DIAGRAM_IN_WORDS({ ...wordsOf(report), ...words });
  }

  /** Return a reliability diagram as SVG, which takes its text colour from where it stands. */
  function diagram(title, bins, report, ece) {
    const [left, right, top, bottom] = [52, 380, 30, 300];
    const x = (share) => (left + (right - left) * share).toFixed(1);
    const y = (share) => (bottom - (bottom - top) * share).toFixed(1);
    const { confidence, share } = escaped(wordsOf(report));
    const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
      (t) =>
        `<text x="${x(t)}" y="${bottom + 16}" text-anchor="middle">${100 * t}%</text>` +
        `<text x="${left - 6}" y="${Number(y(t)) + 4}" text-anchor="end">${100 * t}%</text>`
    );
    const bars = bins.map((bin, k) => {
      if (bin.count === 0) return "";
      const [start, end] = [x((k + 0.05) / bins.length), x((k + 0.95) / bins.length)];
      const width = (end - start).toFixed(1);
      const accuracy = bin.correct / bin.count;
      const [low, high] = bin.band;
      return (
        `<rect x="${start}" width="${width}" y="${y(accuracy)}" height="${(bottom - y(accuracy)).toFixed(1)}" fill="${BAR}"/>` +
        `<rect x="${start}" width="${width}" y="${y(high)}" height="${(y(low) - y(high)).toFixed(1)}" ${BAND}/>` +
        `<circle cx="${x(bin.confidence / bin.count)}" cy="${y(bin.confidence / bin.count)}" r="4" fill="${DOT}" stroke="#fff"/>`
      );
    });
    const middle = (top + bottom) / 2;
    return (
      `<svg viewBox="0 0 400 345" role="img" xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" font-size="13" fill="currentColor">` +
      `<title>${escape(alternative(title, bins, report, ece))}</title>` +
      `<text x="${left}" y="18" font-weight="bold">${title[0].toUpperCase()}${title.slice(1)}, ECE ${percent(ece)}</text>` +
      `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="currentColor"/>${ticks.join("")}${bars.join("")}` +
      `<path d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}" stroke="currentColor" stroke-dasharray="5 4"/>` +
      `<text x="${(left + right) / 2}" y="${bottom + 36}" text-anchor="middle">${confidence}</text>` +
      `<text transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${share}</text></svg>`
    );
  }

  /** Return the meanings of the marks in the diagrams, as a list in HTML. */
  function key(report) {
    const { confidence, share } = escaped(wordsOf(report));
    const marks = [
      [`<rect x="6" y="4" width="16" height="16" fill="${BAR}"/>`, `blue bar: ${share}`],
      [`<circle cx="14" cy="12" r="5" fill="${DOT}" stroke="#fff"/>`, `orange dot: mean ${confidence}`],
      [
        `<rect x="6" y="12" width="16" height="8" fill="${BAR}"/><rect x="6" y="5" width="16" height="13" ${BAND}/>`,
        "grey band, over the bar or above it: where the bars of a calibrated model end",
      ],
      [
        '<path d="M2 20L26 4" stroke="currentColor" stroke-dasharray="5 4"/>',
        `dashed line: ${share} equal to ${confidence}`,
      ],
    ];
    const items = marks.map(
      ([mark, text]) =>
        `<li><svg viewBox="0 0 28 24" width="28" height="24" aria-hidden="true">${mark}</svg> <span>${text}</span></li>`
    );
    return `<ul class="cc-key">${items.join("")}</ul>`;
  }

  const diagrams = (report) =>
    [report.before, report.after].map(({ bins, ece }, k) =>
      diagram(NAMES[k], bins, report, ece.value)
    );

  const temperatureText = ({ temperature, interval: [low, high] }) =>
    `${temperature.toPrecision(5)} (95%: ${low.toPrecision(4)} to ${high.toPrecision(4)})`;

  /** Say that no samples stand on both sides, or that this was not checked. */
  const unchecked = ({ isSplit, nShared }) => {
    if (nShared) return []; // There is a warning.
    if (nShared === 0) return ["No sample of the test was also used to find T."];
    return [isSplit
      ? "The temperature was fitted on every second row of the file and measured on the others. It " +
        "was not checked whether a sample stands in the file twice, or whether rows belong " +
        "together, such as two pictures of one thing. They may stand on both sides."
      : "It was not checked whether single samples of the test were also used to find T."];
  };
  const sharedSamples = ({ nShared, report }) =>
    `${nShared} of the ${report.n} test samples were also used to find T, so the test makes the model ` +
    "look better than it is. Python refuses such a test.";

  /** Return the limits of the results. The last text is about verdicts, so it goes without one. */
  function limitsOf(found) {
    const { limits } = cardTexts;
    return [...(whyNoVerdict(found) ? limits.slice(0, -1) : limits), ...unchecked(found)];
  }

  const meanings = (report) =>
    Object.entries(report.C > 2 ? cardTexts.meanings : cardTexts.meaningsOfTwoClasses).map(
      ([name, text]) => [name, named(report, text)]
    );
  const htmlWarnings = (found) =>
    warnings(found)
      .map((text) => `<p class="cc-refusal"><strong>Warning:</strong> ${escape(text)}</p>`)
      .join("");

  // Rows that the glossary explains under their own names.
  const IN_GLOSSARY = ["NLL", "Brier score", "ECE", "p-value", "classwise ECE"];

  /** Return what the rows of the table mean, with links to the glossary at this address. */
  function htmlMeanings(report, glossary) {
    const items = meanings(report).map(([name, text]) => {
      const address = `${glossary}#term-${name.replace(" ", "-")}`;
      const shown = IN_GLOSSARY.includes(name) ? `<a href="${escape(address)}">${name}</a>` : name;
      return `<li><strong>${shown}</strong>: ${escape(text)}.</li>`;
    });
    return `<ul>${items.join("")}</ul><p>${cardTexts.endsAtValue}</p>`;
  }

  /** Say why Python's numbers differ a little from those of this page. */
  function differs({ event }) {
    const chance =
      "Its intervals, noise floors and p-values differ slightly from those above, because Python " +
      "draws other random numbers. Python also looks for samples that are in both sets, and says " +
      "so if the logits cannot tell.";
    return event === null ? chance : `${chance} What is P(${event}) here is P(y = 1) there.`;
  }

  const madeWith = "Made with the calculator of calibkit, 15 bins, 1000 resamples.";

  const withoutEnding = (file) => file.replace(/\.[^.]*$/, "");
  const nameOf = ({ name, file }) => name.trim() || withoutEnding(file);
  const titleOf = (found) => `Model card: ${nameOf(found).replace(/\s+/g, " ")}`;

  /** Return a name for a file, which every system accepts. */
  function fileName(found, ending) {
    const safe = nameOf(found).normalize("NFC").replace(/[^\p{L}\p{N}]+/gu, "_");
    const short = [...safe].slice(0, LONGEST_NAME).join("").replace(/^_+|_+$/g, "");
    return `${short || "model"}_${ending}`;
  }

  /** Return text in which Markdown finds no mark of its own. */
  const plain = (text) =>
    text
      .replace(/\s+/g, " ")
      .replace(/[\\`*[\]<>|~&$]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&");

  function markdown(found) {
    const { fit } = found;
    const report = { ...found.report, event: found.report.event && plain(found.report.event) };
    const cells = tableOf(report).map(([name, ...values]) => [name, ...values.map((v) => v.join(" ").trim())]);
    const lines = [["", ...WHEN], ["---", "---", "---", "---"], ...cells];
    const texts = [report.before, report.after].map(({ bins, ece }, k) =>
      alternative(NAMES[k], bins, report, ece.value)
    );
    return [
      `# ${plain(titleOf(found))}`,
      ...used(found).map(plain),
      ...warnings(found).map((text) => `**Warning:** ${text}`),
      ...verdicts({ ...found, report }),
      "## Measures",
      captionOf(report),
      lines.map((row) => `| ${row.join(" | ")} |`).join("\n"),
      meanings(report).map(([name, text]) => `- **${name}**: ${text}.`).join("\n"),
      cardTexts.endsAtValue,
      ...explanations(found),
      "## Reliability diagrams",
      legend(report),
      texts.join("\n\n"),
      "## Temperature",
      temperatureInWords(found),
      "## Limits",
      limitsOf(found).map((limit) => `- ${limit}`).join("\n"),
      `${madeWith}\n`,
    ].join("\n\n");
  }

  const escape = (text) =>
    text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

  const escaped = (words) =>
    Object.fromEntries(Object.entries(words).map(([name, text]) => [name, escape(text)]));

  // A telephone shows the cells of a row one below the other, and the roles keep them a table.
  function htmlTable(report) {
    const head = WHEN.map((text) => `<th scope="col" role="columnheader">${text}</th>`);
    const rows = tableOf(report).map(
      ([name, ...values]) =>
        `<tr role="row"><th scope="row" role="rowheader">${escape(name)}</th>` +
        values
          .map(
            ([value, range], k) =>
              `<td role="cell" data-when="${WHEN[k]}">${value && `<span>${value}</span>`} <span class="cc-range">${range}</span></td>`
          )
          .join("") +
        "</tr>"
    );
    return (
      `<table role="table"><caption>${escape(captionOf(report))}</caption>` +
      `<thead role="rowgroup"><tr role="row">` +
      `<td role="cell"></td>${head.join("")}</tr></thead><tbody role="rowgroup">${rows.join("")}</tbody></table>`
    );
  }

  function html(found) {
    const { report } = found;
    const list = (items) => `<ul>${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
    const paragraphs = (lines) => lines.map((line) => `<p>${escape(line)}</p>`).join("\n");
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(titleOf(found))}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 62rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #bbb; font-weight: normal; vertical-align: top; }
.cc-range { display: inline-block; font-size: .9em; white-space: nowrap; }
.cc-key { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
.cc-key li { display: flex; gap: .5rem; }
.cc-wide { overflow-x: auto; }
.diagrams { display: flex; flex-wrap: wrap; gap: 1rem; }
.diagrams svg { flex: 1 1 18rem; max-width: 30rem; height: auto; }
.cc-key svg { flex: none; }
@media (max-width: 40rem) {
thead { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width: 1px; }
table, tbody, caption, tbody tr, tbody th { display: block; }
caption { padding-bottom: .5rem; }
tbody tr { border-bottom: 1px solid #bbb; padding: .25rem 0; }
tbody :is(th, td) { border: 0; padding: 0; }
tbody th { font-weight: 600; }
tbody td { display: grid; grid-template-columns: 4.5rem 4.5rem 1fr; }
tbody td:not(:has(span:not(:empty))) { display: none; }
td::before { content: attr(data-when); }
}
@media screen and (prefers-color-scheme: dark) {
:root { color-scheme: dark; }
body { color: #e6e6e6; background: #14181e; }
th, td, tbody tr { border-color: #5a6270; }
}
</style>
</head>
<body>
<main>
<h1>${escape(titleOf(found))}</h1>
${paragraphs(used(found))}
${htmlWarnings(found)}
${paragraphs(verdicts(found))}
<h2>Measures</h2>
<div class="cc-wide" tabindex="0" role="region" aria-label="Measures">${htmlTable(report)}</div>
${list(meanings(report).map(([name, text]) => `<strong>${name}</strong>: ${escape(text)}.`))}
${paragraphs([cardTexts.endsAtValue, ...explanations(found)])}
<h2>Reliability diagrams</h2>
<p>${escape(legend(report))}</p>
${key(report)}
<div class="diagrams">${diagrams(report).join("")}</div>
<h2>Temperature</h2>
<p>${temperatureInWords(found)}</p>
<h2>Limits</h2>
${list(limitsOf(found).map(escape))}
<p>${madeWith}</p>
</main>
</body>
</html>
`;
  }

  /** Say what to do with the temperature. */
  function temperatureInWords(found) {
    const { fit } = found;
    const said = `T = ${temperatureText(fit)}. It was fitted on ${fit.n} samples.`;
    if (whyNoVerdict(found)) return `${said} Do not use this T.`;
    return `${said} ${mayBe1(found) ? needNotScale(found) : use(found)}`;
  }

  /** Say how to scale what the file holds. */
  function use({ fit, input }) {
    const t = fit.temperature.toPrecision(5);
    if (input === "logits") return "Divide the logits by T.";
    return input === "probability"
      ? `Replace each probability p by sigmoid(log(p / (1 - p)) / ${t}).`
      : `Replace each row of probabilities p by softmax(log(p) / ${t}).`;
  }

  function json(found) {
    const { temperature, interval, n } = found.fit;
    const { input, classes, report } = found;
    const written = {
      model: nameOf(found),
      temperature,
      interval,
      n_samples: n,
      input: input === "logits" ? input : "probabilities",
      positive: report.event ?? undefined,
      classes: classes ?? undefined,
    };
    written.warnings = [...warnings(found), needNotScale(found)].filter(Boolean);
    return `${JSON.stringify(written, null, 2)}\n`;
  }

  /** Return Python that computes the same, as far as the files say how to read them. */
  function python({ fit, isSplit, code }) {
    const [one, other] = isSplit ? [code[0], null] : code;
    const lines = [...new Set([one, other].filter(Boolean).flatMap(({ imports }) => imports))];
    const reading = ["", "test_"].flatMap((prefix, k) => {
      const source = [one, other][k];
      if (!source) return [];
      const table = source.table ? [`table = ${source.table}`] : [];
      const classes = source.classes ? [`classes = ${source.classes}`] : [];
      return [...table, ...classes, `${prefix}logits = ${source.logits}`, `${prefix}labels = ${source.labels}`];
    });
    const [fitted, tested] = isSplit
      ? ["logits[::2], labels[::2]", "logits[1::2], labels[1::2]"]
      : ["logits, labels", "test_logits, test_labels"];
    return [
      ...lines,
      "from calibkit import TemperatureScaler, evaluate",
      "",
      ...reading,
      `scaler = TemperatureScaler().fit_logits(${fitted})  # T = ${fit.temperature.toPrecision(5)}`,
      `print(evaluate(${tested}, scaler=scaler))`,
    ].join("\n");
  }

  const needsPandas = ({ code }) => code.some(({ table }) => table);
  const legend = (report) => sentences.DIAGRAM(wordsOf(report));

  self.results = {
    verdicts, explanations, htmlWarnings, needNotScale, used, unchecked, htmlTable, htmlMeanings,
    differs, diagrams, key, legend, temperatureText, markdown, html, json, python, needsPandas, fileName,
  };
};
