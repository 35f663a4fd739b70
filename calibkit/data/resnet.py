"""ResNet-20 for images of 32 x 32 pixels, with its weights for Glyphs-100 and CIFAR-100."""

import hashlib
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from calibkit.data.glyphs100 import ASSETS

CIFAR100_WEIGHTS = (
    "https://github.com/chenyaofo/pytorch-cifar-models/releases/download/resnet/"
    "cifar100_resnet20-23dac2f1.pt"
)


class ResNet20(nn.Module):
    """The ResNet-20 for small images, with three basic blocks each of 16, 32 and 64 channels.

    The parameters have the same names as in the residual networks of torchvision.

    Parameters
    ----------
    num_classes : int, default 100
        Number of classes, which is the number of logits for each image.

    See Also
    --------
    calibkit.glyphs100_resnet20 : Load this network with the embedded weights for Glyphs-100.
    calibkit.cifar100_resnet20 : Load this network with public weights for CIFAR-100.

    References
    ----------
    He, Zhang, Ren and Sun (2016). Deep Residual Learning for Image Recognition. CVPR.
    Section 4.2. The shortcuts between the stages are projections. https://arxiv.org/abs/1512.03385

    Examples
    --------
    >>> import torch
    >>> from calibkit import ResNet20
    >>> ResNet20()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 100])
    """

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, stride=1)
        self.layer2 = _stage(16, 32, stride=2)
        self.layer3 = _stage(32, 64, stride=2)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 3, 32, 32) to logits (N, num_classes)."""
        features = torch.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.fc(features.mean((-2, -1)))
        return logits


def _stage(in_channels: int, channels: int, *, stride: int) -> nn.Sequential:
    from torchvision.models.resnet import BasicBlock

    shortcut = None
    if in_channels != channels:
        shortcut = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
            nn.BatchNorm2d(channels),
        )
    first = BasicBlock(in_channels, channels, stride, shortcut)
    return nn.Sequential(first, BasicBlock(channels, channels), BasicBlock(channels, channels))


def glyphs100_resnet20(pretrained: bool = True) -> ResNet20:
    """Return a ResNet-20 for Glyphs-100, whose weights come with calibkit.

    Parameters
    ----------
    pretrained : bool, default True
        Whether to load the embedded weights. Otherwise the weights are random.

    Returns
    -------
    ResNet20
        The model on the CPU, in eval mode.

    Raises
    ------
    RuntimeError
        If the file of the embedded weights is damaged or missing.

    See Also
    --------
    calibkit.Glyphs100 : Draw the images of this model.
    calibkit.glyphs100_logits : Get this model's logits without running it twice.
    calibkit.cifar100_resnet20 : Load the same network for real images.

    Examples
    --------
    >>> from calibkit import Glyphs100, glyphs100_resnet20
    >>> model, dataset = glyphs100_resnet20(), Glyphs100(2)
    >>> dataset.classes[model(dataset.images)[1].argmax()]
    'd'
    """
    model = _with_random_weights()
    if pretrained:
        path = glyphs100_weights()
        check_sha256(path)
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model


def glyphs100_weights() -> Path:
    """Return the path of the embedded weights, or raise an error if there are none."""
    path = next(ASSETS.glob("glyphs100_resnet20-*.pt"), None)
    if path is None:
        raise RuntimeError(f"{ASSETS} holds no weights; install calibkit again")
    return path


def cifar100_resnet20(pretrained: bool = True) -> ResNet20:
    """Return a ResNet-20 for CIFAR-100, whose public weights are downloaded once.

    The weights come from https://github.com/chenyaofo/pytorch-cifar-models. They are stored in
    the folder of `torch.hub`, and their hash is checked whenever they are loaded. No code is
    downloaded.

    Parameters
    ----------
    pretrained : bool, default True
        Whether to load the public weights. Otherwise the weights are random.

    Returns
    -------
    ResNet20
        The model on the CPU, in eval mode. It expects images that are normalised as in
        `CIFAR100DataModule`.

    Raises
    ------
    ConnectionError
        If the weights are not on disk and cannot be downloaded.
    RuntimeError
        If the downloaded file, or the file on disk, is damaged.

    See Also
    --------
    calibkit.CIFAR100DataModule : Download the images and normalise them for this model.
    calibkit.glyphs100_resnet20 : Load the same network without a download.
    """
    model = _with_random_weights()
    if pretrained:
        model.load_state_dict(_load_or_download_weights(CIFAR100_WEIGHTS))
    return model


def _with_random_weights() -> ResNet20:
    with torch.device("cpu"):
        # Convolutions with this order of the weights take two thirds of the time on a CPU.
        return ResNet20().eval().to(memory_format=torch.channels_last)


def check_sha256(path: Path) -> None:
    """Raise an error if a file's SHA-256 does not begin with the digits that end its name."""
    expected = path.stem.rpartition("-")[2]
    found = sha256_digits(path, len(expected))
    if found != expected:
        raise RuntimeError(
            f"{path} is damaged: its SHA-256 begins with {found}, expected {expected}; "
            "delete the file and get it again"
        )


def sha256_digits(path: Path, n_digits: int = 8) -> str:
    """Return the first digits of a file's SHA-256, as torch.hub expects them in the file's name."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:n_digits]


def _load_or_download_weights(url: str) -> dict[str, Tensor]:
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if path.exists():  # torch.hub checks what it downloads, but not a file that is there already
        check_sha256(path)
    try:
        weights: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            url, str(path.parent), map_location="cpu", check_hash=True, weights_only=True
        )
    except (URLError, ConnectionError, TimeoutError, HTTPException) as error:
        raise ConnectionError(
            f"the weights are not at {path} and could not be downloaded from {url} ({error}); "
            "continue offline with glyphs100_resnet20(), or download that file on another machine "
            "and put it there"
        ) from None
    except RuntimeError as error:
        if path.exists():
            raise
        raise RuntimeError(
            f"the download from {url} is not the expected file ({error}) and was not kept; call "
            f"again, or download that file on another machine and put it at {path}"
        ) from None
    return weights
