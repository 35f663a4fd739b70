"""Two data modules with one interface, which draw Glyphs-100 and download CIFAR-100."""

from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import torch
from torch.utils.data import DataLoader, Dataset

from calibkit.data.glyphs100 import Glyphs100

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR100, SVHN

TEST_SEED = 2
UNSEEN_SEED = 3
N_TEST = 10_000


class Glyphs100DataModule:
    """The Glyphs-100 test set of 10 000 images, which is drawn in seconds and not downloaded.

    Parameters
    ----------
    batch_size : int, default 32
        Number of images in a batch.
    ood_detection : bool, default False
        Whether to add a second test loader, with 10 000 images of glyphs that belong to no class.
        Their labels are -1.
    severity : float, default 0
        Strength of the dataset shift, from 0 (none) to 5.
    num_workers : int, default 0
        Number of worker processes of each loader.

    Attributes
    ----------
    test : Glyphs100
        The test set. It exists after `setup`.

    See Also
    --------
    calibkit.CIFAR100DataModule : Use real images through the same interface.
    calibkit.Glyphs100 : Draw other images, as many as you like.
    calibkit.split_calibration : Split the test set into a calibration set and a smaller test set.

    Examples
    --------
    >>> from calibkit import Glyphs100DataModule
    >>> dm = Glyphs100DataModule(batch_size=100)
    >>> dm.prepare_data()
    >>> dm.setup("test")
    >>> images, labels = next(iter(dm.test_dataloader()[0]))
    >>> images.shape, labels.shape
    (torch.Size([100, 3, 32, 32]), torch.Size([100]))
    """

    test: Glyphs100
    ood: Glyphs100

    def __init__(
        self,
        *,
        batch_size: int = 32,
        ood_detection: bool = False,
        severity: float = 0,
        num_workers: int = 0,
    ) -> None:
        self.batch_size = batch_size
        self.ood_detection = ood_detection
        self.severity = severity
        self.num_workers = num_workers

    def prepare_data(self) -> None:
        """Do nothing, because there is nothing to download."""

    def setup(self, stage: str | None = None) -> None:
        """Draw the test set and, with ``ood_detection=True``, the unseen glyphs.

        Parameters
        ----------
        stage : {"test", None}, default None
            The stage to prepare. Both values do the same.

        Raises
        ------
        ValueError
            If `stage` is anything else, or if the severity is outside [0, 5].
        """
        _check_stage(stage)
        self.test = Glyphs100(N_TEST, seed=TEST_SEED, severity=self.severity)
        if self.ood_detection:
            self.ood = Glyphs100(N_TEST, seed=UNSEEN_SEED, severity=self.severity, unseen=True)

    def test_dataloader(self) -> list[DataLoader[Any]]:
        """Return the test loader and, with ``ood_detection=True``, the loader of unseen glyphs.

        Raises
        ------
        RuntimeError
            If `setup` has not been called.
        """
        return _test_loaders(self)


