/*
 * The 16550A against its data sheet (PC16550D), and the sequences by which Linux's 8250 driver
 * (drivers/tty/serial/8250/8250_port.c) finds out what it has before it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/uart.h"

#define MCR_ON (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2)

static struct pic pic;
static struct uart uart;
static char sent[600];
static unsigned sent_count;

static void transmit(void *owner, u8 byte)
{
	assert_ptr_equal(owner, sent);
	assert_in_range(sent_count, 0, sizeof(sent) - 1);
	sent[sent_count++] = byte;
}

static void out(enum uart_register reg, u8 value)
{
	uart_write(&uart, reg, value);
}

static u8 in(enum uart_register reg)
{
	return uart_read(&uart, reg);
}

static bool line(void)
{
	return pic.chip[0].lines & 1 << IRQ_COM1;
}

/* Whether there has been an edge since the last time: what the PIC would interrupt for. */
static bool interrupted(void)
{
	bool yes = pic.chip[0].irr & 1 << IRQ_COM1;

	pic.chip[0].irr = 0;
	return yes;
}

static void type(const char *text)
{
	while (*text)
		assert_true(uart_receive(&uart, *text++));
}

static int set_up(void **state)
{
	pic_init(&pic);
	sent_count = 0;
	uart_init(&uart, &pic, IRQ_COM1, transmit, sent);
	return 0;
}

static void reset_values(void **state)
{
	assert_int_equal(in(UART_IER), 0x00);
	assert_int_equal(in(UART_IIR), 0x01);
	assert_int_equal(in(UART_LCR), 0x00);
	assert_int_equal(in(UART_MCR), 0x08);
	assert_int_equal(in(UART_LSR), 0x60);
	assert_int_equal(in(UART_MSR), 0xb0);
	assert_false(line());
}

static void registers_keep_what_is_written(void **state)
{
	out(UART_SCRATCH, 0x5a);
	assert_int_equal(in(UART_SCRATCH), 0x5a);
	out(UART_LCR, 0x1b);
	assert_int_equal(in(UART_LCR), 0x1b);
	out(UART_IER, 0xff); /* bits 7:4 are always zero: no XScale, no sleep mode */
	assert_int_equal(in(UART_IER), 0x0f);
	out(UART_MCR, 0xff);
	assert_int_equal(in(UART_MCR), 0x1f);
}

static void the_divisor_hides_behind_dlab(void **state)
{
	out(UART_IER, 0x05);
	out(UART_LCR, 0x83);
	out(UART_DATA, 0x34);
	out(UART_IER, 0x12);
	assert_int_equal(in(UART_DATA), 0x34);
	assert_int_equal(in(UART_IER), 0x12);
	assert_int_equal(uart.divisor, 0x1234);
	assert_int_equal(sent_count, 0);
	out(UART_LCR, 0x03);
	assert_int_equal(in(UART_IER), 0x05);
}

static void what_is_written_is_sent(void **state)
{
	for (const char *c = "hello"; *c; c++) {
		assert_int_equal(in(UART_LSR)&0x60, 0x60);
		out(UART_DATA, *c);
	}
	assert_int_equal(sent_count, 5);
	assert_memory_equal(sent, "hello", 5);
}

static void without_fifos_bytes_come_one_by_one(void **state)
{
	out(UART_MCR, MCR_ON);
	out(UART_IER, UART_IER_RX);
	type("ab");
	assert_true(interrupted());
	assert_int_equal(in(UART_IIR), 0x04);
	assert_int_equal(in(UART_LSR), 0x61);
	assert_int_equal(in(UART_DATA), 'a');
	assert_int_equal(in(UART_LSR), 0x61); /* the next has come in, */
	assert_true(line());
	assert_true(interrupted()); /* with an edge of its own: a handler may read just one */
	assert_int_equal(in(UART_DATA), 'b');
	assert_int_equal(in(UART_LSR), 0x60);
	assert_int_equal(in(UART_IIR), 0x01);
	assert_false(line());
}

