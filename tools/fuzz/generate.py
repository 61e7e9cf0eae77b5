"""Makes program number n of a seed: always the same one."""

from __future__ import annotations

import random

from fuzz import sensitive
from fuzz.arena import END_VECTOR, STACK_TOP
from fuzz.control import Control
from fuzz.integer import Integer
from fuzz.program import TIMER, Item, Program
from fuzz.system import System

# What direct execution cannot virtualize is left out of these.
DIRECT = "direct"
MIXED = "mixed"


class Generator(Integer, Control, sensitive.Sensitive, System):
    """All the ways to make an item; each method gives a list of instructions."""

    def __init__(self, seed: int, number: int, kind: str):
        super().__init__(random.Random(f"{seed}/{number}/{kind}"))
        self.number, self.kind = number, kind
        self.length = self.rng.choice((6, 12, 25, 25, 40))
        self.single_step = self.chance(12)
        self.timer = not self.single_step and self.chance(6)
        self.variants = []
        self.functions = []
        self.choose_theme()

    def choose_theme(self) -> None:
        """One program does much of one thing: then its instructions meet each other."""
        weights = {
            self.integer: 30, self.memory_store: 4, self.set_pointer: 4, self.string: 3, self.stack_item: 5,
            self.branch: 10, self.call: 4, self.indirect: 3, self.ret: 2, self.loop_back: 4, self.fault: 3,
            self.flags: 8, self.segment: 5, self.table: 3, self.question: 3, self.far: 4, self.interrupt: 3,
            self.control: 3, self.debug: 1, self.port: 2, self.irq: 2, self.fpu: 2, self.modify: 3, self.remap: 2,
            self.page: 2, self.user_mode: 1, self.misc: 2,
        }  # fmt: skip
        if self.kind == DIRECT:
            for method in (self.flags, self.question, self.far):
                weights[method] = 0
        if self.timer:  # where a monitor goes step by step it has no time for so many interrupts
            weights[self.debug] = 0
        if self.single_step:  # QEMU does not step over STI as the manual has it, nor onto breakpoints
            weights[self.irq] = weights[self.debug] = 0
        for method in self.rng.sample([m for m in weights if weights[m]], 3):
            weights[method] *= 6
        self.methods, self.weights = list(weights), list(weights.values())

    def item(self, n: int) -> Item:
        self.here = n
        method = self.rng.choices(self.methods, self.weights)[0]
        return Item(tuple(tuple(i) if isinstance(i, (tuple, list)) else (i,) for i in method()), f"L{n}")

    def program(self) -> Program:
        items = [self.item(n) for n in range(self.length)]
        items.append(Item(((bytes([0xCD, END_VECTOR]),),), f"L{self.length}"))
        items += self.returns_from_user()
        items += [Item(tuple(self.function_body(f)), f"F{f}") for f in range(len(self.functions))]
        items.append(Item(((bytes([0xCD, END_VECTOR]),),), "end"))
        return Program(
            number=self.number,
            data=self.rng.getrandbits(32),
            items=tuple(items),
            user=self.user_code(),
            at=self.rng.randrange(0xE00, 0x1000) if self.chance(2) else self.rng.randrange(0, 0x1000),
            gpr=self.first_registers(),
            eflags=2 | self.rng.getrandbits(12) & 0x8D5 | (0x100 if self.single_step else 0) | self.first_if(),
            flags=TIMER if self.timer else 0,
            guard=self.rng.choice((3, 10, 40)),
            variants=tuple(self.variants),
        )

    def first_if(self) -> int:
        return 0x200 if self.timer or self.chance(2) else 0

    def first_registers(self) -> tuple[int, ...]:
        gpr = [self.value() for _ in range(8)]
        for reg in (3, 5, 6, 7):
            gpr[reg] = self.pointer()
        gpr[4] = STACK_TOP - 0x100 - self.rng.randrange(0, 0x200, 4)
        return tuple(gpr)


def generate(seed: int, number: int, kind: str = MIXED) -> Program:
    return Generator(seed, number, kind).program()
