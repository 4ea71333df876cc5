// SPDX-License-Identifier: GPL-2.0

//! Reporting in KTAP (`Documentation/dev-tools/ktap.rst` of the kernel).

use std::time::Instant;

/// What a case hands back: nothing, or the sentence that says what was wrong.
pub type Outcome = Result<(), String>;

/// One KTAP document: numbered cases, and the plan once all have run.
///
/// The plan comes last, so that a program which dies half-way leaves a document without a plan,
/// which every parser counts as a failure.
pub struct Suite {
    run: u32,
    failed: u32,
    prefix: String,
}

impl Suite {
    /// Begins a document.
    pub fn begin() -> Self {
        println!("KTAP version 1");
        Self {
            run: 0,
            failed: 0,
            prefix: String::new(),
        }
    }

    /// What the names of the cases that follow begin with.
    pub fn prefix(&mut self, name: &str) {
        self.prefix = format!("{name}: ");
    }

    /// Runs one case and reports it. If the environment has `DLB_TEST_CASE`, only cases with that in
    /// their names are run.
    pub fn case(&mut self, name: &str, body: impl FnOnce() -> Outcome) {
        if std::env::var("DLB_TEST_CASE").is_ok_and(|word| !name.contains(&word)) {
            return;
        }
        let since = Instant::now();
        let outcome = body();
        self.run += 1;
        let millis = since.elapsed().as_millis();
        match outcome {
            Ok(()) => println!("ok {} {}{name} # {millis} ms", self.run, self.prefix),
            Err(why) => {
                self.failed += 1;
                for line in why.lines() {
                    println!("# {line}");
                }
                println!("not ok {} {}{name} # {millis} ms", self.run, self.prefix);
            }
        }
    }

    /// Prints the plan and gives the exit status of the program.
    pub fn end(self) -> u8 {
        println!("1..{}", self.run);
        u8::from(self.failed != 0)
    }
}

/// Leaves the case with a sentence unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($cond:expr, $($why:tt)+) => {
        if !$cond {
            return Err(format!($($why)+));
        }
    };
}

/// Leaves the case unless two values are equal; the sentence names what was looked at.
#[macro_export]
macro_rules! ensure_eq {
    ($have:expr, $want:expr, $($what:tt)+) => {{
        let (have, want) = (&$have, &$want);
        if have != want {
            return Err(format!("{}: have {have:?}, want {want:?}", format!($($what)+)));
        }
    }};
}
