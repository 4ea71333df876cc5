// SPDX-License-Identifier: GPL-2.0
//! One test per rule of the data path (programming model, section 5).

mod common;
use common::*;
use dlb_model::{Bar, Requester, Version};

fn each(f: impl Fn(&mut Rig)) {
    for v in BOTH {
        let mut r = Rig::new(v);
        f(&mut r);
        r.sane();
    }
}

/// Expect one refusal with this PF syndrome (without VALID), and clear it.
#[track_caller]
fn refused(r: &mut Rig, before: u64, synd: u32) {
    assert_eq!(r.dropped(), before + 1);
    assert_eq!(r.rd(reg::PF_SYND, 0), 1 << 31 | synd);
    assert_eq!(r.w.msix.pop(), Some(0));
    r.wr(reg::PF_SYND, 0, 3 << 30);
    r.wr(reg::MSIX_ACK, 0, 1);
    assert_eq!(r.rd(reg::PF_SYND, 0) >> 30, 0);
}

const SYS_LDB: u32 = 1 << 13;
const CHP: u32 = 1 << 26 | 4 << 22;

#[test]
fn credits_are_spent_at_enqueue_and_return_when_scheduled() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        let full = r.rd(reg::CRD_LDB, 0);
        for i in 0..12 {
            r.ldb(0, H::new(0, UNO, i));
        }
        // Eight went to the CQ, four wait.
        assert_eq!(r.rd(reg::CRD_LDB, 0), full - 4);
        assert_eq!(r.recv_all(&mut cq).len(), 8);
        r.ldb(0, H::tokens(c::BAT_T, 8));
        // Completions are still owed, the history list is full.
        assert_eq!(r.rd(reg::CRD_LDB, 0), full - 4);
        for _ in 0..8 {
            r.ldb(0, H::cmd(c::REL));
        }
        assert_eq!(r.rd(reg::CRD_LDB, 0), full);
        assert_eq!(r.data_all(&mut cq), [8, 9, 10, 11]);
    });
}

#[test]
fn pools_are_two_on_2_0_and_one_on_2_5() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.dir_queue(1, 64);
        r.dir_port(1, 0, 8);
        r.wr(reg::CQ_DIR_DSBL, 1, 1);
        r.allow_dir(0, 1, true);
        r.credits(0, 1, 1);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        r.ldb(0, H::new(1, DIR, 0));
        let second = r.dropped();
        r.ldb(0, H::new(1, DIR, 0));
        if r.v == Version::V2_0 {
            refused(r, second, CHP | 1 << 16 | 0x80);
            r.ldb(0, H::new(0, UNO, 0));
            assert_eq!(r.dropped(), second + 1);
            assert_eq!((r.rd(reg::CRD_LDB, 0), r.rd(reg::CRD_DIR, 0)), (0, 0));
        } else {
            assert_eq!(r.dropped(), second);
            r.ldb(0, H::new(0, UNO, 0));
            refused(r, second, CHP | 1 << 16 | 0x80);
            assert_eq!(r.rd(reg::CRD_LDB, 0), 0);
        }
    });
}

#[test]
fn credit_returns_to_the_domain_of_the_cq() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.wr(reg::LDB_CQ2VAS, 0, 5);
        let before = r.rd(reg::CRD_LDB, 0);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.rd(reg::CRD_LDB, 0), before - 1);
        assert_eq!(r.rd(reg::CRD_LDB, 5), 1);
    });
}

#[test]
fn more_credits_than_storage_do_not_make_storage() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        r.wr(reg::CRD_LDB, 0, 0x7fff);
        let room = if r.v == Version::V2_0 { 8192 } else { 16384 };
        for i in 0..room + 5 {
            r.ldb(0, H::new(0, UNO, i));
        }
        assert_eq!(r.dropped(), 5);
        assert_eq!(r.rd(reg::QID_LDB_ENQ, 0) as u64, room);
        assert_eq!(r.rd(reg::CRD_LDB, 0) as u64, 0x7fff - room);
    });
}

#[test]
fn ports_that_are_not_valid_are_refused() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.ldb(7, H::new(0, UNO, 0));
        refused(r, 0, SYS_LDB | 1 << 16 | 7);
        r.dir(9, H::tokens(c::BAT_T, 1));
        refused(r, 1, 1 << 16 | 9);
        // NOOPs are nothing to refuse.
        r.ldb(7, H::default());
        assert_eq!(r.dropped(), 2);
    });
}

#[test]
fn illegal_commands_are_refused() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.dir_queue(2, 64);
        r.dir_port(2, 0, 8);
        let mut n = 0;
        for cmd in [4, 6, 7, 14, 15] {
            r.ldb(
                0,
                H {
                    cmd,
                    ..H::new(0, UNO, 0)
                },
            );
            refused(r, n, SYS_LDB | 5 << 16);
            r.dir(
                2,
                H {
                    cmd,
                    ..H::new(0, UNO, 0)
                },
            );
            refused(r, n + 1, 5 << 16 | 2);
            n += 2;
        }
        for cmd in [c::REL, c::REL_T, c::FWD, c::FWD_T, c::FRAG, c::FRAG_T] {
            r.dir(
                2,
                H {
                    cmd,
                    ..H::new(0, UNO, 0)
                },
            );
            refused(r, n, 5 << 16 | 2);
            n += 1;
        }
        assert_eq!(r.rd(0x1000_1010.into_at(), 0) as u64, n);
        assert_eq!(r.d.counters().enqueued, [0; 4]);
    });
}

trait IntoAt {
    fn into_at(self) -> reg::At;
}
impl IntoAt for u32 {
    fn into_at(self) -> reg::At {
        (self, self)
    }
}

#[test]
fn queues_are_checked() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        // Numbers beyond the last queue, queues that do not exist.
        for (n, (qid, typ)) in [
            (32, UNO),
            (255, ATM),
            (r.ndir as u8, DIR),
            (3, UNO),
            (3, DIR),
        ]
        .into_iter()
        .enumerate()
        {
            r.ldb(0, H::new(qid, typ, 0));
            refused(r, n as u64, SYS_LDB | 3 << 16);
        }
        // A queue of another domain, or of one that has not started.
        r.ldb_queue(3, PLAIN);
        r.ldb(0, H::new(3, UNO, 0));
        refused(r, 5, SYS_LDB | 4 << 16);
        r.dir_queue(3, 8);
        r.allow_dir(1, 3, true);
        r.ldb(0, H::new(3, DIR, 0));
        refused(r, 6, SYS_LDB | 4 << 16);
        // Scheduling types that the queue is not made for.
        r.ldb(0, H::new(0, ORD, 0));
        refused(r, 7, SYS_LDB | 6 << 16);
        r.wr(reg::LDB_QID_CFG_V, 0, 1);
        r.ldb(0, H::new(0, UNO, 0));
        refused(r, 8, SYS_LDB | 6 << 16);
        r.ldb(0, H::new(0, ATM, 0));
        refused(r, 9, SYS_LDB | 6 << 16);
    });
}

#[test]
fn commands_without_a_qe_ignore_the_queue_field() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        r.ldb(0, H::new(0, UNO, 1));
        r.ldb(
            0,
            H {
                qid: 0xff,
                typ: 3,
                ..H::cmd(c::REL)
            },
        );
        r.ldb(
            0,
            H {
                qid: 0xff,
                typ: 2,
                ..H::tokens(c::BAT_T, 1)
            },
        );
        assert_eq!(r.dropped(), 0);
        assert_eq!(r.recv_all(&mut cq).len(), 1);
    });
}

