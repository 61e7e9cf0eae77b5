"""Items that any program has: arithmetic, moves, strings, the stack, and what may fault in them."""

from __future__ import annotations

from fuzz.arena import ABSENT, DATA, PAGE, STACK_TOP
from fuzz.encode import EAX, ECX, EDI, ESI, POINTERS, Operands, u16, u32


class Integer(Operands):
    def pointer(self) -> int:
        return DATA + self.rng.randrange(0x100, 3 * PAGE - 0x100)

    def set_pointer(self):
        return [bytes([0xB8 + self.rng.choice(POINTERS)]) + u32(self.pointer())]

    def integer(self):
        # Stepped instructions may be emulated, and differ in flags that are undefined.
        choice = self.DEFINED if self.single_step else self.INTEGER
        op = self.rng.choice(choice)
        return [op(self) if op is Integer.bswap else self.prefix() + op(self)]  # BSWAP of 16 bits is undefined

    # --- one instruction each, without its operand-size prefix where that changes its length ---

    def alu(self):
        op, form = self.rng.randrange(8) << 3, self.rng.randrange(6)
        if form in (0, 1):
            field = self.any_reg()
            return bytes([op | form]) + self.rm(field, 1 if form == 0 else 4, write=op != 0x38)
        if form in (2, 3):
            return bytes([op | form]) + self.rm(self.reg(1 if form == 2 else 4), write=False)
        return bytes([op | 4, self.value() & 0xFF])

    def alu_imm(self):
        op, field = self.rng.choice((0x80, 0x83)), self.rng.randrange(8)
        return bytes([op]) + self.rm(field, 1 if op == 0x80 else 4, write=field != 7) + bytes([self.value() & 0xFF])

    def unary(self):
        op, field = self.rng.choice((0xF6, 0xF7)), self.rng.choice((2, 3, 4, 5))
        return bytes([op]) + self.rm(field, 1 if op == 0xF6 else 4, write=field < 4)

    def divide(self):
        op, field = self.rng.choice((0xF6, 0xF7)), self.rng.choice((6, 7))
        return bytes([op]) + self.rm(field, 1 if op == 0xF6 else 4, write=False)

    def inc_dec(self):
        if self.chance(2):
            return bytes([self.rng.choice((0x40, 0x48)) | self.reg()])
        op = self.rng.choice((0xFE, 0xFF))
        return bytes([op]) + self.rm(self.rng.randrange(2), 1 if op == 0xFE else 4)

    def shift(self):
        """No RCL and RCR of memory: QEMU has changed CF when the store faults."""
        op, field = self.rng.choice((0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3)), self.rng.randrange(8)
        count = bytes([self.rng.getrandbits(8)]) if op < 0xD0 else b""
        if field in (2, 3):
            return bytes([op, 0xC0 | field << 3 | self.reg(1 if not op & 1 else 4)]) + count
        return bytes([op]) + self.rm(field, 1 if not op & 1 else 4) + count

    def double_shift(self):
        op = self.rng.choice((0xA4, 0xA5, 0xAC, 0xAD))
        return bytes([0x0F, op]) + self.rm(self.any_reg()) + (bytes([self.rng.getrandbits(4)]) if not op & 1 else b"")

    def bit(self):
        """
        All flags but CF and ZF are undefined after it, and QEMU computes them by what it knows of the instructions before,
        which is not the same everywhere: two more instructions make them defined.
        """
        define = b"\x0f\x92\xc0\x84\xc0"  # SETC AL; TEST AL, AL
        if self.chance(2):
            return bytes([0x0F, 0xBA]) + self.rm(self.rng.randrange(4, 8)) + bytes([self.rng.getrandbits(8)]) + define
        op = self.rng.choice((0xA3, 0xAB, 0xB3, 0xBB))
        return bytes([0x0F, op, 0xC0 | self.any_reg() << 3 | self.reg()]) + define

    def scan(self):
        return bytes([0x0F, self.rng.choice((0xBC, 0xBD, 0xB6, 0xB7, 0xBE, 0xBF, 0xAF))]) + self.rm(self.reg(), write=False)

    def exchange(self):
        op = self.rng.choice((0x86, 0x87))
        return bytes([op]) + self.rm(self.reg(1 if op == 0x86 else 4), 1 if op == 0x86 else 4)

    def compare_exchange(self):
        return bytes([0x0F, self.rng.choice((0xB1, 0xC1, 0xB1))]) + self.rm(self.reg())

    def set_or_move(self):
        condition = self.rng.randrange(16)
        if self.chance(2):
            return bytes([0x0F, 0x90 | condition, 0xC0 | self.reg(1)])  # when its store faults QEMU forgets the flags
        return bytes([0x0F, 0x40 | condition]) + self.rm(self.reg(), write=False)

    def move(self):
        op = self.rng.choice((0x88, 0x89, 0x8A, 0x8B, 0x8D))
        if op == 0x8D:
            return bytes([op]) + self.memory(self.reg())
        if op < 0x8A:
            return bytes([op]) + self.rm(self.any_reg(), 1 if op == 0x88 else 4)
        return bytes([op]) + self.rm(self.reg(1 if op == 0x8A else 4), write=False)

    def one_byte(self):
        ops = (0x98, 0x99, 0x9E, 0x9F, 0xF5, 0xF8, 0xF9, 0x90, 0x91, 0x92, 0x27, 0x2F, 0x37, 0x3F, 0xD7, 0xFC, 0xFC, 0xFD)
        return bytes([self.rng.choice(ops)])

    def adjust(self):
        return bytes([self.rng.choice((0xD4, 0xD5)), self.rng.choice((10, 10, 16, 0, 7))])

    def bswap(self):
        return bytes([0x0F, 0xC8 | self.reg()])

    INTEGER = [
        alu, alu, alu, alu_imm, alu_imm, unary, divide, inc_dec, shift, double_shift, bit, scan, exchange,
        compare_exchange, set_or_move, move, move, one_byte, one_byte, adjust, bswap,
    ]  # fmt: skip

    DEFINED = [alu, alu_imm, inc_dec, exchange, compare_exchange, set_or_move, move]

    # --- items ---

    def memory_store(self):
        kind = self.rng.randrange(4)
        if kind == 0:
            return [b"\xc7" + self.absolute(0, self.address()) + u32(self.value())]
        if kind == 1:  # with LOCK; not of registers, where QEMU allows it
            return [b"\xf0" + self.rng.choice((b"\x01", b"\x29", b"\x31", b"\x87", b"\x0f\xb1", b"\x0f\xc1")) + self.memory(EAX)]
        if kind == 2:
            return [b"\x0f\xc7" + self.memory(1) + b"\x0f\x94\xc0\x84\xc0"]  # and flags as after bit()
        return [self.prefix() + bytes([self.rng.choice((0xA1, 0xA3))]) + u32(self.address())]

    def string(self):
        """A few elements, often across pages; forwards or backwards."""
        op = self.rng.choice((0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF))
        rep = self.rng.choice((b"", b"\xf3", b"\xf3", b"\xf2"))
        insns = [bytes([0xB8 + ESI]) + u32(self.address()), bytes([0xB8 + EDI]) + u32(self.address())]
        if rep:
            insns.append(bytes([0xB8 + ECX]) + u32(self.rng.choice((0, 1, 2, 5, 9, 20))))
        if self.chance(3):
            insns.append(self.rng.choice((b"\xfc", b"\xfd")))
        segment = self.rng.choice((b"", b"", b"\x26", b"\x36", b"\x2e"))
        return [*insns, segment + rep + self.prefix() + bytes([op])]

    def stack_item(self):
        # What lies below ESP is the timer's: no program that it interrupts may read it.
        kind = self.rng.choice((0, 2, 3, 8)) if self.timer else self.rng.randrange(10)
        if kind == 0:
            return [b"\x60"] + ([b"\x61"] if self.chance(2) else [b"\x83\xc4\x20"])
        if kind == 1:
            return [bytes([0xC8]) + u16(self.rng.randrange(0, 64, 4)) + bytes([self.rng.choice((0, 0, 1))]), b"\xc9"]
        if kind == 2:
            return [b"\xff" + self.rm(6, write=False), b"\x8f" + self.rm(0)]
        if kind == 3:
            return [b"\x68" + u32(self.value()), bytes([0x6A, self.value() & 0xFF]), bytes([0x58 + self.reg()])]
        if kind == 4:  # the inner stack lies above
            top = b"\xbc" + u32(STACK_TOP - self.rng.choice((0, 2, 4, 8)))
            pop = self.rng.choice((b"\x58", b"\x61", b"\x8f\x05" + u32(self.address())))
            return [top, pop, b"\xbc" + u32(STACK_TOP - 0x100)]
        if kind == 5:
            return [b"\xbc" + u32(STACK_TOP - 0x80 - self.rng.randrange(0, 0x200, 4))]
        if kind == 6:
            return [b"\x83\xec" + bytes([self.rng.randrange(0, 64, 4)]), b"\x89" + self.stack(self.any_reg())]
        if kind == 7:  # PUSH and POP through ESP itself
            return [self.rng.choice((b"\x54", b"\xff\x34\x24", b"\xff\x74\x24\x04", b"\x8f\x44\x24\x04", b"\x8f\x04\x24"))]
        return [bytes([0x50 + self.any_reg()]), self.prefix() + bytes([0x58 + self.reg()])][: self.rng.choice((1, 2, 2))]

    def fault(self):
        kind = self.rng.randrange(9)
        if kind == 0:
            return [b"\x0f\x0b"]
        if kind == 1:
            return [b"\xcc"]
        if kind == 2:
            return [self.rng.choice((b"\xb0\x7f\x04\x01", b"\x31\xc0")), b"\xce"]
        if kind == 3:
            return [b"\x62" + self.memory(self.reg())]
        if kind == 4:
            return [b"\x31\xc9", b"\xf7\xf1"]
        if kind == 5:
            return [self.rng.choice((b"\x0f\xff", b"\x0f\x04", b"\xc5\xc0", b"\xff\xf8", b"\x8e\xc8", b"\x0f\xa6"))]
        if kind == 6:
            return [b"\x0f\xb9\xc0"]
        if kind == 7:
            return [self.rng.choice((b"\x8b", b"\x89", b"\x01", b"\x87")) + self.absolute(EAX, self.rng.getrandbits(32))]
        # CALL and JMP, near and far, LES, LFS, and MOV to ES, by a pointer that is not there
        op, field = self.rng.choice(((b"\xff", 2), (b"\xff", 4), (b"\xff", 3), (b"\xff", 5), (b"\xc4", ECX), (b"\x0f\xb4", ECX), (b"\x8e", 0)))
        return [op + self.absolute(field, self.rng.choice(ABSENT) + self.rng.randrange(-1, PAGE - 8))]
