// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What fits on a terminal.

/// Columns and rows of a terminal that does not say how large it is, such as a serial line.
const USUAL: (usize, usize) = (80, 24);

/// Columns and rows of the standard output, which is a terminal.
pub(crate) fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0)
        .unwrap_or(USUAL)
}

/// Cuts lines that are too long, and those at the end that are too many, and says how many.
pub(crate) fn fit(lines: &mut Vec<String>, (columns, rows): (usize, usize)) {
    if lines.len() > rows {
        let left = rows.saturating_sub(1);
        let more = lines.len() - left;
        lines.truncate(left);
        lines.push(format!(
            "({more} more lines: name a domain, or use a larger window)"
        ));
    }
    for line in lines {
        if line.chars().count() > columns {
            *line = line.chars().take(columns.saturating_sub(1)).collect();
            line.push('~');
        }
    }
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
    fn what_does_not_fit_is_cut_and_told() {
        let mut lines: Vec<_> = (0..30)
            .map(|n| format!("line {n} is rather long"))
            .collect();
        fit(&mut lines, (12, 24));
        assert_eq!(lines.len(), 24);
        assert_eq!(lines[0], "line 0 is r~");
        assert_eq!(lines[23], "(7 more lin~");
        let mut lines = vec!["just so".to_string(); 3];
        fit(&mut lines, (7, 3));
        assert_eq!(lines, ["just so"; 3]);
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