#[test]
fn syndromes_hold_the_first_error() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        let bad = H {
            data: 1,
            opaque: 0xabcd,
            qid: 0x31,
            typ: 1,
            pri: 5,
            msg: 3,
            lock: 0x1234,
            cmd: c::NEW_T,
            ..H::default()
        };
        r.ldb(0, bad);
        r.ldb(7, H::new(0, UNO, 0));
        assert_eq!(r.rd(reg::PF_SYND, 0), 3 << 30 | SYS_LDB | 3 << 16);
        assert_eq!(
            r.rd4(reg::PF_SYND, 1),
            0xabcd | 0x31 << 16 | 1 << 24 | 5 << 26 | 3 << 29
        );
        assert_eq!(r.rd4(reg::PF_SYND, 2), 0x1234 | 1 << 24 | 1 << 27);
        assert_eq!(r.w.msix, [0]);
        r.wr(reg::PF_SYND, 0, 1 << 30);
        assert_eq!(r.rd(reg::PF_SYND, 0) >> 30, 2);
        r.wr(reg::PF_SYND, 0, 1 << 31);
        assert_eq!(r.rd(reg::PF_SYND, 0) >> 30, 0);
    });
}

#[test]
fn alarms_that_are_not_enabled_are_silent() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.wr(reg::ALARM_ENBL, 0, 0);
        r.ldb(0, H::new(3, UNO, 0));
        r.ldb(7, H::new(3, UNO, 0));
        assert_eq!(r.rd(reg::PF_SYND, 0), 0);
        // CHP's have disable bits instead.
        r.wr(reg::CHP_CSR_CTRL, 0, 0x001e_0002 | 3 << 4 | 3 << 6);
        r.ldb(0, H::cmd(c::REL));
        r.ldb(0, H::tokens(c::BAT_T, 1));
        assert_eq!(r.rd(reg::PF_SYND, 0), 0);
        assert!(r.w.msix.is_empty());
        assert_eq!(r.dropped(), 4);
        assert_eq!(r.rd(reg::CHP_ERR_DROP, 0), 2);
    });
}

#[test]
fn tokens() {
    each(|r| {
        r.simple(PLAIN, 1, 16, 64);
        for i in 0..10 {
            r.ldb(0, H::new(0, UNO, i));
        }
        let cnt = |r: &mut Rig| (r.rd(reg::CQ_LDB_TKN, 0), r.rd(reg::LDB_CQ_DEPTH, 0));
        assert_eq!(cnt(r), (10, 10));
        r.ldb(0, H::tokens(c::BAT_T, 3));
        assert_eq!(cnt(r), (7, 7));
        // Only ten bits of the count matter.
        r.ldb(
            0,
            H {
                lock: 0xfc00 | 1,
                ..H::cmd(c::BAT_T)
            },
        );
        assert_eq!(cnt(r), (5, 5));
        r.ldb(0, H::tokens(c::REL_T, 2));
        assert_eq!(cnt(r), (3, 3));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 9);
        // With a QE, the token bit is one token, whatever the flow is.
        r.ldb(
            0,
            H {
                cmd: c::NEW_T,
                lock: 77,
                ..H::new(0, UNO, 0)
            },
        );
        assert_eq!(cnt(r), (3, 3));
        r.ldb(
            0,
            H {
                cmd: c::FWD_T,
                lock: 77,
                ..H::new(0, UNO, 0)
            },
        );
        assert_eq!(cnt(r), (3, 3));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 10);
        // More than there are: nothing happens but the alarm.
        r.ldb(0, H::tokens(c::BAT_T, 4));
        refused(r, 0, CHP | 2 << 16 | 0x80);
        assert_eq!(cnt(r), (3, 3));
        r.ldb(0, H::tokens(c::BAT_T, 3));
        r.ldb(
            0,
            H {
                cmd: c::NEW_T,
                ..H::new(0, UNO, 0)
            },
        );
        refused(r, 1, CHP | 2 << 16 | 0x80);
        assert_eq!(cnt(r), (1, 1));
    });
}

#[test]
fn small_cqs_are_rings_of_eight_with_tokens_taken() {
    each(|r| {
        for (p, depth) in [(0, 1u32), (1, 2), (2, 4), (3, 8)] {
            r.credits(0, 512, 0);
            r.ldb_queue(p, PLAIN);
            let mut cq = r.ldb_port(p, 0, depth, 64);
            r.map(p, 0, p, 0);
            r.allow_ldb(0, p, true);
            for i in 0..20 {
                r.ldb(p as usize, H::new(p as u8, UNO, i));
            }
            let mut all = Vec::new();
            while all.len() < 20 {
                let got = r.data_all(&mut cq);
                assert_eq!(got.len() as u32, depth.min(20 - all.len() as u32));
                r.ldb(p as usize, H::tokens(c::BAT_T, got.len() as u16));
                all.extend(got);
            }
            assert_eq!(all, (0..20).collect::<Vec<_>>());
            assert_eq!(r.rd(reg::CQ_LDB_TKN, p), 8 - depth);
            assert_eq!(r.rd(reg::LDB_CQ_DEPTH, p), 0);
        }
        let mut cq = r.dir_port(5, 0, 2);
        r.dir_queue(5, 64);
        r.allow_dir(0, 5, true);
        r.credits(0, 0, 100);
        for i in 0..6 {
            r.dir(5, H::new(5, DIR, i));
        }
        assert_eq!(r.data_all(&mut cq), [0, 1]);
        r.dir(5, H::tokens(c::BAT_T, 3));
        assert_eq!(r.dropped(), 1);
        r.dir(5, H::tokens(c::BAT_T, 2));
        assert_eq!(r.data_all(&mut cq), [2, 3]);
    });
}

#[test]
fn completion_without_a_qe_outstanding() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        let credits = r.rd(reg::CRD_LDB, 0);
        for (n, cmd) in [c::REL, c::FWD, c::FRAG].into_iter().enumerate() {
            r.ldb(
                0,
                H {
                    cmd,
                    ..H::new(0, UNO, 9)
                },
            );
            refused(r, n as u64, CHP | 1 << 16 | 0x80);
        }
        assert_eq!(r.rd(reg::CRD_LDB, 0), credits);
        assert_eq!(r.recv(&mut cq), None);
        // The tokens of such a command are returned all the same.
        r.ldb(0, H::new(0, UNO, 1));
        r.ldb(0, H::cmd(c::REL));
        r.ldb(0, H::tokens(c::REL_T, 1));
        refused(r, 3, CHP | 1 << 16 | 0x80);
        assert_eq!(r.rd(reg::LDB_CQ_DEPTH, 0), 0);
    });
}

#[test]
fn history_list_entries_are_readable() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.ldb(
            0,
            H {
                lock: 0xbeef,
                pri: 5,
                ..H::new(0, UNO, 1)
            },
        );
        r.ldb(
            0,
            H {
                lock: 0x1234,
                pri: 2,
                ..H::new(0, ATM, 1)
            },
        );
        let w0 = r.rd4(reg::HIST_LIST_0, 0);
        assert_eq!(w0 >> 30, 1);
        let w1 = r.rd4(reg::HIST_LIST_1, 0);
        assert_eq!(w1, 0x6000_0000 | 0xbeef << 8 | 1 << 1 | 1);
        let w1 = r.rd4(reg::HIST_LIST_1, 1);
        assert_eq!(w1, 0x6000_0000 | 0x1234 << 8);
        assert_eq!(r.rd4(reg::HIST_LIST_0, 1) >> 30, 2);
        assert_eq!(r.rd(reg::HL_PUSH, 0), 2);
        // Read-only.
        r.wr4(reg::HIST_LIST_0, 0, !0);
        assert_eq!(r.rd4(reg::HIST_LIST_0, 0), w0);
    });
}

