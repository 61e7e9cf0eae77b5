/* Privileged and system instructions, against SDM 2 and SDM 3A 5.9: who may, what happens, what is refused. */
#include "test/guest.h"

#include "cpu/control.h"
#include "cpu/privileged.h"

#define PORT 0x1234

/* At every level but 0, each of these is #GP(0) and changes nothing. */
static void ring_3_runs_no_privileged_instruction(void **state)
{
	static const u8 code[][4] = {
		{1, 0xf4},             /* HLT */
		{2, 0x0f, 0x06},       /* CLTS */
		{2, 0x0f, 0x08},       /* INVD */
		{2, 0x0f, 0x09},       /* WBINVD */
		{2, 0x0f, 0x30},       /* WRMSR */
		{2, 0x0f, 0x32},       /* RDMSR */
		{3, 0x0f, 0x20, 0xc0}, /* MOV EAX, CR0 */
		{3, 0x0f, 0x22, 0xd8}, /* MOV CR3, EAX */
		{3, 0x0f, 0x21, 0xc0}, /* MOV EAX, DR0 */
		{3, 0x0f, 0x23, 0xf8}, /* MOV DR7, EAX */
		{3, 0x0f, 0x00, 0xd0}, /* LLDT AX */
		{3, 0x0f, 0x00, 0xd8}, /* LTR AX */
		{3, 0x0f, 0x01, 0x10}, /* LGDT [EAX] */
		{3, 0x0f, 0x01, 0x18}, /* LIDT [EAX] */
		{3, 0x0f, 0x01, 0xf0}, /* LMSW AX */
		{3, 0x0f, 0x01, 0x38}, /* INVLPG [EAX] */
	};

	enter_level(3);
	v.eflags |= EFLAGS_IOPL;
	v.gpr[EAX] = DATA;
	for (unsigned i = 0; i < ARRAY_SIZE(code); i++) {
		struct vcpu before = v;

		assert_int_equal(emulate_bytes(code[i] + 1, code[i][0]), STEP_FAULT);
		assert_pending(VECTOR_GP, 0);
		before.event = v.event;
		assert_memory_equal(&v, &before, offsetof(struct vcpu, tlb));
		assert_int_equal(e.effects, 0);
	}
}

static void the_interrupt_flag_is_tied_to_iopl(void **state)
{
	for (unsigned iopl = 0; iopl < 4; iopl++) {
		enter_level(3);
		v.eip = CODE;
		v.eflags = EFLAGS_FIXED | EFLAGS_IF | iopl << EFLAGS_IOPL_SHIFT;
		if (iopl < 3) {
			assert_fault(RUN(0xfa), VECTOR_GP, 0);
			assert_fault(RUN(0xfb), VECTOR_GP, 0);
			continue;
		}
		assert_done(RUN(0xfa));
		assert_false(v.eflags & EFLAGS_IF);
		assert_done(RUN(0xfb));
		assert_true(v.eflags & EFLAGS_IF);
	}
}

static void sti_holds_interrupts_off_for_one_instruction(void **state)
{
	v.eflags = EFLAGS_FIXED | EFLAGS_IOPL;
	assert_false(vcpu_interruptible(&v));
	assert_done(RUN(0xfb));
	assert_true(v.shadow);
	assert_false(vcpu_interruptible(&v));
	assert_done(RUN(0xfb)); /* IF was set already: no new shadow, the old one is over */
	assert_false(v.shadow);
	assert_true(vcpu_interruptible(&v));
	vcpu_raise(&v, VECTOR_UD, 0);
	assert_false(vcpu_interruptible(&v));
	v.event.kind = EVENT_NONE;
	assert_done(RUN(0xfa));
	assert_done(RUN(0xfb));
	assert_done(RUN(0xf4)); /* STI; HLT */
	assert_true(v.halted && vcpu_interruptible(&v));
	assert_int_equal(v.eip, CODE + 5);
}

static void the_resume_flag_is_used_up(void **state)
{
	v.eflags |= EFLAGS_RF;
	assert_done(RUN(0xfa));
	assert_false(v.eflags & EFLAGS_RF);
}

