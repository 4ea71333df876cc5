// SPDX-License-Identifier: GPL-2.0
//! A guest that writes anything anywhere, as PF or VF, must not hurt the host: no panic, no endless
//! loop, no growth, few log lines; and the device stays consistent in itself and works again after
//! a reset. `HOSTILE=n` does n times as much.

mod common;
use common::*;
use core::ffi::{c_int, c_long};
use dlb_model::regs::REGS;
use dlb_model::{Bar, Requester, Version};
use std::time::Duration;

/// `struct timespec` of 64-bit Linux.
#[repr(C)]
struct Timespec(c_long, c_long);

unsafe extern "C" {
    fn clock_gettime(clock: c_int, t: *mut Timespec) -> c_int;
}

/// What this thread has used of a processor: on a busy machine, much less than what passed.
fn cpu_time() -> Duration {
    const CLOCK_THREAD_CPUTIME_ID: c_int = 3;
    let mut t = Timespec(0, 0);
    // SAFETY: `t` has the layout that the C library fills in.
    assert_eq!(
        unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &raw mut t) },
        0
    );
    Duration::new(t.0 as u64, t.1 as u32)
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn value(d: &mut Dice) -> u64 {
    match d.below(6) {
        0 => 0,
        1 => 1,
        2 => d.below(16),
        3 => 1 << d.below(64),
        4 => u64::MAX,
        _ => d.next(),
    }
}

/// One random access.
fn poke(r: &mut Rig, d: &mut Dice) {
    let who = if d.below(4) == 0 {
        Requester::Vf(d.below(17) as u8)
    } else {
        Requester::Pf
    };
    let size = [1u8, 2, 4, 4, 4, 4, 8, 8, 3][d.below(9) as usize];
    match d.below(20) {
        // A register that exists.
        0..=7 => {
            let info = &REGS[d.below(REGS.len() as u64) as usize];
            let Some(base) = info.offset(r.v) else { return };
            let x = d.below(info.count(r.v) as u64 / u64::from(info.words).max(1) + 1);
            let w = d.below(info.words.into());
            let off = u64::from(base) + x * u64::from(info.stride) + w * 0x8_0000;
            // Mostly stay switched on.
            if info.name == "CM_CFG_PM_PMCSR_DISABLE" && d.below(50) != 0 {
                return;
            }
            let v = value(d);
            if d.below(4) == 0 {
                r.d.read(Requester::Pf, Bar::Csr, off, 4, &mut r.w);
            } else {
                r.d.write(Requester::Pf, Bar::Csr, off, 4, v, &mut r.w);
            }
        }
        8 => {
            let off = d.next() & 0x1_ffff_ffff;
            let v = value(d);
            r.d.write(
                who,
                if d.below(2) == 0 { Bar::Csr } else { Bar::Func },
                off,
                size,
                v,
                &mut r.w,
            );
            r.d.read(who, Bar::Func, off, size, &mut r.w);
        }
        9 => {
            let (off, v) = (d.below(0x10_4000), value(d));
            r.d.write(who, Bar::Func, off, size, v, &mut r.w);
        }
        10 => {
            let off = 0x200_0000 + d.below(0x40_0000);
            let v = value(d);
            r.d.write(who, Bar::Func, off, size, v, &mut r.w);
        }
        11 => match d.below(40) {
            0 => r.d.flr(who, &mut r.w),
            1 => r.d.set_vf_msi(d.below(18) as u8, d.below(40) as u8),
            2 => r.d.set_d3(d.below(8) == 0),
            _ => {
                let t = d.next() >> d.below(64);
                // What the first may have started, the second does not start again.
                r.d.tick(t, &mut r.w);
                r.d.tick(t, &mut r.w);
                let due = r.d.deadline().filter(|due| *due <= t && t != u64::MAX);
                assert_eq!(due, None, "asked for again at {t}");
            }
        },
        // Commands that could be meant well.
        _ => {
            let queues = if d.below(20) == 0 { 256 } else { 4 };
            let h = H {
                data: d.next(),
                opaque: d.next() as u16,
                qid: d.below(queues) as u8,
                typ: d.below(4) as u8,
                pri: d.below(8) as u8,
                msg: 0,
                lock: d.below(9) as u16,
                weight: d.below(4) as u8,
                cmd: [0, 1, 2, 3, 5, 8, 8, 8, 10, 10, 11, 12, 13, 15][d.below(14) as usize],
            };
            let (ldb, p) = (d.below(3) != 0, d.below(5) as usize);
            r.send_as(who, ldb, p, h);
        }
    }
}

