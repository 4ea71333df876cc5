// SPDX-License-Identifier: GPL-2.0

//! What must hold for any register map: nothing overlaps, every field fits.

use dlb_hw::hw::regs::{self, RegInfo, Unit};
use dlb_hw::hw::{Bar, Version};
use std::collections::HashMap;

const VERSIONS: [Version; 2] = [Version::V2, Version::V25];

fn all() -> impl Iterator<Item = &'static RegInfo> {
    regs::ALL.iter().flat_map(|unit| unit.iter())
}

fn offsets(reg: &RegInfo, version: Version) -> Vec<u32> {
    let Some(base) = reg.base(version) else {
        return Vec::new();
    };
    let mut offsets = vec![base];
    for dim in reg.dims {
        offsets = offsets
            .iter()
            .flat_map(|o| (0..dim.count(version)).map(move |i| o + i * dim.stride))
            .collect();
    }
    offsets
}

#[test]
fn no_two_registers_of_a_version_share_an_offset() {
    for version in VERSIONS {
        let mut seen = HashMap::new();
        for reg in all() {
            let view = (reg.bar == Bar::Csr, reg.unit == Unit::VfFunc);
            for offset in offsets(reg, version) {
                assert_eq!(offset % 4, 0, "{} at {offset:#x}", reg.name);
                if let Some(other) = seen.insert((view, offset), reg.name) {
                    panic!("{other} and {} at {offset:#x} on {version:?}", reg.name);
                }
            }
        }
        assert!(seen.len() > 10_000);
    }
}

#[test]
fn registers_lie_in_their_unit() {
    for version in VERSIONS {
        for reg in all().filter(|reg| reg.bar == Bar::Csr) {
            let unit = match (reg.unit, version) {
                (Unit::Iosf, _) => 0,
                (Unit::Sys, _) => 1,
                (Unit::Aqed, _) => 2,
                (Unit::Atm, _) => 3,
                (Unit::Chp, _) => 4,
                (Unit::Dp, _) => 5,
                (Unit::Dqed, _) => 6,
                (Unit::Qed, _) => 7,
                (Unit::Nalb, Version::V2) => 8,
                (Unit::Nalb, Version::V25) => 7,
                (Unit::Ro, Version::V2) => 9,
                (Unit::Ro, Version::V25) => 8,
                (Unit::Lsp, Version::V2) => 0xa,
                (Unit::Lsp, Version::V25) => 9,
                (Unit::Cm, Version::V2) => 0xb,
                (Unit::Cm, Version::V25) => 0xa,
                other => panic!("{other:?} has no place in the CSR BAR"),
            };
            for offset in offsets(reg, version) {
                assert_eq!(offset >> 28, unit, "{} at {offset:#x}", reg.name);
            }
        }
    }
}

#[test]
fn fields_fit_and_do_not_overlap() {
    for version in VERSIONS {
        for reg in all().filter(|reg| reg.base(version).is_some()) {
            let mut used = 0u32;
            for field in reg.fields {
                let Some((hi, lo)) = field.bits(version) else {
                    continue;
                };
                assert!(lo <= hi && hi < 32, "{}.{}", reg.name, field.name);
                let mask = regs::bit_mask(hi, lo);
                assert_eq!(used & mask, 0, "{}.{}", reg.name, field.name);
                used |= mask;
            }
            assert_eq!(used, reg.mask(version), "{}", reg.name);
            assert_eq!(reg.reset & !used & !reserved_ones(reg), 0, "{}", reg.name);
        }
    }
}

/// Bits that are set after a reset although nothing is declared there.
fn reserved_ones(reg: &RegInfo) -> u32 {
    match reg.name {
        "CM_DIAG_RESET_STS" | "CM_CFG_DIAGNOSTIC_IDLE_STATUS" => 0x3000_0000,
        _ => 0,
    }
}

#[test]
fn accessors_keep_to_their_field() {
    use regs::lsp::LSP_LDB_SCHED_CTRL as CTRL;
    let ctrl = CTRL::zeroed().cq(0x1ff).qidix(5).value(1).0;
    assert_eq!((ctrl.cq(), ctrl.qidix(), ctrl.value()), (0xff, 5, 1));
    let ctrl = regs::Set(ctrl).cq(0x12).0;
    assert_eq!((ctrl.cq(), ctrl.qidix(), ctrl.value()), (0x12, 5, 1));
}

#[test]
fn names_are_unique_and_every_register_exists_somewhere() {
    let mut names = std::collections::HashSet::new();
    for reg in all() {
        assert!(names.insert(reg.name), "{}", reg.name);
        assert!(reg.v2.is_some() || reg.v25.is_some(), "{}", reg.name);
    }
    assert_eq!(names.len(), 332);
}
