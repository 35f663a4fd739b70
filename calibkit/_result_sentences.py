"""The sentences on results that the library and the site's calculator share.

Both fill in the names in braces.
"""

CALIBRATED = (
    "{when}, no calibration error was found. An ECE of up to {high} could still hide in {n} "
    'samples, as the row "{row}" of the table says.'
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
    '{high} could still hide in {n} samples, as the row "{row}" of the table says.'
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
    "Before scaling, the test found no error ({before}), so T may have caused this one, because T "
    "comes from other samples. {leave}"
)
LEAVE_UNSCALED = "Leave the model unscaled, or fit a scaler to more samples like those of the test."
NLL_RISES = (
    "Scaling makes the model worse on the test set: its negative log-likelihood (NLL) rises by "
    "{value} ({low} to {high}). The scaler was fitted to too few samples, or to samples unlike "
    "those of the test. {leave}"
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
    "{how}, in the sense that a temperature {side} 1 lowers its negative log-likelihood (NLL). "
    "About one perfectly calibrated model in 20 shows as much by chance."
)
OUTSIDE_1_OF_A_SHIFT = (
    "T = 1 lies outside the 95% interval of T: the samples that T was found on show that a "
    "temperature {side} 1 lowers the negative log-likelihood (NLL). About one perfectly calibrated "
    "model in 20 shows as much by chance."
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
