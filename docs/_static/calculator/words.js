// made by docs/make_calculator_words.py
(self.calculatorParts ??= {}).words = function () {
  "use strict";

  const sentences = {
    "UNKNOWN_KIND": "{path} cannot be read: the name of the file must end in one of {known}",
    "WRONG_KIND": "{path} is no {kind} file; write one with {function}",
    "PYTHON_OBJECTS": "{path} holds Python objects, which could run code when they are read; save arrays of numbers only",
    "NOT_UTF_8": "it is not written in UTF-8; save it once more as a csv file in UTF-8",
    "DECIMAL_COMMAS": "a comma in a number was read as its decimal point",
    "ROUNDED": "each row was divided by its sum, because its probabilities were rounded",
    "WITHOUT_SAMPLES": "classes without samples: {names}",
    "NO_ROWS": "{path} is empty; pass a file with one row or more",
    "NO_CSV": "{path} is no csv file: {why}",
    "REPEATED_COLUMNS": "{path} must give every column a name of its own, got {names} twice",
    "WRONG_LENGTH_OF_ROW": "{path} must have {expected} columns in every row, got {found} in {place}",
    "NO_DELIMITER": "{path} has a single column, and its first row is {found}; separate the columns by commas, semicolons or tabs",
    "WRITE_ALIKE": "write the labels and the columns alike, such as {name}",
    "RAVEL": "save labels.ravel(), which has one label for each row",
    "ARGMAX": "if they are one-hot, save labels.argmax(1)",
    "FILL_IN": "fill the cell in or delete the row, and if the column is no score, {advice}",
    "WRITE_POINTS": "write decimal points, or separate the columns by semicolons",
    "A_LIST": "write a column of its own for each class instead of a list",
    "NO_NUMBER": "{path} must hold numbers in the column {name}, got {found} in {place}; {advice}",
    "FIRST_ROW_IS_DATA": "{path} must name its columns in the first row, got {found}, which seems to be a sample; write a row such as score,label above it",
    "NO_FLOATS": "{path} must hold floating-point scores, and its {name} is {dtype}",
    "NO_LABELS": "Which {word} holds the true labels? {how_many} name in {path} says it, as label, target or y_true would. The file holds {described}; {advice}",
    "AN_IDENTIFIER": "{path} has a column {name} beside the scores, whose whole numbers are all different, as those of an identifier are; {advice}",
    "A_STRAY": "{path}: {name} is not a class of any label; {advice}",
    "UNCLEAR_SCORES": "{path} has {n} columns that may hold scores ({names}), and neither their names nor the labels say that all of them do; {advice}",
    "OVERLOOKED": "{path} has a column {name} that was not read, although it may hold scores as {used} does; {advice}",
    "NO_SCORES": "{path} must hold logits or probabilities beside the labels, got {described}",
    "TWO_NAMES": "{path} names its two classes {one} and {other}, and has a single column of scores; {advice}",
    "CONFIDENCES": "{path}: all scores in the column {name} are 1/2 or more, so they seem to say how sure the model is of its answer, whichever class this is; write a column confidence and a column correct, which is 1 where the answer is right, or call the column p_{event} if it holds the probability of {event}",
    "OWN_ANSWERS": "{said}; if the labels are the model's own answers, take the true labels, and otherwise {advice}",
    "WRONG_POSITIVE": "Did you choose the wrong label for a high score? You said that a high score means '{event}'; did you mean '{other}'?",
    "OTHER_EVENT": "both files must have the same positive class, got {fit} for the fit and {test} for the test; give both the scores of one class",
    "WRONG_LABEL": "{path} must hold labels that are {classes}, got {found} in {place}",
    "NO_LABEL": "{path}: {place} has no label; fill it in or delete the row",
    "LABELS_FROM_1": "labels run from 1 to {highest}; {advice}",
    "ROW_OF_TABLE": "row {row} (as a spreadsheet counts)",
    "ROW_OF_ARRAY": "row {row} (counted from 0)",
    "SHAPE_OF_LOGITS": "{name} must have shape (samples, classes), (samples, classes, height, width) or, for two classes, (samples,), got {shape}; {advice}",
    "EMPTY": "{name} are empty: got shape {shape}; pass one sample or more",
    "NOT_FINITE": "{name} must be finite, got NaN or infinity in {n_wrong} of {n} rows, first in {place}; {advice}",
    "LOOK_AT_THE_MODEL": "look at what the model does with that input",
    "MASKED_CLASSES": "give a masked class a large negative number such as -10000 in place of -inf",
    "TOO_LARGE": "{name} must not exceed {most} in size, got {found}; {advice}",
    "ARE_PROBABILITIES": "logits look like probabilities: all lie in [0, 1] and every row sums to 1; {advice}",
    "LOOK_LIKE_PROBABILITIES": "logits look like probabilities: {why}; {advice}",
    "NO_PROBABILITIES": "probabilities must lie in [0, 1] and every row must sum to 1, got values from {lowest} to {highest} and row sums from {least} to {most}; {advice}",
    "MODELS": "if each column is the probability of the same event by another model, read only one of them",
    "CLASS_0": "{path}: the column {name} names class 0, but a single column must hold the scores of class 1; write {change} into it and call it {new}",
    "MEANS_CLASS_0": "no temperature is best, because the scores in {name} are on average no higher where the label is 1; if a high score means class 0, take 1 minus each probability or minus each logit; otherwise the labels are usually shifted by some rows",
    "WRONG_SUM": "{place} sums to {sum} (a wrong sum in {n_wrong} of {n} rows); correct the row or delete it",
    "NO_EVENTS": "probabilities must lie in [0, 1], got values from {lowest} to {highest}; {advice}",
    "NO_INTEGER_LABELS": "labels must be integer class indices, got {dtype}; {advice}",
    "NOT_ONE_LABEL_EACH": "labels must have one entry for every row of {name}, got {n_labels} labels for {n} rows; {advice}",
    "LABEL_OUTSIDE": "labels must lie between 0 and {highest} for {n_classes} classes, got {label} at {place}; {advice}",
    "ONE_CLASS": "labels hold one class only: all {n} are {label}; calibrate on samples of all classes, drawn in the same way as the test samples",
    "SAME_LOGITS": "logits must differ within a row, got the same value for all classes in each of the {n} rows, so that every temperature gives the same probabilities; look at what the model does with its input",
    "TEMPERATURE_INFINITE": "no temperature is best, because the model's scores do not favour the true labels: over the {n} samples, the logit of the label is on average no higher than the other logits; usually the labels are shifted by some rows or the columns are in another order than the classes, so check that labels and logits belong together",
    "TEMPERATURE_ZERO": "no temperature is best: all {n} labels are the model's top class, so the NLL falls for ever as T goes to 0; {advice}",
    "NO_CONVERGENCE": "the search for T did not converge within {steps} steps, 1 / T is near {found}; look for logits of very different sizes",
    "CALIBRATED": "{when}, no calibration error was found. An ECE of up to {high} could still hide in {n} samples (see the row {row}).",
    "UNSEEN": "{when}, the ECE of the test samples shows neither this nor another error. An ECE of up to {high} could still hide in {n} samples (see the row {row}).",
    "ONE_TEST": "{when}, a perfectly calibrated model would show the measured ECE of {ece} or a larger one in {share} of all test sets of this size ({p}). A share below {level} is evidence against the model.",
    "TWO_TESTS": "{when}, a perfectly calibrated model would show the measured ECE of {ece} or a larger one in {share} of all test sets of this size ({p}), and the classwise ECE of {classwise_ece} or a larger one in {classwise_share} ({classwise_p}). Two tests are made, so only a share below {level} is evidence against the model.",
    "NOT_CALIBRATED": "{when}, the model {how}: {errors} {verb} larger than chance alone would produce.",
    "SOME_EVIDENCE": "{when}, there is some evidence that the model {how}: {errors} {verb} larger than chance alone usually produces, because p is below {limit}. But one perfectly calibrated model in 20 is reported in this way.",
    "LIMIT_OF_TWO_TESTS": "{limit} (half of {level}, as two tests are made)",
    "AT_MOST": "at most {share}",
    "OVERCONFIDENT": "is overconfident",
    "UNDERCONFIDENT": "is underconfident",
    "MISCALIBRATED": "is not calibrated",
    "OVERESTIMATES": "overestimates {confidence}, which is {mean} on average, while the {share} is {rate}",
    "UNDERESTIMATES": "underestimates {confidence}, which is {mean} on average, while the {share} is {rate}",
    "SHIFT_REMAINS": "T does not correct the error: one temperature cannot correct the shift that remains after scaling, but the two numbers of a calibkit.LogisticScaler can.",
    "CHOOSE": "The page \"Which method do I need?\" names scalers that correct more.",
    "OTHER_DATA": "The correction was found on other data, which may differ from the test set.",
    "NO_VERDICT": "There is no verdict on the calibration, because the labels do not seem to belong to the logits. Do not use this T.",
    "NO_VERDICT_WHEN_EXCHANGED": "There is no verdict on the calibration, because classes seem to be exchanged. Check this first: until then, trust neither a temperature nor the measures below.",
    "NO_DIRECTION": "T = 1 lies within the 95% interval of T, so the samples show neither that another temperature helps nor whether the model is overconfident or underconfident.",
    "OUTSIDE_1": "T = 1 lies outside the 95% interval of T: the samples that T was found on show that the model {how}, in the sense that a temperature {side} 1 lowers its NLL. About one perfectly calibrated model in 20 shows as much by chance.",
    "OUTSIDE_1_OF_A_SHIFT": "T = 1 lies outside the 95% interval of T: the samples that T was found on show that a temperature {side} 1 lowers the NLL. About one perfectly calibrated model in 20 shows as much by chance.",
    "NEED_NOT_SCALE": "T = 1 lies within the 95% interval of T, so you need not scale the model.",
    "FEW_SAMPLES": "{n} samples are very few, so all results are uncertain. Use at least {least} samples to test a model, and as many others to find T.",
    "UNRELATED": "The labels do not seem to belong to the logits: T is {temperature} (95%: {low} to {high}), and the accuracy of {accuracy} is hardly better than if the model always named the most frequent class ({majority}). Usually the labels are shifted by some rows or come from another split, or the columns are in another order than the classes. A model that knows next to nothing looks the same. Check for a few samples by hand whether the largest logit is that of the label.",
    "LARGE_TEMPERATURE": "T = {temperature} is unusually large, although the model is right in {accuracy} of the samples. Usually one of the columns is no score but a number of the sample, or the scores are no logits but distances or percentages, or some labels belong to other rows. Check what was read as logits and as labels.",
    "SMALL_TEMPERATURE": "T = {temperature} is unusually small: the logits differ far less than those of most models. Usually they are probabilities, similarities, or logits that were already divided by some number. Check that they are what the model gives before the softmax.",
    "UNCERTAIN_TEMPERATURE": "The samples say little about T: its 95% interval reaches from {low} to {high}. Usually the samples are too few, or hardly any answer is wrong, or some labels belong to other rows. Use more samples, and check for a few of them whether logits and label belong together.",
    "COUNTED_AS_FLOOR": "{n} of {n_values} probabilities counted as {floor} away from 0 or 1",
    "ZEROS": "{n_zero} of the {n} samples have a probability of 0 or 1, usually because the file is rounded. T depends on the small number that stands for 0, which is {floor}. So save more decimals, or the logits.",
    "EXCHANGED": "Are the columns of the classes {a} and {b} (counted from 0) exchanged? The model answers {b} to most samples of class {a}, and {a} to most of class {b}.",
    "WRONG_WAY_ROUND": "Do the scores point the wrong way? On average, the model gives the samples of class 1 a lower P(y = 1) than those of class 0. Usually the two columns are exchanged, or a high score means the other class.",
    "DIAGRAM": "A bar shows the {share} of the samples in a bin, and a dot their mean {confidence}. If the model is calibrated, the bars end within the grey bands in about 95% of the bins.",
    "DIAGRAM_IN_WORDS": "Reliability diagram {name}, ECE {ece}: the {share} is below the mean {confidence} in {n_below} and above it in {n_above} of {n_filled} bins that hold samples."
  };
  const patterns = {
    "labels": "^(?:((true|gold|target|actual)[_ .-]?)?(labels?|class)|y|y[_ .-]?(true|gold)|true|y[_ .-]?actual|actuals?|gold([_ .-]?standard)?|targets?|outcomes?|events?|(is_)?correct|matched|klasse|(ground[_ .-]?)?truth|diagnos[ei]s?)$",
    "right": "^(?:(is_)?correct|matched)$",
    "logits": "^(?:logit.*)$",
    "probabilities": "^(?:(y_)?(prob|conf).*|p|p[_(\\[ ]?\\d+.*|p_.*)$",
    "numbersOfSamples": "^(?:(.*[_ .-])?(id|ids|uid|uuid|index|idx)|sample|row|nr|file_?name|(sample|row|line|image|item|record|case|file)[_ .-]?(id|nr|no|num|number|index|idx|name))$",
    "predictions": "^(?:(y_?)?(preds?|predicted|predictions?|hat)([_ .-]?(labels?|class))?)$",
    "beforeClass": "(logits?|prob(abilit(y|ies)|s)?|p)([ _.:-]+(?=.)|(?=[\\d(\\[]))",
    "beforePositive": "^score_",
    "calibrationSet": "^(?:(?:val|valid|validation|dev|cal|calib|calibration)[_.-](.+)|(.+)[_.-](?:val|valid|validation|dev|cal|calib|calibration))$",
    "testSet": "^(?:(?:test)[_.-](.+)|(.+)[_.-](?:test))$"
  };

  self.cardTexts = {
    meanings: {
    "NLL": "the mean negative logarithm of the probability that the true class was given; smaller is better",
    "Brier score": "the mean squared distance of the probabilities from the truth; smaller is better",
    "ECE": "the expected calibration error, which is the mean distance between how sure the model is and how often it is right, bin by bin",
    "ECE if calibrated": "the ECE that chance alone would give a perfectly calibrated model on so many samples",
    "p-value": "how often a perfectly calibrated model would show such an ECE or a larger one",
    "classwise ECE": "the same error of the probabilities of every class, averaged over the classes, with its own noise floor and p-value"
  },
    meaningsOfTwoClasses: {
    "accuracy at 1/2": "how often the answer is right if it is y = 1 wherever P(y = 1) is above 1/2, and the other class elsewhere; if y = 1 says whether another model was right, the accuracy of that model is the frequency of y = 1",
    "NLL": "the mean negative logarithm of the probability that the true class was given; smaller is better",
    "Brier score": "the mean squared distance of the probabilities from the truth, summed over both classes; scikit-learn's brier_score_loss is half of it; smaller is better",
    "ECE": "the expected calibration error of P(y = 1), which is the mean distance between P(y = 1) and the frequency of y = 1, bin by bin",
    "ECE if calibrated": "the ECE that chance alone would give a perfectly calibrated model on so many samples",
    "p-value": "how often a perfectly calibrated model would show such an ECE or a larger one",
    "top-label ECE": "the mean distance between how sure the model is of its answer and how often this answer is right, bin by bin"
  },
    accuracyOfEvent: "accuracy at 1/2",
    endsAtValue: "Chance makes an ECE look larger than it is. So the interval of an ECE lies mostly below the measured value, and may end at it.",
    limits: [
    "The probabilities hold for data that are drawn like the test set. On other data nothing is promised: measure there.",
    "The intervals and p-values assume independent samples. Pixels of one image, or several samples of one person, are not independent, and then the intervals are too narrow.",
    "The verdict on the ECE is wrong about a perfectly calibrated model in at most 5% of all test sets. It says whether there is more error than chance alone produces, not whether the error is large. With few samples, a large error can remain unseen."
  ],
  };

  /** Return a function that fills in the names in braces. */
  const filled = (sentence) => (values) =>
    sentence.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

  self.sentences = Object.fromEntries(
    Object.entries(sentences).map(([name, sentence]) => [name, filled(sentence)])
  );
  self.patterns = Object.fromEntries(
    Object.entries(patterns).map(([name, pattern]) => [name, new RegExp(pattern, "i")])
  );
};
