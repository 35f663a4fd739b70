def pytest_collectstart(collector):
    # progress bars and warnings go there, with timings
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
