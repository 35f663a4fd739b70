"""The sentences on bad input that the library and the site's calculator share.

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
    "{path} holds Python objects, which could run code when they are read; save logits as "
    "np.stack(logits).astype(float) and labels as np.stack(labels).astype(int), or names of "
    "classes in a csv file"
)
NOT_UTF_8 = "it is not written in UTF-8; save it once more as a csv file in UTF-8"
DECIMAL_COMMAS = "a comma in a number was read as its decimal point"
OF_CONFIDENCE = (
    "here P(y = 1) is the probability that an answer is right, and T divides the logit of this "
    "confidence, log(p / (1 - p)); the temperature of a model with more "
    "than two classes can only be found from its logits"
)
ROUNDED = "each row was divided by its sum, because its probabilities were rounded"
COUNTED_AS_FLOOR = (
    "{n} of {n_values} probabilities are 0, or 1 in a single column, and were moved by {floor}"
)
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
ROW_NAMES = (
    "if the first cell of each row is its number or its name, as R writes it, put a name such as "
    "id before the other names of the first row; otherwise put a cell that holds a comma in "
    "quotation marks"
)
FEWER_CELLS = "complete the row or delete it"
NO_DELIMITER = (
    "{path} has a single column, and its first sample is {found}; separate the columns by commas, "
    "semicolons or tabs"
)
COUNT_CLASSES = (
    "name each column of scores after its label, such as p_{label} or logit_{label}, or write for "
    "each label which column is its own, counted from 0, such as 1 for the second column"
)
OR_LABEL_NUMBERS = "take the column {name} as the labels if it counts the classes, or {advice}"
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
ONE_OF_SEVERAL = (
    "{path}: the labels called {labels} are 1 for the class {event} and 0 for the {n} others; if "
    "every sample has one class, write a single column label with the class of each row; if a "
    "sample may have several, use evaluate_multi_label and MultiLabelTemperatureScaler of the "
    "library"
)
REPEATED_CLASS = (
    "{path}: the columns {names} name the same class, {name}; choose one column for each class"
)
SEVERAL_SPELLINGS = (
    "{path}: the labels {names} differ in nothing but capital letters; write each class in one way"
)
SEVERAL_SETS = (
    "{path}: the column {name} names several sets ({words}); write the rows of each set into a "
    "file of its own, or delete this column if T may be found and tested on samples of all sets"
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
READ_IN_ORDER = (
    "the label 0 was read as {first}, and 1 as {second}; if 1 means {first}, {advice}; otherwise "
    "{said}"
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
LOG_OF_ZERO = (
    "save the logits, or the log-probabilities that log_softmax gives, because -inf stands at "
    "labels, as if their probability were 0"
)
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