#[test]
fn priorities_are_four_bins_and_fifo_in_each() {
    each(|r| {
        r.wr(reg::NALB_WEIGHTS, 0, !0);
        let mut cq = r.simple(PLAIN, 1, 64, 64).remove(0);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..32 {
            r.ldb(0, H::new(0, UNO, i).pri((i % 8) as u8));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        let got = r.recv_all(&mut cq);
        let mut want: Vec<u64> = (0..32).collect();
        want.sort_by_key(|i| (i % 8) / 2);
        assert_eq!(got.iter().map(|e| e.data).collect::<Vec<_>>(), want);
        // The whole value arrives.
        assert!(got.iter().all(|e| u64::from(e.pri) == e.data % 8));
    });
}

#[test]
fn directed_priorities_too() {
    each(|r| {
        r.wr(reg::DIR_WEIGHTS, 0, !0);
        r.credits(0, 0, 256);
        let mut cq = r.dir_port(3, 0, 64);
        r.dir_queue(3, 64);
        r.allow_dir(0, 3, true);
        r.wr(reg::CQ_DIR_DSBL, 3, 1);
        for i in 0..32 {
            r.dir(3, H::new(3, DIR, i).pri((i % 8) as u8));
        }
        assert_eq!(r.rd(reg::QID_DIR_ENQ, 3), 32);
        r.wr(reg::CQ_DIR_DSBL, 3, 0);
        let mut want: Vec<u64> = (0..32).collect();
        want.sort_by_key(|i| (i % 8) / 2);
        assert_eq!(r.data_all(&mut cq), want);
    });
}

#[test]
fn starvation_avoidance_boosts_lower_bins() {
    each(|r| {
        // A third of the numbers boost bin 3.
        r.wr(reg::NALB_WEIGHTS, 0, 0xffaa_aaaa);
        let mut cq = r
            .simple(
                Queue {
                    inflights: 2048,
                    ..PLAIN
                },
                1,
                1024,
                1024,
            )
            .remove(0);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..1000 {
            r.ldb(0, H::new(0, UNO, i).pri(if i % 2 == 0 { 0 } else { 6 }));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        let got = r.recv_all(&mut cq);
        let low = got[..300].iter().filter(|e| e.pri == 6).count();
        assert!((70..130).contains(&low), "{low}");
        for pri in [0, 6] {
            let of: Vec<u64> = got
                .iter()
                .filter(|e| e.pri == pri)
                .map(|e| e.data)
                .collect();
            assert!(of.windows(2).all(|w| w[0] < w[1]));
        }
    });
}

#[test]
fn same_seed_same_history() {
    let run = |seed| {
        let mut r = Rig::with(Version::V2_5, seed, "");
        let mut cq = r.simple(PLAIN, 1, 512, 512).remove(0);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..400 {
            r.ldb(0, H::new(0, UNO, i).pri((i % 8) as u8));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        r.data_all(&mut cq)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn queue_priority_and_round_robin() {
    each(|r| {
        r.credits(0, 1024, 0);
        for q in 0..4 {
            r.ldb_queue(q, PLAIN);
            r.allow_ldb(0, q, true);
        }
        let mut cq = r.ldb_port(0, 0, 64, 64);
        // Queues 0 and 1 share a bin, 2 is above, 3 below.
        for (slot, (q, pri)) in [(0, 4), (1, 5), (2, 0), (3, 7)].into_iter().enumerate() {
            r.map(0, slot as u32, q, pri);
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..16 {
            r.ldb(0, H::new((i % 4) as u8, UNO, i));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        let got: Vec<u8> = r.recv_all(&mut cq).iter().map(|e| e.qid).collect();
        assert_eq!(got[..4], [2; 4]);
        assert!(
            got[4..12].windows(2).all(|w| w[0] != w[1] && w[0] < 2),
            "{got:?}"
        );
        assert_eq!(got[12..], [3; 4]);
    });
}

#[test]
fn slots_may_be_served_several_times_in_a_row() {
    let mut r = Rig::new(Version::V2_5);
    r.wr(reg::LSP_CSR_CONTROL, 0, 2 << 28);
    r.credits(0, 1024, 0);
    let mut cq = r.ldb_port(0, 0, 64, 64);
    for q in 0..2 {
        r.ldb_queue(q, PLAIN);
        r.allow_ldb(0, q, true);
        r.map(0, q, q, 0);
    }
    r.wr(reg::CQ_LDB_DSBL, 0, 1);
    for i in 0..24 {
        r.ldb(0, H::new((i % 2) as u8, UNO, i));
    }
    r.wr(reg::CQ_LDB_DSBL, 0, 0);
    let got: Vec<u8> = r.recv_all(&mut cq).iter().map(|e| e.qid).collect();
    let runs: Vec<usize> = got.chunk_by(|a, b| a == b).map(<[u8]>::len).collect();
    assert!(runs[1..runs.len() - 1].iter().all(|&n| n == 3), "{runs:?}");
}

#[test]
fn queue_level_weights_boost_lower_queues() {
    each(|r| {
        r.wr(reg::ARB_LDB_QID, 0, 0xff80_8080);
        r.credits(0, 2048, 0);
        let mut cq = r.ldb_port(0, 0, 1024, 1024);
        for q in 0..2 {
            r.ldb_queue(
                q,
                Queue {
                    inflights: 2048,
                    ..PLAIN
                },
            );
            r.allow_ldb(0, q, true);
            r.map(0, q, q, q * 6);
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..800 {
            r.ldb(0, H::new((i % 2) as u8, UNO, i));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        let low = r.recv_all(&mut cq)[..400]
            .iter()
            .filter(|e| e.qid == 1)
            .count();
        assert!((150..250).contains(&low), "{low}");
    });
}

#[test]
fn atomic_and_non_atomic_of_a_queue_take_turns() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 64, 64).remove(0);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..20 {
            r.ldb(
                0,
                H::new(0, if i < 10 { ATM } else { UNO }, i).flow(i as u16),
            );
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        let got: Vec<u8> = r.recv_all(&mut cq).iter().map(|e| e.typ).collect();
        assert!(got.windows(2).all(|w| w[0] != w[1]), "{got:?}");
    });
}

#[test]
fn unordered_spreads_over_all_cqs() {
    each(|r| {
        let mut cqs = r.simple(PLAIN, 4, 64, 64);
        for i in 0..40 {
            r.ldb(0, H::new(0, UNO, i));
        }
        for cq in &mut cqs {
            assert_eq!(r.recv_all(cq).len(), 10);
        }
    });
}

#[test]
fn each_queue_spreads_although_they_take_turns() {
    each(|r| {
        r.credits(0, 1024, 0);
        let mut cqs: Vec<Cq> = (0..4).map(|p| r.ldb_port(p * 16, 0, 64, 64)).collect();
        for q in 0..2 {
            r.ldb_queue(q, PLAIN);
            r.allow_ldb(0, q, true);
            for p in 0..4 {
                r.map(p * 16, q, q, 0);
            }
        }
        for i in 0..80 {
            r.ldb(0, H::new((i % 2) as u8, UNO, i));
        }
        for cq in &mut cqs {
            let got = r.recv_all(cq);
            assert_eq!(got.iter().filter(|e| e.qid == 0).count(), 10);
            assert_eq!(got.len(), 20);
        }
    });
}

#[test]
fn a_flow_is_locked_to_one_cq_until_all_of_it_is_complete() {
    each(|r| {
        let mut cqs = r.simple(PLAIN, 2, 64, 64);
        for i in 0..6 {
            r.ldb(0, H::new(0, ATM, i).flow(5));
        }
        assert_eq!(r.data_all(&mut cqs[0]), (0..6).collect::<Vec<_>>());
        for _ in 0..5 {
            r.ldb(0, H::cmd(c::REL));
        }
        // One is outstanding: still locked.
        r.ldb(1, H::new(0, ATM, 6).flow(5));
        assert_eq!(r.data_all(&mut cqs[0]), [6]);
        r.ldb(0, H::cmd(c::REL));
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        r.ldb(1, H::new(0, ATM, 7).flow(5));
        // The owner is disabled, but it holds the flow.
        assert_eq!(r.data_all(&mut cqs[1]), []);
        assert_eq!(r.rd(reg::QID_AQED_CNT, 0), 1);
        r.ldb(0, H::cmd(c::REL));
        // Unlocked: the flow moves.
        assert_eq!(r.data_all(&mut cqs[1]), [7]);
    });
}

#[test]
fn different_flows_go_to_different_cqs() {
    each(|r| {
        let mut cqs = r.simple(PLAIN, 4, 64, 64);
        for i in 0..32 {
            r.ldb(0, H::new(0, ATM, i).flow((i % 8) as u16));
        }
        for cq in &mut cqs {
            let got = r.recv_all(cq);
            assert_eq!(got.len(), 8);
            let flows: std::collections::BTreeSet<u16> = got.iter().map(|e| e.lock).collect();
            assert_eq!(flows.len(), 2);
        }
    });
}

#[test]
fn aqed_limit_holds_qes_in_the_atq() {
    each(|r| {
        r.simple(Queue { atomic: 4, ..PLAIN }, 1, 8, 8);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for i in 0..10 {
            r.ldb(0, H::new(0, ATM, i).flow(i as u16));
        }
        let counts = |r: &mut Rig| (r.rd(reg::QID_AQED_CNT, 0), r.rd(reg::QID_ATM_ACTIVE, 0));
        assert_eq!(counts(r), (4, 6));
        r.wr(reg::QID_AQED_LIM, 0, 6);
        assert_eq!(counts(r), (6, 4));
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        // Entries are free as soon as their QE is scheduled.
        assert_eq!(counts(r), (2, 0));
    });
}

#[test]
fn flow_limit_blocks_the_head_and_what_is_behind_it() {
    each(|r| {
        r.simple(Queue { fids: 2, ..PLAIN }, 1, 8, 8);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        for (i, flow) in [1, 2, 1, 3, 1].into_iter().enumerate() {
            r.ldb(0, H::new(0, ATM, i as u64).flow(flow));
        }
        // The third flow has no flow ID, and the QE of flow 1 behind it waits too.
        assert_eq!(r.rd(reg::QID_AQED_CNT, 0), 3);
        assert_eq!(r.rd(reg::QID_ATM_ACTIVE, 0), 2);
        r.wr(reg::AQED_FID_LIM, 0, 3);
        assert_eq!(r.rd(reg::QID_AQED_CNT, 0), 5);
    });
}

#[test]
fn a_flow_id_is_free_after_the_last_completion() {
    each(|r| {
        let mut cq = r.simple(Queue { fids: 1, ..PLAIN }, 1, 64, 64).remove(0);
        for i in 0..3 {
            r.ldb(0, H::new(0, ATM, i).flow(i as u16));
        }
        for i in 0..3 {
            assert_eq!(r.data_all(&mut cq), [i]);
            r.ldb(0, H::cmd(c::REL));
        }
        assert_eq!(r.rd(reg::QID_ATM_ACTIVE, 0), 0);
    });
}

#[test]
fn lock_id_compression_makes_fewer_flows() {
    for (code, level) in [(0u32, 65536u32), (1, 64), (4, 512), (7, 4096)] {
        each(|r| {
            let mut cqs = r.simple(
                Queue {
                    compress: code,
                    ..PLAIN
                },
                2,
                64,
                64,
            );
            r.ldb(0, H::new(0, ATM, 0).flow(7));
            r.ldb(0, H::new(0, ATM, 1).flow((7 + level) as u16));
            r.ldb(0, H::new(0, ATM, 2).flow((7 + level / 2) as u16));
            let (a, b) = (r.recv_all(&mut cqs[0]), r.recv_all(&mut cqs[1]));
            assert_eq!(a.len(), 2);
            assert_eq!(b.len(), 1);
            // The lock ID itself arrives as it was sent.
            assert_eq!(a[1].lock, (7 + level) as u16);
        });
    }
}

#[test]
fn flows_of_all_queues_share_the_flow_ids() {
    each(|r| {
        r.credits(0, 8192, 0);
        for q in 0..2 {
            r.ldb_queue(
                q,
                Queue {
                    inflights: 2048,
                    atomic: 2048,
                    fids: 2048,
                    ..PLAIN
                },
            );
            r.allow_ldb(0, q, true);
        }
        r.ldb_port(0, 0, 1024, 1024);
        r.ldb_port(1, 0, 1024, 1024);
        r.map(0, 0, 0, 0);
        r.map(1, 0, 1, 0);
        for p in 0..2 {
            r.wr(reg::CQ_LDB_DSBL, p, 1);
        }
        for i in 0..4000 {
            r.ldb(0, H::new((i % 2) as u8, ATM, i).flow(i as u16));
        }
        assert_eq!(
            r.rd(reg::QID_AQED_CNT, 0) + r.rd(reg::QID_AQED_CNT, 1),
            2048
        );
        r.sane();
        // One queue drains; the other gets the room.
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        assert_eq!(r.rd(reg::QID_AQED_CNT, 1), 1024);
        r.sane();
        for _ in 0..1024 {
            r.ldb(0, H::tokens(c::REL_T, 1));
        }
        assert_eq!(r.rd(reg::QID_AQED_CNT, 0) + r.rd(reg::QID_ATM_ACTIVE, 0), 0);
        assert_eq!(
            r.rd(reg::QID_AQED_CNT, 1),
            2000 - r.rd(reg::QID_ATM_ACTIVE, 1)
        );
    });
}

#[test]
fn a_queue_that_waits_for_a_flow_id_gets_the_next_free_one() {
    each(|r| {
        r.credits(0, 8000, 0);
        for q in 0..2 {
            r.ldb_queue(
                q,
                Queue {
                    inflights: 2048,
                    atomic: 64,
                    fids: 2048,
                    ..PLAIN
                },
            );
            r.allow_ldb(0, q, true);
            r.ldb_port(q, 0, 1024, 1024);
            r.map(q, 0, q, 0);
        }
        for i in 0..2048 {
            r.ldb(0, H::new((i % 2) as u8, ATM, i).flow((i / 2) as u16));
        }
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0) + r.rd(reg::CQ_LDB_INFL, 1), 2048);
        r.ldb(0, H::new(1, ATM, 9).flow(0x8000));
        assert_eq!(
            (r.rd(reg::QID_ATM_ACTIVE, 1), r.rd(reg::QID_AQED_CNT, 1)),
            (1, 0)
        );
        r.ldb(0, H::tokens(c::REL_T, 1));
        assert_eq!(
            (r.rd(reg::QID_ATM_ACTIVE, 1), r.rd(reg::QID_AQED_CNT, 1)),
            (0, 1)
        );
    });
}

#[test]
fn ordered_results_leave_in_the_order_of_scheduling() {
    for (group, mode) in (0..2).flat_map(|group| (0..5).map(move |mode| (group, mode))) {
        each(|r| {
            let sns = 64 << mode;
            r.wr(reg::RO_SN_MODE, 0, mode << (8 * group));
            let mut cqs = r.simple(
                Queue {
                    sn: Some((group, 0, mode)),
                    inflights: sns,
                    ..PLAIN
                },
                4,
                1024,
                512,
            );
            r.dir_queue(1, 64);
            let mut out = r.dir_port(1, 0, 1024);
            r.allow_dir(0, 1, true);
            let n = 2 * u64::from(sns) + 17;
            let (mut sent, mut done, mut owed) = (0, Vec::new(), vec![Vec::new(); 4]);
            while done.len() < n as usize {
                while sent < n && sent < done.len() as u64 + u64::from(sns).min(500) {
                    r.ldb(0, H::new(0, ORD, sent));
                    sent += 1;
                }
                for (p, cq) in cqs.iter_mut().enumerate() {
                    owed[p].extend(r.data_all(cq));
                }
                // The last port finishes first.
                for p in (0..4).rev() {
                    for data in owed[p].drain(..) {
                        r.ldb(
                            p,
                            H {
                                cmd: c::FWD_T,
                                ..H::new(1, DIR, data)
                            },
                        );
                    }
                }
                let got = r.data_all(&mut out);
                assert!(!got.is_empty());
                r.dir(1, H::tokens(c::BAT_T, got.len() as u16));
                done.extend(got);
            }
            assert_eq!(done, (0..n).collect::<Vec<_>>());
            assert_eq!(r.dropped(), 0);
            assert_eq!(r.rd(reg::ORD_QID_SN, 0), (n % u64::from(sns)) as u32);
            assert_eq!(
                r.rd4(reg::RO_SHFT0, group << 14),
                (n % u64::from(sns)) as u32
            );
        });
    }
}

#[test]
fn a_result_waits_for_older_ones_and_holds_its_credit() {
    each(|r| {
        let mut cqs = r.simple(
            Queue {
                sn: Some((0, 3, 0)),
                inflights: 64,
                ..PLAIN
            },
            2,
            8,
            8,
        );
        r.dir_queue(1, 64);
        let mut out = r.dir_port(1, 0, 8);
        r.allow_dir(0, 1, true);
        r.ldb(0, H::new(0, ORD, 0));
        r.ldb(0, H::new(0, ORD, 1));
        r.ldb(0, H::new(0, ORD, 2));
        assert_eq!(
            (r.data_all(&mut cqs[0]), r.data_all(&mut cqs[1])),
            (vec![0, 2], vec![1])
        );
        let pool = if r.v == Version::V2_0 {
            reg::CRD_DIR
        } else {
            reg::CRD_LDB
        };
        let full = r.rd(pool, 0);
        r.ldb(1, H::fwd(1, DIR, 101));
        // Not in the queue, but the credit is spent.
        assert_eq!(r.rd(reg::QID_DIR_ENQ, 1), 0);
        assert_eq!(r.rd(pool, 0), full - 1);
        assert_eq!(r.rd4(reg::RO_SHFT0, 3), 0);
        // The oldest is dropped by its consumer; that counts as well.
        r.ldb(0, H::cmd(c::REL));
        assert_eq!(r.data_all(&mut out), [101]);
        assert_eq!(r.rd(pool, 0), full);
        assert_eq!(r.rd4(reg::RO_SHFT0, 3), 2);
        // Results may go anywhere, here to an ordered queue again.
        r.ldb(0, H::fwd(0, ORD, 102));
        assert_eq!(r.rd4(reg::RO_SHFT0, 3), 3);
        assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 1);
    });
}

#[test]
fn sequence_numbers_run_out() {
    each(|r| {
        // More inflights than SNs: a driver would not, the device must cope.
        let mut cq = r
            .simple(
                Queue {
                    sn: Some((1, 2, 0)),
                    inflights: 512,
                    ..PLAIN
                },
                1,
                256,
                256,
            )
            .remove(0);
        for i in 0..100 {
            r.ldb(0, H::new(0, ORD, i));
        }
        assert_eq!(r.recv_all(&mut cq).len(), 64);
        assert_eq!(r.rd(reg::QID_LDB_ENQ, 0), 36);
        r.ldb(0, H::cmd(c::REL));
        assert_eq!(r.recv_all(&mut cq).len(), 1);
        for _ in 0..99 {
            r.ldb(0, H::cmd(c::REL));
        }
        assert_eq!(r.recv_all(&mut cq).len(), 35);
        assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 0);
        assert_eq!(r.dropped(), 0);
    });
}

#[test]
fn an_sn_is_busy_until_its_result_is_released() {
    each(|r| {
        let mut cqs = r.simple(
            Queue {
                sn: Some((0, 0, 0)),
                inflights: 64,
                ..PLAIN
            },
            2,
            128,
            128,
        );
        for i in 0..70 {
            r.ldb(0, H::new(0, ORD, i));
        }
        let (a, b) = (r.recv_all(&mut cqs[0]).len(), r.recv_all(&mut cqs[1]).len());
        assert_eq!((a, b), (32, 32));
        // Everything but the oldest completes; no SN is free before that one.
        for _ in 0..32 {
            r.ldb(1, H::cmd(c::REL));
        }
        assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 32);
        assert_eq!(r.rd(reg::QID_LDB_ENQ, 0), 6);
        r.ldb(0, H::cmd(c::REL));
        // SNs 0 and 1 are free.
        assert_eq!(r.rd(reg::QID_LDB_ENQ, 0), 4);
    });
}

#[test]
fn fragments() {
    each(|r| {
        let mut cqs = r.simple(
            Queue {
                sn: Some((0, 0, 0)),
                inflights: 64,
                ..PLAIN
            },
            2,
            64,
            64,
        );
        r.dir_queue(1, 64);
        let mut out = r.dir_port(1, 0, 64);
        r.allow_dir(0, 1, true);
        r.ldb(0, H::new(0, ORD, 0));
        r.ldb(0, H::new(0, ORD, 1));
        assert_eq!(
            (r.data_all(&mut cqs[0]), r.data_all(&mut cqs[1])),
            (vec![0], vec![1])
        );
        r.ldb(
            1,
            H {
                cmd: c::FRAG,
                ..H::new(1, DIR, 10)
            },
        );
        r.ldb(
            1,
            H {
                cmd: c::FRAG_T,
                ..H::new(1, DIR, 11)
            },
        );
        assert_eq!(r.rd(reg::LDB_CQ_DEPTH, 1), 0);
        r.ldb(1, H::fwd(1, DIR, 12));
        // The older one becomes sixteen fragments and no more.
        for i in 0..17 {
            r.ldb(
                0,
                H {
                    cmd: c::FRAG,
                    ..H::new(1, DIR, i)
                },
            );
        }
        refused(r, 0, CHP | 1 << 16 | 0x80);
        assert_eq!(r.data_all(&mut out), []);
        r.ldb(0, H::cmd(c::REL));
        let want: Vec<u64> = (0..16).chain([10, 11, 12]).collect();
        assert_eq!(r.data_all(&mut out), want);
    });
}

#[test]
fn only_ordered_qes_have_fragments() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.ldb(0, H::new(0, UNO, 0));
        let credits = r.rd(reg::CRD_LDB, 0);
        r.ldb(
            0,
            H {
                cmd: c::FRAG,
                ..H::new(0, UNO, 0)
            },
        );
        refused(r, 0, CHP | 1 << 16 | 0x80);
        assert_eq!(r.rd(reg::CRD_LDB, 0), credits);
    });
}

