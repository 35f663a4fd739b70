// This script reads the logits and the labels of files, and refuses what cannot be meant.
(self.calculatorParts ??= {}).samples = function () {
  "use strict";

  const { sentences } = self;
  const { BadFile, BadValue } = self.refusals;
  const { open, refuseAtOnce } = self.files;
  const { kindOf, shapeText, shortly } = self.names;
  const { nameOfEvent, asIndices, refuseFrom1 } = self.labels;
  const { refuseManyClasses, refuseRightAnswers } = self.labels;
  const { checkFinite, refuseAnswers, checkProbabilities } = self.checking;
  const { refuseProbabilities, refuseModels, beside0, asLogarithms } = self.checking;
  const { columnsOf, fromTable } = self.tables;
  const { fromArrays, pairOfFiles } = self.arrays;
  const { pythonOf } = self.pythonCode;
  /**
   * Return {logits, labels, n, C, said} from one file, or from two npy files. `picked` holds what
   * the user has chosen: {labels, scores, positive}. `which` is the set that is read if a file
   * holds two: "calibration" or "test". `layout` gets what there is to choose from.
   */
  async function read(chosen, given = {}, layout = {}, onProgress = () => {}) {
    const options = { probabilities: false, picked: {}, which: "calibration", ...given };
    try {
      return await readChosen(chosen, options, layout, onProgress);
    } catch (error) {
      layout.asks = error.asks ?? null;
      throw error;
    }
  }

  async function readChosen(chosen, options, layout, onProgress) {
    await refuseAtOnce(chosen);
    const opened = [];
    for (const file of chosen) opened.push(await open(file, columnsOf(options), onProgress));
    const isPair = opened.length === 2;
    const source = isPair ? pairOfFiles(opened, options, layout) : opened[0];
    const found = source.table
      ? fromTable(source, options, layout)
      : fromArrays(source, isPair ? { ...options, picked: {} } : options, layout);
    try {
      return rowsOf(found, layout, options);
    } catch (error) {
      if (error instanceof BadValue) {
        const isOfLabels = found.labelsPath && error.message.startsWith("labels");
        const path = isOfLabels ? found.labelsPath : found.path;
        throw new BadFile(`${path}: ${error.message}`, error.asks);
      }
      throw error;
    }
  }

  function rowsOf(found, layout, { picked, probabilities }) {
    const { path, data, shape, half, areProbabilities, code, from, unused, place } = found;
    const { countFrom1 } = picked;
    const { suspicion, wrongPositive, labels, labelShape, classes } = found;
    const { positive = null, hasTestSet = false, isConfidence } = found;
    const name = kindOf(areProbabilities);
    if (shape.length < 1 || shape.length > 2) throw wrongShape(name, shape, labelShape);
    const [n, width] = [shape[0], shape[1] ?? 1];
    if (n * width === 0) throw new BadValue(sentences.EMPTY({ name, shape: shapeText(shape) }));
    const C = width === 1 ? 2 : width;
    const where = { path, name, n, width, C, place, countFrom1, others: unused };
    const shapeOfLabels = labelShape ?? [labels.length];
    if (width === 1 && shapeOfLabels.length === 1) {
      refuseManyClasses(path, labels, found.labelName);
    }
    const { indices, byName, first } = asIndices(labels, shapeOfLabels, classes, where);
    layout.isByOrder = classes !== null && byName === null;
    if (width > 1 && byName === null) refuseRightAnswers(found, width, indices);
    checkFinite(data, name, where, indices);
    refuseAnswers(data, n);
    const areOutcomes = indices.every((label) => label <= 1);
    let [logits, raised, rounded, floors, zeros] = [data, "", "", [], null];
    if (areProbabilities) {
      const how = { half, place, areOutcomes, isTicked: probabilities };
      if (checkProbabilities(data, n, width, how)) rounded = `; ${sentences.ROUNDED({})}`;
      ({ logits, floors, zeros } = asLogarithms(data, width, indices));
      if (zeros.nValues) {
        // A sample may have several, so this is not the number of samples.
        const words = { n: zeros.nValues, n_values: n * width, floor: zeros.floor };
        raised = ` (${sentences.COUNTED_AS_FLOOR(words)})`;
      }
    } else {
      refuseProbabilities(data, n, width, { half, areOutcomes });
      if (width === 1) logits = beside0(data);
    }
    if (layout.isByOrder && !picked.scores) refuseModels(layout.scores, data, indices);
    if (width > 2 && byName === null && !first) refuseFrom1(data, indices, width);
    const leftOut = unused.length ? `; not used: ${unused.join(", ")}` : "";
    const missing = withoutSamples(indices, byName, first, C);
    const given = `${path}: n = ${n}, ${name} of ${C} classes from ${from.scores}${raised}`;
    const note = isConfidence && areProbabilities && width === 1 ? sentences.OF_CONFIDENCE({}) : "";
    const more = `${rounded}${note && `; ${note}`}${missing}${leftOut}`;
    const said = `${given}, labels from ${from.labels}${more}`;
    const used = zeros?.nValues ? floors : null;
    const python = pythonOf({ ...code, byName, first }, areProbabilities, width, used);
    const event = positive ?? nameOfEvent(byName);
    const isOpen = width === 1 && event === null;
    const meansClass0 = isOpen ? sentences.MEANS_CLASS_0({ name: from.scores }) : null;
    // Nothing but the order of two columns may say which class each of them is.
    const inOrder = width === 2 && layout.word === "column" && byName === null && layout.scores;
    const suspicions = { suspicion, inOrder, wrongPositive: wrongPositive ?? meansClass0 };
    const ofEvents = width === 1 ? "probability" : "probabilities";
    const input = areProbabilities ? ofEvents : "logits";
    const form = { input, classes: positive ? null : byName };
    const about = { n, C, said, note, zeros, ...form, suspicions, event, hasTestSet };
    return { logits, labels: indices, code: python, ...about };
  }

  /** Return the refusal of scores that have more axes than one of samples and one of classes. */
  function wrongShape(name, shape, labelShape) {
    const [n, length, C, ...more] = shape;
    const areTokens = more.length === 0 && C && String(labelShape) === String([n, length]);
    const advice = areTokens
      ? sentences.OF_TOKENS({ n_classes: C })
      : "use the command line or the library for images, which take pixels as samples";
    return new BadValue(
      `${name} must have shape (samples, classes) or, for two classes, (samples,), got ` +
        `${shapeText(shape)}; ${advice}`
    );
  }

  /** Say which classes no sample has. */
  function withoutSamples(indices, byName, first, C) {
    const occurring = new Set(indices);
    const every = byName ?? Array.from({ length: C }, (_, k) => String(k + first));
    const names = every.filter((_, k) => !occurring.has(k));
    return names.length ? `; ${sentences.WITHOUT_SAMPLES({ names: shortly(names) })}` : "";
  }

  self.samples = { read };
};
