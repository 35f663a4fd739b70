// Scores and labels from the arrays of an npz file or of two npy files.
(self.calculatorParts ??= {}).arrays = function () {
  "use strict";

  const { sentences } = self;
  const { BadFile } = self.refusals;
  const { kindOf, declaredIn, declared, arraysOf, namesOfScores, isYScore } = self.names;
  const { isConfidence, shortly, listed, shapeText } = self.names;
  const { CHOOSE_LABELS, noLabels, refuseMissing, isNoLabel, isOneHot } = self.labels;
  const { codeOfArrays } = self.pythonCode;
  const CHOOSE_SCORES = "choose one of them above, then press Calibrate again";
  const CHOOSE_BOTH = "choose both files, the logits and the labels, at once";

  /** Return the scores and the labels of arrays, which may come from two files. */
  function fromArrays({ path, arrays, labelsPath = null }, options, layout) {
    const { picked } = options;
    const names = Object.keys(arrays);
    if (labelsPath === null) {
      Object.assign(layout, { path, word: "array", names, labels: null, scores: null });
    }
    const described = names
      .map((name) => `${name || "an array"} ${arrays[name].type} ${shapeText(arrays[name].shape)}`)
      .join(", ");
    const { own, other, ofOther } = arraysOf(names, options);
    const named = picked.labels ? [picked.labels] : declaredIn(own, "labels");
    const whole = names.filter((name) => "iub".includes(arrays[name].kind));
    const scores = picked.scores ?? declaredIn(own, "logits", "probabilities");
    const candidates = (named.length ? named : whole).filter((name) => !scores.includes(name));
    if (candidates.length !== 1) {
      const advice = names.length > 1 ? CHOOSE_LABELS : CHOOSE_BOTH;
      const areNamed = named.length > 0;
      throw noLabels(path, "array", { found: candidates, areNamed, described, advice });
    }
    const [label] = candidates;
    const tell = (words) => labelsPath === null && Object.assign(layout, words);
    tell({ labels: label });
    const rest = names.filter((name) => name !== label);
    const floats = rest.filter((name) => arrays[name].kind === "f");
    const ofScores = new Map([...own].filter(([name]) => name !== label));
    const { found, ...given } = namesOfScores(ofScores, floats, described, path, options);
    if (found.length > 1) {
      const words = { path, n: found.length, names: shortly(found), advice: CHOOSE_SCORES };
      throw new BadFile(sentences.SEVERAL_ARRAYS(words), "scores");
    }
    const { shape, data, type, kind } = arrays[found[0]];
    const areProbabilities =
      given.areProbabilities || isYScore(found, [own.get(found[0]) ?? ""], () => Array.from(data));
    tell({ scores: found, kind: kindOf(areProbabilities) });
    if (kind !== "f") throw new BadFile(sentences.NO_FLOATS({ path, name: found[0], dtype: type }));
    const placeOf = (row) => sentences.ROW_OF_ARRAY({ row });
    // The names of two files say what these hold.
    const nameOfScores = labelsPath === null ? found[0] : stemOf(path);
    const labelName = labelsPath === null ? label : stemOf(labelsPath);
    refuseMissing(arrays[label].data, isNoLabel, labelsPath ?? path, placeOf);
    return {
      path, labelsPath, data, shape, half: type === "float16", areProbabilities, classes: null,
      place: placeOf,
      labels: arrays[label].data, labelShape: arrays[label].shape, labelName,
      areBooleans: arrays[label].kind === "b",
      hasTestSet: other,
      code: codeOfArrays(path, found[0], label, labelsPath, arrays[label].kind),
      from: {
        scores: listed("array", labelsPath === null ? found : [""]),
        labels: labelsPath ?? `the array ${label}`,
      },
      isConfidence: isConfidence(nameOfScores, labelName),
      unused: rest.filter((name) => !found.includes(name) && !ofOther.includes(name)),
    };
  }

  const stemOf = (path) => path.replace(/\.npy$/i, "");

  const isNamed = ({ path }, ...kinds) => declared([stemOf(path)], ...kinds).length > 0;

  // What tells the labels from the logits, one after the other until one tells them apart.
  const SIGNS_OF_LABELS = [
    ({ arrays }, other) => arrays[""].shape.length === 1 && other.arrays[""].shape.length > 1,
    ({ arrays }) => arrays[""].kind !== "f",
    // Such labels are refused with advice on what to do.
    ({ arrays: { "": { data, shape } } }) => isOneHot(data, shape[0], shape[1] ?? 1),
    (file) => isNamed(file, "labels"),
    (_, other) => isNamed(other, "logits", "probabilities", "endInProb"),
  ];

  /** Return [scores, labels] of two npy files, or ask which is which. */
  function orderOfPair([one, other], { labels, scores = [] }, layout) {
    const paths = [one.path, other.path];
    const path = paths.join(" and ");
    Object.assign(layout, { path, word: "file", names: paths, labels: null, scores: null });
    const chosen = labels ?? paths.find((name) => scores[0] && name !== scores[0]);
    if (chosen !== undefined) return chosen === one.path ? [other, one] : [one, other];
    const sign = SIGNS_OF_LABELS.find((is) => is(one, other) !== is(other, one));
    if (sign) return sign(one, other) ? [other, one] : [one, other];
    const rowWise = [one, other].filter(({ arrays }) => arrays[""].shape.length === 1);
    if (rowWise.length === 0) {
      throw new BadFile(
        `${path} hold no labels, which would be one number for each row; replace one of them by ` +
          "the file of the labels"
      );
    }
    throw new BadFile(`${path} are alike, so either of them may hold the labels; ${CHOOSE_LABELS}`);
  }

  /** Name the arrays of two npy files by what they hold. */
  function pairOfFiles(files, { picked }, layout) {
    const [scores, labels] = orderOfPair(files, picked, layout);
    const name = isNamed(scores, "probabilities", "endInProb") ? "probabilities" : "logits";
    Object.assign(layout, { labels: labels.path, scores: [scores.path], kind: name });
    const arrays = { [name]: scores.arrays[""], labels: labels.arrays[""] };
    return { path: scores.path, arrays, labelsPath: labels.path };
  }

  self.arrays = { fromArrays, pairOfFiles };
};
