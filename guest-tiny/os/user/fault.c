/* Does what a program may not, in one of several ways: the kernel must end it, and nothing else. */
#include "user.h"

#include "base/string.h"

static volatile u32 zero;

/* Mapped, as all RAM is, and writable: but for the kernel. */
static void write_kernel(void)
{
	*(volatile u32 *)0x200000 = 0;
}

static void write_code(void)
{
	*(volatile u32 *)USER_BASE = 0;
}

static void read_null(void)
{
	*(volatile u32 *)zero;
}

static void divide(void)
{
	print("%u\n", 100 / zero);
}

static void mask_interrupts(void)
{
	asm volatile("cli");
}

static void touch_port(void)
{
	asm volatile("outb %%al, $0xf4" : : "a"(0));
}

static void use_fpu(void)
{
	asm volatile("fninit");
}

/* Goes down page by page: the stack grows on demand, up to its limit. */
static void overflow(void)
{
	volatile u32 here = 0;

	for (volatile u32 *at = &here;; at -= PAGE_SIZE / sizeof *at)
		*at = 0;
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"kernel", write_kernel},
	{"code", write_code},
	{"null", read_null},
	{"divide", divide},
	{"cli", mask_interrupts},
	{"port", touch_port},
	{"fpu", use_fpu},
	{"stack", overflow},
};

int main(const char *argument)
{
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(*argument ? argument : "kernel", ways[i].name))
			ways[i].run();
	print("fault: kernel, code, null, divide, cli, port, fpu or stack\n");
	return 1;
}
