// SPDX-License-Identifier: GPL-2.0

//! The register map of DLB 2.0 and 2.5, in the vendor's names, one file per hardware unit.
//!
//! The declarations follow the syntax of the kernel's `register!` macro as far as it goes. That
//! macro ties a register to one offset and does not compile outside the kernel; this one adds
//! what two hardware versions need and builds anywhere:
//!
//! ```text
//! /// What the register is for.
//! pub NAME(u32)[64 | 96, stride = 0x1000] @ 0xa0000000 | 0x90000000 = 0x1 {
//!     /// What the field is for.
//!     12:0 | 10:0 depth;
//!     4:4 | - ignore_depth;
//! }
//! ```
//!
//! Where a bar separates two values the left one is DLB 2.0 and the right one DLB 2.5; `-` means
//! that this version does not have it. `= 0x1` is the value after a reset (0 if not given).
//! Reserved bits are not declared.
//!
//! A register is a type holding a value, with a getter per field. Its place is the constant of the
//! same name, `NAME::at(i)` for an array or `NAME::at2(i, j)` for an array of arrays, and
//! [`Io`](super::Io) turns a place into an offset of the version at hand. The kernel's macro names
//! setters `with_<field>`, which takes a procedural macro to spell; here they are methods of
//! [`Set`], which `NAME::zeroed()` and `NAME::reset()` begin and [`Io::update`](super::Io::update)
//! passes on:
//!
//! ```text
//! io.write(LSP_CQ_LDB_DSBL::at(p), LSP_CQ_LDB_DSBL::zeroed().disabled(1));
//! io.update(SYS_WRITE_BUFFER_CTL, |r| r.sch_rate_limit(3));
//! ```
//!
//! Abbreviations: VAS = scheduling domain, LDB = load-balanced, DIR = directed, PP = producer
//! port, CQ = consumer queue, QID = queue, HCW = hardware control word, SN = sequence number,
//! FID = flow ID, V = valid, TKN = token, INFL = in flight, LIM = limit, CNT = count, ENQ =
//! enqueue, SCH = schedule, THRSH = threshold, DSBL = disable, ITS = time stamp, SYND = syndrome,
//! WD = watchdog, ATQ = queue of atomic elements, AQED = storage of atomic elements, NALB = pipe
//! of unordered and ordered elements, SMON = performance monitor.

use super::Bar;
use super::Version;
use core::marker::PhantomData;

/// The unit of the hardware a register belongs to, or the view of the function BAR.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum Unit {
    Iosf,
    Sys,
    Aqed,
    Atm,
    Chp,
    Dp,
    Dqed,
    Qed,
    Nalb,
    Ro,
    Lsp,
    Cm,
    /// The PF's function BAR: its side of the mailboxes.
    PfFunc,
    /// The MSI-X table in the PF's function BAR.
    Msix,
    /// A VF's function BAR. Its offsets are those of the VF's own BAR.
    VfFunc,
}

/// One dimension of an array of registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dim {
    /// Number of elements on DLB 2.0.
    pub v2: u32,
    /// Number of elements on DLB 2.5.
    pub v25: u32,
    /// Bytes from one element to the next.
    pub stride: u32,
}

impl Dim {
    /// Number of elements on `version`.
    pub const fn count(&self, version: Version) -> u32 {
        match version {
            Version::V2 => self.v2,
            Version::V25 => self.v25,
        }
    }
}

/// The bits of a field, highest first, as the declaration has them.
pub type Bits = (u32, u32);

/// A field of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldInfo {
    /// Name, in lower case.
    pub name: &'static str,
    /// Bits on DLB 2.0.
    pub v2: Option<Bits>,
    /// Bits on DLB 2.5.
    pub v25: Option<Bits>,
}

impl FieldInfo {
    /// Bits on `version`.
    pub const fn bits(&self, version: Version) -> Option<Bits> {
        match version {
            Version::V2 => self.v2,
            Version::V25 => self.v25,
        }
    }
}

/// Everything that is declared about a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegInfo {
    /// The vendor's name.
    pub name: &'static str,
    /// Unit.
    pub unit: Unit,
    /// BAR.
    pub bar: Bar,
    /// Offset of the first element on DLB 2.0.
    pub v2: Option<u32>,
    /// Offset of the first element on DLB 2.5.
    pub v25: Option<u32>,
    /// Dimensions; empty for a single register.
    pub dims: &'static [Dim],
    /// Value after a reset.
    pub reset: u32,
    /// Fields, lowest bit first.
    pub fields: &'static [FieldInfo],
}

impl RegInfo {
    /// Offset of the first element on `version`.
    pub const fn base(&self, version: Version) -> Option<u32> {
        match version {
            Version::V2 => self.v2,
            Version::V25 => self.v25,
        }
    }

