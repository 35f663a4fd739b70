"""What scikit-learn asks of every classifier."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from calibkit import CalibratedClassifier

# scikit-learn's checks fit three samples of a class.
CLASSIFIERS = [
    CalibratedClassifier(LogisticRegression(), cv=3),
    CalibratedClassifier(GaussianNB(), cv=3, ensemble=True),
]


# On made-up labels no classifier is better than chance, and then there is a warning.
@pytest.mark.filterwarnings("ignore:the probabilities are the frequencies:UserWarning")
@parametrize_with_checks(CLASSIFIERS)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)