#[test]
fn entries_carry_what_was_sent() {
    for dense in [false, true] {
        each(|r| {
            if dense {
                r.dense();
            }
            let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
            r.dir_queue(1, 64);
            r.dir_port(1, 0, 8);
            r.allow_dir(0, 1, true);
            let h = H {
                opaque: 0x55aa,
                msg: 6,
                pri: 7,
                lock: 0xfeed,
                ..H::new(0, UNO, !0)
            };
            r.ldb(0, h);
            let e = r.recv(&mut cq).expect("entry");
            assert_eq!(
                e,
                Entry {
                    depth: 0,
                    ..entry_of(h)
                }
            );
            // Directed: bytes 10-11 are the lock ID, 12-13 the sender's port.
            r.ldb(
                0,
                H {
                    qid: 1,
                    typ: DIR,
                    ..h
                },
            );
            let b = r.w.mem[&(-1, CQ_BASE * 2 + 0x1_0000)];
            assert_eq!(
                b,
                [
                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xaa, 0x55, 0xed, 0xfe, 0, 0,
                    0, 1
                ]
            );
            r.dir(
                1,
                H {
                    qid: 1,
                    typ: DIR,
                    ..h
                },
            );
            let step = if dense { 16 } else { 64 };
            let b = r.w.mem[&(-1, CQ_BASE * 2 + 0x1_0000 + step)];
            assert_eq!(b[12..14], [1, 0]);
        });
    }
}

