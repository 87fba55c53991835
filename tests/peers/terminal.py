"""A terminal: runs a command on a pseudo terminal, and shows what is on its screen. pyte understands the escape sequences.

    terminal.py ROWS COLUMNS PROGRAM ARGUMENT...

Each line of its stdin is an order, answered by a line with the screen as it is after it:

    {}                      nothing
    {"type": "q"}           keys are pressed
    {"resize": [10, 40]}    the window gets another size
    {"signal": 15}          the command gets a signal
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

import pyte

# As DEC has it; pyte keeps private modes shifted.
ALTERNATE = 1049 << 5


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def coloured(screen):
    """Each run of characters in a colour of its own."""
    runs = []
    for row in range(screen.lines):
        text, colour = "", "default"
        for column in range(screen.columns + 1):
            cell = screen.buffer[row][column] if column < screen.columns else None
            if cell is None or cell.fg != colour:
                if colour != "default":
                    runs.append([colour, text.strip()])
                text, colour = "", cell.fg if cell else "default"
            if cell:
                text += cell.data
    return runs


def main():
    rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    terminal, end = pty.openpty()
    resize(end, rows, columns)
    child = os.fork()
    if child == 0:
        os.close(terminal)
        take(end)
        os.execvp(command[0], command)
    # The command's end of it stays open here, so that its modes can be looked at when the command has ended.
    screen, raw, status = pyte.Screen(columns, rows), bytearray(), None
    stream = pyte.ByteStream(screen)

    def take_in():
        part = os.read(terminal, 65536)
        raw.extend(part)
        stream.feed(part)

    while True:
        ready, _, _ = select.select([terminal, sys.stdin], [], [])
        if terminal in ready:
            take_in()
            continue
        order = sys.stdin.readline()
        if not order:
            break
        order = json.loads(order)
        if "type" in order:
            os.write(terminal, order["type"].encode())
        if "resize" in order:
            resize(terminal, *order["resize"])
            screen.resize(*order["resize"])
        if "signal" in order:
            os.kill(child, order["signal"])
        ended, code = (child, 0) if status is not None else os.waitpid(child, os.WNOHANG)
        # What it wrote last is read before its end is told.
        while select.select([terminal], [], [], 0)[0]:
            take_in()
        if ended and status is None:
            status = os.waitstatus_to_exitcode(code)
        modes = termios.tcgetattr(end)[3]
        answer = {
            "lines": [line.rstrip() for line in screen.display],
            "coloured": coloured(screen),
            "raw": raw.decode("utf-8", "replace"),
            "alternate": ALTERNATE in screen.mode,
            "cursor": not screen.cursor.hidden,
            "keys_are_lines": bool(modes & termios.ICANON),
            "keys_are_seen": bool(modes & termios.ECHO),
            "code": status,
        }
        print(json.dumps(answer), flush=True)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def take(end):
    """The terminal becomes the child's own, and its stdin, stdout and stderr."""
    os.setsid()
    fcntl.ioctl(end, termios.TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(end, stream)
    if end > 2:
        os.close(end)


main()
