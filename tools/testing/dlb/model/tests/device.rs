// SPDX-License-Identifier: GPL-2.0
//! Registers, power, resets, faults.

mod common;
use common::*;
use dlb_model::regs::{Access, REGS};
use dlb_model::{Bar, Config, Device, Requester, Version};

fn read(d: &mut Device, w: &mut World, off: u64) -> u64 {
    d.read(Requester::Pf, Bar::Csr, off, 4, w)
}

/// Every instance of every register, both versions, with its address.
fn all(v: Version) -> impl Iterator<Item = (&'static dlb_model::regs::RegInfo, u64)> {
    REGS.iter().flat_map(move |info| {
        let n = info.count(v) / usize::from(info.words).max(1);
        let base = info.offset(v).unwrap_or(0);
        (0..n as u32).flat_map(move |x| {
            (0..u32::from(info.words))
                .map(move |w| (info, u64::from(base + x * info.stride + w * 0x8_0000)))
        })
    })
}

#[test]
fn reset_values() {
    for v in BOTH {
        let mut r = Rig::new(v);
        r.d.flr(Requester::Pf, &mut r.w);
        for (info, off) in all(v) {
            let want = match info.name {
                "CM_CFG_PM_PMCSR_DISABLE" => 0,
                // Nothing is held in the reorder buffer.
                "RO_REORDER_STATE_QID_QIDIX_CQ" => 1 << 23,
                _ => info.reset.into(),
            };
            assert_eq!(
                read(&mut r.d, &mut r.w, off),
                want,
                "{} at {off:#x}",
                info.name
            );
        }
        assert_eq!(r.d.counters().unknown_reads, 0);
    }
}

#[test]
fn storage_keeps_its_bits_and_nothing_else() {
    for v in BOTH {
        for (info, off) in all(v) {
            if info.access != Access::Rw || info.name == "CM_CFG_PM_PMCSR_DISABLE" {
                continue;
            }
            // Spot checks of long arrays.
            if off & 0xff000 > 0x3000 && off & 0xff000 != 0x1f000 {
                continue;
            }
            let mut r = Rig::new(v);
            let mask = u64::from(info.mask(v));
            for val in [!0u32, 0x5555_5555, 0xaaaa_aaaa, 0] {
                r.d.write(Requester::Pf, Bar::Csr, off, 4, val.into(), &mut r.w);
                let want = match info.name {
                    // Unmasking sends what is pending.
                    "SYS_AI_CTRL" => u64::from(val) & 1,
                    _ => u64::from(val) & mask,
                };
                assert_eq!(
                    read(&mut r.d, &mut r.w, off),
                    want,
                    "{} {val:#x}",
                    info.name
                );
            }
        }
    }
}

#[test]
fn read_only_registers_stay() {
    for v in BOTH {
        let mut r = Rig::new(v);
        let mut n = 0;
        for (info, off) in all(v) {
            if !matches!(info.access, Access::Ro | Access::LiveRo) || off & 0xfff00 > 0x100 {
                continue;
            }
            let before = read(&mut r.d, &mut r.w, off);
            r.d.write(Requester::Pf, Bar::Csr, off, 4, !before, &mut r.w);
            assert_eq!(read(&mut r.d, &mut r.w, off), before, "{}", info.name);
            n += 1;
        }
        assert_eq!(r.d.counters().read_only_writes, n);
    }
}

#[test]
fn live_registers_accept_what_resets_them() {
    for v in BOTH {
        for (info, off) in all(v) {
            if info.access != Access::Live || off & 0xff000 != 0 {
                continue;
            }
            let mut r = Rig::new(v);
            r.d.write(Requester::Pf, Bar::Csr, off, 4, 5, &mut r.w);
            let got = read(&mut r.d, &mut r.w, off);
            let derived = [
                "LSP_CQ_LDB_INFL_CNT",
                "LSP_QID_LDB_INFL_CNT",
                "LSP_QID_LDB_ENQUEUE_CNT",
                "LSP_QID_DIR_ENQUEUE_CNT",
                "LSP_QID_AQED_ACTIVE_CNT",
                "LSP_QID_ATM_ACTIVE",
            ];
            let want = if derived.contains(&info.name) { 0 } else { 5 };
            assert_eq!(got, want, "{}", info.name);
            r.d.write(Requester::Pf, Bar::Csr, off, 4, 0, &mut r.w);
            assert_eq!(read(&mut r.d, &mut r.w, off), 0, "{}", info.name);
            r.d.check().expect("consistent");
        }
    }
}

