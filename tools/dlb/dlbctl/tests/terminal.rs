// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `top` on a terminal: however keys come, it ends when it is told to, and leaves the terminal as it
//! was.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{self, OpenptFlags};
use rustix::termios::{self, Termios, Winsize};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Terminal {
    master: File,
    slave: File,
    child: Child,
    seen: Arc<Mutex<Vec<u8>>>,
    modes: Termios,
    _root: tempfile::TempDir,
}

impl Terminal {
    /// Starts `top` on a machine without anything, and waits until it shows that.
    fn with_top() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("sys/kernel/config/dlb")).unwrap();
        let master = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        pty::grantpt(&master).unwrap();
        pty::unlockpt(&master).unwrap();
        let name = pty::ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let slave: File = rustix::fs::open(name, flags, rustix::fs::Mode::empty())
            .unwrap()
            .into();
        let modes = termios::tcgetattr(&slave).unwrap();
        let master = File::from(master);
        let child = Command::new(env!("CARGO_BIN_EXE_dlbctl"))
            .arg("--root")
            .arg(root.path())
            .args(["top", "-i", "0.2"])
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let terminal = Terminal {
            master,
            slave,
            child,
            seen,
            modes,
            _root: root,
        };
        terminal.resize(80, 24);
        let (mut screen, seen) = (terminal.master.try_clone().unwrap(), terminal.seen.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = screen.read(&mut bytes) {
                seen.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        terminal.wait_for("there are no domains");
        terminal
    }

    fn resize(&self, ws_col: u16, ws_row: u16) {
        let size = Winsize {
            ws_col,
            ws_row,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        termios::tcsetwinsize(&self.slave, size).unwrap();
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh")
            .args(["-c", &command])
            .status()
            .unwrap()
            .success());
    }

    fn wait_for(&self, words: &str) {
        let start = Instant::now();
        while !String::from_utf8_lossy(&self.seen.lock().unwrap()).contains(words) {
            assert!(start.elapsed() < PATIENCE, "it does not say {words}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It ends, and all is as before.
    fn ends(mut self) {
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if start.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(self.child.wait().unwrap().success());
        let modes = termios::tcgetattr(&self.slave).unwrap();
        assert_eq!(modes.local_modes, self.modes.local_modes);
        assert_eq!(modes.input_modes, self.modes.input_modes);
        // The other screen is left.
        self.wait_for("\x1b[?1049l");
    }
}

#[test]
fn keys_that_come_together_are_all_seen() {
    let mut terminal = Terminal::with_top();
    terminal.master.write_all(b"jjkkG\x1b[Aq").unwrap();
    terminal.ends();
}

#[test]
fn a_key_that_comes_with_a_change_of_size_is_seen() {
    let mut terminal = Terminal::with_top();
    // As if it was slow: all of it is there when it looks.
    terminal.signal("STOP");
    terminal.resize(60, 20);
    terminal.signal("WINCH");
    terminal.master.write_all(b"q").unwrap();
    terminal.signal("CONT");
    terminal.ends();
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    for signal in ["TERM", "INT", "HUP"] {
        let terminal = Terminal::with_top();
        terminal.signal(signal);
        terminal.ends();
    }
}
