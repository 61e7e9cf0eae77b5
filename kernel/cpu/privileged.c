/*
 * What a privileged instruction means to a virtual CPU. The guest's kernel runs in ring 3, so the
 * real processor refused the instruction with #GP(0) and the monitor does its work here, on the
 * vcpu instead of on the machine.
 *
 * Lab 2, part a. In every function:
 *   - `v` is the guest's processor, `e->insn` the decoded instruction;
 *   - the caller has fetched and decoded it, and moves EIP behind it if STEP_DONE comes back;
 *   - privileged() refuses with the guest's own #GP(0) what its own ring 3 may not do
 *     (cpu/instructions.h);
 *   - TRY(call) goes on if the call returns STEP_DONE, else returns what it returned;
 *   - nothing of `v` changes unless STEP_DONE is returned.
 */
#include "cpu/privileged.h"

#include "cpu/control.h"
#include "cpu/instructions.h"

static enum step general_protection(struct vcpu *v)
{
	return emulation_fault(v, VECTOR_GP, 0);
}

/* CLI and STI are not tied to ring 0 but to IOPL (SDM 2A CLI). */
static bool may_change_if(const struct vcpu *v)
{
	return v->cpl <= vcpu_iopl(v);
}

/*
 * CLI: clears the virtual interrupt flag. #GP(0) if CPL > IOPL.
 * Source: SDM 2A CLI.
 */
