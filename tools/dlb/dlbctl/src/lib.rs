// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The parts of `dlbctl`, so that tests can run commands on a machine in memory.

mod alerts;
mod change;
pub mod cli;
mod doctor;
mod error;
mod owners;
mod progress;
mod screen;
mod selftest;
mod show;
mod stats;
mod top;
mod vf;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::CommandFactory;
use dlb_config::plan::Plan;
use dlb_config::system::Files;

pub use error::Error;
pub use screen::waiting;

use cli::{Cli, Command};
use progress::Progress;

/// Set when the user has asked to stop.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the user has asked to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// What a command works with.
pub struct Context<'a> {
    /// The machine.
    pub files: &'a dyn Files,
    /// Where its `/` is, for what is more than small files.
    pub root: &'a Path,
    /// Where to print.
    pub out: &'a mut dyn Write,
    /// Whether to print JSON.
    pub json: bool,
    /// Whether to print nothing but errors.
    pub quiet: bool,
    /// Whether somebody looks at it on a terminal.
    pub terminal: bool,
    /// Columns of the terminal on which somebody waits for it to be done, if there is one.
    pub waiting: Option<usize>,
}

impl Context<'_> {
    /// Says what was done, unless nobody wants to know.
    fn say(&mut self, words: std::fmt::Arguments<'_>) -> std::io::Result<()> {
        if self.quiet || self.json {
            Ok(())
        } else {
            writeln!(self.out, "{words}")
        }
    }

    /// Carries out a plan, or nothing of it.
    fn perform(&self, plan: &Plan) -> Result<(), Error> {
        let progress = Progress::new(self.waiting);
        let mut at = 0;
        let all = plan.steps.len();
        plan.run(self.files, &interrupted, |step| {
            at += 1;
            progress.tell(|| format!("{at} of {all}: {step}"));
        })?;
        Ok(())
    }

    /// Prints a value as JSON.
    fn print_json(&mut self, value: &serde_json::Value) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)
    }
}

/// Runs a command.
///
/// # Errors
///
/// What to tell the user, and the exit code.
pub fn run(cli: &Cli, context: &mut Context<'_>) -> Result<(), Error> {
    match &cli.command {
        Command::List => show::list(context),
        Command::Show { names } => show::show(context, names),
        Command::Apply(apply) => change::apply(context, apply),
        Command::Save { domains, output } => change::save(context, domains, output.as_deref()),
        Command::Destroy(destroy) => change::destroy(context, destroy),
        Command::Enable(one) => change::switch(context, &one.domain, "enable", true),
        Command::Disable(one) => change::switch(context, &one.domain, "enable", false),
        Command::Start(one) => change::switch(context, &one.domain, "scheduling", true),
        Command::Stop(one) => change::switch(context, &one.domain, "scheduling", false),
        Command::Link {
            domain,
            port,
            queues,
        } => change::link(context, domain, port, queues),
        Command::Unlink {
            domain,
            port,
            queues,
        } => change::unlink(context, domain, port, queues),
        Command::Vf { device, command } => vf::run(context, device.as_deref(), command),
        Command::Top(arguments) => top::top(context, arguments),
        Command::Stats { names } => stats::stats(context, names),
        Command::Alerts { domain, follow } => alerts::alerts(context, domain, *follow),
        Command::Selftest { device, events } => {
            selftest::selftest(context, device.as_deref(), *events)
        }
        Command::Doctor => doctor::doctor(context),
        Command::Completions { shell } => {
            // Generating panics if it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "dlbctl", &mut script);
            Ok(context.out.write_all(&script)?)
        }
        Command::Man { dir } => std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
            .map_err(|e| Error::file("write manual pages to", dir, &e)),
    }
}
