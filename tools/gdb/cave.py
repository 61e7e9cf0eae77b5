"""GDB commands that show Cave's machines. They read the monitor's own structures, by its symbols, and run no code in it.

    cave vms             every machine: its state, its clock, where it is
    cave vcpu [NAME]     a virtual CPU as its guest believes it; the machine that runs, or the first, if no name is given
    cave exits [NAME]    what running it has taken

`make gdb` loads this file; by hand: gdb build/cave.elf -x tools/gdb/cave.py
"""

import gdb

EFLAGS = {0: "CF", 2: "PF", 4: "AF", 6: "ZF", 7: "SF", 8: "TF", 9: "IF", 10: "DF", 11: "OF", 14: "NT", 16: "RF", 17: "VM", 18: "AC", 21: "ID"}
CR0 = {0: "PE", 1: "MP", 2: "EM", 3: "TS", 4: "ET", 5: "NE", 16: "WP", 18: "AM", 29: "NW", 30: "CD", 31: "PG"}
CR4 = {0: "VME", 1: "PVI", 2: "TSD", 3: "DE", 4: "PSE", 5: "PAE", 6: "MCE", 7: "PGE", 8: "PCE", 9: "OSFXSR", 10: "OSXMMEXCPT", 11: "UMIP"}

GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")  # by enum gpr
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")  # by enum sreg
EFLAGS_USER = 0x244DD5  # x86/regs.h: what ring 3 changes by itself
IOPL_SHIFT = 12


# --- the monitor's structures -----------------------------------------------------------------------------------------


def machines():
    """Every struct vm, in the order of the modules."""
    try:
        count = int(gdb.parse_and_eval("vm_count"))
        most = gdb.parse_and_eval("vms").type.range()[1] + 1
        if count > most:  # memory before the image was loaded, or another window
            raise gdb.MemoryError
        found = [gdb.parse_and_eval(f"vms[{i}]").dereference() for i in range(count)]
        for vm in found:
            vm["index"].fetch_lazy()
    except gdb.MemoryError:
        found = []
    if not found:
        raise gdb.GdbError("No machine has been made yet: break scheduler_run, then continue.")
    return found


def running():
    """The index of the machine that has the real CPU, or None."""
    try:
        current = gdb.parse_and_eval("'vmm/scheduler.c'::current")
        return int(current["index"]) if current else None
    except gdb.error:
        return None


def chosen(name):
    """The machine of that name; without one, the one that runs, or the first."""
    found = machines()
    if not name:
        return found[running() or 0]
    for vm in found:
        if name_of(vm) == name:
            return vm
    raise gdb.GdbError(f"There is no machine called {name}: {', '.join(map(name_of, found))}.")


def name_of(vm):
    return vm["name"].string()


def word(value, prefix):
    """An enum's value in small letters, without what all of its names begin with."""
    return str(value).removeprefix(prefix).lower().replace("_", " ")


def in_ring_3():
    return int(gdb.parse_and_eval("$cs")) & 3 == 3


def fresh(vm):
    """Whether the real registers are newer than the virtual ones: the guest itself runs."""
    return in_ring_3() and running() == int(vm["index"])


def real(register):
    return int(gdb.parse_and_eval(f"${register}")) & 0xFFFFFFFF


# --- words ------------------------------------------------------------------------------------------------------------


def bits(value, names):
    return " ".join(name for bit, name in names.items() if value >> bit & 1)


def symbol(address):
    """<function+distance>, if some symbol table knows the address."""
    said = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return "" if said.startswith("No symbol") else f" <{said.split(' in section')[0].replace(' + ', '+')}>"


def eip_of(vm):
    return real("eip") if fresh(vm) else int(vm["vcpu"]["eip"])


def segment_line(name, segment):
    attr = int(segment["attr"])
    text = f"{int(segment['selector']):04x}  base {int(segment['base']):08x}  limit {int(segment['limit']):08x}"
    if not attr & 0x80:
        return f"  {name:4} {int(segment['selector']):04x}  not usable"
    kind = "system" if not attr & 0x10 else "code" if attr & 8 else "data"
    return f"  {name:4} {text}  dpl {attr >> 5 & 3}  {kind}"


def event_line(vcpu):
    event = vcpu["event"]
    kind = word(event["kind"], "EVENT_")
    if kind == "none":
        return "none"
    vector = int(event["vector"])
    name = gdb.Value(vector).cast(gdb.lookup_type("enum vector")) if kind == "exception" else ""
    error = f", error code {int(event['error']):#x}" if event["has_error"] else ""
    return f"{kind} {vector:#04x} {word(name, 'VECTOR_').upper()}".rstrip() + error


# --- the commands -----------------------------------------------------------------------------------------------------


class Cave(gdb.Command):
    """Cave's machines: cave vms, cave vcpu [NAME], cave exits [NAME]."""

    def __init__(self):
        super().__init__("cave", gdb.COMMAND_STATUS, prefix=True)


