"""The sentences that the library and the site's calculator share: bad input and model cards.

Both fill in the names in braces. ``advice`` is what to do, which differs between the two.
"""

UNKNOWN_KIND = "{path} cannot be read: the name of the file must end in one of {known}; {advice}"
OF_A_SPREADSHEET = "in the program for spreadsheets, save the sheet as a csv file"
OF_A_TEXT = "if it holds a table, let its name end in .csv"
OF_TENSORS = (
    "in Python, load it and write np.savez('samples.npz', logits=logits.cpu().numpy(), "
    "labels=labels.cpu().numpy())"
)
OF_ANOTHER_KIND = "write the arrays with np.savez, or the table as a csv file"
WRONG_KIND = "{path} is not a valid {kind} file; write one with {function}"
PYTHON_OBJECTS = (
    "{path} holds Python objects, which could run code when they are read; save arrays of numbers "
    "only, such as np.stack(logits).astype(float)"
)
NOT_UTF_8 = "it is not written in UTF-8; save it once more as a csv file in UTF-8"
DECIMAL_COMMAS = "a comma in a number was read as its decimal point"
OF_CONFIDENCE = (
    "T divides the logit of the confidence, log(p / (1 - p)); the temperature of a model with more "
    "than two classes can only be found from its logits"
)
ROUNDED = "each row was divided by its sum, because its probabilities were rounded"
WITHOUT_SAMPLES = "classes without samples: {names}"
NO_ROWS = "{path} is empty; pass a file with one row or more"
NO_CSV = "{path} is not a valid csv file: {why}"
REPEATED_COLUMNS = "{path} must give every column a name of its own, got {names} twice"
WRONG_LENGTH_OF_ROW = (
    "{path} must have {expected} columns in every row, got {found} in {place}; {advice}"
)
MORE_CELLS = (
    "put a cell that holds a comma in quotation marks and, if commas are the decimal points, "
    "separate the columns by semicolons"
)
FEWER_CELLS = "complete the row or delete it"
NO_DELIMITER = (
    "{path} has a single column, and its first sample is {found}; separate the columns by commas, "
    "semicolons or tabs"
)
COUNT_CLASSES = (
    "write for each label which column of scores is its own, counted from 0, such as 1 for the "
    "second column"
)
NO_FRACTIONS = (
    "labels are no fractions: if these are scores, add the true labels, and if they are soft "
    "labels, write the most likely class of each sample"
)
WRITE_ALIKE = "spell this label as its column does: {name}"
RAVEL = "save labels.ravel(), which has one label for each row"
OF_TOKENS = (
    "if the classes stand in the last axis, as those of tokens do, save logits.reshape(-1, "
    "{n_classes}) and labels.ravel(), and leave out the samples whose label is -100"
)
ARGMAX = "as they are one-hot, save labels.argmax(1)"
ONE_LABEL = "save one label for each sample"
SEVERAL_LABELS = (
    "a sample may have several labels here, which neither the command line nor the calculator "
    "handles; use evaluate_multi_label and MultiLabelTemperatureScaler of the library"
)
ONE_HOT_COLUMNS = (
    "{path} holds the labels one-hot: in each row, one of the columns {names} is 1 and the others "
    "are 0; write a single column label with the class of each row"
)
FILL_IN = "fill in the cell, delete the row, or {advice}"
WRITE_POINTS = "write decimal points, or separate the columns by semicolons"
WRITE_SHARES = (
    "write shares instead of percentages, such as 0.93 for 93%, or, if the column holds no scores, "
    "{advice}"
)
ONE_POINT = "use either commas or points as decimal points in all cells"
NO_THOUSANDS = "write numbers without a sign or blank between the thousands"
WRITE_HYPHENS = "write a hyphen as the minus sign, as in -1.5"
NO_BOUNDS = "write the number itself or delete the row, because < and > name only a bound"
CORRECT = "correct the cell, delete the row or, if the column holds no scores, {advice}"
A_LIST = "write a column of its own for each class instead of a list"
NO_NUMBER = "{path} must hold numbers in the column {name}, got {found} in {place}; {advice}"
FIRST_ROW_IS_DATA = (
    "{path} must name its columns in the first row, got {found}, which seems to be a sample; write "
    "a row such as score,label above it"
)
NO_FLOATS = (
    "{path} must hold floating-point scores, and its {name} is {dtype}; if these are the scores, "
    "save them with .astype(np.float32)"
)
NO_LABELS = (
    "Which {word} holds the true labels? {reason}, as label, target or y_true would. The file "
    "holds {described}; {advice}"
)
NO_NAME_OF_LABELS = "No name in {path} says it"
TWO_NAMES_OF_LABELS = "More than one name in {path} says it"
SEVERAL_MAY_BE_LABELS = "More than one in {path} may hold them, and no name says it"
AN_IDENTIFIER = (
    "{path} has a column {name} that seems to number the samples, because its whole numbers are "
    "all different; {advice}"
)
TRAINED_ON = (
    "{path}: the column {name} says {word}, so the model may have been trained on these rows, and "
    "T must be found with other samples; delete these rows, or the whole column if the model was "
    "trained on none of them"
)
A_STRAY = "{path}: no label names the column {name}, so it may be no class; {advice}"
UNCLEAR_SCORES = (
    "{path} has {n} columns that may hold scores ({names}), and neither their names nor the labels "
    "say that all of them do; {advice}"
)
OVERLOOKED = (
    "{path} has a column {name} that was not read, although it may hold scores as {used} does; "
    "{advice}"
)
SEVERAL_ARRAYS = "{path} has {n} arrays that may hold the scores ({names}); {advice}"
NO_SCORES = "{path} must hold logits or probabilities beside the labels, got {described}"
FIRST_IS_EVENT = (
    "{path}: labels called {labels} are 1 for {event}, but the column {first} of this class comes "
    "first, which is the place of class 0; put the column {second} before it"
)
SEVERAL_MODELS = (
    "each of the columns {names} is higher where the label is 1, as the scores of one event by "
    "several models are, and no label has one of these names; {advice}"
)
ONE_SCORE = (
    "{path}: the labels name {n} classes ({names}), but there is only one score in each row; write "
    "one row for each sample with a column of scores for each class, or call the scores confidence "
    "and put a column correct, which is 1 where the answer is right, in the place of the labels"
)
TWO_NAMES = (
    "{path} names its two classes {one} and {other}, and has a single column of scores; {advice}"
)
CONFIDENCES = (
    "{path}: all scores in the column {name} are 1/2 or more, so they seem to say how sure the "
    "model is of its answer, whichever class this is; call the scores confidence and put a column "
    "correct, which is 1 where the answer is right, in the place of the labels, or call the column "
    "p_{event} if it holds the probability of {event}"
)
OWN_ANSWERS = (
    "{said}; if the labels are the model's own answers, take the true labels, and otherwise "
    "{advice}"
)
WRONG_POSITIVE = (
    "Does a high score mean '{other}' and not '{event}'? On average, the scores are no higher "
    "where the label is '{event}'; {advice}"
)
OTHER_EVENT = (
    "both files must have the same positive class, got {fit} for the fit and {test} for the test; "
    "write the scores of the same class into both files"
)
RIGHT_ANSWERS = (
    "{path} holds {n} scores for each sample, but its labels ({name}) seem to say whether the "
    "answer was right; use the true class of each sample or, beside {name}, only the confidence in "
    "the answer; if {name} is the true class, call it label and write the number of the class"
)
ONLY_ANSWERS = (
    "all scores are 0 or 1, so they seem to be the model's answers, which do not say how sure it "
    "is; use its logits or its probabilities, which predict_proba gives in scikit-learn"
)
WRONG_LABEL = "{path} must hold labels that are {classes}, got {found} in {place}"
NO_LABEL = "{path}: {place} has no label; fill it in or delete the row"
LABELS_FROM_1 = "labels run from 1 to {highest}; {advice}"
SEEM_TO_COUNT_FROM_1 = (
    "labels seem to count from 1: they run from 1 to {highest}, and the model would be right in "
    "{right} of the samples if 1 were subtracted from all of them, and in {as_given} as they are; "
    "{advice}"
)
ROW_OF_TABLE = "row {row} (as a spreadsheet counts)"
ROW_OF_ARRAY = "row {row} (counted from 0)"