#[test]
fn registers_of_the_other_version_are_not_there() {
    for v in BOTH {
        let mut r = Rig::new(v);
        let other = if v == Version::V2_0 {
            Version::V2_5
        } else {
            Version::V2_0
        };
        let mine: std::collections::HashSet<u64> = all(v).map(|(_, off)| off).collect();
        let theirs = all(other).filter(|(_, off)| !mine.contains(off));
        let mut n = 0;
        for (_, off) in theirs {
            r.d.write(Requester::Pf, Bar::Csr, off, 4, 0xffff_ffff, &mut r.w);
            n += 1;
        }
        assert_eq!(r.d.counters().unknown_writes, n);
        assert!(n > 1000);
        assert!(r.w.log.len() < 64);
    }
}

#[test]
fn unknown_addresses_and_odd_sizes() {
    let mut r = Rig::new(Version::V2_0);
    for off in [
        0u64,
        0x60,
        0x1000_0fff,
        0xb400_0100,
        0xffff_fffc,
        1 << 32,
        u64::MAX,
    ] {
        for size in [0u8, 1, 2, 3, 4, 5, 8, 16, 255] {
            r.d.read(Requester::Pf, Bar::Csr, off, size, &mut r.w);
            r.d.read(Requester::Pf, Bar::Func, off, size, &mut r.w);
            r.d.write(Requester::Pf, Bar::Csr, off, size, !0, &mut r.w);
            r.d.write(Requester::Pf, Bar::Func, off, size, !0, &mut r.w);
            r.d.write(Requester::Vf(3), Bar::Func, off, size, !0, &mut r.w);
            r.d.write(Requester::Vf(200), Bar::Csr, off, size, !0, &mut r.w);
        }
    }
    assert!(r.d.counters().unknown_reads > 50);
    assert!(r.w.log.len() < 64, "{}", r.w.log.len());
    // Parts of a register.
    assert_eq!(
        r.d.read(Requester::Pf, Bar::Csr, 0xb400_0004, 2, &mut r.w),
        0xffff
    );
    assert_eq!(
        r.d.read(Requester::Pf, Bar::Csr, 0xb400_0006, 2, &mut r.w),
        0x9d0f
    );
    assert_eq!(
        r.d.read(Requester::Pf, Bar::Csr, 0xb400_0007, 1, &mut r.w),
        0x9d
    );
    assert_eq!(
        r.d.read(Requester::Pf, Bar::Csr, 0xb400_0000, 8, &mut r.w),
        0x9d0f_ffff_8000_0bff
    );
}

#[test]
fn a_vf_has_no_csr_bar() {
    let mut r = Rig::new(Version::V2_5);
    let off = u64::from(r.at(reg::ALARM_ENBL));
    assert_eq!(r.d.read(Requester::Vf(0), Bar::Csr, off, 4, &mut r.w), 0);
    r.d.write(Requester::Vf(0), Bar::Csr, off, 4, 0, &mut r.w);
    assert_eq!(r.rd(reg::ALARM_ENBL, 0), 0x3f);
}

#[test]
fn the_device_is_off_until_it_is_switched_on() {
    for v in BOTH {
        let mut w = World::default();
        let mut d = Device::new(&Config {
            version: v,
            ..Config::default()
        })
        .expect("device");
        let cm = if v == Version::V2_0 {
            0xb400_0000u64
        } else {
            0xa400_0000
        };
        assert_eq!(read(&mut d, &mut w, cm + 0x18), 1);
        assert_eq!(read(&mut d, &mut w, cm + 0x14), 0x0100_403e);
        assert_eq!(read(&mut d, &mut w, cm + 0x4), 0x9d0f_ffff);
        // Nothing else answers.
        assert_eq!(read(&mut d, &mut w, 0x1000_0300), 0xffff_ffff);
        d.write(Requester::Pf, Bar::Csr, 0x1000_0300, 4, 0x3f, &mut w);
        d.write(Requester::Pf, Bar::Csr, cm + 0x18, 4, 0, &mut w);
        assert_eq!(read(&mut d, &mut w, 0x1000_0300), 0);
        // The switch survives a function-level reset.
        d.flr(Requester::Pf, &mut w);
        assert_eq!(read(&mut d, &mut w, cm + 0x18), 0);
        assert_eq!(read(&mut d, &mut w, 0x1000_0300), 0);
    }
}

