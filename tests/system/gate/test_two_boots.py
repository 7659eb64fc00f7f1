"""Rules go only when no confined process is left in their network, of this boot or of an earlier one."""

import signal

import pytest

from support import processes
from support.outcomes import assert_refused
from support.rootfs import OTHER
from support.sandbox import OSTIARY
from support.visitor import Visitor
from support.waiting import eventually
from support.world import UNLISTED

RUN = [OSTIARY, "run", "--no-derive"]
EARLIER = "an earlier boot in this network did not end in order"
BY_HAND = ["delete", "table", "inet", "ostiary"]


@pytest.fixture
def home(fresh_gatehouse):
    return fresh_gatehouse()


@pytest.fixture
def init(home):
    """Process 1, which outlives every boot and is none of ours."""
    init = home.launch(*home.agent("init"), "0", "/bin/true")
    init.read_until("^ended 0$")
    return init


@pytest.fixture
def user(who):
    return ["--user", "agent"] if who == "agent" else []


def boot(home, init, *flags):
    return home.beside(init, *RUN, *flags, "--", "true")


def leave_a_process(home, init, *flags):
    """A visitor whose keeper was killed. It is the agent's second process: the first ends with the keeper."""
    visitor_command = " ".join(home.agent("visitor"))
    left = Visitor(home.start_beside(init, *RUN, *flags, "--", "sh", "-c", f"exec 3<&0; {visitor_command} <&3 & wait"))
    left.session.signal(signal.SIGKILL)
    eventually(lambda: processes.field(left.session.pid, "State").startswith("Z"), "the keeper has ended")
    return left


@pytest.mark.parametrize("scope", ["container", "user"])
@pytest.mark.parametrize("keep", [[], ["--keep-rules", "never"]], ids=["default", "never"])
def test_a_process_whose_keeper_was_killed_stays_confined_after_the_next_boot(world, home, init, user, who, scope, keep):
    if scope == "user" and who == "root":
        pytest.skip("--scope user holds no root")
    flags = [*user, "--scope", scope]
    left = leave_a_process(home, init, *flags)
    if scope == "user":
        second = boot(home, init, *flags, *keep)
        assert second.status == 69 and "already" in second.stderr  # a user who has processes
    for _ in range(2 if scope == "container" else 0):
        second = boot(home, init, *flags, *keep)
        assert second.status == 0 and EARLIER in second.stderr, second
    world.forget()
    for family in (4, 6):
        assert_refused(left.connect(UNLISTED[family], 443), world)
    assert home.rules()


def test_a_session_that_outlives_two_boots_stays_confined(world, home, init, user, who):
    first = Visitor(home.start_beside(init, *RUN, *user, "--", *home.agent("visitor")))
    session = home.visit_beside(first, OSTIARY, "exec", "--")
    first.session.close_stdin()
    assert "ostiary exec was used" in first.session.wait().stderr
    second = boot(home, init, *user)
    assert second.status == 0 and EARLIER in second.stderr, second
    world.forget()
    for family in (4, 6):
        assert_refused(session.connect(UNLISTED[family], 443), world)


@pytest.mark.parametrize("undone", ["the files", "the table", "a chain"])
def test_that_a_session_joined_cannot_be_hidden(world, home, init, user, who, undone):
    """By what the agent can remove, or by what another process does to the rules."""
    first = Visitor(home.start_beside(init, *RUN, *user, "--", *home.agent("visitor")))
    session = home.visit_beside(first, OSTIARY, "exec", "--")
    if undone == "the files":
        first.run("sh", "-c", "rm -f /run/ostiary/*")
    else:
        home.nft(*(BY_HAND if undone == "the table" else ["add", "chain", "inet", "ostiary", "another"]))
        home.eventually_audited("tampering", response="repaired")
    first.session.close_stdin()
    assert "ostiary exec was used" in first.session.wait().stderr
    world.forget()
    for family in (4, 6):
        assert_refused(session.connect(UNLISTED[family], 443), world)


def test_sessions_are_no_tampering(home, init, user):
    first = Visitor(home.start_beside(init, *RUN, *user, "--", *home.agent("visitor")))
    for _ in range(20):
        assert home.beside(first.session, OSTIARY, "exec", "--", "true").status == 0
    assert first.run("true")["status"] == 0 and not home.audit("tampering")


def test_a_session_that_no_rules_would_hold_does_not_begin(home, init, user):
    first = Visitor(home.start_beside(init, *RUN, *user, "--", *home.agent("visitor")))
    first.session.signal(signal.SIGSTOP)  # the keeper puts nothing right
    home.nft(*BY_HAND)
    refused = home.beside(first.session, OSTIARY, "exec", "--", "true")
    first.session.signal(signal.SIGCONT)
    assert refused.status == 69 and "the rules that would hold the session are gone" in refused.stderr, refused


def test_rules_for_another_user_do_not_set_it_free(world, home, init):
    left = leave_a_process(home, init, "--user", "agent", "--scope", "user")
    refused = boot(home, init, "--user", str(OTHER), "--scope", "user")
    assert refused.status == 69 and "nft delete table inet ostiary" in refused.stderr
    assert boot(home, init, "--user", str(OTHER)).status == 0  # holds everybody
    world.forget()
    assert_refused(left.connect(UNLISTED[4], 443), world)
    home.nft(*BY_HAND)
    assert boot(home, init, "--user", str(OTHER), "--scope", "user").status == 0 and not home.rules()


def test_rules_that_hold_nobody_any_more_go_with_the_next_boot(home, init, user):
    """They were kept for another reason: by --keep-rules, or as the boot failed."""
    assert boot(home, init, *user, "--keep-rules", "always").status == 0 and home.rules()
    second = boot(home, init, *user)
    assert second.status == 0 and EARLIER not in second.stderr and not home.rules()
    assert boot(home, init, *user, "--allow", "no-such-name.example", "--auth-hook", "/bin/false").status != 0
    assert home.rules()
    assert boot(home, init, *user).status == 0 and not home.rules()


def test_a_boot_behind_a_process_1_that_was_killed_ends_in_order(home, who, user):
    """As in a pod, whose network outlives its containers: all that it confined ended with it."""
    first = home.visit(who=who)
    first.session.signal(signal.SIGKILL)
    first.session.wait()
    assert home.rules()
    second = home.run("run", "--no-derive", *user, "--keep-rules", "never", "--", "true")
    assert second.status == 0 and EARLIER not in second.stderr and not home.rules()


def test_a_repair_of_the_rules_does_not_hide_who_is_left(home, init, user):
    """The table says who is held; made anew, it says so again."""
    left = leave_a_process(home, init, *user)
    second = Visitor(home.start_beside(init, *RUN, *user, "--", *home.agent("visitor")))
    home.nft("add", "chain", "inet", "ostiary", "ended")
    home.eventually_audited("tampering", response="repaired")
    second.session.signal(signal.SIGKILL)
    eventually(lambda: processes.field(second.session.pid, "State").startswith("Z"), "the keeper has ended")
    third = boot(home, init, *user)
    assert third.status == 0 and EARLIER in third.stderr and home.rules(), third
    assert left.run("true")["status"] == 0