SHAPE_OF_LOGITS = (
    "{name} must have shape (samples, classes), (samples, classes, height, width) or, for two "
    "classes, (samples,), got {shape}; {advice}"
)
EMPTY = "{name} are empty: got shape {shape}; pass one sample or more"
NOT_FINITE = (
    "{name} must be finite, got NaN or infinity in {n_wrong} of {n} rows, first in {place}; "
    "{advice}"
)
LOOK_AT_THE_MODEL = "look at what the model does with that input"
MASKED_CLASSES = "give a masked class a large negative number such as -10000 in place of -inf"
TOO_LARGE = "{name} must not exceed {most} in magnitude, got {found}; {advice}"
ARE_PROBABILITIES = (
    "logits look like probabilities: all lie in [0, 1] and every row sums to 1; {advice}"
)
LOOK_LIKE_PROBABILITIES = "logits look like probabilities: {why}; {advice}"
ONE_COLUMN_IN_0_1 = (
    "if they are probabilities, {advice}; if they are logits, write one column for each class, "
    "such as logit_0, which is 0 in every row, and logit_1, which holds the logits"
)
NO_PROBABILITIES = (
    "probabilities must lie in [0, 1] and every row must sum to 1, got values from {lowest} to "
    "{highest} and row sums from {least} to {most}; {advice}"
)
MODELS = (
    "if the columns are the probabilities that several models give to one event, choose only one "
    "of them as the scores"
)
SIGMOIDS = (
    "if each class has a probability of its own, as sigmoids give it, save the logits before the "
    "sigmoids; otherwise check that no class lacks its column"
)
CLASS_0 = (
    "{path}: the column {name} names class 0, but a single column must hold the scores of class 1; "
    "replace each number z by {change}, and call the column {new}"
)
MEANS_CLASS_0 = (
    "no temperature is best, because the scores in {name} are on average no higher where the label "
    "is 1; if a high score means class 0, replace each probability p by 1 - p, or each logit z by "
    "-z; otherwise the labels are usually shifted by some rows"
)
WRONG_SUM = (
    "{place} sums to {sum} (a wrong sum in {n_wrong} of {n} rows); correct the row or delete it"
)
NO_EVENTS = "probabilities must lie in [0, 1], got values from {lowest} to {highest}; {advice}"
NO_INTEGER_LABELS = "labels must be integer class indices, got {dtype}; {advice}"
NOT_ONE_LABEL_EACH = (
    "labels must have one entry for every row of {name}, got {n_labels} labels for {n} rows; "
    "{advice}"
)
TRANSPOSE = "save the transposed array, such as logits.T, which has one row for each sample"
LABEL_OUTSIDE = (
    "labels must lie between 0 and {highest} for {n_classes} classes, got {label} at {place}; "
    "{advice}"
)

