// SPDX-License-Identifier: GPL-2.0
//! Virtual functions: mailboxes, resets, maps, interrupts (programming model, sections 6.7, 7,
//! 8.2).

mod common;
use common::*;
use dlb_model::{Requester, Version};

const PF: Requester = Requester::Pf;

fn vf(n: u8) -> Requester {
    Requester::Vf(n)
}

fn each(f: impl Fn(&mut Rig)) {
    for v in BOTH {
        let mut r = Rig::new(v);
        f(&mut r);
        r.sane();
    }
}

/// Offset of a register in the PF's view of a VF.
fn of(n: u8, off: u64) -> u64 {
    u64::from(n) * 0x1_0000 + off
}

#[test]
fn a_request_and_its_response() {
    each(|r| {
        for w in 0..64 {
            r.func_wr(vf(3), 0x1000 + w * 4, 0x100 + w as u32);
        }
        // Word 0 does not work.
        assert_eq!(r.func(PF, of(3, 0x1000)), 0);
        assert_eq!(r.func(vf(3), 0x1000), 0);
        for w in 1..64 {
            assert_eq!(r.func(PF, of(3, 0x1000 + w * 4)), 0x100 + w as u32);
        }
        // Nobody else sees it.
        assert_eq!(r.func(PF, of(2, 0x1004)), 0);
        assert_eq!(r.func(vf(2), 0x1004), 0);
        // The PF has an image only.
        r.func_wr(PF, of(3, 0x1004), 7);
        assert_eq!(r.func(vf(3), 0x1004), 0x101);

        r.func_wr(vf(3), 0x1f00, 1);
        assert_eq!(r.func(vf(3), 0x1f00), 1);
        assert_eq!(r.func(vf(4), 0x1f00), 0);
        assert_eq!(r.w.msix, [0]);
        assert_eq!(r.rd(reg::HW_SYND, 0), 1 << 31 | 1 << 12);
        // One register, seen in every VF's space.
        for n in 0..16 {
            assert_eq!(r.func(PF, of(n, 0x1f00)), 1 << 3);
        }
        for w in 0..16 {
            r.func_wr(PF, of(3, 0x2000 + w * 4), 0x200 + w as u32);
        }
        r.wr(reg::MSIX_ACK, 0, 1);
        r.func_wr(PF, of(0, 0x1f00), 1 << 3);
        assert_eq!(r.func(vf(3), 0x1f00), 0);
        assert_eq!(r.rd(reg::HW_SYND, 0), 0);
        for w in 0..16 {
            assert_eq!(r.func(vf(3), 0x2000 + w * 4), 0x200 + w as u32);
            assert_eq!(r.func(vf(5), 0x2000 + w * 4), 0);
        }
        r.func_wr(vf(3), 0x2000, 1);
        assert_eq!(r.func(PF, of(3, 0x2000)), 0x200);
        r.func_wr(PF, of(3, 0x1f10), 1);
        assert_eq!(r.w.msix, [0]);
    });
}

#[test]
fn a_vf_interrupts_again_only_after_the_pf_is_done_with_it() {
    each(|r| {
        r.func_wr(vf(1), 0x1f00, 1);
        r.wr(reg::MSIX_ACK, 0, 1);
        r.func_wr(PF, 0x1f00, 1 << 1);
        // Ringing again before ISR_PEND is written: seen in the ISR, no interrupt.
        r.func_wr(vf(1), 0x1f00, 1);
        assert_eq!(r.w.msix, [0]);
        assert_eq!(r.func(PF, 0x1f00), 1 << 1);
        // Another VF does interrupt.
        r.func_wr(vf(2), 0x1f00, 1);
        assert_eq!(r.w.msix, [0, 0]);
        r.wr(reg::MSIX_ACK, 0, 1);
        r.func_wr(PF, of(1, 0x1f10), 1);
        assert_eq!(r.w.msix, [0, 0, 0]);
        r.func_wr(PF, 0x1f00, 3 << 1);
        r.func_wr(PF, of(1, 0x1f10), 1);
        r.func_wr(PF, of(2, 0x1f10), 1);
        assert_eq!(r.w.msix, [0, 0, 0]);
        r.wr(reg::MSIX_ACK, 0, 1);
        r.func_wr(vf(1), 0x1f00, 1);
        assert_eq!(r.w.msix, [0, 0, 0, 0]);
    });
}

