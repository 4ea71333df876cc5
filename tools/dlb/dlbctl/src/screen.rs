// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! A terminal, and what fits on it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue, terminal};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::termios::OptionalActions;

/// Columns and rows of a terminal that does not say how large it is, such as a serial line.
const USUAL: (usize, usize) = (80, 24);

fn size_of(terminal: impl std::os::fd::AsFd) -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(terminal).ok();
    let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0)
        .unwrap_or(USUAL)
}

/// Whether there is something to read at the terminal, for which it waits so long.
fn readable(time: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let time = Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(0),
        tv_nsec: time.subsec_nanos().into(),
    };
    match rustix::event::poll(&mut fds, Some(&time)) {
        Ok(0) | Err(Errno::INTR) => return Ok(false),
        Ok(_) => (),
        Err(e) => return Err(e.into()),
    }
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    if fds[0].revents().intersects(gone) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(true)
}

/// Has crossterm look at the terminal again. It waits for edges, and forgets one that it is told of
/// together with a change of size: the key would be seen only with the next one. Setting the modes
/// that are set already makes another edge.
fn look_again() {
    let stdin = io::stdin();
    if let Ok(modes) = rustix::termios::tcgetattr(&stdin) {
        let _ = rustix::termios::tcsetattr(&stdin, OptionalActions::Now, &modes);
    }
}

/// Columns and rows of the standard output, which is a terminal.
pub(crate) fn size() -> (usize, usize) {
    size_of(io::stdout())
}

/// Columns of the standard error, if somebody looks at it who wants to be told what is going on.
pub fn waiting(quiet: bool) -> Option<usize> {
    let stderr = io::stderr();
    (!quiet && stderr.is_terminal()).then(|| size_of(stderr).0)
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Title,
    Head,
    Bad,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) style: Style,
    pub(crate) text: String,
}

impl Row {
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Row {
            style,
            text: text.into(),
        }
    }
}

/// What somebody wants who has pressed a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// To leave.
    Quit,
    /// To see another part, or in another size.
    Moved,
}

/// A terminal that is all ours until this is dropped.
pub(crate) struct Screen {
    /// Whether keys can be read.
    keys: bool,
    /// The first line that is shown.
    from: usize,
    /// How many there were last time.
    lines: usize,
    /// Columns and rows of last time.
    size: (usize, usize),
}

impl Screen {
    pub(crate) fn new() -> Self {
        // That a terminal cannot do one of these is no reason not to show anything.
        let keys = io::stdin().is_terminal() && terminal::enable_raw_mode().is_ok();
        let _ = execute!(io::stdout(), EnterAlternateScreen, cursor::Hide);
        Screen {
            keys,
            from: 0,
            lines: 0,
            size: size(),
        }
    }

    /// Columns and rows.
    pub(crate) fn size() -> (usize, usize) {
        size()
    }

    pub(crate) fn columns(&self) -> usize {
        size().0
    }

    /// Waits for a key that means something.
    pub(crate) fn key(&mut self, time: Duration) -> Option<Key> {
        if !self.keys {
            std::thread::sleep(time);
            return None;
        }
        if std::mem::replace(&mut self.size, size()) != self.size {
            return Some(Key::Moved);
        }
        // Crossterm never comes back from a terminal that has gone.
        match readable(time) {
            Ok(true) => (),
            Ok(false) => return None,
            Err(_) => return Some(Key::Quit),
        }
        let mut moved = None;
        for _ in 0..2 {
            // Several keys may have been read at once, and what has been read does not make the
            // terminal readable again.
            while event::poll(Duration::ZERO).unwrap_or(false) {
                let key = match event::read() {
                    Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => key,
                    Ok(_) => continue,
                    Err(_) => break,
                };
                match self.press(key) {
                    Some(Key::Quit) => return Some(Key::Quit),
                    Some(Key::Moved) => moved = Some(Key::Moved),
                    None => (),
                }
            }
            if !matches!(readable(Duration::ZERO), Ok(true)) {
                break;
            }
            look_again();
        }
        moved
    }

