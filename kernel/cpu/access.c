/*
 * How an emulated instruction reaches memory, as the processor would:
 *
 *   segment:offset --> linear --> one span of physical bytes, or two where a page ends
 *              limit,        guest's      |
 *              type          tables       +-- RAM: copied at once
 *                                         +-- else a device: asked through the vmm, by pieces
 */
#include "cpu/access.h"

#include "base/check.h"
#include "base/string.h"
#include "cpu/alu.h"
#include "cpu/instructions.h"

/* Bytes that lie together in guest-physical memory, within one page. */
struct span {
	gpa_t at;
	unsigned bytes;
	bool ram;
};

/* SDM 3A 5.3. The bytes of an expand-down segment lie above its limit, up to 64 KiB or 4 GiB. */
static bool within_limit(const struct segment *s, u32 offset, unsigned bytes)
{
	u32 last = offset + bytes - 1;

	if (last < offset) /* wraps: the manual leaves it open for a limit of 4 GiB; we refuse */
		return false;
	if ((s->attr & (ATTR_CODE | ATTR_EXPAND)) != ATTR_EXPAND)
		return last <= s->limit;
	return offset > s->limit && (s->attr & ATTR_DB || last <= 0xffff);
}

/* SDM 3A 5.5: types. A null selector leaves a segment that is not present. */
static bool type_allows(const struct segment *s, bool write)
{
	if (!(s->attr & ATTR_P))
		return false;
	if (s->attr & ATTR_CODE)
		return !write && s->attr & ATTR_READABLE;
	return !write || s->attr & ATTR_WRITABLE;
}

/*
 * The segment's part. Most guests use flat segments, base 0 and limit 4 GiB, for which all of this
 * comes out true; but a kernel that sets its first GDT up, or a thread's FS and GS, does not.
 */
enum step access_segment(
	struct vcpu *v, enum sreg seg, u32 offset, unsigned bytes, bool write, gva_t *linear)
{
	const struct segment *s = &v->seg[seg];

	if (!type_allows(s, write) || !within_limit(s, offset, bytes))
		return emulation_fault(v, seg == SS ? VECTOR_SS : VECTOR_GP, 0);
	*linear = gva(s->base + offset);
	return STEP_DONE;
}

/* Words, since most copies are of one to six. The builtin is one instruction, aligned or not. */
static inline void copy(void *target, const void *source, unsigned bytes)
{
	const u8 *from = source;
	u8 *to = target;

	for (; bytes >= 4; bytes -= 4, to += 4, from += 4)
		__builtin_memcpy(to, from, 4);
	for (; bytes; bytes--)
		*to++ = *from++;
}

/* How an access goes: its kind, whose it is, and whether accessed and dirty bits are to be set. */
struct manner {
	enum access access;
	unsigned cpl;
	bool set_ad;
};

/* By the guest's tables; what they say is remembered if it has left its marks there. */
static enum step walk_page(
	struct vcpu *v, gva_t linear, unsigned bytes, struct manner how, struct span *span)
{
	struct paging paging = vcpu_paging(v);
	struct walk walk = mmu_walk(v->mem, &paging, linear, how.access, how.cpl, how.set_ad);

	if (!walk.ok) {
		vcpu_raise_page(v, linear, walk.error);
		return STEP_FAULT;
	}
	if (how.set_ad)
		tlb_enter(&v->tlb, v->mem, &paging, linear, &walk);
	*span = (struct span){walk.gpa, bytes, gmem_is_ram(v->mem, walk.gpa, bytes)};
	return STEP_DONE;
}

/* The span of bytes that all lie in one page. */
static inline enum step translate_page(
	struct vcpu *v, gva_t linear, unsigned bytes, struct manner how, struct span *span)
{
	const struct tlb_entry *e = tlb_find(&v->tlb, linear, how.access, how.cpl);

	if (!e)
		return walk_page(v, linear, bytes, how, span);
	span->at = gpa((e->frame & PTE_FRAME) | (linear.v & PAGE_MASK));
	span->bytes = bytes;
	span->ram = e->at;
	return STEP_DONE;
}

