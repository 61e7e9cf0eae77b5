/* Exceptions: of a program, at worst its end; of the kernel, a mistake in the kernel. */
#include "os.h"

#include "insn.h"
#include "machine.h"

#define EXCEPTIONS 32

static const char *const names[EXCEPTIONS] = {
	[VECTOR_DE] = "divide error",
	[VECTOR_UD] = "undefined instruction",
	[VECTOR_NM] = "no FPU",
	[VECTOR_SS] = "stack fault",
	[VECTOR_GP] = "general protection",
	[VECTOR_PF] = "page fault",
};

static void describe(const struct frame *f)
{
	const char *name = names[f->vector];

	print("%s (#%u, error %x) at %08x", name ? name : "exception", f->vector, f->error, f->eip);
	if (f->vector == VECTOR_PF)
		print(", address %08x", cr2_get());
	if (!ram_frames_free())
		print(", no memory is left");
	print("\n");
}

static void on_fault(struct frame *f)
{
	if (!frame_from_user(f)) {
		print("tinyos: panic: ");
		describe(f);
		machine_end(1);
	}
	print("tinyos: process %u (%s) is ended: ", current->pid, current->command);
	describe(f);
	process_end(current, STATUS_KILLED);
}

/* A page that is not there yet is no mistake; a page that is there and was refused is one. */
static void on_page_fault(struct frame *f)
{
	static bool first = true;

	if (!frame_from_user(f) || f->error & PF_PRESENT ||
		!space_touch(current, cr2_get(), f->error & PF_WRITE)) {
		on_fault(f);
	} else if (first) {
		first = false;
		print("[ok] processes: number %u is in user mode, its first page came on demand\n",
			current->pid);
	}
}

void fault_init(void)
{
	for (u32 vector = 0; vector < EXCEPTIONS; vector++)
		trap_set(vector, on_fault);
	trap_set(VECTOR_PF, on_page_fault);
}
