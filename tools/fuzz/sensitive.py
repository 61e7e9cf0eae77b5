"""Items of the 17 instructions that ring 3 runs without a trap (Robin and Irvine 2000), and flags and segments around them."""

from __future__ import annotations

from fuzz.arena import CALL_VECTOR, CODE_TOO, DATA, DATA_TOO, GLOBAL, KERNEL_CODE, KERNEL_DATA, LOADABLE, LOCAL, NEVER
from fuzz.encode import EAX, ECX, EDX, Operands, u16, u32
from fuzz.program import Address, bound

# EFLAGS that a program may ask for: arithmetic, DF, IF, IOPL, NT, AC, ID; TF and RF seldom; never VM.
FLAGS = 0x8D5 | 0x400 | 0x200 | 0x3000 | 0x4000 | 0x40000 | 0x200000
SLOT = DATA + 0x90


class Sensitive(Operands):
    def some_flags(self) -> int:
        flags = self.rng.getrandbits(22) & FLAGS | 2
        if self.timer or not self.chance(4):
            flags &= ~0x3000  # IOPL
        if self.single_step and self.chance(4):
            flags |= 0x100
        if self.chance(10):
            flags |= 0x10000
        return flags if not self.timer else flags | 0x200

    def flags(self):
        kind = self.rng.randrange(8)
        if kind == 0:
            return [self.prefix() + b"\x9c", bytes([0x58 + self.reg()])]
        if kind == 1:
            return [b"\x68" + u32(self.some_flags()), b"\x9d"]
        if kind == 2:
            return [b"\x9c", b"\x9d"]
        if kind == 3:
            return [b"\x9c", b"\xfa", b"\x9d"]
        if kind == 4:  # the saved flags changed in memory
            return [b"\x9c", b"\x81\x34\x24" + u32(self.some_flags() & ~0x100), b"\x9d"]
        if kind == 5:
            return [b"\x66\x68" + u16(self.some_flags()), b"\x66\x9d"]
        # QEMU lets the shadow of STI outlive an exception in it: here is none. And STI in the shadow of MOV SS need not have
        # one of its own (SDM 2B, MOV): before it is a NOP.
        return [b"\xfa"] if self.single_step or self.chance(3) else [b"\x90", b"\xfb", self.rng.choice((b"\x90", b"\x42", b"\xfa", b"\xfb", b"\x9c"))]

    def selector(self) -> int:
        return self.rng.choice(self.rng.choice((GLOBAL, GLOBAL, LOCAL, NEVER))) | self.rng.choice((0, 0, 0, 3))

    def load(self, which: int, selector: int):
        """Into ES, SS, DS, FS or GS, in one of four ways."""
        kind = self.rng.randrange(3)
        if kind == 0:
            return [b"\x68" + u32(selector), {0: b"\x07", 2: b"\x17", 3: b"\x1f", 4: b"\x0f\xa1", 5: b"\x0f\xa9"}[which]]
        if kind == 1:
            return [bytes([0xB8 + EAX]) + u32(selector), bytes([0x8E, 0xC0 | which << 3])]
        return bound([b"\x66\xc7" + self.absolute(0, SLOT) + u16(selector), b"\x8e" + self.absolute(which, SLOT)])

    def segment(self):
        kind = self.rng.randrange(8)
        which = self.rng.choice((0, 3, 4, 5))
        if kind < 3:  # good, used, and flat again; not used unless it was loaded: QEMU reads and writes through any segment
            # A load or a store: of a read-modify-write that faults, QEMU says that it read
            use = self.rng.choice((b"\x8b", b"\x89"))
            override = {0: b"\x26", 3: b"\x3e", 4: b"\x64", 5: b"\x65"}[which]
            selector = self.rng.choice(LOADABLE)
            insns = self.load(which, selector) + [override + use + self.absolute(EDX, self.rng.randrange(0x1000) if selector in (0x40, 12) else self.address())]
            return bound(insns) + self.load(which, KERNEL_DATA if which in (0, 3) else 0x80)
        if kind == 3 and self.kind != "direct":  # any at all, and not used; direct execution shows its stand-ins
            return self.load(self.rng.choice((4, 5)), self.selector())
        if kind == 4:
            no = 7 if self.kind == "direct" else 4  # with RPL 3, direct execution loads what is promoted, and its stand-ins
            return self.load(2, self.rng.choice((KERNEL_DATA, DATA_TOO, DATA_TOO, self.selector() & ~no if self.chance(3) else 0)) if self.chance(2) else DATA_TOO)
        if kind == 5 and self.kind != "direct":
            return [bytes([self.rng.choice((0x0E, 0x16, 0x1E, 0x06))]), bytes([0x58 + self.reg()])]
        if kind == 6:
            sregs = (0, 1, 2, 3, 4, 5) if self.kind != "direct" else (0, 3, 4, 5)
            return [self.prefix() + b"\x8c" + self.rm(self.rng.choice(sregs))]
        op = self.rng.choice((b"\x0f\xb4", b"\x0f\xb5", b"\xc4"))
        selector = self.rng.choice((KERNEL_DATA, 0x80, self.selector() if op != b"\xc4" and self.kind != "direct" else 0x90))
        fill = [b"\xc7" + self.absolute(0, SLOT) + u32(self.value()), b"\x66\xc7" + self.absolute(0, SLOT + 4) + u16(selector)]
        return bound([*fill, op + self.absolute(self.rng.choice((EAX, ECX, EDX)), SLOT)])

    def table(self):
        """SGDT SIDT SLDT STR SMSW."""
        kind = self.rng.randrange(5)
        if kind < 2:  # not across pages: QEMU writes the first half before it faults at the second
            return [b"\x0f\x01" + self.absolute(kind, DATA + self.rng.randrange(0xFF0))]
        if kind < 4:
            return [b"\x0f\x00" + self.rm(kind - 2)]
        return [self.prefix() + b"\x0f\x01" + self.rm(4)]

    def question(self):
        """LAR LSL VERR VERW."""
        selector = bytes([0xB8 + ECX]) + u32(self.selector())
        kind = self.rng.randrange(5)
        if kind < 2:
            return [selector, self.prefix() + bytes([0x0F, 2 + kind, 0xC0 | self.reg() << 3 | ECX])]
        if kind < 4:
            return [selector, bytes([0x0F, 0x00, 0xC0 | (2 + kind) << 3 | ECX])]
        op = self.rng.choice((b"\x0f\x02", b"\x0f\x03", b"\x0f\x00"))
        field = self.rng.choice((4, 5)) if op == b"\x0f\x00" else self.reg()
        return [b"\x66\xc7" + self.absolute(0, SLOT) + u16(self.selector()), op + self.absolute(field, SLOT)]

    def code_selector(self) -> int:
        return self.rng.choice((KERNEL_CODE, CODE_TOO, CODE_TOO, KERNEL_CODE, 0x50, 0x58, self.selector() & ~3 if self.chance(2) else 8))

    def safe_selector(self) -> int:
        """No valid gate or task is among the code selectors. Another one for each interrupt may cost a translator much."""
        if self.timer:
            return KERNEL_CODE
        while True:
            selector = self.code_selector()
            if selector & ~3 not in (0x70, 0x78, 0x28, 0x3C, 0x44):
                return selector

    def far(self):
        label, kind, selector = self.later(), self.rng.randrange(8), self.safe_selector()
        if kind == 0:
            return [(b"\xea", Address(label), u16(selector))]
        if kind == 1:
            return [(b"\x9a", Address(label), u16(selector)), b"\x90"]
        if kind == 2:
            return bound(self.far_pointer(label, selector) + [b"\xff" + self.absolute(self.rng.choice((3, 5)), SLOT)])
        if kind == 3:
            return [b"\x68" + u32(selector), (b"\x68", Address(label)), b"\xcb"]
        if kind == 4:
            return [b"\x50", b"\x68" + u32(selector), (b"\x68", Address(label)), b"\xca" + u16(4)]
        if kind == 5:  # CALL far over a JMP, to a far RET that leads back to it
            return [(b"\x9a", Address(f"L{self.here}", plus=9), u16(KERNEL_CODE)), b"\xeb\x01", b"\xcb"]
        flags = u32(self.some_flags() & ~0x4000)
        return [b"\x68" + flags, b"\x68" + u32(selector), (b"\x68", Address(label)), b"\xcf"] if kind == 6 else [b"\x9c", b"\x0e", (b"\x68", Address(label)), b"\xcf"]

    def far_pointer(self, label: str, selector: int):
        return [(b"\xc7" + self.absolute(0, SLOT), Address(label)), b"\x66\xc7" + self.absolute(0, SLOT + 4) + u16(selector)]

    def interrupt(self):
        return [bytes([0xCD, self.rng.choice((CALL_VECTOR, CALL_VECTOR, CALL_VECTOR, 0x90, 3))])]