/* Finds the pages of all bytes before any of them is touched. An unused second span has no bytes. */
static enum step translate(
	struct vcpu *v, gva_t linear, unsigned bytes, struct manner how, struct span span[2])
{
	unsigned first = MIN(bytes, PAGE_SIZE - (linear.v & PAGE_MASK));

	span[1] = (struct span){.ram = true};
	TRY(translate_page(v, linear, first, how, &span[0]));
	if (first == bytes)
		return STEP_DONE;
	/* The address space is a ring: after its last page comes page 0. */
	return translate_page(v, gva(linear.v + first), bytes - first, how, &span[1]);
}

/*
 * Puts one question to the vmm, or takes the answer that an earlier attempt has already got. What
 * ADD [device], EAX does, attempt by attempt:
 *
 *   1  read: asked, stops
 *   2  read: answered    sum    write: asked, stops
 *   3  read: answered    sum    write: answered    flags and EIP change
 */
static enum step ask(struct emulation *e, struct exit question, u32 *answer)
{
	if (e->used < e->answers) {
		*answer = e->answer[e->used++];
		return STEP_DONE;
	}
	if (e->answers == EMULATION_ANSWERS)
		return emulation_unsupported(
			e, "one instruction accesses devices more often than is remembered");
	*e->exit = question;
	return STEP_EXIT;
}

/* Bytes of the next piece: devices see aligned bytes, words and doublewords only. */
static unsigned piece(u32 address, unsigned left)
{
	if (left >= 4 && address % 4 == 0)
		return 4;
	return left >= 2 && address % 2 == 0 ? 2 : 1;
}

/* Registers have low bytes first: what the pieces answer is put together as memory would have it. */
static enum step device_read(struct emulation *e, struct span s, u32 *value)
{
	unsigned done = 0;

	for (*value = 0; done < s.bytes;) {
		u32 address = s.at.v + done, part = 0;
		unsigned size = piece(address, s.bytes - done);

		TRY(ask(e, (struct exit){.kind = EXIT_MMIO, .size = size, .address = gpa(address)},
			&part));
		*value |= (part & alu_mask(size)) << 8 * done;
		done += size;
	}
	return STEP_DONE;
}

/* A write is asked too: the device has to take it before the instruction goes on. */
static enum step device_write(struct emulation *e, struct span s, u32 value)
{
	unsigned done = 0;

	while (done < s.bytes) {
		u32 address = s.at.v + done, ignored;
		unsigned size = piece(address, s.bytes - done);
		struct exit question = {.kind = EXIT_MMIO,
			.write = true,
			.size = size,
			.address = gpa(address),
			.value = value >> 8 * done & alu_mask(size)};

		TRY(ask(e, question, &ignored));
		done += size;
	}
	return STEP_DONE;
}

enum step access_read(
	struct vcpu *v, struct emulation *e, enum sreg seg, u32 offset, unsigned size, u32 *value)
{
	struct span span[2];
	gva_t linear;
	u32 got = 0;
	unsigned done = 0;
	const void *bytes;

	TRY(access_segment(v, seg, offset, size, false, &linear));
	bytes = access_known(v, linear, size, ACCESS_READ, v->cpl);
	if (bytes) {
		*value = 0;
		copy(value, bytes, size);
		return STEP_DONE;
	}
	TRY(translate(v, linear, size, (struct manner){ACCESS_READ, v->cpl, true}, span));
	for (unsigned i = 0; i < 2 && span[i].bytes; i++) {
		u32 part = 0;

		if (span[i].ram)
			gmem_read(v->mem, span[i].at, &part, span[i].bytes);
		else
			TRY(device_read(e, span[i], &part));
		got |= part << 8 * done;
		done += span[i].bytes;
	}
	*value = got;
	return STEP_DONE;
}

enum step access_write(
	struct vcpu *v, struct emulation *e, enum sreg seg, u32 offset, unsigned size, u32 value)
{
	struct span span[2];
	gva_t linear;
	void *bytes;

	TRY(access_segment(v, seg, offset, size, true, &linear));
	bytes = access_known(v, linear, size, ACCESS_WRITE, v->cpl);
	if (bytes) {
		copy(bytes, &value, size);
		return STEP_DONE;
	}
	TRY(translate(v, linear, size, (struct manner){ACCESS_WRITE, v->cpl, true}, span));

