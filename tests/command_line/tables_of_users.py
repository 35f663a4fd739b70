"""Tables as users write them, which both readers must read or refuse alike.

Both hold the same samples: logits of three classes and labels.
"""

import numpy as np

from tests.helpers import calibrated_problem

_logits, _labels = calibrated_problem(240, 3, 2.0)
Z, Y = _logits.numpy().round(4), _labels.numpy()
ANIMALS = np.array(["ant", "bee", "cat"])
# The samples of two classes have symmetric logits, and the same logits as one number.
ONE = Z[:, 1] - Z[:, 0]
OF_TWO = np.stack([-ONE / 2, ONE / 2], 1).round(4)
YES = (np.random.default_rng(0).random(240) < 1 / (1 + np.exp(-ONE / 2))).astype(int)
NAMES = ["logit_0", "logit_1", "logit_2", "label"]


def table(names: str | list[str], *columns: object, sign: str = ",") -> str:
    """Return the text of a table, whose names are given with blanks between them."""
    rows = zip(*columns, strict=True)
    head = names.split() if isinstance(names, str) else names
    return "\n".join([sign.join(head), *(sign.join(map(str, row)) for row in rows)]) + "\n"


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


_PLAIN = table(" ".join(NAMES), *Z.T, Y)
_ROWS = _PLAIN.partition("\n")[2]
_QUOTED = ",".join(f'"{name}"' for name in NAMES)
# The logits of five classes, of which the third has no sample.
ANT_TO_ELK = np.array(["ant", "bee", "cow", "dog", "elk"])
_five, _of_five = (part.numpy() for part in calibrated_problem(400, 5, 2.0))
OF_FIVE, WITHOUT_2 = _five[_of_five != 2].round(4), _of_five[_of_five != 2]
# Texts that hold OF_FIVE, in which the class number 2 has no sample.
WITHOUT_SAMPLES = {
    "names": table("ant bee cow dog elk label", *OF_FIVE.T, ANT_TO_ELK[WITHOUT_2]),
    "called logits": table(
        "logit_ant logit_bee logit_cow logit_dog logit_elk y", *OF_FIVE.T, ANT_TO_ELK[WITHOUT_2]
    ),
    "numbers": table("c0 c1 c2 c3 c4 label", *OF_FIVE.T, WITHOUT_2),
    "a number beside names": table(
        "age ant bee cow dog elk label", 40 + OF_FIVE[:, 0], *OF_FIVE.T, ANT_TO_ELK[WITHOUT_2]
    ),
}
_HITS = np.array(["hit", "ok", "right"])
# Texts that hold Z and Y.
READ = {
    "a sign before the names": f"# {_PLAIN}",
    "a sign without a blank": f"#{_PLAIN}",
    "a per cent sign": f"% {_PLAIN}",
    "two signs": f"## {_PLAIN}",
    "a sign before quotes": f"# {_QUOTED}\n{_ROWS}",
    "a sign in quotes": f'"# {_QUOTED[1:]}\n{_ROWS}',
    "a sign and tabs": f"# {_PLAIN}".replace(",", "\t"),
    "a sign and decimal commas": f"# {_PLAIN}".replace(",", ";").replace(".", ","),
    "a comment above the names": f"# made by a script, today\n{_PLAIN}",
    "two comments": f"# made by a script, today\n# {_PLAIN}",
    "a comment of two kinds": f"% made by a script\n\n{_PLAIN}",
    "a name that is a sign": table("# logit_0 logit_1 logit_2 label", range(240), *Z.T, Y),
    "the name true": table("class_0 class_1 class_2 true", *Z.T, Y),
    "the name event": table("class_0 class_1 class_2 event", *Z.T, Y),
    "the name y_test": table("ant bee cat y_test", *Z.T, ANIMALS[Y]),
    "the name label-val": table("ant bee cat label-val", *Z.T, ANIMALS[Y]),
    "the name gt": table("ant bee cat gt loss", *Z.T, ANIMALS[Y], Z[:, 0]),
    "the name gt_label": table("loss class_0 class_1 class_2 gt_label", Z[:, 0], *Z.T, Y),
    "percentages beside scores": table(
        "ant bee cat share label", *Z.T, [f"{k % 40}%" for k in range(240)], ANIMALS[Y]
    ),
    "classes called hit, ok and right": table("hit ok right label", *Z.T, _HITS[Y]),
    "classes called true, target and y": table(
        "true target y label", *Z.T, np.array(["true", "target", "y"])[Y]
    ),
    "a label within another word": table(
        "class_a class_s class_l class", *Z.T, np.array(list("asl"))[Y]
    ),
    "names with a sign": table("#0 #1 #2 label", *Z.T, Y),
    "columns that count from 1": table("s1 s2 s3 label", *Z.T, Y + 1),
    **{
        f"labels in capitals, {names}": table(f"{names} label", *Z.T, np.char.upper(ANIMALS[Y]))
        for names in ("ant bee cat", "Ant Bee Cat", "logit_ant logit_bee logit_cat")
    },
    "labels in capitals within other names": table(
        "ant_score Bee_score cat_score label", *Z.T, np.char.upper(ANIMALS[Y])
    ),
    "floating-point columns that count from 1": table("s_1.0 s_2.0 s_3.0 label", *Z.T, Y + 1.0),
    "floating-point names": table("0.0 1.0 2.0 label", *Z.T, Y),
    "floating-point names and labels": table("0.0 1.0 2.0 label", *Z.T, Y.astype(float)),
    "floating-point names after a word": table("s_0.0 s_1.0 s_2.0 loss y", *Z.T, Z[:, 0], Y),
    "words that name scores beside outcomes": table(
        "animal is_wild flag ant bee cat", ANIMALS[Y], Y % 2, 1 - Y % 2, *Z.T
    ),
    "words that begin the names beside outcomes": table(
        "animal is_wild ant_score bee_score cat_score", ANIMALS[Y], Y % 2, *Z.T
    ),
}
# A model that takes most samples of class 1 for a background, of which there is none.
_rng = np.random.default_rng(3)
OF_FOREGROUND = np.where(_rng.random(600) < 0.8, 1, _rng.integers(1, 4, 600))
FOREGROUND = (_rng.standard_normal((600, 4)) + np.eye(4)[OF_FOREGROUND] + [2, 0, 0, 0]).round(4)
# A model that takes nearly all samples for the frequent class 1. Class 0 has none.
OF_FREQUENT = _rng.choice([1, 2, 3], 600, p=[0.85, 0.1, 0.05])
FREQUENT = (_rng.standard_normal((600, 4)) / 2 + np.eye(4)[OF_FREQUENT] + [-2, 2, 0, 0]).round(4)
_TOO_LOW = (OF_TWO + np.array([2, 0])).round(4)
_IS_RIGHT = np.random.default_rng(4).random(240) < 1 / (1 + np.exp(-ONE / 2))
# A model that gives most samples the next lower of the grades 1 to 4, and none the grade 0.
OF_GRADES = _rng.integers(1, 5, 600)
GRADES = (_rng.standard_normal((600, 5)) + 3 * np.eye(5)[np.maximum(OF_GRADES - 1, 1)]).round(4)
_P2 = _softmax(OF_TWO)
_P = 1 / (1 + np.exp(-ONE))
_BY_TEXT = sorted(range(11), key=str)
_ELEVEN, OF_ELEVEN = (part.numpy() for part in calibrated_problem(400, 11, 1.5))
_P11 = _softmax(_ELEVEN)
WITHOUT_4 = np.where(WITHOUT_2 == 4, 2, WITHOUT_2)
_SPLIT = np.array(["Train", "val", "test"])[np.arange(240) % 3]
_GROUP = np.array(["north", "south"])[np.arange(240) % 2]
_YES_NO = np.array(["No", "Yes"])[YES]
# Probabilities of classes that the columns name, of which the last or the first has no samples.
P_OF_FIVE = _softmax(OF_FIVE)
_LOSSES = -np.log(P_OF_FIVE[:, 0])
WITHOUT_LAST = {
    names: table(
        f"{names} label",
        *P_OF_FIVE.round(4).T,
        *(_LOSSES, 40 + _LOSSES)[: len(names.split()) - 5],
        np.array(names.split())[WITHOUT_4],
    )
    for names in ("ant bee cow dog elk", "pig cow ant cat dog loss", "ant bee cow dog elk loss age")
}
# Texts with the scores and the labels that they hold.
READ_OF_OTHERS = {
    **{
        f"the event of {names}": (table(names, *columns, YES, ONE), ONE, YES)
        for names, *columns in (
            ("country is_fraud logit_fraud", _GROUP),
            ("group is_new is_dog logit_Dog", _GROUP, np.arange(240) % 2),
        )
    },
    "a split without samples of the training": (
        table("split is_spam logit", ["dev"] * 240, YES, ONE),
        ONE,
        YES,
    ),
    **{
        f"columns in another order, {names}": (
            table(f"{names} label", *OF_TWO[:, ::-1].T, YES.astype(kind)),
            OF_TWO,
            YES,
        )
        for names, kind in (
            ("logit_1 logit_0", int),
            ("logit(1) logit(0)", float),
            ("z[1] z[0]", float),
            ("y_hat_1.0 y_hat_0.0", int),
        )
    },
    **{
        f"probabilities called {name}": (
            table(f"customer_id churn {name}", 10234 + np.arange(240), YES, _P),
            np.log(_P / (1 - _P)),
            YES,
        )
        for name in ("churn_probability", "Churn_Prob", "xgb.proba")
    },
    "probabilities that end in prob": (
        table("ant_prob bee_prob cat_prob animal", *_softmax(Z).T, ANIMALS[Y]),
        np.log(_softmax(Z)),
        Y,
    ),
    "logarithms of probabilities": (
        table("ant_log_prob bee_log_prob cat_log_prob animal", *np.log(_softmax(Z)).T, ANIMALS[Y]),
        np.log(_softmax(Z)),
        Y,
    ),
    "probabilities in another order": (
        table("proba_1 proba_0 label", *_P2[:, ::-1].T, YES),
        np.log(_P2),
        YES,
    ),
    "eleven classes in the order of their texts": (
        table(f"{' '.join(f'proba_{k}' for k in _BY_TEXT)} y", *_P11[:, _BY_TEXT].T, OF_ELEVEN),
        np.log(_P11),
        OF_ELEVEN,
    ),
    "confidences beside a class and whether it is right": (
        table("image class confidence correct", range(240), ANIMALS[Y], _P, YES),
        np.log(_P / (1 - _P)),
        YES,
    ),
    "an event that two scores name": (
        table("split is_spam logit_ham logit_spam", _GROUP, YES, *OF_TWO.T),
        OF_TWO,
        YES,
    ),
    **{
        f"labels Yes beside {name}": (table(f"answer is_new {name}", _YES_NO, Y % 2, ONE), ONE, YES)
        for name in ("logit_yes", "logit_YES", "logit(yes)")
    },
    "a frequent class 1": (
        table("c0 c1 c2 c3 label", *FREQUENT.T, OF_FREQUENT),
        FREQUENT,
        OF_FREQUENT,
    ),
    "words that name scores beside other words": (
        table("ant bee cat answer subject", *Z.T, ANIMALS[Y], _GROUP),
        Z,
        Y,
    ),
    "lower grades": (table("g0 g1 g2 g3 g4 label", *GRADES.T, OF_GRADES), GRADES, OF_GRADES),
    "columns called true and false": (
        table("logit_true logit_false label", *OF_TWO[:, ::-1].T, YES == 1),
        OF_TWO[:, ::-1],
        1 - YES,
    ),
    "classes called False and True": (
        table("False True label", *OF_TWO.T, YES == 1),
        OF_TWO,
        YES,
    ),
    **{
        names: (table(names, *scores.T, labels), scores, labels.astype(int))
        for names, scores, labels in (
            ("logit_nok logit_ok is_ok", OF_TWO, YES),
            ("logit_left logit_right is_right", OF_TWO, _IS_RIGHT),
            ("logit_unmatched logit_matched matched", OF_TWO, YES),
            # Most samples that are answered with the first class belong to the second.
            ("logit_wrong logit_correct correct", _TOO_LOW, YES),
        )
    },
}
_P3 = _softmax(Z)
_CONFIDENCE, _ANSWER = np.maximum(_P, 1 - _P), (_P > 0.5).astype(int)
_THREE = np.eye(3, dtype=int)[Y]
_P_OTHER = 1 / (1 + np.exp(-ONE / 2))
# The scores of two more models, which err in other ways.
_OTHER, _THIRD = ONE / 2 + np.random.default_rng(1).standard_normal((2, 240)) / 2
_MOODS = np.array(["NEGATIVE", "POSITIVE"])
_ASKED = "Which column holds the true labels? "
_CONFIDENCES = "all scores in the column {} are 1/2 or more, so they seem to say how sure the model"