static void lock_makes_them_undefined(void **state)
{
	poke(CODE, (u8[]){0xf0, 0xfa}, 2);
	assert_int_equal(cpu_fetch(&v, &e), STEP_FAULT);
	assert_pending(VECTOR_UD, 0);
}

/* --- ports ------------------------------------------------------------------------------------ */

static void answer(u32 value)
{
	emulation_answer(&e, value);
}

static void in_asks_and_then_fills_its_part_of_eax(void **state)
{
	static const struct {
		u8 code[3], count, size;
		u16 port;
		u32 eax;
	} cases[] = {
		{{0xec}, 1, 1, PORT, 0x111111dd},
		{{0x66, 0xed}, 2, 2, PORT, 0x1111ccdd},
		{{0xed}, 1, 4, PORT, 0xaabbccdd},
		{{0xe4, 0xf0}, 2, 1, 0xf0, 0x111111dd}, /* the port is not sign-extended */
		{{0x66, 0xe5, 0x70}, 3, 2, 0x70, 0x1111ccdd},
		{{0xe5, 0x70}, 2, 4, 0x70, 0xaabbccdd},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		v.eip = CODE;
		v.gpr[EAX] = 0x11111111;
		v.gpr[EDX] = 0xffff0000 | PORT;
		assert_int_equal(emulate_bytes(cases[i].code, cases[i].count), STEP_EXIT);
		assert_int_equal(exit_record.kind, EXIT_PORT);
		assert_false(exit_record.write);
		assert_int_equal(exit_record.size, cases[i].size);
		assert_int_equal(exit_record.port, cases[i].port);
		assert_int_equal(v.eip, CODE);
		answer(0xaabbccdd);
		assert_done(cpu_emulate(&v, &e));
		assert_int_equal(v.gpr[EAX], cases[i].eax);
		assert_int_equal(v.eip, CODE + cases[i].count);
	}
}

static void out_shows_its_part_of_eax(void **state)
{
	v.gpr[EAX] = 0xaabbccdd;
	v.gpr[EDX] = PORT;
	assert_int_equal(RUN(0xee), STEP_EXIT);
	assert_true(exit_record.write);
	assert_int_equal(exit_record.value, 0xdd);
	assert_int_equal(exit_record.size, 1);
	assert_int_equal(RUN(0x66, 0xe7, 0x80), STEP_EXIT);
	assert_int_equal(exit_record.value, 0xccdd);
	assert_int_equal(exit_record.port, 0x80);
	assert_int_equal(RUN(0xef), STEP_EXIT);
	assert_int_equal(exit_record.value, 0xaabbccdd);
	assert_int_equal(v.eip, CODE);
	answer(0);
	assert_done(cpu_emulate(&v, &e));
	assert_int_equal(v.eip, CODE + 1);
}

static void allow(unsigned port, bool yes)
{
	u8 byte = peek32(IO_MAP + port / 8);

	byte = yes ? byte & ~(1u << port % 8) : byte | 1u << port % 8;
	poke(IO_MAP + port / 8, &byte, 1);
}

static bool allowed(u16 port, unsigned size)
{
	if (cpu_io_allowed(&v, port, size) == STEP_DONE)
		return true;
	assert_pending(VECTOR_GP, 0);
	return false;
}

static void the_io_map_decides_where_iopl_does_not(void **state)
{
	assert_true(allowed(PORT, 4)); /* CPL 0 <= IOPL 0 */
	enter_level(3);
	assert_false(allowed(0x60, 1));
	allow(0x60, true);
	assert_true(allowed(0x60, 1));
	assert_false(allowed(0x60, 2) || allowed(0x61, 1) || allowed(0x5f, 1));
	allow(0x61, true);
	assert_true(allowed(0x60, 2));
	assert_false(allowed(0x60, 4));
	/* Four ports in two bytes of the map. */
	for (unsigned port = 0x66; port < 0x6a; port++)
		allow(port, true);
	assert_true(allowed(0x66, 4));
	allow(0x69, false);
	assert_false(allowed(0x66, 4));
	assert_true(allowed(0x67, 2));
	v.eflags |= EFLAGS_IOPL;
	assert_true(allowed(PORT, 4));
}

