// SPDX-License-Identifier: GPL-2.0
//! What the device counts for tests, and how it limits what it logs.

use crate::qe::cmd;
use crate::regs::Unit;
use core::fmt::Write;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $v:ident = $s:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $v,)* }

        impl $name {
            pub const NAMES: &'static [&'static str] = &[$($s,)*];
            pub fn name(self) -> &'static str {
                Self::NAMES.get(self as usize).copied().unwrap_or("")
            }
        }
    };
}

named! {
    /// Why an HCW, or part of one, had no effect.
    Drop {
        /// The device is powered off (PMCSR_DISABLE) or in D3.
        Off = "off",
        /// The VF's BAR is disabled.
        BarDisabled = "vf_bar_disabled",
        /// Not eight-byte (or four-byte) pieces that make 16 bytes.
        Malformed = "malformed",
        IllegalPp = "illegal_pp",
        IllegalHcw = "illegal_hcw",
        IllegalQid = "illegal_qid",
        DisabledQid = "disabled_qid",
        QidCfg = "illegal_ldb_qid_cfg",
        NoCredit = "no_credit",
        /// Credits were there, storage was not: software granted more than the device has.
        NoStorage = "no_storage",
        /// Completion without an outstanding QE.
        NoInflight = "no_inflight",
        BadFragment = "bad_fragment",
        ExcessTokens = "excess_tokens",
    }
}

named! {
    /// Scheduled QEs.
    Sched {
        Atomic = "atomic",
        Unordered = "unordered",
        Ordered = "ordered",
        Directed = "directed",
    }
}

/// Counters; all of them survive resets.
#[derive(Clone, Default, Debug)]
pub struct Counters {
    pub reads: [u64; Unit::COUNT],
    pub writes: [u64; Unit::COUNT],
    /// Accesses to addresses that are no register, or of an odd size.
    pub unknown_reads: u64,
    pub unknown_writes: u64,
    /// Writes to registers that cannot be written.
    pub read_only_writes: u64,
    pub hcw: [u64; 16],
    pub dropped: [u64; 13],
    pub enqueued: [u64; 4],
    pub scheduled: [u64; 4],
    pub completions: u64,
    pub tokens_returned: u64,
    /// QEs that left the reorder buffer.
    pub reordered: u64,
    pub dma_writes: u64,
    pub dma_bytes: u64,
    pub dma_faults: u64,
    /// MSI-X messages of the PF: vector 0, 1, others.
    pub msix: [u64; 3],
    pub msix_lost: u64,
    pub msi: [u64; 16],
    pub msi_lost: u64,
    pub ims: u64,
    /// CQ interrupts fired, whatever carried them.
    pub cq_interrupts: u64,
    pub alarms: u64,
    pub watchdogs: u64,
    pub vf_doorbells: u64,
    pub pf_doorbells: u64,
    pub resets: u64,
    pub vf_resets: u64,
    /// Configurations put in force that make no sense.
    pub config_warnings: u64,
}

#[inline]
pub fn inc<const N: usize>(a: &mut [u64; N], i: usize) {
    if let Some(c) = a.get_mut(i) {
        *c = c.wrapping_add(1);
    }
}

fn group(out: &mut String, name: &str, names: &[&str], values: &[u64]) {
    let _ = write!(out, "\"{name}\":{{");
    for (i, (n, v)) in names.iter().zip(values).enumerate() {
        let _ = write!(out, "{}\"{n}\":{v}", if i == 0 { "" } else { "," });
    }
    out.push_str("},");
}

impl Counters {
    #[inline]
    pub fn drop_hcw(&mut self, why: Drop) {
        inc(&mut self.dropped, why as usize);
    }

