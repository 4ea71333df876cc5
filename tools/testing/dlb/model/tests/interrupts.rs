// SPDX-License-Identifier: GPL-2.0
//! CQ interrupts, alarms, watchdogs (programming model, section 6).

mod common;
use common::*;
use dlb_model::{Requester, Version};

fn each(f: impl Fn(&mut Rig)) {
    for v in BOTH {
        let mut r = Rig::new(v);
        f(&mut r);
        r.sane();
    }
}

/// One queue, one port with its interrupt enabled; threshold n tokens.
fn with_interrupt(r: &mut Rig, n: u32) -> Cq {
    let cq = r.simple(PLAIN, 1, 64, 64).remove(0);
    r.wr(reg::LDB_INT_THRSH, 0, n - 1);
    r.wr(reg::LDB_INT_ENB, 0, 2);
    r.wr(reg::LDB_CQ_ISR, 0, 2 << 10);
    cq
}

fn ack_cq(r: &mut Rig) {
    let bits = r.rd(reg::LDB_OCC, 0);
    r.wr(reg::LDB_OCC, 0, bits);
    r.wr(reg::MSIX_ACK, 0, 2);
}

#[test]
fn fires_once_when_armed_and_deep_enough() {
    each(|r| {
        with_interrupt(r, 3);
        r.ldb(0, H::cmd(c::ARM));
        assert_eq!(r.rd(reg::LDB_ARMED0, 0), 1);
        r.ldb(0, H::new(0, UNO, 0));
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.w.msix, []);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.w.msix, [1]);
        assert_eq!(r.rd(reg::LDB_OCC, 0), 1);
        assert_eq!(r.rd(reg::LDB_ARMED0, 0), 0);
        ack_cq(r);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.w.msix, [1]);
        assert_eq!(r.rd(reg::LDB_OCC, 0), 0);
    });
}

#[test]
fn arming_looks_at_what_is_there() {
    each(|r| {
        with_interrupt(r, 1);
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.w.msix, []);
        // By register this time.
        r.wr(reg::LDB_ARMED0, 0, 1);
        assert_eq!(r.w.msix, [1]);
        ack_cq(r);
        // Tokens returned: nothing is there.
        r.ldb(0, H::tokens(c::BAT_T, 1));
        r.wr(reg::LDB_ARMED0, 0, 1);
        assert_eq!(r.w.msix, [1]);
    });
}

