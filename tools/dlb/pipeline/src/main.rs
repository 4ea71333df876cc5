// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Sends events through a domain with every kind of queue, checks every promise that the device
//! makes, and says how fast it was. `samples/dlb/pipeline.sh` makes the domain.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use clap::{Parser, ValueEnum};
use dlb::{Counts, Credits, Domain, Store};
use dlb_pipeline::{check, print, sink, source, worker, Board, Idle, Plan, Queues};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Sends events through an ordered, an atomic, an unordered and a directed queue of a domain, with
/// every port in a process of its own, and checks that nothing is lost, doubled or out of order.
///
/// The domain must have load-balanced queues `ordered`, `atomic` and `unordered`, a directed queue
/// `directed` with the port `sink`, a directed port `source`, and load-balanced ports of any name,
/// linked to all three queues, as workers.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Name of the domain
    #[arg(long, default_value = "pipeline")]
    domain: String,
    /// Events to send through all stages
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..1 << 32))]
    events: u64,
    /// Events under way at a time
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=8192))]
    window: u64,
    /// Flows that the atomic events belong to
    #[arg(long, default_value_t = 61, value_parser = clap::value_parser!(u64).range(1..=256))]
    flows: u64,
    /// Turns of an idle loop that a worker spends on an event, at most
    #[arg(long, default_value_t = 1000)]
    work: u32,
    /// Events to send through each single queue afterwards, to measure it; 0 for none
    #[arg(long, default_value_t = 20_000)]
    rates: u64,
    /// What a process does when it has nothing to do
    #[arg(long, value_enum, default_value_t = Wait::Poll)]
    wait: Wait,
    /// Seconds without progress after which to give up
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Directory for the memory that the processes share
    #[arg(long, default_value_os_t = shared_memory())]
    memory: PathBuf,
    /// What this process is; only used by itself
    #[arg(long, value_enum, hide = true)]
    role: Option<Role>,
    /// Which row of the table it fills; only used by itself
    #[arg(long, hide = true, default_value_t = 0)]
    row: usize,
    /// Which port it opens; only used by itself
    #[arg(long, hide = true, default_value = "")]
    port: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// Look again, without any system call
    Poll,
    /// Sleep until the port's interrupt
    Interrupt,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Source,
    Sink,
    Worker,
}

impl Arguments {
    fn plan(&self) -> Plan {
        Plan {
            events: self.events,
            window: self.window,
            flows: self.flows,
            work: self.work,
            rated: self.rates,
        }
    }

    fn idle(&self) -> Idle {
        match self.wait {
            Wait::Poll => Idle::Poll,
            Wait::Interrupt => Idle::Interrupt,
        }
    }

    fn board(&self) -> PathBuf {
        self.memory.join("board")
    }

    fn credits(&self) -> PathBuf {
        self.memory.join("credits")
    }
}