    /// HCWs that had no effect, or not all of it, for a reason that a driver should not give.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// One JSON object.
    pub fn json(&self, version: &str) -> String {
        let mut o = String::with_capacity(2048);
        let _ = write!(o, "{{\"version\":\"{version}\",");
        group(&mut o, "reads", &Unit::NAMES, &self.reads);
        group(&mut o, "writes", &Unit::NAMES, &self.writes);
        group(&mut o, "hcw", &cmd::NAMES, &self.hcw);
        group(&mut o, "dropped", Drop::NAMES, &self.dropped);
        group(&mut o, "enqueued", Sched::NAMES, &self.enqueued);
        group(&mut o, "scheduled", Sched::NAMES, &self.scheduled);
        group(&mut o, "msix", &["alarm", "cq", "other"], &self.msix);
        let vf: Vec<String> = self.msi.iter().map(u64::to_string).collect();
        let _ = write!(o, "\"msi\":[{}],", vf.join(","));
        let single: [(&str, u64); 22] = [
            ("dropped_total", self.dropped_total()),
            ("register_reads", self.reads.iter().sum()),
            ("register_writes", self.register_writes()),
            ("unknown_reads", self.unknown_reads),
            ("unknown_writes", self.unknown_writes),
            ("read_only_writes", self.read_only_writes),
            ("completions", self.completions),
            ("tokens_returned", self.tokens_returned),
            ("reordered", self.reordered),
            ("dma_writes", self.dma_writes),
            ("dma_bytes", self.dma_bytes),
            ("dma_faults", self.dma_faults),
            ("msix_lost", self.msix_lost),
            ("msi_lost", self.msi_lost),
            ("ims", self.ims),
            ("cq_interrupts", self.cq_interrupts),
            ("alarms", self.alarms),
            ("watchdogs", self.watchdogs),
            ("vf_doorbells", self.vf_doorbells),
            ("pf_doorbells", self.pf_doorbells),
            ("resets", self.resets),
            ("vf_resets", self.vf_resets),
        ];
        for (n, v) in single {
            let _ = write!(o, "\"{n}\":{v},");
        }
        let _ = write!(o, "\"config_warnings\":{}}}", self.config_warnings);
        o
    }

    /// Register writes without those to producer pages.
    pub fn register_writes(&self) -> u64 {
        self.writes.iter().sum::<u64>() - self.writes.get(Unit::Pp as usize).copied().unwrap_or(0)
    }
}

named! {
    /// What log lines are about; each topic has a budget of its own.
    Topic {
        UnknownRead = "unknown read",
        UnknownWrite = "unknown write",
        ReadOnly = "write to a read-only register",
        Dropped = "dropped HCW",
        DmaFault = "DMA fault",
        Off = "access while off",
        Config = "configuration that makes no sense",
        Event = "event",
    }
}

/// Lets the first lines of each topic through, then one per power of two: a guest cannot make more
/// than a few dozen lines per topic, ever.
#[derive(Clone, Default)]
pub struct LogLimit {
    seen: [u64; 8],
}

impl LogLimit {
    const FREE: u64 = 16;

    /// Whether the next line may go out, and how many there have been.
    pub fn allow(&mut self, topic: Topic) -> Option<u64> {
        let n = self.seen.get_mut(topic as usize)?;
        *n = n.saturating_add(1);
        (*n <= Self::FREE || n.is_power_of_two()).then_some(*n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_arrays() {
        let c = Counters::default();
        assert_eq!(Drop::NAMES.len(), c.dropped.len());
        assert_eq!(Sched::NAMES.len(), c.scheduled.len());
        assert_eq!(Topic::NAMES.len(), LogLimit::default().seen.len());
    }

    #[test]
    fn log_lines_are_bounded() {
        let mut l = LogLimit::default();
        let n = (0..1_000_000)
            .filter(|_| l.allow(Topic::Dropped).is_some())
            .count();
        assert!(n <= 16 + 20, "{n}");
        assert!(l.allow(Topic::DmaFault).is_some());
    }

    #[test]
    fn json_is_balanced() {
        let j = Counters::default().json("2.0");
        assert_eq!(j.matches('{').count(), j.matches('}').count());
        assert!(j.starts_with("{\"version\":\"2.0\","));
        assert!(!j.contains(",}"));
    }
}
