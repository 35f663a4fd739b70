// What the page saves: the model card in Markdown and HTML, and the temperature as JSON.
(self.calculatorParts ??= {}).cards = function () {
  "use strict";

  const { cardTexts, sentences } = self;
  const { WHEN, tableOf, captionOf, meanings, escape, htmlOf, htmlTable } = self.measures;
  const { warnings, htmlWarnings, whyNoVerdict, mayBe1, on1 } = self.doubts;
  const { shiftRemains, isSpoilt, unchecked } = self.doubts;
  const { verdicts, explanations } = self.verdicts;
  const { legend, alternatives, diagrams, key } = self.diagrams;
  const LONGEST_NAME = 60;

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

  function temperatureText({ temperature, interval }) {
    const [value, low, high] = [temperature, ...interval].map((t) => t.toPrecision(5));
    return `${value} (95%: ${low} to ${high})`;
  }

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

  /** Return the limits of the results. The last text is about verdicts, so it goes without one. */
  function limitsOf(found) {
    const { limits } = cardTexts;
    return [...(whyNoVerdict(found) ? limits.slice(0, -1) : limits), ...unchecked(found)];
  }

  /** Return text in which Markdown finds no mark of its own. */
  const plain = (text) =>
    text
      .replace(/\s+/g, " ")
      .replace(/[\\`*[\]<>|~&$]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&");

  function markdown(found) {
    const report = { ...found.report, event: found.report.event && plain(found.report.event) };
    const inOneCell = (parts) => parts.join(" ").trim();
    const cells = tableOf(report).map(([name, ...values]) => [name, ...values.map(inOneCell)]);
    const lines = [["", ...WHEN], ["---", "---", "---", "---"], ...cells];
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
      alternatives(report).join("\n\n"),
      "## Temperature",
      temperatureInWords(found),
      "## Limits",
      limitsOf(found).map((limit) => `- ${limit}`).join("\n"),
      `${madeWith}\n`,
    ].join("\n\n");
  }

  function html(found) {
    const { report } = found;
    const list = (items) => `<ul>${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
    const paragraphs = (lines) => lines.map((line) => `<p>${htmlOf(line)}</p>`).join("\n");
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(titleOf(found))}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #bbb;
  font-weight: normal; vertical-align: top; }
.cc-range { display: inline-block; font-size: .9em; white-space: nowrap; }
.cc-whole { white-space: nowrap; }
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
${list(meanings(report).map(([name, text]) => `<strong>${name}</strong>: ${htmlOf(text)}.`))}
${paragraphs([cardTexts.endsAtValue, ...explanations(found)])}
<h2>Reliability diagrams</h2>
<p>${htmlOf(legend(report))}</p>
${key(report)}
<div class="diagrams">${diagrams(report).join("")}</div>
<h2>Temperature</h2>
<p>${htmlOf(temperatureInWords(found))}</p>
<h2>Limits</h2>
${list(limitsOf(found).map(htmlOf))}
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
    const advice = [whatToDo(found), ...ofConfidence(found), ...shiftRemains(found)];
    return [said, ...advice].join(" ");
  }

  function whatToDo(found) {
    if (mayBe1(found)) return on1(found);
    return isSpoilt(found) ? sentences.LEAVE_UNSCALED({}) : use(found);
  }

  /** Say that T is not that of a model with more than two classes, if the file may be of one. */
  const ofConfidence = ({ note }) =>
    note ? [`${note[0].toUpperCase()}${note.slice(1)}.`] : [];

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
      note: found.note || undefined,
      positive: report.event ?? undefined,
      classes: classes ?? undefined,
    };
    written.warnings = [...warnings(found), ...(mayBe1(found) ? [on1(found)] : [])];
    return `${JSON.stringify(written, null, 2)}\n`;
  }

  self.cards = { temperatureText, used, fileName, markdown, html, json };
};