enum step emulate_cli(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_cli */
	if (!may_change_if(v))
		return general_protection(v);
	v->eflags &= ~EFLAGS_IF;
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * STI: sets the virtual interrupt flag. #GP(0) if CPL > IOPL. If the flag was clear, v->shadow
 * keeps interrupts off for one more instruction, so that "STI; HLT" and "STI; RET" lose nothing.
 * Source: SDM 2B STI.
 */
enum step emulate_sti(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_sti */
	if (!may_change_if(v))
		return general_protection(v);
	if (!(v->eflags & EFLAGS_IF))
		v->shadow = true;
	v->eflags |= EFLAGS_IF;
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * HLT: the virtual CPU stops until an interrupt is delivered. Sets v->halted; the engine sees it
 * when the instruction is complete and gives the real CPU up.
 * Source: SDM 2A HLT.
 */
enum step emulate_hlt(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_hlt */
	TRY(privileged(v));
	v->halted = true;
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * May the guest touch these ports? Yes if CPL <= IOPL. Otherwise the I/O permission map decides: it
 * begins at byte TSS.io_map of the guest's TSS and has a bit for each port; all `size` bits must be
 * 0. Two bytes are read at (port / 8), since the bits of one access may lie in both; #GP(0) if they
 * lie beyond the TSS's limit, if the TSS is a 16-bit one, or if a bit is set.
 * Source: SDM 1 19.5.2.
 */
enum step cpu_io_allowed(struct vcpu *v, u16 port, unsigned size)
{
	/* LAB 2 BEGIN cpu_io_allowed */
	u16 map, bits;
	u32 at;

	if (may_change_if(v))
		return STEP_DONE;
	if ((v->tr.attr & ATTR_TYPE) != TYPE_TSS32_BUSY || v->tr.limit < sizeof(struct tss) - 1)
		return general_protection(v);
	at = v->tr.base + offsetof(struct tss, io_map);
	TRY(access_linear(v, gva(at), &map, sizeof map, ACCESS_READ, 0));
	if (map + port / 8u + 1 > v->tr.limit)
		return general_protection(v);
	at = v->tr.base + map + port / 8u;
	TRY(access_linear(v, gva(at), &bits, sizeof bits, ACCESS_READ, 0));
	return bits >> port % 8 & ((1u << size) - 1) ? general_protection(v) : STEP_DONE;
	/* LAB 2 END */
}

/* How many bytes an IN or OUT moves: AL for the even opcodes, AX or EAX for the odd ones. */
static unsigned io_size(const struct insn *insn)
{
	return insn->opcode & 1 ? insn->op_size : 1;
}

/* The port: an immediate byte (E4-E7), or DX (EC-EF). */
static u16 io_port(const struct vcpu *v, const struct insn *insn)
{
	return insn->opcode & 8 ? v->gpr[EDX] : insn->imm & 0xff;
}

/*
 * IN: reads a port into AL, AX or EAX (the other bytes of EAX stay). First ask cpu_io_allowed(),
 * then access_port_in(), which answers STEP_EXIT until the device has been asked.
 * Source: SDM 2A IN.
 */
enum step emulate_in(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_in */
	unsigned size = io_size(&e->insn);
	u16 port = io_port(v, &e->insn);
	u32 value;

	TRY(cpu_io_allowed(v, port, size));
	TRY(access_port_in(v, e, port, size, &value));
	access_set_reg(v, EAX, size, value);
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * OUT: writes AL, AX or EAX to a port, by access_port_out().
 * Source: SDM 2B OUT.
 */
enum step emulate_out(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_out */
	unsigned size = io_size(&e->insn);
	u16 port = io_port(v, &e->insn);

	TRY(cpu_io_allowed(v, port, size));
	return access_port_out(v, e, port, size, access_get_reg(v, EAX, size));
	/* LAB 2 END */
}

/*
 * Reads the six bytes that LGDT and LIDT take from their memory operand. With a 16-bit operand size
 * only 24 bits of the base count (SDM 2A LGDT).
 */
static enum step read_table_register(
	struct vcpu *v, struct emulation *e, struct table_register *table)
{
	u32 offset = access_offset(v, &e->insn), limit, base;

	TRY(privileged(v));
	TRY(access_read(v, e, e->insn.seg, offset, 2, &limit));
	TRY(access_read(v, e, e->insn.seg, offset + 2, 4, &base));
	table->limit = limit;
	table->base = e->insn.op_size == 2 ? base & 0xffffff : base;
	return STEP_DONE;
}

/*
 * LGDT: loads the virtual GDTR by read_table_register(). The segment registers keep what they hold.
 * The engine must rebuild its shadow table: EFFECT_GDT.
 * Source: SDM 2A LGDT.
 */
enum step emulate_lgdt(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_lgdt */
	TRY(read_table_register(v, e, &v->gdtr));
	e->effects |= EFFECT_GDT;
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * LIDT: loads the virtual IDTR by read_table_register(). event.c reads the table when it must.
 * Source: SDM 2A LIDT.
 */
enum step emulate_lidt(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_lidt */
	return read_table_register(v, e, &v->idtr);
	/* LAB 2 END */
}

/*
 * MOV r32, CRn: insn.reg names the control register (0, 2, 3 or 4; another is #UD), insn.rm the
 * general one.
 * Source: SDM 2B MOV (control registers).
 */
enum step emulate_read_cr(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_read_cr */
	const u32 *cr[8] = {&v->cr0, NULL, &v->cr2, &v->cr3, &v->cr4};

	TRY(privileged(v));
	if (!cr[e->insn.reg])
		return emulation_fault(v, VECTOR_UD, 0);
	v->gpr[e->insn.rm] = *cr[e->insn.reg];
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * MOV CRn, r32. control.h checks and stores CR0, CR3 and CR4; CR2 takes any value; another register
 * is #UD.
 * Source: SDM 2B MOV (control registers), SDM 3A 2.5.
 */
enum step emulate_write_cr(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_write_cr */
	u32 value = v->gpr[e->insn.rm];

	TRY(privileged(v));
	switch (e->insn.reg) {
	case 0:
		return control_set_cr0(v, e, value);
	case 2:
		v->cr2 = value;
		return STEP_DONE;
	case 3:
		control_set_cr3(v, e, value);
		return STEP_DONE;
	case 4:
		return control_set_cr4(v, e, value);
	default:
		return emulation_fault(v, VECTOR_UD, 0);
	}
	/* LAB 2 END */
}

/*
 * CLTS: clears CR0.TS, by control_set_cr0().
 * Source: SDM 2A CLTS.
 */
enum step emulate_clts(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_clts */
	TRY(privileged(v));
	return control_set_cr0(v, e, v->cr0 & ~CR0_TS);
	/* LAB 2 END */
}

/*
 * INVLPG: the translation of one page is dropped: EFFECT_INVLPG, and e->page, the linear address
 * (segment base + offset) of the operand. No access is made, so a bad address is no fault.
 * Source: SDM 2A INVLPG.
 */
enum step emulate_invlpg(struct vcpu *v, struct emulation *e)
{
	/* LAB 2 BEGIN emulate_invlpg */
	TRY(privileged(v));
	e->page = gva(v->seg[e->insn.seg].base + access_offset(v, &e->insn));
	e->effects |= EFFECT_INVLPG;
	return STEP_DONE;
	/* LAB 2 END */
}
