// Python that computes the same as the page: how it reads the files, fits and measures.
(self.calculatorParts ??= {}).pythonCode = function () {
  "use strict";

  const { numberFrom } = self.files;
  // More columns that stand side by side are named by the first and the last one.
  const FEW_COLUMNS = 4;

  const quoted = (text) => JSON.stringify(text);

  // What turns labels of another type into numbers. Words such as 1.0 become floats first.
  const AS_NUMBERS = { f: ".astype(int)", U: ".astype(float).astype(int)" };
  // What pandas changes in a column of words, unless it is told not to.
  const CHANGED = /^(#?n\/?a|#n\/a n\/a|-?nan|-?1\.#(ind|qnan)|<na>|null|none|true|false)$/i;

  function codeOfArrays(path, scores, label, labelsPath, kind) {
    const load = (file) => `np.load(${quoted(file)})`;
    const both = labelsPath
      ? [load(path), load(labelsPath)]
      : [`${load(path)}[${quoted(scores)}]`, `${load(path)}[${quoted(label)}]`];
    const labels = `${both[1]}${AS_NUMBERS[kind] ?? ""}`;
    return { imports: ["import numpy as np"], scores: both[0], labels };
  }

  function codeOfTable(path, { names, columns, text, positive, hasHead, hasBlanks, ...form }) {
    const { prefix, words, areTrimmed } = form;
    const { delimiter, hasCommas, isUtf16, hasEmptyRows, nSkipped, hasSign } = form;
    const skipped = nSkipped ? `, skiprows=${nSkipped}` : "";
    const named = hasSign ? `, names=[${names.map(quoted).join(", ")}]` : "";
    const sep = delimiter === "," ? "" : `, sep=${quoted(delimiter)}`;
    const decimal = hasCommas ? ', decimal=","' : "";
    const encoding = isUtf16 ? ', encoding="utf-16"' : "";
    const filled = hasEmptyRows ? '.dropna(how="all")' : "";
    const noHead = hasHead ? "" : ", header=None";
    const trim = ".rename(columns=lambda name: ' '.join(name.split()))";
    const trimmed = hasHead && hasBlanks && !hasSign ? trim : "";
    // Without a head, pandas calls the columns 0, 1, 2 and so on.
    const key = (name) => (hasHead ? quoted(name) : names.indexOf(name));
    const options = [sep, decimal, encoding, skipped, named, noHead].join("");
    const asWords = `, dtype={${key(text)}: str}, keep_default_na=False, na_values=[""]`;
    const isText = words.some((word) => numberFrom(word) === undefined);
    const changed = !isText || words.some((word) => CHANGED.test(word)) ? asWords : "";
    const read = `pd.read_csv(${quoted(path)}${options}`;
    const tableWith = (more) => `${read}${more})${trimmed}${filled}`;
    const places = columns.map((name) => names.indexOf(name));
    const inARow = places.every((place, k) => place === places[0] + k);
    let chosen = `[[${columns.map(key).join(", ")}]]`;
    if (columns.length === 1) chosen = `[${key(columns[0])}]`;
    else if (inARow && columns.length > FEW_COLUMNS) {
      chosen = `.loc[:, ${key(columns[0])}:${key(columns.at(-1))}]`;
    }
    return {
      prefix,
      imports: ["import pandas as pd"],
      table: tableWith(""),
      tableOfWords: tableWith(changed),
      scores: `${prefix}table${chosen}.to_numpy(float)`,
      labels: `${prefix}table[${key(text)}]`,
      strip: areTrimmed && isText ? ".str.strip()" : "",
      positive: positive === null ? null : String(numberFrom(positive) ?? quoted(positive)),
    };
  }

  /** Return the logits of probabilities in Python. `floors` is null if none of them is 0. */
  function logarithmOf(p, width, floors) {
    if (floors === null) return width === 1 ? `special.logit(${p})` : `np.log(${p})`;
    // The distance of 0.99 from 1, of which this may be a part, is 0.010000000000000009.
    const [yes, no] = floors.map((floor) => Number(floor.toPrecision(12)));
    const ofYes = `np.log(np.clip(${p}, ${yes}, 1))`;
    return width === 1 ? `${ofYes} - np.log(np.clip(1 - ${p}, ${no}, 1))` : ofYes;
  }

  /**
   * Return what reads logits and labels in Python: imports, a table, and an expression. `floors`
   * holds what probabilities of 0 and 1 count as, if there are any.
   */
  function pythonOf(found, areProbabilities, width, floors) {
    const { prefix, imports, scores, positive, byName, first } = found;
    // Numbers are compared as such, because pandas reads 1 as 1.0 among missing labels.
    const areNumbers = byName?.every((name) => /^(0|[1-9]\d*)$/.test(name));
    const areWords = positive?.startsWith('"') || (byName && !areNumbers);
    const table = areWords ? found.tableOfWords : found.table;
    const labels = areWords ? found.labels + found.strip : found.labels;
    let [read, given, classes] = [scores, labels, null];
    // A small number would be 0 beside numbers of single precision.
    const p = table ? scores : `${scores}.astype(float)`;
    if (areProbabilities) read = logarithmOf(p, width, floors);
    if (positive) given = `(${labels} == ${positive}).to_numpy(int)`;
    else if (table) {
      if (byName) classes = `[${byName.map(areNumbers ? String : quoted).join(", ")}]`;
      const texts = areNumbers ? labels : `${labels}.astype(str)`;
      const codes = `pd.Categorical(${texts}, ${prefix}classes).codes`;
      given = byName ? codes : `${labels}.to_numpy(int)`;
    }
    if (first) given += ` - ${first}`;
    const more = areProbabilities ? ["import numpy as np"] : [];
    if (areProbabilities && width === 1 && !floors) more.push("from scipy import special");
    return { imports: [...imports, ...more], table, classes, logits: read, labels: given };
  }

  /** Return Python that computes the same, as far as the files say how to read them. */
  function python({ fit, isSplit, code }) {
    const [one, other] = isSplit ? [code[0], null] : code;
    const lines = [...new Set([one, other].filter(Boolean).flatMap(({ imports }) => imports))];
    const reading = ["", "test_"].flatMap((prefix, k) => {
      const source = [one, other][k];
      if (!source) return [];
      const table = source.table ? [`${prefix}table = ${source.table}`] : [];
      const classes = source.classes ? [`${prefix}classes = ${source.classes}`] : [];
      const both = ["logits", "labels"].map((name) => `${prefix}${name} = ${source[name]}`);
      return [...table, ...classes, ...both];
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

  /** Say why Python's numbers differ a little from those of this page. */
  function differs({ event }) {
    const chance =
      "Its intervals, noise floors and p-values differ slightly from those above, because Python " +
      "draws other random numbers. Python also looks for samples that are in both sets, and says " +
      "so if the logits cannot tell.";
    return event === null ? chance : `${chance} What is P(${event}) here is P(y = 1) there.`;
  }

  self.pythonCode = { codeOfArrays, codeOfTable, pythonOf, python, needsPandas, differs };
};