static void the_io_map_ends_with_the_tss(void **state)
{
	u32 at = offsetof(struct tss, io_map);
	u16 map = sizeof(struct tss);

	enter_level(3);
	allow(0x60, true);
	v.tr.limit = map + 0x60 / 8 + 1; /* the byte behind the port's must be there too */
	assert_true(allowed(0x60, 1));
	v.tr.limit--;
	assert_false(allowed(0x60, 1));
	v.tr.limit = 0x3ff;
	v.tr.attr = ATTR_P | TYPE_TSS16_BUSY;
	assert_false(allowed(0x60, 1));
	v.tr.attr = ATTR_P | TYPE_TSS32_BUSY;
	map = 0xffff; /* beyond the limit, and no wrap-around */
	poke(TSS + at, &map, sizeof map);
	assert_false(allowed(0x60, 1) || allowed(0, 1) || allowed(0xffff, 1));
	map = 0;
	poke(TSS + at, &map, sizeof map);
	v.tr.limit = at; /* the map's own address is cut off */
	assert_false(allowed(0x60, 1));
	v.tr.limit = at + 1;
	assert_true(allowed(0, 1)); /* TSS.link, at the map's start, is zero */
}

static void the_io_map_may_fault(void **state)
{
	enter_level(3);
	paging_on();
	map_page(TSS, TSS | PTE_P); /* a supervisor page: no matter */
	allow(0x60, true);
	assert_true(allowed(0x60, 1));
	map_page(TSS, 0);
	assert_int_equal(cpu_io_allowed(&v, 0x60, 1), STEP_FAULT);
	assert_pending(VECTOR_PF, 0);
	assert_int_equal(v.cr2, TSS + offsetof(struct tss, io_map));
	v.gpr[EDX] = 0x61;
	map_page(TSS, TSS | PTE_P);
	assert_fault(RUN(0xec), VECTOR_GP, 0);
	assert_fault(RUN(0xee), VECTOR_GP, 0);
}

/* --- tables ----------------------------------------------------------------------------------- */

static void lgdt_and_lidt_take_limit_and_base(void **state)
{
	struct segment ds = v.seg[DS];

	poke(DATA, (u16[]){0x1234, 0x5678, 0x9abc}, 6);
	v.gpr[EAX] = DATA;
	assert_done(RUN(0x0f, 0x01, 0x10));
	assert_int_equal(v.gdtr.limit, 0x1234);
	assert_int_equal(v.gdtr.base, 0x9abc5678);
	assert_int_equal(e.effects, EFFECT_GDT);
	assert_memory_equal(&v.seg[DS], &ds, sizeof ds);
	assert_done(RUN(0x66, 0x0f, 0x01, 0x18)); /* 16-bit: a base of 24 bits */
	assert_int_equal(v.idtr.limit, 0x1234);
	assert_int_equal(v.idtr.base, 0xbc5678);
	assert_int_equal(e.effects, 0);
	assert_fault(RUN(0x0f, 0x01, 0xd0), VECTOR_UD, 0); /* a register */
}

static void a_table_register_changes_whole_or_not_at_all(void **state)
{
	const struct table_register before = v.gdtr;

	paging_on();
	map_page(DATA + PAGE_SIZE, 0);
	v.gpr[EAX] = DATA + PAGE_SIZE - 4;
	assert_fault(RUN(0x0f, 0x01, 0x10), VECTOR_PF, 0);
	assert_memory_equal(&v.gdtr, &before, sizeof before);
	v.seg[DS] = (struct segment){0};
	v.gpr[EAX] = DATA;
	assert_fault(RUN(0x0f, 0x01, 0x18), VECTOR_GP, 0);
}

