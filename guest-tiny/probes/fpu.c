/*
 * The floating-point unit: TS and EM and what they do to x87, MMX and SSE, errors, and two tasks
 * that share it lazily.
 */
#include "probe.h"

extern u32 word;
u32 word = SECRET; /* for the snippets */

struct image {
	u8 bytes[512];
} __attribute__((aligned(16)));

static struct image saved[2];
static unsigned owner, user, switches;

SNIPPET(x87, VALUE "fninit; fildl word; fistpl word; addl word, %eax");
SNIPPET(wait, VALUE "fwait");
SNIPPET(mmx, VALUE "movd %eax, %mm3; paddd %mm3, %mm3; movd %mm3, %eax; emms");
SNIPPET(sse, VALUE "movl $1, %ecx; cvtsi2ss %ecx, %xmm5; addss %xmm5, %xmm5; "
		   "cvtss2si %xmm5, %ecx; addl %ecx, %eax");
SNIPPET(fxsave, VALUE "fxsave saved_image; fxrstor saved_image");
/* One divided by nothing, that error unmasked: it shows at the next instruction that waits. */
SNIPPET(divide, VALUE "fninit; fldcw control_word; fld1; fldz; fdivrp; nop; fwait; nop");
SNIPPET(status, "fnstsw %ax; andl $0xff, %eax");

extern struct image saved_image;
struct image saved_image;
extern u16 control_word;
u16 control_word = 0x37b;

static void set_cr0(u32 set)
{
	cr0_set((cr0_get() & ~(CR0_EM | CR0_MP | CR0_TS)) | set);
}

static void try_flags(const char *what, u32 flags)
{
	print("%s\n", what);
	set_cr0(flags);
	try_kernel(" x87", x87);
	try_kernel(" fwait", wait);
	try_kernel(" mmx", mmx);
	try_kernel(" sse", sse);
	try_kernel(" fxsave", fxsave);
	try_user(" user x87", x87);
	set_cr0(0);
}

/* With CR0.NE an error is #MF. Without it QEMU's TCG stops with an error of its own: strict.c. */
static void try_errors(void)
{
	cr0_set(cr0_get() | CR0_NE);
	try_kernel("divide", divide);
	try_kernel("status", status);
	asm volatile("fnclex");
	try_user("user divide", divide);
	asm volatile("fnclex");
}

/* #NM: the first use of the FPU by a task that does not own it. */
static void on_first_use(struct frame *f)
{
	clts();
	asm volatile("fxsave %0" : "=m"(saved[owner]));
	asm volatile("fxrstor %0" : : "m"(saved[user]));
	owner = user;
	switches++;
}

/* The task's running sum stays on the FPU's stack and in two registers of XMM and MMX. */
static void add(u32 value)
{
	asm volatile("fiaddl %0" : : "m"(value));
	asm volatile("movd %0, %%xmm7; paddd %%xmm7, %%xmm6" : : "r"(value));
}

static void try_lazy(void)
{
	u32 sum, bits;

	asm volatile("fninit; fldz; xorps %xmm6, %xmm6");
	asm volatile("fxsave %0" : "=m"(saved[1]));
	trap_set(VECTOR_NM, on_first_use);
	for (unsigned n = 0; n < 16; n++) {
		user = n >> 1 & 1;
		set_cr0(CR0_TS);
		add(secret(n) >> 8);
	}
	for (user = 0; user < 2; user++) {
		set_cr0(CR0_TS);
		asm volatile("fistpl %0; movd %%xmm6, %1" : "=m"(sum), "=r"(bits));
		print("task %u: %08x %08x\n", user, sum, bits);
	}
	print("switches: %u\n", switches);
	trap_set(VECTOR_NM, NULL);
}

PROBE(fpu)
{
	PROBE_STOP(1);
	try_flags("plain, without osfxsr", 0);
	cr4_set(cr4_get() | CR4_OSFXSR);
	try_flags("plain", 0);
	try_flags("ts", CR0_TS);
	try_flags("ts mp", CR0_TS | CR0_MP);
	try_flags("em", CR0_EM);
	try_errors();
	try_lazy();
}