/// A domain that works, to have something to break.
fn working(r: &mut Rig) {
    r.init();
    r.credits(0, 2000, 1000);
    r.wr(reg::RO_SN_MODE, 0, 0);
    for q in 0..4 {
        let sn = (q % 2 == 1).then_some((0, q, 0));
        r.ldb_queue(
            q,
            Queue {
                sn,
                inflights: 64,
                ..PLAIN
            },
        );
        r.allow_ldb(0, q, true);
        r.dir_queue(q, 8);
        r.dir_port(q, 0, 8);
        r.allow_dir(0, q, true);
    }
    for p in 0..4 {
        r.ldb_port(p, 0, 16, 64);
        for q in 0..4 {
            r.map(p, q, q, q);
        }
    }
}

#[test]
fn nothing_that_a_guest_writes_hurts() {
    let scale: u64 = std::env::var("HOSTILE")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    for v in BOTH {
        for seed in 1..=4 * scale {
            let mut r = Rig::with(v, seed, "");
            r.w.quiet = true;
            let mut d = Dice(seed * 0x9e37_79b9);
            let mut longest = Duration::ZERO;
            for round in 0..20 {
                working(&mut r);
                for _ in 0..3000 {
                    let t = cpu_time();
                    poke(&mut r, &mut d);
                    longest = longest.max(cpu_time() - t);
                }
                if let Err(e) = r.d.check() {
                    panic!("seed {seed} round {round}: {e}\n{}", r.d.snapshot());
                }
                // Memory written does not grow without bound either: it is what CQs point at.
                r.w.mem.clear();
                r.w.msix.clear();
                r.w.msi.clear();
                r.w.ims.clear();
                r.d.snapshot();
                r.d.stats();
                if round % 4 == 3 {
                    r.d.flr(Requester::Pf, &mut r.w);
                }
            }
            assert!(r.w.log.len() < 600, "{} log lines", r.w.log.len());
            assert!(
                longest < Duration::from_secs(1),
                "{longest:?} for one access"
            );

            // Awake and after a reset everything works as ever.
            r.d.set_d3(false);
            r.d.flr(Requester::Pf, &mut r.w);
            r.w.mem.clear();
            r.init();
            let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
            let dropped = r.dropped();
            for i in 0..5 {
                r.ldb(0, H::new(0, UNO, i));
            }
            assert_eq!(r.data_all(&mut cq), [0, 1, 2, 3, 4]);
            assert_eq!(r.dropped(), dropped);
            r.sane();
        }
    }
}

/// One register write that releases the whole device's backlog is the longest there is.
#[test]
fn the_longest_step_is_bounded() {
    let mut r = Rig::new(Version::V2_5);
    r.w.quiet = true;
    r.credits(0, 0x7fff, 0);
    r.ldb_queue(
        0,
        Queue {
            inflights: 0,
            ..PLAIN
        },
    );
    r.allow_ldb(0, 0, true);
    for p in 0..64 {
        r.ldb_port(p, 0, 1024, 32);
        r.map(p, 0, 0, 0);
    }
    for i in 0..16384 {
        r.ldb(0, H::new(0, UNO, i));
    }
    let t = cpu_time();
    r.wr(reg::QID_LDB_INFL_LIM, 0, 0xfff);
    let t = cpu_time() - t;
    assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 2048);
    assert!(t < Duration::from_millis(500), "{t:?}");
    r.sane();
}

/// Completions that software leads to other history-list entries do not reach their flow, which
/// may then have more outstanding than it can count.
#[test]
fn a_flow_does_not_lose_count() {
    for v in BOTH {
        let mut r = Rig::new(v);
        r.w.quiet = true;
        r.simple(PLAIN, 1, 8, 64);
        // The first flow stays, so that the second is not the one of unused history-list entries.
        r.ldb(0, H::new(0, ATM, 0).flow(1));
        for _ in 0..0x1_0010 {
            r.ldb(0, H::new(0, ATM, 0).flow(2));
            r.wr(reg::HL_PUSH, 0, 60);
            r.wr(reg::HL_POP, 0, 59);
            r.ldb(0, H::tokens(c::REL_T, 1));
            r.wr(reg::HL_PUSH, 0, 1);
            r.wr(reg::HL_POP, 0, 0);
        }
        r.w.mem.clear();
        if let Err(e) = r.d.check() {
            panic!("{e}");
        }
    }
}