/* The page fault's address is the lowest that cannot be written, and nothing is written then. */
static void sgdt_faults_at_its_first_byte(void **state)
{
	paging_on();
	map_page(DATA, 0);
	v.gpr[EAX] = DATA;
	assert_fault(RUN(0x0f, 0x01, 0x00), VECTOR_PF, PF_WRITE);
	assert_int_equal(v.cr2, DATA);
	v.gpr[EAX] = DATA - 2;
	poke32(DATA - 4, 0x55555555);
	assert_fault(RUN(0x0f, 0x01, 0x08), VECTOR_PF, PF_WRITE);
	assert_int_equal(v.cr2, DATA);
	assert_int_equal(peek32(DATA - 4), 0x55555555);
}

static void sgdt_and_sidt_store_six_bytes(void **state)
{
	v.idtr = (struct table_register){0x7ff, 0x12345678};
	v.gpr[EAX] = DATA;
	poke32(DATA + 4, 0xeeeeeeee);
	assert_done(RUN(0x0f, 0x01, 0x08));
	assert_int_equal(peek32(DATA), 0x567807ff);
	assert_int_equal(peek32(DATA + 4), 0xeeee1234);
	assert_done(RUN(0x66, 0x0f, 0x01, 0x00));
	assert_int_equal(peek32(DATA), (GDT & 0xffff) << 16 | GDT_LIMIT);
}

static void lldt_takes_an_ldt_of_the_gdt(void **state)
{
	put_descriptor(LOCAL, 0x5000, 0x17, ATTR_P | TYPE_LDT); /* it must be one of the GDT */
	v.gpr[EAX] = LOCAL;
	assert_fault(RUN(0x0f, 0x00, 0xd0), VECTOR_GP, LOCAL);
	put_descriptor(SPARE, 0x5000, 0x17, ATTR_P | TYPE_LDT);
	v.gpr[EAX] = SPARE;
	assert_done(RUN(0x0f, 0x00, 0xd0));
	assert_int_equal(v.ldtr.selector, SPARE);
	assert_int_equal(v.ldtr.base, 0x5000);
	assert_int_equal(v.ldtr.limit, 0x17);
	assert_true(e.effects & EFFECT_LDT);
	v.gpr[EAX] = KERNEL_DS;
	assert_fault(RUN(0x0f, 0x00, 0xd0), VECTOR_GP, KERNEL_DS);
	v.gpr[EAX] = GDT_LIMIT + 1;
	assert_fault(RUN(0x0f, 0x00, 0xd0), VECTOR_GP, GDT_LIMIT + 1);
	put_descriptor(SPARE, 0, 0x17, TYPE_LDT);
	v.gpr[EAX] = SPARE;
	assert_fault(RUN(0x0f, 0x00, 0xd0), VECTOR_NP, SPARE);
	v.gpr[EAX] = 2; /* null, whatever the RPL */
	assert_done(RUN(0x0f, 0x00, 0xd0));
	assert_false(v.ldtr.attr & ATTR_P);
	v.gpr[EBX] = 0xffffffff;
	assert_done(RUN(0x0f, 0x00, 0xc3)); /* SLDT EBX */
	assert_int_equal(v.gpr[EBX], 2);
}

static void ltr_marks_its_task_busy(void **state)
{
	v.gpr[EAX] = TSS_SEL;
	assert_done(RUN(0x0f, 0x00, 0xd8));
	assert_int_equal(v.tr.attr & ATTR_TYPE, TYPE_TSS32_BUSY);
	assert_int_equal(peek32(slot(TSS_SEL) + 4) >> 8 & 0xff, ATTR_P | TYPE_TSS32_BUSY);
	assert_int_equal(v.tr.base, TSS);
	assert_fault(RUN(0x0f, 0x00, 0xd8), VECTOR_GP, TSS_SEL); /* busy now */
	v.gpr[EAX] = 1;
	assert_fault(RUN(0x0f, 0x00, 0xd8), VECTOR_GP, 0);
	v.gpr[EAX] = LDT_SEL;
	assert_fault(RUN(0x0f, 0x00, 0xd8), VECTOR_GP, LDT_SEL);
	put_descriptor(SPARE, 0, 0x67, TYPE_TSS32);
	v.gpr[EAX] = SPARE;
	assert_fault(RUN(0x0f, 0x00, 0xd8), VECTOR_NP, SPARE);
	put_descriptor(SPARE, 0, 0x67, ATTR_P | TYPE_TSS16);
	assert_unsupported(RUN(0x0f, 0x00, 0xd8));
	v.gpr[EBX] = 0xffffffff;
	assert_done(RUN(0x66, 0x0f, 0x00, 0xcb)); /* STR BX */
	assert_int_equal(v.gpr[EBX], 0xffff0000 | TSS_SEL);
}