#[test]
fn the_pf_asks_a_vf() {
    each(|r| {
        r.d.set_vf_msi(6, 32);
        r.func_wr(PF, of(6, 0x2030), 0x77);
        r.func_wr(PF, of(0, 0x2f00), 1 << 6);
        assert_eq!(r.func(PF, of(6, 0x2f00)), 1 << 6);
        assert_eq!(r.w.msi, [(6, 31)]);
        assert_eq!(r.func(vf(6), 0x4000), 1 << 31);
        assert_eq!(r.func(vf(6), 0x2f00), 1);
        assert_eq!(r.func(vf(6), 0x2030), 0x77);
        // Handler of the VF.
        r.func_wr(vf(6), 0x4000, 1 << 31);
        r.func_wr(vf(6), 0x2f00, 1);
        r.func_wr(vf(6), 0x2f10, 1 << 31);
        assert_eq!(r.func(PF, of(6, 0x2f00)), 0);
        assert_eq!(r.w.msi, [(6, 31)]);
        assert_eq!((r.func(vf(6), 0x4000), r.func(vf(6), 0x2f10)), (0, 0));
    });
}

#[test]
fn fewer_messages_share_sources() {
    each(|r| {
        for (messages, want) in [(1u8, 0u8), (2, 1), (4, 3), (8, 7), (16, 15), (32, 31)] {
            r.d.set_vf_msi(2, messages);
            r.func_wr(PF, 0x2f00, 1 << 2);
            assert_eq!(r.w.msi.pop(), Some((2, want)));
            // While pending, no second message; after the ack one for what came meanwhile.
            r.func_wr(PF, 0x2f00, 1 << 2);
            assert_eq!(r.w.msi, []);
            r.func_wr(vf(2), 0x2f10, 1 << want);
            assert_eq!(r.w.msi.pop(), Some((2, want)));
            r.func_wr(vf(2), 0x4000, !0);
            r.func_wr(vf(2), 0x2f10, !0);
            assert_eq!(r.w.msi, []);
        }
        // MSI off: the status is there all the same.
        r.d.set_vf_msi(2, 0);
        r.func_wr(PF, 0x2f00, 1 << 2);
        assert_eq!(r.w.msi, []);
        assert_eq!(r.func(vf(2), 0x4000), 1 << 31);
    });
}

#[test]
fn a_vf_reset_is_a_handshake() {
    each(|r| {
        assert_eq!(r.func(PF, 0x3000), 0xffff);
        assert_eq!(r.func(vf(9), 0x3000), 1);
        r.func_wr(PF, 0x3000, 0xffff);
        assert_eq!(r.func(vf(9), 0x3000), 0);

        r.d.flr(vf(9), &mut r.w);
        assert_eq!(r.w.msix, [0]);
        assert_eq!(r.rd(reg::HW_SYND, 0), 1 << 31 | 1 << 12);
        assert_eq!(r.func(PF, of(4, 0x1f04)), 1 << 9);
        assert_eq!(r.func(PF, of(4, 0x3000)), 1 << 9);
        // Blocked until the PF is done.
        assert_eq!(r.func(vf(9), 0x3000), !0);
        r.func_wr(vf(9), 0x1004, 1);
        r.func_wr(vf(9), 0x1f00, 1);
        assert_eq!(r.func(PF, 0x1f00), 0);
        assert_eq!(r.func(PF, of(9, 0x1004)), 0);
        // As the PF driver does it.
        r.wr(reg::MSIX_ACK, 0, 1);
        r.wr4((0x20, 0x20), 9, 0);
        assert_eq!(r.func(vf(9), 0x3000), 1);
        r.func_wr(PF, 0x3000, 1 << 9);
        assert_eq!(r.func(vf(9), 0x3000), 0);
        r.func_wr(PF, 0x1f04, 1 << 9);
        r.func_wr(PF, of(9, 0x1f10), 1);
        assert_eq!(r.rd(reg::HW_SYND, 0), 0);
        assert_eq!(r.w.msix, [0]);
        assert_eq!(r.d.counters().vf_resets, 1);
    });
}

