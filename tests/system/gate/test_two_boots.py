"""The rules are removed only if no confined process is left in their network, of this boot or of
an earlier one."""

import signal

import pytest

from support import processes
from support.agent import Agent
from support.internet import UNLISTED
from support.outcomes import assert_refused
from support.rootfs import OTHER
from support.sandbox import OSTIARY
from support.waiting import eventually

RUN = [OSTIARY, "run", "--no-derive"]
EARLIER = "an earlier boot in this network did not end in order"
BY_HAND = ["delete", "table", "inet", "ostiary"]


@pytest.fixture
def container(new_container):
    return new_container()


@pytest.fixture
def init(container):
    """A process 1 that outlives all boots and is not ostiary."""
    init = container.launch(*container.agent_command("init"), "0", "/bin/true")
    init.read_until("^ended 0$")
    return init


@pytest.fixture
def user(who):
    return ["--user", "agent"] if who == "agent" else []


def boot(container, init, *flags):
    return container.beside(init, *RUN, *flags, "--", "true")


def leave_a_process(container, init, *flags):
    """An agent whose keeper was killed. It is the agent's second process, because the first one
    ends with the keeper."""
    agent_command = " ".join(container.agent_command("driven"))
    left = Agent(container.start_beside(init, *RUN, *flags, "--", "sh", "-c", f"exec 3<&0; {agent_command} <&3 & wait"))
    left.session.signal(signal.SIGKILL)
    eventually(lambda: processes.field(left.session.pid, "State").startswith("Z"), "the keeper has ended")
    return left


@pytest.mark.parametrize("scope", ["container", "user"])
@pytest.mark.parametrize("keep", [[], ["--keep-rules", "never"]], ids=["default", "never"])
def test_a_process_whose_keeper_was_killed_stays_confined_after_the_next_boot(internet, container, init, user, who, scope, keep):
    if scope == "user" and who == "root":
        pytest.skip("--scope user needs an ordinary user")
    flags = [*user, "--scope", scope]
    left = leave_a_process(container, init, *flags)
    if scope == "user":
        second = boot(container, init, *flags, *keep)
        assert second.status == 69 and "already" in second.stderr  # the user has processes
    for _ in range(2 if scope == "container" else 0):
        second = boot(container, init, *flags, *keep)
        assert second.status == 0 and EARLIER in second.stderr, second
    internet.forget()
    for family in (4, 6):
        assert_refused(left.connect(UNLISTED[family], 443), internet)
    assert container.rules()


def test_a_session_that_outlives_two_boots_stays_confined(internet, container, init, user, who):
    first = Agent(container.start_beside(init, *RUN, *user, "--", *container.agent_command("driven")))
    session = container.start_process_beside(first, OSTIARY, "exec", "--")
    first.session.close_stdin()
    assert "ostiary exec was used" in first.session.wait().stderr
    second = boot(container, init, *user)
    assert second.status == 0 and EARLIER in second.stderr, second
    internet.forget()
    for family in (4, 6):
        assert_refused(session.connect(UNLISTED[family], 443), internet)


@pytest.mark.parametrize("undone", ["the files", "the table", "a chain"])
def test_the_record_of_a_joined_session_cannot_be_removed(internet, container, init, user, who, undone):
    """Neither by the agent, which may remove files, nor by another process that changes the rules."""
    first = Agent(container.start_beside(init, *RUN, *user, "--", *container.agent_command("driven")))
    session = container.start_process_beside(first, OSTIARY, "exec", "--")
    if undone == "the files":
        first.run("sh", "-c", "rm -f /run/ostiary/*")
    else:
        container.nft(*(BY_HAND if undone == "the table" else ["add", "chain", "inet", "ostiary", "another"]))
        container.eventually_audited("tampering", response="repaired")
    first.session.close_stdin()
    assert "ostiary exec was used" in first.session.wait().stderr
    internet.forget()
    for family in (4, 6):
        assert_refused(session.connect(UNLISTED[family], 443), internet)


def test_a_session_is_not_tampering(container, init, user):
    first = Agent(container.start_beside(init, *RUN, *user, "--", *container.agent_command("driven")))
    for _ in range(20):
        assert container.beside(first.session, OSTIARY, "exec", "--", "true").status == 0
    assert first.run("true")["status"] == 0 and not container.audit("tampering")


def test_a_session_does_not_start_without_rules(container, init, user):
    first = Agent(container.start_beside(init, *RUN, *user, "--", *container.agent_command("driven")))
    first.session.signal(signal.SIGSTOP)  # the keeper restores nothing
    container.nft(*BY_HAND)
    refused = container.beside(first.session, OSTIARY, "exec", "--", "true")
    first.session.signal(signal.SIGCONT)
    assert refused.status == 69 and "the rules that would hold the session are gone" in refused.stderr, refused


def test_a_boot_for_another_user_does_not_free_a_confined_process(internet, container, init):
    left = leave_a_process(container, init, "--user", "agent", "--scope", "user")
    refused = boot(container, init, "--user", str(OTHER), "--scope", "user")
    assert refused.status == 69 and "nft delete table inet ostiary" in refused.stderr
    assert boot(container, init, "--user", str(OTHER)).status == 0  # the rules confine all users
    internet.forget()
    assert_refused(left.connect(UNLISTED[4], 443), internet)
    container.nft(*BY_HAND)
    assert boot(container, init, "--user", str(OTHER), "--scope", "user").status == 0 and not container.rules()


def test_the_next_boot_removes_rules_that_confine_no_process(container, init, user):
    """They were kept for another reason: --keep-rules, or a failed boot."""
    assert boot(container, init, *user, "--keep-rules", "always").status == 0 and container.rules()
    second = boot(container, init, *user)
    assert second.status == 0 and EARLIER not in second.stderr and not container.rules()
    assert boot(container, init, *user, "--allow", "no-such-name.example", "--auth-hook", "/bin/false").status != 0
    assert container.rules()
    assert boot(container, init, *user).status == 0 and not container.rules()


def test_a_boot_behind_a_process_1_that_was_killed_ends_in_order(container, who, user):
    """As in a pod, whose network outlives its containers: all confined processes ended with the
    container."""
    first = container.start_agent(who=who)
    first.session.signal(signal.SIGKILL)
    first.session.wait()
    assert container.rules()
    second = container.run("run", "--no-derive", *user, "--keep-rules", "never", "--", "true")
    assert second.status == 0 and EARLIER not in second.stderr and not container.rules()


def test_after_a_repair_the_confined_processes_are_still_known(container, init, user):
    """The table records the confined users; the repaired table does too."""
    left = leave_a_process(container, init, *user)
    second = Agent(container.start_beside(init, *RUN, *user, "--", *container.agent_command("driven")))
    container.nft("add", "chain", "inet", "ostiary", "ended")
    container.eventually_audited("tampering", response="repaired")
    second.session.signal(signal.SIGKILL)
    eventually(lambda: processes.field(second.session.pid, "State").startswith("Z"), "the keeper has ended")
    third = boot(container, init, *user)
    assert third.status == 0 and EARLIER in third.stderr and container.rules(), third
    assert left.run("true")["status"] == 0