/* SDM 3A 2.5, CR4.UMIP. */
static void umip_hides_tables_and_machine_status_from_ring_3(void **state)
{
	static const u8 code[][3] = {
		{0x0f, 0x01, 0x00}, {0x0f, 0x01, 0x08}, {0x0f, 0x01, 0xe0}, /* SGDT SIDT SMSW */
		{0x0f, 0x00, 0xc0}, {0x0f, 0x00, 0xc8},                     /* SLDT STR */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(code); i++)
		for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
			enter_level(cpl);
			v.eip = CODE;
			v.gpr[EAX] = DATA;
			v.cr4 = 0;
			assert_done(emulate_bytes(code[i], 3));
			v.cr4 = CR4_UMIP;
			v.gpr[EAX] = DATA;
			if (cpl)
				assert_fault(emulate_bytes(code[i], 3), VECTOR_GP, 0);
			else
				assert_done(emulate_bytes(code[i], 3));
		}
}

/* --- control and debug registers -------------------------------------------------------------- */

static void mov_from_cr(void **state)
{
	v.cr0 |= CR0_TS;
	v.cr2 = 0x22222222;
	v.cr3 = 0x33333000;
	v.cr4 = CR4_PSE;
	assert_done(RUN(0x0f, 0x20, 0xc3)); /* MOV EBX, CR0 */
	assert_int_equal(v.gpr[EBX], v.cr0);
	assert_done(RUN(0x0f, 0x20, 0xd1));
	assert_int_equal(v.gpr[ECX], 0x22222222);
	assert_done(RUN(0x0f, 0x20, 0xda));
	assert_int_equal(v.gpr[EDX], 0x33333000);
	assert_done(RUN(0x0f, 0x20, 0xe6));
	assert_int_equal(v.gpr[ESI], CR4_PSE);
	for (unsigned n = 1; n < 8; n += n == 1 ? 4 : 1) { /* 1, 5, 6, 7 */
		assert_fault(RUN(0x0f, 0x20, 0xc0 | n << 3), VECTOR_UD, 0);
		assert_fault(RUN(0x0f, 0x22, 0xc0 | n << 3), VECTOR_UD, 0);
	}
}

static void mov_to_cr(void **state)
{
	v.gpr[EAX] = 0x87654321;
	assert_done(RUN(0x0f, 0x22, 0xd0));
	assert_int_equal(v.cr2, 0x87654321);
	assert_done(RUN(0x0f, 0x22, 0xd8));
	assert_int_equal(v.cr3, 0x87654000);
	assert_int_equal(e.effects, EFFECT_CR3);
	v.gpr[EAX] = v.cr0 | CR0_MP;
	assert_done(RUN(0x0f, 0x22, 0xc0));
	assert_true(v.cr0 & CR0_MP);
	assert_int_equal(e.effects, EFFECT_CONTROL);
	v.gpr[EAX] = CR4_PSE;
	assert_done(RUN(0x0f, 0x22, 0xe0));
	assert_int_equal(v.cr4, CR4_PSE);
	assert_int_equal(e.effects, EFFECT_CONTROL | EFFECT_FLUSH);
	v.gpr[EAX] = 1u << 31;
	assert_fault(RUN(0x0f, 0x22, 0xe0), VECTOR_GP, 0);
	assert_int_equal(v.cr4, CR4_PSE);
}