/// A VF-owned domain: LDB queue 5 as virtual 1, DIR pair 7 as virtual 0, LDB ports 20 and 21 as
/// virtual 0 and 1.
fn vf_domain(r: &mut Rig, n: u32) -> (Vec<Cq>, Cq) {
    r.credits(3, 256, 256);
    r.ldb_queue(5, PLAIN);
    r.wr(reg::VF_LDB_VQID_V, n * 32 + 1, 1);
    r.wr(reg::VF_LDB_VQID2QID, n * 32 + 1, 5);
    r.wr(reg::LDB_QID2VQID, 5, 1);
    r.dir_queue(7, 64);
    r.wr(reg::VF_DIR_VQID_V, n * r.ndir, 1);
    r.wr(reg::VF_DIR_VQID2QID, n * r.ndir, 7);
    let mut ports = Vec::new();
    for vp in 0..2 {
        let p = 20 + vp;
        ports.push(r.ldb_port_of(p, 3, 16, 16, Some(n)));
        r.wr(reg::VF_LDB_VPP2PP, n * 64 + vp, p);
        r.wr(reg::LDB_PP2VDEV, p, n);
        r.wr(reg::VF_LDB_VPP_V, n * 64 + vp, 1);
        r.map(p, 0, 5, 0);
    }
    let dir = r.dir_port_of(7, 3, 16, Some(n));
    r.wr(reg::VF_DIR_VPP2PP, n * r.ndir, 7);
    r.wr(reg::DIR_PP2VDEV, 7, n);
    r.wr(reg::VF_DIR_VPP_V, n * r.ndir, 1);
    r.allow_ldb(3, 5, true);
    r.allow_dir(3, 7, true);
    (ports, dir)
}

#[test]
fn the_data_path_of_a_vf_has_virtual_numbers() {
    each(|r| {
        let (mut ports, mut dir) = vf_domain(r, 4);
        r.send_as(vf(4), true, 0, H::new(1, UNO, 1));
        r.send_as(vf(4), true, 1, H::new(0, DIR, 2));
        r.send_as(vf(4), false, 0, H::new(1, ATM, 3));
        let e = r.recv(&mut ports[0]).expect("entry");
        assert_eq!((e.data, e.qid), (1, 1));
        let e = r.recv(&mut ports[1]).expect("entry");
        assert_eq!((e.data, e.qid), (3, 1));
        // The sender's number in a directed entry is virtual as well.
        let b = r.w.mem[&(4, dir.base)];
        assert_eq!((b[0], b[12], b[13]), (2, 1, 0));
        assert!(r.recv(&mut dir).is_some());
        assert!(r.w.dma.iter().all(|d| d.0 == 4));
        r.send_as(vf(4), true, 0, H::tokens(c::REL_T, 1));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 20), 0);
        // The PF drains through the physical page.
        r.ldb(21, H::tokens(c::REL_T, 1));
        assert_eq!(r.rd(reg::CQ_LDB_INFL, 21), 0);
        assert_eq!(r.dropped(), 0);
    });
}

