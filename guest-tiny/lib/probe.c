/* How probes speak. */
#include "probe.h"

#include "base/string.h"

/*
 * The finalizer of MurmurHash3 (Austin Appleby, public domain): every input bit reaches every
 * output bit.
 */
u32 secret(u32 n)
{
	u32 h = SECRET ^ n * 0x9e3779b9u;

	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

void probe_end(const char *name)
{
	u32 hash = 0;

	for (const char *c = name; *c; c++)
		hash = secret(hash + (u8)*c);
	print("end: %s %08x\n", name, hash);
	machine_end(0);
}

u32 probe_option(const struct multiboot_info *info, const char *name, u32 otherwise)
{
	const char *c = info->flags & MULTIBOOT_INFO_CMDLINE ? (const char *)info->cmdline : "";
	size_t length = strlen(name);
	u32 value = 0;

	while (*c && (strncmp(c, name, length) || c[length] != '='))
		c++;
	if (!*c)
		return otherwise;
	for (c += length + 1; *c >= '0' && *c <= '9'; c++)
		value = value * 10 + (*c - '0');
	return value;
}

void report(const char *what, u32 (*code)(void), const struct outcome *o)
{
	const struct frame *f = &o->frame;

	if (!o->trapped) {
		print("%s: returned %08x\n", what, o->value);
		return;
	}
	print("%s: vector %u error %x eip +%d cs %x flags %x eax %08x", what, f->vector, f->error,
		(s32)(f->eip - (u32)code), f->cs, f->eflags & FLAGS_SHOWN, f->eax);
	if (f->vector == VECTOR_PF)
		print(" cr2 %08x", o->cr2);
	if (frame_from_user(f))
		print(" ss %x esp %d", f->ss, (s32)(f->esp - (u32)user_stack - PAGE_SIZE));
	print("\n");
}

struct outcome try_kernel(const char *what, u32 (*code)(void))
{
	struct outcome o = guard_kernel(code);

	report(what, code, &o);
	return o;
}

struct outcome try_user(const char *what, u32 (*code)(void))
{
	struct outcome o = guard_user(code);

	report(what, code, &o);
	return o;
}
