/*
 * What the registers say that they hold: MOV, PUSH and far CALL of segment registers, SLDT and STR,
 * with the tables as they were, and with others in which the selectors are nothing. A kernel in ring 3
 * would read its own RPL there, and a monitor's numbers.
 */
#include "probe.h"

#include "base/string.h"

#define CODE 0x30
#define DATA 0x38

static struct descriptor other_gdt[GDT_ENTRIES] PAGE_ALONE;

extern struct table_register old_table, new_table;
struct table_register old_table, new_table;

SNIPPET(move_cs, "movl %cs, %eax");
SNIPPET(move_ss, "movl %ss, %eax");
SNIPPET(move_16, "movl $-1, %eax; movw %ss, %ax");
SNIPPET(move_memory, "movl $-1, -4(%esp); movw %cs, -4(%esp); movl -4(%esp), %eax");
SNIPPET(push_cs, "pushl %cs; popl %eax");
SNIPPET(push_ss, "pushl $-1; popl %ecx; pushl %ss; popl %eax");
SNIPPET(push_16, "movl $-1, %eax; pushw %cs; popw %ax");
SNIPPET(called, "lcall $8, $1f; jmp 2f; 1: movl 4(%esp), %eax; lret; 2:");
SNIPPET(task_register, "str %ax; movzwl %ax, %eax");
SNIPPET(local, "movl $-1, %eax; sldt %ax");

#define STALE "movl $0x38, %ecx; movl %ecx, %fs; movl %ecx, %gs; lgdt new_table; "
#define BACK  "; lgdt old_table; movl $0, %ecx; movl %ecx, %fs; movl %ecx, %gs"
SNIPPET(stale_move, STALE "movl %fs, %eax" BACK);
SNIPPET(stale_push, STALE "pushl %gs; popl %eax" BACK);
SNIPPET(stale_load, STALE "movl %fs, %eax; movl %eax, %fs");
SNIPPET(stale_code,
	"ljmp $0x30, $1f; 1: " STALE "movl %cs, %eax; pushl %cs; popl %ecx; shll $16, %ecx;"
	"orl %ecx, %eax; ljmp $8, $2f; 2: " BACK);
SNIPPET(stale_stack,
	"movl $0x38, %ecx; movl %ecx, %ss; " STALE "movl %ss, %eax; pushl %ss; popl %ecx;"
	"shll $16, %ecx; orl %ecx, %eax; movl $0x10, %ecx; movl %ecx, %ss" BACK);
SNIPPET(stale_frame, "ljmp $0x30, $1f; 1: " STALE "int3");

PROBE(selector_reads)
{
	lldt(0);
	segment_set(CODE, 0, ~0u, ATTR_KERNEL_CODE);
	segment_set(DATA, 0, ~0u, ATTR_KERNEL_DATA);
	memcpy(other_gdt, gdt, sizeof other_gdt);
	other_gdt[CODE / 8] = other_gdt[DATA / 8] = (struct descriptor){0};
	old_table = (struct table_register){sizeof gdt - 1, (u32)gdt};
	new_table = (struct table_register){sizeof other_gdt - 1, (u32)other_gdt};
	try_kernel("mov cs", move_cs);
	try_kernel("mov ss", move_ss);
	try_kernel("mov, 16 bits", move_16);
	try_kernel("mov to memory", move_memory);
	try_kernel("push cs", push_cs);
	try_kernel("push ss", push_ss);
	try_kernel("push, 16 bits", push_16);
	try_kernel("far call", called);
	try_kernel("str", task_register);
	try_kernel("sldt", local);
	try_kernel("stale: mov", stale_move);
	try_kernel("stale: push", stale_push);
	try_kernel("stale: load", stale_load);
	lgdt(&old_table);
	try_kernel("stale: code", stale_code);
	try_kernel("stale: stack", stale_stack);
	try_kernel("stale: frame", stale_frame);
	lgdt(&old_table);
}