fn entry_of(h: H) -> Entry {
    Entry {
        data: h.data,
        opaque: h.opaque,
        qid: h.qid,
        typ: h.typ,
        pri: h.pri,
        msg: h.msg,
        lock: h.lock,
        depth: 0,
    }
}

#[test]
fn rings_of_every_length_wrap_with_the_generation() {
    for depth in [8, 16, 32, 64, 128, 256, 512, 1024] {
        for dense in [false, true] {
            each(|r| {
                if dense {
                    r.dense();
                }
                let mut cq = r.simple(PLAIN, 1, depth, 1024).remove(0);
                let mut dq = r.dir_port(1, 0, depth);
                r.dir_queue(1, 64);
                r.allow_dir(0, 1, true);
                for i in 0..u64::from(depth) * 2 + 3 {
                    r.ldb(0, H::new(0, UNO, i));
                    r.ldb(0, H::new(1, DIR, i));
                    assert_eq!(r.recv(&mut cq).map(|e| e.data), Some(i));
                    assert_eq!(r.recv(&mut dq).map(|e| e.data), Some(i));
                    assert_eq!(r.recv(&mut cq), None);
                    r.ldb(0, H::tokens(c::REL_T, 1));
                    r.dir(1, H::tokens(c::BAT_T, 1));
                }
                assert_eq!(r.rd(reg::LDB_WPTR, 0), 3);
                assert_eq!(r.rd(reg::DIR_WPTR, 1), 3);
            });
        }
    }
}

