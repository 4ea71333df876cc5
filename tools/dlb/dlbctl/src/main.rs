// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Configures and watches Dynamic Load Balancer devices.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Parser;
use dlb_config::system::Machine;
use dlbctl::{cli::Cli, run, waiting, Context, INTERRUPTED};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A change that is under way is undone before the program ends, however it is asked to.
    if let Err(error) = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)) {
        eprintln!("dlbctl: cannot listen for interruptions: {error}");
        return ExitCode::FAILURE;
    }
    let machine = Machine::new(&cli.root);
    let stdout = std::io::stdout();
    let mut context = Context {
        files: &machine,
        root: &cli.root,
        terminal: stdout.is_terminal(),
        out: &mut stdout.lock(),
        json: cli.json,
        quiet: cli.quiet,
        waiting: waiting(cli.quiet),
    };
    match run(&cli, &mut context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // That nobody can be told, because the terminal has gone, does not change the code.
            let mut stderr = std::io::stderr();
            for line in error.words.lines() {
                let _ = writeln!(stderr, "dlbctl: {line}");
            }
            ExitCode::from(error.code)
        }
    }
}
