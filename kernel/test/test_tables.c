/* The table registers: GDTR, IDTR, LDTR and TR, loaded and stored (SDM 2A, SDM 3A 2.4). */
#include "test/guest.h"

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
	v.gpr[EAX] = OUTSIDE;
	assert_fault(RUN(0x0f, 0x00, 0xd0), VECTOR_GP, OUTSIDE);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(lgdt_and_lidt_take_limit_and_base),
		guest_test(a_table_register_changes_whole_or_not_at_all),
		guest_test(sgdt_and_sidt_store_six_bytes),
		guest_test(sgdt_faults_at_its_first_byte),
		guest_test(lldt_takes_an_ldt_of_the_gdt),
		guest_test(ltr_marks_its_task_busy),
		guest_test(umip_hides_tables_and_machine_status_from_ring_3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
