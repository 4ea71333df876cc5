// SPDX-License-Identifier: GPL-2.0
//! The register map of the CSR BAR: one line per register, both hardware versions.
//!
//! `NAME @ offset 2.0, offset 2.5 [instances 2.0, instances 2.5; stride] * words = reset & mask,
//! access`. `NO` means that the version has no such register; `* 16` marks the three tables that
//! have sixteen words per index, 0x80000 apart. A second mask after `/` is that of 2.5.
//!
//! The map was taken from the documentation, apart from the driver's own, on purpose: a wrong
//! offset then shows as a disagreement instead of proving itself.
#![allow(non_camel_case_types)]

use crate::Version;

/// No such register in this version.
const NO: u32 = u32::MAX;

/// The unit a register belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
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
    /// Function BAR: mailboxes and interrupt status.
    Func,
    /// Producer pages.
    Pp,
    /// Addresses that are no register.
    None,
}

impl Unit {
    /// Number of units.
    pub const COUNT: usize = 15;
    /// Names, in the order of the enumeration.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "iosf", "sys", "aqed", "atm", "chp", "dp", "dqed", "qed", "nalb", "ro", "lsp", "cm",
        "func", "pp", "none",
    ];
}

/// What reads and writes of a register do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Storage.
    Rw,
    /// A constant; writes are ignored.
    Ro,
    /// Reads show device state; writes are ignored.
    LiveRo,
    /// Device state that software may also set.
    Live,
    /// Device state; writing ones clears bits.
    W1c,
    /// Device state; writing ones sets bits.
    W1s,
    /// Writing triggers something; reads show what is left of it.
    SelfClear,
}

/// One register of the map.
#[derive(Clone, Copy, Debug)]
pub struct RegInfo {
    pub name: &'static str,
    pub unit: Unit,
    pub offset: [u32; 2],
    pub count: [u16; 2],
    pub stride: u32,
    /// Words per index, [`WORD_STRIDE`] apart.
    pub words: u16,
    pub reset: u32,
    pub mask: [u32; 2],
    pub access: Access,
}

/// Distance of the words of a register that has several per index.
pub const WORD_STRIDE: u32 = 0x80000;

impl RegInfo {
    /// Offset of the first instance, if the version has the register.
    pub fn offset(&self, v: Version) -> Option<u32> {
        let off = if v == Version::V2_0 {
            self.offset[0]
        } else {
            self.offset[1]
        };
        (off != NO).then_some(off)
    }

    /// Number of instances (words included).
    pub fn count(&self, v: Version) -> usize {
        match self.offset(v) {
            None => 0,
            Some(_) if v == Version::V2_0 => usize::from(self.count[0]) * usize::from(self.words),
            Some(_) => usize::from(self.count[1]) * usize::from(self.words),
        }
    }

    /// Bits that exist.
    pub fn mask(&self, v: Version) -> u32 {
        if v == Version::V2_0 {
            self.mask[0]
        } else {
            self.mask[1]
        }
    }
}

macro_rules! or_one {
    () => {
        ([1, 1], 4)
    };
    ($n2:literal, $n25:literal, $stride:literal) => {
        ([$n2, $n25], $stride)
    };
}
macro_rules! or_default {
    ($d:expr) => {
        $d
    };
    ($d:expr, $x:expr) => {
        $x
    };
}

macro_rules! registers {
    ($($unit:ident { $($name:ident @ $off2:tt, $off25:tt
        $([$n2:literal, $n25:literal; $st:literal])? $(* $words:literal)?
        = $reset:literal & $mask:expr $(=> $mask25:expr)?, $access:ident;)* })*
    ) => {
        /// Every register of the CSR BAR.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum Reg { $($($name,)*)* }

        /// The map, in the order of [`Reg`].
        pub static REGS: &[RegInfo] = &[$($(RegInfo {
            name: stringify!($name),
            unit: Unit::$unit,
            offset: [$off2, $off25],
            count: or_one!($($n2, $n25, $st)?).0,
            stride: or_one!($($n2, $n25, $st)?).1,
            words: or_default!(1 $(, $words)?),
            reset: $reset,
            mask: [$mask, or_default!($mask $(, $mask25)?)],
            access: Access::$access,
        },)*)*];

        const ALL: &[Reg] = &[$($(Reg::$name,)*)*];
    };
}

