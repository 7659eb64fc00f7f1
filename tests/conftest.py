"""The command-line options of all test suites."""


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/system/golden/ anew, to be reviewed")
    parser.addoption("--one-in", type=int, default=1, metavar="N",
                     help="run each test function with one in N of its parameters, and at least once")


def pytest_collection_modifyitems(config, items):
    every = config.getoption("--one-in")
    if every == 1:
        return
    functions = {}
    for item in items:
        functions.setdefault((item.path, item.originalname), []).append(item)
    kept = set()
    for number, runs in enumerate(functions.values()):
        # Functions begin with different parameters, or all would run for the same family.
        kept.update(runs[(number + at) % len(runs)] for at in range(0, len(runs), every))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
