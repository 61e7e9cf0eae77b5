"""Shows a grade on a terminal: a table, then what happened in each behaviour that failed, and the command that replays it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cavegrade.judge import Difference
from cavegrade.model import FAILED, PASSED, Grade, Verdict

MARK = {PASSED: "[green]✔[/]", FAILED: "[red]✘[/]"}
NOT_TRIED = "[yellow]–[/]"


def show(grade: Grade, console: Console, command: str) -> None:
    """`command`: what was typed, to which TEST= is added for a replay."""
    if not grade.build_error:
        console.print(table(grade))
    if grade.build_error:
        console.print(f"[bold red]does not build:[/] {escape(grade.build_error)}", highlight=False)
        for line in grade.verdicts[0].story.details:
            console.print(f"  {line}", markup=False, highlight=False)
    else:
        for verdict in grade.verdicts:
            if verdict.outcome == FAILED:
                show_failure(verdict, grade, console, command)
    style = "green" if grade.points == grade.maximum else "red"
    console.print(f"[bold {style}]{grade.points} of {grade.maximum} points[/]  (SEED={grade.seed})", highlight=False)


def show_verdict(verdict: Verdict, console: Console) -> None:
    """One line, as soon as it is known."""
    mark = MARK.get(verdict.outcome, NOT_TRIED)
    console.print(f"{mark} {verdict.behaviour.title} [dim]({verdict.points} / {verdict.behaviour.points})[/]", highlight=False)


def table(grade: Grade) -> Table:
    result = Table(title=f"Lab {grade.lab.number}: {grade.lab.title}", title_justify="left", title_style="bold")
    result.add_column("")
    result.add_column("behaviour")
    result.add_column("points", justify="right")
    result.add_column("what happened", ratio=1)
    for verdict in grade.verdicts:
        result.add_row(
            MARK.get(verdict.outcome, NOT_TRIED),
            verdict.behaviour.title,
            f"{verdict.points} / {verdict.behaviour.points}",
            Text(verdict.story.headline if verdict.story else ""),
        )
    return result


def show_failure(verdict: Verdict, grade: Grade, console: Console, command: str) -> None:
    behaviour, story = verdict.behaviour, verdict.story
    console.rule(f"[bold red]{behaviour.title}[/] [dim]({behaviour.name})[/]", align="left")
    console.print(f"The guest [bold]guest-tiny/probes/{behaviour.probe}.c[/] was run.", highlight=False)
    console.print(Text(story.headline, style="red"))
    for line in story.details:
        console.print(Text(f"  {line}"))
    if story.difference:
        show_difference(story.difference, console)
    if verdict.last and verdict.last != story.details:
        console.print("[bold]What the monitor said last:[/]")
        for line in verdict.last:
            console.print(Text(f"  cave: {line}", style="dim"))
    if verdict.exits:
        console.print("[bold]What it did before that (run again with its trace, without the serial port):[/]")
        for line in verdict.exits:
            console.print(Text(f"  {line}", style="dim"))
    read = story.read or f"#{behaviour.read}"
    if read.startswith("#"):
        read = f"{grade.lab.handout.relative_to(grade.lab.directory.parents[1])}{read}"
    console.print(f"[bold]Read on:[/]  {escape(read)}", highlight=False)
    console.print(f"[bold]Replay:[/]   {command} TEST={behaviour.name} SEED={grade.seed}", highlight=False, soft_wrap=True)
    console.print(f"[bold]Debug:[/]    {command} TEST={behaviour.name} SEED={grade.seed} GDB=1\n", highlight=False, soft_wrap=True)


def show_difference(difference: Difference, console: Console) -> None:
    where = f"First difference, line {difference.line} of the guest's output:" if difference.line else "What it said:"
    console.print(f"[bold]{where}[/]")
    for line in difference.before:
        console.print(Text(f"             {line}", style="dim"))
    console.print(marked("  expected   ", difference.expected, difference.got, "green"))
    console.print(marked("  got        ", difference.got, difference.expected, "red"))
    if difference.expected and difference.got:
        console.print(" " * (13 + common_prefix(difference.expected, difference.got)) + "^", style="red")


def marked(label: str, line: str | None, other: str | None, style: str) -> Text:
    """The line with what differs from the other in colour."""
    if line is None:
        return Text(f"{label}(nothing)", style="italic")
    same = common_prefix(line, other or "")
    return Text.assemble(label, line[:same], (line[same:], f"bold {style} underline"))


def common_prefix(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
