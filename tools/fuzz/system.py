"""Items of a kernel: control and debug registers, ports and interrupts, page tables, code that writes code, user mode."""

from __future__ import annotations

from fuzz.arena import (
    CODE, CODE_AGAIN, CODE_FRAMES, DATA, DATA_FRAMES, GDT, KEPT_ESP, OTHER, OTHER_FRAMES, PAGE, RETURN_VECTOR, USER, USER_CODE,
    USER_DATA_SELECTOR, USER_STACK, entry,
)  # fmt: skip
from fuzz.encode import EAX, ECX, EDX, ESI, Operands, u32
from fuzz.program import Address, Item, bound

PRESENT = 0x63  # and writable, accessed, dirty
DATA_PAGES = (0, 1, 2, 4)
CR0_BITS, CR4_BITS = 0x8005003F, 0x9C  # PG AM WP NE ET TS EM MP PE; PGE PSE DE TSD


class System(Operands):
    def control(self):
        """
        Nothing that is refused: QEMU takes PG without PE, and hangs at bits that CR4 has not. An item is in one piece, and
        does not rely on its first byte: a program that changes a return address may come in behind that, with any EAX.
        """
        kind = self.rng.randrange(9)
        if kind == 0:
            return [bytes([0x0F, 0x20, 0xC0 | self.rng.choice((0, 2, 3, 4)) << 3 | self.reg()])]
        if kind == 1:  # WP, TS, EM, MP, AM by turns
            bit = self.rng.choice((1 << 16, 1 << 16, 1 << 3, 1 << 2, 1 << 1, 1 << 18))
            return [b"\x0f\x20\xc0\x35" + u32(bit) + b"\x25" + u32(CR0_BITS) + b"\x0d" + u32(0x80000011) + b"\x0f\x22\xc0"]
        if kind == 2:
            bit = self.rng.choice((0x80, 0x80, 0x10, 0x8, 0x4))
            return [b"\x0f\x20\xe0\x35" + u32(bit) + b"\x25" + u32(CR4_BITS) + b"\x0f\x22\xe0"]
        if kind == 3:
            return [b"\x0f\x20\xd8\x0f\x22\xd8"]
        if kind == 4:
            return [b"\x0f\x06"]
        if kind == 5:
            return [b"\x0f\x01\xf0"]
        if kind == 6:
            return [bytes([0x0F, 0x22, 0xD0 | self.any_reg()])]
        if kind == 7:
            return [b"\x0f\x20\xe0\x25" + u32(CR4_BITS) + b"\x0f\x22\xe0"]
        if self.single_step:
            return [b"\x90"]
        if self.chance(2):
            return [b"\x0f\xa2\x31\xc0\x31\xdb\x31\xc9\x31\xd2"]  # CPUID says what a virtual processor offers
        return [b"\x0f\x31" + b"\x31\xc0" + b"\x31\xd2"]  # RDTSC, and its result away again

    def debug(self):
        """
        Reads and writes, but nothing enabled in DR7: QEMU misses breakpoints where blocks are chained already, and reports
        watched data late. guest-tiny/probes has those.
        """
        n, reg = self.rng.choice((0, 1, 2, 3, 6, 7)), self.reg()
        if self.chance(2):
            return [bytes([0x0F, 0x21, 0xC0 | n << 3 | reg])]
        return [bytes([0xB8 + reg]) + u32(0x400 if n == 7 else 0 if n == 6 else self.value()), bytes([0x0F, 0x23, 0xC0 | n << 3 | reg])]

    def port(self):
        """Ports where nothing is, or whose register just keeps what is written."""
        port = self.rng.choice((0x80, 0x2E8, 0x3E8, 0x1234))
        kind = self.rng.randrange(5)
        if kind == 0:
            return [bytes([0xB8 + EDX]) + u32(port), self.prefix() + bytes([self.rng.choice((0xEC, 0xED))])]
        if kind == 1:
            return [bytes([0xB8 + EDX]) + u32(0x3FF), b"\xee", b"\xec"]
        if kind == 2:
            return [b"\xe6\x80"]
        if kind == 3 and not self.timer:  # where the timer is masked some day
            return [b"\xe4\x21"]
        string = self.rng.choice((0x6C, 0x6D, 0x6E, 0x6F))
        # INS not across pages: how much is marked before it faults, nobody says
        address = self.address() if string & 2 else DATA + self.rng.randrange(8, 0xF80)
        pointer = bytes([0xB8 + (ESI if string & 2 else 7)]) + u32(address)
        return [bytes([0xB8 + EDX]) + u32(0x2E8), bytes([0xB8 + ECX]) + u32(self.rng.randrange(6)), pointer, b"\xfc", self.rng.choice((b"", b"" if self.single_step else b"\xf3")) + bytes([string])]

    def irq(self):
        """The UART asks for an interrupt at once when its transmitter's is allowed: IRQ 4."""
        ask = [bytes([0xB8 + EDX]) + u32(0x3F9), b"\xb0\x02", b"\xee"]
        then = self.rng.randrange(6)
        if then == 0 and not self.single_step:  # the idle loop; without the interrupt it would not end
            return [b"\xfa", *ask, b"\xfb", b"\xf4"]
        if then == 1:
            return [b"\xfa", *ask, b"\xfb", b"\x42"]
        if then == 2:
            return [b"\xfa", *ask, b"\x68" + u32(0x202), b"\x9d"] if self.kind != "direct" else [*ask, b"\xfb", b"\x90"]
        if then == 3:  # MOV SS waits too
            return [b"\xfa", *ask, b"\xfb", b"\x8c\xd0" if self.kind != "direct" else b"\x90", b"\x8e\xd0" if self.kind != "direct" else b"\x90", b"\x40"]
        if then == 4:
            return [b"\xfa", *ask, b"\x68" + u32(0x202), b"\x68" + u32(8), (b"\x68", Address(self.later())), b"\xcf"]
        return ask

    def fpu(self):
        at = DATA + 8 * self.rng.randrange(64)
        return [self.rng.choice((b"\xd9\xe8", b"\xd9\xeb", b"\xd9\xee", b"\xd9\x05" + u32(at), b"\xdb\x05" + u32(at), b"\xdd\x05" + u32(at))), self.rng.choice((b"\xde\xc1", b"\xdc\xc8", b"\xd9\xe0", b"\xd8\xc0")), self.rng.choice((b"\xdd\x1d", b"\xdb\x1d", b"\xd9\x1d")) + u32(at + 8)]  # fmt: skip

    # --- code that writes code ---

    def pointers(self, registers):
        """Away from the code again: an instruction that is emulated may differ in flags that are undefined."""
        return [bytes([0xB8 + reg]) + u32(self.pointer()) for reg in registers]

    def modify(self):
        """Changes the immediate of a MOV in another item, or the next instruction's; by one of its addresses."""
        kind = self.rng.randrange(6)
        base = self.rng.choice((CODE, CODE, CODE_AGAIN))
        value, here = u32(self.value()), f"L{self.here}"
        if kind == 0:  # the very next: MOV EAX, imm at offset 10
            return [(b"\xc7\x05", Address(here, base, 11), value), b"\xb8" + u32(self.value())]
        if kind == 1:  # one byte of it, by a register
            store = self.rng.choice((b"\xfe\x03", b"\x88\x13", b"\x00\x13"))
            return [(b"\xbb", Address(here, base, 8)), store, b"\xb8" + value, *self.pointers((3,))]
        if kind == 2:  # an earlier place, and there may be a way back to it
            other = Address(f"L{self.rng.randrange(self.here + 1)}", base, 1)
            return [(b"\xbb", other), b"\x8a\x03", b"\x88\x03", *self.pointers((3,))]
        if kind == 3:  # the same bytes, or those of the other code, by a string instruction
            label, count = self.later(), b"\xb9" + u32(self.rng.randrange(1, 12))
            source = Address(label, self.rng.choice((CODE, OTHER)))
            move = b"\xa4" if self.single_step else b"\xf3\xa4"  # it may be emulated, and then steps as the manual has it
            return [(b"\xbe", source), (b"\xbf", Address(label, base)), b"\xfc", count, move, *self.pointers((6, 7))]
        if kind == 4:  # opcode against opcode: INC and DEC
            return [(b"\x80\x35", Address(here, base, 7), b"\x08"), bytes([0x40 | self.rng.choice((EAX, ECX, EDX))])]
        self.variants.append((here, 1, value))  # differs in the other code
        return [b"\xb8" + u32(self.value())]

    # --- page tables ---

    def flush(self, linear: int):
        return [b"\x0f\x01" + self.absolute(7, linear)] if self.chance(2) else [b"\x0f\x20\xda\x0f\x22\xda"]

    def set_entry(self, linear: int, value: int):
        return bound([b"\xc7" + self.absolute(0, entry(linear)) + u32(value), *self.flush(linear)])

    def remap(self):
        """The code's second half, or its page, gets the other frame, and goes on there."""
        page = self.rng.randrange(2)
        frame = self.rng.choice((CODE_FRAMES, OTHER_FRAMES)) + page * PAGE
        return self.set_entry(CODE + page * PAGE, frame | PRESENT)

    def page(self):
        """Rights, presence, frame, A and D of a page of data."""
        n = self.rng.choice(DATA_PAGES)
        linear, frame = DATA + n * PAGE, DATA_FRAMES + self.rng.choice(DATA_PAGES) * PAGE
        value = frame | self.rng.choice((0x63, 0x63, 0x61, 0x03, 0x01, 0, 0x23, 0x67, 0x163))
        use = self.rng.choice((b"\xff" + self.absolute(0, linear + 0x40), b"\xa1" + u32(linear + 0x44), b"\x90"))
        return [*self.set_entry(linear, value), use]

    def misc(self):
        kind = self.rng.randrange(1 if self.kind == "direct" or self.timer else 0, 6)
        if kind == 0:  # the spare descriptor changes, then is loaded
            return [b"\x81" + self.absolute(6, GDT + 0x80 + 4) + u32(self.rng.choice((1 << 15, 1 << 20, 1 << 13))), b"\xb8" + u32(0x83), b"\x8e\xe0"]
        if kind == 1:
            return [self.rng.choice((b"\x0f\x09", b"\x0f\x08", b"\x0f\x01" + self.absolute(7, self.address())))]
        if kind == 2:
            return [(b"\x2e\x8b\x05", Address(self.later()))]
        if kind == 3:
            return [b"\x67\xe3\x00"]
        if kind == 4:  # LLDT, the same and none; but direct execution shows the stand-in of who holds a selector of none
            none = 0 if self.kind != "direct" else 0x30
            return [b"\xb8" + u32(self.rng.choice((0x30, 0x30, none, 0xB0, 0x28, 0x34))), b"\x0f\x00\xd0"]
        return [b"\x90"] if self.single_step else [b"\xf3\x90"]  # QEMU does not stop behind PAUSE

    # --- user mode and back ---

    def user_mode(self):
        """IRET to the user code, which comes back by an interrupt: at label `back`."""
        self.uses_user = True
        flags = 2 | self.rng.choice((0, 0x200, 0x3000, 0x8D5)) | (0x200 if self.timer else 0)
        flat = b"\x6a\x10\x1f\x6a\x10\x07"  # PUSH, POP DS; PUSH, POP ES: QEMU keeps the bases of what IRET makes null
        return [
            flat,
            b"\x89" + self.absolute(4, KEPT_ESP),
            b"\x68" + u32(USER_DATA_SELECTOR), b"\x68" + u32(USER_STACK + 0xFF0),
            b"\x68" + u32(flags), b"\x68" + u32(USER_CODE), b"\x68" + u32(USER + 2), b"\xcf",
        ]  # fmt: skip

    def returns_from_user(self):
        """Where RETURN_VECTOR's gate leads: the kernel's stack again, its segments, and to the end after a few times."""
        again = f"L{self.rng.randrange(self.length // 2, self.length + 1)}"
        insns = [b"\x8b" + self.absolute(4, KEPT_ESP), b"\xb8" + u32(0x10), b"\x8e\xd8", b"\x8e\xc0"]
        return [Item(tuple((i,) for i in insns) + tuple((i,) for i in self.guarded() + self.conditional(again)) + ((bytes([0xCD, 0x81]),),), "back")]

    def user_code(self) -> bytes:
        """The way back, then a few instructions that lead into it. No PUSHF: user mode sees the real IF and IOPL."""
        code = bytes([0xCD, RETURN_VECTOR])
        menu = (b"\x40", b"\x01\xd8", b"\x50\x5a", b"\xcd\x82", b"\xfa", b"\x0f\x20\xc0", b"\xa1" + u32(DATA), b"\xa1" + u32(USER_STACK + 16), b"\x0f\x0b", b"\x0e\x58", b"\x0f\x00\xe1", b"\xcc", b"\xe4\x80")
        for _ in range(self.rng.randrange(4)):
            code += self.rng.choice(menu)
        return code + bytes([0xCD, RETURN_VECTOR])