#[test]
fn writing_the_write_pointer_back_restores_the_position() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 64).remove(0);
        for i in 0..11 {
            r.ldb(0, H::new(0, UNO, i));
            assert!(r.recv(&mut cq).is_some());
            r.ldb(0, H::tokens(c::REL_T, 1));
        }
        let at = r.rd(reg::LDB_WPTR, 0);
        r.wr(reg::LDB_WPTR, 0, 0);
        r.wr(reg::LDB_WPTR, 0, at);
        r.ldb(0, H::new(0, UNO, 42));
        assert_eq!(r.data_all(&mut cq), [42]);
    });
}

#[test]
fn depth_tags() {
    each(|r| {
        let mut cq = r
            .simple(
                Queue {
                    threshold: 16,
                    ..PLAIN
                },
                1,
                64,
                64,
            )
            .remove(0);
        r.dir_queue(1, 16);
        let mut dq = r.dir_port(1, 0, 64);
        r.allow_dir(0, 1, true);
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        r.wr(reg::CQ_DIR_DSBL, 1, 1);
        for i in 0..20 {
            r.ldb(0, H::new(0, UNO, i));
            r.ldb(0, H::new(1, DIR, i));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        r.wr(reg::CQ_DIR_DSBL, 1, 0);
        let code = |depth: u64| match depth {
            17.. => 3,
            13..=16 => 2,
            9..=12 => 1,
            _ => 0,
        };
        let want: Vec<u8> = (0..20).map(|i| code(20 - i)).collect();
        for cq in [&mut cq, &mut dq] {
            let got: Vec<u8> = r.recv_all(cq).iter().map(|e| e.depth).collect();
            assert_eq!(got, want);
        }
        // Atomic: ATQ and AQED together.
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        r.wr(reg::QID_AQED_LIM, 0, 4);
        for i in 0..20 {
            r.ldb(0, H::new(0, ATM, i).flow(i as u16));
        }
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        let got: Vec<u8> = r.recv_all(&mut cq).iter().map(|e| e.depth).collect();
        assert_eq!(got, want);
    });
}

#[test]
fn inflight_limits() {
    each(|r| {
        let mut cqs = r.simple(
            Queue {
                inflights: 5,
                ..PLAIN
            },
            2,
            64,
            64,
        );
        for i in 0..10 {
            r.ldb(0, H::new(0, UNO, i));
        }
        assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 5);
        r.wr(reg::QID_LDB_INFL_LIM, 0, 0);
        r.ldb(0, H::cmd(c::REL));
        assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 4);
        r.wr(reg::QID_LDB_INFL_LIM, 0, 7);
        assert_eq!(r.rd(reg::QID_LDB_INFL, 0), 7);
        // Per CQ.
        r.wr(reg::CQ_LDB_INFL_LIM, 0, 2);
        r.wr(reg::CQ_LDB_INFL_LIM, 1, 3);
        r.wr(reg::QID_LDB_INFL_LIM, 0, 512);
        let (a, b) = (r.recv_all(&mut cqs[0]).len(), r.recv_all(&mut cqs[1]).len());
        assert_eq!(a + b, 8);
        for p in [0, 0, 0, 1, 1, 1, 1] {
            r.ldb(p, H::cmd(c::REL));
        }
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 2);
        assert!(r.rd(reg::CQ_LDB_INFL, 1) <= 3);
    });
}

#[test]
fn a_full_history_list_holds_the_cq_back() {
    each(|r| {
        // A limit above the list's size: a driver would not, the device must cope.
        r.simple(PLAIN, 1, 64, 8);
        r.wr(reg::CQ_LDB_INFL_LIM, 0, 100);
        for i in 0..20 {
            r.ldb(0, H::new(0, UNO, i));
        }
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 8);
        assert_eq!(r.rd(reg::HL_PUSH, 0), 0x2000);
        r.ldb(0, H::cmd(c::REL));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 8);
        assert_eq!(r.rd(reg::QID_LDB_ENQ, 0), 11);
    });
}

#[test]
fn disabled_cqs_get_nothing_but_may_return() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        r.ldb(0, H::new(0, UNO, 0));
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        r.ldb(0, H::new(0, UNO, 1));
        assert_eq!(r.data_all(&mut cq), [0]);
        r.ldb(0, H::tokens(c::REL_T, 1));
        assert_eq!(r.rd(reg::LDB_CQ_DEPTH, 0), 0);
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        assert_eq!(r.data_all(&mut cq), [1]);
        assert_eq!(r.dropped(), 0);
    });
}

#[test]
fn a_stopped_domain_takes_nothing_new_and_delivers_what_it_has() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 64).remove(0);
        for i in 0..12 {
            r.ldb(0, H::new(0, UNO, i));
        }
        r.allow_ldb(0, 0, false);
        r.ldb(0, H::new(0, UNO, 99));
        refused(r, 0, SYS_LDB | 4 << 16);
        assert_eq!(r.recv_all(&mut cq).len(), 8);
        r.ldb(0, H::tokens(c::BAT_T, 8));
        assert_eq!(r.data_all(&mut cq), [8, 9, 10, 11]);
    });
}

#[test]
fn drain_as_drivers_do_it() {
    each(|r| {
        let cqs = r.simple(PLAIN, 2, 8, 32);
        for i in 0..60 {
            r.ldb(
                0,
                H::new(0, if i % 2 == 0 { UNO } else { ATM }, i).flow((i % 7) as u16),
            );
        }
        let mut passes = 0;
        while r.rd(reg::QID_LDB_ENQ, 0)
            + r.rd(reg::QID_AQED_CNT, 0)
            + r.rd(reg::QID_ATM_ACTIVE, 0)
            + r.rd(reg::QID_LDB_INFL, 0)
            != 0
        {
            passes += 1;
            assert!(passes < 100);
            for p in 0..cqs.len() {
                let infl = r.rd(reg::CQ_LDB_INFL, p as u32);
                let tkn = r.rd(reg::CQ_LDB_TKN, p as u32);
                if infl == 0 && tkn == 0 {
                    continue;
                }
                let first = u8::from(infl > 0) * 2 + u8::from(tkn > 0);
                r.ldb(
                    p,
                    H {
                        cmd: first,
                        lock: (tkn as u16).wrapping_sub(1),
                        ..H::default()
                    },
                );
                for _ in 1..infl {
                    r.ldb(
                        p,
                        H {
                            cmd: c::REL,
                            lock: (tkn as u16).wrapping_sub(1),
                            ..H::default()
                        },
                    );
                }
            }
        }
        for p in 0..2 {
            assert_eq!(r.rd(reg::CQ_LDB_TKN, p), 0);
        }
        assert_eq!(r.dropped(), 0);
        let credits = if r.v == Version::V2_0 { 2048 } else { 3072 };
        assert_eq!(r.rd(reg::CRD_LDB, 0), credits);
    });
}

