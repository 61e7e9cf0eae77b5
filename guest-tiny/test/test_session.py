"""tools/session.py, against a small program that stands for a machine."""

import sys

import pytest
from session import Session, SessionError, lines_of, main, play

# Two shells on one console: Ctrl-T changes between them, `halt` ends both.
CONSOLE = r"""
import sys
names, now = ["red", "blue"], 0
print("cave: keyboard to red\nred| red$ \nblue| blue$ ", flush=True)
line = ""
while (c := sys.stdin.read(1)):
    if c == "\x14":
        now = 1 - now
        print("cave: keyboard to", names[now], flush=True)
    elif c == "\r":
        if line == "halt":
            sys.exit(4)
        print(f"{names[now]}| you said {line}\n{names[now]}| {names[now]}$ ", flush=True)
        line = ""
    else:
        line += c
"""
COMMAND = [sys.executable, "-c", CONSOLE]

SCRIPT = """
# talks to both
on red
wait red$
type one
wait you said one
key t
on cave
wait keyboard to blue
on blue
wait blue$
type two
wait you said two
wait blue$
type halt
end
"""


def test_lines_of():
    console = "cave: hello\nred| a\nblue| b\nred| c| d\nred|x"
    assert lines_of(console, "red") == "a\nc| d"
    assert lines_of(console, "cave") == "hello"


def test_two_machines():
    with Session(COMMAND, timeout=20) as session:
        play(session, SCRIPT)
        assert session.end() == 4
    assert lines_of(session.text, "red") == "red$ \nyou said one\nred$ "


def test_waits_go_forward():
    """What has been waited for once does not count again."""
    with Session(COMMAND, timeout=0.5) as session:
        session.on("red")
        session.wait("red$")
        with pytest.raises(SessionError, match="it has not happened"):
            session.wait("red$")


@pytest.mark.parametrize(
    "script, message",
    [
        ("on red\nwait red$\ntype halt\nwait more", 'line 4, "wait more": QEMU ended .status 4. before "more" came'),
        ("jump", 'line 1, "jump": there is no step called jump'),
    ],
)
def test_failures_say_where(script, message):
    with Session(COMMAND, timeout=20) as session, pytest.raises(SessionError, match=message):
        play(session, script)


def test_exit_status(tmp_path, monkeypatch, capsys):
    """Without a terminal the script is played; only the statuses in --ok are good."""
    monkeypatch.setenv("BATCH", "1")
    script = tmp_path / "halt.play"
    script.write_text("on red\nwait red$\ntype halt\n")
    fake = [*COMMAND]  # QEMU's own options land in sys.argv, where nobody looks
    assert main(["--play", str(script), "--ok", "4", "--", *fake]) == 0
    assert main(["--play", str(script), "--", *fake]) == 1
    assert "QEMU ended with status 4" in capsys.readouterr().err
