// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Files that are wrong, each with what has to be said about it, and files that are made wrong by
//! chance: whatever is in a file, the parser ends, and says where and what.

use std::path::Path;

use dlb_config::file;
use proptest::prelude::*;

/// A file of everything that there is.
const WHOLE: &str = r#"[devices.dlb0]
sequence_numbers = [64, 512]
cos_bandwidth = [40, 20, 20, 20]
num_vfs = 3

[devices.dlb0.tuning]
cq_layout = "sparse"
cq_watchdog_seconds = 40

[devices.dlb0.vfs.0]
num_sched_domains = 4
num_ldb_ports = 16

[devices.dlb0.vfs.2]
num_cos1_ldb_ports = 3

[domains.packets]
device = "dlb0"
num_ldb_credits = 1024
lifetime = "file"

[domains.packets.ldb_queues."in.0"]
num_sequence_numbers = 512

[domains.packets.ldb_ports.worker0]
cq_depth = 0x40
links = { "in.0" = 3 }

[domains.packets.dir_queues.out]

[domains.packets.dir_ports.tx]
queue = "out"
"#;

/// Every file of the corpus begins with lines `#! LINE: BEGINNING OF MESSAGE`, in the order in
/// which the messages are expected.
#[test]
fn bad_files_get_their_messages() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files = 0;
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#! "))
            .map(|rest| format!("{name}:{rest}"))
            .collect();
        assert!(!expected.is_empty(), "{name}: expects nothing");
        let problems = file::parse(&name, &text).expect_err(&name);
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expected.len(), "{name}: {said:?}");
        for (said, expected) in said.iter().zip(&expected) {
            assert!(
                said.starts_with(expected.as_str()),
                "{said}\nexpected: {expected}"
            );
        }
        files += 1;
    }
    assert!(files >= 60, "{files}");
}

/// What a problem has to have: the file, a line that exists, and words.
fn is_told_well(text: &str) -> Result<(), TestCaseError> {
    match file::parse("x.toml", text) {
        Ok(topology) => {
            // What is understood can be written down, and is understood again.
            let saved = file::format(&topology);
            let again = file::parse("y.toml", &saved)
                .map_err(|p| TestCaseError::fail(format!("{saved}\n{p:?}")))?;
            prop_assert_eq!(file::format(&again), saved);
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                let place = problem.place.as_ref();
                let place =
                    place.ok_or_else(|| TestCaseError::fail(format!("no place: {problem}")))?;
                prop_assert_eq!(&place.file, "x.toml");
                prop_assert!(place.line >= 1 && place.line <= text.lines().count() + 1);
                prop_assert!(!problem.reason.trim().is_empty());
                prop_assert!(
                    !problem.to_string().contains('\n'),
                    "{:?}",
                    problem.to_string()
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_whole_file_is_right() {
    is_told_well(WHOLE).unwrap();
    file::parse("x.toml", WHOLE).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_told_well(text in any::<String>()) {
        is_told_well(&text)?;
    }

    #[test]
    fn anything_like_toml_is_told_well(text in "([\\[\\]a-z.=\"{}0-9 \n,'#_+-]|domains|devices|dlb0|ldb_ports|links|vfs|tuning){0,60}") {
        is_told_well(&text)?;
    }

    /// Bytes of a right file are changed, doubled, taken out.
    #[test]
    fn a_file_with_faults_is_told_well(
        faults in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4u8, any::<char>()), 1..6),
    ) {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (at, what, new) in faults {
            let at = at.index(text.len());
            match what {
                0 => text[at] = new,
                1 => text.insert(at, new),
                2 if text.len() > 1 => drop(text.remove(at)),
                _ => text.truncate(at.max(1)),
            }
        }
        is_told_well(&text.into_iter().collect::<String>())?;
    }

    /// Values and keys of a right file are exchanged for each other.
    #[test]
    fn words_in_wrong_places_are_told_well(
        swaps in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>()), 1..6),
    ) {
        let mut words: Vec<&str> = WHOLE.split_inclusive([' ', '\n', '.', ']']).collect();
        for (one, other) in swaps {
            let (one, other) = (one.index(words.len()), other.index(words.len()));
            words.swap(one, other);
        }
        is_told_well(&words.concat())?;
    }
}
