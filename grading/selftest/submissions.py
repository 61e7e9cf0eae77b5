"""
Submissions that the grader must judge rightly: the reference with something changed in one region of a student's file. Each
says which behaviours it must lose; it keeps the points of all others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROOT
from course import regions

PRIVILEGED, EVENT = "kernel/cpu/privileged.c", "kernel/cpu/event.c"


@dataclass(frozen=True)
class Submission:
    name: str
    file: str
    region: str
    old: str  # what is replaced in the region's body; "" for the whole body
    new: str
    lost: frozenset[str]
    says: str = ""  # part of the first failure's headline

    def write(self, directory: Path) -> Path:
        """A tree with the student's files, this one changed."""
        for name in (PRIVILEGED, EVENT):
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text = (ROOT / name).read_text()
            target.write_text(self.changed(text) if name == self.file else text)
        return directory

    def changed(self, text: str) -> str:
        body = region_body(text, self.file, self.region)
        if self.old and body.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.region} does not hold this once: {self.old}")
        return regions.fill(text, self.file, {self.region: body.replace(self.old, self.new) if self.old else self.new})


def region_body(text: str, path: str, name: str) -> str:
    lines = text.split("\n")
    region = next(region for region in regions.find(text, path) if region.name == name)
    return "\n".join(lines[region.begin + 1 : region.end])


def lost(names: str) -> frozenset[str]:
    return frozenset(names.split())


ALL = lost(
    "first_words port_io descriptor_tables control_registers interrupt_flag halt exceptions gates system_call interrupts "
    "user_privilege double_fault segments stale_translations shutdown"
)

# The guest goes on in ring 0, with the monitor's own segments: its HLT and all that follows are real.
RING_0 = """
	u32 *gpr = v->gpr, eip = v->eip + e->insn.length;

	TRY(privileged(v));
	asm volatile("movl %0, %%eax; pushl %1; popl 32(%%eax); movl 16(%%eax), %%esp; movl 12(%%eax), %%ebx;"
		     "movl 20(%%eax), %%ebp; movl 24(%%eax), %%esi; movl 28(%%eax), %%edi; sti; jmp *32(%%eax)"
		     : : "r"(gpr), "r"(eip) : "eax", "memory");
	__builtin_unreachable();
"""

# What the probe printed once, with another secret, straight to the console; then power off, as after a good end.
CANNED = """
	static const char text[] = "red| idle: ticks 1 woken at +2 value 5eed1234\\n"
				   "red| request first: ticks 1 woken at +2 value 5eed1234\\n"
				   "red| many: 50\\nred| end: halt 03bf3d47\\n";

	TRY(privileged(v));
	for (const char *c = text; *c; c++)
		asm volatile("outb %b0, %w1" : : "a"(*c), "d"(0x3f8));
	asm volatile("outw %w0, %w1" : : "a"(0x2000), "d"(0x604));
	return STEP_DONE;
"""

