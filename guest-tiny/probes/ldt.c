/*
 * Local descriptor tables: code, data and stack from them, in the kernel and in user programs; their
 * limits to the byte; another table while segments of the last are loaded; tables that move (SDM 3A
 * 3.5, 5.2). What is loaded stays, what is loaded anew is asked of the table that LLDT named last.
 */
#include "page.h"
#include "probe.h"

#define LDT_A   0x30 /* system segments of the GDT */
#define LDT_B   0x38
#define CODE    0x0c /* entries of the LDT: a kernel's */
#define DATA    0x14
#define STACK   0x1c
#define U_CODE  0x27 /* and a user's */
#define U_DATA  0x2f
#define STACK_0 0x3c
#define LAST    0x47

/* An LDT may lie anywhere: this one begins in one page and ends in the next. */
#define PLACE   (PAGE_SIZE - 24)
#define ENTRIES 9
#define HIGH    0x00c00000 /* where it is mapped for the last test */

static u8 memory[2][2 * PAGE_SIZE] PAGE_ALONE;
static struct descriptor *const table_a = (void *)(memory[0] + PLACE);
static struct descriptor *const table_b = (void *)(memory[1] + PLACE);

extern u32 ldt_words[8], selector;
u32 ldt_words[8], selector;

SNIPPET(load, VALUE "movl selector, %ecx; movl %ecx, %fs; movl %fs:0, %eax");
SNIPPET(read, "movl %fs:0, %eax");
SNIPPET(jump, VALUE "ljmp $0x0c, $1f - 0x1000; 1: incl %eax; int $0x41; incl %eax; movl %cr0, %ecx;"
		    "inb $0x21, %al; movb $0x77, %al; lcall $0x0c, $2f - 0x1000; ljmp $0x08, $3f;"
		    "2: lret; 3:");
/* The handlers take the stack for flat, so that there is no interrupt here, but with STACK_0. */
SNIPPET(stack,
	VALUE "movl %esp, %edx; subl $0x2000, %esp; movl $0x1c, %ecx; movl %ecx, %ss; pushl %eax;"
	      "call 1f; popl %eax; movl $0x10, %ecx; movl %ecx, %ss; movl %edx, %esp; jmp 2f;"
	      "1: movl %cr0, %ecx; inb $0x21, %al; ret; 2:");
SNIPPET(flat_stack, VALUE "movl $0x3c, %ecx; movl %ecx, %ss; pushl %eax; int $0x41; incl %eax;"
			  "popl %ecx; movl $0x10, %ecx; movl %ecx, %ss");
SNIPPET(jump_there, VALUE "ljmp $0x0c, $1f - 0x1000; 1: ljmp $8, $2f; 2:");
SNIPPET(user_code,
	VALUE "ljmp $0x27, $1f - 0x1000; 1: incl %eax; pushl %eax; movl $1, %eax; int $0x80;"
	      "popl %eax; ljmp $0x1b, $2f; 2:");
SNIPPET(user_data,
	"movl $0x2f, %ecx; movl %ecx, %ds; movl %ecx, %gs; movl 0, %eax; incl %gs:4;"
	"pushl %eax; movl $1, %eax; int $0x80; popl %eax; addl 4, %eax; movl $0x23, %ecx;"
	"movl %ecx, %ds; movl %gs, %ecx; addl %ecx, %eax");
SNIPPET(user_kernels, VALUE "movl $0x14, %ecx; movl %ecx, %fs");

static u32 handled;

static void on_int(struct frame *f)
{
	handled = handled * 16 + f->cs;
}

static void on_call(struct frame *f)
{
	handled = handled * 16 + f->cs;
}

static void fill(struct descriptor *table, u32 data)
{
	table[CODE / 8] = descriptor_make(0x1000, ~0u, ATTR_KERNEL_CODE);
	table[DATA / 8] = descriptor_make(data, ~0u, ATTR_KERNEL_DATA);
	table[STACK / 8] = descriptor_make(0x2000, ~0u, ATTR_KERNEL_DATA);
	table[U_CODE / 8] = descriptor_make(0x1000, ~0u, ATTR_USER_CODE);
	table[U_DATA / 8] = descriptor_make(data, ~0u, ATTR_USER_DATA);
	table[STACK_0 / 8] = descriptor_make(0, ~0u, ATTR_KERNEL_DATA);
	table[LAST / 8] = descriptor_make(data, ~0u, ATTR_USER_DATA);
}

