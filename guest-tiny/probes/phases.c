/*
 * Interrupts at every instruction of code that traps in direct execution, code that does not, and a
 * user program; with single steps and breakpoints too. Nothing may be seen that cannot be.
 *
 * verbose=1 says at how many different states the code was interrupted.
 */
#include "probe/phases.h"

PHASES(masks, "1: cli; addl %ecx, %eax; sti; rorl $3, %eax; movl %eax, phase_words + 28; cli; sti;"
	      "loop 1b");
PHASES(indirect, "1: movl $phase_leaf, %edx; call *%edx; call *phase_table; jmp *phase_table + 4;"
		 "phase_leaf: incl %eax; ret; phase_back: nop; loop 1b");
PHASES(strings,
	"rep movsb; subl $6, %esi; subl $6, %edi; movl $4, %ecx; repe cmpsb; std; movl $3, %ecx;"
	"rep stosb; cld; movl $2, %ecx; rep lodsb");
PHASES(calls, "1: int $0x40; pushl %ds; popl %es; movl %es, %edx; movl %edx, %fs; movl %cr0, %edx;"
	      "movl %edx, %cr0; pushl %eax; inb $0x21, %al; popl %eax; loop 1b");
USER_PHASES(user, "1: pushl %eax; call 2f; popl %edx; adcl %edx, %eax; int $0x40; loop 1b; jmp 3f;"
		  "2: incl %ebx; ret; 3:");
USER_PHASES(
	user_strings, "rep movsb; subl $6, %esi; subl $6, %edi; movl $4, %ecx; repe cmpsb; nop");

asm(".data; phase_table: .long phase_leaf, phase_back; .text");

/*
 * The idle loop: whatever the time, HLT is where it is interrupted, and it does not sleep when the
 * interrupt has been.
 */
SNIPPET(idle, "cli; 1: cmpb $0, woken; jne 2f; sti; hlt; cli; jmp 1b; 2:");

extern volatile bool woken;
volatile bool woken;
static u32 elsewhere;

static void on_wake(struct frame *f)
{
	irq_eoi(IRQ_TIMER);
	woken = true;
	elsewhere += *(u8 *)(f->eip - 1) != 0xf4;
}

static void try_idle(void)
{
	irq_set(IRQ_TIMER, on_wake);
	for (unsigned n = 0; n < 200; n++) {
		woken = false;
		pit_once(2 + n % 3);
		for (volatile unsigned i = 0; i < n % 64; i++)
			;
		idle();
	}
	print("idle: interrupted elsewhere than at hlt: %u\n", elsewhere);
}

PROBE(phases)
{
	phases_init(probe_option(info, "verbose", 0));
	phases_try("masks", masks, false);
	phases_try("indirect", indirect, false);
	phases_try("strings", strings, false);
	phases_try("calls", calls, false);
	phases_try("user", user, true);
	phases_try("user strings", user_strings, true);
	dr0_set((u32)masks + PHASE_LOOP);
	dr1_set((u32)&phase_words[7]);
	dr7_set(0x00d0000a); /* both on; 0: an instruction, 1: four bytes written */
	phases_try_breakpoints("with breakpoints", masks, 12);
	dr7_set(0);
	try_idle();
}
