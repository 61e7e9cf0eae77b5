/* Tries one selector in every instruction that takes one. Source: SDM 3A 5.6 to 5.8; SDM 2A LAR, LSL. */
#include "probe/selectors.h"

#include "probe.h"

#define NOTHING 0x5a5a5a5a /* what LAR and LSL leave if they say no */

extern u32 selector_tried;
extern struct {
	u32 offset;
	u16 selector;
} __attribute__((packed)) selector_pointer;
u32 selector_tried;
typeof(selector_pointer) selector_pointer;

SNIPPET(selector_lar, "movl selector_tried, %ecx; movl $0x5a5a5a5a, %eax; lar %cx, %eax");
SNIPPET(selector_lsl, "movl selector_tried, %ecx; movl $0x5a5a5a5a, %eax; lsl %cx, %eax");
SNIPPET(selector_verr, "xorl %eax, %eax; verr selector_tried; setz %al");
SNIPPET(selector_verw, "movl selector_tried, %ecx; xorl %eax, %eax; verw %cx; setz %al");

#define LOAD(to)                                                                                  \
	SNIPPET(selector_##to, "movl %" #to ", %edx; movl selector_tried, %ecx; movl %ecx, %" #to \
			       "; movl %edx, %" #to)
LOAD(ds);
LOAD(es);
LOAD(fs);
LOAD(gs);
LOAD(ss);

/*
 * Each lands at selector_back, with what ESP was in EDX, and goes home by a far jump, to code of the
 * kernel or, with RPL 3, of the user, for whom DS must be one that it may have.
 */
SNIPPET(selector_jump, "movl %esp, %edx; movl selector_home, %eax; ljmp *selector_pointer;"
		       ".global selector_back; selector_back: movl %edx, %esp; ljmp *selector_home;"
		       ".global selector_end; selector_end: movl %ss, %eax; movl %eax, %ds");
SNIPPET(selector_call, "movl %esp, %edx; lcall *selector_pointer");
SNIPPET(selector_return,
	"movl %esp, %edx; movl $0x23, %ecx; movl %ecx, %ds; pushl $0x23; pushl $user_stack + 2048;"
	"pushl selector_tried;"
	"pushl $selector_back; lret");
SNIPPET(selector_iret,
	"movl %esp, %edx; movl $0x23, %ecx; movl %ecx, %ds; pushl $0x23; pushl $user_stack + 2048;"
	"pushl $2; pushl selector_tried;"
	"pushl $selector_back; iret");

extern typeof(selector_pointer) selector_home;
typeof(selector_pointer) selector_home;
extern u8 selector_back[], selector_end[];

u16 selectors_make(void)
{
	u16 at = FREE_SELECTOR;

	for (u32 type = 0; type < 16; type += 2) /* data and code, all kinds, none accessed yet */
		for (u32 dpl = 0; dpl < 4; dpl += 3, at += 8)
			segment_set(at, 0, ~0u, ATTR_FLAT | type | dpl << ATTR_DPL_SHIFT);
	segment_set(at, 0, 0xfff, (ATTR_KERNEL_DATA & ~ATTR_G) | ATTR_DPL | ATTR_ACCESSED);
	at += 8;
	segment_set(at, 0, ~0u, (ATTR_KERNEL_DATA & ~ATTR_P) | ATTR_DPL | ATTR_ACCESSED);
	at += 8;
	segment_set(at, 0, ~0u, (ATTR_KERNEL_CODE & ~ATTR_P) | ATTR_DPL | ATTR_ACCESSED);
	return at + 8;
}

static void show_end(const char *what, const struct outcome *o)
{
	if (o->trapped)
		print(" %s %u/%x", what, o->frame.vector, o->frame.error);
	else
		print(" %s+", what);
}

static struct outcome run(u32 (*code)(void), bool user)
{
	struct outcome o = user ? guard_user(code) : guard_kernel(code);

	asm volatile("movl %0, %%fs; movl %0, %%gs" : : "r"(0)); /* they are nobody's */
	return o;
}

/* `but`: bits that are not said. */
static void ask(u32 (*code)(void), const char *what, u32 but, bool user)
{
	u32 value = run(code, user).value;

	if (value == NOTHING)
		print(" %s -", what);
	else
		print(" %s %08x", what, value & ~but);
}

void selectors_try(u16 selector, bool user)
{
	static const struct {
		const char *name;
		u32 (*code)(void);
	} uses[] = {{"ds", selector_ds}, {"es", selector_es}, {"fs", selector_fs},
		{"gs", selector_gs}, {"ss", selector_ss}, {"jmp", selector_jump},
		{"call", selector_call}, {"ret", selector_return}, {"iret", selector_iret}};

	selector_tried = selector;
	selector_pointer.offset = (u32)selector_back;
	selector_pointer.selector = selector;
	selector_home.offset = (u32)selector_end;
	selector_home.selector = user ? USER_CODE : KERNEL_CODE;
	print("%04x:", selector);
	for (unsigned i = 0; i < ARRAY_SIZE(uses); i++) {
		struct outcome o = run(uses[i].code, user);

		show_end(uses[i].name, &o);
	}
	/*
	 * Not LAR's accessed bit, which TCG does not set for CS; and all this is last, because LAR in user mode shows what was never loaded as not present in a shadow table.
	 */
	ask(selector_lar, "lar", ATTR_ACCESSED << 8, user);
	ask(selector_lsl, "lsl", 0, user);
	print(run(selector_verr, user).value ? " r+" : " r-");
	print(run(selector_verw, user).value ? " w+" : " w-");
	print("\n");
}
