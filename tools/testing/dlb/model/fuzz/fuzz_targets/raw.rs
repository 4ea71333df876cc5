// SPDX-License-Identifier: GPL-2.0
//! Whatever a guest writes: no panic, no endless loop, no unbounded memory, and a device that stays
//! consistent in itself. The input is a program of register accesses, producer-page writes, resets
//! and time, run on a blank device or on one with a working domain.
//!
//! `cargo +nightly fuzz run raw` in `tools/testing/dlb/model`.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use common::*;
use dlb_model::regs::REGS;
use dlb_model::{Bar, Requester, Version};
use libfuzzer_sys::fuzz_target;

/// The input, as numbers; zeros after its end.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut b = [0; N];
        let n = N.min(self.0.len());
        b[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        b
    }
    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.bytes())
    }
    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }
}

fn requester(b: u8) -> Requester {
    if b & 0x40 == 0 {
        Requester::Pf
    } else {
        Requester::Vf(b & 31)
    }
}

/// Two ordered and two plain queues, four ports, two directed pairs; one port belongs to VF 1.
fn working(r: &mut Rig) {
    r.credits(0, 300, 100);
    for q in 0..4 {
        let sn = (q < 2).then_some((0, q, 0));
        r.ldb_queue(
            q,
            Queue {
                sn,
                inflights: 64,
                fids: 3,
                atomic: 8,
                ..PLAIN
            },
        );
        r.allow_ldb(0, q, true);
    }
    for p in 0..4 {
        r.ldb_port_of(p, 0, 4 << p, 16, (p == 3).then_some(1));
        r.wr(reg::LDB_INT_ENB, p, 3);
        r.wr(reg::LDB_CQ_ISR, p, (1 + p % 3) << 10);
        for q in 0..4 {
            r.map(p, q, q, q * 2);
        }
    }
    r.wr(reg::VF_LDB_VPP2PP, 64, 3);
    r.wr(reg::LDB_PP2VDEV, 3, 1);
    r.wr(reg::VF_LDB_VPP_V, 64, 1);
    for q in 0..4 {
        r.wr(reg::VF_LDB_VQID_V, 32 + q, 1);
        r.wr(reg::VF_LDB_VQID2QID, 32 + q, q);
    }
    for d in 0..2 {
        r.dir_queue(d, 4);
        r.dir_port(d, 0, 8);
        r.allow_dir(0, d, true);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut p = Program(data);
    let kind = p.u8();
    let v = if kind & 1 == 0 {
        Version::V2_0
    } else {
        Version::V2_5
    };
    let mut r = Rig::with(v, kind.into(), "");
    r.w.quiet = true;
    if kind & 2 != 0 {
        working(&mut r);
    }
    let mut now = 0u64;
    while !p.0.is_empty() {
        let op = p.u8();
        match op & 15 {
            0..=3 => {
                let info = &REGS[usize::from(p.u16()) % REGS.len()];
                let Some(base) = info.offset(v) else { continue };
                let x = u64::from(p.u8()) % (info.count(v) as u64 + 1);
                let off = u64::from(base) + x * u64::from(info.stride);
                let val = if op & 0x80 != 0 {
                    p.u32()
                } else {
                    p.u8().into()
                };
                if op & 0x40 != 0 {
                    r.d.read(Requester::Pf, Bar::Csr, off, 4, &mut r.w);
                } else {
                    r.d.write(Requester::Pf, Bar::Csr, off, 4, val.into(), &mut r.w);
                }
            }
            4..=10 => {
                let (a, b, c) = (p.u8(), p.u8(), p.u8());
                let h = H {
                    data: c.into(),
                    qid: a >> 4 & 7,
                    typ: a & 3,
                    pri: b >> 4 & 7,
                    lock: (c & 15).into(),
                    weight: c >> 6,
                    cmd: b & 15,
                    ..H::default()
                };
                r.send_as(requester(op), op & 0x80 == 0, usize::from(a >> 2 & 3), h);
            }
            11 => {
                let (off, val) = (p.u32().into(), p.u64());
                let bar = if op & 0x80 == 0 { Bar::Func } else { Bar::Csr };
                let size = if op & 0x20 == 0 { 8 } else { 4 };
                r.d.write(requester(op), bar, off, size, val, &mut r.w);
            }
            12 => {
                let off = 0x200_0000 + u64::from(p.u32() & 0x3f_ffff);
                let (size, val) = (1 << (op >> 4 & 3), p.u64());
                r.d.write(requester(op), Bar::Func, off, size, val, &mut r.w);
            }
            13 => {
                now += u64::from(p.u32()) << (op >> 4);
                r.d.tick(now, &mut r.w);
                r.d.tick(now, &mut r.w);
                let due = r.d.deadline().filter(|due| *due <= now && now != u64::MAX);
                assert_eq!(due, None);
            }
            14 => match op >> 4 & 3 {
                0 => r.d.flr(requester(op), &mut r.w),
                1 => r.d.set_d3(op & 0x80 != 0),
                2 => r.d.set_vf_msi(p.u8() & 31, p.u8()),
                _ => {
                    let _ =
                        r.d.inject("lose-msix=3; spurious-msi=1:2; parity-alarm=9", &mut r.w);
                }
            },
            _ => {
                let off = p.u32().into();
                r.d.read(requester(op), Bar::Func, off, 1 << (op >> 4 & 3), &mut r.w);
            }
        }
    }
    r.d.check().expect("consistent");
    r.d.snapshot();
    r.d.stats();
});
