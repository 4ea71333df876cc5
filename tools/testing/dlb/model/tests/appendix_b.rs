// SPDX-License-Identifier: GPL-2.0
//! The worked example of the programming model (appendix B), byte for byte.

mod common;
use common::*;
use dlb_model::{Bar, Requester, Version};

const SETUP: &[(u32, u32)] = &[
    (0x4008_0000, 0x40),
    (0x4000_0000, 0x0),
    (0x1000_0f24, 0x0),
    (0xa0d8_0000, 0x40),
    (0xa0a8_0000, 0x0),
    (0x2008_0000, 0x0),
    (0x1000_0f54, 0x0),
    (0xa208_0000, 0x20),
    (0xa210_0000, 0x20),
    (0x2000_0000, 0x200),
    (0x4018_0000, 0x0),
    (0x1000_0f58, 0x0),
    (0x1000_0f50, 0x1),
    (0x1000_0f80, 0x2345_6000),
    (0x1000_0f84, 0x1),
    (0x1000_0f94, 0x30),
    (0x40b8_0000, 0x1),
    (0xa058_0000, 0x4),
    (0xa060_0000, 0x1),
    (0x40c8_0000, 0x0),
    (0x4078_0000, 0x7),
    (0x4070_0000, 0x0),
    (0xa050_0000, 0x8),
    (0x4088_0000, 0x0),
    (0x4080_0000, 0x0),
    (0x1000_0f9c, 0x0),
    (0x1000_0fa0, 0x0),
    (0x40d0_0000, 0x0),
    (0xa000_0000, 0x0),
    (0x1000_0f88, 0x0),
    (0x1000_0f90, 0x1),
    (0xa040_0000, 0x0),
    (0xa040_0000, 0x1),
    (0xa000_0000, 0x100_0000),
    (0xa008_0000, 0x0),
    (0x3008_0000, 0x1),
    (0xa0e0_0000, 0x1),
    (0xa160_0000, 0x1),
    (0xa040_0000, 0x0),
    (0x1000_0f24, 0x1),
];

const PP: u64 = 0x210_0000;
const CQ: u64 = 0x1_2345_6000;

fn line(r: &mut Rig, hcws: &[(u64, u64)]) {
    let mut bytes = [0u8; 64];
    for (k, (lo, hi)) in hcws.iter().enumerate() {
        bytes[16 * k..16 * k + 8].copy_from_slice(&lo.to_le_bytes());
        bytes[16 * k + 8..16 * k + 16].copy_from_slice(&hi.to_le_bytes());
    }
    r.d.write_bytes(Requester::Pf, Bar::Func, PP, &bytes, &mut r.w);
}

fn entry(r: &Rig, n: u64) -> (u64, u64) {
    let b = r.w.mem[&(-1, CQ + 64 * n)];
    let half = |i: usize| u64::from_le_bytes(b[i..i + 8].try_into().unwrap());
    (half(0), half(8))
}

#[track_caller]
fn expect(r: &mut Rig, what: &[(reg::At, u32)]) {
    for &(at, want) in what {
        assert_eq!(r.rd(at, 0), want, "{:#x}", at.0);
    }
    r.sane();
}

#[test]
fn worked_example() {
    let mut r = Rig::new(Version::V2_0);
    for &(off, val) in SETUP {
        r.d.write(Requester::Pf, Bar::Csr, off.into(), 4, val.into(), &mut r.w);
        assert_eq!(r.rd(reg::TOTAL_VAS, 0), 0x20);
    }

    // 1: six NEW as lines of 4 + 2.
    let new = |k: u64| (k, 0x0800_0000_0100_0000);
    line(&mut r, &[new(0), new(1), new(2), new(3)]);
    line(&mut r, &[new(4), new(5)]);
    expect(
        &mut r,
        &[
            (reg::CQ_LDB_TKN, 8),
            (reg::LDB_CQ_DEPTH, 4),
            (reg::CQ_LDB_INFL, 4),
            (reg::QID_LDB_INFL, 4),
            (reg::QID_LDB_ENQ, 2),
            (reg::CRD_LDB, 62),
            (reg::QID_NALDB_TOT, 6),
            (reg::CQ_LDB_TOT, 4),
            (reg::HL_PUSH, 4),
        ],
    );
    for n in 0..4 {
        assert_eq!(entry(&r, n), (n, 0x0100_0000_0100_0000));
    }

    // 2: four tokens.
    line(&mut r, &[(0, 0x0100_0003_0000_0000)]);
    expect(
        &mut r,
        &[
            (reg::CQ_LDB_TKN, 6),
            (reg::LDB_CQ_DEPTH, 2),
            (reg::CQ_LDB_INFL, 6),
            (reg::QID_LDB_INFL, 6),
            (reg::QID_LDB_ENQ, 0),
            (reg::CRD_LDB, 64),
        ],
    );
    for n in 4..6 {
        assert_eq!(entry(&r, n), (n, 0x0100_0000_0100_0000));
    }

    // 3: six REL.
    for _ in 0..6 {
        line(&mut r, &[(0, 0x0200_0000_0000_0000)]);
    }
    expect(
        &mut r,
        &[
            (reg::CQ_LDB_INFL, 0),
            (reg::QID_LDB_INFL, 0),
            (reg::HL_POP, 6),
            (reg::HL_PUSH, 6),
        ],
    );

    // 4: two tokens.
    line(&mut r, &[(0, 0x0100_0001_0000_0000)]);
    expect(&mut r, &[(reg::CQ_LDB_TKN, 4), (reg::LDB_CQ_DEPTH, 0)]);

    // 5: four NEW; ring and history list wrap.
    line(&mut r, &[new(6), new(7), new(8), new(9)]);
    assert_eq!(entry(&r, 6), (6, 0x0100_0000_0100_0000));
    assert_eq!(entry(&r, 7), (7, 0x0100_0000_0100_0000));
    assert_eq!(entry(&r, 0), (8, 0x0000_0000_0100_0000));
    assert_eq!(entry(&r, 1), (9, 0x0000_0000_0100_0000));
    expect(
        &mut r,
        &[
            (reg::CQ_LDB_TKN, 8),
            (reg::CQ_LDB_INFL, 4),
            (reg::HL_PUSH, 0x2002),
        ],
    );
    assert_eq!(r.dropped(), 0);
    assert!(r.w.msix.is_empty());

    // 6: REL with nothing in flight.
    for _ in 0..5 {
        line(&mut r, &[(0, 0x0200_0000_0000_0000)]);
    }
    let want = 1 << 31 | 1 << 26 | 4 << 22 | 1 << 16 | 0x80;
    expect(&mut r, &[(reg::PF_SYND, want)]);
    assert_eq!(r.w.msix, [0]);
    assert_eq!(r.dropped(), 1);

    // Reset: the four tokens of step 5 go back.
    line(&mut r, &[(0, 0x0100_0003_0000_0000)]);
    expect(&mut r, &[(reg::CQ_LDB_TKN, 4), (reg::LDB_CQ_DEPTH, 0)]);
}