def _quoted(numbers: np.ndarray) -> np.ndarray:
    return np.char.add(np.char.add('"', numbers.astype(str)), '"')


def _confidences(names: str, label: object) -> tuple[str, str]:
    return table(names, _CONFIDENCE, label), _CONFIDENCES.format(names.split(maxsplit=1)[0])


# Texts that are refused, with a part of what both readers say.
REFUSED = {
    "another word before a name": (
        table("my_logit_0 logit_1 label", *OF_TWO.T, YES),
        "has a column my_logit_0 that was not read, although it may hold scores as logit_1 does",
    ),
    "a name without its word": (
        table("no logit_1 label", *OF_TWO.T, YES),
        "has a column no that was not read, although it may hold scores as logit_1 does",
    ),
    "a number without its word": (
        table("logit_0 z1 logit_2 label", *Z.T, Y),
        "has a column z1 that was not read, although it may hold scores as logit_0 does",
    ),
    "two models": (
        table("prob model_prob y", 1 / (1 + np.exp(-ONE)), 1 / (1 + np.exp(-ONE / 2)), YES),
        "has a column model_prob that was not read, although it may hold scores as prob does",
    ),
    **{
        f"{true} beside label": (
            table(f"{true} label score", _MOODS[YES], _MOODS[_ANSWER], _CONFIDENCE),
            f"{_ASKED}More than one name",
        )
        for true in ("gold", "true", "y_true", "gold_label", "target", "actual", "event")
    },
    "two tests": (table("a b c y_test y_val", *Z.T, Y, Y), f"{_ASKED}More than one name"),
    **{
        f"a last class that may have no samples, {names}": (
            table(f"{names} label", *OF_FIVE.T, np.array(names.split())[WITHOUT_4]),
            "x.csv: no label names the column ",
        )
        for names in ("A B C D E", "pig cow ant cat dog")
    },
    **{
        f"samples of the training, {name}": (
            table(f"id {name} logit y", np.arange(240) * 7, said, ONE, YES),
            f"x.csv: the column {name} says {word}, so the model may have been trained on these",
        )
        for name, said, word in (
            ("split", _SPLIT, "Train"),
            ("Set", np.array(["training", "val"])[Y % 2], "training"),
            ("is_train", np.arange(240) % 2, "1"),
            ("in_train", np.arange(240) % 2 == 0, "True"),
        )
    },
    **{
        f"several sets, {first} and {second}": (
            table("split label logit", np.where(YES, first, second), YES, ONE),
            f"x.csv: the column split names several sets ({second}, {first}); write the rows",
        )
        for first, second in (("val", "test"), ("holdout", "dev"), ("valid", "calibration"))
    },
    **{
        f"a class of its own for each label, {names}": (
            table(names, *Z.T, *_THREE.T),
            f"x.csv holds the labels one-hot: in each row, one of the columns {shown} is 1",
        )
        for names, shown in (
            ("logit_ant logit_bee logit_cat ant bee cat", "ant, bee, cat"),
            ("logit_Ant logit_Bee logit_Cat is_ant is_bee is_cat", "is_ant, is_bee, is_cat"),
            ("ant bee cat is_ant is_bee is_cat", "is_ant, is_bee, is_cat"),
        )
    },
    **{
        f"labels of one class of three, {names}": (
            table(f"{names} label", *Z.T, _THREE[:, 1]).replace("label", label, 1),
            f"x.csv: the labels called {label} are 1 for the class {event} and 0 for the 2 others",
        )
        for names, label, event in (
            ("logit_ant logit_bee logit_cat", "is_bee", "bee"),
            ("logit_right logit_event logit_left", "event", "event"),
        )
    },
    **{
        f"-inf {where}": (
            table(" ".join(NAMES), *np.where(is_there, -np.inf, Z).T, Y),
            f"first in row 7 (as a spreadsheet counts); look at what the model does with that "
            f"input, or {said}",
        )
        for where, is_there, said in (
            ("at labels", (_THREE == 1) & (np.arange(240) > 4)[:, None], "save the logits, or the"),
            (
                "at the other classes",
                (_THREE == 0) & (np.arange(240) > 4)[:, None],
                "give a masked",
            ),
        )
    },
    "labels in several spellings": (
        table("p_spam label", _P, np.array(["ham", "Ham", "spam", "Spam"])[2 * YES + Y % 2]),
        "the labels Ham, Spam, ham, spam differ in nothing but capital letters",
    ),
    "numbers beside labels of words": (
        table("logit_0 logit_1 logit_2 label label_id", *Z.T, ANIMALS[Y], Y),
        "; take the column label_id as the labels if it counts the classes, or name each column",
    ),
    "decimal commas in quotes between commas": (
        table("ant bee cat label", *np.char.replace(_quoted(Z), ".", ",").T, ANIMALS[Y]),
        "in row 2 (as a spreadsheet counts); write decimal points, or separate the columns by",
    ),
    "names of the rows": (
        table("z0 z1 z2 label", np.arange(240), *Z.T, Y),
        "put a name such as id before the other names of the first row",
    ),
    "words beside class indices": (
        table("logit_0 logit_1 logit_2 lang intent", *Z.T, _GROUP, Y),
        f"{_ASKED}More than one in x.csv may hold them",
    ),
    "words beside class indices from 1": (
        table("country z1 z2 z3 grade", _GROUP, *Z.T, Y + 1),
        f"{_ASKED}More than one in x.csv may hold them",
    ),
    **{
        f"words and outcomes, {names}": (
            table(names, _GROUP, YES, *scores),
            f"{_ASKED}More than one in x.csv may hold them, and no name says it",
        )
        for names, *scores in (
            ("sex is_fraud score", ONE),
            ("country is_fraud logit", ONE),
            ("city fraud prob", _P),
            ("split flag z0 z1", *OF_TWO.T),
        )
    },
    **{
        f"the event first, {names}": (
            table(names, YES, *OF_TWO.T[::-1]),
            f"x.csv: labels called {names.split()[0]} are 1 for spam, but the column "
            f"{names.split()[1]} of this class comes first",
        )
        for names in ("is_spam logit_spam logit_ham", "is_Spam logit(spam) logit(ham)")
    },
    "no label": (
        table(["", "a", "b", "c", "guess"], range(240), *Z.T, Y),
        "holds the columns (no name), a, b, c, guess",
    ),
    "a pipeline": _confidences("score label", _MOODS[YES]),
    "a pipeline with a truth": (
        table(
            "text prediction score truth", _MOODS[YES], _MOODS[_ANSWER], _CONFIDENCE, _MOODS[YES]
        ),
        _CONFIDENCES.format("score"),
    ),
    "confidences beside three names": _confidences("score label", ANIMALS[Y]),
    "confidences beside outcomes": _confidences("confidence label", YES),
    "answers as labels": (
        table("a b c label", *Z.T, Z.argmax(1)),
        "240 labels are the model's top",
    ),
    **{
        f"right answers, {names}": (
            table(names, *scores, right),
            f"holds {len(scores)} scores for each sample, but its labels ({names.split()[-1]}) "
            "seem to say whether the answer was right",
        )
        for names, scores, right in (
            ("logit_a logit_b logit_c correct", Z.T, (Z.argmax(1) == Y).astype(int)),
            ("logit_a logit_b logit_c is_correct", Z.T, Z.argmax(1) == Y),
            ("prob_a prob_b prob_c label", _P3.T, Z.argmax(1) == Y),
            ("logit_no logit_yes matched", OF_TWO.T, ((ONE > 0) == YES).astype(float)),
            ("logit_a logit_b logit_c is_right", Z.T, (Z.argmax(1) == Y).astype(int)),
            ("logit_a logit_b logit_c is_ok", Z.T, Z.argmax(1) == Y),
        )
    },
    "a name beside known names": (
        table("ant bee cat label", *Z.T, ANIMALS[Y]).replace(",bee\n", ",bea\n", 1),
        "or among ant, bee, cat, got 'bea' in row ",
    ),
    **{
        f"answers as scores, {names}": (
            table(names, *answers, labels),
            "all scores are 0 or 1, so they seem to be the model's answers, which do not say how",
        )
        for names, answers, labels in (
            ("predicted actual", [_ANSWER], YES),
            ("p label", [_ANSWER.astype(float)], YES),
            ("prob_a prob_b prob_c label", np.eye(3)[Z.argmax(1)].T, Y),
            ("logit_a logit_b logit_c label", np.eye(3, dtype=int)[Z.argmax(1)].T, Y),
        )
    },
    "an empty cell": (_PLAIN + "1,2,,0\n", "column logit_2, got '' in row 242"),
    "a decimal comma in quotes": (_PLAIN + '1,"2,5",3,0\n', "column logit_1, got '2,5' in row 242"),
    **{
        f"a cell with {cell}": (
            _PLAIN + f'1,"{cell}",3,0\n',
            f"column logit_1, got '{cell}' in row 242",
        )
        for cell in (
            "NA",
            "#N/A",
            "null",
            "?",
            "93.5%",
            "93 %",
            "1,000.5",
            "about 2",
            "n.a.",
            "#DIV/0!",
            "#WERT!",
            "1 000.5",
            "1,000,000",
            "<0.01",
            "\u22121.5",
        )
    },
    **{
        f"a cell with {cell} beside decimal commas": (
            _PLAIN.replace(",", ";").replace(".", ",") + f"1;{cell};3;0\n",
            f"column logit_1, got '{cell}' in row 242",
        )
        for cell in ("1.000,5", "2.5", "1 000,5", "1.000.000")
    },
    "decimal commas between commas": (
        _PLAIN + "1,5,2,5,3,5,0\n",
        "must have 4 columns in every row, got 7 in row 242",
    ),
    "a row that ends early": (_PLAIN + "1,2,3\n", "in every row, got 3 in row 242"),
    "classes with a number in their names": (
        table("a b c label", *Z.T, np.char.add("LABEL_", Y.astype(str))),
        "or among a, b, c, got 'LABEL_",
    ),
    "numbers from 1 without the last class": (
        table("c0 c1 c2 c3 label", *Z.T, Z[:, 0] - 9, Y + 1),
        "labels seem to count from 1: they run from 1 to 3, and the model would be right in ",
    ),
    "a list in a cell": (
        table("label logits", Y, [f'"[{a}, {b}]"' for a, b in OF_TWO]),
        "must hold numbers in the column logits, got '[",
    ),
    "blanks between": (_PLAIN.replace(",", " "), "has a single column, and its first sample is '"),
    "as NumPy writes by itself": (
        "# " + table(" ".join(NAMES), *(np.char.mod("%.18e", z) for z in Z.T), Y, sign=" "),
        "has a single column, and its first sample is '",
    ),
    "bars between": (_PLAIN.replace(",", "|"), "has a single column, and its first sample is '"),
    "a label in two spellings": (
        table("ant bee cat label", *Z.T, ANIMALS[Y]).replace(",bee\n", ",BEE\n", 1),
        "or among ant, bee, cat, got 'BEE' in row ",
    ),
    "columns that differ in capital letters only": (
        table("logit_ant logit_Ant logit_cat label", *Z.T, np.array(["ANT", "cat", "cat"])[Y]),
        "or among ant, Ant, cat, got 'ANT' in row ",
    ),
    "percentages of names": (table("A% B% C% truth", *100 * _P3.T, Y), "in [0, 100] and sum to"),
    "two risk models": (
        table("patient risk_a risk_b died", range(240), _P, 1 / (1 + np.exp(-ONE / 2)), YES),
        f"{_ASKED}No name",
    ),
    "two risk models and y": (
        table("risk_a risk_b y", _P, 1 / (1 + np.exp(-ONE / 2)), YES),
        "look",
    ),
    "two models, p1 and p2": (
        table("p1 p2 y", _P, 1 / (1 + np.exp(-ONE / 2)), YES),
        "must sum to 1",
    ),
    **{
        f"models, {names}": (
            table(f"{names} label", *scores, YES),
            f"each of the columns {names.replace(' ', ', ')} is higher where the label is 1",
        )
        for names, scores in {
            "logit_lr logit_xgb": (ONE, 2 * _OTHER),
            "logit_twice logit_once": (2 * ONE, ONE),
            "score_lr score_xgb": (ONE, _OTHER),
            "logit_m1 logit_m2": (ONE, _OTHER),
            "logit_a logit_b logit_c": (ONE, _OTHER, _THIRD),
        }.items()
    },
    "an ensemble": (
        table("prob_m1 prob_m2 prob_m3 y", _P, _P_OTHER, 1 / (1 + np.exp(-_OTHER)), YES),
        "every row must sum to 1",
    ),
    "sigmoids": (table("prob_a prob_b prob_c y", *1 / (1 + np.exp(-Z.T)), Y), "must sum to 1"),
    "an answer and its confidence": (
        table("true_label pred_label confidence", Y, Z.argmax(1), _P3.max(1)),
        "the labels name 3 classes (0, 1, 2), but there is only one score in each row",
    ),
    "one row for each class": (
        table("sample_id k logit label", np.arange(720) // 3, [0, 1, 2] * 240, Z.flat, Y.repeat(3)),
        "the labels name 3 classes (0, 1, 2), but there is only one score in each row",
    ),
    "one score of three names": (
        table("score label", Z[:, 0], ANIMALS[Y]),
        "the labels name 3 classes (ant, bee, cat), but there is only one score in each row",
    ),
    **{
        f"one-hot labels, {form}": (
            table(
                ["logit_a", "logit_b", "logit_c", *(form.format(name) for name in "abc")],
                *Z.T,
                *_THREE.T,
            ),
            "the labels one-hot: in each row, one of the columns ",
        )
        for form in ("label_{}", "y_{}", "y_true_{}", "class.{}")
    },
    "one-hot labels of two classes": (
        table("logit_a logit_b target_a target_b", *OF_TWO.T, 1 - YES, YES),
        "the labels one-hot: in each row, one of the columns target_a, target_b is 1",
    ),
    "several labels": (
        table("logit_a logit_b logit_c label_a label_b label_c", *Z.T, *(Z > 0).astype(int).T),
        f"{_ASKED}No name",
    ),
    "percentages and outcomes": (
        table("patient_id risk died", range(240), np.char.mod("%.1f%%", 100 * _P), YES),
        "must hold numbers in the column risk, got '",
    ),
    "percentages and an outcome": (
        table("patient_id risk outcome", range(240), np.char.mod("%.1f%%", 100 * _P), YES),
        "must hold numbers in the column risk, got '",
    ),
    "two scores and a fault": (
        table("score age label", ONE, ["NA", *np.linspace(40, 60, 239)], YES),
        "has 2 columns that may hold scores (score, age)",
    ),
    "a submission": (
        table("id target", range(240), _P.round(3)),
        "must hold labels that are class indices from 0, got '",
    ),
    "soft labels": (table("logit label", ONE, 0.1 + 0.8 * YES), "class indices from 0, got '0."),
    "softer labels": (table("logit label", ONE, _P.round(2)), "class indices from 0, got '0."),
    "events and a split": (
        table("uuid is_spam is_urgent score", np.arange(240) * 7, YES, _ANSWER, ONE),
        f"{_ASKED}No name",
    ),
    "a split alone": (
        table("kg is_train score", 40 + np.arange(240) % 7 / 2, YES, ONE),
        f"{_ASKED}No name",
    ),
    **{
        f"class 0 alone, {name}": (
            table(f"{name} label", 1 - _P, YES),
            f"column {name} names class 0",
        )
        for name in ("prob_0", "p(0)", "logit_0", "p0")
    },
    "benign": (table("p_benign label", 1 - _P, YES), "in the column p_benign are on average no"),
    "answers of two classes": (table("p label", _P, _ANSWER), "labels are the model's top class"),
}
