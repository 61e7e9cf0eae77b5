/*
 * One small workload for each thing that costs more in the cave than on the bare machine. Each says
 * its name and how many rounds it makes; the rounds are what is measured.
 *
 * The guest is as far along as a kernel in its daily work: paging is on, by 4 KiB pages, and there
 * is a user mode. rounds=N makes N rounds of each instead, for one who looks at every instruction.
 */
#include "bench.h"

#include "page.h"
#include "probe.h"

#define MAPPED     (8 * MIB)
#define FAULTS_AT  (4 * MIB) /* pages that are there only when asked for */
#define FAULTS     256u
#define CALL_EMPTY 1
#define SAMPLES    1000u

struct workload {
	const char *name;
	u32 rounds;
	void (*run)(u32 rounds);
};

static u32 *directory[2];
static volatile u32 word;

static void compute(u32 rounds)
{
	u32 h = SECRET;

	for (u32 i = 0; i < rounds; i++) {
		h = (h ^ h >> 15) * 0x2c1b3c6d + i;
		word = h;
	}
}

static void cli_sti(u32 rounds)
{
	while (rounds--) {
		cli();
		sti();
	}
	cli();
}

static void port_read(u32 rounds)
{
	while (rounds--)
		in8(PIC_MASTER + 1);
}

static void port_write(u32 rounds)
{
	u8 mask = in8(PIC_MASTER + 1);

	while (rounds--)
		out8(PIC_MASTER + 1, mask);
}

static void read_clock(u32 rounds)
{
	while (rounds--)
		rdtsc();
}

static void control_read(u32 rounds)
{
	while (rounds--)
		cr0_get();
}

static void drop_page(u32 rounds)
{
	while (rounds--)
		invlpg((void *)FAULTS_AT);
}

static void switch_space(u32 rounds)
{
	while (rounds--) {
		cr3_set((u32)directory[rounds & 1]);
		word++;
	}
}

/* The least that a page-fault handler does. */
static void map_page(struct frame *f)
{
	*page_entry(directory[0], cr2_get()) |= PTE_P;
}

static void unmap_pages(void)
{
	for (u32 i = 0; i < FAULTS; i++)
		*page_entry(directory[0], FAULTS_AT + i * PAGE_SIZE) &= ~PTE_P;
	cr3_set((u32)directory[0]);
}

static void page_fault(u32 rounds)
{
	for (u32 i = 0; i < rounds; i++) {
		if (i % FAULTS == 0)
			unmap_pages();
		*(volatile u32 *)(FAULTS_AT + i % FAULTS * PAGE_SIZE) = i;
	}
}

static void do_nothing(struct frame *f)
{
}

static u32 calls;

/* In user mode. A process would keep its count in a register, and so does this. */
static u32 call_often(void)
{
	for (u32 left = calls; left; left--)
		asm volatile("int %0" : : "i"(SYSCALL_VECTOR), "a"(CALL_EMPTY) : "memory");
	return 0;
}

static void system_call(u32 rounds)
{
	calls = rounds;
	guard_user(call_often);
}

static const struct workload workloads[] = {
	{"compute", 4000000, compute},
	{"cli-sti", 30000, cli_sti},
	{"port-in", 20000, port_read},
	{"port-out", 20000, port_write},
	{"system-call", 10000, system_call},
	{"page-fault", 10240, page_fault},
	{"switch-space", 10000, switch_space},
	{"rdtsc", 20000, read_clock},
	{"control-read", 20000, control_read},
	{"invlpg", 20000, drop_page},
};

static void measure(const struct workload *w, u32 rounds)
{
	u64 start;
	u32 ns;

	w->run(2);
	bench_begin();
	start = rdtsc();
	w->run(rounds);
	ns = rdtsc() - start;
	bench_end();
	print("run: %s %u rounds %u ns\n", w->name, rounds, ns);
}

/*
 * The time of one CLI, with all that may come between: from one RDTSC to the next, less the same
 * without.
 */
static u32 time_cli(bool with)
{
	u64 start = rdtsc();

	if (with)
		cli();
	return rdtsc() - start;
}

static void sort(u32 *value, u32 count)
{
	for (u32 i = 1; i < count; i++)
		for (u32 j = i; j && value[j - 1] > value[j]; j--) {
			u32 swap = value[j];

			value[j] = value[j - 1];
			value[j - 1] = swap;
		}
}

static void sample_cli(void)
{
	static u32 without[SAMPLES], with[SAMPLES];
	u32 base;

	for (u32 i = 0; i < SAMPLES; i++) {
		without[i] = time_cli(false);
		with[i] = time_cli(true);
	}
	sort(without, SAMPLES);
	sort(with, SAMPLES);
	base = without[SAMPLES / 2];
	print("cli: samples %u median %u worst %u ns\n", SAMPLES, with[SAMPLES / 2] - base,
		with[SAMPLES - 1] - base);
}

void guest_main(const struct multiboot_info *info)
{
	u32 rounds = probe_option(info, "rounds", 0);

	for (unsigned i = 0; i < ARRAY_SIZE(directory); i++) {
		directory[i] = page_alloc();
		page_identity(directory[i], MAPPED, PTE_W | PTE_U);
	}
	page_on(directory[0]);
	trap_set(VECTOR_PF, map_page);
	guard_set_syscall(do_nothing);
	for (unsigned i = 0; i < ARRAY_SIZE(workloads); i++) {
		cr3_set((u32)directory[0]);
		measure(&workloads[i], rounds ? rounds : workloads[i].rounds);
	}
	if (!rounds)
		sample_cli();
	machine_end(0);
}
