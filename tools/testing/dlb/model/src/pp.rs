// SPDX-License-Identifier: GPL-2.0
//! Producer pages: pieces of stores become HCWs.
//!
//! What arrives here are the pieces that a CPU model or a hypervisor makes of 16- and 64-byte
//! stores. An HCW is complete when the piece with its last byte arrives and all of its 16 bytes are
//! there. So one 64-byte store (pieces at 0, 8 .. 56) is four HCWs, and four 16-byte stores to the
//! start of the page (pieces at 0, 8, 0, 8 ..) are four as well; nothing needs to tell one from the
//! other. Pieces of a store may have 4 or 8 bytes. A piece that does not continue its HCW starts a
//! new one, and what was there is forgotten; pieces that make no HCW have no effect.

use crate::qe::Hcw;
use crate::tab::Tab;
use crate::Requester;

/// Where the windows lie in BAR 0.
pub(crate) const WINDOWS: core::ops::Range<u64> = 0x200_0000..0x240_0000;

/// A page that a write goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    pub ldb: bool,
    /// The upper pair of windows.
    pub driver: bool,
    pub port: usize,
}

impl Page {
    /// Decode an offset in BAR 0 that lies in [`WINDOWS`].
    pub fn decode(off: u64) -> Self {
        let o = (off - WINDOWS.start) as usize;
        Self {
            ldb: o >> 20 & 1 != 0,
            driver: o >> 21 & 1 != 0,
            port: o >> 12 & 0xff,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Partial {
    hcw: Hcw,
    /// Which quarters are there.
    have: u8,
    /// Offset in the page, without the low four bits.
    at: u16,
}

/// Unfinished HCWs, one per page: windows of the PF and of 16 VFs, LDB and DIR, 128 pages each.
pub(crate) struct Pages {
    partial: Tab<Partial, 8192>,
}

/// What a piece led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// More is needed.
    Wait,
    Complete(Hcw),
    Malformed,
}

impl Pages {
    pub fn new() -> Self {
        Self {
            partial: Tab::new(Partial::default()),
        }
    }

    fn index(who: Requester, page: Page) -> usize {
        let function = match who {
            Requester::Pf => usize::from(page.driver),
            Requester::Vf(n) => 2 + usize::from(n & 15),
        };
        function << 8 | usize::from(page.ldb) << 7 | page.port & 127
    }

    /// One piece of a store; `off` is relative to the page.
    pub fn write(&mut self, who: Requester, page: Page, off: u16, size: u8, val: u64) -> Piece {
        let p = &mut self.partial[Self::index(who, page)];
        let at = off & !15;
        let quarter = u32::from(off & 15) / 4;
        let mask: u8 = match (size, off & 15) {
            (8, 0 | 8) => 3 << quarter,
            (4, 0 | 4 | 8 | 12) => 1 << quarter,
            _ => {
                p.have = 0;
                return Piece::Malformed;
            }
        };
        let mut forgotten = false;
        if p.have != 0 && (p.at != at || p.have & mask != 0) {
            p.have = 0;
            forgotten = true;
        }
        if p.have == 0 {
            p.hcw = Hcw::default();
        }
        p.at = at;
        p.have |= mask;
        let shift = (quarter & 1) * 32;
        let word = if quarter < 2 {
            &mut p.hcw.lo
        } else {
            &mut p.hcw.hi
        };
        let (bits, val) = if size == 8 {
            (u64::MAX, val)
        } else {
            (0xffff_ffff, val & 0xffff_ffff)
        };
        *word = *word & !(bits << shift) | val << shift;
        if mask & 8 == 0 {
            return if forgotten {
                Piece::Malformed
            } else {
                Piece::Wait
            };
        }
        let complete = p.have == 15;
        p.have = 0;
        if complete {
            Piece::Complete(p.hcw)
        } else {
            Piece::Malformed
        }
    }

    /// Forget what a VF left unfinished.
    pub fn forget(&mut self, vf: u8) {
        let first = (2 + usize::from(vf & 15)) << 8;
        for i in first..first + 256 {
            self.partial[i] = Partial::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        ldb: true,
        driver: false,
        port: 3,
    };

    fn feed(p: &mut Pages, pieces: &[(u16, u8, u64)]) -> Vec<Piece> {
        pieces
            .iter()
            .map(|&(o, s, v)| p.write(Requester::Pf, PAGE, o, s, v))
            .collect()
    }

    fn hcw(lo: u64, hi: u64) -> Piece {
        Piece::Complete(Hcw { lo, hi })
    }

    #[test]
    fn one_line_and_four_stores_are_the_same() {
        let mut p = Pages::new();
        let line: Vec<_> = (0..8).map(|i| (i * 8, 8, u64::from(i))).collect();
        let stores: Vec<_> = (0..8).map(|i| (i % 2 * 8, 8, u64::from(i))).collect();
        let want: Vec<_> = (0..4)
            .flat_map(|i| [Piece::Wait, hcw(i * 2, i * 2 + 1)])
            .collect();
        assert_eq!(feed(&mut p, &line), want);
        assert_eq!(feed(&mut p, &stores), want);
    }

    #[test]
    fn four_byte_pieces() {
        let mut p = Pages::new();
        let r = feed(&mut p, &[(0, 4, 1), (4, 4, 2), (8, 4, 3), (12, 4, 4)]);
        assert_eq!(r.last(), Some(&hcw(2 << 32 | 1, 4 << 32 | 3)));
        let r = feed(&mut p, &[(16, 4, 5), (20, 4, !0), (24, 8, 7)]);
        assert_eq!(r.last(), Some(&hcw(0xffff_ffff << 32 | 5, 7)));
    }

    #[test]
    fn malformed_pieces_have_no_effect() {
        let mut p = Pages::new();
        assert_eq!(feed(&mut p, &[(8, 8, 1)]), [Piece::Malformed]);
        assert_eq!(
            feed(&mut p, &[(0, 8, 1), (0, 8, 2)]),
            [Piece::Wait, Piece::Malformed]
        );
        assert_eq!(feed(&mut p, &[(8, 8, 3)]), [hcw(2, 3)]);
        assert_eq!(
            feed(&mut p, &[(0, 8, 1), (24, 8, 2)]),
            [Piece::Wait, Piece::Malformed]
        );
        for (off, size) in [(0, 1), (0, 2), (4, 8), (12, 8), (2, 4), (0, 0), (0, 16)] {
            assert_eq!(
                feed(&mut p, &[(off, size, 9)]),
                [Piece::Malformed],
                "{off} {size}"
            );
        }
        assert_eq!(
            feed(&mut p, &[(0, 8, 1), (4, 1, 0), (8, 8, 2)]).last(),
            Some(&Piece::Malformed)
        );
    }

    #[test]
    fn pages_do_not_mix() {
        let mut p = Pages::new();
        let other = Page { port: 4, ..PAGE };
        assert_eq!(p.write(Requester::Pf, PAGE, 0, 8, 1), Piece::Wait);
        assert_eq!(p.write(Requester::Pf, other, 8, 8, 2), Piece::Malformed);
        assert_eq!(p.write(Requester::Vf(0), PAGE, 8, 8, 2), Piece::Malformed);
        assert_eq!(p.write(Requester::Pf, PAGE, 8, 8, 2), hcw(1, 2));
    }
}
