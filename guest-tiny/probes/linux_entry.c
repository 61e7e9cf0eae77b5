/*
 * How a Linux kernel is started by its 32-bit entry: registers, boot parameters, initrd, and low memory
 * as it finds it. The file is an ordinary probe; started as one it says no more than that. A test wraps
 * its image into a bzImage, whose entry is linux_entry (kernel/test/test_loader.py).
 */
#include "probe.h"

#include "x86/bootparam.h"

/* What linux_entry finds. Not in .bss, which nobody clears for it. */
struct linux_state {
	u32 ebx, ebp, edi, esi, eflags, cr0;
	u16 cs, ds, es, ss;
	struct table_register gdt;
};

extern struct linux_state linux_state;
struct linux_state linux_state __attribute__((section(".data")));
static const struct multiboot_info no_info;

/* ESP is undefined at this entry, and nothing else may be lost before it is kept. */
asm(".text; .global linux_entry\n"
    "linux_entry:\n"
    "	movl	%ebx, linux_state\n"
    "	movl	%ebp, linux_state + 4\n"
    "	movl	%edi, linux_state + 8\n"
    "	movl	%esi, linux_state + 12\n"
    "	movl	$stack_top, %esp\n"
    "	pushfl\n"
    "	popl	linux_state + 16\n"
    "	movl	%cr0, %eax\n"
    "	movl	%eax, linux_state + 20\n"
    "	movw	%cs, linux_state + 24\n"
    "	movw	%ds, linux_state + 26\n"
    "	movw	%es, linux_state + 28\n"
    "	movw	%ss, linux_state + 30\n"
    "	sgdt	linux_state + 32\n"
    "	movl	$0x2badb002, %eax\n"
    "	movl	$no_info, %ebx\n"
    "	jmp	guest_entry\n");

static void show_registers(const struct linux_state *s)
{
	const struct descriptor *table = (const void *)s->gdt.base;

	print("ebx %x ebp %x edi %x eflags.if %u cr0 %x\n", s->ebx, s->ebp, s->edi,
		!!(s->eflags & EFLAGS_IF), s->cr0);
	print("cs %x ds %x es %x ss %x\n", s->cs, s->ds, s->es, s->ss);
	for (u32 i = 2; i < 4; i++)
		print("descriptor %x: base %x limit %x attributes %x\n", 8 * i,
			descriptor_base(table[i]), descriptor_limit(table[i]),
			descriptor_attr(table[i]));
}

/* The sum of a run of bytes, mixed so that their order counts. */
static u32 hash(const void *start, u32 bytes)
{
	const u8 *b = start;
	u32 h = 0;

	for (u32 i = 0; i < bytes; i++)
		h = h * 31 + b[i];
	return h;
}

static void show_parameters(const struct boot_params *p)
{
	const struct linux_header *h = &p->header;

	print("version %x loader %x flags %x\n", h->version, h->type_of_loader, h->loadflags);
	for (u32 i = 0; i < p->e820_entries; i++)
		print("memory: type %u %llx+%llx\n", p->e820[i].type, p->e820[i].base,
			p->e820[i].length);
	print("beyond the header: %x\n", hash(p->header_to_come, sizeof p->header_to_come));
	print("not told: %u\n", hash(p->screen_and_firmware, sizeof p->screen_and_firmware) ||
					hash(p->keyboard_and_disks, sizeof p->keyboard_and_disks) ||
					hash(p->rest, sizeof p->rest) || h->setup_data);
	print("command line: ");
	print("%s\n", (const char *)h->cmd_line_ptr);
	print("initrd: %u bytes, at %x, hash %08x\n", h->ramdisk_size, h->ramdisk_image,
		hash((const void *)h->ramdisk_image, h->ramdisk_size));
}

/* The compiler must not know the address: it takes one below 4096 for a null pointer's. */
static const void *at(u32 address)
{
	asm("" : "+r"(address));
	return (const void *)address;
}

static u16 word_at(u32 address)
{
	return *(const u16 *)at(address);
}

/* What Linux looks for in a PC's memory, and would believe if it were there. */
static void show_firmware(void)
{
	u32 found = 0;

	for (u32 a = 0xe0000; a < 0x100000; a += 16) {
		u32 word = *(const u32 *)at(a);

		found += word == 0x5f504d5f || word == 0x5f4d535f || word == 0x20445352;
	}
	print("firmware: ebda %x, base memory %u KiB, video rom %x, tables %u\n", word_at(0x40e),
		word_at(0x413), word_at(0xc0000), found);
	print("low memory: %x %x\n", hash(at(0), 0x1000), hash(at(0x9fc00), 0x400));
}

PROBE(linux_entry)
{
	if (info != &no_info) {
		print("started: by a Multiboot loader\n");
		return;
	}
	show_registers(&linux_state);
	show_parameters((const void *)linux_state.esi);
	show_firmware();
}