static void the_machine_status_word(void **state)
{
	v.cr0 |= CR0_TS | CR0_WP;
	assert_done(RUN(0x0f, 0x06)); /* CLTS */
	assert_false(v.cr0 & CR0_TS);
	assert_int_equal(e.effects, EFFECT_CONTROL);
	v.gpr[EAX] =
		0xffff0000 | CR0_TS | CR0_MP | CR0_NE; /* PE clear: stays set; NE: not reached */
	assert_done(RUN(0x0f, 0x01, 0xf0));
	assert_int_equal(v.cr0, CR0_PE | CR0_ET | CR0_WP | CR0_TS | CR0_MP);
	v.gpr[EAX] = CR0_EM;
	assert_done(RUN(0x0f, 0x01, 0xf0));
	assert_int_equal(v.cr0, CR0_PE | CR0_ET | CR0_WP | CR0_EM);
	assert_done(RUN(0x0f, 0x01, 0xe3)); /* SMSW EBX */
	assert_int_equal(v.gpr[EBX], v.cr0);
	poke32(DATA, 0xffffffff);
	assert_done(RUN(0x0f, 0x01, 0x25, 0, DATA >> 8, 0, 0));
	assert_int_equal(peek32(DATA), 0xffff0000 | CR0_PE | CR0_EM | CR0_ET);
}

static void invlpg_names_a_linear_address(void **state)
{
	put_descriptor(SPARE, 0x1000000, 0xff, DATA_ATTR);
	set_segment(FS, SPARE);
	v.gpr[EBX] = 0x400000;
	assert_done(RUN(0x64, 0x0f, 0x01, 0x7b, 0x10)); /* INVLPG FS:[EBX + 16], beyond its limit */
	assert_int_equal(e.page.v, 0x1400010);
	assert_int_equal(e.effects, EFFECT_INVLPG);
	assert_fault(RUN(0x0f, 0x01, 0xf8), VECTOR_UD, 0);
}

static void debug_registers_read_back(void **state)
{
	v.gpr[EAX] = 0xffffffff;
	assert_done(RUN(0x0f, 0x23, 0xd8)); /* DR3 */
	assert_int_equal(v.dr[3], 0xffffffff);
	assert_true(e.effects & EFFECT_CONTROL);
	v.gpr[EAX] = 0;
	assert_done(RUN(0x0f, 0x23, 0xf0)); /* DR6: most bits are ones, bit 12 is not */
	assert_int_equal(v.dr[6], 0xffff0ff0);
	v.gpr[EAX] = 0xffffffff & ~DR7_GD;
	assert_done(RUN(0x0f, 0x23, 0xf8));
	assert_int_equal(v.dr[7], 0xffff07ff);
	assert_done(RUN(0x0f, 0x23, 0xe8)); /* DR5 is DR7 without CR4.DE */
	assert_done(RUN(0x0f, 0x21, 0xeb));
	assert_int_equal(v.gpr[EBX], 0xffff07ff);
	v.gpr[EAX] = 0xffffffff;
	assert_done(RUN(0x0f, 0x23, 0xe0)); /* DR4 is DR6 */
	assert_int_equal(v.dr[6], 0xffffefff);
	v.cr4 = CR4_DE;
	assert_fault(RUN(0x0f, 0x23, 0xe0), VECTOR_UD, 0);
	assert_fault(RUN(0x0f, 0x21, 0xe8), VECTOR_UD, 0);
}

static void general_detect_guards_the_debug_registers(void **state)
{
	v.dr[7] = DR7_FIXED | DR7_GD;
	assert_fault(RUN(0x0f, 0x21, 0xc0), VECTOR_DB, 0);
	assert_int_equal(v.dr[6], DR6_FIXED | DR6_BD);
	v.event.kind = EVENT_NONE;
	v.dr[7] = DR7_FIXED; /* as delivery leaves it */
	assert_done(RUN(0x0f, 0x21, 0xc0));
}

/* --- time, features, flags -------------------------------------------------------------------- */