#[test]
fn flr_forgets_everything_at_any_moment() {
    for v in BOTH {
        let mut r = Rig::new(v);
        let fresh = {
            let mut f = Rig::new(v);
            f.d.flr(Requester::Pf, &mut f.w);
            all(v)
                .map(|(_, off)| read(&mut f.d, &mut f.w, off))
                .collect::<Vec<_>>()
        };
        for round in 0..3 {
            r.init();
            let mut cqs = r.simple(
                Queue {
                    sn: Some((0, 0, 0)),
                    inflights: 64,
                    ..PLAIN
                },
                4,
                16,
                64,
            );
            r.dir_queue(1, 8);
            r.dir_port(1, 0, 8);
            r.allow_dir(0, 1, true);
            for i in 0..200 {
                r.ldb(
                    0,
                    H::new(0, if i % 2 == 0 { ORD } else { ATM }, i).flow(i as u16 % 9),
                );
                r.ldb(0, H::new(1, DIR, i));
            }
            r.recv_all(&mut cqs[1]);
            r.ldb(1, H::fwd(1, DIR, 1));
            // Half a command is under way.
            r.d.write(Requester::Pf, Bar::Func, Rig::page(true, 0), 8, 1, &mut r.w);
            r.sane();
            r.d.flr(Requester::Pf, &mut r.w);
            let dma = r.w.dma.len();
            let now: Vec<u64> = all(v)
                .map(|(_, off)| read(&mut r.d, &mut r.w, off))
                .collect();
            assert_eq!(now, fresh, "round {round}");
            r.sane();
            r.d.write(
                Requester::Pf,
                Bar::Func,
                Rig::page(true, 0) + 8,
                8,
                1 << 59,
                &mut r.w,
            );
            assert_eq!(r.w.dma.len(), dma);
            r.w.mem.clear();
        }
        assert_eq!(r.d.counters().resets, 3);
    }
}

#[test]
fn d3hot_answers_nothing_and_keeps_everything() {
    let mut r = Rig::new(Version::V2_0);
    let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
    r.d.set_d3(true);
    assert_eq!(r.rd(reg::TOTAL_VAS, 0), !0);
    r.wr(reg::ALARM_ENBL, 0, 0);
    r.ldb(0, H::new(0, UNO, 1));
    r.d.set_d3(false);
    assert_eq!(r.rd(reg::ALARM_ENBL, 0), 0x3f);
    assert_eq!(r.recv(&mut cq), None);
    r.ldb(0, H::new(0, UNO, 2));
    assert_eq!(r.data_all(&mut cq), [2]);
}

#[test]
fn readiness_faults() {
    for v in BOTH {
        let mut r = Rig::with(v, 1, "never-ready");
        for _ in 0..10 {
            assert_eq!(r.rd(reg::PM_STATUS, 0) >> 24, 0);
        }
        r.d.inject("clear; slow-idle=3", &mut r.w).expect("fault");
        assert_eq!(r.rd(reg::PM_STATUS, 0) >> 24, 1);
        let idle: Vec<u32> = (0..5).map(|_| r.rd(reg::IDLE_STATUS, 0) >> 31).collect();
        assert_eq!(idle, [0, 0, 0, 1, 1]);
    }
}

#[test]
fn stuck_drain_and_dma_faults() {
    let mut r = Rig::new(Version::V2_0);
    r.simple(PLAIN, 1, 8, 8);
    r.d.inject("stuck-drain", &mut r.w).expect("fault");
    assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 1);
    assert_eq!(r.rd(reg::QID_DIR_ENQ, 0), 1);
    r.d.inject("clear; dma-fault=1", &mut r.w).expect("fault");
    assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 0);
    r.ldb(0, H::new(0, UNO, 0));
    r.ldb(0, H::new(0, UNO, 0));
    assert_eq!(r.d.counters().dma_faults, 1);
    assert_eq!(r.w.dma.len(), 1);
    assert!(Device::new(&Config {
        faults: "bad".into(),
        ..Config::default()
    })
    .is_err());
    let now = Config {
        faults: "parity-alarm=1".into(),
        ..Config::default()
    };
    assert!(Device::new(&now).is_err());
}

#[test]
fn stats_and_snapshot_tell() {
    let mut r = Rig::new(Version::V2_5);
    let mut cqs = r.simple(PLAIN, 2, 8, 8);
    for i in 0..20 {
        r.ldb(
            0,
            H::new(0, if i < 10 { ATM } else { UNO }, i).flow(i as u16),
        );
    }
    r.recv_all(&mut cqs[0]);
    let stats = r.d.stats();
    for want in [
        "\"version\":\"2.5\"",
        "\"dma_writes\":16",
        "\"new\":20",
        "\"dropped_total\":0",
    ] {
        assert!(stats.contains(want), "{want} in {stats}");
    }
    let c = r.d.counters();
    assert_eq!(c.scheduled.iter().sum::<u64>(), 16);
    assert_eq!(c.enqueued, [10, 10, 0, 0]);
    let snap = r.d.snapshot();
    for want in [
        "dlb V2_5",
        "ldb queue 0",
        "ldb cq 1",
        "chp: domain 0 credits",
    ] {
        assert!(snap.contains(want), "{want} in {snap}");
    }
    let before = r.d.counters().reads.iter().sum::<u64>();
    r.rd(reg::TOTAL_VAS, 0);
    assert_eq!(r.d.counters().reads.iter().sum::<u64>(), before + 1);
}

