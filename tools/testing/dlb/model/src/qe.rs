// SPDX-License-Identifier: GPL-2.0
//! Commands (HCWs), queue elements, and the storage they lie in.

use crate::tab::Tab;
use crate::Version;

/// Scheduling types as in HCWs and CQ entries.
pub const ATOMIC: u8 = 0;
pub const UNORDERED: u8 = 1;
pub const ORDERED: u8 = 2;
pub const DIRECTED: u8 = 3;

/// Commands: the low four bits of the last byte.
pub mod cmd {
    pub const NOOP: u8 = 0;
    pub const ARM: u8 = 5;
    /// Bits.
    pub const TOKEN: u8 = 1;
    pub const COMP: u8 = 2;
    pub const FRAG: u8 = 4;
    pub const VALID: u8 = 8;

    pub const NAMES: [&str; 16] = [
        "noop",
        "bat_t",
        "rel",
        "rel_t",
        "illegal_4",
        "arm",
        "illegal_6",
        "illegal_7",
        "new",
        "new_t",
        "fwd",
        "fwd_t",
        "frag",
        "frag_t",
        "illegal_14",
        "illegal_15",
    ];
}

/// One 16-byte command as written to a producer page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hcw {
    pub lo: u64,
    pub hi: u64,
}

impl Hcw {
    pub fn opaque(self) -> u16 {
        self.hi as u16
    }
    pub fn qid(self) -> u8 {
        (self.hi >> 16) as u8
    }
    pub fn sched_type(self) -> u8 {
        (self.hi >> 24) as u8 & 3
    }
    pub fn priority(self) -> u8 {
        (self.hi >> 26) as u8 & 7
    }
    pub fn msg_type(self) -> u8 {
        (self.hi >> 29) as u8 & 7
    }
    pub fn lock_id(self) -> u16 {
        (self.hi >> 32) as u16
    }
    pub fn meas(self) -> bool {
        self.hi >> 48 & 1 != 0
    }
    pub fn weight(self) -> u8 {
        (self.hi >> 49) as u8 & 3
    }
    pub fn cmp_id(self) -> u8 {
        (self.hi >> 52) as u8 & 15
    }
    pub fn cmd(self) -> u8 {
        (self.hi >> 56) as u8 & 15
    }
}

/// A queue element on the device.
#[derive(Clone, Copy, Default)]
pub struct Qe {
    pub hcw: Hcw,
    /// Physical destination queue.
    pub qid: u8,
    /// The sender's port number as a consumer may see it.
    pub pp: u16,
    next: u16,
}

impl Qe {
    pub fn new(hcw: Hcw, qid: u8, pp: u16) -> Self {
        Self {
            hcw,
            qid,
            pp,
            next: NIL,
        }
    }

    /// Priority bin; bin 0 is the highest.
    #[inline]
    pub fn bin(&self) -> usize {
        usize::from(self.hcw.priority() >> 1)
    }

    pub fn is_directed(&self) -> bool {
        self.hcw.sched_type() == DIRECTED
    }
}

/// No element.
pub const NIL: u16 = u16::MAX;

/// QED and DQED: the storage that credits stand for. One pool on 2.5, two on 2.0.
pub struct Storage {
    qe: Tab<Qe, 16384>,
    free: u16,
    used: [u16; 2],
    limit: [u16; 2],
    shared: bool,
}

impl Storage {
    pub fn new(version: Version) -> Self {
        let mut qe = Tab::new(Qe::default());
        for (i, e) in qe.iter_mut().enumerate() {
            e.next = if i == 16383 { NIL } else { i as u16 + 1 };
        }
        let limit = if version == Version::V2_0 {
            [8192, 4096]
        } else {
            [16384, 0]
        };
        Self {
            qe,
            free: 0,
            used: [0; 2],
            limit,
            shared: version == Version::V2_5,
        }
    }

    fn pool(&self, directed: bool) -> usize {
        usize::from(directed && !self.shared)
    }

    /// Elements in the storage that load-balanced (directed) ones use.
    pub fn used(&self, directed: bool) -> u16 {
        let [ldb, dir] = self.used;
        if self.pool(directed) == 0 {
            ldb
        } else {
            dir
        }
    }

    pub fn has_room(&self, directed: bool) -> bool {
        let [ldb, dir] = self.limit;
        self.used(directed) < if self.pool(directed) == 0 { ldb } else { dir } && self.free != NIL
    }

    /// Store an element; [`NIL`] if there is no room.
    pub fn alloc(&mut self, e: Qe) -> u16 {
        if !self.has_room(e.is_directed()) {
            return NIL;
        }
        let id = self.free;
        let slot = &mut self.qe[usize::from(id)];
        self.free = slot.next;
        *slot = e;
        slot.next = NIL;
        let pool = self.pool(e.is_directed());
        if let Some(u) = self.used.get_mut(pool) {
            *u += 1;
        }
        id
    }