static void the_time_stamp_is_clock_and_offset(void **state)
{
	v.tsc = 0x100000005;
	assert_done(RUN(0x0f, 0x31));
	assert_int_equal(v.gpr[EAX], 5);
	assert_int_equal(v.gpr[EDX], 1);
	v.gpr[ECX] = MSR_TSC;
	v.gpr[EAX] = 7;
	v.gpr[EDX] = 0;
	assert_done(RUN(0x0f, 0x30)); /* WRMSR */
	v.tsc += 3;
	assert_done(RUN(0x0f, 0x32)); /* RDMSR */
	assert_int_equal(v.gpr[EAX], 10);
	assert_int_equal(v.gpr[EDX], 0);
	assert_done(RUN(0x0f, 0x31));
	assert_int_equal(v.gpr[EAX], 10);
	v.gpr[ECX] = MSR_EFER;
	assert_fault(RUN(0x0f, 0x30), VECTOR_GP, 0);
	assert_fault(RUN(0x0f, 0x32), VECTOR_GP, 0);
	assert_fault(RUN(0x0f, 0x33), VECTOR_GP, 0); /* RDPMC */
}

static void tsd_closes_the_clock_to_ring_3(void **state)
{
	v.cr4 = CR4_TSD;
	assert_done(RUN(0x0f, 0x31));
	enter_level(3);
	assert_fault(RUN(0x0f, 0x31), VECTOR_GP, 0);
	v.cr4 = 0;
	assert_done(RUN(0x0f, 0x31));
}

static void cpuid_is_a_table(void **state)
{
	v.gpr[EAX] = 0;
	assert_done(RUN(0x0f, 0xa2));
	assert_int_equal(v.gpr[EAX], 0x16);
	assert_memory_equal(&v.gpr[EBX], "Genu", 4);
	assert_memory_equal(&v.gpr[EDX], "ineI", 4);
	assert_memory_equal(&v.gpr[ECX], "ntel", 4);
	v.gpr[EAX] = 0x15; /* the TSC's rate: ECX * EBX / EAX */
	assert_done(RUN(0x0f, 0xa2));
	assert_int_equal(v.gpr[ECX] / v.gpr[EAX] * v.gpr[EBX], 1000000000);
	enter_level(3); /* anybody may ask */
	v.gpr[EAX] = 1;
	assert_done(RUN(0x0f, 0xa2));
	assert_int_equal(v.gpr[EAX] >> 8 & 0xf, 6);
	assert_true(v.gpr[EDX] & 1u << 0);                         /* FPU */
	assert_false(v.gpr[EDX] & (1u << 6 | 1u << 9 | 1u << 11)); /* PAE, APIC, SEP */
}

static void pushf_shows_the_virtual_flags(void **state)
{
	v.eflags = EFLAGS_FIXED | EFLAGS_IF | EFLAGS_IOPL | EFLAGS_RF | EFLAGS_ID | EFLAGS_NT;
	assert_done(RUN(0x9c));
	assert_int_equal(peek32(KERNEL_STACK - 4),
		EFLAGS_FIXED | EFLAGS_IF | EFLAGS_IOPL | EFLAGS_ID | EFLAGS_NT);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 4);
	assert_done(RUN(0x66, 0x9c));
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 6);
}

/* What POPF may change at a level, with this IOPL. */
static u32 popped(unsigned cpl, u32 iopl, u32 value)
{
	enter_level(cpl);
	v.eip = CODE;
	v.eflags = EFLAGS_FIXED | iopl << EFLAGS_IOPL_SHIFT;
	v.gpr[ESP] -= 4;
	poke32(v.gpr[ESP], value);
	assert_done(RUN(0x9d));
	assert_false(v.shadow); /* POPF has none */
	return v.eflags;
}

