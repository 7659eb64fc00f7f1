"""The command-line options of all test suites."""


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/system/golden/ anew, to be reviewed")
