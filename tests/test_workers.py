"""The whole suite uses all cores; what one tests while writing waits for no second process."""

from types import SimpleNamespace

import pytest

from tests import workers


@pytest.mark.parametrize(
    ("arguments", "keyword", "n_cores", "expected"),
    [
        (["tests", "calibkit", "notebooks"], "", 2, 2),
        (["tests"], "", 64, workers.MOST_WORKERS),
        (["tests"], "", 1, 0),
        (["tests"], "temperature", 2, 0),
        (["tests/test_splits.py", "tests/scalers"], "", 2, 2),
        (["tests/test_splits.py", "tests/test_api.py"], "", 2, 0),
        (["tests/test_splits.py::test_a_name"], "", 2, 0),
    ],
)
def test_several_processes_run_a_folder(arguments, keyword, n_cores, expected, monkeypatch):
    monkeypatch.setattr(workers, "n_cores", lambda: n_cores)
    config = SimpleNamespace(
        args=arguments,
        invocation_params=SimpleNamespace(dir=workers.Path(__file__).parents[1]),
        option=SimpleNamespace(keyword=keyword),
    )
    assert workers.pytest_xdist_auto_num_workers(config) == expected