registers! {
// IOSF: bus endpoint
Iosf {
    IOSF_FUNC_VF_BAR_DSBL @ 0x00000020, 0x00000020 [16, 16; 0x4] = 0x0 & 0x1, Rw;
}
// SYS: system: ingress, egress, interrupts
Sys {
    SYS_TOTAL_CREDITS @ NO, 0x10000100 = 0x4000 & !0, Ro;
    SYS_TOTAL_LDB_CRDS @ 0x10000104, NO = 0x2000 & !0, Ro;
    SYS_TOTAL_DIR_CRDS @ 0x10000108, NO = 0x1000 & !0, Ro;
    SYS_TOTAL_VAS @ 0x1000011c, 0x10000114 = 0x20 & !0, Ro;
    SYS_INGRESS_ALARM_ENBL @ 0x10000300, 0x10000300 = 0x0 & 0x3f, Rw;
    SYS_MSIX_ACK @ 0x10000400, 0x10000400 = 0x0 & 0x3, W1c;
    SYS_MSIX_PASSTHRU @ 0x10000404, 0x10000404 = 0x0 & 0x3, Rw;
    SYS_MSIX_MODE @ 0x10000408, 0x10000408 = 0x0 & 0xf=>0x3, Rw;
    SYS_DIR_CQ_31_0_OCC_INT_STS @ 0x10000440, 0x10000440 = 0x0 & !0, W1c;
    SYS_DIR_CQ_63_32_OCC_INT_STS @ 0x10000444, 0x10000444 = 0x0 & !0, W1c;
    SYS_DIR_CQ_95_64_OCC_INT_STS @ NO, 0x10000448 = 0x0 & !0, W1c;
    SYS_LDB_CQ_31_0_OCC_INT_STS @ 0x10000460, 0x10000460 = 0x0 & !0, W1c;
    SYS_LDB_CQ_63_32_OCC_INT_STS @ 0x10000464, 0x10000464 = 0x0 & !0, W1c;
    SYS_DIR_CQ_OPT_CLR @ 0x100004c0, NO = 0x0 & 0x3f, SelfClear;
    SYS_ALARM_PF_SYND0 @ 0x10000500, 0x10000500 = 0x0 & 0xffffe3ff, W1c;
    SYS_ALARM_PF_SYND1 @ 0x10000504, 0x10000504 = 0x0 & !0, LiveRo;
    SYS_ALARM_PF_SYND2 @ 0x10000508, 0x10000508 = 0x0 & 0x3fffffff, LiveRo;
    SYS_ALARM_HW_SYND @ 0x1000050c, 0x1000050c = 0x0 & 0xffffdfff, W1c;
    SYS_VF_LDB_VPP_V @ 0x10000f00, 0x10000f00 [1024, 1024; 0x1000] = 0x0 & 0x1, Rw;
    SYS_VF_LDB_VPP2PP @ 0x10000f04, 0x10000f04 [1024, 1024; 0x1000] = 0x0 & 0x3f, Rw;
    SYS_VF_DIR_VPP_V @ 0x10000f08, 0x10000f08 [1024, 1536; 0x1000] = 0x0 & 0x1, Rw;
    SYS_VF_DIR_VPP2PP @ 0x10000f0c, 0x10000f0c [1024, 1536; 0x1000] = 0x0 & 0x3f=>0x7f, Rw;
    SYS_VF_LDB_VQID_V @ 0x10000f10, 0x10000f10 [512, 512; 0x1000] = 0x0 & 0x1, Rw;
    SYS_VF_LDB_VQID2QID @ 0x10000f14, 0x10000f14 [512, 512; 0x1000] = 0x0 & 0x1f, Rw;
    SYS_LDB_QID2VQID @ 0x10000f18, 0x10000f18 [32, 32; 0x1000] = 0x0 & 0x1f, Rw;
    SYS_VF_DIR_VQID_V @ 0x10000f1c, 0x10000f1c [1024, 1536; 0x1000] = 0x0 & 0x1, Rw;
    SYS_VF_DIR_VQID2QID @ 0x10000f20, 0x10000f20 [1024, 1536; 0x1000] = 0x0 & 0x3f=>0x7f, Rw;
    SYS_LDB_VASQID_V @ 0x10000f24, 0x10000f24 [1024, 1024; 0x1000] = 0x0 & 0x1, Rw;
    SYS_DIR_VASQID_V @ 0x10000f28, 0x10000f28 [2048, 3072; 0x1000] = 0x0 & 0x1, Rw;
    SYS_ALARM_VF_SYND0 @ 0x10000f40, 0x10000f40 [16, 16; 0x1000] = 0x0 & !0, W1c;
    SYS_ALARM_VF_SYND1 @ 0x10000f44, 0x10000f44 [16, 16; 0x1000] = 0x0 & !0, LiveRo;
    SYS_ALARM_VF_SYND2 @ 0x10000f48, 0x10000f48 [16, 16; 0x1000] = 0x0 & 0x3fffffff, LiveRo;
    SYS_LDB_QID_V @ 0x10000f50, 0x10000f50 [32, 32; 0x1000] = 0x0 & 0x1, Rw;
    SYS_LDB_QID_ITS @ 0x10000f54, 0x10000f54 [32, 32; 0x1000] = 0x0 & 0x1, Rw;
    SYS_LDB_QID_CFG_V @ 0x10000f58, 0x10000f58 [32, 32; 0x1000] = 0x0 & 0x3, Rw;
    SYS_DIR_QID_V @ 0x10000f60, 0x10000f60 [64, 96; 0x1000] = 0x0 & 0x1, Rw;
    SYS_DIR_QID_ITS @ 0x10000f64, 0x10000f64 [64, 96; 0x1000] = 0x0 & 0x1, Rw;
    SYS_LDB_CQ_ADDR_L @ 0x10000f80, 0x10000f80 [64, 64; 0x1000] = 0x0 & 0xffffffc0, Rw;
    SYS_LDB_CQ_ADDR_U @ 0x10000f84, 0x10000f84 [64, 64; 0x1000] = 0x0 & !0, Rw;
    SYS_LDB_PP2VAS @ 0x10000f88, 0x10000f88 [64, 64; 0x1000] = 0x0 & 0x1f, Rw;
    SYS_LDB_PP2VDEV @ 0x10000f8c, 0x10000f8c [64, 64; 0x1000] = 0x0 & 0xf, Rw;
    SYS_LDB_PP_V @ 0x10000f90, 0x10000f90 [64, 64; 0x1000] = 0x0 & 0x1, Rw;
    SYS_LDB_CQ2VF_PF_RO @ 0x10000f94, 0x10000f94 [64, 64; 0x1000] = 0x0 & 0x3f, Rw;
    SYS_LDB_CQ_ISR @ 0x10000f98, 0x10000f98 [64, 64; 0x1000] = 0x0 & 0xfff, Rw;
    SYS_LDB_CQ_AT @ 0x10000f9c, NO [64, 0; 0x1000] = 0x0 & 0x3, Rw;
    SYS_LDB_CQ_AI_ADDR_L @ NO, 0x10000fa0 [0, 64; 0x1000] = 0x0 & 0xfffffffc, Rw;
    SYS_LDB_CQ_PASID @ 0x10000fa0, 0x10000f9c [64, 64; 0x1000] = 0x0 & 0x7fffff, Rw;
    SYS_LDB_CQ_AI_ADDR @ 0x10000fa4, NO [64, 0; 0x1000] = 0x0 & 0xffffc, Rw;
    SYS_LDB_CQ_AI_ADDR_U @ NO, 0x10000fa4 [0, 64; 0x1000] = 0x0 & !0, Rw;
    SYS_LDB_CQ_AI_DATA @ 0x10000fa8, NO [64, 0; 0x1000] = 0x0 & !0, Rw;
    SYS_DIR_CQ_ADDR_L @ 0x10000fc0, 0x10000fc0 [64, 96; 0x1000] = 0x0 & 0xffffffc0, Rw;
    SYS_DIR_CQ_ADDR_U @ 0x10000fc4, 0x10000fc4 [64, 96; 0x1000] = 0x0 & !0, Rw;
    SYS_DIR_PP2VAS @ 0x10000fc8, 0x10000fc8 [64, 96; 0x1000] = 0x0 & 0x1f, Rw;
    SYS_DIR_PP2VDEV @ 0x10000fcc, 0x10000fcc [64, 96; 0x1000] = 0x0 & 0xf, Rw;
    SYS_DIR_PP_V @ 0x10000fd0, 0x10000fd0 [64, 96; 0x1000] = 0x0 & 0x1, Rw;
    SYS_DIR_CQ2VF_PF_RO @ 0x10000fd4, 0x10000fd4 [64, 96; 0x1000] = 0x0 & 0x3f, Rw;
    SYS_DIR_CQ_ISR @ 0x10000fd8, 0x10000fd8 [64, 96; 0x1000] = 0x0 & 0xfff, Rw;
    SYS_DIR_CQ_AT @ 0x10000fdc, NO [64, 0; 0x1000] = 0x0 & 0x3, Rw;
    SYS_DIR_CQ_AI_ADDR_L @ NO, 0x10000fe0 [0, 96; 0x1000] = 0x0 & 0xfffffffc, Rw;
    SYS_DIR_CQ_PASID @ 0x10000fe0, 0x10000fdc [64, 96; 0x1000] = 0x0 & 0x7fffff, Rw;
    SYS_DIR_CQ_AI_ADDR @ 0x10000fe4, NO [64, 0; 0x1000] = 0x0 & 0xffffc, Rw;
    SYS_DIR_CQ_AI_ADDR_U @ NO, 0x10000fe4 [0, 96; 0x1000] = 0x0 & !0, Rw;
    SYS_DIR_CQ_AI_DATA @ 0x10000fe8, NO [64, 0; 0x1000] = 0x0 & !0, Rw;
    SYS_DIR_CQ_FMT @ 0x10000fec, 0x10000fec [64, 96; 0x1000] = 0x0 & 0x1, Rw;
    SYS_DLB_SYS_CNT_4 @ 0x10001010, 0x10001010 = 0x0 & !0, Live;
    SYS_DLB_SYS_CNT_5 @ 0x10001014, 0x10001014 = 0x0 & !0, Live;
    SYS_PM_SMON_CFG0 @ 0x10003000, 0x10003000 = 0x40000000 & 0xdf7ffff1, Rw;
    SYS_PM_SMON_CFG1 @ 0x10003004, 0x10003004 = 0x0 & 0xffff, Rw;
    SYS_PM_SMON_COMPARE0 @ 0x10003008, 0x10003008 = 0x0 & !0, Rw;
    SYS_PM_SMON_COMPARE1 @ 0x1000300c, 0x1000300c = 0x0 & !0, Rw;
    SYS_PM_SMON_ACTIVITYCNTR0 @ 0x10003010, 0x10003010 = 0x0 & !0, Rw;
    SYS_PM_SMON_ACTIVITYCNTR1 @ 0x10003014, 0x10003014 = 0x0 & !0, Rw;
    SYS_PM_SMON_TMR @ 0x10003018, 0x10003018 = 0x0 & !0, Rw;
    SYS_PM_SMON_MAX_TMR @ 0x1000301c, 0x1000301c = 0x0 & !0, Rw;
    SYS_PM_SMON_COMP_MASK0 @ 0x10003020, 0x10003020 = 0xffffffff & !0, Rw;
    SYS_PM_SMON_COMP_MASK1 @ 0x10003024, 0x10003024 = 0xffffffff & !0, Rw;
    SYS_WB_DIR_CQ_STATE @ NO, 0x11c00000 [0, 96; 0x1000] = 0x0 & 0x1f, SelfClear;
    SYS_WB_LDB_CQ_STATE @ NO, 0x11d00000 [0, 64; 0x1000] = 0x0 & 0x17, SelfClear;
    SYS_AI_ADDR_L @ NO, 0x11e00000 [0, 160; 0x10] = 0x0 & 0xfffffffc, Rw;
    SYS_AI_ADDR_U @ NO, 0x11e00004 [0, 160; 0x10] = 0x0 & !0, Rw;
    SYS_AI_DATA @ NO, 0x11e00008 [0, 160; 0x10] = 0x0 & !0, Rw;
    SYS_AI_CTRL @ NO, 0x11e0000c [0, 160; 0x10] = 0x0 & 0x3, Rw;
    SYS_WRITE_BUFFER_CTL @ 0x18001040, 0x18001040 = 0x0 & 0xf01f6=>0xf01ff, Rw;
    SYS_SMON_CFG0 @ 0x18002000, 0x18002000 [2, 2; 0x40] = 0x40000000 & 0xdf7ffff1, Rw;
    SYS_SMON_CFG1 @ 0x18002004, 0x18002004 [2, 2; 0x40] = 0x0 & 0xffff, Rw;
    SYS_SMON_COMPARE0 @ 0x18002008, 0x18002008 [2, 2; 0x40] = 0x0 & !0, Rw;
    SYS_SMON_COMPARE1 @ 0x1800200c, 0x1800200c [2, 2; 0x40] = 0x0 & !0, Rw;
    SYS_SMON_ACTIVITYCNTR0 @ 0x18002010, 0x18002010 [2, 2; 0x40] = 0x0 & !0, Rw;
    SYS_SMON_ACTIVITYCNTR1 @ 0x18002014, 0x18002014 [2, 2; 0x40] = 0x0 & !0, Rw;
    SYS_SMON_TMR @ 0x18002018, 0x18002018 [2, 2; 0x40] = 0x0 & !0, Rw;
    SYS_SMON_MAX_TMR @ 0x1800201c, 0x1800201c [2, 2; 0x40] = 0x0 & !0, Rw;
    SYS_SMON_COMP_MASK0 @ 0x18002020, 0x18002020 [2, 2; 0x40] = 0xffffffff & !0, Rw;
    SYS_SMON_COMP_MASK1 @ 0x18002024, 0x18002024 [2, 2; 0x40] = 0xffffffff & !0, Rw;
}
// AQED: atomic QE storage
Aqed {
    AQED_QID_FID_LIM @ 0x20000000, 0x20000000 [32, 32; 0x1000] = 0x7ff & 0x1fff, Rw;
    AQED_QID_HID_WIDTH @ 0x20080000, 0x20080000 [32, 32; 0x1000] = 0x0 & 0x7, Rw;
    AQED_CFG_ARB_WEIGHTS_TQPRI_ATM_0 @ 0x24000004, 0x24000004 = 0xfefcfaf8 & !0, Rw;
    AQED_SMON_ACTIVITYCNTR0 @ 0x2c00004c, 0x2c00004c = 0x0 & !0, Rw;
    AQED_SMON_ACTIVITYCNTR1 @ 0x2c000050, 0x2c000050 = 0x0 & !0, Rw;
    AQED_SMON_COMPARE0 @ 0x2c000054, 0x2c000054 = 0x0 & !0, Rw;
    AQED_SMON_COMPARE1 @ 0x2c000058, 0x2c000058 = 0x0 & !0, Rw;
    AQED_SMON_CFG0 @ 0x2c00005c, 0x2c00005c = 0x40000000 & 0xdf7ffff3, Rw;
    AQED_SMON_CFG1 @ 0x2c000060, 0x2c000060 = 0x0 & 0xffff, Rw;
    AQED_SMON_MAX_TMR @ 0x2c000064, 0x2c000064 = 0x0 & !0, Rw;
    AQED_SMON_TMR @ 0x2c000068, 0x2c000068 = 0x0 & !0, Rw;
}
// ATM: atomic pipe
Atm {
    ATM_QID2CQIDIX @ 0x30080000, 0x30080000 [32, 32; 0x1000] * 16 = 0x0 & !0, Rw;
    ATM_CFG_ARB_WEIGHTS_RDY_BIN @ 0x34000004, 0x34000004 = 0xfffefdfc & !0, Rw;
    ATM_CFG_ARB_WEIGHTS_SCHED_BIN @ 0x34000008, 0x34000008 = 0xfffefdfc & !0, Rw;
    ATM_SMON_ACTIVITYCNTR0 @ 0x3c000050, 0x3c000050 = 0x0 & !0, Rw;
    ATM_SMON_ACTIVITYCNTR1 @ 0x3c000054, 0x3c000054 = 0x0 & !0, Rw;
    ATM_SMON_COMPARE0 @ 0x3c000058, 0x3c000058 = 0x0 & !0, Rw;
    ATM_SMON_COMPARE1 @ 0x3c00005c, 0x3c00005c = 0x0 & !0, Rw;
    ATM_SMON_CFG0 @ 0x3c000060, 0x3c000060 = 0x40000000 & 0xdf7ffff3, Rw;
    ATM_SMON_CFG1 @ 0x3c000064, 0x3c000064 = 0x0 & 0xffff, Rw;
    ATM_SMON_MAX_TMR @ 0x3c000068, 0x3c000068 = 0x0 & !0, Rw;
    ATM_SMON_TMR @ 0x3c00006c, 0x3c00006c = 0x0 & !0, Rw;
}
// CHP: credit, history and CQ pipe
Chp {
    CHP_CFG_DIR_VAS_CRD @ 0x40000000, NO [32, 0; 0x1000] = 0x0 & 0x3fff, Live;
    CHP_CFG_VAS_CRD @ NO, 0x40000000 [0, 32; 0x1000] = 0x0 & 0x7fff, Live;
    CHP_CFG_LDB_VAS_CRD @ 0x40080000, NO [32, 0; 0x1000] = 0x0 & 0x7fff, Live;
    CHP_ORD_QID_SN @ 0x40100000, 0x40080000 [32, 32; 0x1000] = 0x0 & 0x3ff, Live;
    CHP_ORD_QID_SN_MAP @ 0x40180000, 0x40100000 [32, 32; 0x1000] = 0x0 & 0x17f, Rw;
    CHP_SN_CHK_ENBL @ 0x40200000, 0x40180000 [64, 64; 0x1000] = 0x0 & 0x1, Rw;
    CHP_DIR_CQ_DEPTH @ 0x40280000, 0x40300000 [64, 96; 0x1000] = 0x0 & 0x1fff=>0x7ff, Live;
    CHP_DIR_CQ_INT_DEPTH_THRSH @ 0x40300000, 0x40380000 [64, 96; 0x1000] = 0x0 & 0x1fff, Rw;
    CHP_DIR_CQ_INT_ENB @ 0x40380000, 0x40400000 [64, 96; 0x1000] = 0x0 & 0x3, Rw;
    CHP_DIR_CQ_TMR_THRSH @ 0x40480000, 0x40500000 [64, 96; 0x1000] = 0x1 & 0x3fff, Rw;
    CHP_DIR_CQ_TKN_DEPTH_SEL @ 0x40500000, 0x40580000 [64, 96; 0x1000] = 0x0 & 0xf, Rw;
    CHP_DIR_CQ_WD_ENB @ 0x40580000, 0x40600000 [64, 96; 0x1000] = 0x0 & 0x1, Rw;
    CHP_DIR_CQ_WPTR @ 0x40600000, 0x40680000 [64, 96; 0x1000] = 0x0 & 0x1fff=>0x7ff, Live;
    CHP_DIR_CQ2VAS @ 0x40680000, 0x40700000 [64, 96; 0x1000] = 0x0 & 0x1f, Rw;
    CHP_HIST_LIST_BASE @ 0x40700000, 0x40780000 [64, 64; 0x1000] = 0x0 & 0x1fff, Rw;
    CHP_HIST_LIST_LIM @ 0x40780000, 0x40800000 [64, 64; 0x1000] = 0x0 & 0x1fff, Rw;
    CHP_HIST_LIST_POP_PTR @ 0x40800000, 0x40880000 [64, 64; 0x1000] = 0x0 & 0x3fff, Live;
    CHP_HIST_LIST_PUSH_PTR @ 0x40880000, 0x40900000 [64, 64; 0x1000] = 0x0 & 0x3fff, Live;
    CHP_LDB_CQ_DEPTH @ 0x40900000, 0x40a80000 [64, 64; 0x1000] = 0x0 & 0x7ff, Live;
    CHP_LDB_CQ_INT_DEPTH_THRSH @ 0x40980000, 0x40b00000 [64, 64; 0x1000] = 0x0 & 0x7ff, Rw;
    CHP_LDB_CQ_INT_ENB @ 0x40a00000, 0x40b80000 [64, 64; 0x1000] = 0x0 & 0x3, Rw;
    CHP_LDB_CQ_TMR_THRSH @ 0x40b00000, 0x40c80000 [64, 64; 0x1000] = 0x1 & 0x3fff, Rw;
    CHP_LDB_CQ_TKN_DEPTH_SEL @ 0x40b80000, 0x40d00000 [64, 64; 0x1000] = 0x0 & 0xf, Rw;
    CHP_LDB_CQ_WD_ENB @ 0x40c00000, 0x40d80000 [64, 64; 0x1000] = 0x0 & 0x1, Rw;
    CHP_LDB_CQ_WPTR @ 0x40c80000, 0x40e00000 [64, 64; 0x1000] = 0x0 & 0x7ff, Live;
    CHP_LDB_CQ2VAS @ 0x40d00000, 0x40e80000 [64, 64; 0x1000] = 0x0 & 0x1f, Rw;
    CHP_CFG_CHP_CSR_CTRL @ 0x44000008, 0x44000008 = 0x180002 & 0x7fffff, Rw;
    CHP_CFG_CNTR_CHP_ERR_DROP_L @ 0x4400000c, 0x4400000c = 0x0 & !0, Live;
    CHP_CFG_CNTR_CHP_ERR_DROP_H @ 0x44000010, 0x44000010 = 0x0 & !0, Live;
    CHP_DIR_CQ_INTR_ARMED2 @ NO, 0x44000054 = 0x0 & !0, W1s;
    CHP_DIR_CQ_INTR_ARMED0 @ 0x4400005c, 0x4400004c = 0x0 & !0, W1s;
    CHP_DIR_CQ_INTR_ARMED1 @ 0x44000060, 0x44000050 = 0x0 & !0, W1s;
    CHP_CFG_DIR_CQ_TIMER_CTL @ 0x44000084, 0x44000088 = 0x0 & 0x1ff, Rw;
    CHP_CFG_DIR_WDTO_0 @ 0x44000088, 0x4400008c = 0x0 & !0, W1c;
    CHP_CFG_DIR_WDTO_1 @ 0x4400008c, 0x44000090 = 0x0 & !0, W1c;
    CHP_CFG_DIR_WDTO_2 @ NO, 0x44000094 = 0x0 & !0, W1c;
    CHP_CFG_DIR_WD_DISABLE0 @ 0x44000098, 0x440000a4 = 0xffffffff & !0, W1c;
    CHP_CFG_DIR_WD_DISABLE1 @ 0x4400009c, 0x440000a8 = 0xffffffff & !0, W1c;
    CHP_CFG_DIR_WD_ENB_INTERVAL @ 0x440000a0, 0x440000b0 = 0x0 & 0x1fffffff, Rw;
    CHP_CFG_DIR_WD_DISABLE2 @ NO, 0x440000ac = 0xffffffff & !0, W1c;
    CHP_CFG_DIR_WD_THRESHOLD @ 0x440000ac, 0x440000c0 = 0x0 & 0xff, Rw;
    CHP_LDB_CQ_INTR_ARMED0 @ 0x440000b0, 0x440000c4 = 0x0 & !0, W1s;
    CHP_LDB_CQ_INTR_ARMED1 @ 0x440000b4, 0x440000c8 = 0x0 & !0, W1s;
    CHP_CFG_LDB_CQ_TIMER_CTL @ 0x440000d8, 0x440000ec = 0x0 & 0x1ff, Rw;
    CHP_CFG_LDB_WDTO_0 @ 0x440000dc, 0x440000f0 = 0x0 & !0, W1c;
    CHP_CFG_LDB_WDTO_1 @ 0x440000e0, 0x440000f4 = 0x0 & !0, W1c;
    CHP_CFG_LDB_WD_DISABLE0 @ 0x440000ec, 0x44000100 = 0xffffffff & !0, W1c;
    CHP_CFG_LDB_WD_DISABLE1 @ 0x440000f0, 0x44000104 = 0xffffffff & !0, W1c;
    CHP_CFG_LDB_WD_ENB_INTERVAL @ 0x440000f4, 0x44000108 = 0x0 & 0x1fffffff, Rw;
    CHP_CFG_LDB_WD_THRESHOLD @ 0x44000100, 0x44000114 = 0x0 & 0xff, Rw;
    CHP_SMON_COMPARE0 @ 0x4c000000, 0x4c000000 = 0x0 & !0, Rw;
    CHP_SMON_COMPARE1 @ 0x4c000004, 0x4c000004 = 0x0 & !0, Rw;
    CHP_SMON_CFG0 @ 0x4c000008, 0x4c000008 = 0x40000000 & 0xdf7ffff3, Rw;
    CHP_SMON_CFG1 @ 0x4c00000c, 0x4c00000c = 0x0 & 0xffff, Rw;
    CHP_SMON_ACTIVITYCNTR0 @ 0x4c000010, 0x4c000010 = 0x0 & !0, Rw;
    CHP_SMON_ACTIVITYCNTR1 @ 0x4c000014, 0x4c000014 = 0x0 & !0, Rw;
    CHP_SMON_MAX_TMR @ 0x4c000018, 0x4c000018 = 0x0 & !0, Rw;
    CHP_SMON_TMR @ 0x4c00001c, 0x4c00001c = 0x0 & !0, Rw;
    CHP_CTRL_DIAG_02 @ 0x4c000028, 0x4c000028 = 0x1555 & 0x3fff=>!0, Ro;
    CHP_HIST_LIST_0 @ 0x4e010000, 0x4e010000 [2048, 2048; 0x4] = 0x0 & !0, LiveRo;
    CHP_HIST_LIST_1 @ 0x4e020000, 0x4e020000 [2048, 2048; 0x4] = 0x60000000 & !0, LiveRo;
}
// DP: directed pipe
Dp {
    DP_CFG_ARB_WEIGHTS_TQPRI_DIR_0 @ 0x54000000, 0x54000000 = 0xfefcfaf8 & !0, Rw;
    DP_CFG_ARB_WEIGHTS_TQPRI_DIR_1 @ 0x54000004, 0x54000004 = 0x0 & !0, Rw;
    DP_CFG_ARB_WEIGHTS_TQPRI_REPLAY_0 @ 0x54000008, 0x54000008 = 0xfefcfaf8 & !0, Rw;
    DP_CFG_ARB_WEIGHTS_TQPRI_REPLAY_1 @ 0x5400000c, 0x5400000c = 0x0 & !0, Rw;
    DP_DIR_CSR_CTRL @ 0x54000010, 0x54000010 = 0x0 & 0xffff, Rw;
    DP_SMON_ACTIVITYCNTR0 @ 0x5c000058, 0x5c000058 = 0x0 & !0, Rw;
    DP_SMON_ACTIVITYCNTR1 @ 0x5c00005c, 0x5c00005c = 0x0 & !0, Rw;
    DP_SMON_COMPARE0 @ 0x5c000060, 0x5c000060 = 0x0 & !0, Rw;
    DP_SMON_COMPARE1 @ 0x5c000064, 0x5c000064 = 0x0 & !0, Rw;
    DP_SMON_CFG0 @ 0x5c000068, 0x5c000068 = 0x40000000 & 0xdf7ffff3, Rw;
    DP_SMON_CFG1 @ 0x5c00006c, 0x5c00006c = 0x0 & 0xffff, Rw;
    DP_SMON_MAX_TMR @ 0x5c000070, 0x5c000070 = 0x0 & !0, Rw;
    DP_SMON_TMR @ 0x5c000074, 0x5c000074 = 0x0 & !0, Rw;
}
// DQED: directed QE storage
Dqed {
    DQED_SMON_ACTIVITYCNTR0 @ 0x6c000024, 0x6c000024 = 0x0 & !0, Rw;
    DQED_SMON_ACTIVITYCNTR1 @ 0x6c000028, 0x6c000028 = 0x0 & !0, Rw;
    DQED_SMON_COMPARE0 @ 0x6c00002c, 0x6c00002c = 0x0 & !0, Rw;
    DQED_SMON_COMPARE1 @ 0x6c000030, 0x6c000030 = 0x0 & !0, Rw;
    DQED_SMON_CFG0 @ 0x6c000034, 0x6c000034 = 0x40000000 & 0xdf7ffff3, Rw;
    DQED_SMON_CFG1 @ 0x6c000038, 0x6c000038 = 0x0 & 0xffff, Rw;
    DQED_SMON_MAX_TMR @ 0x6c00003c, 0x6c00003c = 0x0 & !0, Rw;
    DQED_SMON_TMR @ 0x6c000040, 0x6c000040 = 0x0 & !0, Rw;
}
// QED: load-balanced QE storage
Qed {
    QED_SMON_ACTIVITYCNTR0 @ 0x7c000024, NO = 0x0 & !0, Rw;
    QED_SMON_ACTIVITYCNTR1 @ 0x7c000028, NO = 0x0 & !0, Rw;
    QED_SMON_COMPARE0 @ 0x7c00002c, NO = 0x0 & !0, Rw;
    QED_SMON_COMPARE1 @ 0x7c000030, NO = 0x0 & !0, Rw;
    QED_SMON_CFG0 @ 0x7c000034, NO = 0x40000000 & 0xdf7ffff3, Rw;
    QED_SMON_CFG1 @ 0x7c000038, NO = 0x0 & 0xffff, Rw;
    QED_SMON_MAX_TMR @ 0x7c00003c, NO = 0x0 & !0, Rw;
    QED_SMON_TMR @ 0x7c000040, NO = 0x0 & !0, Rw;
}
// NALB: non-atomic load-balanced pipe
Nalb {
    NALB_CFG_ARB_WEIGHTS_TQPRI_ATQ_0 @ 0x84000000, 0x74000000 = 0xfefcfaf8 & !0, Rw;
    NALB_CFG_ARB_WEIGHTS_TQPRI_ATQ_1 @ 0x84000004, 0x74000004 = 0x0 & !0, Rw;
    NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_0 @ 0x84000008, 0x74000008 = 0xfefcfaf8 & !0, Rw;
    NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_1 @ 0x8400000c, 0x7400000c = 0x0 & !0, Rw;
    NALB_CFG_ARB_WEIGHTS_TQPRI_REPLAY_0 @ 0x84000010, 0x74000010 = 0xfefcfaf8 & !0, Rw;
    NALB_CFG_ARB_WEIGHTS_TQPRI_REPLAY_1 @ 0x84000014, 0x74000014 = 0x0 & !0, Rw;
    NALB_SMON_ACTIVITYCNTR0 @ 0x8c000064, NO = 0x0 & !0, Rw;
    NALB_SMON_ACTIVITYCNTR1 @ 0x8c000068, NO = 0x0 & !0, Rw;
    NALB_SMON_COMPARE0 @ 0x8c00006c, NO = 0x0 & !0, Rw;
    NALB_SMON_COMPARE1 @ 0x8c000070, NO = 0x0 & !0, Rw;
    NALB_SMON_CFG0 @ 0x8c000074, NO = 0x40000000 & 0xdf7ffff3, Rw;
    NALB_SMON_CFG1 @ 0x8c000078, NO = 0x0 & 0xffff, Rw;
    NALB_SMON_MAX_TMR @ 0x8c00007c, NO = 0x0 & !0, Rw;
    NALB_SMON_TMR @ 0x8c000080, NO = 0x0 & !0, Rw;
}
// RO: reorder pipe
Ro {
    RO_GRP_SN_MODE @ 0x94000000, 0x84000000 = 0x0 & !0, Rw;
    RO_GRP_0_SLT_SHFT @ 0x96000000, 0x86000000 [16, 16; 0x4] = 0x0 & 0x3ff, Live;
    RO_GRP_1_SLT_SHFT @ 0x96010000, 0x86010000 [16, 16; 0x4] = 0x0 & 0x3ff, Live;
    RO_CFG_CTRL_GENERAL_0 @ 0x9c000000, 0x8c000000 = 0x0 & !0, Rw;
    RO_SMON_ACTIVITYCNTR0 @ 0x9c000030, NO = 0x0 & !0, Rw;
    RO_SMON_ACTIVITYCNTR1 @ 0x9c000034, NO = 0x0 & !0, Rw;
    RO_SMON_COMPARE0 @ 0x9c000038, NO = 0x0 & !0, Rw;
    RO_SMON_COMPARE1 @ 0x9c00003c, NO = 0x0 & !0, Rw;
    RO_SMON_CFG0 @ 0x9c000040, NO = 0x40000000 & 0xdf7ffff3, Rw;
    RO_SMON_CFG1 @ 0x9c000044, NO = 0x0 & 0xffff, Rw;
    RO_SMON_MAX_TMR @ 0x9c000048, NO = 0x0 & !0, Rw;
    RO_SMON_TMR @ 0x9c00004c, NO = 0x0 & !0, Rw;
    RO_HEALTH_SEQNUM_STATE_GRP0 @ 0x9e000000, NO [32, 0; 0x4] = 0x0 & !0, LiveRo;
    RO_HEALTH_SEQNUM_STATE_GRP1 @ 0x9e010000, NO [32, 0; 0x4] = 0x0 & !0, LiveRo;
    RO_REORDER_STATE_QID_QIDIX_CQ @ 0x9e030000, NO [2048, 0; 0x4] = 0x0 & 0xffffff, LiveRo;
}
// LSP: list select pipe
Lsp {
    LSP_CQ_LDB_INFL_THRESH @ NO, 0x90580000 [0, 64; 0x1000] = 0x0 & 0xfff, Rw;
    LSP_CFG_CQ_LDB_WU_LIMIT @ NO, 0x90b00000 [0, 64; 0x1000] = 0x0 & 0xffff, Rw;
    LSP_CQ2PRIOV @ 0xa0000000, 0x90000000 [64, 64; 0x1000] = 0x0 & !0, Rw;
    LSP_CQ2QID0 @ 0xa0080000, 0x90080000 [64, 64; 0x1000] = 0x0 & 0x7f7f7f7f, Rw;
    LSP_CQ2QID1 @ 0xa0100000, 0x90100000 [64, 64; 0x1000] = 0x0 & 0x7f7f7f7f, Rw;
    LSP_CQ_DIR_DSBL @ 0xa0180000, 0x90180000 [64, 96; 0x1000] = 0x1 & 0x1, Rw;
    LSP_CQ_DIR_TKN_CNT @ 0xa0200000, 0x90200000 [64, 96; 0x1000] = 0x0 & 0x1fff=>0x7ff, Live;
    LSP_CQ_DIR_TKN_DEPTH_SEL_DSI @ 0xa0280000, 0x90280000 [64, 96; 0x1000] = 0x0 & 0x3f=>0x1f, Rw;
    LSP_CQ_DIR_TOT_SCH_CNTL @ 0xa0300000, 0x90300000 [64, 96; 0x1000] = 0x0 & !0, Live;
    LSP_CQ_DIR_TOT_SCH_CNTH @ 0xa0380000, 0x90380000 [64, 96; 0x1000] = 0x0 & !0, Live;
    LSP_CQ_LDB_DSBL @ 0xa0400000, 0x90400000 [64, 64; 0x1000] = 0x1 & 0x1, Rw;
    LSP_CQ_LDB_INFL_CNT @ 0xa0480000, 0x90480000 [64, 64; 0x1000] = 0x0 & 0xfff, Live;
    LSP_CQ_LDB_INFL_LIM @ 0xa0500000, 0x90500000 [64, 64; 0x1000] = 0x0 & 0xfff, Rw;
    LSP_CQ_LDB_TKN_CNT @ 0xa0580000, 0x90600000 [64, 64; 0x1000] = 0x0 & 0x7ff, Live;
    LSP_CQ_LDB_TKN_DEPTH_SEL @ 0xa0600000, 0x90680000 [64, 64; 0x1000] = 0x0 & 0x1f=>0xf, Rw;
    LSP_CQ_LDB_TOT_SCH_CNTL @ 0xa0680000, 0x90700000 [64, 64; 0x1000] = 0x0 & !0, Live;
    LSP_CQ_LDB_TOT_SCH_CNTH @ 0xa0700000, 0x90780000 [64, 64; 0x1000] = 0x0 & !0, Live;
    LSP_QID_DIR_MAX_DEPTH @ 0xa0780000, 0x90800000 [64, 96; 0x1000] = 0x0 & 0x1fff, Live;
    LSP_QID_DIR_TOT_ENQ_CNTL @ 0xa0800000, 0x90880000 [64, 96; 0x1000] = 0x0 & !0, Live;
    LSP_QID_DIR_TOT_ENQ_CNTH @ 0xa0880000, 0x90900000 [64, 96; 0x1000] = 0x0 & !0, Live;
    LSP_QID_DIR_ENQUEUE_CNT @ 0xa0900000, 0x90980000 [64, 96; 0x1000] = 0x0 & 0x1fff, Live;
    LSP_QID_DIR_DEPTH_THRSH @ 0xa0980000, 0x90a00000 [64, 96; 0x1000] = 0x0 & 0x1fff=>0x7fff, Rw;
    LSP_QID_AQED_ACTIVE_CNT @ 0xa0a00000, 0x90b80000 [32, 32; 0x1000] = 0x0 & 0xfff, Live;
    LSP_QID_AQED_ACTIVE_LIM @ 0xa0a80000, 0x90c00000 [32, 32; 0x1000] = 0x0 & 0xfff, Rw;
    LSP_QID_ATM_TOT_ENQ_CNTL @ 0xa0b00000, 0x90c80000 [32, 32; 0x1000] = 0x0 & !0, Live;
    LSP_QID_ATM_TOT_ENQ_CNTH @ 0xa0b80000, 0x90d00000 [32, 32; 0x1000] = 0x0 & !0, Live;
    LSP_QID_LDB_ENQUEUE_CNT @ 0xa0c80000, 0x90e00000 [32, 32; 0x1000] = 0x0 & 0x3fff, Live;
    LSP_QID_LDB_INFL_CNT @ 0xa0d00000, 0x90e80000 [32, 32; 0x1000] = 0x0 & 0xfff, Live;
    LSP_QID_LDB_INFL_LIM @ 0xa0d80000, 0x90f00000 [32, 32; 0x1000] = 0x0 & 0xfff, Rw;
    LSP_QID2CQIDIX @ 0xa0e00000, 0x90f80000 [32, 32; 0x1000] * 16 = 0x0 & !0, Rw;
    LSP_QID2CQIDIX2 @ 0xa1600000, 0x91780000 [32, 32; 0x1000] * 16 = 0x0 & !0, Rw;
    LSP_QID_NALDB_MAX_DEPTH @ 0xa1f00000, 0x92080000 [32, 32; 0x1000] = 0x0 & 0x3fff, Live;
    LSP_QID_NALDB_TOT_ENQ_CNTL @ 0xa1f80000, 0x92100000 [32, 32; 0x1000] = 0x0 & !0, Live;
    LSP_QID_NALDB_TOT_ENQ_CNTH @ 0xa2000000, 0x92180000 [32, 32; 0x1000] = 0x0 & !0, Live;
    LSP_QID_ATM_DEPTH_THRSH @ 0xa2080000, 0x92200000 [32, 32; 0x1000] = 0x0 & 0x3fff=>0x7fff, Rw;
    LSP_QID_NALDB_DEPTH_THRSH @ 0xa2100000, 0x92280000 [32, 32; 0x1000] = 0x0 & 0x3fff=>0x7fff, Rw;
    LSP_QID_ATM_ACTIVE @ 0xa2180000, 0x92300000 [32, 32; 0x1000] = 0x0 & 0x3fff=>0x7fff, Live;
    LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_0 @ 0xa4000008, 0x94000008 = 0x0 & !0, Rw;
    LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_1 @ 0xa400000c, 0x9400000c = 0x0 & !0, Rw;
    LSP_CFG_ARB_WEIGHT_LDB_QID_0 @ 0xa4000014, 0x94000014 = 0x0 & !0, Rw;
    LSP_CFG_ARB_WEIGHT_LDB_QID_1 @ 0xa4000018, 0x94000018 = 0x0 & !0, Rw;
    LSP_LDB_SCHED_CTRL @ 0xa400002c, 0x9400002c = 0x0 & 0x1ffff, SelfClear;
    LSP_CFG_LSP_CSR_CONTROL @ 0xa4000030, 0x94000030 = 0x0 & 0x80003ff0=>0xf0003ff0, Rw;
    LSP_DIR_SCH_CNT_L @ 0xa4000034, 0x94000034 = 0x0 & !0, Live;
    LSP_DIR_SCH_CNT_H @ 0xa4000038, 0x94000038 = 0x0 & !0, Live;
    LSP_LDB_SCH_CNT_L @ 0xa400003c, 0x9400003c = 0x0 & !0, Live;
    LSP_LDB_SCH_CNT_H @ 0xa4000040, 0x94000040 = 0x0 & !0, Live;
    LSP_CFG_SHDW_CTRL @ 0xa4000070, 0x94000070 = 0x0 & 0x1, SelfClear;
    LSP_CFG_SHDW_RANGE_COS @ 0xa4000074, 0x94000074 [4, 4; 0x4] = 0x40 & 0x800001ff, Rw;
    LSP_LDB_SCHED_PERF_0_L @ 0xa400010c, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_0_H @ 0xa4000110, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_1_L @ 0xa4000114, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_1_H @ 0xa4000118, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_2_L @ 0xa400011c, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_2_H @ 0xa4000120, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_3_L @ 0xa4000124, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_3_H @ 0xa4000128, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_4_L @ 0xa400012c, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_4_H @ 0xa4000130, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_5_L @ 0xa4000134, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_5_H @ 0xa4000138, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_6_L @ 0xa400013c, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_6_H @ 0xa4000140, NO = 0x0 & !0, Live;
    LSP_LDB_SCHED_PERF_CTRL @ 0xa4000144, NO = 0x0 & 0x3, SelfClear;
    LSP_CFG_CTRL_GENERAL_0 @ 0xac000000, 0x9c000000 = 0x0 & 0xfbffffcf=>0xfbffffdf, Rw;
    LSP_SMON_COMPARE0 @ 0xac000048, NO = 0x0 & !0, Rw;
    LSP_SMON_COMPARE1 @ 0xac00004c, NO = 0x0 & !0, Rw;
    LSP_SMON_CFG0 @ 0xac000050, NO = 0x40000000 & 0xdf7ffff3, Rw;
    LSP_SMON_CFG1 @ 0xac000054, NO = 0x0 & 0xffff, Rw;
    LSP_SMON_ACTIVITYCNTR0 @ 0xac000058, NO = 0x0 & !0, Rw;
    LSP_SMON_ACTIVITYCNTR1 @ 0xac00005c, NO = 0x0 & !0, Rw;
    LSP_SMON_MAX_TMR @ 0xac000060, NO = 0x0 & !0, Rw;
    LSP_SMON_TMR @ 0xac000064, NO = 0x0 & !0, Rw;
}
// CM: config master
Cm {
    CM_DIAG_RESET_STS @ 0xb4000000, 0xa4000000 = 0x80000bff & 0x8003ffff, Ro;
    CM_CFG_DIAGNOSTIC_IDLE_STATUS @ 0xb4000004, 0xa4000004 = 0x9d0fffff & 0x9f0fffff, LiveRo;
    CM_CFG_PM_STATUS @ 0xb4000014, 0xa4000014 = 0x100403e & 0xff01ccff, LiveRo;
    CM_CFG_PM_PMCSR_DISABLE @ 0xb4000018, 0xa4000018 = 0x1 & 0x1, Rw;
    CM_CLK_ON_CNT_L @ 0xb400001c, NO = 0x0 & !0, LiveRo;
    CM_CLK_ON_CNT_H @ 0xb4000020, NO = 0x0 & !0, LiveRo;
    CM_PROC_ON_CNT_L @ 0xb4000024, NO = 0x0 & !0, LiveRo;
    CM_PROC_ON_CNT_H @ 0xb4000028, NO = 0x0 & !0, LiveRo;
}
}

