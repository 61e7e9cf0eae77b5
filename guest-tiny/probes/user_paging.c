/*
 * User mode under paging: what is the supervisor's stays out of its reach, also after the kernel has
 * just used it. The image is the supervisor's; user code is copied to a page of its own.
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define USER_CODE_PAGE 0x00a00000
#define USER_DATA_PAGE 0x00a01000
#define NOWHERE        0x00a02000
#define CALL_KERNEL    1

/*
 * Position-independent; they end with the system call that takes EBX home. The address is in page
 * USER_DATA_PAGE.
 */
SNIPPET(peek, "movl 0xa01000, %ecx; movl (%ecx), %ebx; xorl %eax, %eax; int $0x80");
SNIPPET(poke, "movl 0xa01000, %ecx; movl $" SECRET_TEXT ", %eax; movl %eax, (%ecx);"
	      "movl (%ecx), %ebx; xorl %eax, %eax; int $0x80");
SNIPPET(jump, "jmp *0xa01000");
SNIPPET(ask, "movl 0xa01000, %ecx; movl $1, %eax; int $0x80; movl (%ecx), %ebx; "
	     "xorl %eax, %eax; int $0x80");

static u32 *code_page, *data_page, *kernel_page;

/* The kernel touches its own page in the middle of a user's work. */
static void on_call(struct frame *f)
{
	*(volatile u32 *)kernel_page += 1;
}

static void try_at(const char *what, u32 (*snippet)(void), u32 address)
{
	struct outcome o;

	memcpy(code_page, snippet, 64);
	data_page[0] = address;
	*(volatile u32 *)kernel_page += 1;
	o = guard_user((u32(*)(void))USER_CODE_PAGE);
	if (!o.trapped)
		print("%s: %08x\n", what, o.value);
	else
		print("%s: vector %u error %x cr2 %d eip %d\n", what, o.frame.vector, o.frame.error,
			(s32)(o.cr2 - address), (s32)(o.frame.eip - USER_CODE_PAGE));
}

static void try_all(const char *what)
{
	print("%s\n", what);
	try_at(" read own", peek, USER_DATA_PAGE + 8);
	try_at(" write own", poke, USER_DATA_PAGE + 12);
	try_at(" read code", peek, USER_CODE_PAGE + 4);
	try_at(" write code", poke, USER_CODE_PAGE + 60);
	try_at(" read kernel", peek, (u32)kernel_page);
	try_at(" write kernel", poke, (u32)kernel_page);
	try_at(" read after a call", ask, (u32)kernel_page);
	try_at(" read nowhere", peek, NOWHERE);
	try_at(" write nowhere", poke, NOWHERE + 8);
	try_at(" jump to kernel", jump, (u32)peek);
	try_at(" jump nowhere", jump, NOWHERE);
}

PROBE(user_paging)
{
	u32 *directory = page_alloc();

	code_page = page_alloc();
	data_page = page_alloc();
	kernel_page = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W);
	*page_entry(directory, (u32)user_stack) |= PTE_U;
	page_map(directory, USER_CODE_PAGE, (u32)code_page, PTE_U);
	page_map(directory, USER_DATA_PAGE, (u32)data_page, PTE_U | PTE_W);
	guard_set_syscall(on_call);
	*kernel_page = secret(1);
	data_page[2] = secret(2);
	page_on(directory);
	PROBE_STOP(1);
	try_all("first");
	try_all("again");
	print("kernel's page: %d\n", *kernel_page - secret(1));
	/* CR0.WP binds the kernel, never the user. */
	cr0_set(cr0_get() & ~CR0_WP);
	*(volatile u32 *)(USER_CODE_PAGE + 128) = secret(3);
	print("kernel wrote: %08x\n", code_page[32]);
	try_at("write code without wp", poke, USER_CODE_PAGE + 60);
}