#[test]
fn a_vf_reaches_nothing_that_is_not_its_own() {
    each(|r| {
        vf_domain(r, 4);
        r.simple(PLAIN, 1, 8, 8);
        let before = r.w.dma.len();
        let pages = 64usize;
        let mut n = 0;
        // Every page and queue of a VF that owns nothing.
        for p in 0..pages {
            for q in [0u8, 1, 5, 31] {
                r.send_as(vf(5), true, p, H::new(q, UNO, 0));
                r.send_as(vf(5), false, p, H::new(q, DIR, 0));
                n += 2;
            }
        }
        // Pages and queues that the owner of something does not own.
        for p in 2..pages {
            r.send_as(vf(4), true, p, H::new(1, UNO, 0));
            n += 1;
        }
        for q in (0..=255u8).filter(|&q| q != 1) {
            r.send_as(vf(4), true, 0, H::new(q, UNO, 0));
            n += 1;
        }
        for q in 1..=255u8 {
            r.send_as(vf(4), true, 0, H::new(q, DIR, 0));
            n += 1;
        }
        assert_eq!(r.dropped(), n);
        assert_eq!(r.w.dma.len(), before);
        assert!(r.w.log.len() < 64);
        // The errors are attributed to the VFs, with their numbers.
        assert_eq!(r.rd(reg::PF_SYND, 0), 0);
        assert_eq!(r.rd(reg::VF_SYND0, 5), 3 << 30 | 1 << 13 | 1 << 16);
        assert_eq!(r.rd(reg::VF_SYND0, 4), 3 << 30 | 1 << 13 | 1 << 16 | 2);
        r.wr(reg::VF_SYND0, 4, 3 << 30);
        r.send_as(vf(4), true, 1, H::new(9, UNO, 0));
        assert_eq!(r.rd(reg::VF_SYND0, 4), 1 << 31 | 1 << 13 | 3 << 16 | 1);
        // A port whose owner field names somebody else.
        r.wr(reg::VF_SYND0, 4, 3 << 30);
        r.wr(reg::LDB_PP2VDEV, 21, 6);
        r.send_as(vf(4), true, 1, H::new(1, UNO, 0));
        assert_eq!(r.rd(reg::VF_SYND0, 4), 1 << 31 | 1 << 13 | 1 << 16 | 1);
    });
}

#[test]
fn errors_in_chp_name_the_virtual_port_too() {
    each(|r| {
        vf_domain(r, 4);
        r.send_as(vf(4), true, 1, H::cmd(c::REL));
        assert_eq!(
            r.rd(reg::VF_SYND0, 4),
            1 << 31 | 1 << 26 | 4 << 22 | 1 << 16 | 0x81
        );
        assert_eq!(r.w.msix, [0]);
    });
}

#[test]
fn a_disabled_bar_is_dead() {
    each(|r| {
        let (mut ports, _) = vf_domain(r, 4);
        r.wr4((0x20, 0x20), 4, 1);
        r.send_as(vf(4), true, 0, H::new(1, UNO, 1));
        r.func_wr(vf(4), 0x1f00, 1);
        assert_eq!(r.func(vf(4), 0x3000), !0);
        assert_eq!(r.func(PF, 0x1f00), 0);
        assert_eq!(r.recv(&mut ports[0]), None);
        assert_eq!(r.w.msix, []);
        r.wr4((0x20, 0x20), 4, 0);
        r.send_as(vf(4), true, 0, H::new(1, UNO, 2));
        assert_eq!(r.data_all(&mut ports[0]), [2]);
    });
}

#[test]
fn cq_interrupts_of_a_vf_are_its_msi() {
    each(|r| {
        vf_domain(r, 4);
        r.d.set_vf_msi(4, 4);
        r.wr(reg::LDB_INT_ENB, 20, 2);
        r.wr(reg::LDB_CQ_ISR, 20, 1 << 10 | 4 << 6 | 9);
        r.wr(reg::DIR_INT_ENB, 7, 2);
        r.wr(reg::DIR_CQ_ISR, 7, 1 << 10 | 4 << 6 | 2);
        r.send_as(vf(4), true, 0, H::cmd(c::ARM));
        r.send_as(vf(4), false, 0, H::cmd(c::ARM));
        r.send_as(vf(4), true, 0, H::new(1, UNO, 1));
        // Source 9 on message 1 of four.
        assert_eq!(r.w.msi, [(4, 1)]);
        assert_eq!(r.func(vf(4), 0x4000), 1 << 9);
        r.send_as(vf(4), true, 0, H::new(0, DIR, 1));
        assert_eq!(r.w.msi, [(4, 1), (4, 2)]);
        assert_eq!(r.func(vf(4), 0x2f10), 1 << 1 | 1 << 2);
        assert_eq!(r.w.msix, []);
        // Through another VF's vectors (auxiliary VF).
        r.d.set_vf_msi(5, 32);
        r.wr(reg::LDB_CQ_ISR, 20, 1 << 10 | 5 << 6 | 30);
        r.send_as(vf(4), true, 0, H::cmd(c::ARM));
        assert_eq!(r.w.msi.last(), Some(&(5, 30)));
    });
}