/// Pages that SYS registers share: 0x1000 per index, registers from 0xf00 on.
const SYS_PAGES: core::ops::Range<u32> = 0x1000_0000..0x1100_0000;
const SYS_PAGE_FIRST: u32 = 0xf00;

/// Storage of all registers and the address decoder.
pub struct RegFile {
    version: Version,
    words: Vec<u32>,
    /// Per register: index of its first word, number of its words.
    place: Vec<(u32, u32)>,
    /// Per 512 KiB: range in `list`.
    banks: Vec<(u16, u16)>,
    /// (address, register, word), sorted by bank and address.
    list: Vec<(u32, Reg, u8)>,
    /// Registers of the shared SYS pages by offset.
    page: [Option<Reg>; 64],
}

impl RegFile {
    pub fn new(version: Version) -> Self {
        let mut place = Vec::with_capacity(REGS.len());
        let mut words = Vec::new();
        let mut list = Vec::new();
        let mut page = [None; 64];
        for (&reg, info) in ALL.iter().zip(REGS) {
            let n = info.count(version);
            place.push((words.len() as u32, n as u32));
            words.resize(words.len() + n, info.reset);
            let Some(off) = info.offset(version) else {
                continue;
            };
            if SYS_PAGES.contains(&off) && off & 0xfff >= SYS_PAGE_FIRST {
                if let Some(p) = page.get_mut(((off & 0xff) >> 2) as usize) {
                    *p = Some(reg);
                }
                continue;
            }
            for w in 0..info.words as u32 {
                list.push((off + w * WORD_STRIDE, reg, w as u8));
            }
        }
        list.sort_by_key(|e| e.0);
        let mut banks = vec![(0u16, 0u16); 1 << 13];
        for (i, e) in list.iter().enumerate() {
            if let Some(b) = banks.get_mut((e.0 >> 19) as usize) {
                if b.1 == 0 {
                    b.0 = i as u16;
                }
                b.1 = i as u16 + 1;
            }
        }
        Self {
            version,
            words,
            place,
            banks,
            list,
            page,
        }
    }

