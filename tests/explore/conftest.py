"""The page of the explorable that a test module is named after."""

from pathlib import Path

import pytest

from tests.explorables import explorable_alone


def name_of(module) -> str:
    return module.__name__.rpartition(".test_")[2]


@pytest.fixture(scope="module")
def site(request, tmp_path_factory) -> Path:
    name = name_of(request.module)
    return explorable_alone(name, tmp_path_factory.mktemp(name))


@pytest.fixture
def page(request, browser, serve, site):
    browser.open(f"{serve(site)}/explore/{name_of(request.module)}.html")
    return browser