static void the_trigger_level_tells_data_from_timeout(void **state)
{
	out(UART_MCR, MCR_ON);
	out(UART_IER, UART_IER_RX);
	out(UART_IIR, 0x41); /* FIFOs on, trigger at 4 */
	type("abc");
	assert_int_equal(in(UART_IIR), 0xcc);
	type("d");
	assert_int_equal(in(UART_IIR), 0xc4);
	assert_int_equal(in(UART_DATA), 'a');
	assert_int_equal(in(UART_IIR), 0xcc);
	assert_int_equal(in(UART_DATA), 'b');
	assert_int_equal(in(UART_DATA), 'c');
	assert_int_equal(in(UART_DATA), 'd');
	assert_int_equal(in(UART_IIR), 0xc1);
	assert_false(line());
}

static void trigger_levels_are_1_4_8_14(void **state)
{
	static const u8 levels[] = {1, 4, 8, 14};

	out(UART_IER, UART_IER_RX);
	for (unsigned i = 0; i < 4; i++) {
		out(UART_IIR, i << 6 | 0x03);
		for (unsigned n = 1; n <= 16; n++) {
			type("x");
			assert_int_equal(in(UART_IIR), n < levels[i] ? 0xcc : 0xc4);
		}
		out(UART_IIR, 0x00);
	}
}

/* More than a FIFO holds waits outside, and is neither lost nor reordered; then the queue ends. */
static void typing_ahead_loses_nothing(void **state)
{
	u8 next = 0;

	out(UART_IIR, 0x01);
	for (unsigned i = 0; i < UART_FIFO + UART_QUEUE; i++)
		assert_true(uart_receive(&uart, i));
	assert_false(uart_receive(&uart, 0));
	assert_int_equal(uart.rx.count, UART_FIFO);
	for (unsigned i = 0; i < UART_FIFO + UART_QUEUE; i++) {
		assert_int_equal(in(UART_LSR), 0x61); /* and no overrun */
		assert_int_equal(in(UART_DATA), next++);
	}
	assert_int_equal(in(UART_LSR), 0x60);
}

static void clearing_the_fifo_drops_what_is_in_it(void **state)
{
	out(UART_IIR, 0x01);
	type("abc");
	out(UART_IIR, 0x03);
	assert_int_equal(in(UART_LSR), 0x60);
	type("d");
	out(UART_IIR, 0x00); /* turning it off clears it too */
	assert_int_equal(in(UART_LSR), 0x60);
	assert_int_equal(in(UART_IIR), 0x01);
	type("e");
	out(UART_IIR, 0x02); /* without FIFOs the other bits mean nothing */
	assert_int_equal(in(UART_DATA), 'e');
}

/* DS table IV: raised by enabling it, cleared by reading IIR, raised again by each byte sent. */
static void the_transmitter_interrupts_when_empty(void **state)
{
	out(UART_MCR, MCR_ON);
	assert_false(interrupted());
	out(UART_IER, UART_IER_THRE);
	assert_true(interrupted());
	assert_int_equal(in(UART_IIR), 0x02);
	assert_false(line());
	assert_int_equal(in(UART_IIR), 0x01);
	out(UART_DATA, 'x');
	assert_true(interrupted());
	out(UART_DATA, 'y'); /* not yet identified: the PIC still gets an edge for each */
	assert_true(interrupted());
	assert_int_equal(in(UART_IIR), 0x02);
	out(UART_IER, UART_IER_THRE); /* it is enabled already: nothing new */
	assert_false(interrupted());
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRE);
	assert_true(interrupted());
}