#[test]
fn class_of_service_shares() {
    each(|r| {
        r.credits(0, 8000, 0);
        r.ldb_queue(
            0,
            Queue {
                inflights: 2048,
                ..PLAIN
            },
        );
        r.allow_ldb(0, 0, true);
        for c in 0..4 {
            r.ldb_port(c * 16, 0, 1024, 512);
            r.map(c * 16, 0, 0, 0);
        }
        // 60 %, 20 %, 10 %, and 10 % that nobody reserved.
        for (c, pct) in [60u32, 20, 10, 0].into_iter().enumerate() {
            r.wr4(reg::SHDW_RANGE, c as u32, pct * 256 / 100);
        }
        let share = |r: &mut Rig| -> Vec<u32> {
            let before: Vec<u32> = (0..4).map(|c| r.rd(reg::CQ_LDB_TOT, c * 16)).collect();
            for i in 0..400 {
                r.ldb(0, H::new(0, UNO, i));
            }
            let after: Vec<u32> = (0..4).map(|c| r.rd(reg::CQ_LDB_TOT, c * 16)).collect();
            for c in 0..4u32 {
                let n = after[c as usize] - before[c as usize];
                for _ in 0..n {
                    r.ldb((c * 16) as usize, H::tokens(c::REL_T, 1));
                }
            }
            before.iter().zip(after).map(|(b, a)| a - b).collect()
        };
        // Not transferred yet: a quarter each.
        assert_eq!(share(r), [100; 4]);
        r.wr(reg::SHDW_CTRL, 0, 1);
        assert_eq!(r.rd(reg::SHDW_CTRL, 0), 0);
        let s = share(r);
        for (got, want) in s.iter().zip([250, 90, 50, 10]) {
            assert!(got.abs_diff(want) <= 12, "{s:?}");
        }
        // A class that cannot take leaves its share to the others.
        r.wr(reg::CQ_LDB_DSBL, 0, 1);
        let s = share(r);
        assert_eq!(s[0], 0);
        assert_eq!(s.iter().sum::<u32>(), 400);
        assert!(s[1] > s[2] && s[2] > s[3] && s[3] > 80, "{s:?}");
    });
}

#[test]
fn a_class_without_extra_credit_gets_its_share_only() {
    each(|r| {
        r.credits(0, 8000, 0);
        r.ldb_queue(
            0,
            Queue {
                inflights: 2048,
                ..PLAIN
            },
        );
        r.allow_ldb(0, 0, true);
        for c in 0..2 {
            r.ldb_port(c * 16, 0, 1024, 512);
            r.map(c * 16, 0, 0, 0);
            r.wr4(reg::SHDW_RANGE, c, 64 | (1 - c) << 31);
        }
        r.wr(reg::SHDW_CTRL, 0, 1);
        for i in 0..400 {
            r.ldb(0, H::new(0, UNO, i));
        }
        assert_eq!(
            (r.rd(reg::CQ_LDB_TOT, 0), r.rd(reg::CQ_LDB_TOT, 16)),
            (100, 300)
        );
        // But if nobody else can take anything, it is served.
        r.wr(reg::CQ_LDB_DSBL, 16, 1);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.rd(reg::CQ_LDB_TOT, 0), 101);
    });
}

#[test]
fn cq_weight() {
    let mut r = Rig::new(Version::V2_5);
    let mut cq = r.simple(PLAIN, 1, 64, 64).remove(0);
    r.wr(reg::CQ_LDB_WU, 0, 0x8000 | 10);
    // Loads 8, 4 (overshoots to 12), then nothing.
    for code in [3, 2, 0, 0] {
        r.ldb(
            0,
            H {
                weight: code,
                ..H::new(0, UNO, code.into())
            },
        );
    }
    assert_eq!(r.data_all(&mut cq), [3, 2]);
    // The eight go: load 4.
    r.ldb(0, H::cmd(c::REL));
    assert_eq!(r.data_all(&mut cq), [0, 0]);
    // Without V there is no limit.
    r.wr(reg::CQ_LDB_WU, 0, 10);
    for _ in 0..10 {
        r.ldb(
            0,
            H {
                weight: 3,
                ..H::new(0, UNO, 1)
            },
        );
    }
    assert_eq!(r.recv_all(&mut cq).len(), 10);
    r.sane();
}

#[test]
fn inflight_threshold() {
    let mut r = Rig::new(Version::V2_5);
    let mut cq = r.simple(PLAIN, 1, 64, 8).remove(0);
    r.wr(reg::CTRL_GENERAL_0, 0, 1 << 4);
    r.wr(reg::CQ_LDB_INFL_THRESH, 0, 3);
    for i in 0..20 {
        r.ldb(0, H::new(0, UNO, i));
    }
    assert_eq!(r.recv_all(&mut cq).len(), 8);
    // The limit was hit: nothing more until three are left.
    for left in [7, 6, 5, 4] {
        r.ldb(0, H::cmd(c::REL));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), left);
    }
    r.ldb(0, H::cmd(c::REL));
    assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 8);
    // Switched off, the CQ is not held back.
    r.wr(reg::CTRL_GENERAL_0, 0, 0);
    r.ldb(0, H::cmd(c::REL));
    assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 8);
    r.sane();
}

#[test]
fn a_mapping_made_while_the_queue_has_work_does_not_see_it() {
    each(|r| {
        r.credits(0, 64, 0);
        r.ldb_queue(0, PLAIN);
        r.allow_ldb(0, 0, true);
        let mut cq = r.ldb_port(0, 0, 8, 8);
        for i in 0..3 {
            r.ldb(0, H::new(0, UNO, i));
        }
        r.map(0, 2, 0, 0);
        // The scheduler has not noticed.
        assert_eq!(r.recv_all(&mut cq), []);
        let ctrl = |value: u32, bits: u32| 2 << 8 | value << 11 | bits;
        r.wr(reg::SCHED_CTRL, 0, ctrl(1, 1 << 12));
        assert_eq!(r.data_all(&mut cq), [0, 1, 2]);
        for _ in 0..3 {
            r.ldb(0, H::tokens(c::REL_T, 1));
        }
        // Or it notices with the next enqueue.
        r.unmap_tables(0, 2, 0);
        r.ldb(0, H::new(0, UNO, 3));
        r.map(0, 2, 0, 0);
        assert_eq!(r.recv_all(&mut cq), []);
        r.ldb(0, H::new(0, UNO, 4));
        assert_eq!(r.data_all(&mut cq), [3, 4]);
        // The same for flows.
        r.unmap_tables(0, 2, 0);
        r.ldb(0, H::new(0, ATM, 5));
        r.map(0, 2, 0, 0);
        assert_eq!(r.recv_all(&mut cq), []);
        r.wr(reg::SCHED_CTRL, 0, ctrl(1, 1 << 13));
        assert_eq!(r.data_all(&mut cq), [5]);
    });
}

#[test]
fn the_inflight_status_of_a_slot_can_be_cleared() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        r.wr(reg::SCHED_CTRL, 0, 1 << 15);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.recv_all(&mut cq), []);
        r.wr(reg::SCHED_CTRL, 0, 1 << 15 | 1 << 11);
        assert_eq!(r.data_all(&mut cq), [0]);
        // A change of the queue's status sets it as well.
        r.wr(reg::SCHED_CTRL, 0, 1 << 15);
        r.ldb(0, H::new(0, UNO, 1));
        r.wr(reg::QID_LDB_INFL_LIM, 0, 0);
        r.wr(reg::QID_LDB_INFL_LIM, 0, 64);
        assert_eq!(r.data_all(&mut cq), [1]);
    });
}

