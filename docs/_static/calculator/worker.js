// This script runs in a worker, so that the page can be used while it computes.
(self.calculatorParts ??= {}).worker = function () {
  "use strict";

  const { samples, sets, temperature, measure, refusals } = self;
  const isRefusal = (error) =>
    error instanceof refusals.BadFile || error instanceof temperature.NoOptimumError;

  /** Read the files, fit the temperature and measure. `tell` gets what is done, and its share. */
  async function run({ chosen, testFiles, probabilities, picked }, layouts, tell) {
    const reading = (share) => tell("Reading", 0.25 * share);
    const read = (files, zone) => {
      const which = zone === "fit" ? "calibration" : "test";
      const options = { probabilities, picked: picked[zone], which };
      return samples.read(files, options, layouts[zone], reading);
    };
    let calibration = await read(chosen, "fit");
    const files = [calibration];
    const code = [calibration.code];
    const from = [calibration.said];
    const { suspicions, n, input, note, zeros, classes } = calibration;
    let { event } = calibration;
    let test;
    const ofBoth = calibration.hasTestSet ? chosen : [];
    const filesOfTest = testFiles.length ? testFiles : ofBoth;
    const isSplit = filesOfTest.length === 0;
    if (isSplit) {
      if (calibration.n < 4) {
        throw new refusals.BadFile(
          `${chosen[0].name} must hold at least 4 samples to be split, got ${calibration.n}; ` +
            "drop a file with more samples"
        );
      }
      [calibration, test] = sets.split(calibration);
    } else {
      test = await read(filesOfTest, "test");
      files.push(test);
      code.push(test.code);
      from.push(test.said);
      event = test.event ?? event;
      sets.refuseOthers(calibration, test);
    }
    tell("Fitting the temperature", 0.25);
    const fit = fitted(calibration, { ...suspicions, isSplit });
    const nShared = sets.countShared(calibration, test, isSplit);
    const copies = files.map((rows) => ({ n: rows.n, nCopies: self.copies.count(rows) }));
    const report = measure.evaluate(test, fit.temperature, {
      onProgress: (share) => tell("Measuring", 0.3 + 0.7 * share),
    });
    const about = { from, n, isSplit, code, nShared, copies, zeros, input, note, classes };
    return { fit, report: { ...report, event }, ...about };
  }

  /** Fit the temperature. If none is best, say also what the file makes suspicious. */
  function fitted(rows, { suspicion, inOrder, wrongPositive, isSplit }) {
    try {
      return temperature.fit(rows);
    } catch (error) {
      const isInfinite = error instanceof temperature.NoOptimumError && error.isInfinite;
      if (error instanceof temperature.NoOptimumError && error.isZero) {
        const [said, advice] = error.message.split("; ");
        const of = isSplit ? `in every second row, which T is found on, ${said}` : said;
        throw new refusals.BadFile(self.sentences.OWN_ANSWERS({ said: of, advice }));
      }
      if (isInfinite && wrongPositive) throw new refusals.BadFile(wrongPositive);
      if (isInfinite && inOrder) {
        const [first, second] = inOrder;
        const words = { first, second, advice: `tick only ${first}`, said: error.message };
        throw new refusals.BadFile(self.sentences.READ_IN_ORDER(words));
      }
      if (!isInfinite || !suspicion) throw error;
      const [first, ...rest] = error.message;
      throw new temperature.NoOptimumError(`${suspicion} ${first.toUpperCase()}${rest.join("")}`);
    }
  }

  /** Return how files are read. What is wrong with them is said when they are to be used. */
  async function look({ look: zone, chosen, probabilities }) {
    const layout = {};
    const which = zone === "fit" ? "calibration" : "test";
    await samples.read(chosen, { probabilities, which }, layout).catch(() => {});
    return layout;
  }

  self.onmessage = async ({ data }) => {
    if (data.look) {
      self.postMessage({ layout: await look(data) });
      return;
    }
    const tell = (step, share) => self.postMessage({ step, share });
    const layouts = { fit: {}, test: {} };
    try {
      self.postMessage({ layouts, found: await run(data, layouts, tell) });
    } catch (error) {
      self.postMessage({ layouts, error: isRefusal(error) ? error.message : unexpected(error) });
    }
  };

  function unexpected(error) {
    if (error instanceof RangeError) {
      return (
        "The file is too large for this browser's memory; drop a file with fewer rows, or use " +
        "the library."
      );
    }
    return `The calculator failed, which is a fault of ours: ${error}`;
  }
};
