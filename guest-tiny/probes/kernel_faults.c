/*
 * Every kind of access, by pointers that will not do, in the kernel and in a user program: vector,
 * error code, CR2 and the saved frame, and that nothing else has changed: an instruction that faults
 * leaves all registers, flags and memory as it found them (SDM 3A 6.6), and a string instruction
 * those of the repetition that it did not begin.
 *
 *   0x00800000  nothing    0x00900000  a page that is read-only, nothing behind it
 *   0x00a00000  a page, nothing behind it    0x00b00000  another, for the kernel alone
 */
#include "page.h"
#include "probe/known.h"

#define HOLE      0x00800000
#define READ_ONLY 0x00900000
#define PAGE      0x00a00000
#define KERNELS   0x00b00000
#define BEHIND    (PAGE + PAGE_SIZE)
#define CROSSING  (BEHIND - 2)

/* One access each, at EBX; X(name, instruction). */
#define ACCESSES(X)                                       \
	X(read, "movl (%ebx), %ecx")                      \
	X(write, "movl %eax, (%ebx)")                     \
	X(write_immediate, "movl $5, (%ebx)")             \
	X(modify, "addl %ecx, (%ebx)")                    \
	X(compare, "cmpl %ecx, (%ebx)")                   \
	X(increment, "incl (%ebx)")                       \
	X(negate, "negl (%ebx)")                          \
	X(shift, "shll %cl, (%ebx)")                      \
	X(rotate, "rorl $5, (%ebx)")                      \
	X(shift_double, "shldl $4, %eax, (%ebx)")         \
	X(exchange, "xchgl %eax, (%ebx)")                 \
	X(exchange_add, "lock xaddl %eax, (%ebx)")        \
	X(exchange_if, "cmpxchgl %ecx, (%ebx)")           \
	X(exchange_if_8, "cmpxchg8b (%ebx)")              \
	X(bit_set, "btsl $3, (%ebx)")                     \
	X(bit_far, "btcl %edx, -124(%ebx)")               \
	X(bit_scan, "bsfl (%ebx), %ecx")                  \
	X(set, "setc 3(%ebx)")                            \
	X(extend, "movzwl 1(%ebx), %ecx")                 \
	X(move_if_not, "cmovncl (%ebx), %ecx")            \
	X(multiply, "mull (%ebx)")                        \
	X(multiply_3, "imull $3, (%ebx), %ecx")           \
	X(divide, "divl (%ebx)")                          \
	X(bound, "bound %ecx, (%ebx)")                    \
	X(push, "pushl (%ebx)")                           \
	X(pop, "pushl %ecx; popl (%ebx)")                 \
	X(pop_by_esp, "popl -4(%esp); movl (%ebx), %ecx") \
	X(translate, "xlatb")                             \
	X(load_string, "lodsl")                           \
	X(store_string, "stosl")                          \
	X(move_string, "movsl")                           \
	X(compare_string, "cmpsl")                        \
	X(scan_string, "scasl")                           \
	X(call_by_it, "movl $1, %ecx; call *(%ebx)")      \
	X(jump_by_it, "jmp *(%ebx)")                      \
	X(load_fpu, "fldl (%ebx)")                        \
	X(store_fpu, "fnstcw 2(%ebx)")                    \
	X(address_only, "leal 5(%ebx), %ecx")

/* Those which only the kernel may do. */
#define PRIVILEGED(X)                    \
	X(far_jump, "ljmp *(%ebx)")      \
	X(far_call, "lcall *(%ebx)")     \
	X(load_fs, "movw (%ebx), %fs")   \
	X(store_fs, "movw %fs, 3(%ebx)") \
	X(load_lfs, "lfs (%ebx), %ecx")  \
	X(pop_fs, "pushl $0; popl %fs")  \
	X(verify, "verr 3(%ebx)")        \
	X(rights, "larl 3(%ebx), %ecx")  \
	X(limit, "lsll 3(%ebx), %ecx")   \
	X(store_ldt, "sldt 3(%ebx)")     \
	X(store_task, "str 3(%ebx)")     \
	X(store_status, "smsw 3(%ebx)")  \
	X(load_ldt, "lldt 3(%ebx)")      \
	X(in_string, "insb")             \
	X(out_string, "outsb")           \
	X(forget, "invlpg (%ebx)")

/* These store six bytes, and who writes which of them before the fault is not said. */
#define TABLES(X)                   \
	X(store_gdt, "sgdt (%ebx)") \
	X(store_idt, "sidt (%ebx)") \
	X(load_gdt, "lgdt (%ebx)")  \
	X(load_idt, "lidt (%ebx)")

#define DEFINE(name, code) KNOWN(name, code);
ACCESSES(DEFINE)
PRIVILEGED(DEFINE)
TABLES(DEFINE)

struct access {
	const char *name;
	u32 (*code)(void);
};

/* Lists; an entry without a name is the end. */
#define ENTRY(name, code) {#name, name},
static const struct access accesses[] = {ACCESSES(ENTRY){0}};
static const struct access privileged[] = {PRIVILEGED(ENTRY){0}};
static const struct access tables[] = {TABLES(ENTRY){0}};

SNIPPET(landed, "int $0x41");

static u32 *page;

static void fill(void)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		page[i] = (u32)landed;
}

static void show_memory(void)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (page[i] != (u32)landed)
			print("  memory +%x %08x\n", i * 4, page[i]);
	fill();
}

static void try_all(const char *what, const struct access *list, u32 pointer, bool user)
{
	print("%s\n", what);
	known_pointer = pointer;
	for (; list->name; list++) {
		if (user)
			known_user(list->name, list->code);
		else
			known_kernel(list->name, list->code);
		show_memory();
	}
}

static void try_kernel_pointers(void)
{
	try_all("a hole", accesses, HOLE, false);
	try_all("a hole", privileged, HOLE, false);
	try_all("a hole", tables, HOLE, false);
	try_all("into a hole", accesses, CROSSING, false);
	try_all("into a hole", privileged, CROSSING, false);
	try_all("read-only", accesses, READ_ONLY + 8, false);
	cr0_set(cr0_get() & ~CR0_WP);
	try_all("read-only without wp", accesses, READ_ONLY + 8, false);
	cr0_set(cr0_get() | CR0_WP);
}

PROBE(kernel_faults)
{
	u32 *directory = page_alloc();

	page = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_map(directory, READ_ONLY, (u32)page, PTE_U);
	page_map(directory, PAGE, (u32)page, PTE_W | PTE_U);
	page_map(directory, KERNELS, (u32)page, PTE_W);
	fill();
	clts();
	lldt(0); /* at reset the LDT is all of low memory */
	known_init();
	page_on(directory);
	try_kernel_pointers();
	try_all("user, a hole", accesses, HOLE, true);
	try_all("user, into a hole", accesses, CROSSING, true);
	try_all("user, read-only", accesses, READ_ONLY + 8, true);
	try_all("user, the kernel's", accesses, KERNELS + 8, true);
}