class CIFAR100DataModule:
    """The CIFAR-100 test set, which torchvision downloads.

    The images are normalised as `cifar100_resnet20` expects.

    Parameters
    ----------
    root : str or Path, default "./data"
        Folder for the downloaded files.
    batch_size : int, default 32
        Number of images in a batch.
    ood_detection : bool, default False
        Whether to add a second test loader, with the SVHN test set. Its labels are -1.
    num_workers : int, default 0
        Number of worker processes of each loader.

    Attributes
    ----------
    test : torchvision.datasets.CIFAR100
        The test set of 10 000 images. It exists after `setup`.

    See Also
    --------
    calibkit.Glyphs100DataModule : Use embedded images through the same interface.
    calibkit.cifar100_resnet20 : Load a model for these images.
    calibkit.split_calibration : Split the test set into a calibration set and a smaller test set.

    References
    ----------
    Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images.
    https://www.cs.toronto.edu/~kriz/cifar.html

    Netzer, Wang, Coates, Bissacco, Wu and Ng (2011). Reading Digits in Natural Images with
    Unsupervised Feature Learning. http://ufldl.stanford.edu/housenumbers
    """

    mean = (0.5071, 0.4865, 0.4409)
    std = (0.2673, 0.2564, 0.2762)
    test: "CIFAR100"
    ood: "SVHN"

    def __init__(
        self,
        root: str | Path = "./data",
        batch_size: int = 32,
        ood_detection: bool = False,
        num_workers: int = 0,
    ) -> None:
        from torchvision.transforms import v2

        self.root = Path(root).expanduser()
        self.batch_size = batch_size
        self.ood_detection = ood_detection
        self.num_workers = num_workers
        self.transform = v2.Compose(
            [
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(self.mean, self.std),
                v2.ToPureTensor(),
            ]
        )

    def prepare_data(self) -> None:
        """Download the files that ``root`` does not hold yet.

        If several processes ask for them at once, one of them works and the others wait.

        Raises
        ------
        ConnectionError
            If a file is not in ``root`` and cannot be downloaded.
        RuntimeError
            If a downloaded file differs from the published one. The file is not kept.
        """
        from filelock import FileLock
        from torchvision.datasets import SVHN
        from torchvision.datasets.utils import check_integrity

        url, filename, md5 = SVHN.split_list["test"]
        wants_svhn = self.ood_detection and not check_integrity(self.root / filename, md5)
        if self._is_unpacked() and not wants_svhn:
            return  # A folder that cannot be written may hold all files.
        self.root.mkdir(parents=True, exist_ok=True)
        lock = self.root / ".lock"
        with FileLock(lock):
            try:
                if not self._is_unpacked():  # Another process may have done it in the meantime.
                    self._unpack()
                if wants_svhn:
                    _download_if_missing("SVHN", url, self.root / filename, md5)
            finally:
                with suppress(OSError):  # Windows does not remove a file that is open.
                    lock.unlink()

    def _unpack(self) -> None:
        from torchvision.datasets import CIFAR100
        from torchvision.datasets.utils import extract_archive

        archive = self.root / CIFAR100.filename
        _download_if_missing("CIFAR-100", CIFAR100.url, archive, CIFAR100.tgz_md5)
        extract_archive(str(archive), str(self.root))

    def setup(self, stage: str | None = None) -> None:
        """Open the test set and, with ``ood_detection=True``, SVHN.

        Parameters
        ----------
        stage : {"test", None}, default None
            The stage to prepare. Both values do the same.

        Raises
        ------
        FileNotFoundError
            If a file is missing in ``root``, or if it is damaged.
        ValueError
            If `stage` is anything else.
        """
        from torchvision.datasets import CIFAR100, SVHN

        _check_stage(stage)
        try:
            self.test = CIFAR100(self.root, train=False, transform=self.transform)
            if self.ood_detection:
                self.ood = SVHN(
                    self.root, "test", transform=self.transform, target_transform=_no_class
                )
        except RuntimeError:
            wanted = "CIFAR-100 and SVHN" if self.ood_detection else "CIFAR-100"
            raise FileNotFoundError(
                f"{wanted} not found, or damaged, in {self.root.resolve()}; "
                "call prepare_data() first, or use Glyphs100DataModule, which needs no files"
            ) from None

    def test_dataloader(self) -> list[DataLoader[Any]]:
        """Return the CIFAR-100 loader and, with ``ood_detection=True``, the SVHN loader.

        Raises
        ------
        RuntimeError
            If `setup` has not been called.
        """
        return _test_loaders(self)

    def _is_unpacked(self) -> bool:
        from torchvision.datasets import CIFAR100
        from torchvision.datasets.utils import check_integrity

        folder = self.root / CIFAR100.base_folder
        meta = [CIFAR100.meta["filename"], CIFAR100.meta["md5"]]
        files = [*CIFAR100.train_list, *CIFAR100.test_list, meta]
        return all(check_integrity(folder / filename, md5) for filename, md5 in files)


def _no_class(target: int) -> int:
    # This is a function of the module and not a lambda, so that worker processes can unpickle it.
    return -1


def _check_stage(stage: str | None) -> None:
    if stage not in (None, "test"):
        raise ValueError(
            f'stage must be "test" or None, got {stage!r}; these data are for calibrating and '
            "testing a trained model, so split them with split_calibration"
        )


def _test_loaders(data: Glyphs100DataModule | CIFAR100DataModule) -> list[DataLoader[Any]]:
    if not hasattr(data, "test") or (data.ood_detection and not hasattr(data, "ood")):
        raise RuntimeError('there is no test set yet; call setup("test") before test_dataloader()')
    datasets: list[Dataset[Any]] = [data.test]
    if data.ood_detection:
        datasets.append(data.ood)
    return [
        DataLoader(dataset, batch_size=data.batch_size, num_workers=data.num_workers)
        for dataset in datasets
    ]


def _download_if_missing(name: str, url: str, path: Path, md5: str) -> None:
    from torchvision.datasets.utils import check_integrity, download_url

    if check_integrity(path, md5):
        return
    by_hand = f"download {url} on another machine and put it at {path.resolve()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only a complete file is moved to its path, so that an interruption leaves no half file.
    with TemporaryDirectory(prefix=".download-", dir=path.parent) as folder:
        try:
            download_url(url, folder, path.name, md5)
        except (URLError, ConnectionError, TimeoutError, HTTPException) as error:
            raise ConnectionError(
                f"{name} is not in {path.parent.resolve()} and could not be downloaded from {url} "
                f"({error}); continue offline with Glyphs100DataModule, or {by_hand}"
            ) from None
        except RuntimeError as error:
            raise RuntimeError(
                f"the download from {url} is not {name} as published, because its MD5 differs "
                f"({error}), and was not kept; call again, or {by_hand}"
            ) from None
        Path(folder, path.name).replace(path)
