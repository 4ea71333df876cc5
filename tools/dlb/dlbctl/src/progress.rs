// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What is going on, for somebody who waits at a terminal for more than a second.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nobody has to be told anything.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is told anew, so that it is seen to be alive.
const AGAIN: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Now {
    words: String,
    over: bool,
}

type Shared = Arc<(Mutex<Now>, Condvar)>;

/// Something that may take long. Its line on the terminal goes with it.
pub(crate) struct Progress(Option<(Shared, JoinHandle<()>)>);

impl Progress {
    /// Begins, on a terminal of so many columns; `None` is for when nobody looks.
    pub(crate) fn new(columns: Option<usize>) -> Self {
        Self::on(columns, io::stderr())
    }

    fn on(columns: Option<usize>, out: impl Write + Send + 'static) -> Self {
        let started = columns.and_then(|columns| {
            let shared = Shared::default();
            let other = shared.clone();
            let draw = move || draw(&other, columns, out);
            // Without a thread it is done all the same.
            let thread = std::thread::Builder::new().spawn(draw).ok()?;
            Some((shared, thread))
        });
        Progress(started)
    }

    /// Says what is going on now.
    pub(crate) fn tell(&self, words: impl FnOnce() -> String) {
        if let Some((shared, _)) = &self.0 {
            lock(&shared.0).words = words();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((shared, thread)) = self.0.take() {
            lock(&shared.0).over = true;
            shared.1.notify_all();
            let _ = thread.join();
        }
    }
}

fn lock(now: &Mutex<Now>) -> std::sync::MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}

fn draw(shared: &Shared, columns: usize, mut out: impl Write) {
    let start = Instant::now();
    let mut drawn = false;
    let mut now = lock(&shared.0);
    loop {
        let pause = if drawn { AGAIN } else { PATIENCE };
        let waited = shared.1.wait_timeout_while(now, pause, |now| !now.over);
        now = waited.unwrap_or_else(PoisonError::into_inner).0;
        if now.over {
            break;
        }
        let text = format!("{} s: {}", start.elapsed().as_secs(), now.words);
        let text: String = text.chars().take(columns.saturating_sub(1)).collect();
        // That it cannot be told does not change what is done.
        let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
        drawn = true;
    }
    if drawn {
        let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn what_takes_long_is_told_and_wiped_out() {
        let paper = Paper::default();
        let progress = Progress::on(Some(16), paper.clone());
        progress.tell(|| "something that is rather long".into());
        while paper.text().is_empty() {
            std::thread::yield_now();
        }
        drop(progress);
        let text = paper.text();
        // Fifteen characters: the last column would move the line.
        let first = text.split('\r').nth(1).unwrap_or_default();
        assert!(first.starts_with("\x1b[K"), "{text:?}");
        assert!(first.contains(" s: something"), "{text:?}");
        assert_eq!(first.chars().count(), 3 + 15, "{text:?}");
        assert!(text.ends_with("\r\x1b[K"), "{text:?}");
    }

    #[test]
    fn nobody_is_told_what_is_done_at_once() {
        let paper = Paper::default();
        drop(Progress::on(Some(80), paper.clone()));
        assert_eq!(paper.text(), "");
        drop(Progress::on(None, paper.clone()));
        assert_eq!(paper.text(), "");
    }
}
