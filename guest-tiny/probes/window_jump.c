/*
 * Code at the linear addresses where a monitor may sit: what the guest maps there it can execute, in
 * kernel and in user mode, and what it does not map is #PF.
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define PAGES 3

static const u32 place[PAGES] = {0xe0000000, 0xe0200000, 0xe3fff000};

SNIPPET(plain, VALUE "movl $10, %ecx; 1: leal 3(%eax, %ecx), %eax; loop 1b");
SNIPPET(privileged,
	VALUE "cli; movl %cr0, %ecx; addl %ecx, %eax; inb $0x21, %al; pushl %eax; popl %eax");
SNIPPET(faulting, VALUE "ud2");
SNIPPET(calling,
	VALUE "pushl $0; call 1f; 1: popl %ecx; andl $0xfff, %ecx; addl %ecx, %eax; popl %ecx");

static void try_at(const char *what, u32 (*snippet)(void), u32 address, u8 *page)
{
	u32 (*there)(void) = (u32(*)(void))address;

	memcpy(page + (address & PAGE_MASK), snippet, 64);
	print("at %08x ", address & PTE_FRAME);
	try_kernel(what, there);
	print("at %08x user ", address & PTE_FRAME);
	try_user(what, there);
}

PROBE(window_jump)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	for (unsigned i = 0; i < PAGES; i++) {
		u8 *page = page_alloc();

		page_map(directory, place[i], (u32)page, PTE_W | PTE_U);
	}
	page_on(directory);
	PROBE_STOP(1);
	for (unsigned i = 0; i < PAGES; i++) {
		u8 *page = (u8 *)(*page_entry(directory, place[i]) & PTE_FRAME);
		u32 address = place[i] + (SECRET & 0xf00);

		try_at("plain", plain, address, page);
		try_at("privileged", privileged, address + 64, page);
		try_at("faulting", faulting, address + 128, page);
		try_at("calling", calling, address + 192, page);
	}
	try_kernel("not mapped", (u32(*)(void))(place[0] + PAGE_SIZE));
	try_user("user not mapped", (u32(*)(void))(place[1] - 4));
}
