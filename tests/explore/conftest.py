"""The page of the explorable that a test module is named after."""

from pathlib import Path

import pytest

from tests.explorables import explorables_alone


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    return explorables_alone(tmp_path_factory.mktemp("explorables"))


@pytest.fixture
def page(request, browser, serve, site):
    name = request.module.__name__.rpartition(".test_")[2]
    browser.open(f"{serve(site)}/explore/{name}.html")
    return browser