#[test]
fn the_entry_is_written_before_the_interrupt() {
    struct Order(Vec<&'static str>);
    impl dlb_model::Host for Order {
        fn dma_write(&mut self, _: Requester, _: Option<u32>, _: u64, _: &[u8]) -> bool {
            self.0.push("entry");
            true
        }
        fn msix(&mut self, _: u16) {
            self.0.push("interrupt");
        }
        fn msi(&mut self, _: u8, _: u8) {}
        fn log(&mut self, _: dlb_model::Level, _: std::fmt::Arguments<'_>) {}
    }
    each(|r| {
        with_interrupt(r, 1);
        r.ldb(0, H::cmd(c::ARM));
        let mut o = Order(Vec::new());
        let page = Rig::page(true, 0);
        let bar = dlb_model::Bar::Func;
        r.d.write(Requester::Pf, bar, page, 8, 0, &mut o);
        r.d.write(
            Requester::Pf,
            bar,
            page + 8,
            8,
            H::new(0, UNO, 0).hi(),
            &mut o,
        );
        assert_eq!(o.0, ["entry", "interrupt"]);
    });
}

#[test]
fn armed_registers_set_bits_only() {
    each(|r| {
        r.wr(reg::LDB_ARMED0, 0, 1 << 3);
        r.wr(reg::LDB_ARMED0, 0, 1 << 7);
        assert_eq!(r.rd(reg::LDB_ARMED0, 0), 1 << 3 | 1 << 7);
        r.wr(reg::LDB_ARMED0, 0, 0);
        assert_eq!(r.rd(reg::LDB_ARMED0, 0), 1 << 3 | 1 << 7);
        // Disabling the interrupt disarms: nothing is left for the next owner.
        r.wr(reg::LDB_INT_ENB, 3, 2);
        r.wr(reg::LDB_INT_ENB, 3, 0);
        assert_eq!(r.rd(reg::LDB_ARMED0, 0), 1 << 7);
        r.wr4(reg::DIR_ARMED0, 1, 1 << 31);
        assert_eq!(r.rd4(reg::DIR_ARMED0, 1), 1 << 31);
    });
}

#[test]
fn an_armed_cq_waits_for_its_enables() {
    each(|r| {
        with_interrupt(r, 1);
        r.wr(reg::LDB_CQ_ISR, 0, 0);
        r.wr(reg::LDB_INT_ENB, 0, 1);
        r.ldb(0, H::cmd(c::ARM));
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.w.msix, []);
        r.wr(reg::LDB_INT_ENB, 0, 2);
        assert_eq!(r.w.msix, []);
        r.wr(reg::LDB_CQ_ISR, 0, 2 << 10);
        assert_eq!(r.w.msix, [1]);
    });
}

#[test]
fn compressed_mode_sends_again_after_the_ack() {
    each(|r| {
        r.credits(0, 512, 512);
        let last = r.ndir - 1;
        for d in [0, 40, last] {
            r.dir_queue(d, 64);
            r.dir_port(d, 0, 64);
            r.allow_dir(0, d, true);
            r.wr(reg::DIR_INT_ENB, d, 2);
            r.wr(reg::DIR_CQ_ISR, d, 2 << 10);
            r.dir(d as usize, H::cmd(c::ARM));
        }
        r.dir(0, H::new(0, DIR, 0));
        r.dir(0, H::new(40, DIR, 0));
        // One message, two bits.
        assert_eq!(r.w.msix, [1]);
        assert_eq!(r.rd(reg::MSIX_ACK, 0), 2);
        assert_eq!(
            (r.rd4(reg::DIR_OCC, 0), r.rd4(reg::DIR_OCC, 1)),
            (1, 1 << 8)
        );
        // A third fires between the handler's read and its ack.
        r.wr4(reg::DIR_OCC, 0, 1);
        r.wr4(reg::DIR_OCC, 1, 1 << 8);
        r.dir(0, H::new(last as u8, DIR, 0));
        assert_eq!(r.w.msix, [1]);
        r.wr(reg::MSIX_ACK, 0, 2);
        assert_eq!(r.w.msix, [1, 1]);
        assert_eq!(r.rd4(reg::DIR_OCC, last / 32), 1 << (last % 32));
        r.wr4(reg::DIR_OCC, last / 32, !0);
        r.wr(reg::MSIX_ACK, 0, 2);
        assert_eq!(r.w.msix, [1, 1]);
    });
}

#[test]
fn packed_mode_has_a_vector_per_cq() {
    each(|r| {
        with_interrupt(r, 1);
        r.wr(reg::MSIX_MODE, 0, 0);
        for vector in [0, 5, 63] {
            r.wr(reg::LDB_CQ_ISR, 0, 2 << 10 | vector);
            r.ldb(0, H::new(0, UNO, 0));
            r.ldb(0, H::cmd(c::ARM));
        }
        assert_eq!(r.w.msix, [1, 6, 64]);
        assert_eq!(r.rd(reg::LDB_OCC, 0), 0);
    });
}

#[test]
fn interrupt_message_storage() {
    let mut r = Rig::new(Version::V2_5);
    with_interrupt(&mut r, 1);
    let entry = (0x11e0_0000 + 0x9f * 0x10, 0x11e0_0000 + 0x9f * 0x10);
    r.wr4(entry, 0, 0xfee0_1000);
    r.wr4(entry, 1, 0x1);
    r.wr4(entry, 2, 0x4321);
    r.wr4(entry, 3, 1);
    r.wr(reg::LDB_CQ_ISR, 0, 3 << 10 | 0x9f);
    r.ldb(0, H::new(0, UNO, 0));
    r.ldb(0, H::cmd(c::ARM));
    // Masked: pending.
    assert_eq!(r.w.ims, []);
    assert_eq!(r.rd4(entry, 3), 3);
    r.wr4(entry, 3, 0);
    assert_eq!(r.w.ims, [(0x1_fee0_1000, 0x4321)]);
    assert_eq!(r.rd4(entry, 3), 0);
    r.ldb(0, H::cmd(c::ARM));
    assert_eq!(r.w.ims.len(), 2);
}

#[test]
fn timer_interrupts() {
    each(|r| {
        with_interrupt(r, 64);
        r.wr(reg::LDB_INT_ENB, 0, 3);
        r.wr(reg::LDB_TMR_THRSH, 0, 10);
        r.wr(reg::LDB_TIMER_CTL, 0, 1 << 8 | 0x63);
        let period = 100 * 64 * 10;
        r.d.tick(1_000_000, &mut r.w);
        assert_eq!(r.d.deadline(), None);
        r.ldb(0, H::cmd(c::ARM));
        assert_eq!(r.d.deadline(), None);
        r.ldb(0, H::new(0, UNO, 0));
        // The time is wanted at once, to start from.
        assert!(r.d.deadline().is_some_and(|t| t <= 1_000_000));
        r.d.tick(2_000_000, &mut r.w);
        let mut now = 2_000_000;
        for n in 1..=10 {
            let next = r.d.deadline().expect("timer runs");
            assert_eq!(next, 2_000_000 + n * period);
            assert_eq!(r.w.msix, []);
            now = next;
            r.d.tick(now, &mut r.w);
        }
        assert_eq!(r.w.msix, [1]);
        assert_eq!(r.d.deadline(), None);
        r.d.tick(now + 100 * period, &mut r.w);
        assert_eq!(r.w.msix, [1]);
    });
}

/// The shortest samples are 640 ns apart: whoever gives the time would do nothing else.
#[test]
fn time_is_asked_for_now_and_then() {
    each(|r| {
        with_interrupt(r, 64);
        r.wr(reg::LDB_INT_ENB, 0, 3);
        r.wr(reg::LDB_TMR_THRSH, 0, 1000);
        r.wr(reg::LDB_TIMER_CTL, 0, 1 << 8);
        r.wr(reg::LDB_WD_THRESHOLD, 0, 255);
        r.wr(reg::LDB_WD_INTERVAL, 0, 1 << 28);
        r.wr(reg::LDB_WD_ENB, 0, 1);
        r.wr(reg::LDB_WD_DISABLE0, 0, 1);
        r.ldb(0, H::cmd(c::ARM));
        r.ldb(0, H::new(0, UNO, 0));
        let (start, mut now, mut asked) = (1_000_000, 1_000_000, 0);
        r.d.tick(now, &mut r.w);
        while let Some(next) = r.d.deadline() {
            assert!(next >= now + 50_000, "{next} after {now}");
            now = next;
            r.d.tick(now, &mut r.w);
            asked += 1;
        }
        // 255 samples to the watchdog's alarm, 1000 to the interrupt; none is lost.
        assert_eq!(r.w.msix, [0, 1]);
        assert!((start + 640_000..start + 690_000).contains(&now), "{now}");
        assert!(asked <= 13, "{asked}");
    });
}

/// An interrupt that no register carries anywhere cannot fire, however long one waits.
#[test]
fn an_interrupt_that_goes_nowhere_waits_without_time() {
    each(|r| {
        with_interrupt(r, 64);
        r.wr(reg::LDB_CQ_ISR, 0, 0);
        r.wr(reg::LDB_INT_ENB, 0, 3);
        r.wr(reg::LDB_TMR_THRSH, 0, 10);
        r.wr(reg::LDB_TIMER_CTL, 0, 1 << 8);
        r.ldb(0, H::cmd(c::ARM));
        r.ldb(0, H::new(0, UNO, 0));
        r.d.tick(1_000_000, &mut r.w);
        r.d.tick(2_000_000, &mut r.w);
        assert_eq!(r.d.deadline(), None);
        assert_eq!(r.rd(reg::LDB_ARMED0, 0), 1);
        // Once one does, the time counts.
        r.wr(reg::LDB_CQ_ISR, 0, 2 << 10);
        assert!(r.d.deadline().is_some());
        r.d.tick(3_000_000, &mut r.w);
        r.d.tick(3_000_000 + 9 * 640, &mut r.w);
        assert_eq!(r.w.msix, []);
        r.d.tick(3_000_000 + 10 * 640, &mut r.w);
        assert_eq!(r.w.msix, [1]);
        assert_eq!(r.d.deadline(), None);
    });
}

#[test]
fn vector_0_is_sent_again_for_what_came_meanwhile() {
    each(|r| {
        r.simple(PLAIN, 1, 8, 8);
        r.ldb(9, H::cmd(c::ARM));
        assert_eq!(r.w.msix, [0]);
        // Further errors only set MORE: no new cause.
        r.ldb(9, H::cmd(c::ARM));
        r.wr(reg::MSIX_ACK, 0, 1);
        assert_eq!(r.w.msix, [0]);
        r.wr(reg::PF_SYND, 0, 3 << 30);
        r.ldb(9, H::cmd(c::ARM));
        assert_eq!(r.w.msix, [0, 0]);
        // A new first error before the ack.
        r.wr(reg::PF_SYND, 0, 3 << 30);
        r.ldb(9, H::cmd(c::ARM));
        assert_eq!(r.w.msix, [0, 0]);
        r.wr(reg::MSIX_ACK, 0, 1);
        assert_eq!(r.w.msix, [0, 0, 0]);
        r.wr(reg::MSIX_ACK, 0, 1);
        assert_eq!(r.w.msix, [0, 0, 0]);
    });
}

#[test]
fn hardware_alarms() {
    each(|r| {
        r.d.inject("parity-alarm=0x5a", &mut r.w).expect("fault");
        let synd = r.rd(reg::HW_SYND, 0);
        assert_eq!(
            synd & (1 << 31 | 1 << 30 | 7 << 10 | 0xff),
            1 << 31 | 1 << 10 | 0x5a
        );
        assert_eq!(r.w.msix, [0]);
        r.d.inject("parity-alarm=1", &mut r.w).expect("fault");
        assert_eq!(r.rd(reg::HW_SYND, 0), synd | 1 << 30);
        r.wr(reg::MSIX_ACK, 0, 1);
        assert_eq!(r.w.msix, [0, 0]);
        r.wr(reg::HW_SYND, 0, 3 << 30);
        assert_eq!(r.rd(reg::HW_SYND, 0) & (3 << 30 | 1 << 10), 0);
    });
}

/// An event in a CQ that is watched as soon as it is enabled; returns the time between samples, 24 of
/// which are a second.
fn watched(r: &mut Rig) -> u64 {
    with_interrupt(r, 1);
    r.ldb(0, H::new(0, UNO, 0));
    r.wr(reg::LDB_WD_THRESHOLD, 0, 24);
    r.wr(reg::LDB_WD_INTERVAL, 0, 1 << 28 | 0xffff);
    r.wr(reg::LDB_WD_ENB, 0, 1);
    64 * 0x1_0000 * 10
}

/// A clock that stands asks for no time: who gives it would have to again and again.
#[test]
fn a_watchdog_sleeps_with_the_device() {
    each(|r| {
        let period = watched(r);
        r.wr(reg::LDB_WD_DISABLE0, 0, 1);
        let start = 5_000_000_000;
        r.d.tick(start, &mut r.w);
        assert_eq!(r.d.deadline(), Some(start + period));
        r.d.set_d3(true);
        assert_eq!(r.d.deadline(), None);
        let mut now = start + 1000 * period;
        r.d.tick(now, &mut r.w);
        assert_eq!(r.d.deadline(), None);
        r.d.set_d3(false);
        r.d.tick(now, &mut r.w);
        assert!(r.w.msix.is_empty());
        for _ in 0..24 {
            now += period;
            assert_eq!(r.d.deadline(), Some(now));
            r.d.tick(now, &mut r.w);
        }
        assert_eq!(r.rd(reg::LDB_WDTO0, 0), 1);
    });
}

#[test]
fn watchdog() {
    each(|r| {
        let period = watched(r);
        assert_eq!(r.d.deadline(), None);
        r.wr(reg::LDB_WD_DISABLE0, 0, 1);
        assert_eq!(r.rd(reg::LDB_WD_DISABLE0, 0), !1);
        let mut now = 5_000_000_000;
        r.d.tick(now, &mut r.w);
        let start = now;
        while r.w.msix.is_empty() {
            now = r.d.deadline().expect("watchdog runs");
            r.d.tick(now, &mut r.w);
            assert!(now < start + 100 * period);
        }
        // 24 samples: one second.
        assert_eq!(now, start + 24 * period);
        assert_eq!(r.rd(reg::LDB_WDTO0, 0), 1);
        assert_eq!(r.rd(reg::LDB_WD_DISABLE0, 0), !0);
        assert_eq!(r.rd(reg::HW_SYND, 0), 1 << 31 | 1 << 11);
        assert_eq!(r.d.deadline(), None);
        // As the driver does it.
        r.wr(reg::MSIX_ACK, 0, 1);
        r.wr(reg::LDB_WDTO0, 0, 1);
        assert_eq!(r.rd(reg::HW_SYND, 0), 0);
        r.wr(reg::LDB_WD_DISABLE0, 0, 1);
        assert!(r.d.deadline().is_some());
        // Returning a token is a sign of life.
        r.ldb(0, H::new(0, UNO, 0));
        now += 1_000_000_000;
        r.d.tick(now, &mut r.w);
        for _ in 0..10 {
            now += 20 * period;
            r.d.tick(now, &mut r.w);
            r.ldb(
                0,
                H {
                    cmd: c::NEW_T,
                    ..H::new(0, UNO, 0)
                },
            );
        }
        assert_eq!(r.w.msix, [0]);
        // So is an empty CQ.
        r.ldb(0, H::tokens(c::BAT_T, 2));
        now += 1000 * period;
        r.d.tick(now, &mut r.w);
        assert_eq!(r.w.msix, [0]);
        assert_eq!(r.d.deadline(), None);
        // Time that passed while nothing was watched does not count.
        r.ldb(0, H::new(0, UNO, 0));
        now += 1000 * period;
        r.d.tick(now, &mut r.w);
        now += 23 * period;
        r.d.tick(now, &mut r.w);
        assert_eq!(r.w.msix, [0]);
        r.d.tick(now + period, &mut r.w);
        assert_eq!(r.w.msix, [0, 0]);
    });
}

#[test]
fn lost_and_spurious_interrupts() {
    each(|r| {
        with_interrupt(r, 1);
        r.d.inject("lose-msix=1", &mut r.w).expect("fault");
        r.ldb(0, H::cmd(c::ARM));
        r.ldb(0, H::new(0, UNO, 0));
        assert_eq!(r.w.msix, []);
        // The status is there, only the message is not.
        assert_eq!(r.rd(reg::LDB_OCC, 0), 1);
        assert_eq!(r.d.counters().msix_lost, 1);
        ack_cq(r);
        r.ldb(0, H::cmd(c::ARM));
        assert_eq!(r.w.msix, [1]);
        r.d.inject("spurious-msix=0", &mut r.w).expect("fault");
        assert_eq!(r.w.msix, [1, 0]);
        assert_eq!(r.rd(reg::HW_SYND, 0), 0);
    });
}