static void popf_changes_what_its_level_may(void **state)
{
	const u32 user = EFLAGS_ARITH | EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_AC | EFLAGS_ID;

	assert_int_equal(popped(0, 0, ~0u), EFLAGS_FIXED | user | EFLAGS_IF | EFLAGS_IOPL);
	assert_int_equal(popped(3, 0, ~0u), EFLAGS_FIXED | user);
	assert_int_equal(popped(3, 3, ~0u), EFLAGS_FIXED | user | EFLAGS_IOPL | EFLAGS_IF);
	assert_int_equal(popped(3, 3, 0), EFLAGS_FIXED | EFLAGS_IOPL);
	assert_int_equal(popped(0, 3, 0), EFLAGS_FIXED);
	enter_level(0);
	v.eflags = EFLAGS_FIXED | EFLAGS_AC;
	assert_done(RUN(0x66, 0x9d)); /* 16 bits of zeros */
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_AC);
}

/* --- the vcpu itself -------------------------------------------------------------------------- */

static void ring_3_never_holds_the_virtual_if_and_iopl(void **state)
{
	v.eflags = EFLAGS_FIXED | EFLAGS_IOPL | EFLAGS_TF | EFLAGS_RF | EFLAGS_VM | EFLAGS_VIF;
	assert_int_equal(vcpu_real_eflags(&v), EFLAGS_FIXED | EFLAGS_IF | EFLAGS_TF | EFLAGS_RF);
	vcpu_set_user_eflags(&v, EFLAGS_FIXED | EFLAGS_IF | EFLAGS_CF | EFLAGS_NT);
	assert_int_equal(v.eflags,
		EFLAGS_FIXED | EFLAGS_IOPL | EFLAGS_VM | EFLAGS_VIF | EFLAGS_CF | EFLAGS_NT);
}

static void a_machine_starts_as_multiboot_says(void **state)
{
	vcpu_reset(&v, &mem);
	assert_int_equal(v.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(v.eflags & (EFLAGS_IF | EFLAGS_VM), 0);
	assert_int_equal(v.cpl, 0);
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		assert_int_equal(v.seg[i].base, 0);
		assert_int_equal(v.seg[i].limit, FLAT);
		assert_int_equal(segment_is_code(&v.seg[i]), i == CS);
		assert_int_equal(segment_is_writable(&v.seg[i]), i != CS);
	}
	assert_int_equal(v.fpu.image[0] | v.fpu.image[1] << 8, 0x37f);
	assert_int_equal(v.fpu.image[24] | v.fpu.image[25] << 8, 0x1f80);
	assert_false(vcpu_interruptible(&v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(ring_3_runs_no_privileged_instruction),
		guest_test(the_interrupt_flag_is_tied_to_iopl),
		guest_test(sti_holds_interrupts_off_for_one_instruction),
		guest_test(the_resume_flag_is_used_up),
		guest_test(lock_makes_them_undefined),
		guest_test(in_asks_and_then_fills_its_part_of_eax),
		guest_test(out_shows_its_part_of_eax),
		guest_test(the_io_map_decides_where_iopl_does_not),
		guest_test(the_io_map_ends_with_the_tss),
		guest_test(the_io_map_may_fault),
		guest_test(lgdt_and_lidt_take_limit_and_base),
		guest_test(a_table_register_changes_whole_or_not_at_all),
		guest_test(sgdt_and_sidt_store_six_bytes),
		guest_test(sgdt_faults_at_its_first_byte),
		guest_test(lldt_takes_an_ldt_of_the_gdt),
		guest_test(ltr_marks_its_task_busy),
		guest_test(umip_hides_tables_and_machine_status_from_ring_3),
		guest_test(mov_from_cr),
		guest_test(mov_to_cr),
		guest_test(the_machine_status_word),
		guest_test(invlpg_names_a_linear_address),
		guest_test(debug_registers_read_back),
		guest_test(general_detect_guards_the_debug_registers),
		guest_test(the_time_stamp_is_clock_and_offset),
		guest_test(tsd_closes_the_clock_to_ring_3),
		guest_test(cpuid_is_a_table),
		guest_test(pushf_shows_the_virtual_flags),
		guest_test(popf_changes_what_its_level_may),
		guest_test(ring_3_never_holds_the_virtual_if_and_iopl),
		guest_test(a_machine_starts_as_multiboot_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
