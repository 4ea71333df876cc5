// SPDX-License-Identifier: GPL-2.0
//! Tables that cannot be indexed out of bounds.

use core::ops::{Index, IndexMut};

/// A table of `N` entries, `N` a power of two. An index is reduced to it, as hardware that decodes
/// only so many address bits does, so that no register value can cause a panic.
#[derive(Clone)]
pub struct Tab<T, const N: usize>(Box<[T; N]>);

impl<T: Clone, const N: usize> Tab<T, N> {
    const MASK: usize = {
        assert!(N.is_power_of_two());
        N - 1
    };

    pub fn new(value: T) -> Self {
        let boxed: Result<Box<[T; N]>, _> = vec![value; N].into_boxed_slice().try_into();
        match boxed {
            Ok(b) => Self(b),
            Err(_) => unreachable!("the vector has N elements"),
        }
    }

    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }
}

impl<T: Clone, const N: usize> Index<usize> for Tab<T, N> {
    type Output = T;

    #[inline(always)]
    fn index(&self, i: usize) -> &T {
        &self.0[i & Self::MASK]
    }
}

impl<T: Clone, const N: usize> IndexMut<usize> for Tab<T, N> {
    #[inline(always)]
    fn index_mut(&mut self, i: usize) -> &mut T {
        &mut self.0[i & Self::MASK]
    }
}

/// Indices of the bits that are set, lowest first.
pub fn bits(mut mask: u128) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let i = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(i)
    })
}

/// The first bit of `mask` at or after `from`, going round.
#[inline]
pub fn next_from(mask: u64, from: u32) -> u32 {
    let high = mask & (u64::MAX << (from & 63));
    (if high != 0 { high } else { mask }).trailing_zeros()
}