static void use(u16 slot, struct descriptor *table, u32 bytes)
{
	segment_set(slot, (u32)table, bytes - 1, ATTR_P | TYPE_LDT);
	lldt(slot);
}

static void try_load(const char *what, u16 which)
{
	selector = which;
	try_kernel(what, load);
}

static void leave(void)
{
	asm volatile("movl %0, %%fs; movl %0, %%gs" : : "r"(KERNEL_DATA));
}

static void try_segments(void)
{
	use(LDT_A, table_a, ENTRIES * 8);
	try_load("data", DATA);
	try_kernel("code", jump);
	print("handled: %x\n", handled);
	try_kernel("stack", stack);
	handled = 0;
	try_kernel("flat stack", flat_stack);
	print("handled: %x\n", handled);
	print("accessed: %u\n", descriptor_attr(table_a[STACK / 8]) & ATTR_ACCESSED);
	guard_set_syscall(on_call);
	handled = 0;
	try_user("user code", user_code);
	print("handled: %x\n", handled);
	try_user("user data", user_data);
	try_user("the kernel's", user_kernels);
	leave();
}

/* An entry counts if its last byte lies within the limit. */
static void try_limits(void)
{
	static const u32 limits[] = {
		ENTRIES * 8, ENTRIES * 8 - 1, LAST - 7 + 1, LAST - 7, 32, 16, 8, 1};

	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		use(LDT_A, table_a, limits[i]);
		print("limit %u\n", limits[i] - 1);
		try_load(" last", LAST);
		try_load(" data", DATA);
		try_load(" null's neighbour", SELECTOR_TI);
		try_load(" far beyond", 0xfffc);
		try_kernel(" code", jump_there);
	}
	lldt(0);
	try_load("no table", DATA);
	try_kernel("no table, code", jump_there);
	try_user("no table, user", user_code);
	leave();
}

/* LDTR keeps what LLDT has read; segments keep what they have read. */
static void try_changes(void)
{
	use(LDT_A, table_a, ENTRIES * 8);
	try_load("from a", DATA);
	use(LDT_B, table_b, ENTRIES * 8);
	try_kernel("still a's", read);
	try_kernel("loaded again: b's", load);
	lldt(LDT_A);
	try_kernel("still b's", read);
	segment_set(LDT_A, 0, 0, 0);
	try_load("its descriptor gone", DATA);
	table_a[DATA / 8] = descriptor_make((u32)&ldt_words[2], ~0u, ATTR_KERNEL_DATA);
	try_kernel("an entry written", read);
	try_kernel("and loaded", load);
	table_a[DATA / 8].high &= ~(ATTR_P << 8);
	try_load("not present", DATA);
	try_kernel("but still", read);
	lldt(0);
	try_kernel("after lldt 0", read);
	try_kernel("loaded again", load);
	leave();
	fill(table_a, (u32)&ldt_words[0]);
}

/* The table's second page is taken away, and comes back as another. */
static void try_paging(void)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_map(directory, HIGH, (u32)memory[0], PTE_W);
	page_map(directory, HIGH + PAGE_SIZE, (u32)memory[0] + PAGE_SIZE, PTE_W);
	page_on(directory);
	use(LDT_A, (void *)(HIGH + PLACE), ENTRIES * 8);
	try_load("mapped", U_DATA);
	*page_entry(directory, HIGH + PAGE_SIZE) = 0;
	invlpg((void *)(HIGH + PAGE_SIZE));
	try_kernel("still", read);
	try_load("half of it gone", U_DATA);
	try_load("the other half", DATA);
	page_map(directory, HIGH + PAGE_SIZE, (u32)memory[1] + PAGE_SIZE, PTE_W);
	invlpg((void *)(HIGH + PAGE_SIZE));
	try_load("another", U_DATA);
	page_map(directory, HIGH + PAGE_SIZE, (u32)memory[0] + PAGE_SIZE, PTE_W);
	cr3_set(cr3_get());
	try_load("back", U_DATA);
	try_user("user code", user_code);
	leave();
}

PROBE(ldt)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ldt_words); i++)
		ldt_words[i] = secret(i);
	fill(table_a, (u32)&ldt_words[0]);
	fill(table_b, (u32)&ldt_words[1]);
	trap_set(0x41, on_int);
	try_segments();
	try_limits();
	try_changes();
	try_paging();
}