    /// The bits that are declared on `version`.
    pub fn mask(&self, version: Version) -> u32 {
        self.fields.iter().fold(0, |mask, field| {
            mask | field.bits(version).map_or(0, |(hi, lo)| bit_mask(hi, lo))
        })
    }
}

/// A mask of bits `hi` to `lo`.
pub const fn bit_mask(hi: u32, lo: u32) -> u32 {
    (u32::MAX >> (31u32.wrapping_sub(hi) & 31)) & (u32::MAX << (lo & 31))
}

/// A register type.
pub trait Register: Copy {
    /// What is declared about it.
    const INFO: RegInfo;
    /// The register with this value.
    fn from_bits(bits: u32) -> Self;
    /// The value.
    fn bits(self) -> u32;
}

/// A register value being put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Set<R>(pub R);

/// What can be written to a register: its value, or one being put together.
pub trait Value<R: Register> {
    /// The value.
    fn into_bits(self) -> u32;
}

impl<R: Register> Value<R> for R {
    fn into_bits(self) -> u32 {
        self.bits()
    }
}

impl<R: Register> Value<R> for Set<R> {
    fn into_bits(self) -> u32 {
        self.0.bits()
    }
}

/// The place of a register.
pub struct Loc<R> {
    index: (u32, u32),
    register: PhantomData<R>,
}

impl<R> Clone for Loc<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Loc<R> {}

impl<R: Register> Loc<R> {
    const fn new(i: u32, j: u32) -> Self {
        Self {
            index: (i, j),
            register: PhantomData,
        }
    }

    /// Offset on `version`, or [`None`] if this version does not have the register.
    #[inline]
    pub fn offset(self, version: Version) -> Option<u32> {
        let stride = |n: usize| R::INFO.dims.get(n).map_or(0, |dim| dim.stride);
        let base = R::INFO.base(version)?;
        Some(
            base.wrapping_add(self.index.0.wrapping_mul(stride(0)))
                .wrapping_add(self.index.1.wrapping_mul(stride(1))),
        )
    }
}

