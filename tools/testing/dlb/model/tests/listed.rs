// SPDX-License-Identifier: GPL-2.0
//! The list of all registers that are known of, `registers.csv`, against the model: each is there,
//! at its address, in as many instances, with its reset value. The list and the model's map were
//! taken from the documentation separately.

mod common;
use common::*;
use dlb_model::regs::REGS;
use dlb_model::{Bar, Requester, Version};
use std::collections::BTreeSet;

/// One line of the list, as one version has it.
struct Listed {
    name: &'static str,
    bar: &'static str,
    base: u64,
    /// Number and distance of the instances, by index.
    dims: Vec<(u64, u64)>,
    reset: u64,
}

fn number(s: &str) -> u64 {
    match s.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => s.parse(),
    }
    .unwrap_or_else(|_| panic!("{s} is no number"))
}

fn listed(v: Version) -> Vec<Listed> {
    let lines = include_str!("registers.csv").lines();
    lines
        .filter(|l| !l.starts_with('#'))
        .skip(1)
        .filter_map(|l| {
            let f: Vec<&str> = l.split(',').collect();
            let [name, bar, a20, a25, n20, n25, strides, reset] = f[..] else {
                panic!("{l}");
            };
            let (base, count) = match v {
                Version::V2_0 => (a20, n20),
                Version::V2_5 => (a25, n25),
            };
            (base != "-").then(|| Listed {
                name,
                bar,
                base: number(base),
                dims: count
                    .split(';')
                    .zip(strides.split(';'))
                    .map(|(n, s)| (number(n), number(s)))
                    .collect(),
                reset: number(reset),
            })
        })
        .collect()
}

impl Listed {
    fn addresses(&self) -> Vec<u64> {
        self.dims.iter().fold(vec![self.base], |at, &(n, stride)| {
            at.iter()
                .flat_map(|a| (0..n).map(move |i| a + i * stride))
                .collect()
        })
    }
}

#[test]
fn every_register_is_there_with_its_reset_value() {
    for (v, n) in [(Version::V2_0, 314), (Version::V2_5, 267)] {
        let list = listed(v);
        assert_eq!(list.len(), n);
        let mut r = Rig::new(v);
        r.d.flr(Requester::Pf, &mut r.w);
        for reg in &list {
            let (bar, who) = match reg.bar {
                "CSR" => (Bar::Csr, vec![Requester::Pf]),
                "PF" => (Bar::Func, vec![Requester::Pf]),
                _ => (Bar::Func, (0..16).map(Requester::Vf).collect()),
            };
            let want = match reg.name {
                // The switch is the one thing that a reset leaves as it is.
                "CM_CFG_PM_PMCSR_DISABLE" => 0,
                // No number is in use. What the bit means is contradictory in its only user.
                "RO_REORDER_STATE_QID_QIDIX_CQ" => 1 << 23,
                _ => reg.reset,
            };
            for who in who {
                for off in reg.addresses() {
                    assert_eq!(
                        r.d.read(who, bar, off, 4, &mut r.w),
                        want,
                        "{v:?}: {} at {off:#x}",
                        reg.name
                    );
                }
            }
        }
        assert_eq!(r.d.counters().unknown_reads, 0, "{v:?}: {:?}", r.w.log);
    }
}

/// Each has an access rule in the model's map, and the map holds nothing else.
#[test]
fn the_list_and_the_map_are_the_same() {
    for v in BOTH {
        let list = listed(v)
            .into_iter()
            .filter(|reg| reg.bar == "CSR")
            .map(|reg| (reg.name, reg.base, reg.addresses().len()))
            .collect::<BTreeSet<_>>();
        let map = REGS
            .iter()
            .filter_map(|info| Some((info.name, info.offset(v)?.into(), info.count(v))))
            .collect::<BTreeSet<_>>();
        let differ: Vec<_> = list.symmetric_difference(&map).collect();
        assert!(differ.is_empty(), "{v:?}: {differ:?}");
    }
}