    /// All registers back to their reset values.
    pub fn reset(&mut self) {
        for (info, &(start, n)) in REGS.iter().zip(&self.place) {
            if let Some(w) = self.words.get_mut(start as usize..(start + n) as usize) {
                w.fill(info.reset);
            }
        }
    }

    /// Which register, and which instance of it, lies at this address.
    pub fn decode(&self, off: u32) -> Option<(Reg, usize)> {
        if SYS_PAGES.contains(&off) && off & 0xfff >= SYS_PAGE_FIRST {
            let reg = (*self.page.get(((off & 0xff) >> 2) as usize)?)?;
            let x = ((off - SYS_PAGES.start) >> 12) as usize;
            return (off & 3 == 0 && x < self.count(reg)).then_some((reg, x));
        }
        let &(from, to) = self.banks.get((off >> 19) as usize)?;
        let bank = self.list.get(usize::from(from)..usize::from(to))?;
        let upto = bank.partition_point(|e| e.0 <= off);
        // Registers that share a stride interleave, hence the walk backwards.
        for &(base, reg, word) in bank.get(..upto)?.iter().rev() {
            let info = reg.info();
            let delta = off - base;
            let x = delta / info.stride;
            if delta % info.stride == 0 && x < self.instances(info) {
                return Some((
                    reg,
                    x as usize * usize::from(info.words) + usize::from(word),
                ));
            }
        }
        None
    }