#[test]
fn sixteen_vfs_do_not_disturb_each_other() {
    each(|r| {
        r.hl = 0;
        let mut cqs = Vec::new();
        for n in 0..16u32 {
            r.credits(n, 64, 0);
            r.ldb_queue(n, PLAIN);
            r.wr(reg::VF_LDB_VQID_V, n * 32, 1);
            r.wr(reg::VF_LDB_VQID2QID, n * 32, n);
            let p = 63 - n;
            cqs.push(r.ldb_port_of(p, n, 8, 32, Some(n)));
            r.wr(reg::VF_LDB_VPP2PP, n * 64, p);
            r.wr(reg::LDB_PP2VDEV, p, n);
            r.wr(reg::VF_LDB_VPP_V, n * 64, 1);
            r.map(p, 0, n, 0);
            r.allow_ldb(n, n, true);
        }
        for round in 0..50u64 {
            for n in 0..16u8 {
                r.send_as(vf(n), true, 0, H::new(0, UNO, round << 8 | u64::from(n)));
                let got = r.data_all(&mut cqs[usize::from(n)]);
                assert_eq!(got, [round << 8 | u64::from(n)]);
                r.send_as(vf(n), true, 0, H::tokens(c::REL_T, 1));
                if round == 25 {
                    r.d.flr(vf(n), &mut r.w);
                    r.wr4((0x20, 0x20), n.into(), 0);
                }
            }
        }
        assert_eq!(r.dropped(), 0);
    });
}

#[test]
fn a_pf_reset_takes_the_vfs_along() {
    let mut r = Rig::new(Version::V2_5);
    vf_domain(&mut r, 4);
    r.d.set_vf_msi(4, 8);
    r.func_wr(vf(4), 0x1004, 5);
    r.func_wr(vf(4), 0x1f00, 1);
    r.func_wr(PF, 0x2f00, 1 << 4);
    r.func_wr(PF, 0x3000, 0xffff);
    r.d.flr(PF, &mut r.w);
    assert_eq!(r.func(PF, 0x1f00), 0);
    assert_eq!(r.func(PF, of(4, 0x1004)), 0);
    assert_eq!(r.func(PF, 0x3000), 0xffff);
    assert_eq!((r.func(vf(4), 0x4000), r.func(vf(4), 0x2f10)), (0, 0));
    // The MSI capability is PCI's: still eight messages.
    r.w.msi.clear();
    r.func_wr(PF, 0x2f00, 1 << 4);
    assert_eq!(r.w.msi, [(4, 7)]);
}

#[test]
fn mailbox_faults() {
    let mut r = Rig::new(Version::V2_0);
    r.func_wr(vf(3), 0x1008, 0xff);
    r.d.inject(
        "corrupt-vf2pf=3:2:0x80; corrupt-pf2vf=3:0:1; lose-msi=1",
        &mut r.w,
    )
    .expect("fault");
    assert_eq!(r.func(PF, of(2, 0x1008)), 0);
    assert_eq!(r.func(PF, of(3, 0x1008)), 0x7f);
    assert_eq!(r.func(PF, of(3, 0x1008)), 0xff);
    assert_eq!(r.func(vf(3), 0x2000), 1);
    assert_eq!(r.func(vf(3), 0x2000), 0);
    r.d.set_vf_msi(3, 1);
    r.func_wr(PF, 0x2f00, 1 << 3);
    assert_eq!(r.w.msi, []);
    assert_eq!(r.d.counters().msi_lost, 1);
    r.d.inject("spurious-msi=3:0", &mut r.w).expect("fault");
    assert_eq!(r.w.msi, [(3, 0)]);
}

#[test]
fn a_virtual_device_sends_through_the_pfs_window() {
    let mut r = Rig::new(Version::V2_5);
    let (mut ports, _) = vf_domain(&mut r, 4);
    // Physical page, virtual queue number.
    r.ldb(20, H::new(1, UNO, 1));
    assert_eq!(r.data_all(&mut ports[0]), [1]);
    r.ldb(20, H::new(5, UNO, 1));
    assert_eq!(r.dropped(), 1);
    assert_eq!(r.rd(reg::VF_SYND0, 4) & 0x7f, 20);
}
