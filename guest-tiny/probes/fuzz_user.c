/*
 * Bytes of chance, executed in user mode behind page tables, again and again: what becomes of them
 * (vector, error code, address, registers) must be the same everywhere. Hostile too, but contained
 * by this guest's own kernel.
 *
 * verbose=1: say each, to find the one that is not.
 *
 *   0x00a00000  the code, 48 bytes of chance, then INT3      0x00a01000  its stack and data
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define CODE  0x00a00000
#define DATA  0x00a01000
#define BYTES 48
#define INT3  0xcc
#define LINES 40
#define TRIES 50

static u32 hash, late, verbose;

static void mix(u32 value)
{
	hash = ((hash << 7 | hash >> 25) ^ value) * 0x9e3779b1u;
}

/*
 * Chance makes endless loops too: each try has its own time, and what is left of the last one's is
 * let pass.
 */
static void start_clock(void)
{
	pit_once(20000);
	sti();
	asm volatile("nop; nop");
	cli();
}

static void on_timer(struct frame *f)
{
	irq_eoi(IRQ_TIMER);
	if (!frame_from_user(f))
		return;
	late++;
	guard_leave(0);
}

/*
 * QEMU's TCG reads the stack of RETF and IRET as the kernel would, enters virtual-8086 mode from
 * user mode (user_vm86.c), and has an order of faults of its own for LOCK.
 */
static bool unlike_the_manual(u8 opcode)
{
	return opcode == 0xca || opcode == 0xcb || opcode == 0xcf || opcode == 0xf0;
}

static void prepare(u8 *code, u32 *data, u32 n)
{
	memset(code, INT3, PAGE_SIZE);
	for (u32 i = 0; i < BYTES / 4; i++)
		((u32 *)code)[i] = secret(n * 64 + i);
	for (u32 i = 0; i < BYTES; i++)
		if (unlike_the_manual(code[i]))
			code[i] = INT3;
	for (u32 i = 0; i < PT_ENTRIES; i++)
		data[i] = secret(i);
}

static void judge(const struct outcome *o, const u32 *data)
{
	const struct frame *f = &o->frame;

	if (!o->trapped)
		return;
	if (verbose)
		print("vector %u error %x eip %x cr2 %x eax %x ecx %x esp %x flags %x\n", f->vector,
			f->error, f->eip, o->cr2, f->eax, f->ecx, f->esp, f->eflags);
	mix(f->vector | f->error << 16);
	mix(f->eip);
	mix(f->eax);
	mix(f->ecx);
	mix(f->edx ^ f->ebx);
	mix(f->esp);
	mix(f->eflags & EFLAGS_TF);
	for (u32 i = 0; i < PT_ENTRIES; i++)
		mix(data[i]);
}

PROBE(fuzz_user)
{
	u32 *directory, *code, *data;

	verbose = probe_option(info, "verbose", 0);
	directory = page_alloc();
	code = page_alloc();
	data = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W);
	page_map(directory, CODE, (u32)code, PTE_U | PTE_W);
	page_map(directory, DATA, (u32)data, PTE_U | PTE_W);
	guard_user_esp = DATA + PAGE_SIZE / 2;
	cr4_set(cr4_get() | CR4_TSD); /* no clock in user mode: it would differ */
	cr0_set(cr0_get() |
		CR0_EM); /* and no FPU: its last error's address would be in the state */
	lldt(0);         /* at reset the LDT is all of low memory */
	page_on(directory);
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	guard_user_eflags = EFLAGS_FIXED | EFLAGS_IF;
	for (u32 n = 0; n < LINES * TRIES; n++) {
		struct outcome o;

		prepare((u8 *)code, data, n);
		start_clock();
		o = guard_user((u32(*)(void))CODE);
		judge(&o, data);
		if (n % TRIES == TRIES - 1)
			print("%u: %08x late %u\n", n + 1, hash, late);
	}
}
