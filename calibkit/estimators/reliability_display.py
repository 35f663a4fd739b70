"""The reliability diagram as a display, as scikit-learn has them for its plots."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from torch import Tensor

from calibkit._checks import check_probability_rows
from calibkit._conversion import as_tensor
from calibkit._types import Binning, SampleWeight
from calibkit.estimators._responses import as_labels, class_indices, sorted_classes
from calibkit.metrics.reliability_bins import ReliabilityBins, reliability_bins
from calibkit.plots._axes import axes_or_new
from calibkit.plots.reliability import plot_bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


class ReliabilityDisplay:
    """The reliability diagram of a classifier of scikit-learn.

    It is made and used as `sklearn.calibration.CalibrationDisplay`, and plots what
    `calibkit.reliability_diagram` plots: with the band that a calibrated classifier would stay in,
    the ECE and the number of samples in each bin, and for any number of classes. Labels may be
    strings.

    Parameters
    ----------
    bins : ReliabilityBins
        The bins to plot, as `calibkit.reliability_bins` returns them.
    name : str, optional
        Name of the classifier, which is the title of the plot.
    pos_label : object, optional
        The class whose probability is judged, for the texts beside the axes.

    Attributes
    ----------
    bins : ReliabilityBins
        The bins that are plotted.
    name : str or None
        Name of the classifier.
    pos_label : object
        The class whose probability is judged, or None if it is the top class of each sample.
    ax_ : matplotlib.axes.Axes
        The axes of the last plot.
    figure_ : matplotlib.figure.Figure
        The figure of the last plot.

    See Also
    --------
    calibkit.CalibratedClassifier : Calibrate the classifier.
    calibkit.reliability_diagram : Plot the same diagram from probabilities and class indices.
    calibkit.evaluate : Test whether the gaps are more than chance.

    Examples
    --------
    >>> from calibkit import ReliabilityDisplay
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = make_classification(1000, random_state=0)
    >>> classifier = GaussianNB().fit(X[:500], y[:500])
    >>> display = ReliabilityDisplay.from_estimator(classifier, X[500:], y[500:])
    >>> display.ax_.get_title(), round(display.bins.calibration_error, 3)
    ('GaussianNB', 0.052)
    """

    ax_: "Axes"
    figure_: "FigureBase"

    def __init__(
        self, bins: ReliabilityBins, *, name: str | None = None, pos_label: Any = None
    ) -> None:
        self.bins = bins
        self.name = name
        self.pos_label = pos_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: SampleWeight | None = None,
        n_bins: int = 15,
        binning: Binning = "uniform",
        pos_label: Any = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the reliability diagram of a fitted classifier on a test set.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with ``predict_proba``, or a pipeline that ends with one.
        X : array-like or DataFrame, shape (N, n_features)
            Samples that the classifier was not fitted on.
        y : array-like, shape (N,)
            Their labels, which may be strings.
        sample_weight : array-like, shape (N,), optional
            How much each sample counts. By default every sample counts as 1.
        n_bins : int, default 15
            Number of bins.
        binning : {"uniform", "quantile"}, default "uniform"
            Whether the bins have equal width over [0, 1], or hold equally many samples.
        pos_label : object, optional
            The class whose probability is judged. By default it is ``estimator.classes_[1]`` for
            two classes, and the top class of each sample for more.
        name : str, optional
            Title of the plot. By default it is the name of the estimator's class.
        ax : matplotlib.axes.Axes, optional
            Where to plot. By default the plot goes into a new figure.

        Returns
        -------
        ReliabilityDisplay
            The display, whose ``ax_`` holds the diagram.

        Raises
        ------
        TypeError
            If the estimator has no ``predict_proba``, if `n_bins` is not an integer, or if `ax` is
            not axes of matplotlib.
        ValueError
            If `y` or `pos_label` is not one of the classes of the estimator, if a weight is
            negative or not finite or all are 0, if `n_bins` is less than 1, or if `binning` is
            neither "uniform" nor "quantile".

        See Also
        --------
        calibkit.CalibratedClassifier : Give probabilities to a classifier that has none.
        """
        kind = type(estimator).__name__
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"estimator must have predict_proba, got {kind}, which does not have it; "
                "wrap it in CalibratedClassifier"
            )
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            classes=estimator.classes_,
            sample_weight=sample_weight,
            n_bins=n_bins,
            binning=binning,
            pos_label=pos_label,
            name=kind if name is None else name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_prob: Any,
        *,
        classes: Any = None,
        sample_weight: SampleWeight | None = None,
        n_bins: int = 15,
        binning: Binning = "uniform",
        pos_label: Any = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the reliability diagram of probabilities that you already have.

        Parameters
        ----------
        y_true : array-like, shape (N,)
            The labels, which may be strings.
        y_prob : array-like, shape (N,) or (N, C)
            The probability of `pos_label`, or the probabilities of all classes.
        classes : array-like, shape (C,), optional
            The classes in the order of the columns of `y_prob`. By default they are the labels that
            occur in `y_true`, in sorted order.
        sample_weight : array-like, shape (N,), optional
            How much each sample counts. By default every sample counts as 1.
        n_bins : int, default 15
            Number of bins.
        binning : {"uniform", "quantile"}, default "uniform"
            Whether the bins have equal width over [0, 1], or hold equally many samples.
        pos_label : object, optional
            The class whose probability is judged. By default it is the second one for two columns,
            and the top class of each sample for more. For a single column it is 1, and must be
            given if there are other labels than 0, 1 and -1.
        name : str, optional
            Title of the plot.
        ax : matplotlib.axes.Axes, optional
            Where to plot. By default the plot goes into a new figure.

        Returns
        -------
        ReliabilityDisplay
            The display, whose ``ax_`` holds the diagram.

        Raises
        ------
        TypeError
            If `y_prob` does not hold numbers, if `y_true` or `y_prob` is masked, if `n_bins` is not
            an integer, or if `ax` is not axes of matplotlib.
        ValueError
            If a probability is outside [0, 1] or a row does not sum to 1, if `y_true` or
            `pos_label` is not one of the classes, if the number of classes is not that of the
            columns, if `pos_label` must be given and is not, if `y_true` and `y_prob` differ in
            length, if a weight is negative or not finite or all are 0, if `n_bins` is less than 1,
            or if `binning` is neither "uniform" nor "quantile".

        See Also
        --------
        calibkit.reliability_diagram : Plot from probabilities and class indices.
        """
        y, probabilities = as_labels(y_true), as_tensor(y_prob, "y_prob").detach()
        if probabilities.ndim < 2 or probabilities.shape[1] == 1:
            known = sorted_classes(y) if classes is None else np.asarray(classes)
            # If all labels are the same, another one may be the event that never happened.
            if pos_label is not None and (len(known) > 1 or classes is not None):
                _check_pos_label(pos_label, known)
            event = _event_label(y) if pos_label is None else pos_label
            labels = (y == event).astype(np.int64)
        else:
            known = _check_columns(classes, y, probabilities)
            labels = class_indices(y, known)
            event = known[1] if pos_label is None and len(known) == 2 else pos_label
            if event is not None:
                _check_pos_label(event, known)
                # One column alone would not show that the rows are no probabilities.
                check_probability_rows(probabilities, labels, sample_weight=sample_weight)
                k = class_indices(np.asarray([event]), known)[0]
                probabilities, labels = probabilities[:, k], (labels == k).astype(np.int64)
        bins = reliability_bins(
            probabilities, labels, n_bins=n_bins, binning=binning, sample_weight=sample_weight
        )
        return cls(bins, name=name, pos_label=event).plot(ax)

    def plot(self, ax: "Axes | None" = None, *, name: str | None = None) -> Self:
        """Plot the diagram once more, for example beside another one.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to plot. By default the plot goes into a new figure.
        name : str, optional
            Title of the plot. By default it is the name of the display.

        Returns
        -------
        ReliabilityDisplay
            The display itself, with the new ``ax_`` and ``figure_``.

        Raises
        ------
        TypeError
            If `ax` is not axes of matplotlib.
        """
        self.ax_ = axes_or_new(ax, (4.8, 5.2))
        self.figure_ = self.ax_.figure
        title = name or self.name or "Reliability diagram"
        plot_bins(self.ax_, self.bins, title, f"y = {self.pos_label}")
        return self


def _check_columns(classes: Any, y: Any, probabilities: Tensor) -> Any:
    known = sorted_classes(y) if classes is None else np.asarray(classes)
    n_columns = probabilities.shape[1]
    if len(known) != n_columns:
        found = "y_true holds" if classes is None else "classes holds"
        raise ValueError(
            f"y_prob must have one column for each class, got {n_columns} columns, and {found} "
            f"{len(known)}; pass classes in the order of the columns, as classifier.classes_ has "
            "them"
        )
    return known


def _check_pos_label(pos_label: Any, known: Any) -> None:
    if pos_label not in known.tolist():
        some = ", ".join(map(repr, known.tolist()[:5])) + (", ..." if len(known) > 5 else "")
        raise ValueError(
            f"pos_label must be one of the classes {some}, got {pos_label!r}; pass the class whose "
            "probability is judged"
        )


def _event_label(y: Any) -> int:
    if not set(y.tolist()) <= {-1, 0, 1}:
        raise ValueError(
            f"pos_label must be given for labels such as {y.tolist()[0]!r}; pass the label whose "
            "probability y_prob is"
        )
    return 1