	/* Devices first: while one of them is asked, RAM must still be what it was. */
	u32 rest = span[1].bytes ? value >> 8 * span[0].bytes : 0;

	if (!span[0].ram)
		TRY(device_write(e, span[0], value));
	if (!span[1].ram)
		TRY(device_write(e, span[1], rest));
	gmem_write(v->mem, span[0].at, &value, span[0].bytes); /* leaves alone what is not RAM */
	gmem_write(v->mem, span[1].at, &rest, span[1].bytes);
	return STEP_DONE;
}

/*
 * All the checks and no access. Accessed and dirty bits wait for the access itself, since an
 * instruction that faults later must leave no mark on its first page.
 */
static enum step probe(
	struct vcpu *v, enum sreg seg, u32 offset, unsigned bytes, enum access access)
{
	struct span span[2];
	gva_t linear;

	TRY(access_segment(v, seg, offset, bytes, access == ACCESS_WRITE, &linear));
	return translate(v, linear, bytes, (struct manner){access, v->cpl, false}, span);
}

enum step access_probe_write(
	struct vcpu *v, struct emulation *e, enum sreg seg, u32 offset, unsigned size)
{
	return probe(v, seg, offset, size, ACCESS_WRITE);
}

enum step access_probe_read(
	struct vcpu *v, struct emulation *e, enum sreg seg, u32 offset, unsigned size)
{
	return probe(v, seg, offset, size, ACCESS_READ);
}

static enum step access_long_way(struct vcpu *v, gva_t linear, void *buffer, unsigned bytes,
	enum access access, unsigned cpl)
{
	struct span span[2];
	u8 *at = buffer;

	check(bytes <= PAGE_SIZE);
	TRY(translate(v, linear, bytes, (struct manner){access, cpl, true}, span));
	for (unsigned i = 0; i < 2 && span[i].bytes; i++) {
		if (access == ACCESS_WRITE)
			gmem_write(v->mem, span[i].at, at, span[i].bytes);
		else if (!gmem_read(v->mem, span[i].at, at, span[i].bytes))
			memset(at, 0xff, span[i].bytes); /* nothing there: the bus floats high */
		at += span[i].bytes;
	}
	return STEP_DONE;
}

/* For what the processor itself reads and writes: code, descriptors, TSS, the FPU's image. */
enum step access_linear(struct vcpu *v, gva_t linear, void *buffer, unsigned bytes,
	enum access access, unsigned cpl)
{
	void *found = access_known(v, linear, bytes, access, cpl);

	if (!found)
		return access_long_way(v, linear, buffer, bytes, access, cpl);
	if (access == ACCESS_WRITE)
		copy(found, buffer, bytes);
	else
		copy(buffer, found, bytes);
	return STEP_DONE;
}

u32 access_run(
	struct vcpu *v, enum sreg seg, u32 offset, unsigned size, u32 count, bool write, gpa_t *at)
{
	const struct segment *s = &v->seg[seg];
	gva_t linear = gva(s->base + offset);
	u32 n = MIN(count, (PAGE_SIZE - (linear.v & PAGE_MASK)) / size);
	enum access access = write ? ACCESS_WRITE : ACCESS_READ;
	struct paging paging = vcpu_paging(v);
	struct walk walk;

	if (!n || !type_allows(s, write) || !within_limit(s, offset, n * size))
		return 0;
	walk = mmu_walk(v->mem, &paging, linear, access, v->cpl, true);
	*at = walk.gpa;
	return walk.ok && gmem_is_ram(v->mem, walk.gpa, n * size) ? n : 0;
}

/* Ports are devices without an address: the same question, but never more than one piece. */
enum step access_port_in(struct vcpu *v, struct emulation *e, u16 port, unsigned size, u32 *value)
{
	TRY(ask(e, (struct exit){.kind = EXIT_PORT, .size = size, .port = port}, value));
	*value &= alu_mask(size);
	return STEP_DONE;
}

enum step access_port_out(struct vcpu *v, struct emulation *e, u16 port, unsigned size, u32 value)
{
	*e->exit = (struct exit){.kind = EXIT_PORT,
		.write = true,
		.size = size,
		.port = port,
		.value = value & alu_mask(size)};
	e->effects |= EFFECT_OUT;
	return STEP_DONE;
}