fn shared_memory() -> PathBuf {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() {
        shm.into()
    } else {
        std::env::temp_dir()
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.role {
        None => lead(arguments),
        Some(role) => act(&arguments, role),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dlb-pipeline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a process per port, watches them, and reports.
fn lead(mut arguments: Arguments) -> Result<()> {
    let domain = Domain::open(&arguments.domain)?;
    let workers = workers(&domain)?;
    let names: Vec<String> = ["source", "sink"]
        .into_iter()
        .map(String::from)
        .chain(workers)
        .collect();

    let counts = domain.credits()?;
    let least = match counts {
        Counts::Split { ldb, dir } => ldb.min(dir),
        Counts::Combined(all) => all,
    };
    // Every event under way needs a credit, and every port may keep some for later.
    let needed = arguments.window + names.len() as u64 * u64::from(dlb::CACHE);
    ensure!(
        u64::from(least) >= needed,
        "the domain has too few credits, {counts:?}: a window of {} and {} ports need {needed} \
         of each kind",
        arguments.window,
        names.len()
    );

    let memory = Scratch::new(&arguments.memory)?;
    arguments.memory = memory.0.clone();
    Credits::create(arguments.credits(), counts)?;
    let board = Board::create(&arguments.board(), names.len() - 2)
        .with_context(|| format!("cannot make {}", arguments.board().display()))?;

    println!(
        "{} events, {} processes, {}, stores of {}",
        arguments.events,
        names.len(),
        match arguments.wait {
            Wait::Poll => "polling",
            Wait::Interrupt => "woken by interrupts",
        },
        match Store::detect() {
            Store::Line => "64 bytes (MOVDIR64B)",
            Store::Element => "16 bytes",
        }
    );

    let mut crew = Crew(Vec::new());
    for (row, port) in names.iter().enumerate() {
        crew.start(&arguments, row, port)?;
    }
    let result = watch(&arguments, &board, &mut crew);
    if let Err(error) = result {
        board.fail();
        crew.finish();
        return Err(error.context(progress(&board)));
    }
    let plan = arguments.plan();
    check(&board, &plan)?;
    print!("{}", print(&board, &plan, &names, arguments.idle()));
    Ok(())
}

/// The names of the load-balanced ports.
fn workers(domain: &Domain) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let dir = domain.path().join("ldb_ports");
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    ensure!(
        !names.is_empty(),
        "the domain has no load-balanced ports to work with"
    );
    names.sort();
    Ok(names)
}

fn progress(board: &Board) -> String {
    let sum = |field: fn(&dlb_pipeline::Row) -> u64| {
        (2..board.rows())
            .map(|row| field(&board.row(row)))
            .sum::<u64>()
    };
    format!(
        "failed after {} events sent, {} taken as ordered, {} at the sink once, {} taken as atomic, \
         {} taken as unordered, {} at the sink twice",
        board.sent(),
        sum(|row| row.ordered),
        board.first(),
        sum(|row| row.atomic),
        sum(|row| row.unordered),
        board.done()
    )
}

/// Waits for all processes, says now and then how far they are, and gives up if they stand still.
fn watch(arguments: &Arguments, board: &Board, crew: &mut Crew) -> Result<()> {
    const SAY: Duration = Duration::from_secs(5);

    let mut moved = Instant::now();
    let mut said = Instant::now();
    let mut before = 0;
    let mut started = false;
    loop {
        if crew.look()? {
            return Ok(());
        }
        if !started && board.readies() == crew.0.len() as u64 {
            board.go();
            started = true;
        }
        let rated = (0..board.rows())
            .map(|row| board.row(row).rated)
            .sum::<u64>();
        let now = board.readies() + board.first() + board.done() + rated;
        if now != before {
            before = now;
            moved = Instant::now();
        }
        ensure!(
            moved.elapsed().as_secs() < arguments.patience,
            "nothing moved for {} seconds",
            arguments.patience
        );
        if said.elapsed() >= SAY {
            said = Instant::now();
            eprintln!("  {} of {} events done", board.done(), arguments.events);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A directory of our own, gone when we are.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("dlb-pipeline.{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The processes, which end when this does.
struct Crew(Vec<(String, Child, bool)>);

impl Crew {
    fn start(&mut self, arguments: &Arguments, row: usize, port: &str) -> Result<()> {
        let role = match row {
            0 => "source",
            1 => "sink",
            _ => "worker",
        };
        let wait = match arguments.wait {
            Wait::Poll => "poll",
            Wait::Interrupt => "interrupt",
        };
        let child = Command::new("/proc/self/exe")
            .args(["--role", role, "--port", port, "--wait", wait])
            .args(["--domain", &arguments.domain, "--row", &row.to_string()])
            .args(["--events", &arguments.events.to_string()])
            .args(["--window", &arguments.window.to_string()])
            .args(["--flows", &arguments.flows.to_string()])
            .args(["--work", &arguments.work.to_string()])
            .args(["--rates", &arguments.rates.to_string()])
            .arg("--memory")
            .arg(&arguments.memory)
            .spawn()
            .context("cannot start another process of this program")?;
        self.0.push((port.into(), child, false));
        Ok(())
    }

    /// Whether all have ended well.
    fn look(&mut self) -> Result<bool> {
        for (name, child, ended) in &mut self.0 {
            if *ended {
                continue;
            }
            let Some(status) = child.try_wait()? else {
                continue;
            };
            *ended = true;
            if status.signal() == Some(libc::SIGSYS) {
                bail!("{name} was killed because it made a system call while polling");
            }
            ensure!(status.success(), "{name} ended with {status}");
        }
        Ok(self.0.iter().all(|(_, _, ended)| *ended))
    }

    /// Lets everybody end, but not for long.
    fn finish(&mut self) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) && !self.look().unwrap_or(false) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for (_, child, ended) in &mut self.0 {
            if !*ended {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// What a process other than the first does.
fn act(arguments: &Arguments, role: Role) -> Result<()> {
    // A process that spins must not outlive whoever could stop it.
    let kill = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(kill)
        .context("cannot ask to end with the parent")?;

    let board = Board::open(&arguments.board())
        .with_context(|| format!("cannot open {}", arguments.board().display()))?;
    let result = play(arguments, role, &board);
    if result.is_err() {
        board.fail();
    }
    result.with_context(|| arguments.port.clone())
}

fn play(arguments: &Arguments, role: Role, board: &Board) -> Result<()> {
    let domain = Domain::open(&arguments.domain)?;
    let credits = Credits::open(arguments.credits())?;
    let queues = Queues {
        ordered: domain.ldb_queue("ordered")?,
        atomic: domain.ldb_queue("atomic")?,
        unordered: domain.ldb_queue("unordered")?,
        directed: domain.dir_queue("directed")?,
    };
    let (plan, idle, row) = (arguments.plan(), arguments.idle(), arguments.row);
    let ready = || begin(board, row, idle);
    let counters = match role {
        Role::Worker => {
            let port = domain.ldb_port(&arguments.port)?.open(&credits)?;
            worker(&port, row, board, &queues, &plan, idle, ready)?;
            port.settle();
            port.counters()
        }
        Role::Source | Role::Sink => {
            let port = domain.dir_port(&arguments.port)?.open(&credits)?;
            if role == Role::Source {
                source(&port, board, &queues, &plan, idle, ready)?;
                board.stop();
            } else {
                sink(&port, board, &queues, &plan, idle, ready)?;
            }
            port.settle();
            port.counters()
        }
    };
    board.end(row, &counters);
    Ok(())
}

fn begin(board: &Board, row: usize, idle: Idle) -> Result<()> {
    if idle == Idle::Poll && seal()? {
        board.seal(row);
    }
    board.ready();
    Ok(())
}

/// Has the kernel kill this process for any system call that is not one of saying something,
/// ending, giving memory back, or looking at the clock, which the source does before and after each
/// measurement: for events it needs none when it polls. Says whether the kernel can.
fn seal() -> Result<bool> {
    let harmless = [
        libc::SYS_write,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigreturn,
        libc::SYS_clock_gettime,
    ];
    let rules = harmless.into_iter().map(|call| (call, vec![])).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        seccompiler::TargetArch::x86_64,
    )?;
    let program: BpfProgram = filter.try_into()?;
    match seccompiler::apply_filter(&program) {
        Ok(()) => Ok(true),
        // Without seccomp in the kernel, the library's own count has to do.
        Err(seccompiler::Error::Prctl(e) | seccompiler::Error::Seccomp(e))
            if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error).context("cannot have system calls forbidden"),
    }
}
