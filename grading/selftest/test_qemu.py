"""The harness tells apart all the ways in which a machine can end, the same way every time."""

from cavegrade.elf import Elf
from cavegrade.qemu import End, Machine, boot, split_console

EXIT_3 = "mov $0xf4, %dx; mov $3, %al; out %al, %dx; 1: jmp 1b"


def test_exit(kernel):
    result = boot(kernel(EXIT_3))
    assert (result.end, result.status, result.console) == (End.EXIT, 7, "H\n")


def test_poweroff(kernel):
    result = boot(kernel("mov $0x604, %dx; mov $0x2000, %ax; out %ax, %dx; 1: jmp 1b"))
    assert (result.end, result.status) == (End.POWEROFF, 0)


def test_triple_fault(kernel):
    result = boot(kernel("ud2"))
    assert (result.end, result.status) == (End.TRIPLE, None)


def test_reset(kernel):
    assert boot(kernel("mov $0xfe, %al; out %al, $0x64; 1: jmp 1b")).end is End.RESET


def test_budget_of_a_loop(kernel):
    result = boot(kernel("1: jmp 1b"), budget=2)
    assert result.end is End.BUDGET
    assert {step.eip for step in result.steps} == {result.registers["EIP"]}


def test_budget_beyond_the_watchdog(kernel):
    """An idle machine's time is skipped, so that even a long budget is used up at once."""
    result = boot(kernel("cli; hlt"), budget=90)
    assert result.end is End.BUDGET and result.registers["HLT"] == 1


def test_deterministic(kernel):
    """The clock that a machine reads at its end does not depend on the host."""
    code = "rdtsc; mov %al, %bl; mov $8, %ecx; 2: mov $0x3f8, %dx; mov %ebx, %eax; and $15, %al; add $65, %al;"
    code += "out %al, %dx; rdtsc; mov %eax, %ebx; loop 2b;" + EXIT_3
    path = kernel(code)
    assert len({boot(path).console for _ in range(4)}) == 1


def test_keys(kernel):
    code = "add $5, %dx; 2: in %dx, %al; test $1, %al; jz 2b; sub $5, %dx; in %dx, %al; out %al, %dx;"
    result = boot(kernel(code + EXIT_3), keys=[("H", "x")])
    assert (result.status, result.console) == (7, "H\nx")


def test_flood(kernel, monkeypatch):
    monkeypatch.setattr("cavegrade.qemu.CONSOLE_LIMIT", 10000)
    path = kernel("1: out %al, %dx; jmp 1b")
    assert boot(path).end is End.FLOOD
    with Machine(path) as machine:
        machine.arm(2)
        machine.gdb()
        assert machine.proceed() is End.FLOOD


def test_safety_net(kernel):
    assert boot(kernel("1: jmp 1b"), budget=1000, host_limit=1).end is End.HOST


def test_breakpoint_and_memory(kernel):
    path = kernel("mov $0x1234, %ebx; .globl stop_1; stop_1: nop; " + EXIT_3)
    stop = Elf(path).symbols["stop_1"]
    with Machine(path) as machine:
        machine.arm(2)
        machine.gdb().break_at(stop)
        assert machine.proceed() is None
        registers = machine.gdb().registers()
        assert (registers["eip"], registers["ebx"], registers["cs"] & 3) == (stop, 0x1234, 0)
        assert machine.gdb().read(stop, 1) == machine.gdb().read_physical(stop, 1) == b"\x90"
        assert machine.proceed() is End.EXIT
        assert machine.result(End.EXIT).status == 7


def test_mappings(kernel):
    """Page tables as CR3 has them: a directory at 2 MiB with a large user page, and a table with one read-only page."""
    code = """
	movl $0x83 | 4, 0x200000
	movl $0x201001, 0x200004
	movl $0x300001, 0x201000
	mov %cr4, %eax; or $0x10, %eax; mov %eax, %cr4
	mov $0x200000, %eax; mov %eax, %cr3
	mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0
	.globl stop_1
	stop_1: nop
    """
    path = kernel(code + EXIT_3)
    with Machine(path) as machine:
        machine.arm(2)
        machine.gdb().break_at(Elf(path).symbols["stop_1"])
        assert machine.proceed() is None
        large, small = machine.gdb().mappings()
    assert (large.linear, large.physical, large.size, large.user, large.writable) == (0, 0, 4 << 20, True, True)
    assert (small.linear, small.physical, small.size, small.user, small.writable) == (4 << 20, 3 << 20, 4096, False, False)


def test_split_console():
    lines = split_console("cave: two machines\r\nred| hello\nblue| x| y\nodd\nred| \n")
    assert lines == {"cave": ["two machines"], "red": ["hello", ""], "blue": ["x| y"], "": ["odd"]}