/* Reading IIR while something more urgent is reported does not clear the transmitter's. */
static void causes_have_an_order(void **state)
{
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, 0x0f);
	out(UART_DATA, '1');
	out(UART_DATA, '2');                         /* overrun */
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS); /* a modem line changes */
	assert_int_equal(in(UART_IIR), 0x06);
	assert_int_equal(in(UART_LSR), 0x63);
	assert_int_equal(in(UART_IIR), 0x04);
	assert_int_equal(in(UART_IIR), 0x04);
	assert_int_equal(in(UART_DATA), '2'); /* the first is lost */
	assert_int_equal(in(UART_IIR), 0x02);
	assert_int_equal(in(UART_IIR), 0x00);
	in(UART_MSR);
	assert_int_equal(in(UART_IIR), 0x01);
}

static void a_cause_that_is_not_enabled_does_not_count(void **state)
{
	out(UART_MCR, MCR_ON);
	type("a");
	assert_false(line());
	assert_int_equal(in(UART_IIR), 0x01);
	out(UART_IER, UART_IER_RX);
	assert_true(line());
	out(UART_IER, 0);
	assert_false(line());
}

static void out2_gates_the_request(void **state)
{
	out(UART_MCR, 0);
	out(UART_IER, UART_IER_THRE);
	assert_false(line());
	out(UART_MCR, UART_MCR_OUT2);
	assert_true(line());
	out(UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP); /* the pin is off in loopback */
	assert_false(line());
}

static void loopback_returns_data_and_modem_lines(void **state)
{
	type("z");
	assert_int_equal(in(UART_DATA), 'z');
	out(UART_MCR, UART_MCR_LOOP | 0x0a); /* Linux autoconfig(): RTS and OUT2 */
	assert_int_equal(in(UART_MSR)&0xf0, 0x90);
	out(UART_MCR, UART_MCR_LOOP | 0x05);
	assert_int_equal(in(UART_MSR)&0xf0, 0x60);
	out(UART_DATA, 'q');
	assert_int_equal(sent_count, 0);
	type("from outside");
	assert_int_equal(in(UART_DATA), 'q');
	assert_int_equal(in(UART_LSR), 0x60); /* the line is cut off, */
	out(UART_MCR, MCR_ON);
	assert_int_equal(in(UART_DATA), 'f'); /* not lost */
}

/* DS "LSR, bit 1": a full FIFO keeps what it has, the single register takes the new byte. */
static void an_overrun_loses_one_byte(void **state)
{
	out(UART_IIR, 0x01);
	out(UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 17; i++)
		out(UART_DATA, i);
	assert_int_equal(in(UART_LSR), 0x63);
	assert_int_equal(in(UART_LSR), 0x61); /* told once */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(UART_DATA), i);
	out(UART_IIR, 0x00);
	out(UART_DATA, 'a');
	out(UART_DATA, 'b');
	assert_int_equal(in(UART_LSR), 0x63);
	assert_int_equal(in(UART_DATA), 'b');
	assert_int_equal(in(UART_LSR), 0x60);
}

/* DS "MSR": bits 3:0 note changes and are cleared by reading; of RI only the trailing edge. */
static void modem_changes_are_noted_once(void **state)
{
	out(UART_MCR, UART_MCR_LOOP);
	assert_int_equal(in(UART_MSR), 0x0b); /* CTS, DSR and DCD have fallen */
	assert_int_equal(in(UART_MSR), 0x00);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	assert_int_equal(in(UART_MSR), 0x40);
	out(UART_MCR, UART_MCR_LOOP);
	assert_int_equal(in(UART_MSR), 0x04);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	assert_int_equal(in(UART_MSR), 0x22);
}

