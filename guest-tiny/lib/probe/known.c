/* Says what a piece of code has changed of the registers that it began with. */
#include "probe/known.h"

u32 known_pointer, known_esp;

void known_init(void)
{
	trap_gate(KNOWN_DONE, TYPE_INTERRUPT_GATE32, 3);
}

/* As the distance from where it is expected, if that is small, else as it is. */
static void show_address(const char *what, u32 is, u32 expected)
{
	s32 distance = is - expected;

	if (distance > -128 && distance < 128)
		print(" %s %s%d", what, distance < 0 ? "" : "+", distance);
	else
		print(" %s %08x", what, is);
}

static void show_if(const char *what, u32 is, u32 was)
{
	if (is != was)
		print(" %s %08x", what, is);
}

static void show_registers(const struct outcome *o)
{
	const struct frame *f = &o->frame;
	u32 esp = frame_from_user(f) ? f->esp : o->frame_at + offsetof(struct frame, esp);

	show_if("eax", f->eax, SECRET);
	show_if("ecx", f->ecx, KNOWN_ECX);
	show_if("edx", f->edx, KNOWN_EDX);
	show_if("ebx", f->ebx, known_pointer);
	show_if("esi", f->esi, known_pointer);
	show_if("edi", f->edi, known_pointer);
	show_if("ebp", f->ebp, KNOWN_EBP);
	if (esp != known_esp)
		show_address("esp", esp, known_esp);
}

static void show(const char *what, u32 (*code)(void), const struct outcome *o)
{
	const struct frame *f = &o->frame;

	if (f->vector == KNOWN_DONE) {
		print("%s: done", what);
	} else {
		print("%s: vector %u error %x", what, f->vector, f->error);
		show_address("eip", f->eip, (u32)code);
		print(" cs %x", f->cs);
	}
	print(" flags %x", f->eflags & (EFLAGS_ARITH | EFLAGS_DF | FLAGS_SHOWN));
	if (f->vector == VECTOR_PF)
		print(" cr2 %08x", o->cr2);
	show_registers(o);
	print("\n");
}

struct outcome known_kernel(const char *what, u32 (*code)(void))
{
	struct outcome o = guard_kernel(code);

	show(what, code, &o);
	return o;
}

struct outcome known_user(const char *what, u32 (*code)(void))
{
	struct outcome o = guard_user(code);

	show(what, code, &o);
	return o;
}