    fn instances(&self, info: &RegInfo) -> u32 {
        u32::from(if self.version == Version::V2_0 {
            info.count[0]
        } else {
            info.count[1]
        })
    }

    /// Number of words of a register.
    pub fn count(&self, reg: Reg) -> usize {
        self.place.get(reg as usize).map_or(0, |p| p.1 as usize)
    }

    /// The stored value; 0 for an instance that does not exist.
    #[inline]
    pub fn get(&self, reg: Reg, x: usize) -> u32 {
        match self.place.get(reg as usize) {
            Some(&(start, n)) if x < n as usize => {
                self.words.get(start as usize + x).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Store a value, reduced to the bits that exist.
    #[inline]
    pub fn set(&mut self, reg: Reg, x: usize, val: u32) {
        let mask = reg.info().mask(self.version);
        if let Some(&(start, n)) = self.place.get(reg as usize) {
            if x < n as usize {
                if let Some(w) = self.words.get_mut(start as usize + x) {
                    *w = val & mask;
                }
            }
        }
    }

    /// As [`RegFile::get`], a single bit.
    #[inline]
    pub fn bit(&self, reg: Reg, x: usize, bit: u32) -> bool {
        self.get(reg, x) >> (bit & 31) & 1 != 0
    }
}

impl Reg {
    pub fn info(self) -> &'static RegInfo {
        static NOTHING: RegInfo = RegInfo {
            name: "",
            unit: Unit::None,
            offset: [NO, NO],
            count: [0, 0],
            stride: 4,
            words: 1,
            reset: 0,
            mask: [0, 0],
            access: Access::Ro,
        };
        REGS.get(self as usize).unwrap_or(&NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_decodes_to_itself() {
        for v in [Version::V2_0, Version::V2_5] {
            let f = RegFile::new(v);
            for (&reg, info) in ALL.iter().zip(REGS) {
                let Some(off) = info.offset(v) else { continue };
                let n = f.instances(info);
                for x in 0..n {
                    for w in 0..u32::from(info.words) {
                        let at = off + x * info.stride + w * WORD_STRIDE;
                        let want = (x * u32::from(info.words) + w) as usize;
                        assert_eq!(f.decode(at), Some((reg, want)), "{} {x} {w}", info.name);
                        assert_ne!(f.decode(at + 1).map(|d| d.0), Some(reg));
                    }
                }
                assert_ne!(f.decode(off + n * info.stride).map(|d| d.0), Some(reg));
            }
        }
    }

    #[test]
    fn addresses_that_are_nothing() {
        let f = RegFile::new(Version::V2_0);
        for off in [
            0,
            0x1c,
            0x60,
            0x1000_0000,
            0x1000_0100,
            0x11e0_0000,
            0xffff_fffc,
            0x4030_0001,
        ] {
            assert_eq!(f.decode(off), None, "{off:#x}");
        }
    }
}