#[test]
fn every_table_must_agree() {
    for missing in 0..3 {
        each(|r| {
            let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
            let t = [reg::ATM_QID2CQIDIX, reg::QID2CQIDIX, reg::QID2CQIDIX2][missing];
            r.wr(t, 0, 0);
            r.ldb(0, H::new(0, UNO, 1));
            r.ldb(0, H::new(0, ATM, 2));
            assert_eq!(r.data_all(&mut cq), if missing == 0 { [1] } else { [2] });
        });
    }
}

/// The dynamic map of the programming model (4.10), while traffic flows.
#[test]
fn dynamic_map_and_unmap_under_traffic() {
    each(|r| {
        let mut cqs = r.simple(
            Queue {
                inflights: 64,
                ..PLAIN
            },
            2,
            16,
            16,
        );
        for i in 0..40 {
            r.ldb(0, H::new(0, if i % 3 == 0 { ATM } else { UNO }, i).flow(1));
        }
        // Unmap port 1: stop the CQ, wait for all of its inflights.
        r.wr(reg::CQ_LDB_DSBL, 1, 1);
        let n = r.rd(reg::CQ_LDB_INFL, 1);
        assert!(n > 0);
        r.recv_all(&mut cqs[1]);
        for left in (0..n).rev() {
            r.ldb(1, H::tokens(c::REL_T, 1));
            assert_eq!(r.rd(reg::CQ_LDB_INFL, 1), left);
        }
        r.unmap_tables(1, 0, 0);
        for bit in [13, 12] {
            r.wr(reg::SCHED_CTRL, 0, 1 | 1 << bit);
        }
        r.wr(reg::SCHED_CTRL, 0, 1 | 1 << 15 | 1 << 11);
        r.wr(reg::CQ_LDB_DSBL, 1, 0);
        r.ldb(0, H::new(0, UNO, 99));
        assert_eq!(r.recv_all(&mut cqs[1]), []);

        // Map it again: the queue's limit to 0, wait for its inflights.
        r.wr(reg::QID_LDB_INFL_LIM, 0, 0);
        let n = r.rd(reg::QID_LDB_INFL, 0);
        assert!(n > 0);
        r.recv_all(&mut cqs[0]);
        for left in (0..n).rev() {
            r.ldb(0, H::tokens(c::REL_T, 1));
            assert_eq!(r.rd(reg::QID_LDB_INFL, 0), left);
        }
        for p in 0..2 {
            r.wr(reg::CQ_LDB_DSBL, p, 1);
        }
        r.map_tables(1, 4, 0, 0);
        let slot = 1 | 4 << 8;
        let atm = r.rd(reg::QID_AQED_CNT, 0) > 0;
        r.wr(reg::SCHED_CTRL, 0, slot | 1 << 11 | u32::from(atm) << 13);
        let nalb = r.rd(reg::QID_LDB_ENQ, 0) > 0;
        assert!(nalb);
        r.wr(reg::SCHED_CTRL, 0, slot | 1 << 11 | u32::from(nalb) << 12);
        r.wr(reg::SCHED_CTRL, 0, slot | 1 << 15);
        for s in [0, slot] {
            r.wr(reg::SCHED_CTRL, 0, s | 1 << 11 | 1 << 15);
        }
        r.wr(reg::QID_LDB_INFL_LIM, 0, 64);
        r.wr(reg::CQ_LDB_DSBL, 1, 0);
        // What was queued goes to the new mapping without any enqueue.
        assert!(!r.recv_all(&mut cqs[1]).is_empty());
        r.wr(reg::CQ_LDB_DSBL, 0, 0);
        assert_eq!(r.dropped(), 0);
    });
}

/// A link that is taken away while its CQ owes completions: the flows that are locked to that CQ can
/// go nowhere, and the queue does not become empty, until software completes what it holds.
#[test]
fn an_unmap_that_does_not_wait_strands_its_flows() {
    each(|r| {
        let mut cqs = r.simple(PLAIN, 2, 8, 8);
        r.ldb(0, H::new(0, ATM, 0).flow(5));
        let owner = u32::from(r.rd(reg::CQ_LDB_INFL, 0) == 0);
        let other = 1 - owner;
        assert_eq!(r.data_all(&mut cqs[owner as usize]), [0]);
        r.wr(reg::CQ_LDB_DSBL, owner, 1);
        r.unmap_tables(owner, 0, 0);
        r.wr(reg::CQ_LDB_DSBL, owner, 0);
        for i in 1..4 {
            r.ldb(0, H::new(0, ATM, i).flow(5));
        }
        for cq in &mut cqs {
            assert_eq!(r.recv_all(cq), []);
        }
        assert_eq!(r.rd(reg::QID_AQED_CNT, 0), 3);
        // Other flows are not held up.
        r.ldb(0, H::new(0, ATM, 9).flow(6));
        assert_eq!(r.data_all(&mut cqs[other as usize]), [9]);
        r.ldb(owner as usize, H::tokens(c::REL_T, 1));
        assert_eq!(r.data_all(&mut cqs[other as usize]), [1, 2, 3]);
        assert_eq!(r.rd(reg::QID_AQED_CNT, 0), 0);
    });
}

#[test]
fn dma_goes_to_the_owner_with_its_pasid() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.wr(reg::LDB_CQ_PASID, 0, 0x12345);
        r.ldb(0, H::new(0, UNO, 0));
        r.wr(reg::LDB_CQ_PASID, 0, 1 << 22 | 0x12345);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(
            r.w.dma,
            [(-1, None, CQ_BASE), (-1, Some(0x12345), CQ_BASE + 64)]
        );
    });
}

#[test]
fn a_dma_fault_is_counted_and_survived() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        r.w.end = Some(0);
        r.ldb(0, H::new(0, UNO, 0));
        r.w.end = None;
        assert_eq!(r.d.counters().dma_faults, 1);
        r.ldb(0, H::new(0, UNO, 1));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 0), 2);
        cq.next = 1;
        assert_eq!(r.data_all(&mut cq), [1]);
    });
}

#[test]
fn probing_of_an_unconfigured_device_is_silent() {
    each(|r| {
        r.d.flr(Requester::Pf, &mut r.w);
        for window in [0x200_0000u64, 0x210_0000, 0x220_0000, 0x230_0000] {
            for p in 0..64 {
                for _ in 0..50 {
                    let mut line = [0u8; 64];
                    line[12] = 1;
                    line[15] = c::REL_T;
                    let off = window + p * 0x1000;
                    r.d.write_bytes(Requester::Pf, Bar::Func, off, &line, &mut r.w);
                }
            }
        }
        assert!(r.w.msix.is_empty() && r.w.dma.is_empty());
        assert!(r.w.log.len() < 64, "{}", r.w.log.len());
        assert_eq!(r.rd(reg::PF_SYND, 0), 0);
    });
}

#[test]
fn all_windows_are_the_same_ports() {
    each(|r| {
        let mut cq = r.simple(PLAIN, 1, 8, 8).remove(0);
        for (i, off) in [0x210_0000u64, 0x230_0000].into_iter().enumerate() {
            r.d.write(Requester::Pf, Bar::Func, off, 8, i as u64, &mut r.w);
            r.d.write(
                Requester::Pf,
                Bar::Func,
                off + 8,
                8,
                H::new(0, UNO, 0).hi(),
                &mut r.w,
            );
        }
        assert_eq!(r.data_all(&mut cq), [0, 1]);
        let last = r.ndir - 1;
        r.dir_queue(last, 8);
        let mut cq = r.dir_port(last, 0, 8);
        r.allow_dir(0, last, true);
        r.dir(last as usize, H::new(last as u8, DIR, 7));
        assert_eq!(r.data_all(&mut cq), [7]);
        assert_eq!(r.dropped(), 0);
        r.dir(r.ndir as usize, H::new(last as u8, DIR, 7));
        assert_eq!(r.dropped(), 1);
    });
}
