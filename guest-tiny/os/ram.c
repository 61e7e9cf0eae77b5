/*
 * Physical memory, by frames of 4 KiB.
 *
 *   image_end               fresh                                    end
 *   +-----------------------+----------------------------------------+
 *   | in use, or freed:     | never used yet                         |
 *   | then on the free list |                                        |
 *   +-----------------------+----------------------------------------+
 *
 * A free frame holds the address of the next one: the list costs no memory of its own.
 */
#include "os.h"

#include "base/string.h"
#include "machine.h"

static u32 fresh, end;
static void **freed;
static u32 freed_count;

/* Where the RAM ends that the kernel itself was loaded into (Multiboot 3.3). */
static u32 find_end(const struct multiboot_info *info)
{
	u32 at = info->mmap_addr;

	if (!(info->flags & MULTIBOOT_INFO_MMAP))
		return MIB + info->mem_upper * KIB;
	while (at < info->mmap_addr + info->mmap_length) {
		const struct multiboot_mmap *m = (const void *)at;

		if (m->type == MULTIBOOT_MMAP_RAM && m->base <= MIB && MIB < m->base + m->length)
			return MIN(m->base + m->length, RAM_MAX);
		at += m->size + sizeof m->size;
	}
	return 0;
}

bool ram_init(const struct multiboot_info *info, u32 limit)
{
	fresh = (u32)image_end;
	end = MAX(MIN(find_end(info), limit) & ~PAGE_MASK, fresh);
	return ram_frames() >= FRAMES_MIN;
}

void *ram_alloc(void)
{
	void *frame = freed;

	if (frame) {
		freed = *freed;
		freed_count--;
	} else if (fresh < end) {
		frame = (void *)fresh;
		fresh += PAGE_SIZE;
	} else {
		return NULL;
	}
	return memset(frame, 0, PAGE_SIZE);
}

void ram_free(void *frame)
{
	*(void **)frame = freed;
	freed = frame;
	freed_count++;
}

u32 ram_end(void)
{
	return end;
}

u32 ram_frames(void)
{
	return (end - (u32)image_end) / PAGE_SIZE;
}

u32 ram_frames_free(void)
{
	return (end - fresh) / PAGE_SIZE + freed_count;
}
