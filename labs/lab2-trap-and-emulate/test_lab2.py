"""
Lab 2, graded. `probe` is one run of the behaviour's probe (lab.toml says which). judge() asks what every behaviour must
satisfy: the machine ends well, the guest really is in ring 3 wherever the grader stopped it, and it says what it says on
the bare machine. What is asked beyond that is written out here, from the secret that the probe was built with.
"""


def test_first_words(probe):
    probe.judge()
    probe.says("before", f"{probe.secret(1):08x}")
    probe.says("after", f"{probe.secret(2):08x}")


def test_port_io(probe):
    probe.judge()


def test_descriptor_tables(probe):
    probe.judge()
    probe.says("data segment", f"returned {probe.secret(1):08x}")


def test_control_registers(probe):
    probe.judge()


def test_interrupt_flag(probe):
    probe.judge()
    probe.says("sti", f"taken 1 at +7 value {probe.value(3):08x}")


def test_halt(probe):
    probe.judge()
    probe.says("many", "50")


def test_exceptions(probe):
    probe.judge()
    probe.says("divide by zero", f"vector 0 error 0 eip +7 cs 8 flags 0 eax {probe.value():08x}")


def test_gates(probe):
    probe.judge()


def test_system_call(probe):
    probe.judge()
    probe.says("rounds", f"trapped 0 value {probe.value(4951):08x} calls 101 bad stacks 0")


def test_interrupts(probe):
    probe.judge()
    probe.says("undisturbed", "1")


def test_user_privilege(probe):
    probe.judge()


def test_double_fault(probe):
    probe.judge()


def test_segments(probe):
    probe.judge()
    probe.shows("stop_2", 1, "IRET does not mark the code segment that it loads as accessed (SDM 3A 3.4.5.1)")


def test_stale_translations(probe):
    probe.judge()


def test_shutdown(probe):
    probe.shuts_down("triple fault")