    pub fn release(&mut self, id: u16) {
        let directed = self.qe[usize::from(id)].is_directed();
        let pool = self.pool(directed);
        if let Some(u) = self.used.get_mut(pool) {
            *u = u.saturating_sub(1);
        }
        self.qe[usize::from(id)].next = self.free;
        self.free = id;
    }

    #[inline]
    pub fn get(&self, id: u16) -> &Qe {
        &self.qe[usize::from(id)]
    }
}

/// A chain of elements, first in first out.
#[derive(Clone, Copy)]
pub struct Fifo {
    head: u16,
    tail: u16,
    len: u16,
}

impl Default for Fifo {
    fn default() -> Self {
        Self {
            head: NIL,
            tail: NIL,
            len: 0,
        }
    }
}

impl Fifo {
    #[inline]
    pub fn push(&mut self, s: &mut Storage, id: u16) {
        s.qe[usize::from(id)].next = NIL;
        if self.head == NIL {
            self.head = id;
        } else {
            s.qe[usize::from(self.tail)].next = id;
        }
        self.tail = id;
        self.len += 1;
    }

    #[inline]
    pub fn pop(&mut self, s: &Storage) -> Option<u16> {
        if self.head == NIL {
            return None;
        }
        let id = self.head;
        self.head = s.qe[usize::from(id)].next;
        self.len -= 1;
        Some(id)
    }

    pub fn head(&self) -> Option<u16> {
        (self.head != NIL).then_some(self.head)
    }

    pub fn len(&self) -> u16 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.head == NIL
    }
}

/// A queue: one chain per priority bin.
#[derive(Clone, Copy, Default)]
pub struct Bins {
    bin: [Fifo; 4],
    /// Bins that are not empty.
    mask: u8,
    len: u16,
}

impl Bins {
    #[inline]
    pub fn push(&mut self, s: &mut Storage, id: u16) {
        let b = s.get(id).bin() & 3;
        self.bin[b].push(s, id);
        self.mask |= 1 << b;
        self.len += 1;
    }

    #[inline]
    pub fn pop(&mut self, s: &Storage, bin: usize) -> Option<u16> {
        let f = &mut self.bin[bin & 3];
        let id = f.pop(s)?;
        if f.is_empty() {
            self.mask &= !(1 << (bin & 3));
        }
        self.len -= 1;
        Some(id)
    }

    pub fn head(&self, bin: usize) -> Option<u16> {
        self.bin[bin & 3].head()
    }

    pub fn mask(&self) -> u8 {
        self.mask
    }

    pub fn len(&self) -> u16 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.mask == 0
    }

    pub fn bin_len(&self, bin: usize) -> u16 {
        self.bin[bin & 3].len()
    }
}

/// The code in a CQ entry for a queue's depth against its threshold.
pub fn depth_code(depth: u32, threshold: u32) -> u8 {
    if depth > threshold {
        3
    } else if depth * 4 > threshold * 3 {
        2
    } else if depth * 2 > threshold {
        1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_codes() {
        let codes: Vec<u8> = [0, 16, 17, 24, 25, 32, 33]
            .map(|d| depth_code(d, 32))
            .into();
        assert_eq!(codes, [0, 0, 1, 1, 2, 2, 3]);
        assert_eq!(depth_code(1, 0), 3);
    }

    #[test]
    fn storage_is_bounded_per_pool() {
        for (v, ldb, dir) in [(Version::V2_0, 8192, 4096), (Version::V2_5, 16384, 0)] {
            let mut s = Storage::new(v);
            let ldb_qe = Qe::new(Hcw { lo: 0, hi: 1 << 24 }, 0, 0);
            let dir_qe = Qe::new(Hcw { lo: 0, hi: 3 << 24 }, 0, 0);
            let mut ids = Vec::new();
            loop {
                let id = s.alloc(ldb_qe);
                if id == NIL {
                    break;
                }
                ids.push(id);
            }
            assert_eq!(ids.len(), ldb);
            let mut n = 0;
            while s.alloc(dir_qe) != NIL {
                n += 1;
            }
            assert_eq!(n, dir);
            for id in ids {
                s.release(id);
            }
            assert!(s.has_room(false));
        }
    }

    #[test]
    fn bins_keep_order_within_a_bin() {
        let mut s = Storage::new(Version::V2_0);
        let mut b = Bins::default();
        for i in 0..20u64 {
            let id = s.alloc(Qe::new(
                Hcw {
                    lo: i,
                    hi: (i % 8) << 26,
                },
                0,
                0,
            ));
            b.push(&mut s, id);
        }
        let mut out = Vec::new();
        while let Some(id) = b.pop(&s, b.mask().trailing_zeros() as usize) {
            out.push(s.get(id).hcw.lo);
            s.release(id);
        }
        let mut want: Vec<u64> = (0..20).collect();
        want.sort_by_key(|i| (i % 8) >> 1);
        assert_eq!(out, want);
        assert_eq!(s.used(false), 0);
    }
}
