"""The logits of networks that differ only in how they were trained."""

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit.data.glyphs100 import ASSETS

TWINS_FILE = ASSETS / "training_twins.npz"


class TwinSamples(TypedDict):
    """The labels of a set of images, and the logits of all networks for these images."""

    logits: dict[str, Tensor]
    labels: Tensor


class TwinHistory(TypedDict):
    """The validation losses of some networks after each epoch."""

    nll: Tensor
    scaled_nll: Tensor


def training_twins() -> tuple[TwinSamples, TwinSamples, TwinHistory]:
    """Return the logits of networks that differ only in how they were trained, and the labels.

    The networks are twins of `glyphs100_resnet20`: each is a ResNet-20 that was trained on
    Glyphs-100. There are seven methods:

    - ``"plain"``: training that does nothing against overconfidence. Its five networks can also
      serve as an ensemble.
    - ``"label_smoothing"``: the target of training gives 10% of the probability to all classes
      alike.
    - ``"weight_decay"``: training pulls all weights towards 0.
    - ``"more_data"``: training uses 9450 images in place of 3150, for the same number of steps.
    - ``"mixup"``: each training image is a mixture of two images, and so is its target.
    - ``"early_stopping"``: plain training stops after the epoch with the smallest validation NLL.
    - ``"refined_stopping"``: plain training stops after the epoch with the smallest validation NLL
      after temperature scaling.

    Each method other than plain training has three networks, with the seeds 0 to 2. Networks with
    the same seed began with the same weights, whatever their method. All networks were measured on
    the same images. The validation, calibration and test images were drawn independently of each
    other and of the training images. The script ``calibkit/data/assets/train_twins.py`` trained the
    networks and says more about the methods.

    Returns
    -------
    calibration, test : dict
        The 2000 images of the calibration set and the 2000 images of the test set, which are the
        first 4000 images of `Glyphs100DataModule`. Each dictionary has two entries:

        - ``"logits"``: dict that maps the name of a method to a Tensor of shape (n_seeds, n, 100),
          float32
        - ``"labels"``: Tensor of shape (n,), int64, class indices from 0 to 99
    history : dict
        The losses of the first three plain networks on 1000 validation images, after each of their
        30 epochs. Both entries are a Tensor of shape (3, 30), float32:

        - ``"nll"``: the NLL, which decides where ``"early_stopping"`` stops
        - ``"scaled_nll"``: the NLL after the best temperature has been fitted to the same images,
          which decides where ``"refined_stopping"`` stops

    See Also
    --------
    calibkit.glyphs100_logits : Get the logits of the embedded network itself.
    calibkit.TemperatureScaler : Fit a temperature on the calibration set.
    calibkit.area_under_risk_coverage_curve : Measure how well confidence ranks the answers.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016). Rethinking the Inception Architecture for
    Computer Vision. CVPR. Section 7 describes label smoothing. https://arxiv.org/abs/1512.00567

    Zhang, Cisse, Dauphin and Lopez-Paz (2018). mixup: Beyond Empirical Risk Minimization. ICLR.
    https://arxiv.org/abs/1710.09412

    Lakshminarayanan, Pritzel and Blundell (2017). Simple and Scalable Predictive Uncertainty
    Estimation using Deep Ensembles. NeurIPS. https://arxiv.org/abs/1612.01474

    Berta, Holzmüller, Jordan and Bach (2025). Rethinking Early Stopping: Refine, Then Calibrate.
    https://arxiv.org/abs/2501.19195

    Examples
    --------
    >>> from calibkit import training_twins
    >>> calibration, test, history = training_twins()
    >>> list(test["logits"])[:3]
    ['plain', 'label_smoothing', 'weight_decay']
    >>> test["logits"]["plain"].shape, test["labels"].shape
    (torch.Size([5, 2000, 100]), torch.Size([2000]))
    >>> history["nll"].shape
    torch.Size([3, 30])
    """
    with np.load(TWINS_FILE, allow_pickle=False) as file:
        arrays = dict(file)
    features, weight, bias = (
        torch.from_numpy(arrays[name]).double() for name in ("features", "weight", "bias")
    )
    # Unlike float32, the precision of float64 products cannot be lowered by a setting of torch.
    logits = _of_methods(arrays, (features @ weight.mT + bias[:, None]).float())
    labels = torch.from_numpy(arrays["labels"]).long()
    is_test = torch.from_numpy(arrays["is_test"])
    calibration, test = (
        TwinSamples(
            logits={method: of_seeds[:, chosen] for method, of_seeds in logits.items()},
            labels=labels[chosen],
        )
        for chosen in (~is_test, is_test)
    )
    nll, scaled_nll = (torch.from_numpy(arrays[name]) for name in ("nll", "scaled_nll"))
    return calibration, test, TwinHistory(nll=nll, scaled_nll=scaled_nll)


def _of_methods(arrays: dict[str, NDArray[np.generic]], of_twins: Tensor) -> dict[str, Tensor]:
    """Return the entries of each method, in the order in which the file holds the methods."""
    methods = arrays["method"].tolist()
    return {
        method: of_twins[[k for k, name in enumerate(methods) if name == method]]
        for method in dict.fromkeys(methods)
    }
