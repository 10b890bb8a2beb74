# SPDX-License-Identifier: Apache-2.0
"""The terminal of a running machine, seen from the other end of a pty.

usage: terminal.py DOPPEL ECHO_PROGRAM; prints "ok NAME" and "not ok NAME: why".
"""
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

DOPPEL, ECHO = sys.argv[1:3]
ESCAPE = b"\x1d"
LIMIT = 30


class Session:
    def __init__(self, *args):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        self.process = subprocess.Popen(
            [DOPPEL, *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True,
        )

    def wait_for(self, text, seconds=LIMIT):
        end = time.time() + seconds
        while text not in self.output:
            ready, _, _ = select.select([self.master], [], [], 0.1)
            if ready:
                self.output += os.read(self.master, 4096)
            elif time.time() > end:
                raise AssertionError(f"no {text!r} in {self.output[-200:]!r}")
        self.output = self.output.split(text, 1)[1]

    def send(self, data):
        os.write(self.master, data)

    def status(self):
        return self.process.wait(LIMIT)

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.attributes()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def wait_raw(self, raw):
        end = time.time() + LIMIT
        while self.is_raw() != raw:
            assert time.time() < end, f"terminal is {'not ' if raw else ''}raw"
            time.sleep(0.02)

    def check_restored(self):
        assert self.attributes() == self.before, "the terminal is not as it was"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def started(*args):
    s = Session("run", *args, ECHO)
    s.wait_for(b"ready")
    s.wait_raw(True)
    return s


def the_terminal_is_raw_and_restored_after_power_off():
    s = started()
    s.send(b"abc")
    s.wait_for(b"abc")
    s.send(b"Q")
    assert s.status() == 0, "exit status"
    return s


def the_guests_failure_is_the_exit_status():
    s = started()
    s.send(b"F")
    assert s.status() == 7, "exit status"
    return s


def control_c_goes_to_the_guest():
    s = started()
    s.send(b"\x03\x1a\x1c")
    s.wait_for(b"\x03\x1a\x1c")
    s.send(b"Q")
    assert s.status() == 0, "exit status"
    return s


def the_escape_key_quits():
    s = started()
    s.send(ESCAPE + b"x")
    assert s.status() == 0, "exit status"
    return s


def the_escape_key_shows_help_and_sends_itself():
    s = started()
    s.send(ESCAPE + b"h")
    s.wait_for(b"quit")
    s.send(ESCAPE + ESCAPE)
    s.wait_for(ESCAPE)
    s.send(ESCAPE + b"x")
    s.status()
    return s


def the_escape_key_works_when_the_guest_does_not_read():
    s = started()
    s.send(b"W")
    s.send(b"y" * 3000)
    time.sleep(0.2)
    s.send(ESCAPE + b"x")
    assert s.status() == 0, "exit status"
    return s


def the_escape_key_resets():
    s = started()
    s.send(ESCAPE + b"r")
    s.wait_for(b"ready")
    s.send(b"Q")
    assert s.status() == 0, "exit status"
    return s


def the_escape_key_pauses_and_goes_on():
    s = started()
    s.send(ESCAPE + b"p")
    s.wait_for(b"paused")
    s.send(b"zz")
    time.sleep(0.3)
    s.send(ESCAPE + b"p")
    s.wait_for(b"goes on")
    s.wait_for(b"zz")
    s.send(b"Q")
    assert s.status() == 0, "exit status"
    return s


def a_paused_machine_can_be_quit():
    s = started()
    s.send(ESCAPE + b"p")
    s.wait_for(b"paused")
    s.send(ESCAPE + b"x")
    assert s.status() == 0, "exit status"
    return s


def end_by(sig, status):
    def test():
        s = started()
        os.kill(s.process.pid, sig)
        got = s.status()
        assert got == status, f"exit status {got}, not {status}"
        return s
    test.__name__ = f"the_terminal_is_restored_after_{signal.Signals(sig).name}"
    return test


def a_stop_gives_the_terminal_back_and_takes_it_again():
    s = started()
    os.kill(s.process.pid, signal.SIGTSTP)
    s.wait_raw(False)
    s.check_restored()
    os.kill(s.process.pid, signal.SIGCONT)
    s.wait_raw(True)
    s.send(b"abc")
    s.wait_for(b"abc")
    s.send(b"Q")
    assert s.status() == 0, "exit status"
    return s


def a_stop_that_cannot_be_caught_ends_in_raw_mode_again():
    s = started()
    os.kill(s.process.pid, signal.SIGSTOP)
    termios.tcsetattr(s.slave, termios.TCSANOW, s.before)
    os.kill(s.process.pid, signal.SIGCONT)
    s.wait_raw(True)
    s.send(b"Q")
    assert s.status() == 0, "exit status"
    return s


def a_machine_that_cannot_start_leaves_the_terminal_alone():
    s = Session("run", "/dev/null/none")
    assert s.status() == 125, "exit status"
    return s


TESTS = [
    the_terminal_is_raw_and_restored_after_power_off,
    the_guests_failure_is_the_exit_status,
    control_c_goes_to_the_guest,
    the_escape_key_quits,
    the_escape_key_shows_help_and_sends_itself,
    the_escape_key_works_when_the_guest_does_not_read,
    the_escape_key_resets,
    the_escape_key_pauses_and_goes_on,
    a_paused_machine_can_be_quit,
    end_by(signal.SIGTERM, 128 + signal.SIGTERM),
    end_by(signal.SIGHUP, 128 + signal.SIGHUP),
    end_by(signal.SIGSEGV, -signal.SIGSEGV),
    end_by(signal.SIGABRT, -signal.SIGABRT),
    end_by(signal.SIGUSR2, -signal.SIGUSR2),
    end_by(signal.SIGXCPU, -signal.SIGXCPU),
    a_stop_gives_the_terminal_back_and_takes_it_again,
    a_stop_that_cannot_be_caught_ends_in_raw_mode_again,
    a_machine_that_cannot_start_leaves_the_terminal_alone,
]


def main():
    bad = 0
    for test in TESTS:
        s = None
        try:
            s = test()
            s.check_restored()
            print("ok", test.__name__, flush=True)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as e:
            bad = 1
            print(f"not ok {test.__name__}: {e}", flush=True)
        finally:
            if s:
                s.close()
    return bad


sys.exit(main())