/// Declares the registers of one unit. See the module's documentation for the syntax.
macro_rules! register {
    (
        unit $unit:ident in $bar:ident;

        $(
            $(#[$meta:meta])*
            pub $name:ident (u32)
                $([$count:tt $(| $count25:tt)?, stride = $stride:literal])*
                @ $off:tt $(| $off25:tt)? $(= $reset:literal)?
            { $($body:tt)* }
        )*
    ) => {
        /// Every register of this unit.
        pub const TABLE: &[RegInfo] = &[$(<$name as Register>::INFO),*];

        $(
            $(#[$meta])*
            #[allow(non_camel_case_types)]
            #[derive(Clone, Copy, PartialEq, Eq, Debug)]
            pub struct $name {
                value: u32,
            }

            impl Register for $name {
                const INFO: RegInfo = RegInfo {
                    name: stringify!($name),
                    unit: Unit::$unit,
                    bar: Bar::$bar,
                    v2: register!(@opt $off),
                    v25: register!(@second $off $(, $off25)?),
                    dims: &[$(Dim {
                        v2: $count,
                        v25: register!(@last $count $(, $count25)?),
                        stride: $stride,
                    }),*],
                    reset: 0 $(+ $reset)?,
                    fields: register!(@fields [] $($body)*),
                };

                #[inline]
                fn from_bits(value: u32) -> Self {
                    Self { value }
                }

                #[inline]
                fn bits(self) -> u32 {
                    self.value
                }
            }

            register!(@place $name $([$count])*);

            impl $name {
                /// Begins a value with all bits 0.
                #[inline]
                pub const fn zeroed() -> Set<Self> {
                    Set(Self { value: 0 })
                }

                /// Begins a value with the bits as after a reset.
                #[inline]
                pub const fn reset() -> Set<Self> {
                    Set(Self { value: <Self as Register>::INFO.reset })
                }

                register!(@getters $($body)*);
            }

            impl Set<$name> {
                register!(@setters $name $($body)*);
            }
        )*
    };

    (@opt -) => { None };
    (@opt $value:literal) => { Some($value) };
    (@second $first:tt, $second:tt) => { register!(@opt $second) };
    (@second $first:tt) => { register!(@opt $first) };
    (@last $first:tt, $second:tt) => { $second };
    (@last $first:tt) => { $first };

    (@place $name:ident) => {
        #[allow(missing_docs)]
        pub const $name: Loc<$name> = Loc::new(0, 0);
    };
    (@place $name:ident [$a:tt]) => {
        impl $name {
            /// The place of element `i`.
            #[inline]
            pub const fn at(i: u32) -> Loc<Self> {
                Loc::new(i, 0)
            }
        }
    };
    (@place $name:ident [$a:tt] [$b:tt]) => {
        impl $name {
            /// The place of element `j` of array `i`.
            #[inline]
            pub const fn at2(i: u32, j: u32) -> Loc<Self> {
                Loc::new(i, j)
            }
        }
    };

    (@fields [$($done:tt)*]) => { &[$($done)*] };
    (@fields [$($done:tt)*]
        $(#[$meta:meta])* - | $hi:literal : $lo:literal $name:ident; $($rest:tt)*
    ) => {
        register!(@fields [$($done)* FieldInfo {
            name: stringify!($name),
            v2: None,
            v25: Some(($hi, $lo)),
        },] $($rest)*)
    };
    (@fields [$($done:tt)*]
        $(#[$meta:meta])* $hi:literal : $lo:literal $name:ident; $($rest:tt)*
    ) => {
        register!(@fields [$($done)* FieldInfo {
            name: stringify!($name),
            v2: Some(($hi, $lo)),
            v25: Some(($hi, $lo)),
        },] $($rest)*)
    };
    (@fields [$($done:tt)*]
        $(#[$meta:meta])* $hi:literal : $lo:literal | - $name:ident; $($rest:tt)*
    ) => {
        register!(@fields [$($done)* FieldInfo {
            name: stringify!($name),
            v2: Some(($hi, $lo)),
            v25: None,
        },] $($rest)*)
    };
    (@fields [$($done:tt)*]
        $(#[$meta:meta])* $hi:literal : $lo:literal | $hi25:literal : $lo25:literal $name:ident;
        $($rest:tt)*
    ) => {
        register!(@fields [$($done)* FieldInfo {
            name: stringify!($name),
            v2: Some(($hi, $lo)),
            v25: Some(($hi25, $lo25)),
        },] $($rest)*)
    };

    (@getters) => {};
    (@getters $(#[$meta:meta])* - | $hi:literal : $lo:literal $name:ident; $($rest:tt)*) => {
        register!(@getter [$(#[$meta])*] $name bit_mask($hi, $lo), $lo);
        register!(@getters $($rest)*);
    };
    (@getters $(#[$meta:meta])* $hi:literal : $lo:literal $(| -)? $name:ident; $($rest:tt)*) => {
        register!(@getter [$(#[$meta])*] $name bit_mask($hi, $lo), $lo);
        register!(@getters $($rest)*);
    };
    (@getters
        $(#[$meta:meta])* $hi:literal : $lo:literal | $hi25:literal : $lo25:literal $name:ident;
        $($rest:tt)*
    ) => {
        register!(@getter [$(#[$meta])*] $name bit_mask($hi, $lo) | bit_mask($hi25, $lo25), $lo);
        register!(@getters $($rest)*);
    };
    (@getter [$(#[$meta:meta])*] $name:ident $mask:expr, $lo:literal) => {
        $(#[$meta])*
        #[inline]
        pub const fn $name(self) -> u32 {
            (self.value & ($mask)) >> $lo
        }
    };

    (@setters $reg:ident) => {};
    (@setters $reg:ident
        $(#[$meta:meta])* - | $hi:literal : $lo:literal $name:ident; $($rest:tt)*
    ) => {
        register!(@setter $reg [$(#[$meta])*] $name bit_mask($hi, $lo), $lo);
        register!(@setters $reg $($rest)*);
    };
    (@setters $reg:ident
        $(#[$meta:meta])* $hi:literal : $lo:literal $(| -)? $name:ident; $($rest:tt)*
    ) => {
        register!(@setter $reg [$(#[$meta])*] $name bit_mask($hi, $lo), $lo);
        register!(@setters $reg $($rest)*);
    };
    (@setters $reg:ident
        $(#[$meta:meta])* $hi:literal : $lo:literal | $hi25:literal : $lo25:literal $name:ident;
        $($rest:tt)*
    ) => {
        register!(@setter $reg [$(#[$meta])*] $name
            bit_mask($hi, $lo) | bit_mask($hi25, $lo25), $lo);
        register!(@setters $reg $($rest)*);
    };
    (@setter $reg:ident [$(#[$meta:meta])*] $name:ident $mask:expr, $lo:literal) => {
        $(#[$meta])*
        #[inline]
        pub const fn $name(self, value: u32) -> Self {
            Set($reg { value: (self.0.value & !($mask)) | ((value << $lo) & ($mask)) })
        }
    };
}

pub mod aqed;
pub mod atm;
pub mod chp;
pub mod cm;
pub mod dp;
pub mod dqed;
pub mod func;
pub mod iosf;
pub mod lsp;
pub mod nalb;
pub mod qed;
pub mod ro;
pub mod sys;

/// Every register of both versions, by unit.
pub const ALL: &[&[RegInfo]] = &[
    iosf::TABLE,
    sys::TABLE,
    aqed::TABLE,
    atm::TABLE,
    chp::TABLE,
    dp::TABLE,
    dqed::TABLE,
    qed::TABLE,
    nalb::TABLE,
    ro::TABLE,
    lsp::TABLE,
    cm::TABLE,
    func::pf::TABLE,
    func::msix::TABLE,
    func::vf::TABLE,
];