#[test]
fn registers_of_monitoring_tools() {
    for (v, lsp, atq) in [
        (Version::V2_0, 0xa400_0000u64, 0xa0c0_0000u64),
        (Version::V2_5, 0x9400_0000, 0x90d8_0000),
    ] {
        let mut r = Rig::new(v);
        r.simple(Queue { atomic: 2, ..PLAIN }, 1, 8, 8);
        for i in 0..20 {
            r.ldb(0, H::new(0, ATM, i).flow(i as u16));
        }
        assert_eq!(read(&mut r.d, &mut r.w, lsp), 2);
        assert_eq!(read(&mut r.d, &mut r.w, lsp + 0x1c), 8);
        assert_eq!(read(&mut r.d, &mut r.w, lsp + 0x20), 2048);
        assert_eq!(read(&mut r.d, &mut r.w, atq), 10);
    }
}

#[test]
fn scheduler_statistics() {
    let mut r = Rig::new(Version::V2_0);
    r.simple(PLAIN, 1, 8, 64);
    let perf = |r: &mut Rig, n: u32| r.rd4((0xa400_010c, 0), n * 2);
    r.ldb(0, H::new(0, UNO, 0));
    assert_eq!(perf(&mut r, 2), 0);
    r.wr4((0xa400_0144, 0), 0, 1);
    for i in 0..10 {
        r.ldb(0, H::new(0, UNO, i));
    }
    assert_eq!(perf(&mut r, 2), 7);
    assert_eq!(perf(&mut r, 1), 3);
    r.wr4((0xa400_0144, 0), 0, 2);
    assert_eq!(perf(&mut r, 2), 0);
    assert_eq!(r.rd4((0xa400_0144, 0), 0), 0);
    assert_eq!(r.rd4((0xa400_003c, 0), 0), 8);
}

#[test]
fn configurations_that_make_no_sense_are_counted() {
    for v in BOTH {
        let mut r = Rig::new(v);
        r.simple(
            Queue {
                sn: Some((0, 1, 0)),
                inflights: 64,
                ..PLAIN
            },
            2,
            8,
            8,
        );
        r.dir_port(1, 0, 8);
        assert_eq!(r.d.counters().config_warnings, 0);
        let mut n = 0;
        let mut expect = |r: &mut Rig, what: &str| {
            n += 1;
            assert_eq!(r.d.counters().config_warnings, n, "{what}: {:?}", r.w.log);
            assert!(
                r.w.log.last().is_some_and(|l| l.contains(what)),
                "{what}: {:?}",
                r.w.log
            );
        };
        let enable = |r: &mut Rig| {
            r.wr(reg::CQ_LDB_DSBL, 1, 1);
            r.wr(reg::CQ_LDB_DSBL, 1, 0);
        };
        enable(&mut r);
        r.rmw(reg::CQ2PRIOV, 1, 7, 3);
        expect(&mut r, "links change");
        r.wr(reg::QID2CQIDIX, 5, 1 << 8);
        expect(&mut r, "links change");
        r.wr(reg::CQ_LDB_INFL_LIM, 1, 9);
        enable(&mut r);
        expect(&mut r, "inflight limit");
        r.wr(reg::CQ_LDB_INFL_LIM, 1, 8);
        r.wr(reg::HL_BASE, 1, 16);
        enable(&mut r);
        expect(&mut r, "history list 16..15");
        r.wr(reg::HL_BASE, 1, 7);
        enable(&mut r);
        expect(&mut r, "share history-list");
        r.wr(reg::HL_BASE, 1, 8);
        r.wr(reg::LDB_CHP_DEPTH_SEL, 1, 2);
        enable(&mut r);
        expect(&mut r, "depth");
        r.wr(reg::LDB_CHP_DEPTH_SEL, 1, 1);
        r.wr(reg::LDB_CQ_ADDR_L, 1, 0);
        r.wr(reg::LDB_CQ_ADDR_U, 1, 0);
        enable(&mut r);
        expect(&mut r, "without an address");
        r.wr(reg::CQ_DIR_DSBL, 1, 1);
        r.wr(reg::DIR_CHP_DEPTH_SEL, 1, 2);
        r.wr(reg::CQ_DIR_DSBL, 1, 0);
        expect(&mut r, "depth");
        r.ldb_queue(
            2,
            Queue {
                sn: Some((1, 1, 1)),
                ..PLAIN
            },
        );
        expect(&mut r, "not that of its group");
        r.ldb_queue(
            3,
            Queue {
                sn: Some((0, 1, 0)),
                ..PLAIN
            },
        );
        expect(&mut r, "share sequence numbers");
        r.wr(reg::RO_SN_MODE, 0, 2);
        r.ldb_queue(
            4,
            Queue {
                sn: Some((0, 4, 2)),
                ..PLAIN
            },
        );
        expect(&mut r, "no slot 4");
    }
}
