/* The virtual CPU as a data structure: its first state, its flags, its pending event. */
#include "cpu/vcpu.h"

#include "base/string.h"

struct paging vcpu_paging(const struct vcpu *v)
{
	return (struct paging){
		.on = v->cr0 & CR0_PG,
		.wp = v->cr0 & CR0_WP,
		.pse = v->cr4 & CR4_PSE,
		.pge = v->cr4 & CR4_PGE,
		.cr3 = v->cr3,
	};
}

/* FXSAVE's image after FNINIT and with the reset value of MXCSR (SDM 1 8.1.5, 10.2.3). */
static void reset_fpu(struct fpu_state *fpu)
{
	memset(fpu, 0, sizeof *fpu);
	fpu->image[0] = 0x7f; /* control word 037f */
	fpu->image[1] = 0x03;
	fpu->image[24] = 0x80; /* MXCSR 1f80 */
	fpu->image[25] = 0x1f;
}

void vcpu_reset(struct vcpu *v, struct gmem *mem)
{
	const struct segment code = {
		.selector = 0x08,
		.limit = ~0u,
		.attr = ATTR_G | ATTR_DB | ATTR_P | ATTR_S | ATTR_CODE | ATTR_READABLE |
			ATTR_ACCESSED,
	};
	const struct segment data = {
		.selector = 0x10,
		.limit = ~0u,
		.attr = ATTR_G | ATTR_DB | ATTR_P | ATTR_S | ATTR_WRITABLE | ATTR_ACCESSED,
	};

	memset(v, 0, sizeof *v);
	for (unsigned i = 0; i < SREG_COUNT; i++)
		v->seg[i] = i == CS ? code : data;
	v->eflags = EFLAGS_FIXED;
	v->cr0 = CR0_PE | CR0_ET;
	v->idtr.limit = 0xffff; /* SDM 3A table 9-1, as are the debug registers */
	v->gdtr.limit = 0xffff;
	/*
	 * Not the limit of 64 KiB that a reset leaves: no kernel uses an LDT that it has not loaded, and
	 * the shadow of one so large would be looked through at every LGDT, CR3 load and INVLPG.
	 */
	v->ldtr = (struct segment){0};
	v->tr = (struct segment){.limit = 0xffff, .attr = ATTR_P | TYPE_TSS32_BUSY};
	v->dr[6] = DR6_FIXED;
	v->dr[7] = DR7_FIXED;
	reset_fpu(&v->fpu);
	v->mem = mem;
}

void vcpu_raise(struct vcpu *v, enum vector vector, u32 error)
{
	v->event = (struct event){
		.kind = EVENT_EXCEPTION,
		.vector = vector,
		.has_error = vector < 32 && (VECTORS_WITH_ERROR & 1u << vector),
		.error = error,
	};
}

void vcpu_raise_page(struct vcpu *v, gva_t address, u32 error)
{
	v->cr2 = address.v;
	vcpu_raise(v, VECTOR_PF, error);
}

bool vcpu_interruptible(const struct vcpu *v)
{
	return (v->eflags & EFLAGS_IF) && !v->shadow && v->event.kind == EVENT_NONE;
}