ONE_CLASS = (
    "labels hold one class only: all {n} are {label}; calibrate on samples of all classes, drawn "
    "in the same way as the test samples"
)
SAME_LOGITS = (
    "logits must differ within a row, got the same value for all classes in each of the {n} rows, "
    "so that every temperature gives the same probabilities; look at what the model does with its "
    "input"
)
TEMPERATURE_INFINITE = (
    "no temperature is best, because the model's scores do not favour the true labels: over the "
    "{n} samples, the logit of the label is on average no higher than the other logits; usually "
    "the labels are shifted by some rows or the columns are in another order than the classes, so "
    "check that labels and logits belong together"
)
TEMPERATURE_ZERO = (
    "no temperature is best: all {n} labels are the model's top class, so the NLL falls for ever "
    "as T goes to 0; {advice}"
)
NO_CONVERGENCE = (
    "the search for T did not converge within {steps} steps, and 1 / T is near {found}; look for "
    "logits of very different magnitudes"
)

CALIBRATED = (
    "{when}, no calibration error was found. An ECE of up to {high} could still hide in {n} "
    "samples (see the row {row})."
)
ONE_BIN = (
    "{when}, the ECE shows no error, but it says little here: one bin holds nearly all samples, so "
    "it compares little more than their mean {confidence} with the {share}. Errors within this bin "
    "can hide."
)
ONLY_CONFIDENT_ERRORS = (
    "{when}, too many answers with a very high confidence are wrong (see the warning), although "
    "the ECE does not show this error."
)
UNSEEN = (
    "{when}, the ECE of the test samples shows neither this nor another error. An ECE of up to "
    "{high} could still hide in {n} samples (see the row {row})."
)
ONE_TEST = (
    "{when}, a perfectly calibrated model would show the measured ECE of {ece} or a larger one in "
    "{share} of all test sets of this size ({p}). A share below {level} is evidence against the "
    "model."
)
TWO_TESTS = (
    "{when}, a perfectly calibrated model would show the measured ECE of {ece} or a larger one in "
    "{share} of all test sets of this size ({p}), and the classwise ECE of {classwise_ece} or a "
    "larger one in {classwise_share} ({classwise_p}). Two tests are made, so only a share below "
    "{level} is evidence against the model."
)
NOT_CALIBRATED = "{when}, the model {how}: {errors} {verb} larger than chance alone would produce."
CLOSE = (
    "The p-value of the {error} {when} is a close call: {p} comes from {n} random draws, and other "
    "draws could put it on the other side of {limit} and so reverse the verdict."
)
NOT_BELOW = "The p-value of the {error} {when} is {p}, which is not below {limit}."
SOME_EVIDENCE = (
    "{when}, there is some evidence that the model {how}: {errors} {verb} larger than chance alone "
    "usually produces; p is below {limit}. But up to one perfectly calibrated model in 20 gets "
    "such a verdict."
)
LIMIT_OF_TWO_TESTS = "{limit} (half of {level}, as two tests are made)"
AT_MOST = "at most {share}"
OVERCONFIDENT = "is overconfident"
UNDERCONFIDENT = "is underconfident"
MISCALIBRATED = "is not calibrated"
OVERESTIMATES = (
    "overestimates {confidence}, which is {mean} on average, while the {share} is {rate}"
)
UNDERESTIMATES = (
    "underestimates {confidence}, which is {mean} on average, while the {share} is {rate}"
)
SHIFT_REMAINS = (
    "T does not correct the error: after scaling, the probabilities are still too high or too low "
    "on the whole. One temperature cannot change this, but the two numbers of a "
    "calibkit.LogisticScaler can."
)
CHOOSE = 'The page "Which method do I need?" names scalers that correct more.'
MADE_WORSE = (
    "After scaling, the model {how}: {errors} {verb} larger than chance alone usually produces. "
    "Before scaling, the test found no error, so T may have caused this one, because T comes from "
    "other samples. {leave}"
)
LEAVE_UNSCALED = "Leave the model unscaled, or fit a scaler to more samples like those of the test."
NLL_RISES = (
    "Scaling makes the model worse on the test set: its NLL rises by {value} ({low} to {high}). "
    "The scaler was fitted to too few samples, or to samples unlike those of the test. {leave}"
)
ALREADY_BEST = "On the samples on which it was found, T has the lowest NLL of all temperatures."
OTHER_DATA = "The correction was found on other data, which may differ from the test set."

