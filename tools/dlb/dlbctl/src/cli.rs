// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The command line. Help, manual pages and completions are all made of this.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What exit codes mean, for help and manual pages.
const EXIT: &str = "\
Exit status:
  0    done
  1    refused or failed; nothing was changed
  2    the command line is wrong
  3    a topology file is wrong
  4    there is no such domain, port, queue or device
  5    it would not fit on the device
  6    doctor or selftest found something wrong
  130  interrupted (SIGINT, SIGTERM, SIGHUP); what had been begun was undone
  141  nobody reads the output any more";

/// Configures and watches Dynamic Load Balancer devices
///
/// A domain, with its queues and ports, is described in directories of
/// /sys/kernel/config/dlb and comes to life on a device when it is enabled.
/// dlbctl reads and writes these directories, one domain or a whole topology
/// file at a time, and undoes what it has begun if it cannot finish.
#[derive(Debug, Parser)]
#[command(name = "dlbctl", version, after_help = EXIT, max_term_width = 100)]
pub struct Cli {
    /// Print JSON
    #[arg(short, long, global = true)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Take this directory for the root of the file system
    #[arg(
        long,
        global = true,
        default_value = "/",
        value_name = "DIR",
        hide_default_value = true
    )]
    pub root: PathBuf,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List devices and domains, a line for each
    List,
    /// Show devices and domains with all that is in them
    Show {
        /// Show only these domains or devices
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Make a topology file real, changing only what differs
    ///
    /// Domains that the file does not name are left alone. If anything is
    /// refused, all is put back as it was.
    #[command(after_help = TOPOLOGY)]
    Apply(Apply),
    /// Print the topology that is there, in the form that apply takes
    Save {
        /// Save only these domains
        #[arg(value_name = "DOMAIN")]
        domains: Vec<String>,
        /// Write to this file, all at once, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Disable domains and remove them
    Destroy(Destroy),
    /// Build a domain on its device
    Enable(OneDomain),
    /// Take a domain off its device, and keep its description
    Disable(OneDomain),
    /// Let a domain deliver events
    Start(OneDomain),
    /// Keep a domain from delivering events
    Stop(OneDomain),
    /// Link queues to a load-balanced port, also while the domain is enabled
    Link {
        /// The domain
        domain: String,
        /// The port
        port: String,
        /// Queues, with a priority from 0 (the highest, and the default) to 7
        #[arg(required = true, value_name = "QUEUE[:PRIORITY]")]
        queues: Vec<String>,
    },
    /// Take links of a load-balanced port away
    Unlink {
        /// The domain
        domain: String,
        /// The port
        port: String,
        /// Queues
        #[arg(required = true, value_name = "QUEUE")]
        queues: Vec<String>,
    },
    /// Give virtual functions their share of a device, or show what they have
    Vf {
        /// The device, if there are several
        #[arg(short, long)]
        device: Option<String>,
        /// What to do
        #[command(subcommand)]
        command: VfCommand,
    },
    /// Watch queues and ports: depths, in-flight events, rates, and who holds up whom
    ///
    /// On a terminal, arrows, page keys, Home and End move over what does not fit, and q ends it.
    /// Elsewhere a page, or a line of --csv for each queue and port, is printed every interval.
    /// NO_COLOR in the environment leaves colours out.
    Top(Top),
    /// Print all counters of devices and domains
    Stats {
        /// Only these domains or devices
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Print what programs did wrong in a domain, and what happened to it
    Alerts {
        /// The domain
        domain: String,
        /// Go on until interrupted
        #[arg(short, long)]
        follow: bool,
    },
    /// Send events through a small domain of its own, and say whether the device is well
    Selftest {
        /// The device, if there are several
        #[arg(short, long)]
        device: Option<String>,
        /// Events of each kind
        #[arg(short, long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        events: u32,
    },
    /// Look for reasons why it does not work, and say what to do about them
    Doctor,
    /// Print a script that completes command lines
    Completions {
        /// For this shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Man {
        /// The directory
        dir: PathBuf,
    },
}

const TOPOLOGY: &str = "\
A topology file is TOML. It has the names of the directories and attributes of
configfs; what is left out has the driver's default:

  [devices.dlb0]
  sequence_numbers = [64, 512]       # per ordered queue, for both groups
  cos_bandwidth = [40, 20, 20, 20]   # percent, for all classes of service
  num_vfs = 2                        # virtual functions

  [devices.dlb0.tuning]
  cq_watchdog_seconds = 40

  [devices.dlb0.vfs.0]               # what the first has; the second has nothing
  num_sched_domains = 4
  num_ldb_queues = 8
  num_ldb_ports = 16

  [domains.packets]
  device = \"dlb0\"                    # or \"auto\", the only one
  num_ldb_credits = 1024
  enable = true                      # the default

  [domains.packets.ldb_queues.in]
  num_sequence_numbers = 512

  [domains.packets.ldb_ports.worker0]
  links = { in = 0 }                 # queue = priority

  [domains.packets.dir_queues.out]
  [domains.packets.dir_ports.tx]
  queue = \"out\"";

/// A command on one domain.
#[derive(Debug, Args)]
pub struct OneDomain {
    /// The domain
    pub domain: String,
}

/// What to remove.
#[derive(Debug, Args)]
pub struct Destroy {
    /// The domains
    #[arg(required_unless_present_any = ["all", "files"], value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// All domains
    #[arg(long, conflicts_with_all = ["domains", "files"])]
    pub all: bool,
    /// Those domains that this topology file names, or all files *.toml of this directory
    #[arg(
        short,
        long = "file",
        conflicts_with = "domains",
        value_name = "FILE|DIR"
    )]
    pub files: Vec<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// How to apply.
#[derive(Debug, Args)]
pub struct Apply {
    /// The topology files, which are taken as one; a directory stands for all files *.toml in it,
    /// and - for standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// Say what would be done and whether it would fit, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Disable and enable again domains whose change needs it: programs that use them are cut off
    #[arg(long)]
    pub restart: bool,
    /// Remove domains that the files do not name
    #[arg(long)]
    pub prune: bool,
}

/// How to watch.
#[derive(Debug, Args)]
pub struct Top {
    /// Watch only these domains
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// Seconds between two looks
    #[arg(short, long, default_value_t = 1.0, value_parser = seconds)]
    pub interval: f64,
    /// Print once, after one interval
    #[arg(long)]
    pub once: bool,
    /// Print comma-separated values, a line per queue or port and interval
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.1 to 3600".into()),
    }
}

/// What to do with virtual functions.
#[derive(Debug, Subcommand)]
pub enum VfCommand {
    /// Show what each has
    Show,
    /// Show which of the device's domains, queues and ports their own numbers mean, and what they
    /// have asked for (from debugfs)
    Maps {
        /// Only this one, by its number, from 0
        vf: Option<u32>,
    },
    /// Turn on so many, with equal shares of what is free, and let the driver have them
    Split {
        /// How many
        #[arg(value_parser = clap::value_parser!(u32).range(1..=16))]
        count: u32,
    },
    /// Set what one has; only before its driver has come
    Assign {
        /// Its number, from 0
        vf: u32,
        /// Resources, by their names in sysfs
        #[arg(required = true, value_name = "RESOURCE=COUNT")]
        resources: Vec<String>,
    },
    /// Turn all of them off
    Off,
}