    /// Does what a key asks for.
    fn press(&mut self, key: KeyEvent) -> Option<Key> {
        let half = size().1 / 2;
        self.from = match key.code {
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Some(Key::Quit)
            }
            KeyCode::Char('q') | KeyCode::Esc => return Some(Key::Quit),
            KeyCode::Up | KeyCode::Char('k') => self.from.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.from.saturating_add(1),
            KeyCode::PageUp => self.from.saturating_sub(half),
            KeyCode::PageDown | KeyCode::Char(' ') => self.from.saturating_add(half),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => self.lines,
            _ => return None,
        }
        .min(self.lines);
        Some(Key::Moved)
    }

    /// Shows a page, or the part of it that fits, under a line that says what it is.
    pub(crate) fn show(
        &mut self,
        what: String,
        page: Vec<Row>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.lines = page.len();
        let rows = fit(what, page, &mut self.from, size());
        let colours = std::env::var_os("NO_COLOR").is_none();
        let mut text = Vec::new();
        // Each line clears what is right of it, the last one what is below: nothing flickers.
        queue!(text, cursor::MoveTo(0, 0))?;
        let last = rows.len().saturating_sub(1);
        for (at, row) in rows.iter().enumerate() {
            match row.style {
                Style::Title => queue!(text, SetAttribute(Attribute::Bold))?,
                Style::Head => queue!(text, SetAttribute(Attribute::Underlined))?,
                Style::Bad if colours => queue!(text, SetForegroundColor(Color::Red))?,
                Style::Plain | Style::Bad => (),
            }
            queue!(
                text,
                Print(&row.text),
                ResetColor,
                SetAttribute(Attribute::Reset),
                Clear(ClearType::UntilNewLine)
            )?;
            if at < last {
                queue!(text, Print("\r\n"))?;
            }
        }
        queue!(text, Clear(ClearType::FromCursorDown))?;
        out.write_all(&text)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), cursor::Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

/// What of a page is seen: a line that says what it is, and those from `from` on, which does not go
/// beyond the end. Lines that are too long are cut.
fn fit(
    what: String,
    page: Vec<Row>,
    from: &mut usize,
    (columns, rows): (usize, usize),
) -> Vec<Row> {
    let room = rows.saturating_sub(1).max(1);
    *from = (*from).min(page.len().saturating_sub(room));
    let hidden = page.len() > room;
    let keys = match (hidden, page.len()) {
        (false, _) => "q quits".to_string(),
        (true, all) => {
            let last = (*from + room).min(all);
            let arrows = if columns < 72 { "" } else { "arrows move, " };
            format!("lines {}-{last} of {all}, {arrows}q quits", *from + 1)
        }
    };
    let gap = columns.saturating_sub(what.chars().count() + keys.chars().count());
    let head = if gap < 2 {
        format!("{what}, {keys}")
    } else {
        format!("{what}{}{keys}", " ".repeat(gap))
    };
    let mut seen = vec![Row::new(Style::Title, head)];
    seen.extend(page.into_iter().skip(*from).take(room));
    for row in &mut seen {
        if row.text.chars().count() > columns {
            row.text = row
                .text
                .chars()
                .take(columns.saturating_sub(1))
                .chain(['~'])
                .collect();
        }
    }
    seen
}

/// Breaks a text between words, so that no line is longer than `width` if words are not.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_can_be_reached() {
        let page = |count: usize| -> Vec<Row> {
            let row = |n| Row::new(Style::Plain, format!("line {n} is rather long"));
            (0..count).map(row).collect()
        };
        let mut from = 0;
        let seen = fit("things".into(), page(30), &mut from, (60, 24));
        assert_eq!(seen.len(), 24);
        assert_eq!(
            seen[0].text,
            "things                             lines 1-23 of 30, q quits"
        );
        assert_eq!(seen[1].text, "line 0 is rather long");
        from = 100;
        let seen = fit("things".into(), page(30), &mut from, (12, 24));
        assert_eq!(from, 7);
        assert_eq!(seen[0].text, "things, lin~");
        assert_eq!(seen[23].text, "line 29 is ~");
        let seen = fit("things".into(), page(3), &mut from, (80, 4));
        assert_eq!((from, seen.len()), (0, 4));
        assert!(seen[0].text.ends_with("q quits"));
        assert_eq!(seen[0].text.len(), 80);
        // Whatever the size is, something is shown.
        assert_eq!(fit("x".into(), page(3), &mut from, (1, 1)).len(), 2);
    }

    #[test]
    fn text_breaks_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrap("incomprehensible it is", 5),
            ["incomprehensible", "it is"]
        );
        assert!(wrap("", 5).is_empty());
    }
}