NO_VERDICT = (
    "There is no verdict on the calibration, because the labels do not seem to belong to the "
    "logits. Do not use this T."
)
NO_VERDICT_WHEN_EXCHANGED = (
    "There is no verdict on the calibration, because classes seem to be exchanged. Check this "
    "first: until then, trust neither a temperature nor the measures below."
)
NO_DIRECTION = (
    "T = 1 lies within the 95% interval of T, so the samples show neither that another temperature "
    "helps nor whether the model is overconfident or underconfident."
)
OUTSIDE_1 = (
    "T = 1 lies outside the 95% interval of T: the samples that T was found on show that the model "
    "{how}, in the sense that a temperature {side} 1 lowers its NLL. About one perfectly "
    "calibrated model in 20 shows as much by chance."
)
OUTSIDE_1_OF_A_SHIFT = (
    "T = 1 lies outside the 95% interval of T: the samples that T was found on show that a "
    "temperature {side} 1 lowers the NLL. About one perfectly calibrated model in 20 shows as much "
    "by chance."
)
NEED_NOT_SCALE = "T = 1 lies within the 95% interval of T, so you need not scale the model."
NO_VERDICT_WITH_ZEROS = (
    "There is no verdict on the calibration, because the file gives so many labels a probability "
    "of 0 that T cannot be trusted. Do not use this T."
)
FEW_SAMPLES = (
    "{n} samples are very few, so all results are uncertain. Use at least {least} samples to test "
    "a model, and as many others to find T."
)