/* autoconfig() and autoconfig_16550a(), Linux 6.1: the answers that make it "16550A". */
static void linux_takes_it_for_a_16550a(void **state)
{
	out(UART_IER, 0);
	assert_int_equal(in(UART_IER)&0x0f, 0);
	out(UART_IER, 0x0f);
	assert_int_equal(in(UART_IER)&0x0f, 0x0f);
	out(UART_IER, 0);
	out(UART_LCR, 0x00);
	out(UART_IIR, 0x01);
	assert_int_equal(in(UART_IIR) >> 6, 3);
	out(UART_LCR, 0x80); /* no EFR: this is IIR all the same, and not zero */
	assert_int_not_equal(in(UART_IIR), 0);
	out(UART_LCR, 0xbf);
	assert_int_not_equal(in(UART_IIR), 0);
	out(UART_LCR, 0x00);
	out(UART_IIR, 0x01 | 0x20); /* no 64-byte FIFO */
	assert_int_equal(in(UART_IIR)&0x20, 0);
	out(UART_LCR, 0x80);
	out(UART_IIR, 0x21);
	assert_int_equal(in(UART_IIR)&0x20, 0);
	out(UART_LCR, 0x00);
	out(UART_IER, 0x40); /* no UUE: no XScale */
	assert_int_equal(in(UART_IER), 0);
}

/* serial8250_do_startup(): the tests for THRE that does not come back, and for a bad TXEN. */
static void linux_finds_no_bugs_at_startup(void **state)
{
	out(UART_LCR, 0x03);
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_THRE);
	assert_int_equal(in(UART_IIR)&0x0f, 0x02);
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRE);
	assert_int_equal(in(UART_IIR)&0x0f, 0x02); /* else UART_BUG_THRE */
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRE);
	assert_int_equal(in(UART_LSR)&0x40, 0x40);
	assert_int_equal(in(UART_IIR)&0x01, 0x00); /* else UART_BUG_TXEN */
	out(UART_IER, 0);
	assert_false(line());
}

/* The driver's interrupt handler sending 40 bytes, 16 a time, until it has no more. */
static void linux_sends_by_interrupts(void **state)
{
	char text[41] = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
	unsigned next = 0, interrupts = 0;

	out(UART_IIR, 0x01);
	out(UART_MCR, MCR_ON);
	out(UART_IER, UART_IER_RX | UART_IER_LINE | UART_IER_THRE);
	while (interrupted()) {
		interrupts++;
		while (!(in(UART_IIR)&1)) {
			assert_int_equal(in(UART_LSR), 0x60);
			for (unsigned i = 0; i < 16 && next < 40; i++)
				out(UART_DATA, text[next++]);
			if (next == 40)
				out(UART_IER, UART_IER_RX | UART_IER_LINE);
		}
	}
	assert_int_equal(sent_count, 40);
	assert_memory_equal(sent, text, 40);
	assert_int_equal(interrupts, 1); /* the handler's loop sees the rest */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reset_values, set_up),
		cmocka_unit_test_setup(registers_keep_what_is_written, set_up),
		cmocka_unit_test_setup(the_divisor_hides_behind_dlab, set_up),
		cmocka_unit_test_setup(what_is_written_is_sent, set_up),
		cmocka_unit_test_setup(without_fifos_bytes_come_one_by_one, set_up),
		cmocka_unit_test_setup(the_trigger_level_tells_data_from_timeout, set_up),
		cmocka_unit_test_setup(trigger_levels_are_1_4_8_14, set_up),
		cmocka_unit_test_setup(typing_ahead_loses_nothing, set_up),
		cmocka_unit_test_setup(clearing_the_fifo_drops_what_is_in_it, set_up),
		cmocka_unit_test_setup(the_transmitter_interrupts_when_empty, set_up),
		cmocka_unit_test_setup(causes_have_an_order, set_up),
		cmocka_unit_test_setup(a_cause_that_is_not_enabled_does_not_count, set_up),
		cmocka_unit_test_setup(out2_gates_the_request, set_up),
		cmocka_unit_test_setup(loopback_returns_data_and_modem_lines, set_up),
		cmocka_unit_test_setup(an_overrun_loses_one_byte, set_up),
		cmocka_unit_test_setup(modem_changes_are_noted_once, set_up),
		cmocka_unit_test_setup(linux_takes_it_for_a_16550a, set_up),
		cmocka_unit_test_setup(linux_finds_no_bugs_at_startup, set_up),
		cmocka_unit_test_setup(linux_sends_by_interrupts, set_up),
	};

	return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