class Vms(gdb.Command):
    """Every machine: its state, memory, clock, virtual privilege level and place. A star marks the one that runs."""

    def __init__(self):
        super().__init__("cave vms", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        found, now = machines(), running()
        print(f"  {'name':12} {'state':8} {'memory':>7} {'exits':>8} {'cpl':>3}  eip")
        for vm in found:
            vcpu = vm["vcpu"]
            total = sum(int(vm["exits"][kind]) for kind in range(vm["exits"].type.range()[1] + 1))
            mark = "*" if int(vm["index"]) == now else " "
            print(
                f"{mark} {name_of(vm):12} {word(vm['state'], 'VM_'):8} {int(vm['mem']['size']) >> 20:3} MiB {total:8} "
                f"{int(vcpu['cpl']):3}  {eip_of(vm):08x}{symbol(eip_of(vm))}"
            )


class OfMachine(gdb.Command):
    """A command about one machine."""

    def invoke(self, argument, from_tty):
        self.show(chosen(argument.strip()))

    def complete(self, text, start):
        try:
            return [name for name in map(name_of, machines()) if name.startswith(start)]
        except gdb.error:
            return []


class Vcpu(OfMachine):
    """A virtual CPU as its guest believes it: registers, flags, segments with their hidden parts, what is pending."""

    def __init__(self):
        super().__init__("cave vcpu", gdb.COMMAND_STATUS)

    def show(self, vm):
        vcpu, is_fresh = vm["vcpu"], fresh(vm)
        general = {name: real(name) if is_fresh else int(vcpu["gpr"][i]) for i, name in enumerate(GENERAL)}
        eflags = int(vcpu["eflags"])
        if is_fresh:
            eflags = eflags & ~EFLAGS_USER | real("eflags") & EFLAGS_USER
        print(f"{name_of(vm)}, virtual CPL {int(vcpu['cpl'])}, {'in ring 3 now' if is_fresh else 'as of its last exit'}")
        for row in (("eax", "ebx", "ecx", "edx"), ("esi", "edi", "ebp", "esp")):
            print("  " + "  ".join(f"{name} {general[name]:08x}" for name in row))
        print(f"  eip {eip_of(vm):08x}{symbol(eip_of(vm))}")
        print(f"  eflags {eflags:08x}  {bits(eflags, EFLAGS)}  IOPL {eflags >> IOPL_SHIFT & 3}")
        self.show_control(vcpu)
        for i, name in enumerate(SEGMENTS):
            print(segment_line(name, vcpu["seg"][i]))
        print(segment_line("ldtr", vcpu["ldtr"]))
        print(segment_line("tr", vcpu["tr"]))
        for name in ("gdtr", "idtr"):
            print(f"  {name} base {int(vcpu[name]['base']):08x}  limit {int(vcpu[name]['limit']):04x}")
        states = [text for field, text in (("halted", "halted"), ("shadow", "interrupt shadow"), ("intr", "INTR high")) if vcpu[field]]
        print(f"  event {event_line(vcpu)}" + "".join(f"; {state}" for state in states))

    def show_control(self, vcpu):
        cr0, cr4 = int(vcpu["cr0"]), int(vcpu["cr4"])
        print(f"  cr0 {cr0:08x}  {bits(cr0, CR0)}")
        print(f"  cr2 {int(vcpu['cr2']):08x}  cr3 {int(vcpu['cr3']):08x}")
        print(f"  cr4 {cr4:08x}  {bits(cr4, CR4)}".rstrip())


def numbers(record, of=""):
    """The numbers in a C struct and in structs in it, with their names; not what `meter` counts by cause, in arrays."""
    for field in record.type.strip_typedefs().fields():
        name, value = of + field.name.replace("_", " "), record[field.name]
        if field.type.code == gdb.TYPE_CODE_STRUCT:
            yield from numbers(value, name + " ")
        elif field.type.code != gdb.TYPE_CODE_ARRAY:
            yield name, int(value)


class Exits(OfMachine):
    """What running a machine has taken: its exits by kind, and the engine's own counts."""

    def __init__(self):
        super().__init__("cave exits", gdb.COMMAND_STATUS)

    def show(self, vm):
        kinds = gdb.lookup_type("enum exit_kind")
        print(f"{name_of(vm)}, exits to the vmm:")
        for field in kinds.fields():
            if field.enumval < vm["exits"].type.range()[1] + 1 and vm["exits"][field.enumval]:
                print(f"  {word(field.name, 'EXIT_'):14} {int(vm['exits'][field.enumval]):10}")
        counts = vm["vcpu"]["engine"].cast(gdb.lookup_type("struct soft").pointer())["counts"]
        print("the engine's counts:")
        for name, value in numbers(counts):
            print(f"  {name:14} {value:10}")


for command in (Cave, Vms, Vcpu, Exits):
    command()