CONFIDENT_ERRORS = (
    "{when}, {n_wrong} of the {n} answers with a confidence above {confidence} are wrong. A "
    "calibrated model would give {expected} wrong answers among them. The ECE hardly shows this "
    "error, so do not rely on such a high confidence."
)

UNRELATED = (
    "The labels do not seem to belong to the logits: T is {temperature} (95%: {low} to {high}), "
    "and the accuracy of {accuracy} is {better} than if the model always named the most "
    "frequent class ({majority}). Usually the labels are shifted by some rows or come from another "
    "split, or the columns are in another order than the classes. A model that knows next to "
    "nothing looks the same. Check for a few samples by hand whether the largest logit is that of "
    "the label."
)
LARGE_TEMPERATURE = (
    "T = {temperature} is unusually large, although the model is right in {accuracy} of the "
    "samples. Usually one of the columns numbers the samples and is not a score, or the scores are "
    "distances or percentages and not logits, or some labels belong to other rows. Check what was "
    "read as logits and as labels."
)
SMALL_TEMPERATURE = (
    "T = {temperature} is unusually small: the logits differ far less than those of most models. "
    "Usually they are probabilities, similarities, or logits that were already divided by some "
    "number. Check that they are what the model gives before the softmax."
)
UNCERTAIN_TEMPERATURE = (
    "The samples say little about T: its 95% interval reaches from {low} to {high}. Usually the "
    "samples are too few, or hardly any answer is wrong, or some labels belong to other rows. Use "
    "more samples, and check for a few of them whether logits and label belong together."
)

COUNTED_AS_FLOOR = (
    "{n} of {n_values} probabilities are 0, or 1 in a single column, and were moved by {floor}"
)
ZEROS = (
    "{n_zero} of the {n} samples have a probability of 0 or 1, usually because the file is "
    "rounded. T depends on the small number that stands for 0, which is {floor}. So save more "
    "decimals, or the logits. If the model counts votes, as a forest does, it has no more: grow "
    "more trees, or use a calibkit.HistogramScaler, whose result hardly depends on that number."
)
ZEROS_OF_LABELS = (
    "{n_of_label} of the {n} samples have a label to which the file gives a probability of 0, "
    "usually because the file is rounded. What these samples say about T depends on the small "
    "number that stands for 0, which is {floor}. So T may be far from the right one, even outside "
    "its 95% interval. Do not use this T, but save more decimals, or the logits. If the model "
    "counts votes, as a forest does, it has no more: grow more trees, or use a "
    "calibkit.HistogramScaler, whose result hardly depends on that number."
)
COPIES = (
    "{n_copies} of the {n} samples seem to be copies of others, because they have the same scores "
    "and the same label. If they are, the results look surer than they should, and a class whose "
    "samples were copied seems too frequent. Then keep every sample once."
)
ONE_CLASS_IN_TEST = (
    "All {n} samples of the test have the label {label} (counted from 0). If they were chosen by "
    "their label, the results say nothing about new samples. Use samples of all classes, drawn as "
    "the model will meet them."
)
EXCHANGED = (
    "Are the columns of the classes {a} and {b} (counted from 0) exchanged? The model answers {b} "
    "to most samples of class {a}, and {a} to most of class {b}."
)
OTHER_ORDER = (
    "Are the columns of the {n} classes {names} (counted from 0) in another order than the labels? "
    "To most samples of each of these classes, the model answers another one of them."
)

WRONG_WAY_ROUND = (
    "Do the scores point the wrong way? On average, the model gives the samples of class 1 a lower "
    "P(y = 1) than those of class 0. Usually the two columns are exchanged, or a high score means "
    "the other class."
)