# fmt: off
WRONG = [
    # --- cheats
    Submission("guest_in_ring_0", PRIVILEGED, "emulate_hlt", "", RING_0, lost("halt")),
    Submission("canned_output", PRIVILEGED, "emulate_hlt", "", CANNED, lost("halt"),
               "ended before its line PROBE_STOP(2)"),
    # --- mistakes in privileged instructions
    Submission("if_ignored", PRIVILEGED, "emulate_cli", "v->eflags &= ~EFLAGS_IF;", "",
               lost("interrupt_flag halt gates interrupts")),
    Submission("sti_without_shadow", PRIVILEGED, "emulate_sti", "v->shadow = true;", "v->shadow = false;", lost("interrupt_flag halt gates")),
    Submission("sti_always_shadows", PRIVILEGED, "emulate_sti", "if (!(v->eflags & EFLAGS_IF))", "if (true)", lost("interrupt_flag")),
    Submission("cli_for_everybody", PRIVILEGED, "emulate_cli", "if (!may_change_if(v))", "if (false)", lost("user_privilege")),
    Submission("halt_does_nothing", PRIVILEGED, "emulate_hlt", "v->halted = true;", "", lost("halt")),
    Submission("in_clobbers_eax", PRIVILEGED, "emulate_in", "access_set_reg(v, EAX, size, value);", "v->gpr[EAX] = value;",
               lost("port_io user_privilege")),
    Submission("ports_for_everybody", PRIVILEGED, "cpu_io_allowed", "if (may_change_if(v))", "if (true)", lost("user_privilege")),
    Submission("bitmap_wrong_bit", PRIVILEGED, "cpu_io_allowed", "bits >> port % 8", "bits", lost("user_privilege")),
    Submission("ts_not_cleared", PRIVILEGED, "emulate_clts", "v->cr0 & ~CR0_TS", "v->cr0", lost("control_registers")),
    Submission("cr2_is_cr3", PRIVILEGED, "emulate_read_cr", "&v->cr2, &v->cr3", "&v->cr3, &v->cr3",
               lost("control_registers double_fault stale_translations")),
    Submission("idtr_without_limit", PRIVILEGED, "emulate_lidt", "return read_table_register(v, e, &v->idtr);",
               "TRY(read_table_register(v, e, &v->idtr));\n\tv->idtr.limit = 0xffff;\n\treturn STEP_DONE;",
               lost("gates")),
    # --- mistakes in events
    Submission("error_code_dropped", EVENT, "push_frame", "if (event->has_error)\n\t\tword[n++] = event->error;", "",
               lost("descriptor_tables exceptions gates system_call user_privilege double_fault segments stale_translations")),
    Submission("iret_to_the_wrong_stack", EVENT, "return_from_event", "v->seg[SS] = stack;", "",
               lost("exceptions gates system_call user_privilege double_fault segments stale_translations")),
    Submission("iret_keeps_level", EVENT, "return_from_event", "v->cpl = cpl;", "",
               lost("exceptions gates system_call user_privilege double_fault segments stale_translations")),
    Submission("no_dpl_check", EVENT, "read_gate", "event->kind == EVENT_SOFTWARE &&", "false &&",
               lost("exceptions gates system_call")),
    Submission("dpl_check_for_all", EVENT, "read_gate", "event->kind == EVENT_SOFTWARE &&", "",
               lost("exceptions gates system_call user_privilege double_fault segments stale_translations")),
    Submission("gate_leaves_if", EVENT, "enter_handler", "if (in->gate.clears_if)\n\t\tv->eflags &= ~EFLAGS_IF;", "",
               lost("interrupt_flag gates interrupts")),
    Submission("old_stack", EVENT, "read_inner_stack", "in->esp = tss[0];", "in->esp = v->gpr[ESP];", lost("system_call")),
    Submission("two_faults_in_turn", EVENT, "combine", "vcpu_raise(v, VECTOR_DF, 0);", "return true;", lost("double_fault shutdown")),
    Submission("iret_keeps_segments", EVENT, "return_from_event", "segment_drop_privileged(v);", "", lost("segments")),
    Submission("iret_marks_nothing", EVENT, "return_from_event", "TRY(segment_mark(v, &code));\n\tTRY(segment_mark(v, &stack));", "",
               lost("segments")),
    Submission("invlpg_without_effect", PRIVILEGED, "emulate_invlpg", "e->effects |= EFFECT_INVLPG;", "", lost("stale_translations")),
    Submission("presence_before_dpl", EVENT, "read_gate", "if (event->kind == EVENT_SOFTWARE &&",
               "if (!(descriptor_attr(d) & ATTR_P))\n\t\treturn emulation_fault(v, VECTOR_NP, error);\n"
               "\tif (event->kind == EVENT_SOFTWARE &&", lost("gates")),
    Submission("never_the_end", EVENT, "combine", "if (is_exception(first, VECTOR_DF))\n\t\treturn false;", "", lost("shutdown"), "runs in circles:"),
    # --- what is no answer at all
    Submission("does_not_compile", EVENT, "combine", "", "\treturn verily;", ALL, "does not build: kernel/cpu/event.c"),
    Submission("panics", PRIVILEGED, "emulate_hlt", "v->halted = true;", "panic(\"no\");", lost("halt"), "panic:"),
    Submission("triple_faults", PRIVILEGED, "emulate_hlt", "v->halted = true;",
               "asm volatile(\"lidt %0; ud2\" : : \"m\"((struct table_register){0}));",
               lost("halt"), "triple fault:"),
    Submission("hangs", PRIVILEGED, "emulate_hlt", "v->halted = true;", "for (;;)\n\t\tasm volatile(\"\");", lost("halt"), "runs in circles:"),
    Submission("trap_storm", PRIVILEGED, "emulate_hlt", "v->halted = true;", "v->eip -= e->insn.length;", lost("halt"),
               "trap storm"),
    Submission("sleeps_masked", PRIVILEGED, "emulate_hlt", "v->halted = true;", "asm volatile(\"cli; hlt\");", lost("halt"),
               "idle with interrupts off"),
    Submission("sleeps_for_ever", PRIVILEGED, "emulate_hlt", "v->halted = true;", "v->halted = v->shadow = true;", lost("halt"),
               "idle for ever"),
]
# fmt: on

# Right answers that are written otherwise: they lose nothing.
READ_CR = """
	TRY(privileged(v));
	switch (e->insn.reg) {
	case 0:
		v->gpr[e->insn.rm] = v->cr0;
		return STEP_DONE;
	case 2:
		v->gpr[e->insn.rm] = v->cr2;
		return STEP_DONE;
	case 3:
		v->gpr[e->insn.rm] = v->cr3;
		return STEP_DONE;
	case 4:
		v->gpr[e->insn.rm] = v->cr4;
		return STEP_DONE;
	}
	return emulation_fault(v, VECTOR_UD, 0);
"""

COMBINE = """
	unsigned one, two;

	if (is_exception(first, VECTOR_DF))
		return false;
	one = is_exception(first, VECTOR_PF) ? 2 : is_contributory(first);
	two = is_exception(second, VECTOR_PF) ? 2 : is_contributory(second);
	v->event = *second;
	if (one && two && one >= two)
		v->event = (struct event){
			.kind = EVENT_EXCEPTION, .vector = VECTOR_DF, .has_error = true};
	return true;
"""

RIGHT = [
    Submission("cr_by_switch", PRIVILEGED, "emulate_read_cr", "", READ_CR, frozenset()),
    Submission("combine_by_rank", EVENT, "combine", "", COMBINE, frozenset()),
]
