"""Items that go elsewhere: branches, loops, calls, tables of addresses; forwards freely, backwards past a guard."""

from __future__ import annotations

from fuzz.arena import CODE, CODE_AGAIN, DATA, GUARD, OTHER, STACK_TOP
from fuzz.encode import EAX, ECX, EDX, Operands, u16, u32
from fuzz.program import Address, Jump, bound

FUNCTIONS_MOST = 4
SLOT = DATA + 0x80  # for a pointer to code


class Control(Operands):
    def later(self) -> str:
        """A label further on."""
        return f"L{min(self.length, self.here + self.rng.choice((1, 1, 2, 3, 6, 15)))}"

    def conditional(self, label: str):
        condition = self.rng.randrange(16)
        if self.chance(8):
            # LOOP and JECXZ reach only a short way: over a long jump
            op = self.rng.choice((0xE0, 0xE1, 0xE2, 0xE3))
            return [bytes([op, 2]), b"\xeb\x05", Jump(b"", b"\xe9", label)]
        return [Jump(bytes([0x70 | condition]), bytes([0x0F, 0x80 | condition]), label)]

    def overlap(self):
        """A branch into the next instruction, whose bytes are code in two ways."""
        inside = bytes(self.rng.choice((0x40, 0x41, 0x4A, 0x90, 0xF5, 0xF8, 0xF9, 0x98, 0x99)) for _ in range(4))
        return [bytes([0x70 | self.rng.randrange(16), 1]), b"\xb8" + inside]

    def branch(self):
        if self.chance(12):
            return self.overlap()
        if self.chance(5):
            return [Jump(b"\xeb", b"\xe9", self.later())]
        return self.conditional(self.later())

    def guarded(self):
        """How a way back begins: no program goes on for ever, nor its stack down."""
        guard = [b"\xff" + self.absolute(1, GUARD), Jump(b"\x78", b"\x0f\x88", "end")]
        return guard if self.timer else [*guard, b"\xbc" + u32(STACK_TOP - 0x80 - self.rng.randrange(0, 0x200, 4))]

    def loop_back(self):
        back = f"L{self.rng.randrange(max(0, self.here - 8), self.here + 1)}"
        if back == f"L{self.here}":  # a tight one
            return [bytes([0xB8 + ECX]) + u32(self.rng.randrange(1, 30)), self.integer_safe(), b"\x49", b"\x75" + self.tight()]
        return self.guarded() + self.conditional(back)

    def integer_safe(self):
        """Leaves ECX alone, and cannot fault; two bytes."""
        return self.rng.choice((b"\x01\xc2", b"\x11\xd0", b"\x31\xc2", b"\xd1\xc0", b"\x29\xd0", b"\x90\x90", b"\x31\xd0"))

    @staticmethod
    def tight() -> bytes:
        return b"\xfb"  # two bytes, DEC ECX and the JNZ itself

    def function(self) -> str:
        if self.here < 0 or (len(self.functions) < FUNCTIONS_MOST and self.chance(2)) or not self.functions:
            self.functions.append(self.rng.choice((0, 0, 4, 8, 12)))
        return f"F{self.rng.randrange(len(self.functions))}"

    def arguments(self, label: str):
        """As many as the function takes away again."""
        return [bytes([0x50 + self.any_reg()]) for _ in range(self.functions[int(label[1:])] // 4)]

    def call(self):
        label = self.function()
        return self.arguments(label) + [Jump(b"", b"\xe8", label)]

    def base(self) -> int:
        """The same code by one of its addresses. Some have other immediates there."""
        return self.rng.choice((CODE, CODE, CODE, CODE_AGAIN, OTHER))

    def indirect(self):
        """
        Through a register, or memory, or a small table behind an index. Never to data, because memory could not be written:
        there are instructions that QEMU knows and no processor, such as C7 /6.
        """
        label, kind = self.later(), self.rng.randrange(5)
        if kind == 0:
            return [(bytes([0xB8 + EDX]), Address(label, self.base())), b"\xff\xe2"]
        if kind == 1:
            return bound([(b"\xc7" + self.absolute(0, SLOT), Address(label, self.base())), b"\xff" + self.absolute(4, SLOT)])
        if kind == 2:
            other = self.later()
            fill = [(b"\xc7" + self.absolute(0, SLOT), Address(label, self.base())), (b"\xc7" + self.absolute(0, SLOT + 4), Address(other))]
            return bound([*fill, b"\x83\xe0\x01", b"\xff\x24\x85" + u32(SLOT)])
        target = self.function()
        if kind == 3:
            return self.arguments(target) + [(bytes([0xB8 + EAX]), Address(target)), b"\xff\xd0"]
        through = [(b"\xc7" + self.absolute(0, SLOT), Address(target)), b"\xff" + self.absolute(2, SLOT)]
        return self.arguments(target) + bound(through)

    def ret(self):
        label = self.later()
        if self.chance(3):
            return [b"\x50", (b"\x68", Address(label)), b"\xc2" + u16(4)]
        return [(b"\x68", Address(label, self.base())), b"\xc3"]

    def function_body(self, f: int):
        """Straight code, and what stays balanced; at times a call to a later function."""
        self.in_function = True
        insns = [(self.integer()[0],) for _ in range(self.rng.randrange(1, 4))]
        self.in_function = False
        if f + 1 < len(self.functions) and self.chance(2):
            insns += [(i,) for i in self.arguments(f"F{f + 1}")] + [(Jump(b"", b"\xe8", f"F{f + 1}"),)]
        takes = self.functions[f]
        return [*insns, (b"\xc2" + u16(takes),) if takes or self.chance(6) else (b"\xc3",)]
