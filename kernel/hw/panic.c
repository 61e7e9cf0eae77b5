/* The monitor is wrong: the whole machine stops, with all that helps to find out why. */
#include "hw/panic.h"

#include "base/printf.h"
#include "hw/insn.h"
#include "hw/power.h"
#include "hw/serial.h"
#include "x86/vector.h"

/* Made from the linked image (Makefile): a count, pairs of offsets (function, name), the names. */
extern const u32 symbols[];
extern const u8 image_start[], image_end[], text_end[], boot_stack_end[];
extern const struct tss monitor_tss;

static void say(const char *text)
{
	for (; *text; text++)
		serial_write(SERIAL_CONSOLE, *text);
}

PRINTF_LIKE(1, 2) static void sayf(const char *format, ...)
{
	char line[200];
	va_list args;

	va_start(args, format);
	format_text(line, sizeof line, format, args);
	va_end(args);
	say(line);
}

/*
 * The name of the function that contains `address` and the distance from its start; NULL if there
 * is none.
 */
static const char *symbol_find(u32 address, u32 *offset)
{
	u32 at = address - (u32)image_start, count = symbols[0];
	const u32 *best = NULL;

	if (address < (u32)image_start || address >= (u32)text_end)
		return NULL;
	for (const u32 *s = symbols + 1; count--; s += 2)
		if (s[0] <= at)
			best = s;
	if (!best)
		return NULL;
	*offset = at - best[0];
	return (const char *)symbols + best[1];
}

static void say_address(u32 address)
{
	u32 offset;
	const char *name = symbol_find(address, &offset);

	if (name)
		sayf("cave:   %08x  %s+0x%x\n", address, name, offset);
	else
		sayf("cave:   %08x\n", address);
}

/*
 * Frames are linked by EBP: [ebp] is the caller's, [ebp + 4] the return address. The call itself
 * stands before that; one that never returns may be the last instruction of its function.
 */
static void backtrace(u32 ebp)
{
	say("cave: backtrace:\n");
	for (unsigned depth = 0; depth < 20; depth++) {
		const u32 *frame = (const u32 *)ebp;

		if (ebp < (u32)image_start || ebp >= (u32)image_end || ebp % 4)
			break;
		say_address(frame[1] - 1);
		ebp = frame[0];
	}
}

NORETURN static void stop(u32 ebp)
{
	backtrace(ebp);
	power_off(END_PANIC);
}

NORETURN void panic(const char *format, ...)
{
	char line[200];
	va_list args;

	va_start(args, format);
	format_text(line, sizeof line, format, args);
	va_end(args);
	sayf("\ncave: PANIC: %s\n", line);
	stop((u32)__builtin_frame_address(0));
}

NORETURN void panic_trap(const struct hw_own_frame *f)
{
	sayf("\ncave: PANIC: exception %u in the monitor, error code %x, CR2 %08x\n", f->vector,
		f->error, read_cr2());
	if (f->vector == VECTOR_PF && read_cr2() < PAGE_SIZE)
		sayf("cave: nothing is mapped there: a null pointer?\n");
	sayf("cave: eip %08x  eflags %08x  cr3 %08x\n", f->eip, f->eflags, read_cr3());
	sayf("cave: eax %08x  ebx %08x  ecx %08x  edx %08x\n", f->eax, f->ebx, f->ecx, f->edx);
	sayf("cave: esi %08x  edi %08x  ebp %08x\n", f->esi, f->edi, f->ebp);
	say_address(f->eip);
	stop(f->ebp);
}

/* The processor saved the state of the fault in the TSS that it left (SDM 3A 7.3). */
NORETURN void panic_double_fault(void)
{
	const struct tss *t = &monitor_tss;

	sayf("\ncave: PANIC: double fault in the monitor\n");
	sayf("cave: eip %08x  esp %08x  eflags %08x  cr3 %08x\n", t->eip, t->gpr[4], t->eflags,
		t->cr3);
	say_address(t->eip);
	stop(t->gpr[5]);
}
